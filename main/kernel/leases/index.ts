export type * from './interface.ts';
export type * from './link.ts';
export { FREE_TERMS } from './interface.ts';
