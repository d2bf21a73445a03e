import { decodeCbor, encodeCbor, parseAssetId, sha256 } from '../../../base/index.ts';
import { merkleLeaf, merkleRoot } from '../../../base/crypto/index.ts';
import type { CombinedProof } from '../../proof/index.ts';
import {
  ATTACHMENTS_MAX,
  ATTACHMENT_BYTES_MAX,
  BLOCK_VERSION,
  BODY_BYTES_MAX,
  HASH_BYTES,
  HEIGHT_MAX,
  STATE_KEY,
  STATE_VALUE_BYTES_MAX,
  TIME_MS_MAX,
  TRANSACTIONS_MAX,
  TRANSACTION_BYTES_MAX,
  UPDATES_MAX,
} from '../constants.ts';
import type { BlockBody, Hash, StateUpdate } from '../interface.ts';
import { Strict } from './strict.ts';

const strict = new Strict('BODY_MALFORMED');
const strictProof = new Strict('PROOF_MALFORMED');

/** The combined proof as it stands in a body; the fields are those of docs/formats/proof.md. */
export const encodeProof = ({ version, challenge, space, stake, work, time }: CombinedProof): Uint8Array =>
  encodeCbor({
    v: version,
    challenge: {
      v: challenge.version,
      network: challenge.network,
      node: challenge.node,
      asset: challenge.asset,
      purpose: challenge.purpose,
      nonce: challenge.nonce,
      issuer: challenge.issuer,
      issuedAtMs: challenge.issuedAtMs,
      expiresAtMs: challenge.expiresAtMs,
      anchor: challenge.anchor === null ? null : { height: challenge.anchor.height, hash: challenge.anchor.hash },
    },
    space,
    stake,
    work,
    time,
  });

/** @throws {BlockFormatError} `PROOF_MALFORMED` */
export const decodeProof = (bytes: Uint8Array): CombinedProof => {
  const map = strictProof.map(
    strictProof.decode(bytes, BODY_BYTES_MAX),
    ['v', 'challenge', 'space', 'stake', 'work', 'time'],
    'the proof',
  );
  strictProof.version(map['v']);
  const challenge = strictProof.map(
    map['challenge'],
    ['v', 'network', 'node', 'asset', 'purpose', 'nonce', 'issuer', 'issuedAtMs', 'expiresAtMs', 'anchor'],
    'the challenge',
  );
  strictProof.version(challenge['v']);
  const asset = typeof challenge['asset'] === 'string' ? parseAssetId(challenge['asset']) : null;
  if (asset === null) throw strictProof.fail('the asset is no asset id');
  const anchor =
    challenge['anchor'] === null ? null : strictProof.map(challenge['anchor'], ['height', 'hash'], 'the anchor');
  const body = (name: string): Uint8Array => strictProof.bytesUpTo(map[name], BODY_BYTES_MAX, `the proof of ${name}`);
  return {
    version: 1,
    challenge: {
      version: 1,
      network: strictProof.bytes(challenge['network'], HASH_BYTES, 'the network'),
      node: strictProof.bytes(challenge['node'], HASH_BYTES, 'the node'),
      asset,
      purpose: strictProof.text(challenge['purpose'], /^[a-z][a-z0-9.-]{0,63}$/, 'the purpose'),
      nonce: strictProof.bytes(challenge['nonce'], HASH_BYTES, 'the nonce'),
      issuer: strictProof.bytes(challenge['issuer'], HASH_BYTES, 'the issuer'),
      issuedAtMs: strictProof.integer(challenge['issuedAtMs'], TIME_MS_MAX, 'the time of the challenge'),
      expiresAtMs: strictProof.integer(challenge['expiresAtMs'], TIME_MS_MAX, 'the end of the challenge'),
      anchor: anchor && {
        height: strictProof.integer(anchor['height'], HEIGHT_MAX, 'the height of the anchor'),
        hash: strictProof.bytes(anchor['hash'], HASH_BYTES, 'the hash of the anchor'),
      },
    },
    space: body('space'),
    stake: body('stake'),
    work: body('work'),
    time: body('time'),
  };
};

/** Names the four together. */
export const proofId = ({ space, stake, work, time }: CombinedProof): Hash =>
  sha256(encodeCbor([space, stake, work, time]));

export const encodeBody = (body: BlockBody): Uint8Array =>
  encodeCbor({
    v: BLOCK_VERSION,
    transactions: body.transactions,
    updates: body.updates.map(({ key, value }) => [key, value]),
    proof: body.proof === null ? null : encodeProof(body.proof),
    attachments: body.attachments,
  });

const isCanonical = (value: Uint8Array): boolean => {
  try {
    decodeCbor(value);
    return true;
  } catch {
    return false;
  }
};

/** One entry of a list of updates or of a snapshot of the state. */
export const decodeUpdate = (entry: unknown, reader: Strict): StateUpdate => {
  const pair = reader.list(entry, 2, 'a state update');
  if (pair.length !== 2) throw reader.fail('a state update is not a pair');
  const key = reader.text(pair[0], STATE_KEY, 'a key of the state');
  const value = pair[1] === null ? null : reader.bytesUpTo(pair[1], STATE_VALUE_BYTES_MAX, `the value of ${key}`);
  if (value !== null && !isCanonical(value)) throw reader.fail(`the value of ${key} is not canonical dag-cbor`);
  return { key, value };
};

/** @throws {BlockFormatError} `BODY_MALFORMED` | `PROOF_MALFORMED` | `VERSION_UNKNOWN` */
export const decodeBody = (bytes: Uint8Array): BlockBody => {
  const value = strict.decode(bytes, BODY_BYTES_MAX);
  if (typeof value === 'object' && value !== null && 'v' in value) strict.version(value.v);
  const map = strict.map(value, ['v', 'transactions', 'updates', 'proof', 'attachments'], 'the body');
  const transactions = strict
    .list(map['transactions'], TRANSACTIONS_MAX, 'the transactions')
    .map((one) => strict.bytesUpTo(one, TRANSACTION_BYTES_MAX, 'a transaction'));
  const updates = strict.list(map['updates'], UPDATES_MAX, 'the updates').map((one) => decodeUpdate(one, strict));
  if (updates.some(({ key }, i) => i > 0 && key <= updates[i - 1]!.key))
    throw strict.fail('the updates are not in the order of their keys');
  const proof = map['proof'] === null ? null : decodeProof(strict.bytesUpTo(map['proof'], BODY_BYTES_MAX, 'the proof'));
  const attachments = strict
    .list(map['attachments'], ATTACHMENTS_MAX, 'the attachments')
    .map((one) => strict.bytesUpTo(one, ATTACHMENT_BYTES_MAX, 'an attachment'));
  const names = attachments.map((one) => sha256(one));
  if (names.some((name, i) => i > 0 && Buffer.compare(names[i - 1]!, name) >= 0))
    throw strict.fail('the attachments are not in the order of their hashes');
  return { transactions, updates, proof, attachments };
};

/** Leaves of the block's tree, in order. Each says what it is, so that none can be shown as another kind. */
export const bodyLeaves = (body: BlockBody): Uint8Array[] =>
  [
    ...body.transactions.map((one) => ['transaction', one]),
    ...body.updates.map(({ key, value }) => ['update', key, value]),
    ...(body.proof === null ? [] : [['proof', encodeProof(body.proof)]]),
    ...body.attachments.map((one) => ['attachment', sha256(one)]),
  ].map((leaf) => merkleLeaf(encodeCbor(leaf)));

export const bodyRoot = (body: BlockBody): Hash => merkleRoot(bodyLeaves(body));
