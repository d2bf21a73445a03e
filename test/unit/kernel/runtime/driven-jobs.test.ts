import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStore, createSystemOutside, encodeCbor, type JobId, type Store } from '../../../../main/base/index.ts';
import { createContentStore, type ContentStore } from '../../../../main/kernel/runtime/content/index.ts';
import type { WorkFolder } from '../../../../main/kernel/runtime/drivers/interface.ts';
import { FIRST_FACTS } from '../../../../main/kernel/runtime/job-facts.ts';
import { jobView, type JobView } from '../../../../preload/contract/index.ts';
import { createRuntimeBench, specOf, viewWhen, type RuntimeBench } from '../../../support/runtime.ts';
import { containerSpec, createScriptedDriver, type ScriptedDriver } from '../../../support/scripted-driver.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const outside = createSystemOutside();
const { clock } = outside;
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await clock.sleep(5);
};
const sha256Of = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
async function* one(data: Uint8Array): AsyncGenerator<Uint8Array> {
  yield data;
}

let folder: string;
let store: Store;
let content: ContentStore;
let scripted: ScriptedDriver;
let bench: RuntimeBench;
const openBench = async (): Promise<void> => {
  const logger = createSilentLogger();
  store = await createStore({ logger, metrics: null, clock }, { path: join(folder, 'test.db') });
  content = createContentStore(
    { store, outside, logger, metrics: null },
    { folder: join(folder, 'content'), freeBytesMin: 0 },
  );
  await content.start();
  bench = await createRuntimeBench({
    store,
    content,
    drivers: [scripted.driver],
    governors: ['duty-cycle'],
    warmMs: 0,
  });
};
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hypermesh-driven-'));
  scripted = createScriptedDriver();
  await openBench();
});
afterEach(async () => {
  for (const run of scripted.runs) if (!run.gone) run.exit(0);
  await bench.runtime.endAll('The test is over.');
  await bench.close();
  rmSync(folder, { recursive: true, force: true });
});
const idOf = (view: JobView): JobId => view.id as JobId;
const ended = (view: JobView): Promise<JobView> => viewWhen(bench.runtime, view.id, ({ state }) => state === 'ended');

