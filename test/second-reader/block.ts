/** Stored blocks, headers, sealed bodies and bodies, written from docs/formats/block.md. */
import { createDecipheriv, hkdfSync } from 'node:crypto';
import { brotliDecompressSync } from 'node:zlib';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { encode, type Value } from './cbor.ts';
import { readMap, same, sha256 } from './fields.ts';
import { leafOf, rootOf } from './merkle.ts';
import { readRecord } from './record.ts';
import { demand, Refusal } from './refusal.ts';

const malformed = 'BLOCK_MALFORMED';
const unopened = 'BODY_UNREADABLE';
const version = 'BLOCK_VERSION';
const most = 16 * 1024 * 1024;

/** A header of which form and signatures were checked. */
export interface Header {
  readonly payload: Uint8Array;
  readonly hash: Uint8Array;
  readonly network: Uint8Array;
  readonly height: number;
  readonly previous: Uint8Array | null;
  readonly merkleRoot: Uint8Array;
  readonly stateRoot: Uint8Array;
  readonly timeMs: number;
  readonly difficulty: bigint;
  readonly proposer: Uint8Array;
}

/** An update of the state: a key, and its value or null where it is gone. */
export type Update = readonly [key: string, value: Uint8Array | null];

/** A body that was opened. */
export interface Body {
  readonly encoded: Uint8Array;
  readonly compressedBytes: number;
  readonly transactions: Uint8Array[];
  readonly updates: Update[];
  readonly proof: Uint8Array | null;
  readonly attachments: Uint8Array[];
}

/** Take a stored block apart. */
export function readStored(bytes: Uint8Array): { header: Uint8Array; sealed: Uint8Array | null } {
  const fields = readMap(bytes, 'v header sealed', malformed, version);
  return { header: fields.bytes('header'), sealed: fields.bytesOrNull('sealed') };
}

/** Read and check a header's record. */
export function readHeader(bytes: Uint8Array): Header {
  demand(bytes.length <= 8192, malformed, 'header too large');
  const record = readRecord(bytes, 'block');
  const names = 'v network height previous merkleRoot stateRoot timeMs difficulty proposer';
  const fields = readMap(record.payload, names, malformed, version);
  const height = fields.whole('height', 0, 2 ** 40 - 1);
  const previous = fields.bytesOrNull('previous', 32);
  const difficulty = fields.value('difficulty');
  demand(typeof difficulty === 'number' || typeof difficulty === 'bigint', malformed, 'difficulty');
  demand(difficulty >= 0 && (height > 0 || difficulty === 0), malformed, 'difficulty');
  demand((previous === null) === (height === 0), malformed, 'previous');
  const proposer = fields.bytes('proposer', 32);
  demand(same(proposer, record.signer), 'SIGNER_MISMATCH', 'not signed by the proposer');
  return {
    payload: record.payload,
    hash: sha256(record.payload),
    network: fields.bytes('network', 32),
    height,
    previous,
    merkleRoot: fields.bytes('merkleRoot', 32),
    stateRoot: fields.bytes('stateRoot', 32),
    timeMs: fields.whole('timeMs', 0, 2 ** 48 - 1),
    difficulty: BigInt(difficulty),
    proposer,
  };
}

/** Find the content key of a sealed body with a reader's ML-KEM-1024 secret key. */
export function contentKeyOf(sealed: Uint8Array, payload: Uint8Array, secretKey: Uint8Array): Uint8Array {
  for (const [cipherText, wrapped] of readSealed(sealed).readers) {
    const shared = ml_kem1024.decapsulate(cipherText, secretKey);
    const key = hkdfSync('sha512', shared, sha256(payload), 'hypermesh block key v1', 32);
    const content = decrypt(new Uint8Array(key), Buffer.alloc(12), cipherText, wrapped);
    if (content !== null) return content;
  }
  throw new Refusal(unopened, 'no reader of it is this one');
}

