import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createStore,
  createSystemOutside,
  encodeCbor,
  isNodeError,
  newJobId,
  type JobId,
} from '../../../../main/base/index.ts';
import { JOBS_KEPT_MAX, JOBS_RUNNING_MAX, MODULE_BYTES_MAX } from '../../../../main/kernel/runtime/constants.ts';
import { allocatedMemoryBytes } from '../../../../main/kernel/runtime/index.ts';
import { processStarted } from '../../../../main/kernel/runtime/processes.ts';
import {
  jobView,
  MODULE_BYTES_MAX as CONTRACT_MODULE_BYTES_MAX,
  type JobOutputChunk,
  type JobView,
} from '../../../../preload/contract/index.ts';
import {
  createRuntimeBench,
  runToEnd,
  specOf,
  testHost,
  viewWhen,
  type RuntimeBench,
} from '../../../support/runtime.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';
import { compileWat, wasmFixture } from '../../../support/wasm.ts';

const { clock, random } = createSystemOutside();
const hosts = join(import.meta.dirname, '..', '..', '..', 'fixtures', 'hosts');
const alive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
/** Waits, for as long as the test may take. */
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await clock.sleep(10);
};

let bench: RuntimeBench;
let spin: Uint8Array;
let hello: Uint8Array;
beforeAll(async () => {
  bench = await createRuntimeBench({ governors: ['duty-cycle'] });
  spin = await wasmFixture('spin');
  hello = await wasmFixture('hello');
});
afterAll(() => bench.close());

