import { createCipheriv, createHash, scryptSync } from 'node:crypto';
import { merkleHolds, merkleLeaf } from '../../../base/crypto/index.ts';
import type { ChallengeCode } from '../errors.ts';
import { figure, findingOf, held, refused } from '../finding.ts';
import type { ProofFinding, VerifyContext } from '../interface.ts';
import type { WorkCode } from './errors.ts';
import {
  COLUMNS,
  DRAW_COSTS,
  DRAW_DOMAIN,
  FIELD,
  INNER,
  LEFT_STREAM,
  MULTIPLICATIONS_PER_ROW,
  RIGHT_STREAM,
  SEED_DOMAIN,
  VECTORS,
  type WorkProof,
  decodeWorkProof,
  encodeWorkStatement,
} from './format.ts';

/** Elements of opened rows that are computed exactly, at places of the verifier's own choice. */
const ELEMENTS_CHECKED = 16;

/** Multiplications per second beyond which a claim is a lie: some ten times what the fastest cards of 2026 do with 8 bits. */
const PER_SECOND_MAX = 1e16;
/** Counter blocks of 16 bytes that a row of the left matrix takes. */
const LEFT_ROW_BLOCKS = (INNER * 2) / 16;

/** What is wrong, as a value that is thrown inside this file and never leaves it. */
class Fault extends Error {
  override readonly name = 'Fault';
  readonly code: WorkCode | ChallengeCode;
  constructor(code: WorkCode | ChallengeCode, sentence: string) {
    super(sentence);
    this.code = code;
  }
}

/** Key stream from a counter block on. The first half of the counter names the stream, the second counts blocks of 16 bytes. */
const keyStream = (key: Uint8Array, name: number, block: number, bytes: number): Buffer => {
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(name, 4);
  iv.writeUInt32BE(block, 12);
  return createCipheriv('aes-256-ctr', key, iv).update(Buffer.alloc(bytes));
};

/** Entry of a matrix: a word of 16 bits, little endian, modulo the field's order. */
const entryAt = (words: Buffer, index: number): number => {
  const word = (words[2 * index] as number) + 256 * (words[2 * index + 1] as number);
  return word < FIELD ? word : word - FIELD;
};

/**
 * Rows of some matrix times the three vectors, all in one pass. Sums are of at most 1024 products below 2^32, so they are
 * exact in doubles.
 *
 * @param words - rows of as many entries as the vectors have
 * @returns three numbers of each row
 */
const timesVectors = (words: Buffer, vectors: Vectors): Float64Array => {
  const [first, second, third] = vectors;
  const width = first.length;
  const rows = words.length / 2 / width;
  const results = new Float64Array(rows * VECTORS);
  for (let row = 0, at = 0; row < rows; row += 1) {
    let one = 0;
    let two = 0;
    let three = 0;
    for (let column = 0; column < width; column += 1, at += 1) {
      const entry = entryAt(words, at);
      one += entry * (first[column] as number);
      two += entry * (second[column] as number);
      three += entry * (third[column] as number);
    }
    results[row * VECTORS] = one % FIELD;
    results[row * VECTORS + 1] = two % FIELD;
    results[row * VECTORS + 2] = three % FIELD;
  }
  return results;
};

/** {@link VECTORS} of them. */
type Vectors = readonly [Float64Array, Float64Array, Float64Array];

/** Vectors and rows that the committed statement draws; nobody knows them before the product is committed. */
const drawOf = (proof: WorkProof): { vectors: Vectors; places: number[] } => {
  const key = scryptSync(encodeWorkStatement(proof), DRAW_DOMAIN, 32, DRAW_COSTS);
  const drawn = keyStream(key, 0, 0, VECTORS * COLUMNS * 4 + proof.openings * 8);
  const vector = (index: number): Float64Array =>
    Float64Array.from({ length: COLUMNS }, (_, column) => drawn.readUInt32LE((index * COLUMNS + column) * 4) % FIELD);
  return {
    vectors: [vector(0), vector(1), vector(2)],
    places: Array.from({ length: proof.openings }, (_, index) =>
      Number(drawn.readBigUInt64LE(VECTORS * COLUMNS * 4 + index * 8) % BigInt(proof.rows)),
    ),
  };
};

/** All that can be said without computing. */
const checkClaims = (proof: WorkProof, context: VerifyContext): void => {
  const { work, time } = context.requirements;
  const multiplications = proof.rows * MULTIPLICATIONS_PER_ROW;
  if (!Buffer.from(context.challengeHash).equals(proof.challenge))
    throw new Fault('CHALLENGE_MISMATCH', 'The work was done for another challenge.');
  if (multiplications < work.multiplicationsMin)
    throw new Fault(
      'TOO_LITTLE_WORK',
      `The product took ${figure(multiplications)} multiplications, and ${figure(work.multiplicationsMin)} are required.`,
    );
  if (proof.openings < work.rowsMin)
    throw new Fault('TOO_FEW_ROWS', `${proof.openings} rows are opened, and ${work.rowsMin} are required.`);
  const perSecond = (multiplications * 1e6) / proof.busyUs;
  if (perSecond < work.multiplicationsPerSecondMin)
    throw new Fault(
      'TOO_SLOW',
      `${figure(perSecond)} multiplications per second were done, and ${figure(work.multiplicationsPerSecondMin)} are required.`,
    );
  if (perSecond > PER_SECOND_MAX)
    throw new Fault(
      'RATE_IMPLAUSIBLE',
      `It says to have done ${figure(multiplications)} multiplications in ${figure(proof.busyUs)} µs, which no hardware can.`,
    );
  const sinceMs = context.answeredAfterMs ?? context.nowMs - context.challenge.issuedAtMs + time.skewMsMax;
  if (proof.wallUs > sinceMs * 1000)
    throw new Fault(
      'TIME_IMPOSSIBLE',
      `The work is said to have taken ${figure(proof.wallUs / 1000)} ms, more than there was since the challenge.`,
    );
};

