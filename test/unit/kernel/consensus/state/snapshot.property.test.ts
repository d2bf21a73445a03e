import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../../main/base/index.ts';
import {
  type StateSnapshot,
  StateError,
  createLedgerTree,
  loadLedgerTree,
  readSnapshot,
} from '../../../../../main/kernel/consensus/state/index.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';

const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof StateError) return error.code;
    throw error;
  }
  return 'none';
};
const entriesOf = (seed: number, count: number): [string, Uint8Array][] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, () => [
    `account/${Buffer.from(random.bytes(6)).toString('hex')}`,
    encodeCbor(random.bytes(random.below(120))),
  ]);
};
const chunksOf = (snapshot: StateSnapshot): Uint8Array[] =>
  Array.from({ length: snapshot.chunks }, (_, i) => snapshot.chunk(i));
type Piece = (string | Uint8Array)[];

it('brings the same state to somebody else, in whatever order chunks come', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(200), fc.integer({ min: 1, max: 5000 }), async (seed, count, bytes) => {
      const tree = createLedgerTree(entriesOf(seed, count));
      const snapshot = tree.snapshot(bytes);
      const root = tree.root();
      tree.apply([{ key: 'changed', value: encodeCbor('while it is sent') }]);
      const reader = readSnapshot(snapshot.manifest, root);
      expect(reader.chunks).toBe(snapshot.chunks);
      const random = createSeededRandom(seed + 1);
      const order = [...reader.missing]
        .map((index) => ({ index, place: random.below(1e9) }))
        .sort((one, other) => one.place - other.place)
        .map(({ index }) => index);
      const taken = new Map(order.map((index) => [index, reader.take(index, snapshot.chunk(index))]));
      expect(reader.missing).toEqual([]);
      const loaded = await loadLedgerTree(
        (async function* () {
          for (let index = 0; index < snapshot.chunks; index++) yield taken.get(index)!;
        })(),
      );
      expect(loaded.root()).toEqual(root);
      // Chunks are about as large as they were to be: two neighbours never fit into one.
      const size = (index: number): number =>
        taken.get(index)!.reduce((sum, { key, value }) => sum + key.length + value!.length + 8, 0);
      for (let index = 0; index < snapshot.chunks; index++)
        expect(size(index) <= bytes || taken.get(index)!.length === 1).toBe(true);
    }),
    { numRuns: 40 },
  );
});

describe('a chunk', () => {
  const tree = createLedgerTree(entriesOf(7, 120));
  const snapshot = tree.snapshot(1600);
  const reader = readSnapshot(snapshot.manifest, tree.root());
  const chunks = chunksOf(snapshot);
  const index = chunks.findIndex((chunk) => (decodeCbor(chunk) as Piece[]).length > 1);
  const pieces = (): Piece[] => decodeCbor(chunks[index]!) as Piece[];
  const code = (of: unknown): string => refusal(() => reader.take(index, encodeCbor(of)));

  it('is taken as it is, again and again', () => {
    expect(index).toBeGreaterThanOrEqual(0);
    expect(code(pieces())).toBe('none');
    expect(reader.take(index, chunks[index]!)).toEqual(reader.take(index, chunks[index]!));
  });

  it('is refused with any entry changed, left out, added, repeated or moved', () => {
    const flat = pieces();
    const first = flat[0]!;
    const wrong: unknown[] = [
      [first.with(1, encodeCbor('other')), ...flat.slice(1)],
      [first.with(0, `${first[0] as string}!`), ...flat.slice(1)],
      [first.slice(2), ...flat.slice(1)],
      [[...first, 'zzz', encodeCbor(1)], ...flat.slice(1)],
      [[...first.slice(0, 2), ...first], ...flat.slice(1)],
      [[...first.slice(2, 4), ...first.slice(0, 2), ...first.slice(4)], ...flat.slice(1)],
      flat.toReversed(),
      flat.slice(1),
      [...flat, flat.at(-1)],
      [flat.flat()],
      [[], ...flat],
      [first.slice(1), ...flat.slice(1)],
      [first.with(0, 'with blank'), ...flat.slice(1)],
      [first.with(1, new Uint8Array(64 * 1024 + 1)), ...flat.slice(1)],
      [first.with(1, 'text'), ...flat.slice(1)],
      {},
      [],
      ['pieces'],
    ];
    wrong.forEach((one, i) => expect([i, code(one)]).toEqual([i, 'CHUNK_WRONG']));
  });

  it('is refused in another place, with any bit changed, and cut short', () => {
    for (const other of chunks.filter((_, i) => i !== index))
      expect(refusal(() => reader.take(index, other))).toBe('CHUNK_WRONG');
    for (const place of [-1, 0.5, chunks.length, Number.NaN])
      expect(refusal(() => reader.take(place, chunks[index]!))).toBe('CHUNK_WRONG');
    const chunk = chunks[index]!;
    const taken: number[] = [];
    for (let bit = 0; bit < chunk.length * 8; bit += 3) {
      const changed = new Uint8Array(chunk);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      if (refusal(() => reader.take(index, changed)) !== 'CHUNK_WRONG') taken.push(bit);
    }
    expect(taken).toEqual([]);
    expect(refusal(() => reader.take(index, chunk.subarray(0, -1)))).toBe('CHUNK_WRONG');
    expect(refusal(() => reader.take(index, new Uint8Array(1024 * 1024 + 1)))).toBe('CHUNK_WRONG');
  });

  it('is missing until it is taken', () => {
    const fresh = readSnapshot(snapshot.manifest, tree.root());
    expect(fresh.missing).toEqual(chunks.map((_, i) => i));
    expect(refusal(() => fresh.take(1, chunks[0]!))).toBe('CHUNK_WRONG');
    expect(fresh.missing).toContain(1);
    fresh.take(1, chunks[1]!);
    expect(fresh.missing).not.toContain(1);
  });
});

