import type { Clock } from '../../../base/index.ts';
import { PROCESS_SCAN_INTERVAL_MS } from '../constants.ts';
import { readMetered } from '../metered.ts';
import type { MachineReader } from '../reader.ts';
import { known, unknown } from '../readings.ts';
import { linkTarget, listFolder, readFileText } from './files.ts';
import { readPower } from './power.ts';
import { type ByteCounters, parseCpuTicks, parseDiskstats, parseMeminfo, parseNetDev } from './proc.ts';
import { createOwnProcesses, createProgramList } from './processes.ts';
import { readCpuTemperature } from './temperature.ts';

/**
 * Reads /proc and /sys itself: `systeminformation` starts programs for networkStats and fsSize, and `node-os-utils`
 * sleeps half a second in its processor use, neither of which fits a reading each second at under 1 % of a core.
 */
export const createLinuxReader = (components: {
  clock: Clock;
  procPath: string;
  sysPath: string;
  pid: number;
  ownCpuMs: () => number;
  ownMemoryBytes: () => number;
}): MachineReader => {
  const { clock, procPath, sysPath } = components;
  const processes = createOwnProcesses(components);
  const programs = createProgramList({ procPath });
  let scannedAtMs = -Infinity;

  /**
   * Keeps the devices that are hardware: traffic of a bridge, tunnel, device mapper or loop device shows up in the
   * hardware below it once more. Looked up again only when the list of names changes.
   */
  const createHardwareFilter = (folder: string): ((counters: ByteCounters) => Promise<ByteCounters>) => {
    let names = '';
    let kept = new Set<string>();
    return async (counters) => {
      const present = (await listFolder(folder)) ?? [];
      const key = present.join('\n');
      if (key !== names) {
        names = key;
        const hardware = await Promise.all(
          present.map(async (name) => ((await linkTarget(`${folder}/${name}/device`)) === null ? [] : [name])),
        );
        kept = new Set(hardware.flat());
      }
      return new Map([...counters].filter(([name]) => kept.has(name)));
    };
  };
  const networkHardware = createHardwareFilter(`${sysPath}/class/net`);
  const diskHardware = createHardwareFilter(`${sysPath}/block`);

  return {
    cpu: async () => {
      const parsed = parseCpuTicks((await readFileText(`${procPath}/stat`)) ?? '');
      return parsed === null ? unknown('/proc/stat could not be read') : known(parsed);
    },
    memoryUsedBytes: async () => {
      const found = parseMeminfo((await readFileText(`${procPath}/meminfo`)) ?? '');
      const total = found.get('MemTotal');
      const available = found.get('MemAvailable');
      return total === undefined || available === undefined
        ? unknown('/proc/meminfo could not be read')
        : known(Math.max(0, total - available));
    },
    network: async () => {
      const text = await readFileText(`${procPath}/net/dev`);
      if (text === null) return unknown('/proc/net/dev could not be read');
      const all = parseNetDev(text);
      const hardware = await networkHardware(all);
      if (hardware.size > 0) return known(hardware);
      // In a container the only way out is a virtual interface.
      all.delete('lo');
      return all.size > 0 ? known(all) : unknown('this machine has no network interface but the loopback');
    },
    disks: async () => {
      const text = await readFileText(`${procPath}/diskstats`);
      if (text === null) return unknown('/proc/diskstats could not be read');
      const hardware = await diskHardware(parseDiskstats(text));
      return hardware.size > 0 ? known(hardware) : unknown('the system shows no disk of its own here');
    },
    cpuTemperature: () => readCpuTemperature(sysPath),
    power: () => readPower(sysPath),
    metered: readMetered,
    programs: async () => {
      const names = await programs.read();
      return names === null ? unknown('the process table could not be read') : known(names);
    },
    app: async () => {
      if (clock.monotonicMs() - scannedAtMs >= PROCESS_SCAN_INTERVAL_MS) {
        scannedAtMs = clock.monotonicMs();
        await processes.scan();
      }
      return processes.read();
    },
    countProcess: (pid) => processes.add(pid),
    forgetProcess: (pid) => processes.remove(pid),
  };
};
