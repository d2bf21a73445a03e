import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assert, StoreError, type Store } from '../../../../main/base/index.ts';
import { createAssets, type Assets, type BenchmarkRunner } from '../../../../main/kernel/assets/index.ts';
import {
  inventory as inventorySchema,
  level as levelSchema,
  liveSample,
  shareState,
  type BenchmarkResult,
  type Level,
  type ResourceKey,
} from '../../../../preload/contract/index.ts';
import { requestOf } from '../../../support/booked.ts';
import { createTestMachine, createTestSettings, type TestMachine } from '../../../support/machine.ts';
import { createManualClock, type ManualClock } from '../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';
import { createSilentMetrics } from '../../../support/silent-metrics.ts';
import { known } from '../../../support/situation.ts';

const HOUR_MS = 3_600_000;
let clock: ManualClock;
let store: Store;
let settings: ReturnType<typeof createTestSettings>;
let machine: TestMachine;
let assets: Assets;
let runner: BenchmarkRunner;
let logged: Parameters<typeof createSilentLogger>[0];

const create = (): Assets =>
  createAssets(
    {
      outside: { clock, random: createSeededRandom(3) },
      logger: createSilentLogger(logged),
      metrics: createSilentMetrics(),
      store,
      settings,
      monitor: machine.monitor,
      adapters: machine.adapters,
      system: machine.system,
      benchmark: { run: (signal, onProgress) => runner.run(signal, onProgress) },
    },
    { zone: () => 0 },
  );
const levelOf = (resource: ResourceKey): Level => assets.levels().find((level) => level.resource === resource)!;
/** The node goes down and comes up again on the same disk. */
const restart = async (): Promise<void> => {
  await assets.stop();
  assets = create();
  await assets.start();
};

beforeEach(async () => {
  clock = createManualClock();
  store = await createMemoryStore(clock);
  settings = createTestSettings(store, clock);
  machine = createTestMachine(clock);
  logged = [];
  runner = { run: () => Promise.resolve([]) };
  assets = create();
  await assets.start();
});
afterEach(async () => {
  await assets.stop();
  assert(clock.pendingCount === 0, 'A timer was left behind.');
  await store.close();
});

describe('hardware', () => {
  it('is found, registered, and told as the contract says', () => {
    expect(inventorySchema.parse(assets.inventory())).toEqual(assets.inventory());
    expect(assets.list().map((asset) => [asset.resource, asset.present])).toEqual(
      expect.arrayContaining([
        ['cpu', true],
        ['gpu:card0', true],
        ['memory', true],
        ['storage', true],
        ['network', true],
      ]),
    );
    expect(assets.levels().map((level) => level.resource)).toEqual([
      'cpu',
      'gpu:card0',
      'memory',
      'storage',
      'network',
      'container',
      'economic',
    ]);
    for (const level of assets.levels()) expect(levelSchema.parse(level)).toEqual(level);
    expect(shareState.parse(assets.share())).toEqual(assets.share());
  });

  it('keeps its id over restarts, while it is gone, and when it comes back', async () => {
    const before = assets.list();
    await restart();
    expect(
      assets
        .list()
        .map((asset) => asset.id)
        .sort(),
    ).toEqual(before.map((asset) => asset.id).sort());
    const card = machine.found.gpu;
    machine.found.gpu = [];
    const seen: unknown[] = [];
    assets.on('inventoryChanged', (inventory) => seen.push(inventory));
    await assets.detect();
    expect(seen).toHaveLength(1);
    const gone = assets.list().find((asset) => asset.kind === 'gpu')!;
    expect(gone).toMatchObject({ present: false, capacity: { known: false } });
    expect(levelOf('gpu:card0')).toMatchObject({
      percent: 0,
      rule: 'absent',
      reason: 'Cannot be lent: this card is not in the machine now',
    });
    await restart();
    expect(levelOf('gpu:card0').rule).toBe('absent');
    machine.found.gpu = card;
    await assets.detect();
    expect(assets.asset(gone.id as never)).toMatchObject({ present: true, capacity: known(1000) });
    expect(levelOf('gpu:card0').percent).toBe(50);
  });

  it('says why there is no container engine', async () => {
    expect(levelOf('container')).toMatchObject({
      percent: 0,
      rule: 'absent',
      reason: 'Cannot be lent: no engine answers',
    });
    await expect(assets.allocations.allocate([requestOf('container', 1)])).rejects.toMatchObject({
      code: 'CAPACITY_UNKNOWN',
    });
  });

  it('refuses to start on a registration that is not what its id names', async () => {
    await store.run('test.damage', "UPDATE assets SET unit = 'bytes' WHERE resource = 'cpu'");
    const next = create();
    await expect(next.start()).rejects.toMatchObject({ code: 'ASSET_RECORD_CORRUPT' });
    await next.stop();
  });
});

