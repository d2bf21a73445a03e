import type { Clock } from '../../base/index.ts';
import { FREE_TRIES, RETRY_MS_FIRST, RETRY_MS_MAX } from './constants.ts';
import { IdentityError } from './errors.ts';

/**
 * Makes guessing slow for whoever sits at a running node. It holds up nobody who has the file: that is what Argon2 and a
 * good passphrase are for. Measured by the monotonic clock, so that setting the clock does not shorten a wait.
 */
export class Attempts {
  readonly #clock: Clock;
  #wrong = 0;
  #nextMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws {IdentityError} `TOO_MANY_ATTEMPTS` */
  admit(): void {
    const waitMs = this.#nextMs - this.#clock.monotonicMs();
    if (waitMs <= 0) return;
    const seconds = Math.ceil(waitMs / 1000);
    throw new IdentityError(
      { code: 'TOO_MANY_ATTEMPTS', retryAtMs: this.#clock.nowMs() + Math.ceil(waitMs) },
      `The passphrase was wrong ${this.#wrong} times; the next try is possible in ${seconds === 1 ? 'a second' : `${seconds} seconds`}.`,
    );
  }
  /** The passphrase was wrong. */
  failed(): void {
    this.#wrong++;
    const over = this.#wrong - FREE_TRIES;
    if (over >= 0) this.#nextMs = this.#clock.monotonicMs() + Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** over);
  }
  reset(): void {
    this.#wrong = 0;
    this.#nextMs = 0;
  }
}
