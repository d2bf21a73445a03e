import type { Inventory } from '../../../../preload/contract/index.ts';
import { unknown } from '../../monitor/index.ts';
import type { AssetAdapter } from '../interface.ts';

const NO_LEDGER = 'there is no ledger yet, so no tokens can be held in escrow';

/** Lends value: escrowed tokens. Until there is a ledger it says so and can lend nothing. */
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
