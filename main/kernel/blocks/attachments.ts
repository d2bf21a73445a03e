import { assert, decodeCbor, sha256 } from '../../base/index.ts';
import type { CombinedProof } from '../proof/index.ts';
import { NAMED_BYTES_MAX } from './constants.ts';
import { BlockError } from './errors.ts';
import { hex } from './format/strict.ts';

/** As many values as a proof may have; its verifier refuses what has more. */
const NAMES_VALUES_MAX = 2 ** 15;

/** Every 32-byte string of a proof: among them are the names of what it refers to. */
export const namesIn = (proof: CombinedProof): Set<string> => {
  const names = new Set<string>();
  const walk = (value: unknown): void => {
    if (value instanceof Uint8Array) {
      if (value.length === 32) names.add(hex(value));
    } else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) walk(one);
  };
  for (const part of [proof.space, proof.stake, proof.work, proof.time]) {
    try {
      walk(decodeCbor(part, NAMES_VALUES_MAX));
    } catch {
      // A proof that cannot be read names nothing, and its verifier says what is wrong with it.
    }
  }
  return names;
};

export const attachmentsFor = (
  proof: CombinedProof,
  known: ReadonlyMap<string, Uint8Array>,
): Map<string, Uint8Array> => {
  const found = new Map<string, Uint8Array>();
  for (const name of namesIn(proof)) {
    const data = known.get(name);
    if (data !== undefined) found.set(name, data);
  }
  return found;
};

/** What a verification knows of attachments before it begins, and how it bounds what it holds. */
export interface ShelfInit {
  /** Of earlier blocks, by SHA-256 in hex. */
  held: Iterable<readonly [name: string, data: Uint8Array]>;
  /** Of earlier blocks too, where `reload` has the bytes. @default none */
  names?: Iterable<string>;
  /** Bytes that are in memory at a time. */
  bytesMax: number;
  /** Brings back what was let go. Null: nobody has it, so that more than `bytesMax` is refused. */
  reload: ((name: string) => Promise<Uint8Array | null>) | null;
}

/**
 * Attachments that a chain has carried so far: names of all, bytes of those that are within a bound. A body shrinks to a
 * thousandth in a file, so what is held must be bounded and not only what is read.
 */
export class AttachmentShelf {
  readonly #bytesMax: number;
  readonly #reload: ShelfInit['reload'];
  readonly #names: Set<string>;
  /** In the order of their last use. */
  readonly #held = new Map<string, Uint8Array>();
  #bytes = 0;

  /** @throws {BlockError} `CHAIN_FILE_TOO_LARGE` */
  constructor({ held, names = [], bytesMax, reload }: ShelfInit) {
    this.#bytesMax = bytesMax;
    this.#reload = reload;
    this.#names = new Set(names);
    for (const [name, data] of held) this.add(name, data, null);
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** @throws {BlockError} `CHAIN_FILE_TOO_LARGE` where nothing can be let go */
  add(name: string, data: Uint8Array, height: number | null): void {
    this.#names.add(name);
    if (this.#held.has(name)) return;
    this.#held.set(name, data);
    this.#bytes += data.length;
    while (this.#bytes > this.#bytesMax) {
      if (this.#reload === null)
        throw new BlockError(
          { code: 'CHAIN_FILE_TOO_LARGE', height, limit: this.#bytesMax },
          `The blocks carry more than ${this.#bytesMax} bytes of attachments, too many to check from a file; export a shorter part of the chain.`,
        );
      const [oldest] = this.#held;
      assert(oldest !== undefined, 'What has bytes holds something.');
      this.#held.delete(oldest[0]);
      this.#bytes -= oldest[1].length;
    }
  }

  /** What the proof names, or null where that is more than one proof may name. */
  async for(proof: CombinedProof, height: number): Promise<Map<string, Uint8Array> | null> {
    const found = new Map<string, Uint8Array>();
    let bytes = 0;
    for (const name of namesIn(proof)) {
      if (!this.#names.has(name)) continue;
      const data = await this.#take(name, height);
      // Damaged where it was kept: the verifier of the proof says that it is missing.
      if (data === null) continue;
      bytes += data.length;
      if (bytes > NAMED_BYTES_MAX) return null;
      found.set(name, data);
    }
    return found;
  }

  async #take(name: string, height: number): Promise<Uint8Array | null> {
    const held = this.#held.get(name);
    if (held !== undefined) {
      this.#held.delete(name);
      this.#held.set(name, held);
      return held;
    }
    const data = (await this.#reload?.(name)) ?? null;
    if (data === null || hex(sha256(data)) !== name) return null;
    this.add(name, data, height);
    return data;
  }
}
