import type { Reading } from '../../../../preload/contract/index.ts';
import { known, unknown } from '../readings.ts';
import { listFolder, readFileText } from './files.ts';

export interface Power {
  /** Whether the machine itself has a battery; those of mice and keyboards do not count. */
  battery: Reading<boolean>;
  onBattery: Reading<boolean>;
}

/** /sys/class/power_supply (kernel: Documentation/ABI/testing/sysfs-class-power). */
export const readPower = async (sysPath: string): Promise<Power> => {
  const names = await listFolder(`${sysPath}/class/power_supply`);
  if (names === null) {
    const reason = 'this system does not report its power supplies';
    return { battery: unknown(reason), onBattery: unknown(reason) };
  }
  const supplies = await Promise.all(
    names.map(async (name) => {
      const read = async (file: string): Promise<string> =>
        (await readFileText(`${sysPath}/class/power_supply/${name}/${file}`))?.trim() ?? '';
      return {
        type: await read('type'),
        scope: await read('scope'),
        online: await read('online'),
        status: await read('status'),
        present: await read('present'),
      };
    }),
  );
  const batteries = supplies.filter(
    (supply) => supply.type === 'Battery' && supply.scope !== 'Device' && supply.present !== '0',
  );
  if (batteries.length === 0) return { battery: known(false), onBattery: known(false) };
  const battery = known(true);
  const mains = supplies.filter(
    (supply) => supply.type !== 'Battery' && supply.type !== 'UPS' && supply.scope !== 'Device',
  );
  if (mains.some((supply) => supply.online === '1')) return { battery, onBattery: known(false) };
  if (batteries.some((supply) => supply.status === 'Discharging')) return { battery, onBattery: known(true) };
  if (mains.some((supply) => supply.online === '0')) return { battery, onBattery: known(true) };
  if (batteries.some((supply) => ['Charging', 'Full', 'Not charging'].includes(supply.status)))
    return { battery, onBattery: known(false) };
  return { battery, onBattery: unknown('the battery does not say whether it is discharging') };
};
