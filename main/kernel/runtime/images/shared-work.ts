/**
 * One piece of work for all who want the same: it goes on while anybody waits for it, and is given up when the last one leaves.
 *
 * @returns runs or joins; rejects with the reason of the caller's own signal where that aborts first
 */
export const createSharedWork = <T>(): ((
  key: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
) => Promise<T>) & { settle(): Promise<void> } => {
  const running = new Map<string, { done: Promise<T>; abort: AbortController; waiting: number }>();
  const join = async (
    key: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> => {
    signal?.throwIfAborted();
    let entry = running.get(key);
    if (entry === undefined) {
      const abort = new AbortController();
      const made = { done: work(abort.signal), abort, waiting: 0 };
      entry = made;
      running.set(key, made);
      const over = (): void => {
        if (running.get(key) === made) running.delete(key);
      };
      made.done.then(over, over);
    }
    entry.waiting += 1;
    const left = Promise.withResolvers<never>();
    const leave = (): void => left.reject(signal?.reason as Error);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      return await Promise.race([entry.done, left.promise]);
    } finally {
      signal?.removeEventListener('abort', leave);
      entry.waiting -= 1;
      if (entry.waiting === 0 && running.get(key) === entry) {
        running.delete(key);
        entry.abort.abort(signal?.reason);
      }
    }
  };
  return Object.assign(join, {
    settle: async () => {
      for (const { abort } of running.values()) abort.abort(new Error('The node is going down.'));
      await Promise.allSettled([...running.values()].map(({ done }) => done));
    },
  });
};