describe('a job on a driver', () => {
  it('is seen with all that the contract has, before, while and after it runs', async () => {
    const view = await bench.runtime.submit(
      containerSpec({ ports: [80], network: 'exit', priority: 'high', restarts: 2, cpuPercent: 250 }),
    );
    expect(jobView.parse(view)).toEqual(view);
    expect(view).toMatchObject({
      state: 'running',
      side: 'own',
      image: 'test:1',
      priority: 'high',
      restartsMax: 2,
      network: 'exit',
      ports: [80],
      governor: 'engine',
      effectiveCpuPercent: 250,
      promised: { cpuPercent: 250, pidsMax: 16 },
    });
    const run = scripted.runs[0]!;
    run.listener.health('healthy');
    await viewWhen(bench.runtime, view.id, ({ health, measured }) => health === 'healthy' && measured.pids === 1);
    run.write('hello\n');
    run.exit(0);
    const last = await ended(view);
    expect(jobView.parse(last)).toEqual(last);
    expect(await bench.runtime.get(idOf(view))).toEqual(last);
    expect(run.released).toBe(true);
    expect(bench.book.size).toBe(0);
  });

  it('gets files from the content store and leaves files there until it is removed', async () => {
    const { runtime } = bench;
    const data = Buffer.from('some content');
    const { sha256 } = await content.put(one(data), { expected: null, bytesMax: 100 });
    const file = { path: 'data/in.bin', sha256, bytes: data.length, executable: false };
    await expect(
      runtime.submit(containerSpec({ files: [{ ...file, sha256: 'ff'.repeat(32) }] })),
    ).rejects.toMatchObject({ code: 'CONTENT_MISSING' });
    await expect(runtime.submit(containerSpec({ files: [{ ...file, bytes: 3 }] }))).rejects.toMatchObject({
      code: 'CONTENT_MISSING',
    });
    const view = await runtime.submit(containerSpec({ files: [file], outputs: ['out', 'log.txt'] }));
    const run = scripted.runs[0]!;
    expect(run.job.files).toMatchObject([{ path: 'data/in.bin', diskPath: await content.diskPath(sha256) }]);
    run.files.set('out/a/b.txt', Buffer.from('left'));
    run.files.set('outside.txt', Buffer.from('not wanted'));
    run.files.set('log.txt', Buffer.from('log'));
    run.files.set('out/../../etc', Buffer.from('no path'));
    run.exit(3);
    const { outputs } = await ended(view);
    expect(outputs).toEqual([
      { path: 'log.txt', sha256: sha256Of(Buffer.from('log')), bytes: 3, executable: false },
      { path: 'out/a/b.txt', sha256: sha256Of(Buffer.from('left')), bytes: 4, executable: false },
    ]);
    expect(await content.sizeOf(outputs[1]!.sha256)).toBe(4);
    await runtime.idle();
    await runtime.remove(idOf(view));
    expect((await store.all('test.holds', 'SELECT holder FROM content_holds')).length).toBe(0);
  });

  it('starts again when it fails, with a growing pause, and so often only', async () => {
    const view = await bench.runtime.submit(containerSpec({ restarts: 1 }));
    scripted.runs[0]!.write('first\n');
    scripted.runs[0]!.exit(1);
    const paused = await viewWhen(bench.runtime, view.id, ({ restartsDone }) => restartsDone === 1);
    expect(paused.stateReason).toMatch(/Starts again in 1 s, 1 of 1 times: it ended with code 1\.$/);
    expect(bench.book.size).toBe(0);
    await until(() => scripted.runs.length === 2);
    scripted.runs[1]!.write('second\n');
    scripted.runs[1]!.exit(2);
    expect(await ended(view)).toMatchObject({ restartsDone: 1, end: { why: 'exited', exitCode: 2 } });
    await bench.runtime.idle();
    const { chunks } = await bench.runtime.output(idOf(view), 0);
    expect(Buffer.concat(chunks.map(({ data }) => Buffer.from(data, 'base64'))).toString()).toBe('first\nsecond\n');
  });

  it('is not started again once it was cancelled, nor after it ended well', async () => {
    const good = await bench.runtime.submit(containerSpec({ restarts: 5 }));
    scripted.runs[0]!.exit(0);
    expect(await ended(good)).toMatchObject({ restartsDone: 0 });
    const bad = await bench.runtime.submit(containerSpec({ restarts: 5 }));
    scripted.runs[1]!.exit(9);
    await viewWhen(bench.runtime, bad.id, ({ restartsDone }) => restartsDone === 1);
    expect(await bench.runtime.cancel(idOf(bad))).toMatchObject({ end: { why: 'cancelled' } });
    await clock.sleep(1100);
    expect(scripted.runs.length).toBe(2);
  });

  it('is a job already while its image is fetched', async () => {
    const release = scripted.holdPrepare('Fetching test:1, 40 %');
    const view = await bench.runtime.submit(containerSpec());
    expect(view).toMatchObject({ state: 'preparing', stateReason: 'Fetching test:1, 40 %' });
    expect((await bench.runtime.list()).map(({ id }) => id)).toEqual([view.id]);
    release();
    await viewWhen(bench.runtime, view.id, ({ state }) => state === 'running');
  });

  it('that cannot be prepared is refused at once, or ends when somebody was told of it', async () => {
    await expect(bench.runtime.submit(containerSpec({ image: 'missing:1' }))).rejects.toMatchObject({
      code: 'IMAGE_MISSING',
    });
    expect(await bench.runtime.list()).toEqual([]);
    const release = scripted.holdPrepare('Fetching');
    const view = await bench.runtime.submit(containerSpec({ image: 'missing:1' }));
    release();
    expect(await ended(view)).toMatchObject({ end: { why: 'crashed', message: 'There is no such image.' } });
    scripted.problem = 'There is no container engine; install Docker or Podman.';
    await expect(bench.runtime.submit(containerSpec())).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
      message: scripted.problem,
    });
    expect(bench.runtime.languages().find(({ language }) => language === 'Julia')).toMatchObject({
      ready: false,
      sentence: scripted.problem,
    });
    expect(bench.runtime.languages().find(({ kind }) => kind === 'python')).toMatchObject({ ready: true });
  });

  it('of a lease is held to what the lease has left', async () => {
    const origin = {
      side: 'lent' as const,
      who: 'borrower',
      lease: 'lease-1',
      peerId: null,
      reserved: { millicores: 600, containers: 0 },
      bringsImage: false,
      network: null,
    };
    const view = await bench.runtime.submit(containerSpec(), { origin });
    // What is not reserved is asked of the book.
    expect(bench.book.list().find(({ resource }) => resource === 'cpu')).toMatchObject({ promised: 400 });
    expect(scripted.runs[0]!.millicores).toBe(1000);
    bench.runtime.limit(idOf(view), 0.5);
    expect(scripted.runs[0]!.millicores).toBe(500);
    bench.runtime.limit(idOf(view), 0);
    expect(await bench.runtime.get(idOf(view))).toMatchObject({ state: 'frozen', side: 'lent', lease: 'lease-1' });
    bench.runtime.limit(idOf(view), 1);
    expect(scripted.runs[0]!.millicores).toBe(1000);
  });

  it('can be asked for its request while it lives, program included', async () => {
    const script = specOf('setInterval(() => {}, 1000)', { args: ['a'] });
    const view = await bench.runtime.submit(script);
    expect(await bench.runtime.spec(idOf(view))).toEqual(script);
    await bench.runtime.cancel(idOf(view));
    await expect(bench.runtime.spec(idOf(view))).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' });
  });
});

