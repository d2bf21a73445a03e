import { useEffect, useMemo, useRef, useState } from 'react';
import type { CallError, RequestInputOf, WalletEntry } from '../../../preload/contract/index.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { dayStartMs, type EntryKind } from './wallet-text.ts';

/** Entries of one question to the node. */
const PAGE_ENTRIES = 200;
/** Loaded beyond what is seen, so that scrolling meets no gap. */
const AHEAD = 200;
/** Pages that are kept; those furthest from what is seen go first and are read again when they are looked at. */
const PAGES_MAX = 25;

export interface HistoryFilter {
  /** Address; empty: all. */
  account: string;
  kind: EntryKind | '';
  /** First and last day, as `<input type="date">` writes them; empty: open. */
  fromDay: string;
  toDay: string;
  text: string;
}
export const NO_FILTER: HistoryFilter = { account: '', kind: '', fromDay: '', toDay: '', text: '' };

/** What the filter asks of the node. */
export const requestOf = (filter: HistoryFilter): RequestInputOf<'wallet:history'> => {
  const fromMs = dayStartMs(filter.fromDay);
  const afterMs = dayStartMs(filter.toDay, 1);
  const text = filter.text.trim();
  return {
    ...(filter.account === '' ? {} : { account: filter.account }),
    ...(filter.kind === '' ? {} : { kind: filter.kind }),
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(afterMs === undefined ? {} : { toMs: afterMs - 1 }),
    ...(text === '' ? {} : { text }),
  };
};

/** Numbers of the pages that the entries from `from` to before `to` and those around them stand on, nearest first. */
export const pagesAround = (from: number, to: number, total: number): number[] => {
  const pageOf = (index: number): number =>
    Math.floor(Math.min(Math.max(0, index), Math.max(0, total - 1)) / PAGE_ENTRIES);
  const middle = pageOf(Math.floor((from + to) / 2));
  const [first, last] = [pageOf(from - AHEAD), pageOf(to - 1 + AHEAD)];
  return Array.from({ length: last - first + 1 }, (_, offset) => first + offset).sort(
    (a, b) => Math.abs(a - middle) - Math.abs(b - middle),
  );
};

export interface History {
  /** The entry at a place from the newest on; undefined while it is being read. */
  entryAt(index: number): WalletEntry | undefined;
  /** Entries that match, loaded or not; null until told. */
  total: number | null;
  error: CallError | null;
  /** Loads those from `from` to before `to`, and some around them. */
  want(from: number, to: number): void;
}

interface Loaded {
  pages: ReadonlyMap<number, readonly WalletEntry[]>;
  total: number | null;
  error: CallError | null;
}
const NOTHING: Loaded = { pages: new Map(), total: null, error: null };

/** The history, loaded where it is looked at and kept current while it is shown. */
export const useHistory = (filter: HistoryFilter): History => {
  const node = useNodeAccess();
  const key = JSON.stringify(requestOf(filter));
  const request = useMemo(() => JSON.parse(key) as RequestInputOf<'wallet:history'>, [key]);
  const [state, setState] = useState(NOTHING);
  const want = useRef<(from: number, to: number) => void>(() => {});
  useEffect(() => {
    const run = {
      pages: new Map<number, readonly WalletEntry[]>(),
      total: null as number | null,
      from: 0,
      to: 1,
      busy: false,
      stale: new Set<number>(),
      ended: false,
    };
    setState(NOTHING);
    /** The page to read next: one that is missing, else one that was read before the last change. */
    const nextPage = (): number | undefined => {
      const wanted = pagesAround(run.from, run.to, run.total ?? 1);
      return wanted.find((page) => !run.pages.has(page)) ?? wanted.find((page) => run.stale.has(page));
    };
    const forgetFar = (): void => {
      const middle = (run.from + run.to) / 2 / PAGE_ENTRIES;
      const far = [...run.pages.keys()].sort((a, b) => Math.abs(b - middle) - Math.abs(a - middle));
      for (const page of far.slice(0, Math.max(0, far.length - PAGES_MAX))) run.pages.delete(page);
    };
    const fill = async (): Promise<void> => {
      if (run.busy) return;
      run.busy = true;
      for (let page = nextPage(); page !== undefined; page = nextPage()) {
        run.stale.delete(page);
        const reply = await node.ask('wallet:history', {
          ...request,
          limit: PAGE_ENTRIES,
          ...(page === 0 ? {} : { offset: page * PAGE_ENTRIES }),
        });
        if (run.ended) return;
        if (!reply.ok) {
          const { error } = reply;
          setState((before) => ({ ...before, error }));
          break;
        }
        run.pages.set(page, reply.value.entries);
        run.total = reply.value.total;
        forgetFar();
        setState({ pages: new Map(run.pages), total: run.total, error: null });
      }
      run.busy = false;
    };
    want.current = (from, to) => {
      run.from = from;
      run.to = to;
      void fill();
    };
    void fill();
    const end = node.watch('wallet', () => {
      // What waited may be final now, and what came in moves all the rest. Old lines stay until the new ones are there.
      const wanted = new Set(pagesAround(run.from, run.to, run.total ?? 1));
      for (const page of run.pages.keys()) {
        if (wanted.has(page)) run.stale.add(page);
        else run.pages.delete(page);
      }
      void fill();
    });
    return () => {
      run.ended = true;
      end();
    };
  }, [node, request]);
  const { pages, total, error } = state;
  return {
    entryAt: (index) => pages.get(Math.floor(index / PAGE_ENTRIES))?.[index % PAGE_ENTRIES],
    total,
    error,
    want: (from, to) => want.current(from, to),
  };
};