describe('a job on its way', () => {
  it('is told of from start to end, in views that the contract accepts', async () => {
    const seen: JobView[] = [];
    const chunks: JobOutputChunk[] = [];
    const stops = [
      bench.runtime.on('jobChanged', (view) => seen.push(view)),
      bench.runtime.on('outputWritten', (chunk) => chunks.push(chunk)),
    ];
    const first = await bench.runtime.submit(specOf(hello, { name: 'watched' }));
    await viewWhen(bench.runtime, first.id, ({ state }) => state === 'ended');
    for (const stop of stops) stop();
    // A slow machine gives time for views of the same state: one is told each second.
    const states = seen.map(({ state }) => state);
    expect(states.filter((state, index) => state !== states[index - 1])).toEqual(['starting', 'running', 'ended']);
    for (const view of seen) expect(jobView.parse(view)).toEqual(view);
    expect(Buffer.from(chunks.map(({ data }) => data).join(''), 'base64').toString()).toBe('watched\n');
    expect(await bench.runtime.get(first.id as JobId)).toEqual(seen.at(-1));
    expect((await bench.runtime.list())[0]).toEqual(seen.at(-1));
  });

  it('holds promises of what it takes, hosting included, and gives them back', async () => {
    const { id } = await bench.runtime.submit(specOf(spin, { cpuPercent: 30 }));
    expect(
      bench.book
        .list()
        .toSorted((a, b) => a.resource.localeCompare(b.resource))
        .map(({ resource, promised, purpose }) => ({ resource, promised, purpose })),
    ).toEqual([
      { resource: 'cpu', promised: 300, purpose: id },
      { resource: 'memory', promised: allocatedMemoryBytes(specOf(spin), spin.length), purpose: id },
    ]);
    expect(bench.pids.size).toBe(1);
    const measured = await viewWhen(
      bench.runtime,
      id,
      (view) => view.measured.cpuPercentMean !== null && view.measured.cpuPercentNow !== null,
    );
    expect(measured.measured.memoryBytesPeak).not.toBeNull();
    expect(bench.book.promises().find(({ resource }) => resource === 'cpu')?.measured).toBeGreaterThan(0);
    await expect(bench.runtime.remove(id as JobId)).rejects.toMatchObject({ code: 'JOB_RUNNING' });
    const [pid] = bench.pids;
    expect(await bench.runtime.cancel(id as JobId)).toMatchObject({ state: 'ended', end: { why: 'cancelled' } });
    expect([bench.book.size, bench.pids.size, bench.runtime.running, alive(pid!)]).toEqual([0, 0, 0, false]);
    expect(await bench.runtime.cancel(id as JobId)).toMatchObject({ end: { why: 'cancelled' } });
  });

  it('is frozen at level 0, does not age, continues, and can be cancelled frozen', async () => {
    const { id } = await bench.runtime.submit(specOf(spin, { timeMsMax: 3000 }));
    bench.setCpuPercent(0);
    expect(await bench.runtime.get(id as JobId)).toMatchObject({
      state: 'frozen',
      effectiveCpuPercent: 0,
      startedAtMs: expect.any(Number),
    });
    const [pid] = bench.pids;
    await until(() => readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') T '));
    await clock.sleep(3200);
    expect(await bench.runtime.get(id as JobId)).toMatchObject({ state: 'frozen', measured: { cpuPercentNow: 0 } });
    bench.setCpuPercent(100);
    await viewWhen(bench.runtime, id, ({ state }) => state === 'running');
    bench.setCpuPercent(0);
    await viewWhen(bench.runtime, id, ({ state }) => state === 'frozen');
    expect(await bench.runtime.cancel(id as JobId)).toMatchObject({ state: 'ended', end: { why: 'cancelled' } });
    bench.setCpuPercent(100);
  });

  it('ends as the owner wishes when its memory is no longer lent, and by endAll', async () => {
    const { id } = await bench.runtime.submit(specOf(spin));
    bench.setMemoryPercent(0);
    expect(await viewWhen(bench.runtime, id, ({ state }) => state === 'ended')).toMatchObject({
      end: { why: 'owner', message: expect.any(String) },
    });
    bench.setMemoryPercent(100);
    const second = await bench.runtime.submit(specOf(spin));
    expect(await bench.runtime.endAll('Stopped by a test.')).toBe(1);
    expect(await bench.runtime.get(second.id as JobId)).toMatchObject({
      end: { why: 'owner', message: 'Stopped by a test.' },
    });
  });

  it('can be cancelled while it starts', async () => {
    const submitted = bench.runtime.submit(specOf(spin));
    const { id } = await new Promise<JobView>((resolve) => bench.runtime.on('jobChanged', resolve));
    expect(await bench.runtime.cancel(id as JobId)).toMatchObject({
      state: 'ended',
      startedAtMs: null,
      end: { why: 'cancelled' },
    });
    expect(await submitted).toMatchObject({ id, state: 'ended', end: { why: 'cancelled' } });
    expect([bench.book.size, bench.pids.size]).toEqual([0, 0]);
  });

  it('is not begun when the level does not cover it, and leaves nothing', async () => {
    const before = (await bench.runtime.list()).length;
    bench.setCpuPercent(0);
    await expect(bench.runtime.submit(specOf(spin))).rejects.toMatchObject({ code: 'LEVEL_EXCEEDED' });
    bench.setCpuPercent(100);
    expect([(await bench.runtime.list()).length, bench.book.size, bench.runtime.running]).toEqual([before, 0, 0]);
  });

  it('takes what is free, up to a whole core, when it asks for no share', async () => {
    const { cpuPercent: _, ...spec } = specOf(spin);
    const whole = await bench.runtime.submit(spec);
    expect(whole.promised.cpuPercent).toBe(100);
    // 1 % of 64 cores: one job has a whole core of 640 millicores, so that the next is refused.
    bench.setCpuPercent(1);
    await expect(bench.runtime.submit(spec)).rejects.toMatchObject({ code: 'LEVEL_EXCEEDED' });
    await bench.runtime.cancel(whole.id as JobId);
    const [first, ...others] = await Promise.all([
      bench.runtime.submit(spec),
      bench.runtime.submit(specOf(spin, { cpuPercent: 1 })).catch((error: unknown) => error),
    ]);
    expect(first.promised.cpuPercent).toBe(64);
    expect(others).toMatchObject([{ code: 'LEVEL_EXCEEDED' }]);
    await bench.runtime.cancel(first.id as JobId);
    const part = await bench.runtime.submit(specOf(spin, { cpuPercent: 60 }));
    const rest = await bench.runtime.submit(spec);
    expect(rest).toMatchObject({ promised: { cpuPercent: 4 }, effectiveCpuPercent: 4 });
    for (const { id } of [part, rest]) await bench.runtime.cancel(id as JobId);
    bench.setCpuPercent(0);
    await expect(bench.runtime.submit(spec)).rejects.toMatchObject({ code: 'LEVEL_EXCEEDED' });
    bench.setCpuPercent(100);
    expect([bench.runtime.running, bench.book.size]).toEqual([0, 0]);
  });

  it('can be forgotten when it has ended', async () => {
    const { view } = await runToEnd(bench.runtime, specOf(hello));
    const removed = new Promise((resolve) => bench.runtime.on('jobRemoved', resolve));
    await bench.runtime.remove(view.id as JobId);
    expect(await removed).toEqual({ id: view.id });
    for (const call of ['get', 'cancel', 'remove'] as const)
      await expect(bench.runtime[call](view.id as JobId)).rejects.toMatchObject({ code: 'JOB_UNKNOWN' });
    await expect(bench.runtime.output(view.id as JobId, 0)).rejects.toMatchObject({ code: 'JOB_UNKNOWN' });
  });
});

