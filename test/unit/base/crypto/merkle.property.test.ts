import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createMerkleTree,
  merkleHolds,
  merkleLeaf,
  merklePath,
  merkleRoot,
} from '../../../../main/base/crypto/index.ts';
import { toHex } from '../../../support/vectors.ts';

const sha256 = (...parts: Uint8Array[]): Uint8Array =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
const leavesOf = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => merkleLeaf(Buffer.from(`leaf ${index}`)));

/** The definition of RFC 6962, section 2.1, word by word. */
const rootByDefinition = (leaves: readonly Uint8Array[]): Uint8Array => {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0] ?? new Uint8Array();
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Uint8Array.of(1), rootByDefinition(leaves.slice(0, split)), rootByDefinition(leaves.slice(split)));
};

const counts = fc.integer({ min: 1, max: 70 });
const placed = counts.chain((count) => fc.tuple(fc.constant(count), fc.nat({ max: count - 1 })));

describe('a Merkle tree', () => {
  it('has the root of the definition, for every number of leaves', () => {
    for (let count = 0; count <= 130; count++)
      expect(toHex(merkleRoot(leavesOf(count)))).toBe(toHex(rootByDefinition(leavesOf(count))));
  });

  it('has a path for every leaf, which holds there and nowhere else', () => {
    fc.assert(
      fc.property(placed, fc.nat({ max: 80 }), fc.nat({ max: 80 }), ([count, index], otherIndex, otherCount) => {
        const leaves = leavesOf(count);
        const tree = createMerkleTree(leaves);
        const path = tree.path(index);
        const leaf = leaves[index] ?? new Uint8Array();
        expect(path).toEqual(merklePath(leaves, index));
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(count)));
        expect(merkleHolds(leaf, index, count, path, tree.root)).toBe(true);
        expect(merkleHolds(leaf, otherIndex, count, path, tree.root)).toBe(otherIndex === index);
        // Another number of leaves may ask for a path of the same length: the root then binds the tree, not its size.
        const grown = createMerkleTree(leavesOf(otherCount));
        expect(merkleHolds(leaf, index, otherCount, path, grown.root)).toBe(
          index < otherCount && toHex(grown.root) === toHex(tree.root),
        );
      }),
    );
  });

  it('refuses a path of which anything was changed', () => {
    fc.assert(
      fc.property(
        placed.filter(([count]) => count > 1),
        fc.nat(),
        ([count, index], chance) => {
          const leaves = leavesOf(count);
          const { root, path: pathOf } = createMerkleTree(leaves);
          const path = pathOf(index);
          const leaf = leaves[index] ?? new Uint8Array();
          const at = chance % path.length;
          const sibling = (path[at] ?? new Uint8Array()).slice();
          sibling[chance % 32] = (sibling[chance % 32] ?? 0) ^ (1 << (chance % 8));
          expect(merkleHolds(leaf, index, count, path.with(at, sibling), root)).toBe(false);
          expect(merkleHolds(leaf, index, count, path.toSpliced(at, 1), root)).toBe(false);
          expect(merkleHolds(leaf, index, count, [...path, root], root)).toBe(false);
          expect(merkleHolds(leaf, index, count, path.with(at, sibling.slice(1)), root)).toBe(false);
          expect(merkleHolds(sibling, index, count, path, root)).toBe(false);
          expect(merkleHolds(leaf, index, count, path, sibling)).toBe(false);
        },
      ),
    );
  });

  it('never takes an inner node for a leaf, nor places that are none', () => {
    const leaves = leavesOf(4);
    const { root, path } = createMerkleTree(leaves);
    const [a, b] = [leaves[0] ?? new Uint8Array(), leaves[1] ?? new Uint8Array()];
    const inner = sha256(Uint8Array.of(1), a, b);
    const upper = path(0).slice(1);
    // As a hash it would hold in a tree of two leaves; as data it has another hash than the node.
    expect(merkleHolds(inner, 0, 2, upper, root)).toBe(true);
    expect(merkleHolds(merkleLeaf(Buffer.concat([a, b])), 0, 2, upper, root)).toBe(false);
    for (const [index, count] of [
      [-1, 4],
      [4, 4],
      [0.5, 4],
      [0, 0],
      [Number.NaN, 4],
      [0, 2 ** 53],
      [0, Number.POSITIVE_INFINITY],
    ] as const)
      expect(merkleHolds(a, index, count, path(0), root)).toBe(false);
    for (const index of [-1, 4, 0.5, Number.NaN]) expect(() => path(index)).toThrow('leads from a leaf');
    expect(() => merkleRoot([new Uint8Array(31)])).toThrow('is a hash');
    expect(() => merklePath([], 0)).toThrow('leads from a leaf');
  });

  it('of 100 000 leaves gives many paths in little time', () => {
    const leaves = leavesOf(100_000);
    const tree = createMerkleTree(leaves);
    for (let index = 0; index < leaves.length; index += 9_973) {
      const path = tree.path(index);
      expect(merkleHolds(leaves[index] ?? new Uint8Array(), index, leaves.length, path, tree.root)).toBe(true);
      // Siblings are theirs alone: they can be sent to another thread without the tree.
      expect(path.every((sibling) => sibling.buffer.byteLength === 32)).toBe(true);
    }
  });
});
