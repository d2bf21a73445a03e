import { encodeCbor, sha256 } from '../../../base/index.ts';
import { verifyRecord } from '../../../base/crypto/index.ts';
import { BLOCK_VERSION, DIFFICULTY_MAX, HASH_BYTES, HEADER_BYTES_MAX, HEIGHT_MAX, TIME_MS_MAX } from '../constants.ts';
import { BlockFormatError } from '../errors.ts';
import type { BlockHeader, Hash } from '../interface.ts';
import { Strict, same } from './strict.ts';

const strict = new Strict('HEADER_MALFORMED');
const FIELDS = ['v', 'network', 'height', 'previous', 'merkleRoot', 'stateRoot', 'timeMs', 'difficulty', 'proposer'];

/** The payload of the signed record; its SHA-256 is the block's hash. docs/formats/block.md */
export const encodeHeader = (header: BlockHeader): Uint8Array =>
  encodeCbor({
    v: BLOCK_VERSION,
    network: header.network,
    height: header.height,
    previous: header.previous,
    merkleRoot: header.merkleRoot,
    stateRoot: header.stateRoot,
    timeMs: header.timeMs,
    difficulty: header.difficulty,
    proposer: header.proposer,
  });

/** @throws {BlockFormatError} `HEADER_MALFORMED` | `VERSION_UNKNOWN` */
export const decodeHeader = (payload: Uint8Array): BlockHeader => {
  const value = strict.decode(payload, HEADER_BYTES_MAX);
  if (typeof value === 'object' && value !== null && 'v' in value) strict.version(value.v);
  const map = strict.map(value, FIELDS, 'the header');
  const height = strict.integer(map['height'], HEIGHT_MAX, 'the height');
  const previous = strict.bytesOrNull(map['previous'], HASH_BYTES, 'the hash before');
  if ((height === 0) !== (previous === null)) throw strict.fail('only the block at height 0 follows none');
  const found = map['difficulty'];
  if (typeof found !== 'bigint' && !Number.isSafeInteger(found)) throw strict.fail('the difficulty is no whole number');
  const difficulty = BigInt(found as number | bigint);
  if (difficulty < 0n || difficulty > DIFFICULTY_MAX) throw strict.fail('the difficulty is out of bounds');
  return {
    version: 1,
    network: strict.bytes(map['network'], HASH_BYTES, 'the network'),
    height,
    previous,
    merkleRoot: strict.bytes(map['merkleRoot'], HASH_BYTES, 'the Merkle root'),
    stateRoot: strict.bytes(map['stateRoot'], HASH_BYTES, 'the state root'),
    timeMs: strict.integer(map['timeMs'], TIME_MS_MAX, 'the time'),
    difficulty,
    proposer: strict.bytes(map['proposer'], HASH_BYTES, 'the proposer'),
  };
};

export const blockHash = (payload: Uint8Array): Hash => sha256(payload);

/** A header that was read, with the bytes that its hash covers. */
export interface ReadHeader {
  header: BlockHeader;
  payload: Uint8Array;
  hash: Hash;
}

/** Reads a header and checks both signatures. @throws {BlockFormatError | RecordError} */
export const openHeader = (encoded: Uint8Array): ReadHeader => {
  if (encoded.length > HEADER_BYTES_MAX) throw strict.fail('it is too large');
  const { payload, keyIdBytes } = verifyRecord(encoded, { domain: 'block' });
  const header = decodeHeader(payload);
  if (!same(header.proposer, keyIdBytes))
    throw new BlockFormatError(
      { code: 'PROPOSER_WRONG', verdict: 'reject' },
      'The header was signed by another than the proposer that it names.',
    );
  return { header, payload, hash: blockHash(payload) };
};

/** Reads a header without checking its signatures: for rows of our own database, which were checked before they were written. */
export const readHeader = (encoded: Uint8Array): ReadHeader => {
  const record = strict.decode(encoded, HEADER_BYTES_MAX);
  const payload = typeof record === 'object' && record !== null && 'payload' in record ? record.payload : null;
  if (!(payload instanceof Uint8Array)) throw strict.fail('it is no signed record');
  return { header: decodeHeader(payload), payload, hash: blockHash(payload) };
};
