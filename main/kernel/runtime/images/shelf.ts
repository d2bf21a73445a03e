import { decodeCbor, encodeCbor, type Outside, type Store } from '../../../base/index.ts';

export interface ShelfRow {
  id: string;
  /** Whether this node brought it, and so may take it away. */
  brought: boolean;
  bytes: number;
  /** Names that this node gave it. */
  names: readonly string[];
  usedAtMs: number | null;
}
/** Which images are ours, and when jobs ran in them last: rows, and the same in memory. */
export interface Shelf {
  load(): Promise<void>;
  get(id: string): ShelfRow | undefined;
  all(): readonly ShelfRow[];
  put(row: ShelfRow): Promise<void>;
  /** Of an image that is used now. */
  used(id: string, bytes: number): Promise<void>;
  forget(id: string): Promise<void>;
}

export const createShelf = ({ store, outside }: { store: Store; outside: Outside }): Shelf => {
  const rows = new Map<string, ShelfRow>();
  const put: Shelf['put'] = async (row) => {
    rows.set(row.id, row);
    await store.run(
      'images.put',
      'INSERT INTO images (id, brought, bytes, names, used_at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET brought = excluded.brought, bytes = excluded.bytes, names = excluded.names, used_at_ms = excluded.used_at_ms',
      [row.id, row.brought ? 1 : 0, row.bytes, encodeCbor([...row.names]), row.usedAtMs],
    );
  };
  return {
    load: async () => {
      const found = await store.all<{
        id: string;
        brought: number;
        bytes: number;
        names: Uint8Array;
        used_at_ms: number | null;
      }>('images.all', 'SELECT id, brought, bytes, names, used_at_ms FROM images');
      for (const { id, brought, bytes, names, used_at_ms: usedAtMs } of found)
        rows.set(id, { id, brought: brought === 1, bytes, names: decodeCbor(names) as string[], usedAtMs });
    },
    get: (id) => rows.get(id),
    all: () => [...rows.values()],
    put,
    used: async (id, bytes) => {
      const row = rows.get(id) ?? { id, brought: false, bytes, names: [], usedAtMs: null };
      await put({ ...row, bytes, usedAtMs: outside.clock.nowMs() });
    },
    forget: async (id) => {
      if (!rows.delete(id)) return;
      await store.run('images.forget', 'DELETE FROM images WHERE id = ?', [id]);
    },
  };
};
