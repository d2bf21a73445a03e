import type { Reading } from '../../../preload/contract/index.ts';
import { TEMPERATURE_CELSIUS_MAX, TEMPERATURE_CELSIUS_MIN } from './constants.ts';
import { linkTarget, listFolder, readFileNumber, readFileText } from './linux/files.ts';
import { readHwmonDevice } from './linux/temperature.ts';
import { known, knownNumber, knownText, unknown } from './readings.ts';
import { runTool } from './tool.ts';

/** A slug is at most this long (contract: `resourceKey`). */
const SLUG_LENGTH_MAX = 64;
/** More cards than any board takes: a bound for what tools may list. */
const CARDS_MAX = 64;

/**
 * `dddd:bb:dd.f` in lower case from the ways in which tools write it: nvidia-smi with an 8-digit domain, lspci with none.
 *
 * @returns null when the text is no PCI address
 */
export const normalizePciAddress = (text: string): string | null => {
  const match = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/.exec(text.trim().toLowerCase());
  if (match === null) return null;
  return `${(match[1] ?? '0000').replace(/^0+(?=[0-9a-f]{4})/, '')}:${match[2]}:${match[3]}.${match[4]}`;
};

/** Last part of a card's resource key: its PCI address with `-` for `:`, or its model where it has no address. */
export const gpuSlug = (pciAddress: string | null, model: string): string => {
  if (pciAddress !== null) return pciAddress.toLowerCase().replaceAll(':', '-');
  const slug = model
    .toLowerCase()
    .replace(/[^a-z0-9._]+/g, '-')
    .replace(/^[-._]+|-+$/g, '')
    .slice(0, SLUG_LENGTH_MAX)
    .replace(/-+$/, '');
  return slug === '' ? 'card' : slug;
};

/** One card as nvidia-smi tells of it. */
export interface NvidiaCard {
  pciAddress: string;
  name: string;
  driver: Reading<string>;
  memoryTotalBytes: Reading<number>;
  memoryUsedBytes: Reading<number>;
  usedPercent: Reading<number>;
  temperatureCelsius: Reading<number>;
}

const NVIDIA_FIELDS = 'pci.bus_id,name,driver_version,memory.total,memory.used,utilization.gpu,temperature.gpu';

/** Output of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`. Lines that do not fit are left out. */
export const parseNvidiaCards = (text: string): NvidiaCard[] =>
  text
    .split('\n')
    .slice(0, CARDS_MAX)
    .flatMap((line) => {
      const fields = line.split(',').map((field) => field.trim());
      const [bus, name, driver, total, used, busy, temperature] = fields;
      const pciAddress = normalizePciAddress(bus ?? '');
      if (fields.length !== 7 || pciAddress === null || name === undefined || name === '') return [];
      const number = (field: string | undefined): number =>
        /^\d{1,9}(\.\d{1,6})?$/.test(field ?? '') ? Number(field) : Number.NaN;
      const silent = (what: string): string => `the driver does not tell the ${what} of this card`;
      return [
        {
          pciAddress,
          name,
          driver: knownText(driver, silent('version')),
          memoryTotalBytes: knownNumber(number(total) * 1024 * 1024, silent('memory'), 1),
          memoryUsedBytes: knownNumber(number(used) * 1024 * 1024, silent('memory use'), 0),
          usedPercent: knownNumber(number(busy), silent('use'), 0, 100),
          temperatureCelsius: knownNumber(
            number(temperature),
            silent('temperature'),
            TEMPERATURE_CELSIUS_MIN,
            TEMPERATURE_CELSIUS_MAX,
          ),
        },
      ];
    });

/** Asks nvidia-smi. `missing`: there is no such program, so there is nothing to ask again soon. */
export const readNvidiaCards = async (
  signal?: AbortSignal,
): Promise<{ status: 'ok'; cards: NvidiaCard[] } | { status: 'missing' } | { status: 'failed'; message: string }> => {
  const asked = await runTool('nvidia-smi', [`--query-gpu=${NVIDIA_FIELDS}`, '--format=csv,noheader,nounits'], signal);
  return asked.status === 'ok' ? { status: 'ok', cards: parseNvidiaCards(asked.output) } : asked;
};

/** A card of the kernel's own list. */
export interface DrmCard {
  /** `card0`. */
  name: string;
  pciAddress: string | null;
  /** Hexadecimal, as `0x10de`; empty where the bus has none. */
  vendorId: string;
  deviceId: string;
  driver: string | null;
  /** Only amdgpu tells these three. */
  memoryTotalBytes: Reading<number>;
  memoryUsedBytes: Reading<number>;
  usedPercent: Reading<number>;
  temperatureCelsius: Reading<number>;
}

/** /sys/class/drm (kernel: Documentation/gpu/, amdgpu: mem_info_vram_total, gpu_busy_percent). @returns null where it is missing */
export const listDrmCards = async (sysPath: string): Promise<DrmCard[] | null> => {
  const names = await listFolder(`${sysPath}/class/drm`);
  if (names === null) return null;
  const cards = await Promise.all(
    names
      .filter((name) => /^card\d+$/.test(name))
      .slice(0, CARDS_MAX)
      .map(async (name): Promise<DrmCard | null> => {
        const device = `${sysPath}/class/drm/${name}/device`;
        const target = await linkTarget(device);
        // No device behind it: a card that exists in software only (vkms, vgem).
        if (target === null) return null;
        const driver = await linkTarget(`${device}/driver`);
        const silent = (what: string): string =>
          `the driver ${driver?.split('/').at(-1) ?? 'of this card'} does not tell its ${what}`;
        const monitors = (await listFolder(`${device}/hwmon`)) ?? [];
        const heat = (await Promise.all(monitors.map((hwmon) => readHwmonDevice(`${device}/hwmon/${hwmon}`)))).filter(
          (value) => value !== null,
        );
        const busy = await readFileNumber(`${device}/gpu_busy_percent`);
        return {
          name,
          pciAddress: normalizePciAddress(target.split('/').at(-1) ?? ''),
          vendorId: (await readFileText(`${device}/vendor`))?.trim() ?? '',
          deviceId: (await readFileText(`${device}/device`))?.trim() ?? '',
          driver: driver?.split('/').at(-1) ?? null,
          memoryTotalBytes: knownNumber(await readFileNumber(`${device}/mem_info_vram_total`), silent('memory'), 1),
          memoryUsedBytes: knownNumber(await readFileNumber(`${device}/mem_info_vram_used`), silent('memory use'), 0),
          usedPercent: knownNumber(busy, silent('use'), 0, 100),
          temperatureCelsius: heat.length > 0 ? known(Math.max(...heat)) : unknown(silent('temperature')),
        };
      }),
  );
  return cards.filter((card) => card !== null);
};
