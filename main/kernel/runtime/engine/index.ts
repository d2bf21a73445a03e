export { createEngine, type EngineComponents, type EngineInit } from './create-engine.ts';
export { ENGINE_MARK_SETTING } from './constants.ts';
export { engineMissing } from './errors.ts';
export * from './interface.ts';
