import { Button, SegmentedControl } from '@mantine/core';
import { IconCoin, IconFingerprint } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import type { RewardEntry, RewardsView } from '../../../preload/contract/index.ts';
import { Age } from '../../components/age.tsx';
import { Caes, LargeCaes } from '../../components/caes.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Bar, Empty, Figure, Loading, PageHeader, Panel, Tag } from '../../components/layout.tsx';
import { resourceName } from '../../components/quantity.ts';
import { useNode } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { CheckReceipt } from './check-receipt.tsx';
import { ExplainSheet } from './explain-sheet.tsx';
import { ForecastPanel } from './forecast-panel.tsx';
import { FunnelPanel } from './funnel-panel.tsx';
import { RewardChart } from './reward-chart.tsx';
import { PERIODS, type Period, REWARD_KINDS, stepText } from './rewards-text.ts';
import { useAsked } from './use-rewards.ts';
import './rewards.css';

const Sums = ({ view, period, onPeriod }: { view: RewardsView; period: Period; onPeriod(period: Period): void }) => {
  const step = PERIODS.find(({ value }) => value === view.period)?.step ?? 'day';
  return (
    <Panel
      title="What came of lending"
      actions={
        <SegmentedControl
          size="xs"
          aria-label="Which time"
          value={period}
          onChange={(value) => onPeriod(value)}
          data={PERIODS.map(({ value, label }) => ({ value, label }))}
        />
      }
    >
      <dl className="hm-reward-figures">
        <Figure name="Earned" hint="settled, and on the ledger">
          <LargeCaes micro={view.earnedMicro} />
        </Figure>
        <Figure name="Coming" hint="used, not settled yet">
          <LargeCaes micro={view.comingMicro} />
        </Figure>
        <Figure name="Potential" hint="if all that is offered now were used at today’s prices">
          <LargeCaes micro={view.potentialMicro} />
        </Figure>
      </dl>
      <RewardChart series={view.series} period={view.period} />
      <details className="hm-reward-table">
        <summary>The same as a table</summary>
        <table className="hm-table">
          <caption className="hm-sr">Earned per {step}</caption>
          <thead>
            <tr>
              <th scope="col">{step.charAt(0).toUpperCase() + step.slice(1)}</th>
              <th scope="col" className="hm-right">
                Earned
              </th>
            </tr>
          </thead>
          <tbody>
            {view.series.map(({ atMs, earnedMicro }) => (
              <tr key={atMs}>
                <td>{stepText(atMs, view.period)}</td>
                <td className="hm-right">
                  <Caes micro={earnedMicro} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </Panel>
  );
};

/** Share of a whole in percent, for a bar; amounts stay exact beside it. */
const shareOf = (micro: string, whole: bigint): number =>
  whole === 0n ? 0 : Number((BigInt(micro) * 1000n) / whole) / 10;

const Divided = ({ view }: { view: RewardsView }) => {
  const resources = view.byResource.reduce((sum, { earnedMicro }) => sum + BigInt(earnedMicro), 0n);
  const networks = view.byNetwork.reduce((sum, { earnedMicro }) => sum + BigInt(earnedMicro), 0n);
  if (view.byResource.length === 0 && view.byNetwork.length === 0) return null;
  return (
    <div className="hm-reward-halves">
      <Panel title="By resource">
        <table className="hm-table">
          <thead>
            <tr>
              <th scope="col">Resource</th>
              <th scope="col" className="hm-right">
                Earned
              </th>
              <th scope="col" className="hm-right">
                Coming
              </th>
            </tr>
          </thead>
          <tbody>
            {view.byResource.map((row) => (
              <tr key={row.resource ?? row.label}>
                <td>
                  {row.label}
                  <Bar percent={shareOf(row.earnedMicro, resources)} />
                </td>
                <td className="hm-right">
                  <Caes micro={row.earnedMicro} />
                </td>
                <td className="hm-right">
                  <Caes micro={row.comingMicro} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Panel>
      <Panel title="By network">
        <table className="hm-table">
          <thead>
            <tr>
              <th scope="col">Network</th>
              <th scope="col" className="hm-right">
                Earned
              </th>
            </tr>
          </thead>
          <tbody>
            {view.byNetwork.map((row) => (
              <tr key={row.ledger}>
                <td>
                  <a href={hrefOf('ledger', row.ledger)}>{row.name}</a>
                  <Bar percent={shareOf(row.earnedMicro, networks)} />
                </td>
                <td className="hm-right">
                  <Caes micro={row.earnedMicro} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Panel>
    </div>
  );
};

const Entries = ({ view, onOpen }: { view: RewardsView; onOpen(entry: RewardEntry): void }) => (
  <Panel
    title="Each of them"
    hint={
      view.total > view.entries.length
        ? `The newest ${view.entries.length.toLocaleString('en')} of ${view.total.toLocaleString('en')}. Any one can be taken apart, down to its receipts and proofs.`
        : 'Any one can be taken apart, down to its receipts and proofs.'
    }
  >
    {view.entries.length === 0 ? (
      <Empty icon={<IconCoin size={22} stroke={1.75} />} title="Nothing in this time">
        Look above for the first step that stands between what you lend and a reward.
      </Empty>
    ) : (
      <div className="hm-scroll-x">
        <table className="hm-table hm-reward-entries">
          <thead>
            <tr>
              <th scope="col">For what</th>
              <th scope="col">Resource</th>
              <th scope="col">When</th>
              <th scope="col" className="hm-right">
                Amount
              </th>
              <th scope="col" className="hm-right">
                <span className="hm-sr">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {view.entries.map((entry) => (
              <tr key={entry.id}>
                <td>
                  {REWARD_KINDS[entry.kind]} {entry.state === 'coming' && <Tag tone="warning">coming</Tag>}
                  <span className="hm-small hm-dim hm-reward-sub">{entry.sentence}</span>
                </td>
                <td>
                  {entry.resource === null ? '–' : resourceName(entry.resource)}
                  <span className="hm-small hm-dim hm-reward-sub">{entry.network}</span>
                </td>
                <td>
                  <Age atMs={entry.atMs} />
                </td>
                <td className="hm-right">
                  <Caes micro={entry.amountMicro} />
                </td>
                <td className="hm-right">
                  <Button size="compact-sm" variant="default" aria-haspopup="dialog" onClick={() => onOpen(entry)}>
                    Take apart<span className="hm-sr">: {entry.sentence}</span>
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    )}
  </Panel>
);

const NoIdentity = () => (
  <Panel>
    <Empty
      icon={<IconFingerprint size={22} stroke={1.75} />}
      title="Rewards need an account"
      action={
        <Button component="a" href={hrefOf('settings', 'identity')}>
          Create an identity
        </Button>
      }
    >
      What is lent is measured, proved and settled under the keys of this node. Create an identity first; then this page
      shows what came of it and, where nothing did, why.
    </Empty>
  </Panel>
);

/** What lending brought, why it brought no more, and what another level would bring. */
export const RewardsPage = ({ part }: { part: string | null }) => {
  const [period, setPeriod] = useState<Period>('month');
  const [open, setOpen] = useState<RewardEntry | null>(null);
  const rewards = useAsked('rewards:get', { period });
  const identity = useNode((state) => state.identity);
  const view = rewards.value;
  let body: ReactNode;
  if (identity?.status === 'none') body = <NoIdentity />;
  else {
    body = (
      <>
        {rewards.error !== null && <ErrorNote title="The rewards could not be read" error={rewards.error} />}
        {view === null && rewards.error === null && <Loading what="the rewards" />}
        {view !== null && <Sums view={view} period={period} onPeriod={setPeriod} />}
        <FunnelPanel asked={part} />
        {view !== null && (
          <>
            <Divided view={view} />
            <Entries view={view} onOpen={setOpen} />
          </>
        )}
        <ForecastPanel />
      </>
    );
  }
  return (
    <>
      <PageHeader title="Rewards">
        What lending has brought, in CAES: the unit in which a network’s members count what they owe each other.
      </PageHeader>
      {body}
      <CheckReceipt />
      {open !== null && <ExplainSheet entry={open} onClose={() => setOpen(null)} />}
    </>
  );
};