describe('output', () => {
  it('keeps the order of both streams, in offsets without gaps, from any offset', async () => {
    const { id } = await bench.runtime.submit(
      specOf('for (let i = 0; i < 40; i++) { (i % 2 ? console.error : print)("line " + i); }', {}),
    );
    await viewWhen(bench.runtime, id, ({ state }) => state === 'ended');
    await bench.runtime.idle();
    const { chunks, nextOffset, ended } = await bench.runtime.output(id as JobId, 0);
    let offset = 0;
    for (const chunk of chunks) {
      expect(chunk.offset).toBe(offset);
      offset += Buffer.from(chunk.data, 'base64').length;
    }
    expect([nextOffset, ended]).toEqual([offset, true]);
    const whole = Buffer.concat(chunks.map(({ data }) => Buffer.from(data, 'base64')));
    for (const from of [1, 17, whole.length - 1, whole.length, whole.length + 5]) {
      const part = await bench.runtime.output(id as JobId, from);
      expect(Buffer.concat(part.chunks.map(({ data }) => Buffer.from(data, 'base64')))).toEqual(whole.subarray(from));
      expect(part.ended).toBe(true);
    }
  });

  it('is told of at most 20 times a second, however fast it comes', async () => {
    let told = 0;
    const stop = bench.runtime.on('outputWritten', () => told++);
    const startMs = clock.monotonicMs();
    const { view } = await runToEnd(
      bench.runtime,
      specOf('for (let i = 0; i < 20000; i++) { (i % 2 ? console.error : print)(i); }', {
        outputBytesMax: 16 * 1024 * 1024,
      }),
    );
    stop();
    expect(view.end).toEqual({ why: 'exited', exitCode: 0 });
    // What the bucket held at first, what came since, and two for the last flush.
    expect(told).toBeLessThanOrEqual(20 + ((clock.monotonicMs() - startMs) / 1000) * 20 + 4);
  });
});

describe('a bad module', () => {
  it.each([
    ['empty', ''],
    ['text', Buffer.from('#!/bin/sh\necho hello').toString('base64')],
    ['cut off', Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 9, 1]).toString('base64')],
  ])('that is %s is refused in a sentence', async (_, module) => {
    await expect(bench.runtime.submit(specOf(hello, { module }))).rejects.toMatchObject({
      name: 'RuntimeError',
      code: 'MODULE_INVALID',
      message: expect.stringMatching(/^The .*\.$/),
    });
    expect([bench.runtime.running, bench.book.size]).toEqual([0, 0]);
  });

  it('of 500 MB is refused before it is decoded', async () => {
    await expect(bench.runtime.submit(specOf(hello, { module: 'A'.repeat(511_000_000) }))).rejects.toMatchObject({
      code: 'MODULE_TOO_LARGE',
      data: { bytesMax: MODULE_BYTES_MAX },
    });
    expect(MODULE_BYTES_MAX).toBe(CONTRACT_MODULE_BYTES_MAX);
  });

  it('whose code is not valid is refused by the compiler, and never was a job', async () => {
    const invalid = await compileWat(
      '(module (memory (export "memory") 1) (func (export "_start") (drop (i32.const 5))))',
    );
    invalid[invalid.lastIndexOf(0x1a)] = 0x6a; // drop becomes i32.add
    await expect(bench.runtime.submit(specOf(invalid))).rejects.toMatchObject({
      code: 'MODULE_INVALID',
      message: expect.stringContaining('not valid'),
    });
    await bench.runtime.idle();
    expect([bench.runtime.running, bench.book.size, bench.pids.size]).toEqual([0, 0, 0]);
    expect(await bench.store.get('test.starting', "SELECT id FROM jobs WHERE state <> 'ended'")).toBeUndefined();
  });

  it('that is large is read by a worker', async () => {
    const filler = Buffer.alloc(3 * 1024 * 1024);
    const size = filler.length;
    const custom = Buffer.concat([
      Buffer.from([0, (size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, ((size >> 14) & 0x7f) | 0x80, size >> 21]),
      filler,
    ]);
    const { view, stdout } = await runToEnd(bench.runtime, specOf(Buffer.concat([hello, custom]), { name: 'large' }));
    expect([stdout.toString(), view.moduleBytes]).toEqual(['large\n', hello.length + custom.length]);
    await expect(bench.runtime.submit(specOf(Buffer.concat([custom, hello])))).rejects.toMatchObject({
      code: 'MODULE_INVALID',
    });
  });

  it('of random changes to a real one ends in a typed error or an ended job', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 8, max: hello.length - 1 }), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        async (changes) => {
          const bytes = hello.slice();
          for (const [at, value] of changes) bytes[at] = value;
          const result = await runToEnd(bench.runtime, specOf(bytes, { timeMsMax: 500, outputBytesMax: 10_000 })).catch(
            (error: unknown) => error,
          );
          expect(isNodeError(result) || (result as { view: JobView }).view.end !== null).toBe(true);
        },
      ),
      { numRuns: 25 },
    );
    expect([bench.runtime.running, bench.book.size, bench.pids.size]).toEqual([0, 0, 0]);
  });
});

