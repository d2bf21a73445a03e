export type * from './interface.ts';
export type * from './core/interface.ts';
export * from './errors.ts';
export * from './formats/index.ts';
