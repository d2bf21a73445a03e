import { createSha256Engine, type Sha256Engine } from './create-engine.ts';

export { createSha256Engine, type Sha256Engine } from './create-engine.ts';

/** One engine a thread, made when first needed: it holds nothing from one call to the next. */
const shared: { engine?: Sha256Engine } = {};
const engineOf = (): Sha256Engine => {
  shared.engine ??= createSha256Engine();
  return shared.engine;
};

/**
 * SHA-256 of 32 bytes, of that hash, and so on: about 0.2 µs a step, of one thread, which it blocks.
 *
 * @param start - 32 bytes
 * @param steps - how often; 0 gives a copy of the start
 */
export const sha256Chain = (start: Uint8Array, steps: number): Uint8Array => engineOf().chain(start, steps);

/** As {@link Sha256Engine.search}, with this thread's engine. */
export const sha256Search = (start: Uint8Array, first: number, count: number, bits: number): number | null =>
  engineOf().search(start, first, count, bits);
