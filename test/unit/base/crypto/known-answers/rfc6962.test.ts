import { describe, expect, it } from 'vitest';
import {
  createMerkleTree,
  merkleHolds,
  merkleLeaf,
  merklePath,
  merkleRoot,
} from '../../../../../main/base/crypto/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

const reference = readVectors<{
  leaves: string[];
  emptyRoot: string;
  roots: string[];
  paths: { index: number; count: number; path: string[] }[];
}>('rfc6962', 'reference-tree.json');
const leaves = reference.leaves.map((leaf) => merkleLeaf(fromHex(leaf)));

describe('Merkle trees of RFC 6962', () => {
  it('have the root of no leaves', () => {
    expect(toHex(merkleRoot([]))).toBe(reference.emptyRoot);
  });

  it.each(reference.roots.map((root, index) => ({ count: index + 1, root })))(
    'have the root of $count leaves',
    ({ count, root }) => {
      expect(toHex(merkleRoot(leaves.slice(0, count)))).toBe(root);
    },
  );

  it.each(reference.paths)('have the path of leaf $index of $count', ({ index, count, path }) => {
    const some = leaves.slice(0, count);
    expect(merklePath(some, index).map(toHex)).toEqual(path);
    expect(createMerkleTree(some).path(index).map(toHex)).toEqual(path);
    const root = fromHex(reference.roots[count - 1] ?? '');
    expect(merkleHolds(leaves[index] ?? new Uint8Array(), index, count, path.map(fromHex), root)).toBe(true);
  });
});
