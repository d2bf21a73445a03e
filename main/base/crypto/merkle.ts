import { createHash } from 'node:crypto';
import { assert } from '../errors.ts';

// Merkle trees of RFC 6962, section 2.1: a leaf and an inner node can never have the same hash.
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const merkleLeaf = (data: Uint8Array): Uint8Array => createHash('sha256').update(LEAF).update(data).digest();
export const merkleNode = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  createHash('sha256').update(NODE).update(left).update(right).digest();

/** Largest power of two below `count`. @param count - at least 2 */
const splitOf = (count: number): number => 2 ** (31 - Math.clz32(count - 1));

/** @param leaves - hashes as {@link merkleLeaf} gives them @returns 32 bytes; of no leaves, SHA-256 of nothing */
export const merkleRoot = (leaves: readonly Uint8Array[]): Uint8Array => {
  if (leaves.length === 0) return createHash('sha256').digest();
  const rootOf = (from: number, to: number): Uint8Array => {
    const count = to - from;
    const split = count > 1 ? from + splitOf(count) : from;
    return count === 1 ? (leaves[from] as Uint8Array) : merkleNode(rootOf(from, split), rootOf(split, to));
  };
  return rootOf(0, leaves.length);
};

/** Audit path of one leaf, RFC 6962, section 2.1.1: siblings from the leaf up. */
export const merklePath = (leaves: readonly Uint8Array[], index: number): Uint8Array[] => {
  assert(index >= 0 && index < leaves.length, 'a path leads from a leaf of the tree');
  const pathOf = (from: number, to: number): Uint8Array[] => {
    if (to - from === 1) return [];
    const split = from + splitOf(to - from);
    return index < split
      ? [...pathOf(from, split), merkleRoot(leaves.slice(split, to))]
      : [...pathOf(split, to), merkleRoot(leaves.slice(from, split))];
  };
  return pathOf(0, leaves.length);
};

/**
 * Whether a leaf is at a place of a tree, RFC 9162, section 2.1.3.2. Never throws.
 *
 * @param count - leaves of the whole tree
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
  let place = index;
  let last = count - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0 || sibling.length !== 32) return false;
    if (place % 2 === 1 || place === last) {
      hash = merkleNode(sibling, hash);
      while (place % 2 === 0 && place !== 0) {
        place = Math.floor(place / 2);
        last = Math.floor(last / 2);
      }
    } else hash = merkleNode(hash, sibling);
    place = Math.floor(place / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && Buffer.from(hash).equals(root);
};
