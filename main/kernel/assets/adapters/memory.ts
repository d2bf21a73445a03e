import { totalmem } from 'node:os';
import type { Logger, WorkerPool } from '../../../base/index.ts';
import type { Inventory, Reading } from '../../../../preload/contract/index.ts';
import {
  known,
  knownNumber,
  knownText,
  listFolder,
  type Monitor,
  mapReading,
  parseMeminfo,
  readFileText,
  unknown,
} from '../../monitor/index.ts';
import type { AssetAdapter } from '../interface.ts';
import { AdapterError } from './errors.ts';
import { askFact } from './facts.ts';
import type { Facts } from './facts-task.ts';

type MemoryInventory = Inventory['memory'];

export interface MemoryAdapterComponents {
  logger: Logger;
  monitor: Monitor;
  workers?: WorkerPool | undefined;
}

/** NUMA nodes from /sys/devices/system/node; a machine with one memory has one node. */
export const readNumaNodes = async (sysPath: string): Promise<MemoryInventory['numaNodes']> => {
  const folder = `${sysPath}/devices/system/node`;
  const names = ((await listFolder(folder)) ?? []).filter((name) => /^node\d+$/.test(name));
  if (names.length === 0) return unknown('the kernel does not tell how memory is spread over the processors');
  const nodes = await Promise.all(
    names.map(async (name) => {
      const [meminfo, cpulist] = await Promise.all([
        readFileText(`${folder}/${name}/meminfo`),
        readFileText(`${folder}/${name}/cpulist`),
      ]);
      const totalBytes = parseMeminfo(meminfo ?? '').get('MemTotal');
      return totalBytes === undefined || cpulist === null
        ? null
        : { id: Number(name.slice(4)), totalBytes, cpus: cpulist.trim() };
    }),
  );
  const read = nodes.filter((node) => node !== null);
  return read.length === nodes.length ? known(read) : unknown('the kernel does not tell the size of every memory node');
};

/**
 * Modules by slot. Without the right to read the firmware's tables, systeminformation makes up one module of the whole
 * size and no type; such an entry is no reading.
 */
export const modulesOf = (layout: Reading<Facts['memLayout']>): MemoryInventory['modules'] => {
  if (!layout.known) return layout;
  const real = layout.value.filter(
    (module) =>
      module.size > 0 &&
      knownText(module.type, '').known &&
      (knownText(module.bank, '').known || knownText(module.formFactor, '').known),
  );
  if (real.length === 0)
    return unknown('the memory modules can be read only with administrator rights, and a virtual machine has none');
  return known(
    real.map((module) => {
      const slot = knownText(module.bank, '');
      return {
        sizeBytes: module.size,
        kind: module.type,
        speedMhz: knownNumber(module.clockSpeed, 'the firmware does not tell the speed of this module', 1),
        slot: slot.known ? slot.value : module.formFactor,
      };
    }),
  );
};

/** What this process may use at most: a cgroup may give it less than the machine has. */
const usableBytes = (): number => {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
};

/** Capacity: all bytes of memory, or what the cgroup of this process allows. */
export const createMemoryAdapter = (components: MemoryAdapterComponents): AssetAdapter<MemoryInventory> => ({
  kind: 'memory',
  elasticity: 'space',
  detect: async (signal) => {
    signal?.throwIfAborted();
    const linux = process.platform === 'linux';
    const [layout, swap, numaNodes] = await Promise.all([
      askFact(components, 'memLayout', signal),
      linux
        ? readLinuxSwap()
        : askFact(components, 'mem', signal).then((mem) =>
            mem.known
              ? knownNumber(mem.value.swaptotal, 'the system does not tell the size of its swap space', 0)
              : mem,
          ),
      linux
        ? readNumaNodes('/sys')
        : Promise.resolve(unknown('only Linux tells how memory is spread over the processors')),
    ]);
    signal?.throwIfAborted();
    return {
      inventory: { totalBytes: totalmem(), swapTotalBytes: swap, modules: modulesOf(layout), numaNodes },
      // The size is no part of the fingerprint: a virtual machine's changes while it runs, and it stays the same memory.
      assets: [
        {
          resource: 'memory',
          label: 'Memory',
          unit: 'bytes',
          capacity: known(usableBytes()),
          fingerprint: { kind: 'ram' },
        },
      ],
    };
  },
  measure: async () => {
    const sample = components.monitor.latest();
    const used = sample === null ? unknown('nothing was measured yet') : sample.memoryUsedBytes;
    return {
      used,
      usedPercent: mapReading(used, (bytes) => Math.min(100, (bytes / totalmem()) * 100)),
      temperatureCelsius: unknown('memory modules do not tell their temperature'),
    };
  },
  /** @throws {AdapterError} `NOT_ENOUGH_FREE` when other programs have left less than is asked for */
  allocate: async (allocation) => {
    const used = components.monitor.latest()?.memoryUsedBytes;
    if (used?.known !== true) return;
    const freeBytes = Math.max(0, usableBytes() - used.value);
    if (allocation.promised > freeBytes)
      throw new AdapterError(
        { code: 'NOT_ENOUGH_FREE', resource: 'memory', neededBytes: allocation.promised, freeBytes },
        `Only ${Math.floor(freeBytes / 1048576)} MiB of memory are free on this machine; close other programs or ask for less.`,
      );
  },
  applyLevel: async () => undefined,
  release: async () => undefined,
});

const readLinuxSwap = async (): Promise<Reading<number>> =>
  knownNumber(
    parseMeminfo((await readFileText('/proc/meminfo')) ?? '').get('SwapTotal'),
    'the kernel does not tell the size of its swap space',
    0,
  );
