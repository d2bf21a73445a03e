import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../main/base/index.ts';

/** What every store must do, however it is held. @param open - opens an empty one with the real schema */
export const testStore = (open: () => Promise<Store>): void => {
  let store: Store;
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => store.close());

  const put = (key: string, value: Uint8Array, atMs = 1): Promise<number> =>
    store.run('test.put', 'INSERT INTO settings (key, value, updated_at_ms) VALUES (?, ?, ?)', [key, value, atMs]);
  const keys = async (): Promise<string[]> =>
    (await store.all<{ key: string }>('test.keys', 'SELECT key FROM settings ORDER BY key')).map((row) => row.key);

  describe('values', () => {
    it('gives back what was put in, as plain byte arrays and exact numbers', async () => {
      const value = Uint8Array.of(0, 1, 255);
      await put('a', value, 1_767_225_600_000);
      const row = await store.get('test.get', 'SELECT * FROM settings WHERE key = ?', ['a']);
      expect(row).toEqual({ key: 'a', value, updated_at_ms: 1_767_225_600_000 });
      expect(Object.getPrototypeOf(row!['value'])).toBe(Uint8Array.prototype);
    });

    it('keeps integers exact beyond what a number can hold', async () => {
      const row = await store.get('test.big', 'SELECT ? AS big, ? AS edge, ? AS least', [
        2n ** 63n - 1n,
        2 ** 53 - 1,
        -(2n ** 63n),
      ]);
      expect(row).toEqual({ big: 2n ** 63n - 1n, edge: 2 ** 53 - 1, least: -(2n ** 63n) });
    });

    it('tells integers from fractions', async () => {
      const row = await store.get(
        'test.types',
        'SELECT typeof(?) AS a, typeof(?) AS b, typeof(?) AS c, typeof(?) AS d',
        [1_767_225_600_000, 0.5, null, ''],
      );
      expect(row).toEqual({ a: 'integer', b: 'real', c: 'null', d: 'text' });
    });

    it('keeps text with zeros and characters of every plane', async () => {
      const text = 'a\u0000b — Ωß 🦊';
      expect(await store.get('test.text', 'SELECT ? AS text', [text])).toEqual({ text });
    });

    it('takes a view into a larger buffer for what it shows', async () => {
      await put('view', new Uint8Array([9, 1, 2, 9]).subarray(1, 3));
      expect(await store.get('test.view', 'SELECT value FROM settings')).toEqual({ value: Uint8Array.of(1, 2) });
    });
  });

  describe('requests', () => {
    it('finds nothing as undefined and as an empty list', async () => {
      expect(await store.get('test.none', 'SELECT * FROM settings')).toBeUndefined();
      expect(await store.all('test.none', 'SELECT * FROM settings')).toEqual([]);
    });

    it('counts the rows that a statement changed', async () => {
      await put('a', Uint8Array.of());
      await put('b', Uint8Array.of());
      expect(await store.run('test.update', 'UPDATE settings SET updated_at_ms = 5')).toBe(2);
      expect(await store.run('test.update', 'UPDATE settings SET updated_at_ms = 6 WHERE key = ?', ['z'])).toBe(0);
    });

    it('takes effect in the order of the calls, reads between writes included', async () => {
      const results = await Promise.all([keys(), put('b', Uint8Array.of()), keys(), put('a', Uint8Array.of()), keys()]);
      expect(results).toEqual([[], 1, ['b'], 1, ['a', 'b']]);
    });

    it('serves thousands at once', async () => {
      await Promise.all(
        Array.from({ length: 5000 }, (_, i) => put(`key-${String(i).padStart(5, '0')}`, Uint8Array.of(i & 255))),
      );
      expect(await store.get('test.count', 'SELECT count(*) AS n FROM settings')).toEqual({ n: 5000 });
    });

    it('returns rows of writes', async () => {
      const rows = await store.all(
        'test.returning',
        "INSERT INTO network_use (month, bytes) VALUES ('2026-01', 7) RETURNING month, bytes",
      );
      expect(rows).toEqual([{ month: '2026-01', bytes: 7 }]);
    });
  });

  describe('transactions', () => {
    const insert = (month: string, bytes: number): { sql: string; params: (string | number)[] } => ({
      sql: 'INSERT INTO network_use (month, bytes) VALUES (?, ?)',
      params: [month, bytes],
    });
    const months = async (): Promise<string[]> =>
      (await store.all<{ month: string }>('test.months', 'SELECT month FROM network_use ORDER BY month')).map(
        (row) => row.month,
      );

    it('are all or nothing', async () => {
      await store.transaction('test.both', [insert('2026-01', 1), insert('2026-02', 2)]);
      await expect(store.transaction('test.half', [insert('2026-03', 3), insert('2026-01', 4)])).rejects.toMatchObject({
        code: 'CONFLICT',
        data: { reason: 'unique' },
      });
      expect(await months()).toEqual(['2026-01', '2026-02']);
    });

    it('are undone when a statement changes another number of rows than it must', async () => {
      const update = {
        sql: 'UPDATE network_use SET bytes = bytes + 1 WHERE month = ?',
        params: ['2026-01'],
        changes: 1,
      };
      await expect(store.transaction('test.changes', [insert('2026-05', 1), update])).rejects.toMatchObject({
        name: 'StoreError',
        code: 'CONFLICT',
        data: { reason: 'changes', name: 'test.changes', expected: 1, actual: 0 },
      });
      expect(await months()).toEqual([]);
      await store.transaction('test.changes', [insert('2026-01', 1), update]);
      expect(await store.get('test.bytes', 'SELECT bytes FROM network_use')).toEqual({ bytes: 2 });
    });

    it('that fail leave those beside them in place', async () => {
      const outcomes = await Promise.allSettled([
        store.transaction('test.one', [insert('2026-01', 1)]),
        store.transaction('test.two', [insert('2026-02', 1), insert('2026-02', 1)]),
        store.run('test.three', 'INSERT INTO network_use (month, bytes) VALUES (?, ?)', ['2026-01', 1]),
        store.transaction('test.four', [insert('2026-03', 1)]),
      ]);
      expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
      expect(await months()).toEqual(['2026-01', '2026-03']);
    });

    it('may be empty', async () => {
      await store.transaction('test.empty', []);
    });
  });

  describe('refusals', () => {
    it('name the statement that is wrong', async () => {
      await expect(store.all('test.typo', 'SELEKT 1')).rejects.toMatchObject({
        code: 'STATEMENT_FAILED',
        data: { name: 'test.typo', sqliteCode: 'SQLITE_ERROR' },
      });
      await expect(store.run('test.missing', 'DELETE FROM nowhere')).rejects.toMatchObject({
        code: 'STATEMENT_FAILED',
      });
      await expect(store.get('test.params', 'SELECT ?', [])).rejects.toMatchObject({ code: 'STATEMENT_FAILED' });
      await expect(store.get('test.two', 'SELECT 1; SELECT 2')).rejects.toMatchObject({ code: 'STATEMENT_FAILED' });
    });

    it('hold columns to their types and rows to what they refer to', async () => {
      await expect(
        store.run('test.strict', "INSERT INTO network_use (month, bytes) VALUES ('x', 'many')"),
      ).rejects.toMatchObject({
        code: 'STATEMENT_FAILED',
        data: { sqliteCode: 'SQLITE_CONSTRAINT_DATATYPE' },
      });
      const orphan = "INSERT INTO allocations VALUES ('alloc-1', 'asset:cpu:none', 'cpu', 1, 'test', 1)";
      await expect(store.run('test.foreign', orphan)).rejects.toMatchObject({
        data: { sqliteCode: 'SQLITE_CONSTRAINT_FOREIGNKEY' },
      });
    });

    it('answer everything after the end, and closing twice is nothing', async () => {
      const last = put('last', Uint8Array.of());
      const closed = store.close();
      await expect(last).resolves.toBe(1);
      await closed;
      await store.close();
      await expect(store.get('test.late', 'SELECT 1')).rejects.toMatchObject({ code: 'STORE_CLOSED' });
      await expect(store.transaction('test.late', [])).rejects.toMatchObject({ code: 'STORE_CLOSED' });
      await expect(store.sizeBytes()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    });
  });

  it('knows its size', async () => {
    const before = await store.sizeBytes();
    expect(before).toBeGreaterThan(0);
    await put('large', new Uint8Array(1_000_000));
    expect((await store.sizeBytes()) - before).toBeGreaterThan(900_000);
  });
};
