import { IconHeartHandshake } from '@tabler/icons-react';
import { useState } from 'react';
import type { LeaseView, OfferView } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { isLive } from '../../components/leases/lease-text.ts';
import { LeaseTable } from '../../components/leases/lease-table.tsx';
import { useLeases } from '../../components/leases/use-leases.ts';
import { Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { caesText } from '../../components/quantity.ts';
import { CheckLease } from './check-lease.tsx';
import { LeaseDialog } from './lease-dialog.tsx';
import { OfferList } from './offer-list.tsx';
import { UseDialog } from './use-dialog.tsx';

/** All that live leases and those before came to, by receipts that both sides signed. */
const costOf = (leases: readonly LeaseView[]): string => {
  const micro = leases.reduce((sum, { owedMicro }) => sum + BigInt(owedMicro), 0n);
  return micro === 0n ? 'It has cost nothing so far.' : `It has cost ${caesText(micro)} so far.`;
};

/** What this machine has from others. */
export const BorrowPage = () => {
  const { value, error } = useLeases('borrowed');
  const [wanted, setWanted] = useState<OfferView | null>(null);
  const [used, setUsed] = useState<LeaseView | null>(null);
  const live = value?.leases.filter(isLive) ?? [];
  return (
    <>
      <PageHeader title="Borrow">What this machine has from others, and what it could have.</PageHeader>
      <Panel
        title="What you borrow"
        hint={
          value === null
            ? undefined
            : `${live.length === 1 ? '1 lease' : `${live.length} leases`} now. ${costOf(value.leases)}`
        }
      >
        {error !== null && <ErrorNote error={error} />}
        {value === null && error === null && <Loading what="leases" />}
        {value !== null && value.leases.length === 0 && (
          <Empty icon={<IconHeartHandshake size={22} stroke={1.75} />} title="Nothing yet">
            Choose an offer below. Memory becomes a store of keys and values, a network a proxy for your programs, and
            processor and containers run your jobs.
          </Empty>
        )}
        {value !== null && value.leases.length > 0 && (
          <LeaseTable leases={value.leases} other="Lender" onOpen={setUsed} />
        )}
      </Panel>
      <OfferList onLease={setWanted} />
      <CheckLease />
      {wanted !== null && <LeaseDialog offer={wanted} onClose={() => setWanted(null)} />}
      {used !== null && <UseDialog lease={used} onClose={() => setUsed(null)} />}
    </>
  );
};