const checkProduct = (proof: WorkProof, context: VerifyContext, encoded: Uint8Array): void => {
  const seed = createHash('sha256').update(SEED_DOMAIN).update(proof.challenge).digest();
  const { vectors, places } = drawOf(proof);
  const opened = proof.opened.map(({ row, path }, index) => {
    const place = places[index] as number;
    const product = Buffer.from(row.buffer, row.byteOffset, row.byteLength);
    for (let column = 0; column < COLUMNS; column += 1) {
      const entry = product.readUInt16LE(column * 2);
      if (entry >= FIELD)
        throw new Fault('NOT_CANONICAL', `Row ${place} holds ${entry}, which is no number of the field.`);
    }
    if (!merkleHolds(merkleLeaf(row), place, proof.rows, path, proof.root))
      throw new Fault('PATH_WRONG', `Row ${place} is not the one of the product that was committed.`);
    return { place, product, left: keyStream(seed, LEFT_STREAM, place * LEFT_ROW_BLOCKS, INNER * 2) };
  });

  // Freivalds: the row times r equals the left row times (right matrix times r). For a wrong row and three random r this
  // holds with at most 1 of 2^47.9.
  const right = keyStream(seed, RIGHT_STREAM, 0, INNER * COLUMNS * 2);
  const combined = timesVectors(right, vectors);
  const combinedVectors = [0, 1, 2].map((vector) =>
    Float64Array.from({ length: INNER }, (_, k) => combined[k * VECTORS + vector] as number),
  ) as unknown as Vectors;
  for (const { place, product, left } of opened) {
    const ofProduct = timesVectors(product, vectors);
    const ofOperands = timesVectors(left, combinedVectors);
    if (ofProduct.some((value, vector) => value !== ofOperands[vector]))
      throw new Fault('PRODUCT_WRONG', `Row ${place} is not the product of the matrices that the challenge gives.`);
  }

  // Places that the prover could not know, whatever it did to the draw.
  const key = createHash('sha256').update(context.checkSeed).update(encoded).digest();
  const chosen = keyStream(key, 0, 0, ELEMENTS_CHECKED * 8);
  for (let check = 0; check < ELEMENTS_CHECKED; check += 1) {
    const { place, product, left } = opened[chosen.readUInt32LE(check * 8) % opened.length] as (typeof opened)[number];
    const column = chosen.readUInt32LE(check * 8 + 4) % COLUMNS;
    let sum = 0;
    for (let k = 0; k < INNER; k += 1) sum += entryAt(left, k) * entryAt(right, k * COLUMNS + column);
    if (sum % FIELD !== product.readUInt16LE(column * 2))
      throw new Fault('PRODUCT_WRONG', `Element ${column} of row ${place} is not that of the product.`);
  }
};

/**
 * Checks a proof of work, docs/formats/proof-work.md. Never throws. Takes some milliseconds of its thread.
 *
 * @returns what was shown: `multiplications`, `multiplicationsPerSecond` and `multiplicationsPerSecondWall` (both by the
 * prover's own clock) and `rowsOpened`; where the verifier asked, also `multiplicationsPerSecondWitnessed`, by its own
 */
export const verifyWork = (encoded: Uint8Array, context: VerifyContext): ProofFinding =>
  findingOf('work', () => {
    const proof = decodeWorkProof(encoded);
    try {
      checkClaims(proof, context);
      checkProduct(proof, context, encoded);
    } catch (error) {
      if (error instanceof Fault) return refused('work', error.code, error.message);
      throw error;
    }
    const multiplications = proof.rows * MULTIPLICATIONS_PER_ROW;
    const perSecond = (multiplications * 1e6) / proof.busyUs;
    const shown: Record<string, number> = {
      multiplications,
      multiplicationsPerSecond: perSecond,
      multiplicationsPerSecondWall: (multiplications * 1e6) / proof.wallUs,
      rowsOpened: proof.openings,
      threads: proof.threads,
    };
    if (context.answeredAfterMs !== null && context.answeredAfterMs > 0)
      shown['multiplicationsPerSecondWitnessed'] = (multiplications * 1000) / context.answeredAfterMs;
    return held(
      'work',
      `${figure(multiplications)} multiplications were done, ${figure(perSecond)} a second by the prover's clock; ${proof.openings} rows hold.`,
      shown,
    );
  });
