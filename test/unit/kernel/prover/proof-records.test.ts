import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AssetId, Store } from '../../../../main/base/index.ts';
import { ENTRIES_PER_ASSET_MAX, FILES_PER_ASSET_MAX } from '../../../../main/kernel/prover/constants.ts';
import { createProofRecords, type KeptEntry, type ProofRecords } from '../../../../main/kernel/prover/proof-records.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';

const asset = (letter: string): AssetId => `asset:cpu:b${letter.repeat(58)}` as AssetId;
const idOf = (number: number): string => number.toString(16).padStart(64, '0');
const entryOf = (number: number, change: Partial<KeptEntry> = {}): KeptEntry => ({
  id: idOf(number),
  asset: asset('a'),
  purpose: 'block',
  madeAtMs: number,
  tookMs: 1.5,
  sizeBytes: 10,
  verdict: {
    passed: true,
    combined: idOf(number),
    checks: [],
    asset: asset('a'),
    node: 'key:b',
    purpose: 'block',
    issuedAtMs: 0,
    finishedAtMs: 0,
    expiresAtMs: 0,
    notes: [],
  },
  capacity: { known: false, reason: 'a test' },
  cause: 'schedule',
  height: null,
  level: 50,
  assetCapacity: null,
  ...change,
});
const bytes = Uint8Array.of(1, 2, 3);
const opening = (letter: string): Map<string, Uint8Array> => new Map([[letter.repeat(64), Uint8Array.of(9)]]);

let store: Store;
let records: ProofRecords;
beforeEach(async () => {
  store = await createMemoryStore();
  records = createProofRecords({ store });
});
afterEach(() => store.close());
const count = async (table: string): Promise<number> =>
  (await store.get<{ n: number }>('test', `SELECT count(*) AS n FROM ${table}`))?.n ?? -1;

describe('the table of proofs', () => {
  it('gives back what was put in, newest first', async () => {
    const first = entryOf(1, { height: 4, capacity: { known: true, value: { label: 'x', value: 7, unit: 'bytes' } } });
    await records.add(first, bytes, opening('f'));
    await records.add(entryOf(2, { asset: asset('b') }), bytes, new Map());
    expect(await records.list({ limit: 10 })).toEqual([entryOf(2, { asset: asset('b') }), first]);
    expect(await records.list({ asset: asset('a'), limit: 10 })).toEqual([first]);
    expect(await records.list({ limit: 1 })).toHaveLength(1);
    const whole = await records.proof(idOf(1));
    expect(whole?.entry).toEqual(first);
    expect([...(whole?.proof ?? [])]).toEqual([1, 2, 3]);
    expect([...(whole?.attachments.keys() ?? [])]).toEqual(['f'.repeat(64)]);
    expect(await records.proof(idOf(9))).toBeNull();
  });
  it('knows which proofs no block is known for', async () => {
    await records.add(entryOf(1), bytes, new Map());
    await records.add(entryOf(2, { height: 7 }), bytes, new Map());
    await records.add(entryOf(3, { purpose: 'audit' }), bytes, new Map());
    await records.add(entryOf(4, { verdict: { ...entryOf(4).verdict, passed: false } }), bytes, new Map());
    expect((await records.pending()).map(({ id }) => id)).toEqual([idOf(1)]);
    await records.setHeight(idOf(1), 8);
    expect(await records.pending()).toEqual([]);
    expect((await records.list({ limit: 10 })).map(({ height }) => height)).toEqual([null, null, 7, 8]);
  });
  it('keeps a bounded number of entries and fewer whole proofs, and drops what nothing refers to', async () => {
    for (let number = 0; number < ENTRIES_PER_ASSET_MAX + 5; number++)
      await records.add(entryOf(number), bytes, opening(number < 100 ? 'a' : 'b'));
    await records.add(entryOf(9_999, { asset: asset('b'), madeAtMs: 1 }), bytes, opening('c'));
    expect(await records.list({ asset: asset('a'), limit: 1000 })).toHaveLength(ENTRIES_PER_ASSET_MAX);
    expect(await records.proof(idOf(ENTRIES_PER_ASSET_MAX + 4))).not.toBeNull();
    expect(await records.proof(idOf(ENTRIES_PER_ASSET_MAX + 4 - FILES_PER_ASSET_MAX))).toBeNull();
    expect(await count('proof_uses')).toBe(FILES_PER_ASSET_MAX + 1);
    // The opening of the plot of before is gone with the last whole proof that named it.
    expect(await count('proof_attachments')).toBe(2);
    const newest = await records.newest(3);
    expect([...newest].map(([, list]) => list.map(({ madeAtMs }) => madeAtMs))).toEqual([[204, 203, 202], [1]]);
  });
  it('removes one with all that only it used', async () => {
    await records.add(entryOf(1), bytes, opening('a'));
    await records.remove(idOf(1));
    expect([await count('proofs'), await count('proof_uses'), await count('proof_attachments')]).toEqual([0, 0, 0]);
  });
});
