import type { Inventory } from '../../../../preload/contract/index.ts';
import { unknown } from '../../monitor/index.ts';
import type { AssetAdapter } from '../interface.ts';

const NO_LEDGER = 'no share of it is lent: what leases cost is put in escrow by the wallet, lease by lease';

/** Lends value: escrowed tokens. Escrow is the wallet's, one lease at a time, so nothing is offered here and it says so. */
export const createEconomicAdapter = (): AssetAdapter<Inventory['economic']> => ({
  kind: 'economic',
  elasticity: 'space',
  detect: async (signal) => {
    signal?.throwIfAborted();
    return {
      assets: [
        {
          resource: 'economic',
          label: 'Escrowed Caesar',
          unit: 'microCaes',
          capacity: unknown(NO_LEDGER),
          fingerprint: { ledger: 'none' },
        },
      ],
      inventory: unknown(NO_LEDGER),
    };
  },
  measure: async () => ({
    usedPercent: unknown(NO_LEDGER),
    used: unknown(NO_LEDGER),
    temperatureCelsius: unknown('value has no temperature'),
  }),
  // Nothing can be allocated while the capacity is unknown.
  allocate: async () => undefined,
  applyLevel: async () => undefined,
  release: async () => undefined,
});
