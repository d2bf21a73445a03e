import { hash } from 'node:crypto';
import { assert } from '../errors.ts';

// Merkle trees of RFC 6962, section 2.1: a leaf and an inner node can never have the same hash.
const LEAF = 0;
const NODE = 1;
const HASH_BYTES = 32;

/** One call for all of the bytes: half the time of `createHash` for so few of them. */
const sha256Of = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

export const merkleLeaf = (data: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(1 + data.length);
  bytes[0] = LEAF;
  bytes.set(data, 1);
  return sha256Of(bytes);
};

/** @param left - 32 bytes @param right - 32 bytes */
export const merkleNode = (left: Uint8Array, right: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(1 + 2 * HASH_BYTES);
  bytes[0] = NODE;
  bytes.set(left, 1);
  bytes.set(right, 1 + HASH_BYTES);
  return sha256Of(bytes);
};

/** All hashes of a tree, computed once: for many paths of the same leaves. Takes 64 bytes per leaf. */
export interface MerkleTree {
  /** Leaves. */
  readonly count: number;
  /** 32 bytes; of no leaves, SHA-256 of nothing. */
  readonly root: Uint8Array;
  /** Audit path of one leaf, RFC 6962, section 2.1.1: siblings from the leaf up. */
  path(index: number): Uint8Array[];
}

/**
 * Builds level upon level, the last node of an odd level being handed up as it is: the same tree as the halving of RFC 6962
 * gives, as its halves are cut at powers of two. 100 000 leaves take some 100 ms: only in a worker.
 *
 * @param leaves - hashes as {@link merkleLeaf} gives them
 */
export const createMerkleTree = (leaves: readonly Uint8Array[]): MerkleTree => {
  // Levels lie flat: a hundred thousand small arrays would take four times the memory.
  const bottom = new Uint8Array(leaves.length * HASH_BYTES);
  leaves.forEach((leaf, index) => {
    assert(leaf.length === HASH_BYTES, 'a leaf of a Merkle tree is a hash');
    bottom.set(leaf, index * HASH_BYTES);
  });
  const levels = [bottom];
  const pair = new Uint8Array(1 + 2 * HASH_BYTES);
  pair[0] = NODE;
  for (let below = bottom; below.length > HASH_BYTES; ) {
    const count = below.length / HASH_BYTES;
    const level = new Uint8Array(Math.ceil(count / 2) * HASH_BYTES);
    for (let place = 0; place + 1 < count; place += 2) {
      pair.set(below.subarray(place * HASH_BYTES, (place + 2) * HASH_BYTES), 1);
      level.set(sha256Of(pair), (place / 2) * HASH_BYTES);
    }
    if (count % 2 === 1) level.set(below.subarray(-HASH_BYTES), level.length - HASH_BYTES);
    levels.push(level);
    below = level;
  }
  const top = levels.at(-1) ?? bottom;
  return {
    count: leaves.length,
    root: leaves.length === 0 ? sha256Of(new Uint8Array()) : top.slice(),
    path: (index) => {
      assert(Number.isInteger(index) && index >= 0 && index < leaves.length, 'a path leads from a leaf of the tree');
      const path: Uint8Array[] = [];
      let place = index;
      for (const level of levels) {
        const sibling = (place % 2 === 0 ? place + 1 : place - 1) * HASH_BYTES;
        // None beside the last node of an odd level, nor beside the root.
        if (sibling < level.length) path.push(level.slice(sibling, sibling + HASH_BYTES));
        place = Math.floor(place / 2);
      }
      return path;
    },
  };
};

/** @param leaves - hashes as {@link merkleLeaf} gives them @returns 32 bytes; of no leaves, SHA-256 of nothing */
export const merkleRoot = (leaves: readonly Uint8Array[]): Uint8Array => createMerkleTree(leaves).root;

/** Audit path of one leaf, RFC 6962, section 2.1.1: siblings from the leaf up. For several, {@link createMerkleTree}. */
export const merklePath = (leaves: readonly Uint8Array[], index: number): Uint8Array[] =>
  createMerkleTree(leaves).path(index);

/**
 * Whether a leaf is at a place of a tree, RFC 9162, section 2.1.3.2. Never throws.
 *
 * @param leaf - hash as {@link merkleLeaf} gives it: computed by whoever asks, never taken from a stranger
 * @param count - leaves of the whole tree, known from where the root is: the root alone does not fix it
 * @param path - siblings from the leaf up; must be exactly as long as the place demands
 */
export const merkleHolds = (
  leaf: Uint8Array,
  index: number,
  count: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean => {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(count) || index < 0 || index >= count) return false;
  if (leaf.length !== HASH_BYTES || root.length !== HASH_BYTES) return false;
  let place = index;
  let last = count - 1;
  let found = leaf;
  for (const sibling of path) {
    if (last === 0 || sibling.length !== HASH_BYTES) return false;
    if (place % 2 === 1 || place === last) {
      found = merkleNode(sibling, found);
      while (place % 2 === 0 && place !== 0) {
        place = Math.floor(place / 2);
        last = Math.floor(last / 2);
      }
    } else found = merkleNode(found, sibling);
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && Buffer.compare(found, root) === 0;
};
