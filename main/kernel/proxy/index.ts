export type * from './interface.ts';
export * from './errors.ts';
export { createLimit } from './limit.ts';
