import { useEffect, useMemo, useRef, useState } from 'react';
import type { CallError, RequestInputOf, WalletEntry } from '../../../preload/contract/index.ts';
import { useNodeAccess } from '../../state/node-context.tsx';
import { dayStartMs, type EntryKind } from './wallet-text.ts';

/** Entries of one question to the node; the contract's most. */
const PAGE_ENTRIES = 500;

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

/**
 * The newest entries, read anew, in front of those that were there: what waited may be final now, and takes the same place.
 * Where the two do not meet, only the new ones are true.
 */
export const withNewest = (newest: readonly WalletEntry[], before: readonly WalletEntry[]): WalletEntry[] => {
  const last = newest.at(-1);
  const meets = last === undefined ? -1 : before.findIndex(({ id }) => id === last.id);
  return meets === -1 ? [...newest] : [...newest, ...before.slice(meets + 1)];
};

export interface History {
  entries: readonly WalletEntry[];
  /** Entries that match, loaded or not; null until told. */
  total: number | null;
  error: CallError | null;
  /** Loads at least so many, newest first. */
  want(count: number): void;
}

/** The history, loaded as far as it is looked at and kept current while it is shown. */
export const useHistory = (filter: HistoryFilter): History => {
  const node = useNodeAccess();
  const key = JSON.stringify(requestOf(filter));
  const request = useMemo(() => JSON.parse(key) as RequestInputOf<'wallet:history'>, [key]);
  const [state, setState] = useState<Omit<History, 'want'>>({ entries: [], total: null, error: null });
  const want = useRef<(count: number) => void>(() => {});
  useEffect(() => {
    const run = { entries: [] as WalletEntry[], total: Number.POSITIVE_INFINITY, wanted: 1, busy: false, ended: false };
    setState({ entries: [], total: null, error: null });
    const fail = (error: CallError): void => setState((before) => ({ ...before, error }));
    const fill = async (): Promise<void> => {
      if (run.busy) return;
      run.busy = true;
      while (!run.ended && run.entries.length < Math.min(run.wanted, run.total)) {
        const before = run.entries.at(-1)?.id;
        const reply = await node.ask('wallet:history', {
          ...request,
          limit: PAGE_ENTRIES,
          ...(before === undefined ? {} : { before }),
        });
        if (run.ended) return;
        if (!reply.ok) {
          fail(reply.error);
          break;
        }
        run.entries = [...run.entries, ...reply.value.entries];
        // A page without entries is the end, whatever was counted before.
        run.total = reply.value.entries.length === 0 ? run.entries.length : reply.value.total;
        setState({ entries: run.entries, total: run.total, error: null });
        if (reply.value.entries.length === 0) break;
      }
      run.busy = false;
    };
    const refresh = async (): Promise<void> => {
      if (run.busy) return;
      run.busy = true;
      const reply = await node.ask('wallet:history', { ...request, limit: PAGE_ENTRIES });
      run.busy = false;
      if (run.ended) return;
      if (!reply.ok) {
        fail(reply.error);
        return;
      }
      run.entries = withNewest(reply.value.entries, run.entries);
      run.total = reply.value.total;
      setState({ entries: run.entries, total: run.total, error: null });
      void fill();
    };
    want.current = (count) => {
      run.wanted = Math.max(run.wanted, count);
      void fill();
    };
    void fill();
    const end = node.watch('wallet', () => void refresh());
    return () => {
      run.ended = true;
      end();
    };
  }, [node, request]);
  return { ...state, want: (count) => want.current(count) };
};
