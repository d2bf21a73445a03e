import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/index.ts';
import type { LedgerState, StateUpdate } from '../../../../../main/kernel/blocks/index.ts';
import { createLedgerTree, loadLedgerTree } from '../../../../../main/kernel/consensus/state/index.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { inPieces } from '../../../../support/ledger-rows.ts';
import { referenceRoot } from '../../../../support/reference-state.ts';

/** Keys that meet often: beginnings of each other, neighbours in one bit, and the first and last characters that a key may have. */
const keys = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', 'c', '!', '~'), minLength: 1, maxLength: 5 }),
  fc.nat(40).map((n) => `account/${n}`),
  fc.integer({ min: 1, max: 30 }).map((n) => 'k'.repeat(n)),
);
const values = fc.oneof(
  fc.nat(3).map((n) => encodeCbor(n)),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => encodeCbor(bytes)),
);
const updates = fc.array(fc.record({ key: keys, value: fc.option(values) }), { maxLength: 12 });
const plainly = (state: LedgerState, prefix = ''): [string, string][] =>
  Array.from(state.entries(prefix), ([key, value]) => [key, Buffer.from(value).toString('hex')]);
const put = (plain: Map<string, Uint8Array>, step: readonly StateUpdate[]): void => {
  for (const { key, value } of step)
    if (value === null) plain.delete(key);
    else plain.set(key, value);
};
const sorted = (plain: ReadonlyMap<string, Uint8Array>, prefix = ''): [string, string][] =>
  [...plain]
    .filter(([key]) => key.startsWith(prefix))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, value]) => [key, Buffer.from(value).toString('hex')]);

it('has the root of its entries after any changes, and finds its way back', () => {
  fc.assert(
    fc.property(fc.array(updates, { maxLength: 8 }), keys, fc.boolean(), (steps, asked, freeze) => {
      const tree = createLedgerTree();
      const plain = new Map<string, Uint8Array>();
      const before: { frozen: ReturnType<typeof tree.frozen>; root: Uint8Array; entries: [string, string][] }[] = [];
      for (const step of steps) {
        const root = tree.root();
        expect(root).toEqual(referenceRoot(plain));
        if (freeze) before.push({ frozen: tree.frozen(), root, entries: sorted(plain) });
        const back = tree.apply(step);
        tree.apply(back);
        expect(tree.root()).toEqual(root);
        expect(plainly(tree)).toEqual(sorted(plain));
        tree.apply(step);
        put(plain, step);
        expect(tree.size).toBe(plain.size);
        expect(tree.get(asked)).toEqual(plain.get(asked));
        for (const prefix of ['', 'a', 'k', 'account/', 'account/1', asked])
          expect(plainly(tree, prefix)).toEqual(sorted(plain, prefix));
      }
      expect(tree.root()).toEqual(referenceRoot(plain));
      // What was frozen did not move.
      for (const { frozen, root, entries } of before) {
        expect(plainly(frozen)).toEqual(entries);
        expect(frozen.root()).toEqual(root);
        expect(frozen.size).toBe(entries.length);
      }
    }),
    { numRuns: 100 },
  );
});

it('has one root for one content, in whatever order and pieces it came', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(keys, values), { selector: ([key]) => key, maxLength: 60 }),
      fc.array(keys, { maxLength: 20 }),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(),
      async (entries, removed, size, seed) => {
        const random = createSeededRandom(seed);
        const shuffled = entries
          .map((entry) => ({ entry, place: random.below(1e9) }))
          .sort((one, other) => one.place - other.place)
          .map(({ entry: [key, value] }) => ({ key, value }));
        const inOrder = shuffled.toSorted((one, other) => (one.key < other.key ? -1 : 1));
        const extra = removed.filter((key) => !entries.some(([kept]) => kept === key));
        const detour = createLedgerTree(extra.map((key) => [key, encodeCbor('gone')]));
        detour.root();
        detour.apply(shuffled);
        detour.apply(extra.map((key) => ({ key, value: null })));
        const root = referenceRoot(new Map(entries));
        const loaded = await loadLedgerTree(inPieces(inOrder, size));
        expect(loaded.root()).toEqual(root);
        expect(createLedgerTree(entries).root()).toEqual(root);
        expect(detour.root()).toEqual(root);
        const mixed = await loadLedgerTree(
          inPieces([...shuffled, ...extra.map((key) => ({ key, value: null }))], size),
        );
        expect(mixed.root()).toEqual(root);
        expect(mixed.size).toBe(entries.length);
        // One that was loaded changes like any other.
        loaded.apply([{ key: 'zzz', value: encodeCbor(1) }]);
        expect(loaded.root()).toEqual(referenceRoot(new Map(entries).set('zzz', encodeCbor(1))));
      },
    ),
    { numRuns: 60 },
  );
});

