import { hash } from 'node:crypto';
import { PRODUCT_ROW_BYTES } from './format.ts';

// The tree of RFC 6962 level by level, which gives the same root as its recursive definition and keeps what paths are
// made of. One buffer of hashes per level: a million small arrays would cost more than the hashing.

export const HASH_BYTES = 32;

/** Hashes of rows as leaves. @param product - whole rows */
export const leavesOf = (product: Uint8Array): Uint8Array<ArrayBuffer> => {
  const rows = product.length / PRODUCT_ROW_BYTES;
  const leaves = new Uint8Array(rows * HASH_BYTES);
  const leaf = Buffer.alloc(1 + PRODUCT_ROW_BYTES); // Begins with the 0 of a leaf.
  for (let row = 0; row < rows; row += 1) {
    leaf.set(product.subarray(row * PRODUCT_ROW_BYTES, (row + 1) * PRODUCT_ROW_BYTES), 1);
    leaves.set(hash('sha256', leaf, 'buffer'), row * HASH_BYTES);
  }
  return leaves;
};

/** The level above one. A last hash without a neighbour goes up as it is. */
export const levelAbove = (level: Uint8Array): Uint8Array<ArrayBuffer> => {
  const count = level.length / HASH_BYTES;
  const above = new Uint8Array(Math.ceil(count / 2) * HASH_BYTES);
  const node = Buffer.alloc(1 + 2 * HASH_BYTES);
  node[0] = 1;
  for (let index = 0; index + 1 < count; index += 2) {
    node.set(level.subarray(index * HASH_BYTES, (index + 2) * HASH_BYTES), 1);
    above.set(hash('sha256', node, 'buffer'), (index / 2) * HASH_BYTES);
  }
  if (count % 2 === 1) above.set(level.subarray((count - 1) * HASH_BYTES), above.length - HASH_BYTES);
  return above;
};

/** All levels above one, up to the root. Empty when it is the root. */
export const levelsAbove = (level: Uint8Array): Uint8Array[] => {
  const levels: Uint8Array[] = [];
  for (let current = level; current.length > HASH_BYTES; ) {
    current = levelAbove(current);
    levels.push(current);
  }
  return levels;
};

/** Siblings of a leaf from the bottom up. @param levels - from the leaves to the root */
export const pathOf = (levels: readonly Uint8Array[], leaf: number): Uint8Array[] => {
  const path: Uint8Array[] = [];
  let place = leaf;
  for (const level of levels) {
    const sibling = place % 2 === 0 ? place + 1 : place - 1;
    if (sibling * HASH_BYTES < level.length) path.push(level.slice(sibling * HASH_BYTES, (sibling + 1) * HASH_BYTES));
    place = Math.floor(place / 2);
  }
  return path;
};
