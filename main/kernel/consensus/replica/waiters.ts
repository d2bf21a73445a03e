import { ConsensusError } from '../errors.ts';
import { FINAL_KNOWN_MAX } from './constants.ts';
import { stopped } from './errors.ts';

/** Those who wait for a transaction to become final. */
export interface Waiters {
  wait(name: string, isWaiting: boolean, signal?: AbortSignal): Promise<number>;
  final(name: string, height: number): void;
  dropped(name: string, reason: string): void;
  stop(): void;
}
interface Waiter {
  resolve(height: number): void;
  reject(error: unknown): void;
}
const dropError = (reason: string): ConsensusError =>
  new ConsensusError({ code: 'DROPPED', reason }, `The transaction is not waiting any more: ${reason}`);

export const createWaiters = (): Waiters => {
  const waiters = new Map<string, Set<Waiter>>();
  /** Heights of the newest ones. */
  const finals = new Map<string, number>();
  const take = (name: string): ReadonlySet<Waiter> => {
    const found = waiters.get(name) ?? new Set<Waiter>();
    waiters.delete(name);
    return found;
  };
  return {
    wait: (name, isWaiting, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const height = finals.get(name);
        if (height !== undefined) return resolve(height);
        if (!isWaiting)
          return reject(dropError('this node does not know it; look for it among the final ones, or send it again.'));
        const waiter: Waiter = {
          resolve: (at) => {
            signal?.removeEventListener('abort', abort);
            resolve(at);
          },
          reject: (error) => {
            signal?.removeEventListener('abort', abort);
            // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- an AbortSignal's reason is what it is
            reject(error);
          },
        };
        const abort = (): void => {
          const all = waiters.get(name);
          all?.delete(waiter);
          if (all?.size === 0) waiters.delete(name);
          waiter.reject(signal?.reason);
        };
        signal?.addEventListener('abort', abort, { once: true });
        const all = waiters.get(name) ?? new Set();
        all.add(waiter);
        waiters.set(name, all);
      }),
    final: (name, height) => {
      finals.set(name, height);
      if (finals.size > FINAL_KNOWN_MAX)
        for (const oldest of finals.keys()) {
          finals.delete(oldest);
          break;
        }
      for (const { resolve } of take(name)) resolve(height);
    },
    dropped: (name, reason) => {
      for (const { reject } of take(name)) reject(dropError(reason));
    },
    stop: () => {
      for (const name of waiters.keys()) for (const { reject } of take(name)) reject(stopped());
    },
  };
};
