import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { RuntimeDriver } from '../../main/kernel/runtime/drivers/interface.ts';
import { containerOptions } from '../../main/kernel/runtime/drivers/container/container-options.ts';
import type { ContainerSpec } from '../../preload/contract/index.ts';
import { newJobId, createSystemOutside } from '../../main/base/index.ts';
import {
  containersMissing,
  IMAGE,
  openContainerWorld,
  type ContainerWorld,
} from '../support/engine/container-world.ts';
import { cpuPercentOver, startDriven, until, type DriverRun } from '../support/runtime-driver.ts';
import { percentile, type Figure } from './figure.ts';

/** Starts of each kind. With so many, the 99th percentile is the slowest but one. */
const STARTS = 100;
/** Pairs of jobs of ours and of the engine alone. */
const PAIRS = 7;
const SHARE_MS = 10_000;
const DEPLOYMENTS = 50;
const SLIDES = 5;
const MIB = 1024 * 1024;

const { random } = createSystemOutside();
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const withWorld = async (
  measure: (world: ContainerWorld, driver: RuntimeDriver) => Promise<Figure[]>,
  keepReady = false,
): Promise<Figure[]> => {
  if (containersMissing !== null) throw new Error(containersMissing);
  const world = await openContainerWorld();
  try {
    const { driver } = await world.life({ keepReady });
    return await measure(world, driver);
  } finally {
    await world.close();
  }
};

const end = async ({ driven, told }: DriverRun): Promise<void> => {
  driven.kill();
  await until(() => told.how !== null);
  await driven.release();
};
/** The same container with the same limits through the engine's client alone: no holder, no files, no row, nobody who looks after it. */
const rawOptions = (spec: ContainerSpec, limited: boolean): Docker.ContainerCreateOptions => {
  const { name: _, ...options } = containerOptions({
    mark: 'raw',
    job: newJobId(random),
    spec,
    image: { id: IMAGE, bytes: 0, entrypoint: [], command: [], workFolder: '', volumes: [] },
    holder: '',
    volume: '',
    millicores: 1000,
    podman: false,
    init: false,
  });
  const { CpuQuota, CpuPeriod, ...rest } = options.HostConfig ?? {};
  return {
    ...options,
    HostConfig: {
      ...rest,
      ...(limited && CpuQuota !== undefined && CpuPeriod !== undefined ? { CpuQuota, CpuPeriod } : {}),
      NetworkMode: 'none',
      Mounts: [],
      Tmpfs: { ...rest.Tmpfs, '/work': `rw,size=${spec.scratchBytesMax},mode=1777` },
    },
  };
};
const startRaw = async (world: ContainerWorld, spec: ContainerSpec, limited = true): Promise<Docker.Container> => {
  const container = await world.engine.client.createContainer(rawOptions(spec, limited));
  await container.start();
  return container;
};

/** Names of holders that are there: one that waits ready, once the last job has begun. */
const holders = async (world: ContainerWorld): Promise<number> =>
  (await world.things()).filter((thing) => /^container .*holder$/.test(thing)).length;

/** From the request until the program runs, in turns with the engine's own client. */
export const benchContainerStart = async (): Promise<Figure[]> => {
  const measure =
    (name: string, starts: number, ready: boolean) =>
    async (world: ContainerWorld, driver: RuntimeDriver): Promise<Figure[]> => {
      const spec = world.shell('sleep 60', { cpuPercent: 100 });
      const ours: number[] = [];
      const raw: number[] = [];
      for (let round = -2; round < starts; round++) {
        const beganMs = performance.now();
        const run = await startDriven(driver, spec);
        await until(() => run.told.isRunning);
        const tookMs = performance.now() - beganMs;
        // The next holder is made behind the job; in a rush of jobs the second would have to wait for its own.
        if (ready) await until(async () => (await holders(world)) === 2);
        await end(run);
        const rawMs = performance.now();
        const container = await startRaw(world, spec);
        const rawTookMs = performance.now() - rawMs;
        await container.remove({ force: true });
        if (round < 0) continue;
        ours.push(tookMs);
        raw.push(rawTookMs);
      }
      return [0.5, 0.99].map((p): Figure => {
        const [value, peer] = [percentile(ours, p), percentile(raw, p)];
        return {
          name: `create to running, ${name}, p${p * 100} of ${starts}`,
          unit: 'ms',
          value,
          peer: { name: 'the same container through dockerode', value: peer },
          ratio: value / peer,
          ...(ready ? { target: '≤ 1.1×', reached: value / peer <= 1.1 } : { target: 'with its holder made first' }),
        };
      });
    };
  return [
    ...(await withWorld(measure('a holder waiting', STARTS, true), true)),
    ...(await withWorld(measure('no holder waiting', Math.ceil(STARTS / 5), false))),
  ];
};

