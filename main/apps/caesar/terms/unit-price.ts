import type { ResourceKind } from '../../../../preload/contract/index.ts';
import { REFERENCE_AMOUNTS } from '../ledger/constants.ts';

/**
 * Whole micro-CAES per unit and hour of a price per reference amount, rounded down: leases count in units. What comes to less than one,
 * as bytes do, costs nothing; rounded up a GiB would cost a thousand CAES an hour. docs/formats/caesar-rows.md, "Prices".
 */
export const unitPriceOf = (kind: ResourceKind, priceMicro: bigint): bigint => priceMicro / REFERENCE_AMOUNTS[kind];
