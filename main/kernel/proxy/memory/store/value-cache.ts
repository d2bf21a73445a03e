/** Values that were set or read lately, the newest used last; bounded by their bytes. */
export interface ValueCache {
  /** @returns bytes that nobody may change */
  get(key: string): Uint8Array | null;
  set(key: string, value: Uint8Array): void;
  delete(key: string): void;
}

/** One value takes no more of the cache than this part of it. */
const SHARE_MAX = 1 / 8;

export const createValueCache = (bytesMax: number): ValueCache => {
  const values = new Map<string, Uint8Array>();
  let bytes = 0;
  const remove = (key: string): void => {
    const value = values.get(key);
    if (value === undefined) return;
    values.delete(key);
    bytes -= value.length + key.length;
  };
  return {
    get: (key) => {
      const value = values.get(key);
      if (value === undefined) return null;
      values.delete(key);
      values.set(key, value);
      return value;
    },
    set: (key, value) => {
      remove(key);
      if (value.length + key.length > bytesMax * SHARE_MAX) return;
      // A copy: the caller's bytes are the caller's.
      values.set(key, value.slice());
      bytes += value.length + key.length;
      while (bytes > bytesMax) remove(values.keys().next().value as string);
    },
    delete: remove,
  };
};