/** What is run; each prints what it took, by clocks of the kernel that count hundredths of a second. */
const PROGRAMS = {
  // Hashing stays in the processor's caches; the shell's own `times` tells what its children took.
  processor: 'i=0; while [ $i -lt 240 ]; do sha256sum /bin/busybox >/dev/null; i=$((i+1)); done; times',
  files:
    'a=$(cat /proc/uptime); i=0; while [ $i -lt 60 ]; do dd if=/dev/zero of=/work/f bs=4k count=4096 2>/dev/null; cat /work/f >/dev/null; i=$((i+1)); done; echo $a $(cat /proc/uptime)',
};
const cpuMsOf = (text: string): number => {
  const times = [...text.matchAll(/(\d+)m([\d.]+)s/g)].map(
    ([, minutes, seconds]) => Number(minutes) * 60 + Number(seconds),
  );
  return times.reduce((sum, seconds) => sum + seconds, 0) * 1000;
};
const wallMsOf = (text: string): number => {
  // Twice: seconds since the machine started, and what it was idle of them.
  const [from, , to] = text.trim().split(/\s+/).map(Number);
  return from === undefined || to === undefined ? Number.NaN : (to - from) * 1000;
};

/** The same program in the same image under our driver and under the engine alone, without a quota, in turns. */
export const benchContainerOverhead = (): Promise<Figure[]> =>
  withWorld(async (world, driver) => {
    const figures: Figure[] = [];
    for (const [name, line, readMs] of [
      ['processor', PROGRAMS.processor, cpuMsOf],
      ['files', PROGRAMS.files, wallMsOf],
    ] as const) {
      const spec = world.shell(line, { cpuPercent: 200, scratchBytesMax: 64 * MIB });
      const ours: number[] = [];
      const raw: number[] = [];
      for (let round = -1; round < PAIRS; round++) {
        const run = await startDriven(driver, spec, { millicores: 2000 });
        await until(() => run.told.how !== null);
        await run.driven.release();
        const container = await startRaw(world, spec, false);
        await container.wait();
        const log = await container.logs({ stdout: true });
        await container.remove({ force: true });
        if (round < 0) continue;
        ours.push(readMs(run.told.text('stdout')));
        // Frames of 8 bytes before each piece are no digits.
        raw.push(readMs(log.toString('latin1').replaceAll(/[^\x20-\x7e\n]/g, ' ')));
      }
      // Pair by pair, as the machine's speed drifts between pairs.
      const overhead = percentile(
        ours.map((ms, pair) => (ms / (raw[pair] ?? Number.NaN) - 1) * 100),
        0.5,
      );
      figures.push({
        name: `overhead in a container of ours, ${name}, median of ${PAIRS} pairs`,
        unit: '%',
        value: overhead,
        peer: {
          name: `ours ${percentile(ours, 0.5).toFixed(0)} ms, raw ${percentile(raw, 0.5).toFixed(0)} ms, medians; no difference`,
          value: 0,
        },
        target: '< 5 %',
        reached: overhead < 5,
      });
    }
    return figures;
  });

/** How far a busy loop is from its share, by the counters of its control group. */
export const benchContainerShares = (): Promise<Figure[]> =>
  withWorld(async (world, driver) => {
    const figures: Figure[] = [];
    for (const wanted of [10, 30, 70]) {
      const run = await startDriven(driver, world.shell('while :; do :; done', { cpuPercent: wanted }));
      await until(() => run.told.isRunning);
      await sleep(1000);
      const value = await cpuPercentOver(run.driven, SHARE_MS);
      await end(run);
      figures.push({
        name: `share of a container, busy loop at ${wanted} % over ${SHARE_MS / 1000} s`,
        unit: '%',
        value,
        peer: { name: 'promised', value: wanted },
        target: '± 3 points',
        reached: Math.abs(value - wanted) <= 3,
      });
    }
    return figures;
  });

/** Nanoseconds of processor time of a process's control group, by the kernel's own file. */
const usageReader = (pid: number): (() => number) => {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const legacy = lines.find(([, controllers = '']) => controllers.split(',').includes('cpuacct'));
  if (legacy !== undefined) {
    const path = join('/sys/fs/cgroup/cpuacct', legacy[2] ?? '', 'cpuacct.usage');
    return () => Number(readFileSync(path, 'utf8'));
  }
  const unified = lines.find(([id]) => id === '0')?.[2] ?? '';
  const path = join('/sys/fs/cgroup', unified, 'cpu.stat');
  if (!existsSync(path)) throw new Error(`No counters at ${path}.`);
  return () => Number(/^usage_usec (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1]) * 1000;
};

