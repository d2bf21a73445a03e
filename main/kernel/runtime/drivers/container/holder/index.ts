export { createHolders, type HoldersComponents } from './create-holders.ts';
export * from './interface.ts';