describe('a host that misbehaves', () => {
  const withHost = async (name: string, test: (bench: RuntimeBench) => Promise<void>): Promise<void> => {
    const path = join(hosts, name);
    const other = await createRuntimeBench({
      governors: ['duty-cycle'],
      host: name.endsWith('.mjs') ? { ...testHost, script: path } : { ...testHost, execPath: path },
    });
    try {
      await test(other);
    } finally {
      await other.close();
    }
  };

  it('and speaks no frames ends its job', () =>
    withHost('babbler.sh', async ({ runtime, pids }) => {
      const { end } = await runtime
        .submit(specOf(hello))
        .then(({ id }) => viewWhen(runtime, id, ({ state }) => state === 'ended'));
      expect(end).toMatchObject({ why: 'crashed', message: expect.stringContaining('broken protocol') });
      expect(pids.size).toBe(0);
    }));

  it('and ends at once, explains why', () =>
    withHost('dying.sh', async ({ runtime, book }) => {
      expect((await runtime.submit(specOf(hello))).end).toMatchObject({
        why: 'crashed',
        message: expect.stringMatching(/code 3.*no such thing/),
      });
      expect(book.size).toBe(0);
    }));

  it('and does not exist, ends its job too', () =>
    withHost('absent.sh', async ({ runtime, book }) => {
      expect((await runtime.submit(specOf(hello))).end).toMatchObject({ why: 'crashed' });
      expect([book.size, runtime.running]).toEqual([0, 0]);
    }));

  it('and takes more memory than was allocated is ended', () =>
    withHost('greedy.mjs', async ({ runtime }) => {
      const { id } = await runtime.submit(specOf(hello));
      expect((await viewWhen(runtime, id, ({ state }) => state === 'ended')).end).toMatchObject({
        why: 'limit',
        limit: 'memory',
        message: expect.stringMatching(/took \d+\.\d MiB of memory and was allowed 113\.0 MiB/),
      });
    }));

  it('holds a place of the 64 there are until it is ended', () =>
    withHost('sleeper.sh', async ({ runtime, book }) => {
      const submitted = Array.from({ length: JOBS_RUNNING_MAX }, () => runtime.submit(specOf(hello)));
      await expect(runtime.submit(specOf(hello))).rejects.toMatchObject({
        code: 'TOO_MANY_JOBS',
        data: { jobsMax: JOBS_RUNNING_MAX },
      });
      await until(async () => (await runtime.list()).length === JOBS_RUNNING_MAX);
      await runtime.stop();
      await runtime.stop();
      for (const view of await Promise.all(submitted)) expect(view.end).toMatchObject({ why: 'lost' });
      expect([runtime.running, book.size]).toEqual([0, 0]);
      await expect(runtime.submit(specOf(hello))).rejects.toMatchObject({ code: 'STOPPING' });
    }));
});

