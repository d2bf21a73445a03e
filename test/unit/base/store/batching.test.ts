import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMetricsRegistry, createStore } from '../../../../main/base/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const workerPath = join(import.meta.dirname, '../../../../main/base/store/worker.ts');
type Kept = NonNullable<Parameters<typeof createSilentLogger>[0]>;

describe('the store', () => {
  it('names a query that takes more than 40 ms, and only that', async () => {
    const kept: Kept = [];
    // Each look at the clock comes one step after the one before, and a query is timed by two looks.
    let nowMs = 0;
    let stepMs = 41;
    const clock = { ...createManualClock(), monotonicMs: () => (nowMs += stepMs) };
    const store = await createStore({ logger: createSilentLogger(kept), metrics: null, clock }, { path: ':memory:' });
    await store.get('test.slow', 'SELECT 1');
    stepMs = 40;
    await store.get('test.quick', 'SELECT 1');
    expect(kept).toEqual([
      { level: 'warn', module: 'store', message: 'Slow query', context: { query: 'test.slow', ms: 41 } },
    ]);
    await store.close();
  });

  it('sends what is asked at once together, and counts it', async () => {
    const clock = createManualClock();
    const metrics = createMetricsRegistry({ clock });
    const store = await createStore({ logger: createSilentLogger(), metrics, clock }, { path: ':memory:' });
    const insert = 'INSERT INTO network_use (month, bytes) VALUES (?, 1)';
    await Promise.allSettled([
      ...Array.from({ length: 30 }, (_, i) => store.run('test.insert', insert, [`m-${i}`])),
      store.run('test.insert', insert, ['m-1']),
    ]);
    const text = await metrics.text();
    expect(text).toContain('hypermesh_store_batch_requests_count 1\n');
    expect(text).toContain('hypermesh_store_batch_requests_sum 31\n');
    expect(text).toContain('hypermesh_store_query_seconds_count{kind="run"} 31\n');
    expect(text).toContain('hypermesh_store_errors_total{code="CONFLICT"} 1\n');
    await store.close();
  });

  it('refuses more than may wait, and loses none of the others', async () => {
    const store = await createStore(
      { logger: createSilentLogger(), metrics: null, clock: createManualClock() },
      { path: ':memory:' },
    );
    const asked = Array.from({ length: 65_540 }, () => store.get('test.one', 'SELECT 1 AS one'));
    const outcomes = await Promise.allSettled(asked);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    expect(refused).toHaveLength(4);
    expect(refused[0]).toMatchObject({ code: 'TOO_MANY_REQUESTS', data: { limit: 65_536 } });
    await store.close();
  });

  it('keeps a bounded number of statements and serves more', async () => {
    const store = await createStore(
      { logger: createSilentLogger(), metrics: null, clock: createManualClock() },
      { path: ':memory:' },
    );
    for (let i = 0; i < 600; i++)
      expect(await store.get('test.many', `SELECT ${i % 300} AS i`)).toEqual({ i: i % 300 });
    await store.close();
  });

  it('refuses a value that is too large before SQLite sees it', async () => {
    const store = await createStore(
      { logger: createSilentLogger(), metrics: null, clock: createManualClock() },
      { path: ':memory:', workerPath },
    );
    await expect(store.get('test.large', 'SELECT ?', [new Uint8Array(32 * 1024 * 1024 + 1)])).rejects.toMatchObject({
      code: 'STATEMENT_FAILED',
    });
    await expect(store.get('test.function', 'SELECT ?', [(() => 1) as never])).rejects.toThrow(
      'no value of type function',
    );
    expect(await store.get('test.next', 'SELECT 1 AS one')).toEqual({ one: 1 });
    await store.close();
  });
});
