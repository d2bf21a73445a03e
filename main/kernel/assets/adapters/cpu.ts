import { arch, availableParallelism, cpus } from 'node:os';
import type { Logger, WorkerPool } from '../../../base/index.ts';
import type { Inventory, Reading } from '../../../../preload/contract/index.ts';
import {
  known,
  knownNumber,
  knownText,
  listFolder,
  mapReading,
  type Monitor,
  readCpuTemperature,
  readFileNumber,
  readFileText,
  unknown,
} from '../../monitor/index.ts';
import type { AssetAdapter } from '../interface.ts';
import { MILLICORES_PER_THREAD } from './constants.ts';
import { askFact } from './facts.ts';

type CpuInventory = Inventory['cpu'];

export interface CpuAdapterComponents {
  logger: Logger;
  monitor: Monitor;
  workers?: WorkerPool | undefined;
}

/**
 * `0-3,8` as the kernel writes processor lists.
 *
 * @returns numbers, or null when the text is no such list or too long to be one
 */
export const parseCpuList = (text: string): number[] | null => {
  const found: number[] = [];
  if (text.trim() === '') return found;
  for (const part of text.trim().split(',')) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (match?.[1] === undefined) return null;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) return null;
    for (let cpu = first; cpu <= last; cpu += 1) found.push(cpu);
  }
  return found;
};

interface Topology {
  sockets: Reading<number>;
  cores: Reading<number>;
  performanceCores: Reading<number>;
  efficiencyCores: Reading<number>;
}

const ONE_KIND = 'all cores of this processor are of one kind, or the system does not tell them apart';

/** Cores and sockets from /sys (kernel: Documentation/admin-guide/cputopology.rst). `lscpu` counts in the same way. */
export const readTopology = async (sysPath: string): Promise<Topology> => {
  const folder = `${sysPath}/devices/system/cpu`;
  const names = ((await listFolder(folder)) ?? []).filter((name) => /^cpu\d+$/.test(name));
  const read = await Promise.all(
    names.map(async (name) => {
      const of = (file: string): Promise<number | null> => readFileNumber(`${folder}/${name}/${file}`);
      const [socket, die, core, capacity] = await Promise.all([
        of('topology/physical_package_id'),
        of('topology/die_id'),
        of('topology/core_id'),
        of('cpu_capacity'),
      ]);
      return { cpu: Number(name.slice(3)), socket, die, core, capacity };
    }),
  );
  // A processor that is switched off has no topology, and is not counted.
  const online = read.filter((cpu) => cpu.core !== null);
  const silent = unknown('the kernel does not tell the layout of the processor');
  if (online.length === 0) return { sockets: silent, cores: silent, performanceCores: silent, efficiencyCores: silent };
  const coreName = (cpu: (typeof online)[number]): string => `${cpu.socket}/${cpu.die}/${cpu.core}`;
  const cores = new Set(online.map(coreName)).size;
  // Some ARM boards answer -1: no firmware told the kernel.
  const sockets = online.some((cpu) => cpu.socket === null || cpu.socket < 0)
    ? unknown('the firmware does not tell the number of sockets')
    : known(new Set(online.map((cpu) => cpu.socket)).size);

  const coresOf = (cpuNumbers: readonly number[]): number =>
    new Set(online.filter((cpu) => cpuNumbers.includes(cpu.cpu)).map(coreName)).size;
  // Intel's hybrids have one device per kind of core.
  const [performance, efficiency] = await Promise.all([
    readFileText(`${sysPath}/devices/cpu_core/cpus`),
    readFileText(`${sysPath}/devices/cpu_atom/cpus`),
  ]);
  const performanceCpus = performance === null ? null : parseCpuList(performance);
  const efficiencyCpus = efficiency === null ? null : parseCpuList(efficiency);
  if (performanceCpus !== null && efficiencyCpus !== null)
    return {
      sockets,
      cores: known(cores),
      performanceCores: known(coresOf(performanceCpus)),
      efficiencyCores: known(coresOf(efficiencyCpus)),
    };
  // ARM tells the strength of each core, the strongest being 1024.
  const capacities = online.map((cpu) => cpu.capacity).filter((value) => value !== null);
  const strongest = Math.max(...capacities);
  if (capacities.length === online.length && capacities.some((value) => value < strongest)) {
    const weak = online.filter((cpu) => (cpu.capacity ?? 0) < strongest).map((cpu) => cpu.cpu);
    const weakCores = coresOf(weak);
    return {
      sockets,
      cores: known(cores),
      performanceCores: known(cores - weakCores),
      efficiencyCores: known(weakCores),
    };
  }
  return { sockets, cores: known(cores), performanceCores: unknown(ONE_KIND), efficiencyCores: unknown(ONE_KIND) };
};

/** What the processor offers to hypervisors, from its flags: the words of `lscpu`. */
export const virtualizationOf = (features: Reading<string[]>): Reading<string> =>
  mapReading(features, (flags) => (flags.includes('vmx') ? 'VT-x' : flags.includes('svm') ? 'AMD-V' : 'none'));

/** Flags as the kernel lists them: `flags` on x86, `Features` on ARM, `isa` on RISC-V. */
export const featuresOf = (cpuinfo: string): Reading<string[]> => {
  const line = /^(?:flags|Features|isa)\s*:\s*(.+)$/m.exec(cpuinfo)?.[1];
  return line === undefined
    ? unknown('the system does not list the features of the processor')
    : known([...new Set(line.trim().split(/\s+/))]);
};

/** Frequency that a brand text names, such as `… CPU @ 2.40GHz`, in MHz. */
export const brandFrequencyMhz = (brand: string): number | null => {
  const match = /@\s*(\d{1,2}(?:\.\d{1,3})?)\s*GHz/i.exec(brand);
  return match?.[1] === undefined ? null : Number(match[1]) * 1000;
};

