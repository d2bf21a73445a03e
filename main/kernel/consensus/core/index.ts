export type * from './interface.ts';
export { createCore } from './create-core.ts';
export { proposerPlace } from './proposer.ts';