describe('levels', () => {
  it('follow the owner before the call returns, down to the holders', async () => {
    const request = requestOf('cpu', 2000);
    await assets.allocations.allocate([request]);
    expect(request.told).toEqual([2000]);
    const events: Level[][] = [];
    assets.on('levelsChanged', (levels) => events.push(levels));
    await assets.setShare('cpu', { percentMax: 10 });
    expect(request.told).toEqual([2000, 400]);
    expect(levelOf('cpu')).toMatchObject({ percent: 10, rule: 'slider' });
    expect(events).toHaveLength(1);
    expect(machine.applied.at(-1)).toMatchObject({ resource: 'cpu', percent: 10 });
    await assets.setShare('cpu', { percentMax: 10 });
    await clock.advance(5000);
    expect(events).toHaveLength(1);
    await assets.allocations.release(assets.allocations.list().map((view) => view.id as never));
  });

  it('read only the conditions that rules need, each second while lent and every ten seconds otherwise', async () => {
    expect(machine.asked).toEqual([['battery', 'idle', 'metered', 'temperature']]);
    machine.asked.length = 0;
    await clock.advance(30_000);
    expect(machine.asked).toHaveLength(3);
    const ids = await assets.allocations.allocate([requestOf('cpu', 100), requestOf('memory', 10)]);
    await clock.advance(5000);
    expect(machine.asked.length).toBeGreaterThanOrEqual(7);
    await assets.allocations.release(ids);
    await clock.advance(1000);
    machine.asked.length = 0;
    for (const { resource } of assets.share().resources)
      await assets.setShare(resource, { usingPercent: 100, batteryPercent: 100, meteredPercent: 100 });
    await assets.setRules({ temperature: null });
    await clock.advance(0);
    machine.asked.length = 0;
    await clock.advance(30_000);
    expect(machine.asked).toEqual([]);
    await assets.setRules({ programs: [{ name: 'game', percent: 0 }] });
    await clock.advance(0);
    expect(machine.asked).toEqual([['programs']]);
  });

  it('follow presence, battery and programs within a second while something is lent', async () => {
    await assets.setShare('cpu', { usingPercent: 25 });
    const request = requestOf('cpu', 2000);
    const ids = await assets.allocations.allocate([request]);
    machine.conditions = { idleMs: known(0) };
    await clock.advance(1000);
    expect(levelOf('cpu')).toMatchObject({ percent: 25, rule: 'presence' });
    expect(request.told.at(-1)).toBe(1000);
    machine.conditions = { idleMs: known(0), onBattery: known(true) };
    await clock.advance(1000);
    expect(levelOf('cpu')).toMatchObject({ percent: 0, rule: 'battery' });
    machine.conditions = { idleMs: known(HOUR_MS), onBattery: known(false) };
    await clock.advance(1000);
    expect(request.told.at(-1)).toBe(2000);
    await assets.allocations.release(ids);
  });

  it('change with the week grid at its minute, also while nothing is watched', async () => {
    const grid = Array.from({ length: 168 }, (_, cell) => (cell === 0 ? 40 : 5));
    await assets.setShare('memory', { grid, percentMax: 100 });
    expect(levelOf('memory')).toMatchObject({
      percent: 40,
      reason: 'Week grid: 40 % until 01:00',
      untilMs: clock.nowMs() + HOUR_MS,
    });
    await clock.advance(HOUR_MS - 1);
    expect(levelOf('memory').percent).toBe(40);
    await clock.advance(51);
    expect(levelOf('memory').percent).toBe(5);
  });

  it('fall step by step with heat, and rise step by step', async () => {
    const ids = await assets.allocations.allocate([requestOf('cpu', 1000)]);
    await assets.setShare('cpu', { percentMax: 100 });
    await assets.setRules({ temperature: { ceilingCelsius: 80, hysteresisCelsius: 5, stepPercent: 25 } });
    machine.conditions = { cpuTemperatureCelsius: known(81) };
    await clock.advance(1000);
    expect(levelOf('cpu')).toMatchObject({ percent: 75, rule: 'temperature' });
    await clock.advance(20_000);
    expect(levelOf('cpu').percent).toBe(25);
    machine.conditions = { cpuTemperatureCelsius: known(76) };
    await clock.advance(60_000);
    expect(levelOf('cpu').percent).toBe(25);
    machine.conditions = { cpuTemperatureCelsius: known(75) };
    await clock.advance(60_000);
    expect(levelOf('cpu').rule).not.toBe('temperature');
    await assets.allocations.release(ids);
  });

  it('do not wait for a system that does not answer', async () => {
    machine.hang = true;
    await clock.advance(10_000);
    await assets.setShare('cpu', { percentMax: 7 });
    expect(levelOf('cpu').percent).toBe(7);
    machine.asked.length = 0;
    await clock.advance(60_000);
    // The question that hangs is not asked again beside itself.
    expect(machine.asked).toEqual([]);
    expect(levelOf('cpu').unread).toContainEqual({ rule: 'battery', reason: 'the system did not answer within 5 s' });
  });

  it('are told to adapters again when one refuses', async () => {
    machine.refuseLevels = true;
    await assets.setShare('cpu', { percentMax: 33 });
    await clock.advance(0);
    machine.refuseLevels = false;
    await clock.advance(10_000);
    expect(machine.applied.at(-1)).toMatchObject({ resource: 'cpu', percent: 33 });
    expect(logged).toContainEqual(
      expect.objectContaining({ level: 'warn', message: 'A level could not be put into force' }),
    );
  });
});

