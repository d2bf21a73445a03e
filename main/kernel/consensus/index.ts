export type * from './interface.ts';
export type * from './ledgers-interface.ts';
export * from './core/index.ts';
export { GENESIS_NONCE_BYTES, PARAM_BOUNDS } from './constants.ts';
export * from './errors.ts';
export * from './formats/index.ts';
export * from './light/index.ts';
export { createLedgers, type LedgersComponents } from './create-ledgers.ts';
export { createConsensusMetrics } from './metrics.ts';