describe('moving', () => {
  it('begins a held job when it is told to, and hands one over with its work folder', async () => {
    const { runtime } = bench;
    const view = await runtime.submit(containerSpec(), { held: true });
    expect(view.state).toBe('starting');
    await (await runtime.work(idOf(view))).write('a.txt', 0, Buffer.from('carried'));
    expect(scripted.runs[0]!.begun).toBe(false);
    await runtime.begin(idOf(view));
    await viewWhen(runtime, view.id, ({ state }) => state === 'running');
    const { work, stoppedAtMs } = await runtime.handOver(idOf(view), 'attic', 100);
    expect(stoppedAtMs).toBeGreaterThan(0);
    expect(await ended(view)).toMatchObject({ end: { why: 'moved', to: 'attic' } });
    expect(Buffer.from(await work.read('a.txt', 0, 100)).toString()).toBe('carried');
    await runtime.idle();
    // The work folder stays, and what it takes stays promised, until nobody needs it.
    expect([scripted.runs[0]!.released, bench.book.size]).toEqual([false, 2]);
    const move = { atMs: 1, from: 'here', to: 'attic', pauseMs: 12, movedBytes: 7 };
    await runtime.note(idOf(view), { moves: move });
    expect((await runtime.get(idOf(view))).moves).toEqual([move]);
    await runtime.forgetMoved(idOf(view));
    expect([scripted.runs[0]!.released, bench.book.size]).toEqual([true, 0]);
    await expect(runtime.work(idOf(view))).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' });
  });

  it('gives the same answer to whoever asks for the same hand-over again', async () => {
    const { runtime } = bench;
    const view = await runtime.submit(containerSpec({ restarts: 1 }));
    scripted.runs[0]!.files.set('a.txt', Buffer.from('carried'));
    const answers = await Promise.all([1, 2, 3].map(() => runtime.handOver(idOf(view), 'attic', 100)));
    const again = await runtime.handOver(idOf(view), 'attic', 100);
    for (const { work, stoppedAtMs } of answers) {
      expect(stoppedAtMs).toBe(again.stoppedAtMs);
      expect(Buffer.from(await work.read('a.txt', 0, 100)).toString()).toBe('carried');
    }
    expect(scripted.runs.length).toBe(1);
    // One that ended by itself did not move.
    const other = await runtime.submit(containerSpec());
    const asked = runtime.handOver(idOf(other), 'attic', 100);
    scripted.runs[1]!.exit(0);
    await expect(asked).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' });
    expect(await ended(other)).toMatchObject({ end: { why: 'exited', exitCode: 0 } });
    await runtime.idle();
    expect(await runtime.inSystem()).toEqual([view.id]);
  });

  it('says of a sandbox that it cannot be moved, and tells all when the node drains', async () => {
    const { runtime } = bench;
    const UNENDING = 'setInterval(() => {}, 1000)';
    const script = await runtime.submit(specOf(UNENDING));
    const [stubborn, own] = [await runtime.submit(specOf(UNENDING)), await runtime.submit(specOf(UNENDING))];
    await expect(runtime.handOver(idOf(script), 'attic', 0)).rejects.toMatchObject({ code: 'NOT_MOVABLE' });
    const told: unknown[] = [];
    runtime.onNotice(({ id, reason }) => {
      told.push([id, reason]);
      if (id === stubborn.id) return id === stubborn.id;
      if (id === idOf(script)) void runtime.cancel(id);
      return id === idOf(script);
    });
    expect(await runtime.drain('The node is updated.', 300)).toEqual({ asked: 2, stayed: 1 });
    expect(told).toContainEqual([script.id, 'The node is updated.']);
    // Nobody answers for the owner's own: it is told as well, and not waited for.
    expect(told).toContainEqual([own.id, 'The node is updated.']);
    expect((await runtime.get(idOf(own))).state).toBe('running');
  });
});