describe('what the owner sets', () => {
  it('is found again after a restart', async () => {
    await assets.setShare('cpu', { percentMax: 11, terms: { leasesMax: 3 } });
    await assets.setShare('gpu:card0', { usingPercent: 9, terms: undefined });
    await assets.setRules({ awayAfterMinutes: 7 });
    const before = assets.share();
    await restart();
    expect(assets.share()).toEqual(before);
    expect(before.resources[0]).toMatchObject({ percentMax: 11, terms: { leasesMax: 3, privacyLevel: 'Private' } });
  });

  it('is refused whole when a part of it is wrong', async () => {
    const before = assets.share();
    await expect(assets.setShare('gpu:other', { percentMax: 1 })).rejects.toMatchObject({ code: 'RESOURCE_UNKNOWN' });
    await expect(assets.setShare('cpu', { percentMax: 101, usingPercent: 3 })).rejects.toMatchObject({
      code: 'SHARE_INVALID',
    });
    await expect(assets.setShare('cpu', { grid: Array<number>(167).fill(0) })).rejects.toMatchObject({
      code: 'SHARE_INVALID',
    });
    await expect(assets.setRules({ awayAfterMinutes: 0 })).rejects.toMatchObject({ code: 'SHARE_INVALID' });
    settings.refuse = new StoreError({ code: 'DISK_FULL', path: '/x' }, 'The disk is full; free some space.');
    await expect(assets.setShare('cpu', { percentMax: 1 })).rejects.toMatchObject({ code: 'DISK_FULL' });
    await expect(assets.pause(null)).rejects.toMatchObject({ code: 'DISK_FULL' });
    settings.refuse = null;
    expect(assets.share()).toEqual(before);
    expect(levelOf('cpu').percent).toBe(50);
  });

  it('is not lost when two change it at once', async () => {
    await Promise.all([
      assets.setShare('cpu', { percentMax: 1 }),
      assets.setShare('cpu', { usingPercent: 2 }),
      assets.setRules({ awayAfterMinutes: 3 }),
    ]);
    await restart();
    expect(assets.share().resources[0]).toMatchObject({ percentMax: 1, usingPercent: 2 });
    expect(assets.share().rules.awayAfterMinutes).toBe(3);
  });

  it('is bounded in what waits', async () => {
    const many = await Promise.allSettled(Array.from({ length: 101 }, () => assets.setShare('cpu', { percentMax: 1 })));
    expect(many.filter((one) => one.status === 'rejected').map((one) => (one.reason as { code: string }).code)).toEqual(
      ['TOO_MANY_CHANGES'],
    );
  });

  it.each([
    ['share', { version: 2 }, 'SHARE_RULES_NEWER'],
    ['share', { version: 1, resources: 'all' }, 'SHARE_RULES_CORRUPT'],
    ['pause', { version: 1, paused: 'yes' }, 'SHARE_RULES_CORRUPT'],
    ['install-id', new Uint8Array(15), 'SETTING_CORRUPT'],
  ])('keeps the node from starting when %s on disk cannot be read, and is left as it is', async (key, value, code) => {
    await settings.set(key, value);
    const next = create();
    await expect(next.start()).rejects.toMatchObject({ code });
    await next.stop();
    expect(await settings.get(key)).toEqual(value);
  });
});

