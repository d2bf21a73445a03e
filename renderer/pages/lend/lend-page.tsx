import { SegmentedControl } from '@mantine/core';
import { IconHeartHandshake } from '@tabler/icons-react';
import { useState } from 'react';
import { ErrorNote } from '../../components/error-note.tsx';
import { isLive } from '../../components/leases/lease-text.ts';
import { LeaseTable } from '../../components/leases/lease-table.tsx';
import { useLeases } from '../../components/leases/use-leases.ts';
import { Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { ExitPanel } from './exit-panel.tsx';
import { GroupsPanel } from './groups-panel.tsx';
import { GuardPanel } from './guard-panel.tsx';
import { OffersPanel } from './offers-panel.tsx';
import { PrivacyDialog } from './privacy-dialog.tsx';
import { PrivacyLog } from './privacy-log.tsx';
import './lend.css';

const Borrowers = () => {
  const { value, error } = useLeases('lent');
  const [shown, setShown] = useState<'live' | 'over'>('live');
  if (value === null)
    return (
      <Panel title="Who borrows">{error === null ? <Loading what="leases" /> : <ErrorNote error={error} />}</Panel>
    );
  const live = value.leases.filter(isLive);
  const over = value.leases.filter((lease) => !isLive(lease));
  const rows = shown === 'live' ? live : over;
  return (
    <Panel
      title="Who borrows"
      hint="What each was promised, what it takes, and what it owes by the last receipt that both signed."
      actions={
        <SegmentedControl
          aria-label="Which leases"
          data={[
            { value: 'live', label: `Now ${live.length}` },
            { value: 'over', label: `Before ${over.length}` },
          ]}
          value={shown}
          onChange={setShown}
        />
      }
    >
      {rows.length === 0 ? (
        <Empty
          icon={<IconHeartHandshake size={22} stroke={1.75} />}
          title={shown === 'live' ? 'Nobody borrows from you now' : 'Nobody has borrowed from you yet'}
        >
          You say for each resource who may borrow it; others find what you offer as soon as they are connected.
        </Empty>
      ) : (
        <LeaseTable leases={rows} other="Borrower" />
      )}
    </Panel>
  );
};

/** Who borrows what from this machine, who could, and that nobody gets further than that. */
export const LendPage = () => {
  const [asked, setAsked] = useState<string | null>(null);
  return (
    <>
      <PageHeader title="Lend">What others borrow from this machine, and who may.</PageHeader>
      <Borrowers />
      <OffersPanel onPreview={setAsked} />
      <GuardPanel />
      <ExitPanel />
      <GroupsPanel />
      <PrivacyLog />
      {asked !== null && <PrivacyDialog resource={asked} onClose={() => setAsked(null)} />}
    </>
  );
};
