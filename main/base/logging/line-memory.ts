import { assert } from '../errors.ts';

/** The newest `capacity` things, in the order in which they came. The oldest makes room. */
export class NewestKept<T> {
  readonly #kept: T[] = [];
  readonly #capacity: number;
  /** Place of the oldest once all places are taken. */
  #oldest = 0;

  constructor(capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, 'A memory must have room for one thing at least.');
    this.#capacity = capacity;
  }

  add(thing: T): void {
    if (this.#kept.length < this.#capacity) {
      this.#kept.push(thing);
      return;
    }
    this.#kept[this.#oldest] = thing;
    this.#oldest = (this.#oldest + 1) % this.#capacity;
  }

  /** The newest `limit` that `wanted` accepts, oldest first. */
  newest(limit: number, wanted: (thing: T) => boolean): T[] {
    const found: T[] = [];
    for (let i = this.#kept.length - 1; i >= 0 && found.length < limit; i--) {
      const thing = this.#kept[(this.#oldest + i) % this.#kept.length]!;
      if (wanted(thing)) found.push(thing);
    }
    return found.reverse();
  }
}
