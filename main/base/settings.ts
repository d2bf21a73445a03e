import { decodeCbor, encodeCbor } from './codec.ts';
import type { Clock } from './outside.ts';
import type { Store } from './store/index.ts';

/** Values that the node keeps for itself, one per key, as dag-cbor in the database. */
export interface Settings {
  /**
   * @returns the value, or undefined when there is none. Whoever asks checks its shape: it may be of an older version.
   * @throws {StoreError}
   */
  get(key: string): Promise<unknown>;
  /** Durable when it resolves. @param value - anything that dag-cbor can hold; no `undefined` within. @throws {StoreError} */
  set(key: string, value: unknown): Promise<void>;
  /** Forgets it. Nothing happens when there is none. @throws {StoreError} */
  remove(key: string): Promise<void>;
}

export interface SettingsComponents {
  store: Store;
  clock: Clock;
}

export const createSettings = ({ store, clock }: SettingsComponents): Settings => ({
  get: async (key) => {
    const row = await store.get<{ value: Uint8Array }>('settings.get', 'SELECT value FROM settings WHERE key = ?', [
      key,
    ]);
    return row === undefined ? undefined : decodeCbor(row.value);
  },
  set: async (key, value) => {
    await store.run(
      'settings.set',
      'INSERT INTO settings (key, value, updated_at_ms) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at_ms = excluded.updated_at_ms',
      [key, encodeCbor(value), clock.nowMs()],
    );
  },
  remove: async (key) => {
    await store.run('settings.remove', 'DELETE FROM settings WHERE key = ?', [key]);
  },
});
