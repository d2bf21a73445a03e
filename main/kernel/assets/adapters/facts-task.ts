// Not through the front door: a thread loads what its tasks need and no more.
import { assert, messageOf } from '../../../base/errors.ts';
import type { Systeminformation } from 'systeminformation';

/** What may be asked of `systeminformation`, with the type of each answer. */
export interface Facts {
  cpu: Systeminformation.CpuData;
  memLayout: Systeminformation.MemLayoutData[];
  graphics: Systeminformation.GraphicsData;
  diskLayout: Systeminformation.DiskLayoutData[];
  blockDevices: Systeminformation.BlockDevicesData[];
  fsSize: Systeminformation.FsSizeData[];
  networkInterfaces: Systeminformation.NetworkInterfacesData[];
  mem: Systeminformation.MemData;
  osInfo: Systeminformation.OsData;
  system: Systeminformation.SystemData;
  cpuTemperature: Systeminformation.CpuTemperatureData;
}
export type FactName = keyof Facts;
export type FactAnswer<N extends FactName> = { ok: true; value: Facts[N] } | { ok: false; reason: string };

const FACT_NAMES: readonly FactName[] = [
  'cpu',
  'memLayout',
  'graphics',
  'diskLayout',
  'blockDevices',
  'fsSize',
  'networkInterfaces',
  'mem',
  'osInfo',
  'system',
  'cpuTemperature',
];

/**
 * Asks `systeminformation` for one fact. Its functions take their time in synchronous programs, so this runs in a thread.
 *
 * @param input - a {@link FactName}
 * @returns what it answered, as it answered: callers sort out its zeros and empty texts
 */
export const readFacts = async (input: unknown): Promise<FactAnswer<FactName>> => {
  assert(FACT_NAMES.includes(input as FactName), 'A fact is asked for by one of the known names.');
  try {
    const { default: information } = await import('systeminformation');
    const read = information[input as FactName] as () => Promise<Facts[FactName]>;
    return { ok: true, value: await read() };
  } catch (error) {
    return { ok: false, reason: `the system could not be asked: ${messageOf(error)}` };
  }
};
