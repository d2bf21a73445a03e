import { Button } from '@mantine/core';
import { IconPlus, IconStack2 } from '@tabler/icons-react';
import { useState } from 'react';
import type { CallError } from '../../../preload/contract/index.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { withJob } from '../../state/node-store.ts';
import { goTo, hrefOf } from '../../state/route.ts';
import { JobDetail } from './job-detail.tsx';
import { JobLine } from './job-line.tsx';
import { base64OfText } from './module-file.ts';
import { SAMPLE_NAME, SAMPLE_SOURCE } from './sample.ts';
import { StartJob } from './start-job.tsx';
import './jobs.css';

/** Starts the sample with half a core, or what the level allows if that is less, and opens it. */
const TrySample = ({ variant }: { variant: 'filled' | 'default' }) => {
  const node = useNodeAccess();
  const level = useNode((state) => state.levels?.find((entry) => entry.resource === 'cpu')?.percent);
  const capacity = useNode((state) => state.assets?.find((asset) => asset.resource === 'cpu')?.capacity);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<CallError | null>(null);
  const start = async (): Promise<void> => {
    setBusy(true);
    // Millicores times percent is what may be promised; a tenth of a percent of a core is lost to rounding down.
    const lendable = capacity?.known === true && level !== undefined ? Math.floor((capacity.value * level) / 1000) : 50;
    const reply = await node.ask('job:start', {
      name: SAMPLE_NAME,
      kind: 'javascript',
      module: base64OfText(SAMPLE_SOURCE),
      args: ['20'],
      cpuPercent: Math.max(1, Math.min(50, lendable)),
      memoryBytes: 128 * 1024 * 1024,
      timeMsMax: 10 * 60_000,
    });
    setBusy(false);
    setError(reply.ok ? null : reply.error);
    if (!reply.ok) return;
    node.store.setState({ jobs: withJob(node.store.getState().jobs, reply.value) });
    goTo('jobs', reply.value.id);
  };
  return (
    <>
      <Button variant={variant} loading={busy} onClick={() => void start()}>
        Try a sample
      </Button>
      {error !== null && <ErrorNote title="The sample could not be started" error={error} />}
    </>
  );
};

/** All jobs, one job, or the form for a new one. */
export const JobsPage = ({ part }: { part: string | null }) => {
  const jobs = useNode((state) => state.jobs);
  if (part === 'new') return <StartJob />;
  if (part !== null) return <JobDetail key={part} id={part} />;
  const live = jobs?.filter((job) => job.state !== 'ended') ?? [];
  const ended = jobs?.filter((job) => job.state === 'ended') ?? [];
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
        Programs that run within the share you lend, each walled off in a process of its own.
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
      {live.length > 0 && (
        <Panel title="Running" hint={`${live.length} ${live.length === 1 ? 'job' : 'jobs'}`}>
          <ul className="hm-job-list">
            {live.map((job) => (
              <li key={job.id}>
                <JobLine job={job} />
              </li>
            ))}
          </ul>
        </Panel>
      )}
      {ended.length > 0 && (
        <Panel
          title="Ended"
          hint={
            jobs !== null && jobs.length >= 200
              ? 'The newest 200'
              : `${ended.length} ${ended.length === 1 ? 'job' : 'jobs'}`
          }
        >
          <ul className="hm-job-list">
            {ended.map((job) => (
              <li key={job.id}>
                <JobLine job={job} />
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </>
  );
};
