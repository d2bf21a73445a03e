import type { LeaseView } from '../../../preload/contract/index.ts';
import { useTold, type Told } from '../use-told.ts';
import { isLive } from './lease-text.ts';

/** Rows kept on a page; the node keeps the others, and the command line lists them. */
const LEASES_MAX = 200;

/** Live ones first, then the newest. */
const inOrder = (leases: readonly LeaseView[]): LeaseView[] =>
  [...leases].sort(
    (a, b) => Number(isLive(b)) - Number(isLive(a)) || b.requestedAtMs - a.requestedAtMs || (a.id < b.id ? -1 : 1),
  );

/** What this node lends, or what it borrows, kept current. */
export const useLeases = (side: LeaseView['side']): Told<{ leases: LeaseView[] }> =>
  useTold('leases:list', { side }, 'leases', (before, { leases: changed }) => {
    const mine = changed.filter((lease) => lease.side === side);
    const ids = new Set(mine.map(({ id }) => id));
    const kept = (before?.leases ?? []).filter(({ id }) => !ids.has(id));
    return { leases: inOrder([...mine, ...kept]).slice(0, LEASES_MAX) };
  });
