import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorkerPool, type WorkerPool } from '../../../../main/base/index.ts';
import { createManualClock, type ManualClock } from '../../../support/manual-clock.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const workerPath = join(import.meta.dirname, '../../../support/task-worker.ts');
let clock: ManualClock;
let pool: WorkerPool;
const open = (size: number, path = workerPath): WorkerPool =>
  createWorkerPool({ logger: createSilentLogger(), metrics: null, clock }, { workerPath: path, size });
beforeEach(() => {
  clock = createManualClock();
  pool = open(2);
});
afterEach(() => pool.close());

const flag = (): { shared: SharedArrayBuffer; set(): void } => {
  const shared = new SharedArrayBuffer(4);
  return {
    shared,
    set: () => {
      Atomics.store(new Int32Array(shared), 0, 1);
      Atomics.notify(new Int32Array(shared), 0);
    },
  };
};

describe('runs', () => {
  it('give back what the task gives', async () => {
    const value = { bytes: Uint8Array.of(1, 2), big: 7n, list: [null, 'x'] };
    expect(await pool.run('echo', value)).toEqual(value);
  });

  it('report progress in order, up to a bound', async () => {
    const heard: number[] = [];
    expect(await pool.run<number, number, number>('count', 20_000, { onProgress: (n) => heard.push(n) })).toBe(20_000);
    expect(heard).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
  });

  it('move what is transferred', async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    expect(await pool.run('echo', bytes, { transfer: [bytes.buffer] })).toEqual(Uint8Array.of(1, 2, 3));
    expect(bytes.byteLength).toBe(0);
  });

  it('share threads, never more than the size', async () => {
    const { shared, set } = flag();
    const waiting = [
      pool.run<SharedArrayBuffer, number>('wait', shared),
      pool.run<SharedArrayBuffer, number>('wait', shared),
    ];
    const queued = Array.from({ length: 20 }, () => pool.run<null, number>('thread', null));
    set();
    const ids = new Set(await Promise.all([...waiting, ...queued]));
    expect(ids.size).toBe(2);
  });

  it('of the real entry hash', async () => {
    const real = open(1, join(import.meta.dirname, '../../../../main/worker.ts'));
    const digest = await real.run<Uint8Array, Uint8Array>('hash.sha256', new TextEncoder().encode('abc'));
    expect(Buffer.from(digest).toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    await real.close();
  });
});

describe('threads', () => {
  it('end when they have had no work for a while, and start again', async () => {
    const first = await pool.run<null, number>('thread', null);
    await clock.advance(29_000);
    expect(await pool.run('thread', null)).toBe(first);
    await clock.advance(30_000);
    expect(clock.pendingCount).toBe(0);
    expect(await pool.run('thread', null)).not.toBe(first);
  });
});

describe('failures', () => {
  it('carry what the task threw', async () => {
    await expect(pool.run('fail', 'too far')).rejects.toMatchObject({
      name: 'WorkerError',
      code: 'TASK_FAILED',
      data: { task: 'fail', reason: 'too far' },
      cause: { name: 'RangeError' },
    });
    await expect(pool.run('reject', null)).rejects.toMatchObject({
      code: 'TASK_FAILED',
      data: { reason: 'not an error' },
    });
  });

  it('name an unknown task, also one that every object has', async () => {
    for (const task of ['nowhere', 'toString', '__proto__']) {
      await expect(pool.run(task, null)).rejects.toMatchObject({ code: 'TASK_FAILED', data: { task } });
    }
  });

  it('of values that cannot cross hurt only their run', async () => {
    await expect(pool.run('echo', () => 1)).rejects.toMatchObject({ code: 'TASK_FAILED' });
    await expect(pool.run('uncloneable', null)).rejects.toMatchObject({ code: 'TASK_FAILED' });
    expect(await pool.run('echo', 1)).toBe(1);
  });

  it('of a thread hurt only its run, and the thread is replaced', async () => {
    await expect(pool.run('exit', null)).rejects.toMatchObject({
      code: 'TASK_FAILED',
      data: { reason: 'its thread ended with exit code 3' },
    });
    expect(await pool.run('echo', 1)).toBe(1);
  });

  it('of an entry that is not there reach the caller', async () => {
    const broken = open(1, '/nowhere/worker.js');
    await expect(broken.run('echo', 1)).rejects.toMatchObject({ code: 'TASK_FAILED' });
    await broken.close();
  });

  it('of too many at once are refused', async () => {
    const single = open(1);
    const { shared, set } = flag();
    const running = single.run('wait', shared);
    const queued = Array.from({ length: 1024 }, () => single.run('echo', 1));
    await expect(single.run('echo', 2)).rejects.toMatchObject({ code: 'QUEUE_FULL', data: { limit: 1024 } });
    set();
    await Promise.all([running, ...queued]);
    expect(await single.run('echo', 3)).toBe(3);
    await single.close();
  });
});

describe('abort', () => {
  it('ends a task that loops, and its thread is replaced', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const looping = pool.run<null, never, string>('loop', null, {
      signal: controller.signal,
      onProgress: () => {
        controller.abort(reason);
      },
    });
    await expect(looping).rejects.toBe(reason);
    expect(await Promise.all([pool.run('echo', 1), pool.run('echo', 2)])).toEqual([1, 2]);
  });

  it('takes a waiting run out of the queue', async () => {
    const { shared, set } = flag();
    const running = [pool.run('wait', shared), pool.run('wait', shared)];
    const controller = new AbortController();
    const waiting = pool.run('echo', 1, { signal: controller.signal });
    const after = pool.run('echo', 2);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    set();
    await Promise.all(running);
    expect(await after).toBe(2);
  });

  it('before the start runs nothing', async () => {
    await expect(pool.run('echo', 1, { signal: AbortSignal.abort(new Error('early')) })).rejects.toThrow('early');
  });
});

describe('close', () => {
  it('ends what runs and what waits, and may be called twice', async () => {
    const runs = Array.from({ length: 4 }, () => pool.run('loop', null));
    const outcomes = Promise.allSettled(runs);
    await pool.close();
    await pool.close();
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'POOL_CLOSED' } });
    await expect(pool.run('echo', 1)).rejects.toMatchObject({ code: 'POOL_CLOSED' });
    expect(clock.pendingCount).toBe(0);
  });
});
