import { assetLedger } from './kernel/assets/index.ts';
import type { LedgerModule } from './kernel/blocks/index.ts';
import { DEFAULT_REQUIREMENTS, type ProofRequirements, verifyOpening } from './kernel/proof/index.ts';
import { createPlotLedger } from './kernel/prover/index.ts';

/**
 * What this version knows of transactions: the node and whoever checks a file go by the same.
 *
 * @param requirements - what plots have to show
 */
export const ledgerModules = ({ space }: Pick<ProofRequirements, 'space'> = DEFAULT_REQUIREMENTS): LedgerModule[] => [
  assetLedger,
  createPlotLedger({ checkOpening: verifyOpening }, { required: space }),
];