/** Capacity: 1000 millicores for each logical processor that this process may use, affinity and cgroup quota respected. */
export const createCpuAdapter = (components: CpuAdapterComponents): AssetAdapter<CpuInventory> => ({
  kind: 'cpu',
  elasticity: 'share',
  detect: async (signal) => {
    signal?.throwIfAborted();
    const asked = await askFact(components, 'cpu', signal);
    const cpu = asked.known ? asked.value : null;
    const silent = (reason: string): string => (asked.known ? reason : asked.reason);
    const threads = availableParallelism();
    // What systeminformation calls brand has its maker cut out; the operating system's own text is what lscpu shows.
    const brand = (cpus()[0]?.model ?? '').trim();
    const model =
      brand !== '' && brand !== 'unknown'
        ? known(brand)
        : knownText(`${cpu?.manufacturer ?? ''} ${cpu?.brand ?? ''}`, silent('the processor does not tell its model'));
    const cacheBytes = (value: unknown): Reading<number> =>
      knownNumber(value, silent('the system does not tell the size of this cache'), 1);
    const caches = cpu?.cache;
    const inventory: CpuInventory = {
      model,
      vendor: knownText(cpu?.vendor || cpu?.manufacturer, silent('the processor does not tell its maker')),
      architecture: arch(),
      threads,
      ...(process.platform === 'linux' ? await readLinux(brand) : ofFacts(cpu)),
      // The two level-1 caches are one figure in the contract; both must be known to be added.
      cacheL1Bytes: cacheBytes((caches?.l1d || Number.NaN) + (caches?.l1i || Number.NaN)),
      cacheL2Bytes: cacheBytes(caches?.l2),
      cacheL3Bytes: cacheBytes(caches?.l3),
    };
    signal?.throwIfAborted();
    return {
      inventory,
      assets: [
        {
          resource: 'cpu',
          label: model.known ? model.value : 'Processor',
          unit: 'millicores',
          capacity: known(threads * MILLICORES_PER_THREAD),
          fingerprint: { architecture: arch(), model: model.known ? model.value : 'unknown', threads: cpus().length },
        },
      ],
    };
  },
  measure: async () => {
    const sample = components.monitor.latest();
    if (sample === null) {
      const early = unknown('nothing was measured yet');
      return { usedPercent: early, used: early, temperatureCelsius: early };
    }
    return {
      usedPercent: sample.cpuPercent,
      used: mapReading(
        sample.cpuPercent,
        (percent) => (percent / 100) * availableParallelism() * MILLICORES_PER_THREAD,
      ),
      temperatureCelsius: sample.cpuTemperatureCelsius,
    };
  },
  // Shares are held by whoever runs the work (`Holder.setEffective`): a processor needs neither quota nor setting.
  allocate: async () => undefined,
  applyLevel: async () => undefined,
  release: async () => undefined,
});

type ReadElsewhere = Pick<
  CpuInventory,
  | 'sockets'
  | 'cores'
  | 'performanceCores'
  | 'efficiencyCores'
  | 'frequencyBaseMhz'
  | 'frequencyMaxMhz'
  | 'features'
  | 'virtualization'
  | 'temperatureCelsius'
>;

/**
 * What systeminformation gets wrong on Linux: it takes unknown cores and sockets for 1, calls all cores of a plain
 * processor performance cores, and the frequency of the moment the base frequency.
 */
const readLinux = async (brand: string): Promise<ReadElsewhere> => {
  const scaling = '/sys/devices/system/cpu/cpu0/cpufreq';
  const [topology, cpuinfo, baseKhz, maxKhz, temperatureCelsius] = await Promise.all([
    readTopology('/sys'),
    readFileText('/proc/cpuinfo'),
    readFileNumber(`${scaling}/base_frequency`),
    readFileNumber(`${scaling}/cpuinfo_max_freq`),
    readCpuTemperature('/sys'),
  ]);
  const features = featuresOf(cpuinfo ?? '');
  const silent = (which: string): string =>
    `the kernel does not tell the ${which} frequency, as is usual in a virtual machine`;
  return {
    ...topology,
    frequencyBaseMhz: knownNumber(baseKhz === null ? brandFrequencyMhz(brand) : baseKhz / 1000, silent('base'), 1),
    frequencyMaxMhz: knownNumber(maxKhz === null ? null : maxKhz / 1000, silent('highest'), 1),
    features,
    virtualization: virtualizationOf(features),
    temperatureCelsius,
  };
};

const ofFacts = (
  cpu: {
    processors: number;
    physicalCores: number;
    performanceCores?: number;
    efficiencyCores?: number;
    speed: number;
    speedMax: number;
    flags: string;
  } | null,
): ReadElsewhere => {
  const silent = 'the system does not tell';
  const efficiency = knownNumber(cpu?.efficiencyCores, ONE_KIND, 1);
  const features =
    cpu === null || cpu.flags.trim() === ''
      ? unknown('the system does not list the features of the processor')
      : known(cpu.flags.trim().split(/\s+/));
  return {
    sockets: knownNumber(cpu?.processors, silent, 1),
    cores: knownNumber(cpu?.physicalCores, silent, 1),
    performanceCores: efficiency.known ? knownNumber(cpu?.performanceCores, ONE_KIND, 1) : efficiency,
    efficiencyCores: efficiency,
    frequencyBaseMhz: knownNumber((cpu?.speed || Number.NaN) * 1000, silent, 1),
    frequencyMaxMhz: knownNumber((cpu?.speedMax || Number.NaN) * 1000, silent, 1),
    features,
    virtualization: virtualizationOf(features),
    temperatureCelsius: unknown('the temperature is read with the live figures'),
  };
};
