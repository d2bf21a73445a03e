export { type ConfigComponents, type ConfigInit, createConfigStore } from './create-config-store.ts';
export { ConfigError } from './errors.ts';
export type * from './interface.ts';
