/** Pages as they are, the newest used last; bounded. */
export interface PageCache {
  get(page: number): Uint8Array | null;
  /** Keeps the bytes as they are: nobody may change them. */
  set(page: number, plain: Uint8Array): void;
  delete(page: number): void;
}

export const createPageCache = (pagesMax: number): PageCache => {
  const pages = new Map<number, Uint8Array>();
  return {
    get: (page) => {
      const plain = pages.get(page);
      if (plain === undefined) return null;
      pages.delete(page);
      pages.set(page, plain);
      return plain;
    },
    set: (page, plain) => {
      if (pagesMax === 0) return;
      pages.delete(page);
      pages.set(page, plain);
      if (pages.size > pagesMax) pages.delete(pages.keys().next().value as number);
    },
    delete: (page) => {
      pages.delete(page);
    },
  };
};
