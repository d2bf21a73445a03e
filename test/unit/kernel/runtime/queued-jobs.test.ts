import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createSettings, createStore, createSystemOutside, type JobId } from '../../../../main/base/index.ts';
import { createContentStore, type ContentStore } from '../../../../main/kernel/runtime/content/index.ts';
import { jobView, type JobView } from '../../../../preload/contract/index.ts';
import { createRuntimeBench, viewWhen, type RuntimeBench } from '../../../support/runtime.ts';
import { containerSpec, createScriptedDriver, type ScriptedDriver } from '../../../support/scripted-driver.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const outside = createSystemOutside();
const { clock } = outside;
const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await clock.sleep(5);
};

interface World extends RuntimeBench {
  scripted: ScriptedDriver;
  content: ContentStore;
}
const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'hypermesh-queue-'));
  folders.push(folder);
  return folder;
};
/** A node's runtime on a folder: opened again, it is the same node after a crash or an end. */
const open = async (folder: string, driver: Parameters<typeof createScriptedDriver>[0] = {}): Promise<World> => {
  const logger = createSilentLogger();
  const store = await createStore({ logger, metrics: null, clock }, { path: join(folder, 'test.db') });
  const content = createContentStore(
    { store, outside, logger, metrics: null },
    { folder: join(folder, 'content'), freeBytesMin: 0 },
  );
  await content.start();
  const scripted = createScriptedDriver(driver);
  const bench = await createRuntimeBench({
    store,
    content,
    settings: createSettings({ store, clock }),
    drivers: [scripted.driver],
    governors: ['duty-cycle'],
    warmMs: 0,
  });
  return { ...bench, scripted, content };
};
const worlds: World[] = [];
const opened = async (...given: Parameters<typeof open>): Promise<World> => {
  const world = await open(...given);
  worlds.push(world);
  return world;
};
afterEach(async () => {
  for (const world of worlds.splice(0)) {
    for (const run of world.scripted.runs) if (!run.gone) run.exit(0);
    await world.runtime.endAll('The test is over.');
    await world.close();
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
const idOf = (view: JobView): JobId => view.id as JobId;
const stateOf = async ({ runtime }: World, view: JobView): Promise<JobView['state']> =>
  (await runtime.get(idOf(view))).state;

describe('jobs that wait for room', () => {
  it('start in turn as others end, and say where they stand', async () => {
    const world = await opened(newFolder());
    const { runtime, scripted } = world;
    // 2 % of 64 cores: one job of a whole core and no second one.
    world.setCpuPercent(2);
    const first = await runtime.submit(containerSpec({ queue: true }));
    await until(() => scripted.runs.length === 1);
    const second = await runtime.submit(containerSpec({ queue: true, name: 'second' }));
    const third = await runtime.submit(containerSpec({ queue: true, name: 'third' }));
    expect(second).toMatchObject({ state: 'queued', queuePosition: 1, startedAtMs: null });
    expect(jobView.parse(second)).toEqual(second);
    await until(async () => (await runtime.get(idOf(third))).queuePosition === 2);
    await clock.sleep(100);
    expect(scripted.runs.length).toBe(1);
    expect(runtime.queue()).toMatchObject({ queued: 2, mode: 'open', aim: 'balanced', running: 1 });
    scripted.runs[0]!.exit(0);
    await until(() => scripted.runs.length === 2);
    expect(scripted.runs[1]!.job.id).toBe(second.id);
    // One that waits can be cancelled, and leaves the line.
    expect(await runtime.cancel(idOf(third))).toMatchObject({ state: 'ended', end: { why: 'cancelled' } });
    expect(runtime.queue().queued).toBe(0);
    expect(runtime.queue().decisions.made).toBeGreaterThan(1);
    expect(await runtime.get(idOf(first))).toMatchObject({ end: { why: 'exited', exitCode: 0 } });
  });

  it('are refused where they may not wait, and while the node finishes', async () => {
    const world = await opened(newFolder());
    const { runtime, scripted } = world;
    world.setCpuPercent(0);
    await expect(runtime.submit(containerSpec())).rejects.toMatchObject({ code: 'LEVEL_EXCEEDED' });
    const waiting = await runtime.submit(containerSpec({ queue: true }));
    expect(await runtime.setQueue({ mode: 'finish' })).toMatchObject({ mode: 'finish' });
    await expect(runtime.submit(containerSpec({ queue: true }))).rejects.toMatchObject({ code: 'FINISHING' });
    world.setCpuPercent(100);
    await clock.sleep(200);
    // What waits is kept and not begun; nothing runs, so that the node may end.
    expect(scripted.runs.length).toBe(0);
    await runtime.idle();
    await runtime.setQueue({ mode: 'open' });
    await until(() => scripted.runs.length === 1);
    await viewWhen(runtime, waiting.id, ({ state }) => state === 'running');
  });

  it('are there again after a crash and after an end of the node, with their programs', async () => {
    const folder = newFolder();
    const before = await open(folder);
    before.setCpuPercent(0);
    const script = await before.runtime.submit({
      ...containerSpec({ queue: true, name: 'script', args: ['one'] }),
      kind: 'javascript',
      module: Buffer.from('print(args[0], stdin.text())').toString('base64'),
      stdin: Buffer.from('given').toString('base64'),
      memoryBytes: 16 * 1024 * 1024,
    } as never);
    const box = await before.runtime.submit(containerSpec({ queue: true, name: 'box', env: { A: 'b' } }));
    // As after kill -9: nothing is told, the store is all that is left.
    await before.store.close();
    const after = await opened(folder);
    await viewWhen(after.runtime, script.id, ({ state }) => state === 'ended');
    const { chunks } = await after.runtime.output(idOf(script), 0);
    expect(Buffer.concat(chunks.map(({ data }) => Buffer.from(data, 'base64'))).toString()).toBe('one given\n');
    await until(() => after.scripted.runs.length === 1);
    expect(after.scripted.runs[0]!.job).toMatchObject({ id: box.id, spec: { env: { A: 'b' }, name: 'box' } });
    expect(after.scripted.swept[0]).toContain(box.id);
  });

  it('of high priority have ones of low priority make room, which go on after', async () => {
    const world = await opened(newFolder());
    const { runtime, scripted } = world;
    world.setCpuPercent(2);
    const notices: string[] = [];
    runtime.onNotice(({ id }) => notices.push(id) > 0);
    const low = await runtime.submit(containerSpec({ queue: true, priority: 'low', timeMsMax: 600_000 }));
    await until(() => scripted.runs.length === 1);
    const high = await runtime.submit(containerSpec({ queue: true, priority: 'high' }));
    await until(() => scripted.runs.length === 2);
    expect(scripted.runs[1]!.job.id).toBe(high.id);
    expect(notices).toEqual([low.id]);
    // It stands still, with all that it has; its processor is the other's.
    expect(scripted.runs[0]).toMatchObject({ millicores: 0, gone: false });
    expect(await runtime.get(idOf(low))).toMatchObject({ state: 'frozen', effectiveCpuPercent: 0 });
    scripted.runs[1]!.exit(0);
    await until(() => scripted.runs[0]!.millicores > 0);
    expect(await stateOf(world, low)).toBe('running');
  });

  it('come to their end while the node finishes, those that had made room as well, and each end is told', async () => {
    const world = await opened(newFolder());
    const { runtime, scripted } = world;
    world.setCpuPercent(2);
    const low = await runtime.submit(containerSpec({ queue: true, priority: 'low', timeMsMax: 600_000 }));
    await until(() => scripted.runs.length === 1);
    await runtime.submit(containerSpec({ queue: true, priority: 'high' }));
    await until(() => scripted.runs.length === 2 && scripted.runs[0]!.millicores === 0);
    await runtime.setQueue({ mode: 'finish' });
    const running: number[] = [];
    runtime.on('queueChanged', () => running.push(runtime.queue().running));
    scripted.runs[1]!.exit(0);
    await until(() => scripted.runs[0]!.millicores > 0);
    expect(await stateOf(world, low)).toBe('running');
    scripted.runs[0]!.exit(0);
    await until(() => running.includes(0));
    expect(runtime.queue()).toMatchObject({ running: 0, queued: 0, mode: 'finish' });
    expect(running[0]).toBe(1);
  });

  it('are bounded for each borrower, and their aim is kept over a restart', async () => {
    const folder = newFolder();
    const before = await open(folder);
    expect(await before.runtime.setQueue({ aim: 'throughput' })).toMatchObject({ aim: 'throughput' });
    await before.close();
    const world = await opened(folder);
    const { runtime } = world;
    expect(runtime.queue().aim).toBe('throughput');
    world.setCpuPercent(0);
    const origin = {
      side: 'lent' as const,
      who: 'somebody',
      lease: null,
      peerId: null,
      reserved: { millicores: 0, containers: 0 },
      bringsImage: false,
      network: null,
    };
    for (let count = 0; count < 200; count++) await runtime.submit(containerSpec({ queue: true }), { origin });
    await expect(runtime.submit(containerSpec({ queue: true }), { origin })).rejects.toMatchObject({
      code: 'QUEUE_FULL',
    });
    // Others may still come.
    const own = await runtime.submit(containerSpec({ queue: true }));
    expect(own).toMatchObject({ state: 'queued', side: 'own' });
    expect(runtime.queue().shares.find(({ who }) => who === 'somebody')).toMatchObject({ queued: 200, running: 0 });
  });
});