describe('a pause', () => {
  it('takes effect at once, holds over a restart, and ends by the wall clock', async () => {
    const shared: boolean[] = [];
    assets.on('shareChanged', (share) => shared.push(share.pause.paused));
    const untilMs = clock.nowMs() + HOUR_MS;
    expect(await assets.pause(untilMs)).toEqual({ paused: true, sinceMs: clock.nowMs(), untilMs });
    expect(levelOf('cpu')).toMatchObject({ percent: 0, rule: 'pause', untilMs });
    await expect(assets.allocations.allocate([requestOf('memory', 1)])).rejects.toMatchObject({
      code: 'PAUSED',
      data: { untilMs },
    });
    await restart();
    expect(levelOf('cpu').rule).toBe('pause');
    await clock.advance(HOUR_MS - 10_000);
    expect(levelOf('cpu').rule).toBe('pause');
    await clock.advance(10_050);
    expect(levelOf('cpu').rule).toBe('slider');
    expect(assets.share().pause).toEqual({ paused: false });
    expect(shared).toEqual([true]);
    expect(await settings.get('pause')).toEqual({ version: 1, paused: false });
  });

  it('ends early when the clock is set forward, and never late when it is set back', async () => {
    const startMs = clock.nowMs();
    await assets.pause(startMs + HOUR_MS);
    clock.setNowMs(startMs - 24 * HOUR_MS);
    await clock.advance(10_000);
    expect(levelOf('cpu').rule).toBe('pause');
    clock.setNowMs(startMs + HOUR_MS);
    await clock.advance(10_000);
    expect(levelOf('cpu').rule).toBe('slider');
  });

  it('is refused when it would be over already', async () => {
    await expect(assets.pause(clock.nowMs())).rejects.toMatchObject({ code: 'PAUSE_IN_THE_PAST' });
    expect(assets.share().pause.paused).toBe(false);
  });

  it('lasts until resumed when it has no end, and keeps its beginning when it is set anew', async () => {
    const sinceMs = clock.nowMs();
    await assets.pause(null);
    await clock.advance(1000);
    expect(await assets.pause(clock.nowMs() + 5)).toMatchObject({ sinceMs });
    expect(await assets.resume()).toEqual({ paused: false });
    expect(await assets.resume()).toEqual({ paused: false });
    expect(levelOf('cpu').percent).toBe(50);
  });

  it('ends every allocation only when told to', async () => {
    const request = requestOf('memory', 100);
    await assets.allocations.allocate([request]);
    await assets.pause(null);
    expect(request.evicted).toEqual([]);
    expect(await assets.evictAll('You stopped everything.')).toBe(1);
    expect(request.evicted).toEqual(['You stopped everything.']);
  });
});

