import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createMetricsRegistry, createSystemOutside, type Outside } from '../../../../main/base/index.ts';
import {
  createMonitor,
  createTerminalPresence,
  known,
  type MachineSample,
  type Monitor,
  type PresenceSource,
} from '../../../../main/kernel/monitor/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';
import { createTree } from './fixture-tree.ts';

const presence: PresenceSource = { idleMs: () => Promise.resolve(known(1234)) };

const stat = (busy: number, idle: number): string =>
  `cpu  ${2 * busy} 0 0 ${2 * idle} 0 0 0 0 0 0\ncpu0 ${busy} 0 0 ${idle} 0 0 0 0 0 0\ncpu1 ${busy} 0 0 ${idle} 0 0 0 0 0 0\n`;
const netDev = (received: number, sent: number): string =>
  `eth0: ${received} 0 0 0 0 0 0 0 ${sent} 0 0 0 0 0 0 0\nbr0: 999 0 0 0 0 0 0 0 999 0 0 0 0 0 0 0\nlo: 5 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0\n`;
const diskstats = (read: number, written: number): string =>
  ` 8 0 sda 1 1 ${read} 1 1 1 ${written} 1 0 1 1\n 253 0 dm-0 1 1 999 1 1 1 999 1 0 1 1\n`;

const build = async () => {
  const clock = createManualClock();
  const proc = await createTree({
    stat: stat(100, 900),
    meminfo: 'MemTotal: 1000 kB\nMemAvailable: 400 kB\n',
    'net/dev': netDev(1000, 500),
    diskstats: diskstats(8, 16),
  });
  const sys = await createTree({
    'class/net/eth0/device': '->/',
    'class/net/br0/flags': '0x1',
    'class/net/lo/flags': '0x9',
    'block/sda/device': '->/',
    'block/dm-0/size': '1',
  });
  const outside: Outside = { clock, random: createSeededRandom(1) };
  const monitor = createMonitor(
    { outside, logger: createSilentLogger(), metrics: null, presence, storagePath: tmpdir() },
    { procPath: proc.path, sysPath: sys.path, portable: false },
  );
  return { clock, proc, monitor };
};
/** Resolves once the next sample is out and the monitor is ready for another. */
const nextSample = (monitor: Monitor): Promise<MachineSample> =>
  new Promise((resolve) => {
    const off = monitor.on('sampled', (sample) => {
      off();
      setImmediate(() => resolve(sample));
    });
  });

describe('rates', () => {
  it('are unknown at first, then what moved since, of hardware alone', async () => {
    const { clock, proc, monitor } = await build();
    const first = await monitor.sample();
    expect(first.cpuPercent.known).toBe(false);
    expect(first.networkSentBytesPerSecond.known).toBe(false);
    expect(first.memoryUsedBytes).toEqual(known(600 * 1024));
    expect(first.storageTotalBytes.known).toBe(true);
    await proc.put({ stat: stat(150, 950), 'net/dev': netDev(3000, 1500), diskstats: diskstats(12, 24) });
    clock.advanceSync(2000);
    const second = await monitor.sample();
    expect(second.cpuPercent).toEqual(known(50));
    expect(second.cpuThreadsPercent).toEqual(known([50, 50]));
    expect(second.networkReceivedBytesPerSecond).toEqual(known(1000));
    expect(second.networkSentBytesPerSecond).toEqual(known(500));
    expect(second.diskReadBytesPerSecond).toEqual(known(1024));
    expect(second.diskWrittenBytesPerSecond).toEqual(known(2048));
    expect(monitor.latest()).toBe(second);
  });
  it('are dropped after a sleep and after a jump of the wall clock, and come back', async () => {
    const { clock, monitor, proc } = await build();
    await monitor.sample();
    clock.advanceSync(60_000);
    expect((await monitor.sample()).networkReceivedBytesPerSecond).toEqual({
      known: false,
      reason: expect.stringContaining('slept'),
    });
    clock.advanceSync(1000);
    clock.setNowMs(clock.nowMs() + 3_600_000);
    expect((await monitor.sample()).cpuPercent).toEqual({ known: false, reason: expect.stringContaining('clock') });
    clock.advanceSync(1000);
    await proc.put({ stat: stat(200, 900) });
    expect((await monitor.sample()).cpuPercent).toEqual(known(100));
  });
  it('do not count a counter that went back', async () => {
    const { clock, monitor, proc } = await build();
    await monitor.sample();
    await proc.put({ 'net/dev': netDev(10, 10) });
    clock.advanceSync(1000);
    expect((await monitor.sample()).networkReceivedBytesPerSecond).toEqual(known(0));
  });
  it('are unknown when the files hold garbage', async () => {
    const { clock, monitor, proc } = await build();
    await monitor.sample();
    await proc.put({ stat: 'cpu NaN', meminfo: '', 'net/dev': '???', diskstats: '' });
    clock.advanceSync(1000);
    const sample = await monitor.sample();
    for (const reading of [
      sample.cpuPercent,
      sample.cpuThreadsPercent,
      sample.memoryUsedBytes,
      sample.networkSentBytesPerSecond,
      sample.diskReadBytesPerSecond,
    ])
      expect(reading).toEqual({ known: false, reason: expect.any(String) });
  });
  it('are shared by those who ask at the same moment', async () => {
    const { monitor } = await build();
    const [one, two] = await Promise.all([monitor.sample(), monitor.sample()]);
    expect(one).toBe(two);
    expect(await monitor.sample()).toBe(one);
  });
});

