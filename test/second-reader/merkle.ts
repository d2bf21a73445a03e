/**
 * Merkle trees of RFC 6962 with SHA-256, written from docs/formats/block.md ("Body"), proof-work.md ("Commitment") and
 * proof-space.md ("Roots", "Paths of several leaves").
 */
import { sha256 } from './fields.ts';
import { demand } from './refusal.ts';

/** Hash of a leaf. */
export function leafOf(data: Uint8Array): Buffer {
  return sha256(Uint8Array.of(0), data);
}

function nodeOf(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(Uint8Array.of(1), left, right);
}

/** Root over hashes of leaves, by the recursive definition. */
export function rootOf(leaves: Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeOf(rootOf(leaves.slice(0, split)), rootOf(leaves.slice(split)));
}

/** Root to which an audit path leads from the leaf at `index` of `size`; refuses a path of another length. */
export function rootOfPath(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: Uint8Array[],
  code: string,
): Uint8Array {
  if (size === 1) {
    demand(path.length === 0, code, 'a path that is too long');
    return leaf;
  }
  demand(path.length > 0, code, 'a path that is too short');
  let split = 1;
  while (split * 2 < size) split *= 2;
  const [inner, sibling] = [path.slice(0, -1), path.at(-1)!];
  return index < split
    ? nodeOf(rootOfPath(leaf, index, split, inner, code), sibling)
    : nodeOf(sibling, rootOfPath(leaf, index - split, size - split, inner, code));
}

/** Root to which one path leads from several leaves of a tree of `size`, their places ascending. */
export function rootOfLeaves(
  places: number[],
  leaves: Uint8Array[],
  size: number,
  path: Uint8Array,
  code: string,
): Uint8Array {
  demand(path.length % 32 === 0, code, 'a path that is no row of hashes');
  let known = new Map(places.map((place, index) => [place, leaves[index]!]));
  let used = 0;
  const next = () => {
    demand(used + 32 <= path.length, code, 'a path that is too short');
    used += 32;
    return path.subarray(used - 32, used);
  };
  for (let width = size; width > 1; width = Math.ceil(width / 2)) {
    const above = new Map<number, Uint8Array>();
    for (const [place, hash] of known) {
      const parent = place >> 1;
      if (above.has(parent)) continue;
      const sibling = place ^ 1;
      if (sibling >= width) above.set(parent, hash);
      else {
        const other = known.get(sibling) ?? next();
        above.set(parent, place % 2 === 0 ? nodeOf(hash, other) : nodeOf(other, hash));
      }
    }
    known = above;
  }
  demand(used === path.length, code, 'a path that is too long');
  return known.get(0)!;
}
