import type { Statement, Store } from '../../../base/index.ts';

/** Who needs which content, as rows and in memory. */
export interface Holds {
  load(): Promise<void>;
  isHeld(sha256: string): boolean;
  of(holder: string): readonly string[];
  holders(): readonly string[];
  hold(holder: string, hashes: readonly string[]): Promise<void>;
  /** @returns what nobody holds any more */
  release(holder: string): Promise<string[]>;
}

export const createHolds = ({ store }: { store: Store }): Holds => {
  const byHolder = new Map<string, Set<string>>();
  const counts = new Map<string, number>();
  /** Changes are made one after another, each on what the one before left. */
  let last: Promise<unknown> = Promise.resolve();
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const count = (holder: string, sha256: string): boolean => {
    let held = byHolder.get(holder);
    if (held === undefined) byHolder.set(holder, (held = new Set()));
    if (held.has(sha256)) return false;
    held.add(sha256);
    counts.set(sha256, (counts.get(sha256) ?? 0) + 1);
    return true;
  };
  const uncount = (sha256: string): boolean => {
    const left = (counts.get(sha256) ?? 1) - 1;
    if (left > 0) counts.set(sha256, left);
    else counts.delete(sha256);
    return left <= 0;
  };
  return {
    load: async () => {
      const rows = await store.all<{ holder: string; sha256: Uint8Array }>(
        'content.holds',
        'SELECT holder, sha256 FROM content_holds',
      );
      for (const { holder, sha256 } of rows) count(holder, Buffer.from(sha256).toString('hex'));
    },
    isHeld: (sha256) => counts.has(sha256),
    of: (holder) => [...(byHolder.get(holder) ?? [])],
    holders: () => [...byHolder.keys()],
    hold: (holder, hashes) =>
      exclusively(async () => {
        // Held in memory first: nothing of it may go while the rows are written.
        const added = hashes.filter((sha256) => count(holder, sha256));
        if (added.length === 0) return;
        try {
          await store.transaction(
            'content.hold',
            added.map(
              (sha256): Statement => ({
                sql: 'INSERT INTO content_holds (holder, sha256) VALUES (?, ?)',
                params: [holder, Buffer.from(sha256, 'hex')],
              }),
            ),
          );
        } catch (error) {
          const held = byHolder.get(holder);
          for (const sha256 of added) {
            held?.delete(sha256);
            uncount(sha256);
          }
          if (held?.size === 0) byHolder.delete(holder);
          throw error;
        }
      }),
    release: (holder) =>
      exclusively(async () => {
        const held = byHolder.get(holder);
        if (held === undefined) return [];
        await store.run('content.release', 'DELETE FROM content_holds WHERE holder = ?', [holder]);
        byHolder.delete(holder);
        return [...held].filter(uncount);
      }),
  };
};
