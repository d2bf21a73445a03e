import { describe, expect, it } from 'vitest';
import { readEntries } from '../../../../../main/apps/satchel/wallet/entries.ts';
import { type EntryRow, type WalletRows, createWalletRows } from '../../../../../main/apps/satchel/wallet/rows.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { createWalletWorld } from '../../../../support/wallet/wallet-world.ts';
import { sha } from '../../caesar/ledger/world.ts';

const LEDGER = sha('ledger', 1);
const entry = (place: number, memo: string): EntryRow => ({
  accountId: 1,
  atMs: place * 1_000,
  place: 1,
  height: place,
  kind: 'received',
  deltaMicro: 1n,
  feeMicro: 0n,
  other: null,
  memo,
  lease: null,
  transaction: null,
  detail: '',
  search: memo.toLowerCase(),
});
/** A history with these notes, oldest first. */
const withNotes = async (notes: readonly string[]): Promise<WalletRows> => {
  const rows = createWalletRows(await createMemoryStore(createManualClock()));
  await rows.addAccount(sha('owner', 1), { account: sha('account', 1), name: 'main', place: 0, listed: true });
  await rows.write(
    LEDGER,
    notes.map((note, i) => entry(i + 1, note)),
    [],
  );
  return rows;
};

describe('a search of the history', () => {
  it('takes every sign of a text for itself', async () => {
    const rows = await withNotes(['100% of it', '100 of it', 'a_b', 'axb', 'c\\d', 'c\\\\d', 'ÄRMEL', '[x]*?']);
    const found = async (text: string): Promise<string[]> => {
      const query = { accountIds: [1], text: { text, others: [] } };
      const page = await rows.page(LEDGER, query, null, 10);
      expect(await rows.count(LEDGER, query)).toBe(page.length);
      return page.map(({ memo }) => memo).reverse();
    };
    expect(await found('100%')).toEqual(['100% of it']);
    expect(await found('0% of')).toEqual(['100% of it']);
    expect(await found('0%of')).toEqual([]);
    expect(await found('a_b')).toEqual(['a_b']);
    expect(await found('\\')).toEqual(['c\\d', 'c\\\\d']);
    expect(await found('\\\\')).toEqual(['c\\\\d']);
    expect(await found('ärm')).toEqual(['ÄRMEL']);
    expect(await found('[x]*?')).toEqual(['[x]*?']);
    expect(await found('?')).toEqual(['[x]*?']);
  });

  it('counts what matches only where a page does not hold it all', async () => {
    const rows = await withNotes(['tea', 'tea', 'tea', 'coffee']);
    let counted = 0;
    const counting: WalletRows = {
      ...rows,
      count: async (...asked) => {
        counted += 1;
        return await rows.count(...asked);
      },
    };
    const world = await createWalletWorld();
    try {
      const request = {
        ledger: { ...world.ledger.followed, id: Buffer.from(LEDGER).toString('hex') },
        accounts: [{ id: 1, account: sha('account', 1), name: 'main', place: 0, listed: true }],
        named: () => [],
        nameOf: () => '',
      };
      const ask = async (query: Parameters<typeof readEntries>[3]): Promise<[lines: number, total: number]> => {
        const { entries, total } = await readEntries(counting, [], request, query);
        return [entries.length, total];
      };
      expect(await ask({ text: 'coffee', limit: 2 })).toEqual([1, 1]);
      expect(await ask({ text: 'milk', limit: 2 })).toEqual([0, 0]);
      expect(counted).toBe(0);
      expect(await ask({ text: 'tea', limit: 3 })).toEqual([3, 3]);
      expect(await ask({ text: 'tea', limit: 2 })).toEqual([2, 3]);
      expect(await ask({ text: 'tea', limit: 2, offset: 2 })).toEqual([1, 3]);
      expect(counted).toBe(3);
    } finally {
      await world.end();
    }
  });
});
