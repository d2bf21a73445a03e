/** Lets reads of the same pages go on side by side and writes alone, in the order in which they came. */
export interface RangeLocks {
  /** @returns a turn: `ready` is null where it has come already; `release` must be called once */
  acquire(first: number, last: number, exclusive: boolean): { ready: Promise<void> | null; release: () => void };
}

interface Range {
  first: number;
  last: number;
  exclusive: boolean;
  start: (() => void) | null;
}

export const createRangeLocks = (): RangeLocks => {
  const active = new Set<Range>();
  let queue: Range[] = [];
  const conflict = (a: Range, b: Range): boolean =>
    (a.exclusive || b.exclusive) && a.first <= b.last && b.first <= a.last;
  const isFree = (range: Range, before: readonly Range[]): boolean => {
    for (const other of active) if (conflict(range, other)) return false;
    return !before.some((other) => conflict(range, other));
  };
  const release = (range: Range): void => {
    if (!active.delete(range) || queue.length === 0) return;
    const still: Range[] = [];
    for (const waiting of queue) {
      if (!isFree(waiting, still)) {
        still.push(waiting);
        continue;
      }
      active.add(waiting);
      waiting.start?.();
    }
    queue = still;
  };
  return {
    acquire: (first, last, exclusive) => {
      const range: Range = { first, last, exclusive, start: null };
      const done = (): void => release(range);
      if (isFree(range, queue)) {
        active.add(range);
        return { ready: null, release: done };
      }
      const ready = new Promise<void>((resolve) => {
        range.start = resolve;
      });
      queue.push(range);
      return { ready, release: done };
    },
  };
};
