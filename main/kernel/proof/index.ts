export type * from './interface.ts';
export { SLICE_MS_MAX } from './interface.ts';
