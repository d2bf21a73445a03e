import { encodeCbor, parseAssetId, sha256 } from '../../../base/index.ts';
import { keyIdBytesOf, keyIdText, verifyRecord } from '../../../base/crypto/index.ts';
import { BLOCK_VERSION, HASH_BYTES, KIND, TIME_MS_MAX, TRANSACTION_BYTES_MAX } from '../constants.ts';
import type { SignedTransaction, Transaction } from '../interface.ts';
import { Strict } from './strict.ts';

const strict = new Strict('TRANSACTION_MALFORMED');
/** Levels of maps and lists in the data. */
const DATA_DEPTH_MAX = 16;
const FIELDS = ['v', 'network', 'kind', 'asset', 'previous', 'atMs', 'data'];

/** The payload of the signed record. docs/formats/transaction.md */
export const encodeTransaction = (transaction: Transaction): Uint8Array =>
  encodeCbor({
    v: BLOCK_VERSION,
    network: transaction.network,
    kind: transaction.kind,
    asset: transaction.asset,
    previous: transaction.previous,
    atMs: transaction.atMs,
    data: transaction.data,
  });

/** Maps, lists and plain values, not too deep. Links of dag-cbor are left out: nothing here follows them. */
const isPlain = (value: unknown, depth = 0): boolean => {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return true;
  if (depth >= DATA_DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((one) => isPlain(one, depth + 1));
  return (
    Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every((one) => isPlain(one, depth + 1))
  );
};

/** @throws {BlockFormatError} `TRANSACTION_MALFORMED` | `VERSION_UNKNOWN` */
export const decodeTransaction = (payload: Uint8Array): Transaction => {
  const value = strict.decode(payload, TRANSACTION_BYTES_MAX);
  if (typeof value === 'object' && value !== null && 'v' in value) strict.version(value.v);
  const map = strict.map(value, FIELDS, 'the transaction');
  const network = strict.bytes(map['network'], HASH_BYTES, 'the network');
  const kind = strict.text(map['kind'], KIND, 'the kind');
  const asset =
    map['asset'] === null ? null : typeof map['asset'] === 'string' ? parseAssetId(map['asset']) : undefined;
  if (asset === undefined || (asset === null && map['asset'] !== null)) throw strict.fail('the asset is no asset id');
  const previous = strict.bytesOrNull(map['previous'], HASH_BYTES, 'the event before');
  if (asset === null && previous !== null) throw strict.fail('it names an event before and no asset');
  if (!isPlain(map['data'])) throw strict.fail('its data holds links, or is too deep');
  return {
    version: 1,
    network,
    kind,
    asset,
    previous,
    atMs: strict.integer(map['atMs'], TIME_MS_MAX, 'the time'),
    data: map['data'],
  };
};

/** What a transaction is named after. */
export const transactionHash = (encoded: Uint8Array): Uint8Array => sha256(encoded);

/**
 * Reads a transaction and checks both signatures. Takes milliseconds: many of them belong in a worker.
 *
 * @throws {BlockFormatError | RecordError}
 */
export const openTransaction = (encoded: Uint8Array): SignedTransaction => {
  if (encoded.length > TRANSACTION_BYTES_MAX) throw strict.fail('it is too large');
  const record = verifyRecord(encoded, { domain: 'transaction' });
  return {
    hash: transactionHash(encoded),
    encoded,
    transaction: decodeTransaction(record.payload),
    signer: record.keyId,
    signerBytes: record.keyIdBytes,
  };
};

/** Reads a transaction without checking its signatures: for bodies of our own database, which were checked before they were written. */
export const readTransaction = (encoded: Uint8Array): SignedTransaction => {
  const record = strict.map(
    strict.decode(encoded, TRANSACTION_BYTES_MAX),
    ['v', 'domain', 'payload', 'signer', 'signatures'],
    'the record',
  );
  const signer = strict.map(record['signer'], ['ed25519', 'falcon1024'], 'the signer');
  const signerBytes = keyIdBytesOf({
    ed25519: strict.bytesUpTo(signer['ed25519'], TRANSACTION_BYTES_MAX, 'a key'),
    falcon1024: strict.bytesUpTo(signer['falcon1024'], TRANSACTION_BYTES_MAX, 'a key'),
  });
  return {
    hash: transactionHash(encoded),
    encoded,
    transaction: decodeTransaction(strict.bytesUpTo(record['payload'], TRANSACTION_BYTES_MAX, 'the payload')),
    signer: keyIdText(signerBytes),
    signerBytes,
  };
};
