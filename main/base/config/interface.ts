import type { EventSource } from '../events.ts';

export interface ConfigEvents<T> {
  /** The file holds these settings now. */
  changed: T;
}

/** Settings in a file that a person may edit while the node is down. */
export interface ConfigStore<T extends { version: number }> extends EventSource<ConfigEvents<T>> {
  get(): T;
  /**
   * Writes the file as a whole, then takes effect. Changes take effect in the order of the calls; fields that are
   * undefined stay as they are.
   * @throws {ConfigError} `CONFIG_UNKNOWN_KEY` | `CONFIG_INVALID` | `CONFIG_NOT_WRITTEN`; nothing has changed then
   */
  set(change: ConfigChange<T>): Promise<T>;
  /** The same as `on('changed', listener)`. @returns what ends it */
  onChange(listener: (config: T) => void): () => void;
}
export type ConfigChange<T> = { readonly [K in keyof Omit<T, 'version'>]?: T[K] | undefined };

/** What the settings may be. */
export interface ConfigFormat<T extends { version: number }> {
  /** Every key with its default, `version` among them. A key that the file leaves out has its default. */
  readonly defaults: T;
  /**
   * One step per older version, in order: takes the settings as of `from` and gives those of `from + 1`. A shipped one
   * is never edited.
   */
  readonly migrations: readonly {
    readonly from: number;
    up(settings: Record<string, unknown>): Record<string, unknown>;
  }[];
  /** @returns the first value that is wrong, or null. Keys have been checked by then. */
  findInvalid(settings: Record<string, unknown>): { key: string; reason: string } | null;
}
