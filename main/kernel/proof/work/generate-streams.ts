import { createCipheriv, hash, scryptSync } from 'node:crypto';
import {
  DRAW_COSTS,
  DRAW_DOMAIN,
  LEFT_ROW_BYTES,
  LEFT_STREAM,
  RIGHT_BYTES,
  RIGHT_STREAM,
  SEED_DOMAIN,
  VECTORS,
  COLUMNS,
  type WorkStatement,
  encodeWorkStatement,
} from './format.ts';

const BLOCK_BYTES = 16;

/** Bytes of AES-256-CTR. @param firstBlock - where to begin; counter blocks of 16 bytes */
const stream = (key: Uint8Array, matrix: number, firstBlock: number, length: number): Buffer => {
  const counter = Buffer.alloc(BLOCK_BYTES);
  counter.writeBigUInt64BE(BigInt(matrix), 0);
  counter.writeBigUInt64BE(BigInt(firstBlock), 8);
  return createCipheriv('aes-256-ctr', key, counter).update(Buffer.alloc(length));
};

/** What both operands are made from. 32 bytes. */
export const seedOf = (challengeHash: Uint8Array): Uint8Array =>
  new Uint8Array(hash('sha256', Buffer.concat([Buffer.from(SEED_DOMAIN), challengeHash]), 'buffer'));

/** Rows of the left matrix as they come: 16 bits an entry, not yet reduced. */
export const leftRows = (seed: Uint8Array, from: number, count: number): Buffer =>
  stream(seed, LEFT_STREAM, (from * LEFT_ROW_BYTES) / BLOCK_BYTES, count * LEFT_ROW_BYTES);

/** The right matrix, row by row, as it comes. */
export const rightMatrix = (seed: Uint8Array): Buffer => stream(seed, RIGHT_STREAM, 0, RIGHT_BYTES);

/** Numbers of the rows that are opened, in order; a row may come twice. */
export const drawRows = (statement: WorkStatement): number[] => {
  const key = scryptSync(encodeWorkStatement(statement), DRAW_DOMAIN, 32, DRAW_COSTS);
  const skipped = VECTORS * COLUMNS * 4;
  const drawn = stream(key, 0, 0, skipped + statement.openings * 8).subarray(skipped);
  return Array.from({ length: statement.openings }, (_, index) =>
    Number(drawn.readBigUInt64LE(index * 8) % BigInt(statement.rows)),
  );
};
