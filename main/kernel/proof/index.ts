export * from './challenge.ts';
export * from './errors.ts';
export type * from './interface.ts';
export { SLICE_MS_MAX } from './interface.ts';
export * from './metrics.ts';
export * from './clock-watch/index.ts';
export * from './time/index.ts';
export * from './work/index.ts';
