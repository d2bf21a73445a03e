import { RuntimeError } from '../errors.ts';

/** @param sentence - of the engine's state: what is wrong and what to do */
export const engineMissing = (sentence: string): RuntimeError => new RuntimeError({ code: 'ENGINE_MISSING' }, sentence);
