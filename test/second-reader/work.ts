/** Proof of work, written from docs/formats/proof-work.md. */
import { createCipheriv, scryptSync } from 'node:crypto';
import { encode, type Value } from './cbor.ts';
import { Reader, readProof, same, sha256 } from './fields.ts';
import { leafOf, rootOfPath } from './merkle.ts';
import { demand } from './refusal.ts';

const prime = 65_521;
const [inner, columns] = [1024, 256];
const malformed = 'PROOF_MALFORMED';
const statementNames = ['v', 'kind', 'root', 'rows', 'busyUs', 'device', 'wallUs', 'threads', 'openings', 'challenge'];

/** What a proof of work shows, and what it was drawn from. */
export interface Work {
  readonly rows: number;
  readonly openings: number;
  readonly multiplications: number;
  readonly busyUs: number;
  readonly wallUs: number;
  readonly statement: Uint8Array;
  readonly drawKey: Uint8Array;
  readonly vectors: number[][];
  readonly opened: number[];
}

/** Check a proof of work for a challenge: draw, paths, canonical numbers, and C·r = A·(B·r) for three vectors r. */
export function checkWork(bytes: Uint8Array, challenge: Uint8Array): Work {
  demand(bytes.length <= 524_288, 'PROOF_TOO_LARGE', 'work');
  const fields = readProof(bytes, [...statementNames, 'opened'].join(' '));
  fields.text('kind', /^work$/);
  fields.text('device', /^(cpu|gpu)$/);
  const rows = fields.whole('rows', 1, 1_048_576);
  const wallUs = fields.whole('wallUs', 1, 691_200_000_000);
  const busyUs = fields.whole('busyUs', 1, wallUs);
  fields.whole('threads', 1, 1024);
  const openings = fields.whole('openings', 8, 256);
  const root = fields.bytes('root', 32);
  demand(same(fields.bytes('challenge', 32), challenge), 'CHALLENGE_MISMATCH', 'another challenge');
  const multiplications = rows * inner * columns;
  demand((multiplications * 1e6) / busyUs <= 1e16, 'RATE_IMPLAUSIBLE', 'more than any hardware has');

  const statement = encode(Object.fromEntries(statementNames.map((name) => [name, fields.value(name)])));
  const drawKey = scryptSync(statement, 'hypermesh proof-work 1 draw', 32, { N: 1024, r: 8, p: 1 });
  const draw = stream(drawKey, 0, 0, 3072 + 8 * openings);
  const vectors = [0, 1, 2].map((vector) =>
    Array.from({ length: columns }, (_, column) => draw.readUInt32LE(1024 * vector + 4 * column) % prime),
  );
  const opened = Array.from({ length: openings }, (_, index) =>
    Number(draw.readBigUInt64LE(3072 + 8 * index) % BigInt(rows)),
  );

  const seed = seedOf(challenge);
  const right = Array.from({ length: inner }, (_, row) => entriesOf(seed, 1, row, columns));
  const images = vectors.map((vector) => right.map((row) => inProduct(row, vector)));
  const list = fields.list('opened');
  demand(list.length === openings, malformed, 'another number of rows');
  opened.forEach((place, index) => {
    const { row, path } = openedRow(list[index]!);
    demand(same(rootOfPath(leafOf(row), place, rows, path, 'PATH_WRONG'), root), 'PATH_WRONG', `row ${place}`);
    const numbers = wordsOf(row);
    demand(
      numbers.every((number) => number < prime),
      'NOT_CANONICAL',
      `row ${place}`,
    );
    const left = entriesOf(seed, 0, place, inner);
    const holds = vectors.every((vector, at) => inProduct(numbers, vector) === inProduct(left, images[at]!));
    demand(holds, 'PRODUCT_WRONG', `row ${place}`);
  });
  return { rows, openings, multiplications, busyUs, wallUs, statement, drawKey, vectors, opened };
}

/** Seed of both matrices. */
export function seedOf(challenge: Uint8Array): Uint8Array {
  return sha256('hypermesh proof-work 1 seed', challenge);
}

/** A row of a matrix: 0 is the left one, 1 the right one. */
export function entriesOf(seed: Uint8Array, matrix: number, row: number, width: number): number[] {
  return wordsOf(stream(seed, matrix, 2 * width * row, 2 * width)).map((word) => word % prime);
}

/** One number of the product, by its definition. */
export function productAt(seed: Uint8Array, row: number, column: number): number {
  const right = Array.from({ length: inner }, (_, at) => entriesOf(seed, 1, at, columns)[column]!);
  return inProduct(entriesOf(seed, 0, row, inner), right);
}

/** Bytes of AES-256-CTR from a place that is a multiple of 16. */
function stream(key: Uint8Array, name: number, from: number, length: number): Buffer {
  const counter = Buffer.alloc(16);
  counter.writeBigUInt64BE(BigInt(name), 0);
  counter.writeBigUInt64BE(BigInt(from / 16), 8);
  return createCipheriv('aes-256-ctr', key, counter).update(Buffer.alloc(length));
}

function wordsOf(bytes: Uint8Array): number[] {
  const view = Buffer.from(bytes);
  return Array.from({ length: bytes.length / 2 }, (_, index) => view.readUInt16LE(2 * index));
}

/** Sum of products modulo the prime; 1024 products of 32 bits stay below 2^53. */
function inProduct(left: number[], right: number[]): number {
  return left.reduce((sum, number, index) => sum + number * right[index]!, 0) % prime;
}

function openedRow(value: Value): { row: Uint8Array; path: Uint8Array[] } {
  const fields = new Reader(value, 'row path', malformed);
  const path = fields.list('path', 20);
  const isHash = (hash: Value): hash is Uint8Array => hash instanceof Uint8Array && hash.length === 32;
  demand(path.every(isHash), malformed, 'a path that is not of hashes');
  return { row: fields.bytes('row', 512), path };
}
