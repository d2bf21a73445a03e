import type { CapacityUnit } from '../../../preload/contract/index.ts';
import { amountText } from '../../components/quantity.ts';

const HOUR_S = 3600;

/** Amount times time as a person counts it: `7200000` millicore-seconds are `2 cores for an hour`. */
export const unitSecondsText = (unitSeconds: number, unit: CapacityUnit): string =>
  unitSeconds >= HOUR_S
    ? `${amountText(unitSeconds / HOUR_S, unit)} for an hour`
    : `${amountText(unitSeconds, unit)} for a second`;
