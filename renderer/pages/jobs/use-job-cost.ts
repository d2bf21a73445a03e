import type { JobView, LeaseView } from '../../../preload/contract/index.ts';
import { caesText } from '../../components/quantity.ts';
import { useTold } from '../../components/use-told.ts';

/** What a job costs, by the lease that it runs on; null where it has none, or the lease is not known any more. */
export const costText = (job: JobView, leases: readonly LeaseView[]): string | null => {
  const lease = job.lease === null ? undefined : leases.find(({ id }) => id === job.lease);
  if (lease === undefined) return null;
  return lease.owedMicro === '0' ? 'for nothing' : caesText(BigInt(lease.owedMicro));
};

/** Leases that jobs run on, theirs and ours, kept current. */
export const useJobLeases = (): readonly LeaseView[] =>
  useTold('leases:list', { side: 'all' }, 'leases', (before, { leases: changed }) => {
    const ids = new Set(changed.map(({ id }) => id));
    return { leases: [...changed, ...(before?.leases ?? []).filter(({ id }) => !ids.has(id))] };
  }).value?.leases ?? NONE;
const NONE: readonly LeaseView[] = [];
