import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../base/index.ts';

/**
 * Long work in small steps: each `yield` ends one, a millisecond at most. What comes of it depends on nothing that happens between
 * two steps, so that it is the same whether all of them are done at once or with pauses.
 */
export type Steps<T> = Generator<undefined, T, undefined>;

/** All steps at once: where little is to do, or nobody waits. */
export const atOnce = <T>(steps: Steps<T>): T => {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
};

/** Does long work in turns with whatever else this thread has to do. */
export interface Turns {
  /**
   * Begins at once, and pauses whenever its turn is over.
   *
   * @param signal - asked after each pause; what is left is then not done
   * @throws the signal's reason, and whatever the steps throw
   */
  run<T>(steps: Steps<T>, signal?: AbortSignal): Promise<T>;
  /** Lets others go first: between two pieces of work that take some ms each. */
  pause(): Promise<void>;
}
export interface TurnsComponents {
  clock: Pick<Clock, 'monotonicMs'>;
  /** Resolves once others had their turn. @default a turn of the event loop */
  pause?: () => Promise<void>;
}
export interface TurnsInit {
  /** @default 5, so that with what else a turn of the event loop holds nobody waits for 50 */
  turnMs?: number;
}

export const createTurns = ({ clock, pause = nextTurn }: TurnsComponents, { turnMs = 5 }: TurnsInit = {}): Turns => {
  let line: Promise<void> = Promise.resolve();
  // One after the other: the turns of several would otherwise come together in one turn of the event loop.
  const queued = (): Promise<void> => (line = line.then(() => pause()));
  return {
    run: async (steps, signal) => {
      for (;;) {
        const endsMs = clock.monotonicMs() + turnMs;
        do {
          const step = steps.next();
          if (step.done === true) return step.value;
        } while (clock.monotonicMs() < endsMs);
        await queued();
        if (signal?.aborted !== true) continue;
        steps.return(undefined as never);
        throw signal.reason;
      }
    },
    pause: queued,
  };
};
