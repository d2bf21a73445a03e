import { assert } from '../../../base/index.ts';
import { STAMPS_PER_ROW } from './constants.ts';

/** What a borrower knows of its pages: with which stamp each was written last. What a lender gives back must have that one. */
export interface PageTable {
  readonly pages: number;
  /** Whether pages are in doubt, or were not looked at since a run that broke off. */
  readonly hasDoubts: boolean;
  /** Whether a page was never written: it is all zeros, whatever the lender says. */
  isBlank(page: number): boolean;
  /** A stamp that no page has had. */
  next(): number;
  /** The lender has the page with this stamp. */
  wrote(page: number, stamp: number): void;
  /** It may have it with this one, or still with one of before: the answer was lost. */
  maybeWrote(page: number, stamp: number): void;
  /** @returns whether the page may come with this stamp */
  accepts(page: number, stamp: number): boolean;
  /** A page that opened came with this stamp, one that is accepted: from now on it is the only one. */
  saw(page: number, stamp: number): void;
  /** Rows of {@link STAMPS_PER_ROW} stamps that changed since they were taken. Pages in doubt count with the stamp of before. */
  takeChanged(): { row: number; bytes: Uint8Array }[];
  /** The row was not written down after all. */
  putBack(row: number): void;
}

export interface PageTableInit {
  pages: number;
  /** Stamps of this run begin behind it; all of before are at most this. */
  base: number;
  /** Whether the run before ended without writing all stamps down: newer ones of before are accepted once, older ones never. */
  recovering: boolean;
  rows: ReadonlyMap<number, Uint8Array>;
}

const STAMP_FORM_BYTES = 8;

export const createPageTable = ({ pages, base, recovering, rows }: PageTableInit): PageTable => {
  const stamps = new Float64Array(pages);
  for (const [row, bytes] of rows) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < STAMPS_PER_ROW && row * STAMPS_PER_ROW + i < pages; i++)
      stamps[row * STAMPS_PER_ROW + i] = view.getFloat64(i * STAMP_FORM_BYTES);
  }
  let last = base;
  const changed = new Set<number>();
  const doubtful = new Map<number, number[]>();
  /** In a run after a crash: pages that were written or read since. */
  const seen = recovering ? new Uint8Array(pages) : null;
  const set = (page: number, stamp: number): void => {
    doubtful.delete(page);
    if (seen !== null) seen[page] = 1;
    if (stamps[page] === stamp) return;
    stamps[page] = stamp;
    changed.add(Math.floor(page / STAMPS_PER_ROW));
  };
  const isUnsure = (page: number): boolean => seen !== null && seen[page] === 0;
  return {
    pages,
    get hasDoubts() {
      return doubtful.size > 0 || seen?.includes(0) === true;
    },
    isBlank: (page) => stamps[page] === 0 && !isUnsure(page) && !doubtful.has(page),
    next: () => {
      last += 1;
      assert(Number.isSafeInteger(last), 'Stamps must not run out.');
      return last;
    },
    wrote: set,
    maybeWrote: (page, stamp) => {
      const others = doubtful.get(page);
      if (others === undefined) doubtful.set(page, [stamp]);
      else others.push(stamp);
    },
    accepts: (page, stamp) =>
      stamp === stamps[page] ||
      doubtful.get(page)?.includes(stamp) === true ||
      (isUnsure(page) && stamp > (stamps[page] ?? 0) && stamp <= base),
    saw: set,
    takeChanged: () => {
      const taken = [...changed].map((row) => {
        const bytes = new Uint8Array(STAMPS_PER_ROW * STAMP_FORM_BYTES);
        const view = new DataView(bytes.buffer);
        const from = row * STAMPS_PER_ROW;
        for (let i = 0; i < STAMPS_PER_ROW && from + i < pages; i++)
          view.setFloat64(i * STAMP_FORM_BYTES, stamps[from + i] ?? 0);
        return { row, bytes };
      });
      changed.clear();
      return taken;
    },
    putBack: (row) => changed.add(row),
  };
};
