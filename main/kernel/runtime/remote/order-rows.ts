import { type JobId, type Statement, type Store } from '../../../base/index.ts';
import type { JobOutputChunk } from '../../../../preload/contract/index.ts';
import { ORDERS_KEPT_MAX } from './constants.ts';
import { decodeFacts, encodeFacts, type OrderFacts } from './order-facts.ts';

/** Bytes of one answer of `output`. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** Rows of jobs elsewhere, their output and results. Every write is one transaction, durable when it resolves. */
export interface OrderRows {
  load(): Promise<{ orders: { id: JobId; facts: OrderFacts; outputBytes: number }[]; unread: number }>;
  /** All or none. */
  insert(orders: readonly { id: JobId; facts: OrderFacts }[]): Promise<void>;
  update(id: JobId, facts: OrderFacts): Promise<void>;
  /** Output that came, in order, from `start` on. */
  addOutput(
    id: JobId,
    start: number,
    chunks: readonly { stream: 'stdout' | 'stderr'; data: Uint8Array }[],
  ): Promise<void>;
  dropOutput(id: JobId): Promise<void>;
  output(id: JobId, offset: number): Promise<{ chunks: JobOutputChunk[]; nextOffset: number }>;
  setResult(id: JobId, result: Uint8Array): Promise<void>;
  result(id: JobId): Promise<Uint8Array | null>;
  remove(ids: readonly JobId[]): Promise<void>;
  /** Ended ones beyond those that are kept, oldest first. */
  surplus(): Promise<JobId[]>;
  outputBytes(): Promise<number>;
  /** The ended one with output that was made first. */
  oldestWithOutput(): Promise<JobId | null>;
}

export const createOrderRows = (store: Store): OrderRows => ({
  load: async () => {
    const rows = await store.all<{ id: JobId; facts: Uint8Array }>(
      'orders.load',
      'SELECT id, facts FROM orders ORDER BY created_at_ms, id',
    );
    const sizes = new Map(
      (
        await store.all<{ id: string; bytes: number }>(
          'orders.output.sizes',
          'SELECT order_id AS id, MAX(start + LENGTH(data)) AS bytes FROM order_output GROUP BY order_id',
        )
      ).map(({ id, bytes }) => [id, bytes]),
    );
    const orders: { id: JobId; facts: OrderFacts; outputBytes: number }[] = [];
    for (const { id, facts } of rows) {
      try {
        orders.push({ id, facts: decodeFacts(facts), outputBytes: sizes.get(id) ?? 0 });
      } catch {
        // Told by their number; the rows stay as they are.
      }
    }
    return { orders, unread: rows.length - orders.length };
  },
  insert: async (orders) => {
    await store.transaction(
      'orders.insert',
      orders.map(({ id, facts }) => ({
        sql: 'INSERT INTO orders (id, facts, created_at_ms) VALUES (?, ?, ?)',
        params: [id, encodeFacts(facts), facts.createdAtMs],
      })),
    );
  },
  update: async (id, facts) => {
    await store.run('orders.update', 'UPDATE orders SET facts = ?, ended_at_ms = ? WHERE id = ?', [
      encodeFacts(facts),
      facts.step === 'ended' ? facts.endedAtMs : null,
      id,
    ]);
  },
  addOutput: async (id, start, chunks) => {
    let at = start;
    await store.transaction(
      'orders.output',
      chunks.map(({ stream, data }): Statement => {
        const params = [id, at, stream, data];
        at += data.length;
        return { sql: 'INSERT INTO order_output (order_id, start, stream, data) VALUES (?, ?, ?, ?)', params };
      }),
    );
  },
  dropOutput: async (id) => {
    await store.run('orders.output.drop', 'DELETE FROM order_output WHERE order_id = ?', [id]);
  },
  output: async (id, offset) => {
    const rows = await store.all<{ start: number; stream: 'stdout' | 'stderr'; bytes: number }>(
      'orders.output.find',
      'SELECT start, stream, LENGTH(data) AS bytes FROM order_output WHERE order_id = ? AND start + LENGTH(data) > ? ORDER BY start',
      [id, offset],
    );
    const chunks: JobOutputChunk[] = [];
    let nextOffset = offset;
    let sum = 0;
    for (const { start, stream } of rows) {
      if (sum >= ANSWER_BYTES_MAX) break;
      const row = await store.get<{ data: Uint8Array }>(
        'orders.output.read',
        'SELECT data FROM order_output WHERE order_id = ? AND start = ?',
        [id, start],
      );
      if (row === undefined) break; // removed meanwhile
      const data = Buffer.from(row.data).subarray(Math.max(0, offset - start));
      nextOffset = start + row.data.length;
      chunks.push({ id, stream, offset: nextOffset - data.length, data: data.toString('base64') });
      sum += data.length;
    }
    return { chunks, nextOffset };
  },
  setResult: async (id, result) => {
    await store.run('orders.result.set', 'INSERT OR REPLACE INTO order_results (order_id, result) VALUES (?, ?)', [
      id,
      result,
    ]);
  },
  result: async (id) =>
    (
      await store.get<{ result: Uint8Array }>(
        'orders.result.get',
        'SELECT result FROM order_results WHERE order_id = ?',
        [id],
      )
    )?.result ?? null,
  remove: async (ids) => {
    await store.transaction(
      'orders.remove',
      ids.map((id) => ({ sql: 'DELETE FROM orders WHERE id = ?', params: [id] })),
    );
  },
  surplus: async () =>
    (
      await store.all<{ id: JobId }>(
        'orders.surplus',
        'SELECT id FROM orders WHERE ended_at_ms IS NOT NULL ORDER BY created_at_ms DESC, id LIMIT -1 OFFSET ?',
        [ORDERS_KEPT_MAX],
      )
    )
      .map(({ id }) => id)
      .reverse(),
  outputBytes: async () =>
    (
      await store.get<{ bytes: number }>(
        'orders.output.sum',
        'SELECT COALESCE(SUM(LENGTH(data)), 0) AS bytes FROM order_output',
      )
    )?.bytes ?? 0,
  oldestWithOutput: async () =>
    (
      await store.get<{ id: JobId }>(
        'orders.oldest',
        'SELECT id FROM orders WHERE ended_at_ms IS NOT NULL AND EXISTS (SELECT 1 FROM order_output WHERE order_id = orders.id) ORDER BY created_at_ms, id LIMIT 1',
      )
    )?.id ?? null,
});