describe('a preview', () => {
  it('says what the level will really be', async () => {
    const grid = Array.from({ length: 168 }, (_, cell) => (cell * 7) % 101);
    await assets.setShare('cpu', { grid, percentMax: 80 });
    await assets.pause(clock.nowMs() + 5 * HOUR_MS);
    for (const hours of [0, 2, 5, 9]) {
      const atMs = Date.UTC(2026, 0, 5) + hours * HOUR_MS + 60_000;
      const preview = await assets.preview({ atMs });
      await clock.advance(atMs - clock.nowMs());
      await clock.advance(0);
      expect(preview).toEqual(assets.levels());
    }
  });

  it('takes conditions as given, and the rest as they are', async () => {
    await assets.setShare('cpu', { usingPercent: 25 });
    machine.conditions = { idleMs: known(HOUR_MS), onBattery: known(true) };
    await assets.setRules({ programs: [{ name: 'game', percent: 3 }] });
    const of = async (conditions: Parameters<Assets['preview']>[0], resource: ResourceKey = 'cpu') =>
      (await assets.preview(conditions)).find((level) => level.resource === resource)!;
    expect(await of({})).toMatchObject({ percent: 0, rule: 'battery' });
    expect(await of({ onBattery: false })).toMatchObject({ percent: 50, rule: 'slider' });
    expect(await of({ onBattery: false, present: true })).toMatchObject({ percent: 25, rule: 'presence' });
    expect(await of({ onBattery: false, programs: ['GAME'] })).toMatchObject({ percent: 3, rule: 'program' });
    expect(await of({ metered: true }, 'network')).toMatchObject({ percent: 0, rule: 'metered' });
    const soon = { onBattery: false, temperatureCelsius: 99, atMs: clock.nowMs() + 60_000 };
    expect(await of(soon)).toMatchObject({ percent: 30, rule: 'temperature' });
    expect(await of(soon, 'gpu:card0')).toMatchObject({ percent: 30, rule: 'temperature' });
    // Nothing of it came into force.
    expect(levelOf('cpu').rule).not.toBe('temperature');
  });
});

describe('the monthly cap', () => {
  const network = { sendBytesPerSecondMax: null, receiveBytesPerSecondMax: null, monthlyBytesMax: 1000 };

  it('stops the network at its last byte, over restarts, until the month ends', async () => {
    await assets.setRules({ network });
    assets.countNetworkBytes(999);
    expect(levelOf('network').rule).toBe('slider');
    await restart();
    expect(assets.share().monthlyBytesUsed).toBe(999);
    assets.countNetworkBytes(1);
    expect(levelOf('network')).toMatchObject({ percent: 0, rule: 'monthlyCap', untilMs: Date.UTC(2026, 1, 1) });
    clock.setNowMs(Date.UTC(2026, 1, 1));
    await clock.advance(10_000);
    expect(levelOf('network').rule).toBe('slider');
    assets.countNetworkBytes(5);
    await assets.stop();
    expect(await store.all('test.use', 'SELECT * FROM network_use ORDER BY month')).toEqual([
      { month: '2026-01', bytes: 1000 },
      { month: '2026-02', bytes: 5 },
    ]);
  });

  it('remembers a month that the clock goes back to', async () => {
    assets.countNetworkBytes(100);
    await clock.advance(20_000);
    clock.setNowMs(Date.UTC(2026, 5, 1));
    await clock.advance(20_000);
    expect(assets.share().monthlyBytesUsed).toBe(0);
    clock.setNowMs(Date.UTC(2026, 0, 9));
    assets.countNetworkBytes(1);
    await clock.advance(10_000);
    expect(assets.share().monthlyBytesUsed).toBe(101);
  });

  it('has the narrower rate bound what is promised', async () => {
    await assets.setRules({ network: { ...network, sendBytesPerSecondMax: 30, receiveBytesPerSecondMax: 70 } });
    await expect(assets.allocations.allocate([requestOf('network', 31)])).rejects.toMatchObject({
      data: { lendable: 30 },
    });
  });

  it('has the rates say how much there is where the link does not tell', async () => {
    const [found] = machine.found.network;
    machine.found.network = [{ ...found!, capacity: { known: false, reason: 'the link is silent' } }];
    await assets.detect();
    const capacity = () => assets.list().find(({ resource }) => resource === 'network')?.capacity;
    expect(capacity()).toMatchObject({
      known: false,
      reason: expect.stringMatching(/^the link is silent.*--send-max/),
    });
    await expect(assets.allocations.allocate([requestOf('network', 1)])).rejects.toMatchObject({
      code: 'CAPACITY_UNKNOWN',
    });
    // One way alone says nothing of the other.
    await assets.setRules({ network: { ...network, sendBytesPerSecondMax: 30 } });
    expect(capacity()).toMatchObject({ known: false });
    await assets.setRules({ network: { ...network, sendBytesPerSecondMax: 30, receiveBytesPerSecondMax: 70 } });
    expect(capacity()).toEqual({ known: true, value: 30 });
  });
});

