import { assetLedger } from './kernel/assets/index.ts';
import type { LedgerModule } from './kernel/blocks/index.ts';
import { verifyOpening } from './kernel/proof/index.ts';
import { createPlotLedger } from './kernel/prover/index.ts';

/** What this version knows of transactions: the node and whoever checks a file go by the same. */
export const ledgerModules = (): LedgerModule[] => [assetLedger, createPlotLedger({ checkOpening: verifyOpening })];
