export * from './defaults.ts';
export * from './evaluate-level.ts';
export * from './local-time.ts';
export * from './reference-amounts.ts';
export * from './share-format.ts';
export * from './temperature.ts';
