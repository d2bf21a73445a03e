import type { ResourceKind } from '../../../../preload/contract/index.ts';

/**
 * What every price is for an hour of: a core, a card, a GiB, a MiB per second, a container, a CAES. In the units that assets count in,
 * of which a price would often come to less than one micro-CAES.
 */
export const REFERENCE_AMOUNTS: Readonly<Record<ResourceKind, bigint>> = {
  cpu: 1000n,
  gpu: 1000n,
  memory: 2n ** 30n,
  storage: 2n ** 30n,
  network: 2n ** 20n,
  container: 1n,
  economic: 1_000_000n,
};
