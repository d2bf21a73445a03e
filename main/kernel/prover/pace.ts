import type { Clock } from '../../base/index.ts';
import type { Pace } from '../proof/index.ts';

/** The owner's limit as a {@link Pace}: what the processor's allocation leaves, held slice by slice. */
export interface GovernedPace extends Pace {
  /** Thousandths of one thread that proofs may take from now on; 0 waits. What counts above 1000 is one thread. */
  setMillicores(millicores: number): void;
  /** Time that slices kept a thread busy so far, ms. Never less than before. */
  busyMs(): number;
  /** Whether a slice waits for the owner's level to be above zero. */
  readonly held: boolean;
}

export interface PaceInit {
  /** Ends waiting and what runs; its reason is thrown. */
  signal: AbortSignal;
  /** Called when `held` changes. */
  onHeld?: (held: boolean) => void;
}

/** One thread. */
const MILLICORES_MAX = 1000;

/**
 * A pace that never lets slices take more of one thread than it was told: each is paid for, at the rate of the share, by
 * waiting before the next. Nothing is saved up while nobody asks, so that no burst follows a rest. What a slice takes is
 * its time from start to end as the clock shows it, which is at least what its thread took: on a busy machine a proof is
 * slower than its share and never faster.
 *
 * Slices that are asked for at once run one after the other: the share is one thread's.
 */
export const createPace = ({ clock }: { clock: Clock }, { signal, onHeld }: PaceInit): GovernedPace => {
  let millicores = 0;
  /** Processor time that is owed, ms. Never below zero. */
  let owedMs = 0;
  let accountedAtMs = clock.monotonicMs();
  let busyMs = 0;
  let held = false;
  let last: Promise<unknown> = Promise.resolve();
  let wake: () => void = () => undefined;

  const setHeld = (next: boolean): void => {
    if (held === next) return;
    held = next;
    onHeld?.(next);
  };
  /** Pays off what time has earned since it was looked at last. */
  const account = (): void => {
    const nowMs = clock.monotonicMs();
    owedMs = Math.max(0, owedMs - ((nowMs - accountedAtMs) * millicores) / MILLICORES_MAX);
    accountedAtMs = nowMs;
  };
  /** Until the share changes, `ms` have passed, or the signal fires. */
  const rest = (ms: number | null): Promise<void> =>
    new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        end();
        reject(signal.reason as Error);
      };
      wake = () => {
        end();
        resolve();
      };
      const cancel = ms === null ? () => undefined : clock.after(ms, () => wake());
      signal.addEventListener('abort', onAbort, { once: true });
    });
  const ready = async (): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      account();
      setHeld(millicores === 0);
      if (millicores > 0 && owedMs <= 0) return;
      await rest(millicores === 0 ? null : Math.ceil((owedMs * MILLICORES_MAX) / millicores));
    }
  };
  /** A slice that hangs must not keep its owner from stopping. */
  const unlessAborted = <T>(work: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });

  return {
    slice: (work) => {
      const done = last.then(async () => {
        await ready();
        const startedAtMs = clock.monotonicMs();
        try {
          return await unlessAborted(work());
        } finally {
          const tookMs = clock.monotonicMs() - startedAtMs;
          busyMs += tookMs;
          // In this order: what is earned while a slice runs pays for that slice.
          owedMs += tookMs;
          account();
        }
      });
      last = done.catch(() => undefined);
      return done;
    },
    setMillicores: (next) => {
      account();
      millicores = Math.min(MILLICORES_MAX, Math.max(0, next));
      wake();
    },
    busyMs: () => busyMs,
    get held() {
      return held;
    },
  };
};