describe('a manifest', () => {
  const tree = createLedgerTree(entriesOf(8, 100));
  const { manifest } = tree.snapshot(2000);
  const fields = decodeCbor(manifest) as { v: number; tree: (number | Uint8Array)[]; chunks: number[] };
  const code = (of: unknown, root = tree.root()): string => refusal(() => readSnapshot(encodeCbor(of), root));

  it('is refused for another root', () => {
    expect(code(fields)).toBe('none');
    expect(code(fields, createLedgerTree().root())).toBe('MANIFEST_WRONG');
    expect(code({ ...fields, tree: [], chunks: [] })).toBe('MANIFEST_WRONG');
    expect(code({ ...fields, tree: [], chunks: [] }, createLedgerTree().root())).toBe('none');
    expect(code({ ...fields, tree: [tree.root()], chunks: [1] })).toBe('none');
  });

  it('is refused when it is anything else', () => {
    const leftmost = fields.tree.findIndex((item) => typeof item !== 'number');
    const wrong: [unknown, string][] = [
      [{ ...fields, v: 2 }, 'VERSION_UNKNOWN'],
      [{ ...fields, v: 'one' }, 'MANIFEST_MALFORMED'],
      [{ ...fields, more: 1 }, 'MANIFEST_MALFORMED'],
      [{ ...fields, tree: fields.tree.slice(0, -1) }, 'MANIFEST_MALFORMED'],
      [{ ...fields, tree: [...fields.tree, tree.root()] }, 'MANIFEST_MALFORMED'],
      [{ ...fields, tree: [5, 5, ...fields.tree] }, 'MANIFEST_MALFORMED'],
      [{ ...fields, tree: [3000, tree.root(), tree.root()] }, 'MANIFEST_MALFORMED'],
      [{ ...fields, tree: [-1, tree.root(), tree.root()] }, 'MANIFEST_MALFORMED'],
      [{ ...fields, tree: fields.tree.with(leftmost, new Uint8Array(31)) }, 'MANIFEST_MALFORMED'],
      [{ ...fields, tree: fields.tree.with(leftmost, new Uint8Array(32)) }, 'MANIFEST_WRONG'],
      [{ ...fields, tree: 'tree' }, 'MANIFEST_MALFORMED'],
      [{ ...fields, chunks: fields.chunks.slice(1) }, 'MANIFEST_MALFORMED'],
      [{ ...fields, chunks: [...fields.chunks, 1] }, 'MANIFEST_MALFORMED'],
      [{ ...fields, chunks: [...fields.chunks, 0] }, 'MANIFEST_MALFORMED'],
      [{ ...fields, chunks: [-1] }, 'MANIFEST_MALFORMED'],
      [[fields], 'MANIFEST_MALFORMED'],
      [null, 'MANIFEST_MALFORMED'],
    ];
    wrong.forEach(([one, expected], i) => expect([i, code(one)]).toEqual([i, expected]));
    const taken: number[] = [];
    for (let bit = 0; bit < manifest.length * 8; bit++) {
      const changed = new Uint8Array(manifest);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      if (refusal(() => readSnapshot(changed, tree.root())) === 'none') taken.push(bit);
    }
    expect(taken).toEqual([]);
  });

  it('that goes down as far as bits do is read', () => {
    // 2056 nodes inside each other: the deepest there can be.
    const items: (number | Uint8Array)[] = [];
    for (let bit = 0; bit < 2056; bit++) items.push(bit);
    for (let piece = 0; piece <= 2056; piece++) items.push(new Uint8Array(32).fill(piece));
    expect(code({ v: 1, tree: items, chunks: [2057] })).toBe('MANIFEST_WRONG');
  });
});