describe('bounds', () => {
  it('keep the newest jobs and remove the oldest', async () => {
    const spec = {
      name: 'old',
      kind: 'wasm',
      args: [],
      cpuPercent: 1,
      memoryBytes: 1,
      timeMsMax: 1,
      outputBytesMax: 1,
      scratchBytesMax: 0,
    };
    const measured = {
      measured: {
        cpuMs: null,
        cpuPercentMean: null,
        cpuPercentNow: null,
        memoryBytesPeak: null,
        outputBytes: 0,
        startMs: null,
      },
      governor: 'none',
    };
    const ids = Array.from({ length: JOBS_KEPT_MAX + 3 }, () => newJobId(random));
    await bench.store.transaction(
      'test.old',
      ids.map((id, index) => ({
        sql: "INSERT INTO jobs (id, spec, module_sha256, module_bytes, state, side, origin, facts, created_at_ms, ended_at_ms, job_end, measured) VALUES (?, ?, 'x', 1, 'ended', 'own', x'a0', x'a0', ?, 1, ?, ?)",
        params: [id, encodeCbor(spec), index, encodeCbor({ why: 'cancelled' }), encodeCbor(measured)],
      })),
    );
    await runToEnd(bench.runtime, specOf(hello, { name: 'newest' }));
    await until(
      async () =>
        (await bench.store.get<{ n: number }>('test.count', 'SELECT COUNT(*) AS n FROM jobs'))!.n === JOBS_KEPT_MAX,
    );
    const list = await bench.runtime.list();
    expect([list.length, list[0]!.name]).toEqual([200, 'newest']);
    await expect(bench.runtime.get(ids[0]!)).rejects.toMatchObject({ code: 'JOB_UNKNOWN' });
    expect(await bench.runtime.get(ids.at(-1)!)).toMatchObject({ name: 'old', state: 'ended' });
  });
});

describe('a node that is killed', () => {
  const startNode = async (
    path: string,
    dieWithNode: boolean,
    freeze: boolean,
  ): Promise<{ kill: () => Promise<void>; hostPid: number }> => {
    const node = spawn(
      process.execPath,
      [
        join(import.meta.dirname, '..', '..', '..', 'support', 'runtime-node-worker.ts'),
        path,
        String(dieWithNode),
        String(freeze),
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(node.stdout, 'data')) as [Buffer];
    return {
      hostPid: Number(line.toString()),
      kill: async () => {
        node.kill('SIGKILL');
        await once(node, 'exit');
      },
    };
  };
  const inFolder = async (test: (path: string) => Promise<void>): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'runtime-'));
    try {
      await test(join(folder, 'test.db'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const openAgain = async (path: string): Promise<RuntimeBench> => {
    const store = await createStore({ logger: createSilentLogger(), metrics: null, clock }, { path });
    return createRuntimeBench({ store, governors: ['duty-cycle'] });
  };

  it.each([
    ['by the system', true],
    ['because their pipe closes', false],
  ])('takes its hosts with it, %s, and the job is lost at the next start', (_, dieWithNode) =>
    inFolder(async (path) => {
      const node = await startNode(path, dieWithNode, false);
      expect(alive(node.hostPid)).toBe(true);
      await node.kill();
      await until(() => !alive(node.hostPid));
      const again = await openAgain(path);
      expect(await again.runtime.list()).toMatchObject([{ state: 'ended', end: { why: 'lost' } }]);
      expect(again.book.size).toBe(0);
      await again.close();
    }),
  );

  it('leaves a frozen host that watches its pipe, and the next start ends it', () =>
    inFolder(async (path) => {
      const node = await startNode(path, false, true);
      await until(() => readFileSync(`/proc/${node.hostPid}/stat`, 'latin1').includes(') T '));
      await node.kill();
      expect(alive(node.hostPid)).toBe(true);
      const again = await openAgain(path);
      await until(() => !alive(node.hostPid));
      await again.close();
    }));

  it('never has another process ended that got the same number', () =>
    inFolder(async (path) => {
      const stranger = spawn('sleep', ['300'], { detached: true });
      const started = await processStarted(stranger.pid!, process.platform);
      expect(started).toMatch(/^[0-9a-f-]{36}\/\d+$/);
      const store = await createStore({ logger: createSilentLogger(), metrics: null, clock }, { path });
      for (const other of [`${started}0`, null]) {
        await store.run(
          'test.row',
          "INSERT INTO jobs (id, spec, module_sha256, module_bytes, state, side, origin, facts, record, created_at_ms) VALUES (?, ?, 'x', 1, 'running', 'own', x'a0', x'a0', ?, 1)",
          [
            newJobId(random),
            encodeCbor({
              name: 'x',
              kind: 'wasm',
              args: [],
              cpuPercent: 1,
              memoryBytes: 1,
              timeMsMax: 1,
              outputBytesMax: 1,
              scratchBytesMax: 0,
            }),
            encodeCbor({ pid: stranger.pid!, started: other }),
          ],
        );
      }
      const again = await createRuntimeBench({ store, governors: ['duty-cycle'] });
      expect(alive(stranger.pid!)).toBe(true);
      expect(await again.runtime.list()).toMatchObject([{ end: { why: 'lost' } }, { end: { why: 'lost' } }]);
      await again.close();
      stranger.kill('SIGKILL');
    }));
});