/** Open a sealed body with its content key, and compare it with its header. */
export function openBody(sealed: Uint8Array, header: Header, contentKey: Uint8Array): Body {
  const { nonce, body, readers } = readSealed(sealed);
  const associated = encode(['hypermesh-sealed-body', 1, sha256(header.payload), sha256(encode(readers))]);
  const packed = decrypt(contentKey, nonce, associated, body);
  demand(packed !== null, unopened, 'another key, header or list of readers');
  demand(packed.length >= 4, unopened, 'no length');
  const compressedBytes = packed.readUInt32BE(0);
  const length = 4 + compressedBytes;
  demand(length <= packed.length && packed.length === paddedLengthOf(length), unopened, 'another padded length');
  demand(
    packed.subarray(length).every((byte) => byte === 0),
    unopened,
    'padding that is not zero',
  );
  const encoded = decompress(packed.subarray(4, length));
  const read = readBody(encoded, compressedBytes);
  demand(same(rootOf(leavesOf(read)), header.merkleRoot), 'MERKLE_ROOT_WRONG', 'body of another header');
  return read;
}

/** Hashes of the leaves of a body, in order. */
export function leavesOf(body: Body): Uint8Array[] {
  const items: Value[] = [
    ...body.transactions.map((transaction) => ['transaction', transaction]),
    ...body.updates.map(([key, value]) => ['update', key, value]),
    ...(body.proof === null ? [] : [['proof', body.proof]]),
    ...body.attachments.map((attachment) => ['attachment', sha256(attachment)]),
  ];
  return items.map((item) => leafOf(encode(item)));
}

function readBody(encoded: Uint8Array, compressedBytes: number): Body {
  const fields = readMap(encoded, 'v transactions updates proof attachments', malformed, version);
  const attachments = fields.list('attachments', 64).map(asBytes);
  const names = attachments.map((attachment) => sha256(attachment));
  const ordered = names.every((name, index) => index === 0 || Buffer.compare(names[index - 1]!, name) < 0);
  demand(ordered && attachments.every(({ length }) => length <= 4 * 1024 * 1024), malformed, 'attachments');
  const updates = fields.list('updates', 65_536).map((update): Update => {
    demand(Array.isArray(update) && update.length === 2 && typeof update[0] === 'string', malformed, 'update');
    return [update[0], update[1] === null ? null : asBytes(update[1]!)];
  });
  const transactions = fields.list('transactions', 1024).map(asBytes);
  return { encoded, compressedBytes, transactions, updates, proof: fields.bytesOrNull('proof'), attachments };
}

function readSealed(sealed: Uint8Array): { nonce: Uint8Array; body: Uint8Array; readers: [Uint8Array, Uint8Array][] } {
  demand(sealed.length <= 19 * 1024 * 1024, malformed, 'sealed body too large');
  const fields = readMap(sealed, 'v readers nonce body', malformed, version);
  const readers = fields.list('readers', 16).map((reader): [Uint8Array, Uint8Array] => {
    demand(Array.isArray(reader) && reader.length === 2, malformed, 'reader');
    const [cipherText, wrapped] = [asBytes(reader[0]!), asBytes(reader[1]!)];
    demand(cipherText.length === 1568 && wrapped.length === 48, malformed, 'reader');
    return [cipherText, wrapped];
  });
  demand(readers.length > 0, malformed, 'no reader');
  return { nonce: fields.bytes('nonce', 12), body: fields.bytes('body'), readers };
}

/** Padmé. */
function paddedLengthOf(length: number): number {
  if (length <= 4096) return 4096;
  const e = Math.floor(Math.log2(length));
  const unit = 2 ** (e - (Math.floor(Math.log2(e)) + 1));
  return Math.ceil(length / unit) * unit;
}

/** Brotli, of which every byte is used. */
function decompress(compressed: Uint8Array): Uint8Array {
  try {
    const result = brotliDecompressSync(compressed, { maxOutputLength: most, info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    demand(result.engine.bytesWritten === compressed.length, unopened, 'bytes behind the stream');
    return result.buffer;
  } catch (error) {
    throw new Refusal(unopened, String(error));
  }
}

/** AES-256-GCM with the tag behind the ciphertext; null where it does not hold. */
function decrypt(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Buffer | null {
  if (sealed.length < 16) return null;
  const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(associated).setAuthTag(sealed.subarray(-16));
  try {
    return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
  } catch {
    return null;
  }
}

function asBytes(value: Value): Uint8Array {
  demand(value instanceof Uint8Array, malformed, 'not bytes');
  return value;
}
