import { createSha256Engine, type Sha256Engine } from './create-engine.ts';

export { createSha256Engine, type Sha256Engine } from './create-engine.ts';

/** One engine a thread, made when first needed: it holds nothing from one call to the next. */
const engine: { made?: Sha256Engine } = {};

/**
 * SHA-256 of 32 bytes, of that hash, and so on: about 0.2 µs a step, of one thread, which it blocks.
 *
 * @param start - 32 bytes
 * @param steps - how often; 0 gives a copy of the start
 */
export const sha256Chain = (start: Uint8Array, steps: number): Uint8Array => {
  engine.made ??= createSha256Engine();
  return engine.made.chain(start, steps);
};
