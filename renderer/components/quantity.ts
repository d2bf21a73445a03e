import type { CapacityUnit, ResourceKey, ResourceKind } from '../../preload/contract/index.ts';

const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;
const DECIMAL_UNITS = ['B/s', 'kB/s', 'MB/s', 'GB/s', 'TB/s'] as const;

/** At most three digits before a reader must count: 7.52, 75.2, 752. Trailing zeros go. */
const threeDigits = (value: number): string => {
  const digits = Math.abs(value) < 9.995 ? 2 : Math.abs(value) < 99.95 ? 1 : 0;
  return String(Number(value.toFixed(digits)));
};

const scaled = (value: number, base: number, units: readonly string[]): string => {
  let amount = value;
  let index = 0;
  // 999.5 would be written as 1000 of the smaller unit.
  while (Math.abs(amount) >= base - base / 2000 && index < units.length - 1) {
    amount /= base;
    index += 1;
  }
  return `${index === 0 ? Math.round(amount) : threeDigits(amount)} ${units[index]}`;
};

/** `1536` is `1.5 KiB`. Binary steps with their proper names, as memory and disks are counted. */
export const bytesText = (bytes: number): string => scaled(bytes, 1024, BINARY_UNITS);

/** `12500000` is `12.5 MB/s`. Decimal steps, as networks are counted. */
export const rateText = (bytesPerSecond: number): string => scaled(bytesPerSecond, 1000, DECIMAL_UNITS);

/** Whole percent from 10 on, one decimal below, so that a job at 0.4 % is not shown as nothing. */
export const percentText = (percent: number): string => {
  const rounded = Math.abs(percent) < 9.95 ? Number(percent.toFixed(1)) : Math.round(percent);
  return `${rounded} %`;
};

const plural = (count: number, one: string, many: string): string =>
  `${count === 1 ? '1' : threeDigits(count)} ${count === 1 ? one : many}`;

/** Groups of three with a narrow space that keeps the number on one line: `1 234 567`. */
const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, '\u202f');

/** A number of things; in groups from five digits on: `1000`, `10 000`. */
export const countText = (count: number): string =>
  Math.abs(count) < 10_000 ? String(count) : grouped(String(Math.round(count)));

/** Micro-CAES as a number of CAES without the unit, exactly, at most six places: `-1250000` is `−1.25`. */
export const caesNumberText = (micro: bigint): string => {
  const amount = micro < 0n ? -micro : micro;
  const rest = (amount % 1_000_000n).toString().padStart(6, '0').replace(/0+$/, '');
  return `${micro < 0n ? '−' : ''}${grouped((amount / 1_000_000n).toString())}${rest === '' ? '' : `.${rest}`}`;
};

/** Micro-CAES as CAES, exactly: `1250000` is `1.25 CAES`. */
export const caesText = (micro: bigint): string => `${caesNumberText(micro)} CAES`;

/** An amount in an asset's unit, as an owner says it: cores, cards, GiB, MB/s, containers, CAES. */
export const amountText = (amount: number, unit: CapacityUnit): string => {
  switch (unit) {
    case 'millicores':
      return plural(amount / 1000, 'core', 'cores');
    case 'millicards':
      return plural(amount / 1000, 'card', 'cards');
    case 'bytes':
      return bytesText(amount);
    case 'bytesPerSecond':
      return rateText(amount);
    case 'containers':
      return plural(amount, 'container', 'containers');
    case 'microCaes':
      return caesText(BigInt(Math.round(amount)));
  }
};

/** `part of whole` with the unit written once where it is the same: `1 of 2 cores`, `4 of 16 GiB`. */
export const shareOfText = (part: number, whole: number, unit: CapacityUnit): string => {
  const wholeText = amountText(whole, unit);
  const partText = amountText(part, unit);
  const wholeUnit = wholeText.slice(wholeText.indexOf(' ') + 1);
  const partUnit = partText.slice(partText.indexOf(' ') + 1);
  const same = wholeUnit.replace(/s$/, '') === partUnit.replace(/s$/, '');
  // Containers come whole: half a container is none.
  const partNumber = unit === 'containers' ? String(Math.floor(part)) : partText.slice(0, partText.indexOf(' '));
  return same ? `${partNumber} of ${wholeText}` : `${partText} of ${wholeText}`;
};

/** Frequency in GHz or MHz. */
export const frequencyText = (mhz: number): string =>
  mhz >= 1000 ? `${threeDigits(mhz / 1000)} GHz` : `${Math.round(mhz)} MHz`;

/** Operations per second: `1.2 GFLOP/s`. */
export const flopsText = (flops: number): string =>
  scaled(flops, 1000, ['FLOP/s', 'kFLOP/s', 'MFLOP/s', 'GFLOP/s', 'TFLOP/s']);

export const celsiusText = (celsius: number): string => `${Math.round(celsius)} °C`;

/** Line speed of a network interface, which is told in megabits. */
export const lineSpeedText = (mbps: number): string =>
  mbps >= 1000 ? `${threeDigits(mbps / 1000)} Gbit/s` : `${threeDigits(mbps)} Mbit/s`;

/** Kind of a resource: what stands before the colon of `gpu:<card>`. */
export const kindOf = (resource: ResourceKey): ResourceKind =>
  resource.startsWith('gpu:') ? 'gpu' : (resource as ResourceKind);

const NAMES: Record<ResourceKind, string> = {
  cpu: 'CPU',
  gpu: 'Graphics card',
  memory: 'Memory',
  storage: 'Storage',
  network: 'Network',
  container: 'Containers',
  economic: 'Value',
};

/** The resource's name in a sentence; a card by the end of its key, since there may be several. */
export const resourceName = (resource: ResourceKey): string =>
  resource.startsWith('gpu:') ? `GPU ${resource.slice(4)}` : NAMES[kindOf(resource)];
