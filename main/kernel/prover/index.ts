export { createBlockProofCheck, type BlockProofComponents, type BlockProofInit } from './check-block-proof.ts';
export { createProver, type ProverComponents, type ProverInit } from './create-prover.ts';
export { ProverError } from './errors.ts';
export type * from './interface.ts';
export { createPace, type GovernedPace, type PaceInit } from './pace.ts';
export { createPlotKeeper, type PlotKeeperComponents, type PlotKeeperInit } from './plot-keeper.ts';
export { createProofEngine, type ProofEngineComponents, type ProofEngineInit } from './proof-engine.ts';
export {
  createPlotLedger,
  decodePlotState,
  PLOT_STATE_PREFIX,
  plotStateOf,
  type OpenedPlot,
  type PlotLedgerComponents,
  type PlotLedgerInit,
  type PlotState,
} from './plot-ledger.ts';
