import type { CapacityUnit, ResourceKind } from '../../../../preload/contract/index.ts';
import { REFERENCE_AMOUNTS } from '../../assets/limits/index.ts';

// A price is micro-CAES for an hour of the kind's reference amount. Everything that money is counted by, in whole numbers.

const HOUR_S = 3600n;
const HOUR_MS = HOUR_S * 1000n;

/** What so much use costs, micro-CAES, rounded down. docs/formats/lease-receipt.md */
export const owedFor = (kind: ResourceKind, unitSeconds: number, priceMicro: bigint): bigint =>
  (priceMicro * BigInt(unitSeconds)) / (HOUR_S * REFERENCE_AMOUNTS[kind]);

/** What an amount costs for a time, micro-CAES, rounded down. */
export const costOf = (kind: ResourceKind, amount: number, durationMs: number, priceMicro: bigint): bigint =>
  (priceMicro * BigInt(amount) * BigInt(durationMs)) / (HOUR_MS * REFERENCE_AMOUNTS[kind]);

/** The most that a lease can come to, micro-CAES, rounded up: what has a price always has something set aside. */
export const mostFor = (kind: ResourceKind, amount: number, durationMs: number, priceMicro: bigint): bigint => {
  const whole = HOUR_MS * REFERENCE_AMOUNTS[kind];
  return (priceMicro * BigInt(amount) * BigInt(durationMs) + whole - 1n) / whole;
};

const REFERENCE_NAMES: Readonly<Record<CapacityUnit, string>> = {
  millicores: 'core',
  millicards: 'card',
  bytes: 'GiB',
  bytesPerSecond: 'MiB/s',
  containers: 'container',
  microCaes: 'CAES',
};
const MICRO_OF_CAES = 1_000_000n;

/** `0.01 CAES per core and hour`, exact. */
export const sayPrice = (priceMicro: bigint, unit: CapacityUnit): string => {
  const part = (priceMicro % MICRO_OF_CAES).toString().padStart(6, '0').replace(/0+$/, '');
  return `${priceMicro / MICRO_OF_CAES}${part === '' ? '' : `.${part}`} CAES per ${REFERENCE_NAMES[unit]} and hour`;
};
