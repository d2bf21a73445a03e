import { assert } from '../../../base/errors.ts';
import { emitModule } from './emit-module.ts';

/** Hashes between two entries into the module: the compiler's better code takes over at an entry, not within a loop. */
const ENTRY_STEPS = 2048;
const HASH_BYTES = 32;
/** The search looks at the first word of a hash. */
const SEARCH_BITS_MAX = 32;

/** Sequential SHA-256 on one thread, as fast as portable code gets it. Not for verifiers: they use the platform's. */
export interface Sha256Engine {
  /**
   * SHA-256 of 32 bytes, of that hash, and so on. Blocks its thread for about 0.2 µs a step.
   *
   * @param start - 32 bytes
   * @param steps - how often; 0 gives a copy of the start
   */
  chain(start: Uint8Array, steps: number): Uint8Array;
  /**
   * Looks for a number whose SHA-256 together with `start` begins with zero bits: SHA-256(start, number as 64 bits, big
   * endian).
   *
   * @param start - 32 bytes
   * @param first - number to begin with, at most 2^32 - 1
   * @param count - how many to try; `first + count` is at most 2^32
   * @param bits - 1 to 32
   * @returns the number, or null when none of them does
   */
  search(start: Uint8Array, first: number, count: number, bits: number): number | null;
}

interface EngineExports {
  memory: { buffer: ArrayBuffer };
  chain(address: number, steps: number): void;
  search(address: number, first: number, count: number, bits: number): number;
}
/** Neither TypeScript's own library without a browser nor Node's types declare it. */
interface WasmApi {
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object) => { exports: EngineExports };
}

/** Compiles the module, which takes some milliseconds. Holds 64 KiB. */
export const createSha256Engine = (): Sha256Engine => {
  const wasm = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;
  const { memory, chain, search } = new wasm.Instance(new wasm.Module(emitModule())).exports;
  // SHA-256 counts in big-endian words, the module's memory is little endian.
  const view = new DataView(memory.buffer);
  const write = (bytes: Uint8Array): void => {
    assert(bytes.length === HASH_BYTES, 'the engine hashes 32 bytes');
    const from = new DataView(bytes.buffer, bytes.byteOffset, HASH_BYTES);
    for (let at = 0; at < HASH_BYTES; at += 4) view.setUint32(at, from.getUint32(at), true);
  };
  return {
    chain: (start, steps) => {
      assert(Number.isSafeInteger(steps) && steps >= 0, 'a chain has a whole number of steps');
      write(start);
      for (let done = 0; done < steps; done += ENTRY_STEPS) chain(0, Math.min(ENTRY_STEPS, steps - done));
      const out = new Uint8Array(HASH_BYTES);
      const to = new DataView(out.buffer);
      for (let at = 0; at < HASH_BYTES; at += 4) to.setUint32(at, view.getUint32(at, true));
      return out;
    },
    search: (start, first, count, bits) => {
      assert(Number.isSafeInteger(bits) && bits >= 1 && bits <= SEARCH_BITS_MAX, 'the search looks at 1 to 32 bits');
      assert(
        Number.isSafeInteger(first) &&
          Number.isSafeInteger(count) &&
          first >= 0 &&
          count >= 0 &&
          first + count <= 2 ** 32,
        'the search counts within 32 bits',
      );
      write(start);
      for (let done = 0; done < count; done += ENTRY_STEPS) {
        const wanted = Math.min(ENTRY_STEPS, count - done);
        const tried = search(0, (first + done) | 0, wanted, bits);
        if (tried < wanted) return first + done + tried;
      }
      return null;
    },
  };
};
