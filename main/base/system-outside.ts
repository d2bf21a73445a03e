import { randomBytes, randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { assert } from './errors.ts';
import type { Clock, Outside, Random } from './outside.ts';

/**
 * Longest wait that one timer of Node can hold, in ms. A longer one would fire at once
 * (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args), so longer waits are made of several.
 */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** `crypto.randomInt` draws 48 bits. */
const BELOW_LIMIT_MAX = 2 ** 48 - 1;

/**
 * Calls `fire` once after `ms`, however long that is.
 * @param keepsAlive - whether the process waits for it
 * @returns what cancels it; may be called twice
 */
const startTimer = (ms: number, keepsAlive: boolean, fire: () => void): (() => void) => {
  assert(ms >= 0, 'A timer must wait for 0 ms or more.');
  const dueMs = performance.now() + ms;
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const restMs = Math.ceil(dueMs - performance.now());
    timer = setTimeout(onTimer, Math.min(Math.max(0, restMs), TIMER_MS_MAX));
    if (!keepsAlive) timer.unref();
  };
  // Node rounds to whole ms and may call a fraction of one early.
  const onTimer = (): void => {
    if (performance.now() < dueMs) arm();
    else fire();
  };
  arm();
  return () => clearTimeout(timer);
};

const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = (): void => {
        cancel();
        reject(signal?.reason as Error);
      };
      const cancel = startTimer(ms, true, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
  every: (ms, tick) => {
    assert(ms > 0 && ms <= TIMER_MS_MAX, `A repeated timer must wait for more than 0 and at most ${TIMER_MS_MAX} ms.`);
    const timer = setInterval(tick, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
  after: (ms, fire) => startTimer(ms, false, fire),
};

const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  below: (limit) => {
    assert(
      Number.isInteger(limit) && limit >= 1 && limit <= BELOW_LIMIT_MAX,
      'The limit of a random integer must be 1 to 2^48 - 1.',
    );
    return randomInt(limit);
  },
};

/** The real clock and the operating system's secure random source. Holds no state and may be made more than once. */
export const createSystemOutside = (): Outside => ({ clock: systemClock, random: systemRandom });