describe('life', () => {
  it('samples every 10 s, each second while watched, and leaves no timer behind', async () => {
    const { clock, monitor } = await build();
    await monitor.start();
    expect(clock.pendingCount).toBe(1);
    let count = 0;
    monitor.on('sampled', () => {
      count += 1;
    });
    clock.advanceSync(9_999);
    expect(count).toBe(0);
    let sampled = nextSample(monitor);
    clock.advanceSync(1);
    await sampled;
    sampled = nextSample(monitor);
    clock.advanceSync(500);
    const unwatch = monitor.watch();
    await sampled;
    for (let second = 1; second <= 3; second += 1) {
      sampled = nextSample(monitor);
      clock.advanceSync(1000);
      await sampled;
    }
    expect(count).toBe(5);
    unwatch();
    unwatch();
    clock.advanceSync(5_000);
    expect(count).toBe(5);
    await monitor.stop();
    await monitor.stop();
    expect(clock.pendingCount).toBe(0);
  });
});

describe('conditions', () => {
  it('reads what is wanted and says so of the rest', async () => {
    const { monitor } = await build();
    const wanted = await monitor.conditions(new Set(['idle']));
    expect(wanted.idleMs).toEqual(known(1234));
    for (const reading of [wanted.onBattery, wanted.metered, wanted.cpuTemperatureCelsius, wanted.programs])
      expect(reading).toEqual({ known: false, reason: 'not asked for' });
    expect((await monitor.conditions(new Set())).idleMs.known).toBe(false);
  });
});

describe.runIf(process.platform === 'linux')('this machine', () => {
  const outside = createSystemOutside();
  const create = (): Monitor =>
    createMonitor({
      outside,
      logger: createSilentLogger(),
      metrics: createMetricsRegistry({ clock: outside.clock }),
      presence: createTerminalPresence({ outside }),
      storagePath: tmpdir(),
    });

  it('counts the processor time of a child that spins, named or not', async () => {
    const monitor = create();
    const child = spawn(process.execPath, ['-e', "process.stdout.write('up'); for (;;);"], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      await once(child.stdout, 'data');
      const uncount = monitor.countProcess(child.pid ?? 0);
      const first = await monitor.sample();
      await outside.clock.sleep(1000);
      const second = await monitor.sample();
      // A whole core, less what other programs of the machine take of it at the moment.
      expect(second.app.cpuPercentOfCore).toBeGreaterThan(10);
      expect(second.app.memoryBytes).toBeGreaterThan(first.app.memoryBytes / 2);
      uncount();
      uncount();
      const { programs } = await monitor.conditions(new Set(['programs']));
      expect(programs.known && [...programs.value].some((name) => name.startsWith('node'))).toBe(true);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
      await monitor.stop();
    }
  });

  it('reads the same through the packages of other systems', async () => {
    const monitor = createMonitor(
      { outside, logger: createSilentLogger(), metrics: null, presence, storagePath: tmpdir() },
      { portable: true },
    );
    const sample = await monitor.sample();
    expect(
      sample.memoryUsedBytes.known &&
        sample.memoryUsedBytes.value > 0 &&
        sample.memoryUsedBytes.value < sample.memoryTotalBytes,
    ).toBe(true);
    const conditions = await monitor.conditions(new Set(['programs', 'battery', 'temperature', 'metered']));
    expect(conditions.programs.known && conditions.programs.value.size > 0).toBe(true);
  });
});