describe('live use', () => {
  it('is told each time the monitor samples, while anybody listens', async () => {
    const samples: unknown[] = [];
    const off = assets.on('liveSampled', (sample) => samples.push(sample));
    expect(machine.watchers).toBe(1);
    machine.sampleNow();
    await clock.advance(0);
    expect(samples).toHaveLength(1);
    expect(liveSample.parse(samples[0])).toEqual(samples[0]);
    off();
    off();
    expect(machine.watchers).toBe(0);
    machine.sampleNow();
    await clock.advance(0);
    expect(samples).toHaveLength(1);
  });

  it('sets what was lent beside what is used', async () => {
    const [id] = await assets.allocations.allocate([requestOf('cpu', 500)]);
    const lent = async () => (await assets.live()).uses.find((use) => use.resource === 'cpu')!.lentUsed;
    expect((await lent()).known).toBe(false);
    assets.allocations.reportUse(id!, 123);
    expect(await lent()).toEqual(known(123));
  });

  it('tells promises soon after a change, in one event, and each second while something is lent', async () => {
    const events: number[] = [];
    assets.on('promisesChanged', (promises) => events.push(promises[0]!.promised));
    await Promise.all(Array.from({ length: 20 }, () => assets.allocations.allocate([requestOf('cpu', 10)])));
    expect(events).toEqual([]);
    await clock.advance(100);
    expect(events).toEqual([200]);
    await clock.advance(3000);
    expect(events.length).toBeGreaterThanOrEqual(3);
  });
});

describe('the benchmark', () => {
  const result: BenchmarkResult = {
    part: 'cpuSingle',
    label: 'SHA-256, one thread',
    unit: 'bytesPerSecond',
    value: known(5),
  };

  it('runs once at a time, tells its progress, and is kept', async () => {
    const gate = Promise.withResolvers<BenchmarkResult[]>();
    runner = {
      run: (_signal, onProgress) => {
        onProgress('memory', 40.4, [result]);
        return gate.promise;
      },
    };
    const seen: string[] = [];
    assets.on('benchmarkChanged', (state) => seen.push(state.status));
    expect(assets.benchmark()).toEqual({ status: 'never' });
    expect(assets.startBenchmark()).toMatchObject({ status: 'running', part: 'memory', progressPercent: 40 });
    expect(() => assets.startBenchmark()).toThrowError(expect.objectContaining({ code: 'BENCHMARK_RUNNING' }));
    await clock.advance(2000);
    gate.resolve([result]);
    await clock.advance(0);
    expect(assets.benchmark()).toMatchObject({ status: 'done', tookMs: 2000, results: [result] });
    expect(seen).toEqual(['running', 'running', 'done']);
    const done = assets.benchmark();
    await restart();
    expect(assets.benchmark()).toEqual(done);
  });

  it('is cancelled by its owner and by the end of the node, and says why it failed', async () => {
    runner = {
      run: (signal, onProgress) =>
        new Promise((_resolve, reject) => {
          onProgress('cpuAll', 10, [result]);
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        }),
    };
    assets.startBenchmark();
    expect(assets.cancelBenchmark()).toMatchObject({ status: 'cancelled', partial: [result] });
    await clock.advance(0);
    expect(assets.cancelBenchmark().status).toBe('cancelled');
    assets.startBenchmark();
    await restart();
    expect(assets.benchmark()).toEqual({ status: 'never' });
    runner = { run: () => Promise.reject(new Error('the disk is gone')) };
    assets.startBenchmark();
    await clock.advance(0);
    expect(assets.benchmark()).toMatchObject({ status: 'failed', reason: 'the disk is gone' });
  });
});

it('may be stopped twice, and before it was started', async () => {
  const fresh = create();
  await fresh.stop();
  await fresh.stop();
  await assets.stop();
  await assets.stop();
});