describe('a node that comes back', () => {
  const openAgain = async (): Promise<void> => {
    const survivors = scripted.runs.filter(({ gone, asked, released }) => !gone || (asked && !released));
    scripted = createScriptedDriver();
    scripted.survivors = survivors;
    await openBench();
  };
  /** Ends the node as kill -9 does: nothing more is written, the engine goes on. */
  const crash = async (): Promise<void> => {
    await store.close();
    await openAgain();
  };
  /** A job with a file, handed over. */
  const handedOver = async (): Promise<JobId> => {
    const view = await bench.runtime.submit(containerSpec({ restarts: 3 }));
    scripted.runs[0]!.files.set('a.txt', Buffer.from('carried'));
    await bench.runtime.handOver(idOf(view), 'attic', 100);
    await bench.runtime.idle();
    return idOf(view);
  };
  const carried = async ({ work }: { work: WorkFolder }): Promise<string> =>
    Buffer.from(await work.read('a.txt', 0, 100)).toString();
  const recordOf = async (id: JobId): Promise<unknown> =>
    (await store.get<{ record: Uint8Array | null }>('test.record', 'SELECT record FROM jobs WHERE id = ?', [id]))
      ?.record;

  it('still has the work folder of a job that moved, after a crash and after an end, until nobody needs it', async () => {
    const id = await handedOver();
    const endedAtMs = (await bench.runtime.get(id)).endedAtMs!;
    await crash();
    expect(scripted.swept).toEqual([[id]]);
    expect(await bench.runtime.inSystem()).toEqual([id]);
    const [first, second] = await Promise.all([
      bench.runtime.handOver(id, 'attic', 0),
      bench.runtime.handOver(id, 'attic', 0),
    ]);
    expect([await carried(first), await carried(second), first.stoppedAtMs]).toEqual(['carried', 'carried', endedAtMs]);
    expect(await carried({ work: await bench.runtime.work(id) })).toBe('carried');
    await bench.close();
    await openAgain();
    expect(await carried(await bench.runtime.handOver(id, 'attic', 0))).toBe('carried');
    // Nothing of it runs, and nothing starts it again.
    expect(await bench.runtime.get(id)).toMatchObject({ state: 'ended', end: { why: 'moved', to: 'attic' } });
    await bench.runtime.forgetMoved(id);
    expect([scripted.runs.map(({ released }) => released), await recordOf(id)]).toEqual([[true], null]);
    await bench.runtime.forgetMoved(id);
    await expect(bench.runtime.handOver(id, 'attic', 0)).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' });
    expect(await bench.runtime.inSystem()).toEqual([]);
  });

  it('forgets the work folder of a job that moved a day ago, and with its row', async () => {
    const id = await handedOver();
    await store.run('test.age', 'UPDATE jobs SET ended_at_ms = ended_at_ms - 86400000 WHERE id = ?', [id]);
    await crash();
    expect([scripted.runs.map(({ released }) => released), scripted.swept, await recordOf(id)]).toEqual([
      [true],
      [[]],
      null,
    ]);
    await expect(bench.runtime.handOver(id, 'attic', 0)).rejects.toMatchObject({ code: 'JOB_NOT_RUNNING' });
    scripted.runs.length = 0;
    const other = await handedOver();
    await bench.runtime.remove(other);
    expect([scripted.runs[0]!.released, bench.book.size]).toEqual([true, 0]);
    await expect(bench.runtime.forgetMoved(other)).rejects.toMatchObject({ code: 'JOB_UNKNOWN' });
  });

  it('takes a job that it was stopping for a move for one that moved, not for one that ended', async () => {
    const view = await bench.runtime.submit(containerSpec({ restarts: 3 }));
    scripted.runs[0]!.files.set('a.txt', Buffer.from('carried'));
    await until(async () => (await store.all('test.r', "SELECT id FROM jobs WHERE state = 'running'")).length === 1);
    const facts = { ...FIRST_FACTS, needs: { memoryBytes: 64 * 1024 * 1024, containers: 0 }, movedTo: 'attic' };
    await store.run('test.facts', 'UPDATE jobs SET facts = ? WHERE id = ?', [encodeCbor(facts), view.id]);
    await crash();
    expect(await bench.runtime.get(idOf(view))).toMatchObject({ end: { why: 'moved', to: 'attic' }, restartsDone: 0 });
    expect(await carried(await bench.runtime.handOver(idOf(view), 'attic', 0))).toBe('carried');
    expect(scripted.swept).toEqual([[view.id]]);
    await bench.runtime.forgetMoved(idOf(view));
    expect(scripted.runs.map(({ gone, released }) => [gone, released])).toEqual([[true, true]]);
  });

  it('starts one again that was to move and is gone', async () => {
    const view = await bench.runtime.submit(containerSpec({ restarts: 1 }));
    await until(async () => (await store.all('test.r', "SELECT id FROM jobs WHERE state = 'running'")).length === 1);
    const facts = { ...FIRST_FACTS, movedTo: 'attic' };
    await store.run('test.facts', 'UPDATE jobs SET facts = ? WHERE id = ?', [encodeCbor(facts), view.id]);
    scripted.runs[0]!.gone = true;
    await crash();
    await until(() => scripted.runs.length === 1);
    expect(await bench.runtime.get(idOf(view))).toMatchObject({ restartsDone: 1, state: 'running' });
    expect((await bench.runtime.handOver(idOf(view), 'attic', 0)).stoppedAtMs).toBeGreaterThan(0);
  });

  it('lets go of what jobs held that have no row', async () => {
    const { sha256 } = await content.put(one(Buffer.from('left')), { expected: null, bytesMax: 100 });
    await content.hold('job:job-0000000000000000', [sha256]);
    await content.hold('order:job-0000000000000000', [sha256]);
    const view = await bench.runtime.submit(
      containerSpec({ files: [{ path: 'a', sha256, bytes: 4, executable: false }] }),
    );
    await crash();
    expect(new Set(content.holders())).toEqual(new Set(['order:job-0000000000000000', `job:${view.id}`]));
    expect(await content.sizeOf(sha256)).toBe(4);
  });

  it('takes up what still runs, with its output and its share', async () => {
    const view = await bench.runtime.submit(containerSpec({ cpuPercent: 40 }));
    scripted.runs[0]!.write('before\n');
    await until(async () => (await bench.runtime.output(idOf(view), 0)).chunks.length === 1);
    await crash();
    expect(await bench.runtime.get(idOf(view))).toMatchObject({ state: 'running', effectiveCpuPercent: 40 });
    expect(scripted.swept).toEqual([[view.id]]);
    scripted.runs[0]!.write('after\n');
    scripted.runs[0]!.exit(5);
    expect(await ended(view)).toMatchObject({ end: { why: 'exited', exitCode: 5 } });
    await bench.runtime.idle();
    const { chunks } = await bench.runtime.output(idOf(view), 0);
    expect(Buffer.concat(chunks.map(({ data }) => Buffer.from(data, 'base64'))).toString()).toBe('before\nafter\n');
  });

  it('says what is lost, and starts again what may', async () => {
    const lost = await bench.runtime.submit(containerSpec());
    const again = await bench.runtime.submit(containerSpec({ restarts: 1 }));
    for (const run of scripted.runs) run.gone = true;
    await until(
      async () => (await store.all('test.running', "SELECT id FROM jobs WHERE state = 'running'")).length === 2,
    );
    await crash();
    expect(await bench.runtime.get(idOf(lost))).toMatchObject({ state: 'ended', end: { why: 'lost' } });
    await until(() => scripted.runs.length === 1);
    expect(scripted.runs[0]!.job.id).toBe(again.id);
    expect(await bench.runtime.get(idOf(again))).toMatchObject({ restartsDone: 1 });
  });
});

describe('the example in docs/formats/job-rows.md', () => {
  it('is what is stored', () => {
    const page = readFileSync(
      join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'formats', 'job-rows.md'),
      'utf8',
    );
    const [, block = ''] = /```text\n(.*?)```/s.exec(page) ?? [];
    const bytes = Buffer.from(
      block
        .split('\n')
        .map((line) => line.slice(0, 47).replaceAll(' ', ''))
        .join(''),
      'hex',
    );
    const facts = { ...FIRST_FACTS, programStored: true, needs: { memoryBytes: 64 * 1024 * 1024, containers: 0 } };
    expect(bytes).toEqual(Buffer.from(encodeCbor(facts)));
  });
});
