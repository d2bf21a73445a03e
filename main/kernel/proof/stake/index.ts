export * from './errors.ts';
export type { Stake } from './format.ts';
export { proveStake, type ProveStakeComponents } from './generate.ts';
export { partHashesOf, verifyStake, type PartHashes } from './verify.ts';
