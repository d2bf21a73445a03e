import { Button, Tabs } from '@mantine/core';
import { IconPlus, IconStack2 } from '@tabler/icons-react';
import { useState } from 'react';
import type { JobView, LeaseView } from '../../../preload/contract/index.ts';
import { Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { useNode } from '../../state/node-context.tsx';
import { goTo, hrefOf, isJobSide, type JobSide } from '../../state/route.ts';
import { CheckResult } from './check-result.tsx';
import { JobDetail } from './job-detail.tsx';
import { JobLine } from './job-line.tsx';
import { QueuePanel } from './queue-panel.tsx';
import { StartJob } from './start-job.tsx';
import { TrySample } from './try-sample.tsx';
import { costText, useJobLeases } from './use-job-cost.ts';
import './jobs.css';

/** Rows of a list at first, and how many more each time. */
const ROWS_STEP = 50;
/** So many the node lists. */
const JOBS_MAX = 200;

type Shown = JobSide | 'all';
const SIDES: readonly { side: Shown; label: string; none: string }[] = [
  { side: 'all', label: 'All', none: '' },
  { side: 'here', label: 'Mine here', none: 'None of your jobs runs on this machine or ran here lately.' },
  {
    side: 'others',
    label: 'For others',
    none: 'Nobody has run anything here yet. What you lend, and to whom, is chosen on Lend.',
  },
  {
    side: 'elsewhere',
    label: 'Mine elsewhere',
    none: 'None of your jobs runs on another node. Choose where it runs when you start one, or move one that runs.',
  },
];
const SIDE_OF: Record<JobView['side'], JobSide> = { own: 'here', lent: 'others', sent: 'elsewhere' };

const List = ({
  title,
  hint,
  jobs,
  leases,
}: {
  title: string;
  hint: string;
  jobs: readonly JobView[];
  leases: readonly LeaseView[];
}) => {
  const [rows, setRows] = useState(ROWS_STEP);
  if (jobs.length === 0) return null;
  return (
    <Panel title={title} hint={hint}>
      <ul className="hm-job-list">
        {jobs.slice(0, rows).map((job) => (
          <li key={job.id}>
            <JobLine job={job} cost={costText(job, leases)} />
          </li>
        ))}
      </ul>
      {jobs.length > rows && (
        <div className="hm-row hm-job-more">
          <Button variant="subtle" size="compact-sm" onClick={() => setRows(rows + ROWS_STEP)}>
            Show {Math.min(ROWS_STEP, jobs.length - rows)} more
          </Button>
        </div>
      )}
    </Panel>
  );
};

const count = (jobs: readonly JobView[]): string => `${jobs.length} ${jobs.length === 1 ? 'job' : 'jobs'}`;
/** Those that wait, in their order. */
const inLine = (a: JobView, b: JobView): number => (a.queuePosition ?? Infinity) - (b.queuePosition ?? Infinity);

const Lists = ({ jobs, full }: { jobs: readonly JobView[]; full: boolean }) => {
  const leases = useJobLeases();
  const waiting = jobs.filter((job) => job.state === 'queued').toSorted(inLine);
  const live = jobs.filter((job) => job.state !== 'ended' && job.state !== 'queued');
  const ended = jobs.filter((job) => job.state === 'ended');
  return (
    <div className="hm-stack">
      <List title="Running" hint={count(live)} jobs={live} leases={leases} />
      <List title="Waiting" hint={`${count(waiting)}, first in line first`} jobs={waiting} leases={leases} />
      <List
        title="Ended"
        hint={full ? `${count(ended)}; the newest ${JOBS_MAX} of all jobs are listed` : count(ended)}
        jobs={ended}
        leases={leases}
      />
    </div>
  );
};

const Overview = ({ shown }: { shown: Shown }) => {
  const jobs = useNode((state) => state.jobs);
  const of = (side: Shown): readonly JobView[] =>
    (jobs ?? []).filter((job) => side === 'all' || SIDE_OF[job.side] === side);
  return (
    <>
      <PageHeader
        title="Jobs"
        actions={
          <>
            {jobs !== null && jobs.length > 0 && <TrySample variant="default" />}
            <Button component="a" href={hrefOf('jobs', 'new')} leftSection={<IconPlus size={16} aria-hidden />}>
              Start a job
            </Button>
          </>
        }
      >
        Programs and containers, each walled off: yours here, those of others here, and yours on other nodes.
      </PageHeader>
      {jobs === null && <Loading what="the jobs" />}
      {jobs !== null && jobs.length === 0 && (
        <Panel>
          <Empty icon={<IconStack2 size={22} />} title="No jobs yet" action={<TrySample variant="filled" />}>
            The sample counts primes for twenty seconds with half a core, so that you can watch promised and measured
            side by side.
          </Empty>
        </Panel>
      )}
      {jobs !== null && jobs.length > 0 && (
        <Tabs
          value={shown}
          keepMounted={false}
          onChange={(side) => goTo('jobs', side === null || side === 'all' ? undefined : side)}
        >
          <Tabs.List aria-label="Whose jobs">
            {SIDES.map(({ side, label }) => (
              <Tabs.Tab key={side} value={side}>
                {label} <span className="hm-dim hm-number">{of(side).length}</span>
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {SIDES.map(({ side, none }) => (
            <Tabs.Panel key={side} value={side} className="hm-tab">
              {of(side).length === 0 ? (
                <Panel>
                  <Empty icon={<IconStack2 size={22} />} title="None">
                    {none}
                  </Empty>
                </Panel>
              ) : (
                <Lists jobs={of(side)} full={jobs.length >= JOBS_MAX} />
              )}
            </Tabs.Panel>
          ))}
        </Tabs>
      )}
      <QueuePanel />
      <CheckResult />
    </>
  );
};

/** All jobs, one job, or the form for a new one. */
export const JobsPage = ({ part }: { part: string | null }) => {
  if (part === 'new') return <StartJob />;
  if (part !== null && !isJobSide(part)) return <JobDetail key={part} id={part} />;
  return <Overview shown={part ?? 'all'} />;
};
