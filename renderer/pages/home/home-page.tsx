import { Button, Tooltip } from '@mantine/core';
import { IconHandStop } from '@tabler/icons-react';
import { useState } from 'react';
import { confirm } from '../../components/confirm.tsx';
import { Note, showDone, showError } from '../../components/error-note.tsx';
import { Bar, Empty, Loading, PageHeader, Panel } from '../../components/layout.tsx';
import { PauseControl } from '../../components/pause-control.tsx';
import { kindOf } from '../../components/quantity.ts';
import { ResourceIcon } from '../../components/resource-icon.tsx';
import { whenText } from '../../components/time-text.ts';
import { ToldText } from '../../components/told-text.tsx';
import { sentence } from '../../components/unknown.tsx';
import { useSharing } from '../../components/use-sharing.ts';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { hrefOf } from '../../state/route.ts';
import { JobLine } from '../jobs/job-line.tsx';
import { titleOf } from '../share/share-text.ts';
import { EarningsLine } from './earnings-line.tsx';
import { Meters } from './meters.tsx';
import './home.css';

const JOBS_SHOWN = 4;

const StopEverything = () => {
  const node = useNodeAccess();
  const [busy, setBusy] = useState(false);
  const stop = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('share:stopEverything', {});
    setBusy(false);
    if (!reply.ok) {
      showError('Could not stop everything', reply.error);
      return;
    }
    void node.refresh();
    const { jobsEnded, allocationsEnded } = reply.value;
    showDone(
      `Stopped. ${jobsEnded} ${jobsEnded === 1 ? 'job' : 'jobs'} and ${allocationsEnded} ${allocationsEnded === 1 ? 'allocation' : 'allocations'} ended; lending is paused until you resume.`,
    );
  };
  return (
    <Button
      variant="default"
      className="hm-stop"
      loading={busy}
      leftSection={<IconHandStop size={16} aria-hidden />}
      onClick={() =>
        confirm({
          title: 'Stop everything?',
          children:
            'Lending is paused until you resume, and every running job and every allocation ends at once. What the jobs have not written yet is lost.',
          confirmLabel: 'Stop everything',
          onConfirm: () => void stop(),
        })
      }
    >
      Stop everything
    </Button>
  );
};

const LevelChips = () => {
  const levels = useNode((state) => state.levels);
  const assets = useNode((state) => state.assets);
  if (levels === null || levels.length === 0) return null;
  const cards = levels.filter((level) => kindOf(level.resource) === 'gpu').length;
  return (
    <ul className="hm-chips" aria-label="Level of each resource">
      {levels.map((level) => {
        const asset = assets?.find((entry) => entry.resource === level.resource);
        const title = kindOf(level.resource) === 'gpu' && cards === 1 ? 'GPU' : titleOf(level.resource, asset);
        const until = level.untilMs === null ? '' : ` Changes ${whenText(level.untilMs, Date.now())}.`;
        // A level of something whose size is unknown lends nothing, whatever it says.
        const missing = asset?.capacity.known === false ? sentence(asset.capacity.reason) : null;
        return (
          <li key={level.resource}>
            <Tooltip label={missing ?? `${sentence(level.reason)}${until}`}>
              <a
                className="hm-chip"
                href={hrefOf('share', level.resource)}
                {...(missing === null ? {} : { 'data-missing': true })}
              >
                <span className="hm-chip-head">
                  <ResourceIcon resource={level.resource} size={16} />
                  <span className="hm-chip-name">{title}</span>
                  <strong>{missing === null ? `${level.percent} %` : 'none'}</strong>
                </span>
                <Bar percent={missing === null ? level.percent : 0} />
                <span className="hm-chip-reason">
                  <ToldText text={missing ?? level.reason} />
                </span>
              </a>
            </Tooltip>
          </li>
        );
      })}
    </ul>
  );
};

const Warnings = () => {
  const warnings = useNode((state) => state.status?.warnings);
  if (warnings === undefined || warnings.length === 0) return null;
  return (
    <section aria-label="Warnings" className="hm-stack-tight">
      {warnings.map((warning) => (
        <Note key={`${warning.code} ${warning.message}`} tone="warning">
          <p>{warning.message}</p>
          <p className="hm-small">
            Code <code>{warning.code}</code>
          </p>
        </Note>
      ))}
    </section>
  );
};

const RunningJobs = () => {
  const jobs = useNode((state) => state.jobs);
  if (jobs === null) return null;
  const live = jobs.filter((job) => job.state !== 'ended');
  return (
    <Panel
      title="Running jobs"
      actions={
        <a href={hrefOf('jobs')} className="hm-small">
          {live.length > JOBS_SHOWN ? `All ${live.length} running jobs` : 'All jobs'}
        </a>
      }
    >
      {live.length === 0 ? (
        <Empty
          icon={<ResourceIcon resource="cpu" size={22} />}
          title="No job is running"
          action={
            <Button component="a" href={hrefOf('jobs', 'new')} variant="light">
              Start a job
            </Button>
          }
        >
          A job is a small program that runs within the share you lend, walled off from your files and your network.
        </Empty>
      ) : (
        <ul className="hm-job-list">
          {live.slice(0, JOBS_SHOWN).map((job) => (
            <li key={job.id}>
              <JobLine job={job} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
};

const PhaseLine = () => {
  const phase = useNode((state) => state.status?.phase);
  if (phase === undefined) return null;
  return (
    <Panel title={`Phase ${phase.number} of 3`} hint={phase.reason}>
      <p>
        <span className="hm-dim">Next: </span>
        {phase.nextNeeds}
      </p>
    </Panel>
  );
};

/** How the node is, what it lends and why, and what the machine does. */
export const HomePage = () => {
  const sharing = useSharing();
  return (
    <>
      <PageHeader
        title="Home"
        actions={
          <>
            <PauseControl />
            <StopEverything />
          </>
        }
      />
      <Warnings />
      {sharing === null ? (
        <Loading what="what is lent" />
      ) : (
        <section className="hm-panel hm-hero" aria-labelledby="level-line">
          <div className="hm-hero-line">
            <span className="hm-dot" data-tone={sharing.tone} aria-hidden="true" />
            <div role="status">
              <h2 id="level-line">{sharing.headline}</h2>
              <p className="hm-dim">{sharing.reason}</p>
            </div>
          </div>
          <LevelChips />
        </section>
      )}
      <EarningsLine />
      <Meters />
      <RunningJobs />
      <PhaseLine />
    </>
  );
};
