import type { Reading } from '../../../../preload/contract/index.ts';
import { TEMPERATURE_CELSIUS_MAX, TEMPERATURE_CELSIUS_MIN } from '../constants.ts';
import { known, unknown } from '../readings.ts';
import { listFolder, readFileNumber, readFileText } from './files.ts';

/** Drivers whose hwmon device sits in the processor, best first (kernel: Documentation/hwmon/). */
const CPU_SENSORS = ['coretemp', 'k10temp', 'zenpower', 'fam15h_power', 'cpu_thermal', 'cputemp', 'scpi_sensors'];
/** Labels that stand for the whole processor and not for one core of it. */
const PACKAGE_LABEL = /^(package id \d+|tdie|tctl|physical id \d+)$/i;
/** Thermal zones that are the processor, best first (kernel: drivers/thermal/). */
const CPU_ZONES = [/^x86_pkg_temp$/, /^cpu/, /^soc/, /^acpitz$/];

export const NO_CPU_SENSOR = 'this machine has no processor temperature sensor that the system exposes';

/** Thousandths of a degree, as the kernel writes them. */
const degrees = (milli: number | null): number | null => {
  const value = milli === null ? Number.NaN : milli / 1000;
  return value >= TEMPERATURE_CELSIUS_MIN && value <= TEMPERATURE_CELSIUS_MAX ? value : null;
};

const hottest = (values: (number | null)[]): number | null => {
  const real = values.filter((value) => value !== null);
  return real.length === 0 ? null : Math.max(...real);
};

/** Hottest of one hwmon device: its package sensors if it labels any, all of them otherwise. */
export const readHwmonDevice = async (path: string): Promise<number | null> => {
  const inputs = ((await listFolder(path)) ?? []).filter((name) => /^temp\d+_input$/.test(name));
  const read = await Promise.all(
    inputs.map(async (name) => ({
      label: (await readFileText(`${path}/${name.replace('_input', '_label')}`))?.trim() ?? '',
      value: degrees(await readFileNumber(`${path}/${name}`)),
    })),
  );
  const packages = read.filter((sensor) => PACKAGE_LABEL.test(sensor.label) && sensor.value !== null);
  return hottest((packages.length > 0 ? packages : read).map((sensor) => sensor.value));
};

/** Temperature of the processor: hwmon first, thermal zones where it has no driver there. */
export const readCpuTemperature = async (sysPath: string): Promise<Reading<number>> => {
  const devices = (await listFolder(`${sysPath}/class/hwmon`)) ?? [];
  const named = await Promise.all(
    devices.map(async (device) => ({
      path: `${sysPath}/class/hwmon/${device}`,
      name: (await readFileText(`${sysPath}/class/hwmon/${device}/name`))?.trim() ?? '',
    })),
  );
  for (const sensor of CPU_SENSORS) {
    const value = hottest(
      await Promise.all(named.filter((device) => device.name === sensor).map((device) => readHwmonDevice(device.path))),
    );
    if (value !== null) return known(value);
  }
  const zones = ((await listFolder(`${sysPath}/class/thermal`)) ?? []).filter((name) =>
    name.startsWith('thermal_zone'),
  );
  const typed = await Promise.all(
    zones.map(async (zone) => ({
      path: `${sysPath}/class/thermal/${zone}`,
      type: (await readFileText(`${sysPath}/class/thermal/${zone}/type`))?.trim() ?? '',
    })),
  );
  for (const pattern of CPU_ZONES) {
    const value = hottest(
      await Promise.all(
        typed
          .filter((zone) => pattern.test(zone.type))
          .map(async (zone) => degrees(await readFileNumber(`${zone.path}/temp`))),
      ),
    );
    if (value !== null) return known(value);
  }
  return unknown(NO_CPU_SENSOR);
};
