import { createHash } from 'node:crypto';
import { assert, encodeCbor, sha256, type Clock } from '../../../base/index.ts';
import { EXTENSIONS_VERSION, MANIFEST_BYTES_MAX, PART_BYTES_MAX, PARTS_MAX } from './constants.ts';
import { SplitError } from './errors.ts';
import { readFields } from './fields.ts';

/** What is known of a split message before its parts come. */
export interface SplitManifest {
  /** 16 bytes, fresh for every message. */
  id: Uint8Array;
  /** Bytes of the whole. */
  length: number;
  /** Bytes of each part but the last. */
  partBytes: number;
  /** SHA-256 of each part. */
  parts: readonly Uint8Array[];
  /** SHA-256 of the whole. */
  hash: Uint8Array;
}
/** A message of known length. Read twice: for its hashes and for sending, and again where a path dies. */
export interface SplitSource {
  length: number;
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

export const ID_BYTES = 16;
/** Bytes after which others get a turn: hashing them takes some 10 ms. */
const YIELD_BYTES = 8 * 1024 * 1024;

export const lengthOfPart = (manifest: Pick<SplitManifest, 'length' | 'partBytes'>, part: number): number =>
  Math.min(manifest.partBytes, manifest.length - part * manifest.partBytes);

export const makeManifest = async (
  clock: Clock,
  source: SplitSource,
  init: { id: Uint8Array; partBytes: number },
): Promise<SplitManifest> => {
  const { id, partBytes } = init;
  assert(partBytes >= 1 && partBytes <= PART_BYTES_MAX, 'A part of a split message has 4 MiB at most.');
  assert(
    Math.ceil(source.length / partBytes) <= PARTS_MAX,
    'A split message has 1024 parts at most; give it larger ones.',
  );
  const whole = createHash('sha256');
  const parts: Uint8Array[] = [];
  for (let offset = 0, hashed = 0; offset < source.length; offset += partBytes) {
    const part = await source.read(offset, Math.min(partBytes, source.length - offset));
    whole.update(part);
    parts.push(sha256(part));
    hashed += part.length;
    if (hashed >= YIELD_BYTES) {
      hashed = 0;
      await clock.sleep(0);
    }
  }
  return { id, length: source.length, partBytes, parts, hash: whole.digest() };
};

export const splitMalformed = (problem: string): SplitError =>
  new SplitError(
    { code: 'SPLIT_MALFORMED', problem, verdict: 'reject' },
    `What came is no part of a split message (${problem}); its sender may run another version.`,
  );

export const encodeManifest = ({ id, length, partBytes, parts, hash }: SplitManifest): Uint8Array =>
  encodeCbor({ v: EXTENSIONS_VERSION, id, length, partBytes, parts, hash });
/** @throws {SplitError} `SPLIT_MALFORMED` */
export const readManifest = (data: Uint8Array): SplitManifest => {
  if (data.length > MANIFEST_BYTES_MAX) throw splitMalformed('its manifest is too large');
  const names = ['v', 'id', 'hash', 'parts', 'length', 'partBytes'];
  const fields = readFields(data, { names, version: EXTENSIONS_VERSION, itemsMax: 32 + PARTS_MAX }, splitMalformed);
  const partBytes = fields.integer('partBytes', 1, PART_BYTES_MAX);
  const length = fields.integer('length', 0, PARTS_MAX * partBytes);
  const parts = fields.list('parts', PARTS_MAX).map((hash) => {
    if (!(hash instanceof Uint8Array) || hash.length !== 32) throw splitMalformed('the hash of a part is none');
    return hash;
  });
  if (parts.length !== Math.ceil(length / partBytes)) throw splitMalformed('it has another number of parts than told');
  return { id: fields.bytes('id', ID_BYTES), length, partBytes, parts, hash: fields.bytes('hash', 32) };
};

/** What the receiver says back: five bytes each, a kind and a number. */
export const RECEIPTS = {
  /** This part is here and holds. */
  taken: 1,
  /** It was here already, by another stream. */
  had: 2,
  /** Parts below this number may be sent. */
  room: 3,
} as const;
export type ReceiptKind = (typeof RECEIPTS)[keyof typeof RECEIPTS];
export const RECEIPT_BYTES = 5;
export const encodeReceipt = (kind: ReceiptKind, number: number): Uint8Array => {
  const bytes = new Uint8Array(RECEIPT_BYTES);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, number);
  return bytes;
};
/** @throws {SplitError} `SPLIT_MALFORMED` */
export const readReceipt = (bytes: Uint8Array): { kind: ReceiptKind; number: number } => {
  const kind = Object.values(RECEIPTS).find((known) => known === bytes[0]);
  if (kind === undefined || bytes.length !== RECEIPT_BYTES) throw splitMalformed('a receipt is of no kind');
  return { kind, number: Buffer.from(bytes).readUInt32BE(1) };
};

/** In front of a part: its number and its length, four bytes each. */
export const PART_HEAD_BYTES = 8;
export const encodePartHead = (part: number, length: number): Uint8Array => {
  const bytes = new Uint8Array(PART_HEAD_BYTES);
  new DataView(bytes.buffer).setUint32(0, part);
  new DataView(bytes.buffer).setUint32(4, length);
  return bytes;
};
export const readPartHead = (bytes: Uint8Array): { part: number; length: number } => ({
  part: Buffer.from(bytes).readUInt32BE(0),
  length: Buffer.from(bytes).readUInt32BE(4),
});