/** From the call that moves the slider until the kernel's counters show it, over windows of 200 ms. */
export const benchContainerSlider = (): Promise<Figure[]> =>
  withWorld(async (world, driver) => {
    const run = await startDriven(driver, world.shell('while :; do :; done', { cpuPercent: 90 }));
    await until(() => run.told.isRunning);
    const [found] = await world.engine.client.listContainers({ filters: { label: ['org.hypermesh.role=job'] } });
    const { State } = await world.engine.client.getContainer(found?.Id ?? '').inspect();
    const usage = usageReader(State.Pid);
    /** Ms until the mean over the next window is what was asked for, seen by looks 10 ms apart. */
    const slide = async (millicores: number, holds: (percent: number) => boolean): Promise<number> => {
      const WINDOW_MS = 200;
      const beganMs = performance.now();
      run.driven.setMillicores(millicores);
      const looks: { atMs: number; ns: number }[] = [];
      for (;;) {
        const look = { atMs: performance.now(), ns: usage() };
        looks.push(look);
        const first = looks.find(({ atMs }) => look.atMs - atMs < WINDOW_MS + 15);
        if (first !== undefined && look.atMs - first.atMs >= WINDOW_MS) {
          const percent = ((look.ns - first.ns) / 1e6 / (look.atMs - first.atMs)) * 100;
          if (holds(percent)) return first.atMs - beganMs;
        }
        if (look.atMs - beganMs > 10_000) throw new Error('the slider has no effect');
        await sleep(10);
      }
    };
    const times = { lower: [] as number[], freeze: [] as number[], raise: [] as number[] };
    for (let round = 0; round < SLIDES; round++) {
      await sleep(700);
      times.lower.push(await slide(200, (percent) => percent < 30));
      await sleep(300);
      times.freeze.push(await slide(0, (percent) => percent < 1));
      await sleep(300);
      // How much it then gets depends on what else runs; that it runs again does not.
      times.raise.push(await slide(900, (percent) => percent > 25));
    }
    await end(run);
    return (['lower', 'freeze', 'raise'] as const).map((what): Figure => {
      const value = Math.max(...times[what]);
      return {
        name: `slider to effect, ${what === 'lower' ? '90 to 20 %' : what === 'freeze' ? '20 to 0 %' : '0 to 90 %'}, slowest of ${SLIDES}`,
        unit: 'ms',
        value,
        target: '< 1000 ms',
        reached: value < 1000,
      };
    });
  });

const statusOf = (pid: number, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
/** Memory that a process has for itself, with its part of what it shares. */
const pssBytes = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) * 1024;
/** Of every container that runs: its first process and the engine's process that looks after it. */
const pssOfContainers = async ({ engine }: ContainerWorld): Promise<number> => {
  const pids = new Set<number>();
  for (const { Id } of await engine.client.listContainers()) {
    const { Pid } = (await engine.client.getContainer(Id).inspect()).State;
    pids.add(Pid).add(statusOf(Pid, 'PPid'));
  }
  return [...pids].reduce((sum, pid) => sum + pssBytes(pid), 0);
};

/** Many at once, and what they take of the machine while they sleep. */
export const benchContainerDeployments = (): Promise<Figure[]> =>
  withWorld(async (world, driver) => {
    const spec = world.shell('sleep 600', { cpuPercent: 100, memoryBytes: 16 * MIB, scratchBytesMax: MIB });
    const warm = await startDriven(driver, spec);
    await until(() => warm.told.isRunning);
    await end(warm);
    const rawMs = performance.now();
    const raw = await Promise.all(Array.from({ length: DEPLOYMENTS }, () => startRaw(world, spec)));
    const rawTookMs = performance.now() - rawMs;
    const rawBytes = (await pssOfContainers(world)) / DEPLOYMENTS;
    await Promise.all(raw.map((container) => container.remove({ force: true })));
    const beganMs = performance.now();
    const runs = await Promise.all(Array.from({ length: DEPLOYMENTS }, () => startDriven(driver, spec)));
    await until(() => runs.every(({ told }) => told.isRunning));
    const tookMs = performance.now() - beganMs;
    const bytes = (await pssOfContainers(world)) / DEPLOYMENTS;
    const found = await world.engine.client.listContainers({ filters: { label: ['org.hypermesh.role=holder'] } });
    const { State } = await world.engine.client.getContainer(found[0]?.Id ?? '').inspect();
    const holderBytes = statusOf(State.Pid, 'VmRSS') * 1024;
    await Promise.all(runs.map(end));
    return [
      {
        name: `${DEPLOYMENTS} deployments at once, until the last runs`,
        unit: 'ms',
        value: tookMs,
        peer: { name: 'one container each through dockerode', value: rawTookMs },
        ratio: tookMs / rawTookMs,
        target: 'two containers each: for information',
      },
      {
        name: 'memory of a sleeping container with its holder, with the engine’s processes that look after them',
        unit: 'MiB',
        value: bytes / MIB,
        peer: { name: 'one container through dockerode', value: rawBytes / MIB },
        ratio: bytes / rawBytes,
        target: 'for information',
      },
      {
        name: 'containers until a lease of 4 GiB is full, by what each takes of the machine while it sleeps',
        unit: 'count',
        value: Math.floor((4 * 1024 * MIB) / bytes),
        peer: { name: 'by what is promised to each at least, 128 MiB', value: 32 },
        target: 'at least what is promised',
        reached: (4 * 1024 * MIB) / bytes >= 32,
      },
      {
        name: 'memory of an idle holder',
        unit: 'KiB',
        value: holderBytes / 1024,
        target: '< 2 MiB',
        reached: holderBytes < 2 * MIB,
      },
    ];
  });