describe('what it is given and gives', () => {
  it('is copied', () => {
    const value = new Uint8Array(encodeCbor(new Uint8Array(200)));
    const copy = new Uint8Array(value);
    const tree = createLedgerTree([['a', value]]);
    const root = tree.root();
    value.fill(1);
    tree.get('a')!.fill(2);
    for (const [, read] of tree.entries('')) read.fill(3);
    tree.apply([])[0]?.value?.fill(4);
    expect(tree.get('a')).toEqual(copy);
    expect(tree.root()).toEqual(root);
  });

  it('is read as it was when reading began', () => {
    const tree = createLedgerTree(Array.from({ length: 100 }, (_, i) => [`k${100 + i}`, encodeCbor(i)]));
    const seen: string[] = [];
    for (const [key] of tree.entries('k')) {
      seen.push(key);
      tree.apply([
        { key: `k${300 + seen.length}`, value: encodeCbor(1) },
        { key: `k${100 + seen.length}`, value: null },
      ]);
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, i) => `k${100 + i}`));
  });

  it('counts by the last word on a key', () => {
    const tree = createLedgerTree();
    const back = tree.apply([
      { key: 'a', value: encodeCbor(1) },
      { key: 'a', value: null },
      { key: 'a', value: encodeCbor(2) },
    ]);
    expect(tree.get('a')).toEqual(encodeCbor(2));
    expect(back).toEqual([{ key: 'a', value: null }]);
    expect(tree.apply([{ key: 'b', value: null }])).toEqual([{ key: 'b', value: null }]);
    expect(tree.size).toBe(1);
  });

  it('holds keys and values of the largest size, and no others', () => {
    const key = '~'.repeat(256);
    const value = new Uint8Array(64 * 1024).fill(7);
    const tree = createLedgerTree([[key, value]]);
    expect(tree.get(key)).toEqual(value);
    expect(tree.root()).toEqual(referenceRoot(new Map([[key, value]])));
    for (const wrong of ['', 'with blank', 'ä', `${key}~`, 'new\nline'])
      expect(() => tree.apply([{ key: wrong, value }])).toThrow('A key of the state is none');
    expect(() => tree.apply([{ key: 'a', value: new Uint8Array(64 * 1024 + 1) }])).toThrow('too large');
    // Nothing of a change that is refused is made.
    expect(() =>
      tree.apply([
        { key: 'a', value },
        { key: '', value },
      ]),
    ).toThrow('is none');
    expect(tree.size).toBe(1);
  });
});

it('gives way to others while much is loaded and hashed', async () => {
  const entries = Array.from({ length: 20_000 }, (_, i) => ({
    key: `account/${String(i).padStart(6, '0')}`,
    value: encodeCbor({ nonce: i }),
  }));
  let turns = 0;
  let running = true;
  const count = (): void => {
    turns += 1;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  const loaded = await loadLedgerTree(inPieces(entries, 20_000));
  expect(turns).toBeGreaterThanOrEqual(18);
  const loadedRoot = loaded.root();
  turns = 0;
  const changes = entries.map(({ key }, i) => ({ key, value: encodeCbor({ nonce: i + 1 }) }));
  const back = loaded.apply(changes);
  const changedRoot = await loaded.rootInTurns();
  expect(turns).toBeGreaterThanOrEqual(9);
  expect(changedRoot).toEqual(createLedgerTree(changes.map(({ key, value }) => [key, value])).root());
  loaded.apply(back);
  expect(loaded.root()).toEqual(loadedRoot);
  running = false;
});
