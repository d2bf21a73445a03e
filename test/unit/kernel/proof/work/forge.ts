import {
  PRODUCT_ROW_BYTES,
  type WorkStatement,
  encodeWorkProof,
} from '../../../../../main/kernel/proof/work/format.ts';
import { createMultiplier } from '../../../../../main/kernel/proof/work/generate-kernel.ts';
import { drawRows, leftRows, rightMatrix, seedOf } from '../../../../../main/kernel/proof/work/generate-streams.ts';
import { leavesOf, levelsAbove, pathOf } from '../../../../../main/kernel/proof/work/generate-tree.ts';

export interface Forgery {
  rows: number;
  openings: number;
  /** What the rows are multiplied from, where it is not the challenge's. */
  seed?: Uint8Array;
  /** What is done to the product before it is committed. */
  product?: (product: Uint8Array) => void;
  /** What the statement says, where it is not the truth. */
  statement?: Partial<WorkStatement>;
  /** What is done to the rows that are opened, after the draw. */
  opened?: (row: Uint8Array, index: number) => Uint8Array;
  /** The commitment is made for this challenge, and the proof says another. */
  relabelled?: Uint8Array;
}

export const productOf = (seed: Uint8Array, rows: number): Uint8Array =>
  createMultiplier(rightMatrix(seed))(leftRows(seed, 0, rows));

/** A prover that does what it is told; told nothing, it is honest, and its claims are always the same. */
export const forge = (challengeHash: Uint8Array, forgery: Forgery): { proof: Uint8Array; statement: WorkStatement } => {
  const product = productOf(forgery.seed ?? seedOf(challengeHash), forgery.rows);
  forgery.product?.(product);
  const leaves = leavesOf(product);
  const levels = [leaves, ...levelsAbove(leaves)];
  const statement: WorkStatement = {
    challenge: challengeHash,
    device: 'cpu',
    threads: 1,
    rows: forgery.rows,
    openings: forgery.openings,
    busyUs: 1000,
    wallUs: 2000,
    root: levels.at(-1) as Uint8Array,
    ...forgery.statement,
  };
  const opened = drawRows(statement).map((drawn, index) => {
    // Told to claim rows that there are not, it opens some other.
    const number = drawn % forgery.rows;
    const row = product.slice(number * PRODUCT_ROW_BYTES, (number + 1) * PRODUCT_ROW_BYTES);
    return { row: forgery.opened?.(row, index) ?? row, path: pathOf(levels, number) };
  });
  const said = forgery.relabelled === undefined ? statement : { ...statement, challenge: forgery.relabelled };
  return { proof: encodeWorkProof({ ...said, opened }), statement };
};
