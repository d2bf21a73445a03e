export type * from './interface.ts';
export type * from './ledgers-interface.ts';
export * from './core/index.ts';
export * from './errors.ts';
export * from './formats/index.ts';
export { createLedgers, type LedgersComponents } from './create-ledgers.ts';
