/** Remembers the newest `limit` names. */
export interface Seen {
  has(name: string): boolean;
  /** @returns whether it is new */
  add(name: string): boolean;
  delete(name: string): void;
}
export const createSeen = (limit: number): Seen => {
  const names = new Set<string>();
  return {
    has: (name) => names.has(name),
    add: (name) => {
      if (names.has(name)) return false;
      if (names.size >= limit)
        for (const oldest of names) {
          names.delete(oldest);
          break;
        }
      names.add(name);
      return true;
    },
    delete: (name) => {
      names.delete(name);
    },
  };
};

/** What somebody may send: so much per second on average, and so much at once. */
export interface Bucket {
  /** @returns whether there was enough; nothing is taken otherwise */
  take(amount: number): boolean;
}
export const createBucket = (clock: { monotonicMs(): number }, perSecond: number, burst: number): Bucket => {
  let left = burst;
  let atMs = clock.monotonicMs();
  return {
    take: (amount) => {
      const nowMs = clock.monotonicMs();
      left = Math.min(burst, left + ((nowMs - atMs) / 1000) * perSecond);
      atMs = nowMs;
      if (left < amount) return false;
      left -= amount;
      return true;
    },
  };
};
