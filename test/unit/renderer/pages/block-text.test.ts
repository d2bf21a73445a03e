import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  aboutInFull,
  aboutText,
  countText,
  iconKeyOf,
  kindText,
  pathSteps,
  speedText,
} from '../../../../renderer/pages/blocks/block-text.ts';
import { sampleAssets } from '../../../support/fake-node-client.ts';
import { sampleChain } from '../../../support/fake-proofs.ts';
import { shortHash, shortId } from '../../../../renderer/components/short-hash.tsx';

const sha256 = (...parts: Uint8Array[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** RFC 6962, section 2.1: the tree head of a list of leaves. */
const headOf = (leaves: readonly Buffer[]): Buffer => {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return sha256(LEAF, only);
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return sha256(NODE, headOf(leaves.slice(0, split)), headOf(leaves.slice(split)));
};
/** RFC 6962, section 2.1.1: the audit path of one leaf. */
const pathOf = (index: number, leaves: readonly Buffer[]): Buffer[] => {
  if (leaves.length <= 1) return [];
  const split = 2 ** Math.ceil(Math.log2(leaves.length) - 1);
  return index < split
    ? [...pathOf(index, leaves.slice(0, split)), headOf(leaves.slice(split))]
    : [...pathOf(index - split, leaves.slice(split)), headOf(leaves.slice(0, split))];
};

describe('pathSteps', () => {
  it('puts every sibling on the side from which it makes the root', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(), (size, chosen) => {
        const index = chosen % size;
        const leaves = Array.from({ length: size }, (_, at) => Buffer.from(`leaf ${at}`));
        const path = pathOf(index, leaves);
        const steps = pathSteps(
          index,
          size,
          path.map((sibling) => sibling.toString('hex')),
        );
        expect(steps).not.toBeNull();
        let hash = headOf([leaves[index] ?? Buffer.alloc(0)]);
        for (const { sibling, side } of steps ?? []) {
          const other = Buffer.from(sibling, 'hex');
          hash = side === 'left' ? sha256(NODE, other, hash) : sha256(NODE, hash, other);
        }
        expect(hash.equals(headOf(leaves))).toBe(true);
      }),
    );
  });
  it.each([
    ['too long', 0, 1, ['aa']],
    ['too short', 0, 3, ['aa']],
    ['of no leaf', 3, 3, ['aa', 'bb']],
    ['of a leaf below the first', -1, 3, ['aa', 'bb']],
  ] as const)('refuses a path that is %s', (_, index, size, path) => expect(pathSteps(index, size, path)).toBeNull());
});

describe('words of blocks', () => {
  it('tells kinds, also those of a newer node', () => {
    expect(kindText('asset.proved')).toBe('Asset proved');
    expect(kindText('lease.was-settled')).toBe('Lease was settled');
    expect(kindText('')).toBe('Unnamed');
  });
  it('puts the proof before what came with it, and loses nothing', () => {
    const [, block] = sampleChain(2, sampleAssets);
    if (block === undefined) throw new Error('no block');
    const full = { ...block, kinds: ['plot.registered', 'asset.registered', 'asset.proved'] };
    expect(aboutText(full)).toBe('Asset proved + 2 more');
    expect(aboutInFull(full)).toBe('Plot registered, Asset registered, Asset proved');
    expect(aboutText(block)).toBe('Asset registered');
    expect(aboutInFull({ ...block, kinds: [], body: 'sealed' })).toBe('Content sealed');
  });
  it('counts with a noun', () => {
    expect(countText(1, 'block')).toBe('1 block');
    expect(countText(1204, 'block')).toBe('1,204 blocks');
    expect(speedText(3.1234)).toBe('3.1 blocks/s');
    expect(speedText(31.4)).toBe('31 blocks/s');
  });
  it('shortens what is long and nothing else', () => {
    expect(shortHash(`3fa91c02${'0'.repeat(52)}77be`)).toBe('3fa91c02…77be');
    expect(shortHash('abcdefghijklm')).toBe('abcdefghijklm');
    expect(shortId(`asset:cpu:bafyreib${'a'.repeat(48)}2kqe`)).toBe('asset:cpu:bafyreib…2kqe');
  });
  it('knows the picture of every kind of asset', () => {
    expect(iconKeyOf('asset:gpu:bx')).toBe('gpu:card');
    expect(iconKeyOf('asset:storage:bx')).toBe('storage');
    expect(iconKeyOf('asset:future:bx')).toBeNull();
    expect(iconKeyOf('nothing')).toBeNull();
  });
});
