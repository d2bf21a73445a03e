export { createStore, type StoreComponents, type StoreInit } from './create-store.ts';
export { StoreError, type StoreErrorType } from './errors.ts';
export type * from './interface.ts';
