import { hostname, release, type, version as kernelVersion } from 'node:os';
import type { Logger, WorkerPool } from '../../../base/index.ts';
import type { Inventory, Reading } from '../../../../preload/contract/index.ts';
import { known, readFileText, readPower, unknown } from '../../monitor/index.ts';
import { askFact } from './facts.ts';

/** The `system` part of the inventory, which belongs to no adapter. */
export type SystemPart = Inventory['system'];

/** `NAME="value"` lines of /etc/os-release, os-release(5). */
export const parseOsRelease = (text: string): Map<string, string> =>
  new Map(
    text.split('\n').flatMap((line) => {
      const match = /^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/.exec(line.trim());
      return match?.[1] === undefined ? [] : [[match[1], match[2] ?? match[3] ?? match[4] ?? '']];
    }),
  );

/**
 * Whether the processor says that a hypervisor lies below it (CPUID leaf 1, ECX bit 31, which Linux lists as the flag
 * `hypervisor`). Processors other than x86 have no such bit.
 */
export const virtualMachineOf = (cpuinfo: string): Reading<boolean> => {
  const flags = /^flags\s*:\s*(.+)$/m.exec(cpuinfo)?.[1];
  return flags === undefined
    ? unknown('this kind of processor does not tell whether it is a virtual one')
    : known(flags.split(/\s+/).includes('hypervisor'));
};

/** @returns a function that reads name and version of the system, and what kind of machine it runs on */
export const createSystemReader = (components: {
  logger: Logger;
  workers?: WorkerPool | undefined;
}): ((signal?: AbortSignal) => Promise<SystemPart>) => {
  const common = { kernel: release(), hostname: hostname() };
  return async (signal) => {
    if (process.platform === 'linux') {
      // systeminformation's `system` and `osInfo` answer the same with synchronous programs; three files do.
      const [osRelease, cpuinfo, power] = await Promise.all([
        readFileText('/etc/os-release'),
        readFileText('/proc/cpuinfo'),
        readPower('/sys'),
      ]);
      signal?.throwIfAborted();
      const fields = parseOsRelease(osRelease ?? '');
      return {
        ...common,
        os: fields.get('NAME') || 'Linux',
        version: fields.get('VERSION_ID') || fields.get('BUILD_ID') || 'rolling',
        virtualMachine: virtualMachineOf(cpuinfo ?? ''),
        battery: power.battery,
      };
    }
    const [os, system] = await Promise.all([
      askFact(components, 'osInfo', signal),
      askFact(components, 'system', signal),
    ]);
    const { battery } = await import('systeminformation');
    const power = await battery().catch(() => null);
    signal?.throwIfAborted();
    return {
      ...common,
      os: (os.known ? os.value.distro : '') || type(),
      version: (os.known ? os.value.release : '') || kernelVersion(),
      virtualMachine: system.known ? known(system.value.virtual) : system,
      battery: power === null ? unknown('the system does not tell its power state') : known(power.hasBattery),
    };
  };
};
