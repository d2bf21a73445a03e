import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeCbor, sha256 } from '../../../../main/base/index.ts';
import { merkleRoot } from '../../../../main/base/crypto/index.ts';
import { StateOverlay, StateTree, levelsAbove, stateLeaf } from '../../../../main/kernel/blocks/state-tree.ts';

const updates = fc.array(
  fc.record({
    key: fc.integer({ min: 0, max: 40 }).map((n) => `k/${n}`),
    value: fc.option(fc.nat(1000).map((n) => encodeCbor(n))),
  }),
  { maxLength: 12 },
);
/** What the root is by the standard alone. */
const plainRoot = (state: ReadonlyMap<string, Uint8Array>): Uint8Array =>
  state.size === 0
    ? sha256(new Uint8Array(0))
    : merkleRoot([...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => stateLeaf(key, value)));
const here = async (leaves: Uint8Array): Promise<Uint8Array[]> => levelsAbove(leaves);

it('has the root of RFC 6962 after any changes, and finds its way back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(updates, { maxLength: 8 }), async (steps) => {
      const tree = new StateTree();
      const plain = new Map<string, Uint8Array>();
      for (const step of steps) {
        const before = await tree.root(here);
        const back = tree.apply(step);
        tree.apply(back);
        expect(Buffer.from(await tree.root(here))).toEqual(Buffer.from(before));
        const overlay = new StateOverlay(tree.copy());
        overlay.set(step);
        tree.apply(step);
        for (const { key, value } of step) {
          if (value === null) plain.delete(key);
          else plain.set(key, value);
        }
        expect(Buffer.from(await tree.root(here))).toEqual(Buffer.from(plainRoot(plain)));
        expect([...tree.entries('k/')].map(([key]) => key)).toEqual([...plain.keys()].sort());
        // Changes on top read like changes made, and their difference leads to the same.
        expect([...overlay.entries('k/1')]).toEqual([...tree.entries('k/1')]);
        expect(overlay.difference().map(({ key }) => key)).toEqual(
          overlay
            .difference()
            .map(({ key }) => key)
            .sort(),
        );
      }
    }),
    { numRuns: 150 },
  );
});

it('has the same root where levels are hashed elsewhere', async () => {
  const entries = Array.from({ length: 10_001 }, (_, i) => [`k/${String(i).padStart(6, '0')}`, encodeCbor(i)] as const);
  const tree = new StateTree(entries);
  const root = await tree.root(here);
  expect(Buffer.from(root)).toEqual(Buffer.from(plainRoot(new Map(entries))));
  // One changed value: a path of the tree, and nothing elsewhere.
  tree.apply([{ key: 'k/005000', value: encodeCbor('other') }]);
  const changed = await tree.root(() => Promise.reject(new Error('not needed')));
  expect(Buffer.from(changed)).toEqual(
    Buffer.from(plainRoot(new Map([...entries, ['k/005000', encodeCbor('other')]]))),
  );
});
