import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { CallError, JobView } from '../../../preload/contract/index.ts';
import { ErrorNote, Note } from '../../components/error-note.tsx';
import { Fact, Facts, Loading, PageHeader, Panel, Tag } from '../../components/layout.tsx';
import { bytesText, percentText } from '../../components/quantity.ts';
import { ShortHash } from '../../components/short-hash.tsx';
import { dateTimeText, durationText } from '../../components/time-text.ts';
import { sentence, Unknown } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { withJob } from '../../state/node-store.ts';
import { hrefOf } from '../../state/route.ts';
import { JobActions } from './job-actions.tsx';
import { JobCompare } from './job-compare.tsx';
import { adviceOf, endText } from './job-end.ts';
import { JobFiles } from './job-files.tsx';
import { JobLogs } from './job-logs.tsx';
import { JobCopies, JobMoves } from './job-story.tsx';
import { estimateText, healthOf, kindName, priorityText, queueText, stateOf, whereText } from './job-text.ts';
import { costText, useJobLeases } from './use-job-cost.ts';

const NOT_TOLD = 'This system does not tell how much the program used, or it ended before the first measurement.';

/** What the owner should know at once: why it ended, what it waits for, that it stands still. */
const Notes = ({ job }: { job: JobView }) => {
  const advice = job.end === null ? '' : adviceOf(job.end);
  const waits = job.state === 'queued' || job.state === 'preparing' || job.state === 'moving';
  const estimate = estimateText(job);
  return (
    <div aria-live="polite" className="hm-live">
      {job.end !== null && (
        <Note>
          <p className="hm-break">
            {job.side === 'lent' && job.end.why === 'cancelled'
              ? 'It was cancelled, by its borrower or by you.'
              : endText(job.end)}
          </p>
          {advice !== '' && <p className="hm-dim">{advice}</p>}
        </Note>
      )}
      {waits && (
        <Note>
          <p className="hm-break">
            {job.state === 'queued' && job.queuePosition !== null && `${sentence(`It is ${queueText(job)}`)} `}
            {job.stateReason === '' ? (job.state === 'queued' ? 'It waits for room.' : '') : sentence(job.stateReason)}
          </p>
          {estimate !== '' && <p className="hm-dim">{sentence(`Such a job takes ${estimate}`)}</p>}
        </Note>
      )}
      {job.state === 'frozen' && (
        <Note tone="warning">
          <p>
            {job.stateReason === '' || job.side === 'own'
              ? 'It stands still because nothing of the CPU is lent at the moment.'
              : sentence(job.stateReason)}{' '}
            It goes on by itself when the level rises; the time does not count.
          </p>
        </Note>
      )}
      {(job.state === 'running' || job.state === 'starting') && job.stateReason !== '' && (
        <Note>
          <p className="hm-break">{sentence(job.stateReason)}</p>
        </Note>
      )}
    </div>
  );
};

const Details = ({ job }: { job: JobView }) => {
  const leases = useJobLeases();
  const cost = costText(job, leases);
  const health = healthOf(job.health);
  const estimate = estimateText(job);
  const container = job.kind === 'container';
  return (
    <Panel title="Details">
      <Facts>
        <Fact name="Program">
          {kindName(job.kind)}
          {container && (
            <>
              {' '}
              in <code>{job.image}</code>
            </>
          )}
          , {bytesText(job.moduleBytes)}
        </Fact>
        <Fact name="Arguments">
          {job.args.length === 0
            ? 'none'
            : job.args.map((arg, index) => <code key={`${index} ${arg}`}>{arg === '' ? '""' : arg} </code>)}
        </Fact>
        <Fact name="Runs">
          {job.peerId === null ? whereText(job) : <a href={hrefOf('network', job.peerId)}>{whereText(job)}</a>}
        </Fact>
        {job.lease !== null && (
          <Fact name="Cost so far">
            {cost ?? <Unknown reason="The lease that it runs on is over and no longer in the list." />}
          </Fact>
        )}
        <Fact name="Priority">{priorityText(job.priority)}</Fact>
        <Fact name="Usually takes">
          {job.estimate === null || estimate === '' ? (
            <Unknown word="not known yet" reason="It is learned from jobs of this kind that have ended." />
          ) : (
            `${estimate.replace('usually ', '')} (of ${job.estimate.samples})`
          )}
        </Fact>
        <Fact name="Created">{dateTimeText(job.createdAtMs)}</Fact>
        <Fact name="Time to first instruction">
          {job.measured.startMs === null ? (
            <Unknown reason="It has not begun to run." />
          ) : (
            durationText(job.measured.startMs)
          )}
        </Fact>
        <Fact name="Processor time">
          {job.measured.cpuMs === null ? <Unknown reason={NOT_TOLD} /> : durationText(job.measured.cpuMs)}
        </Fact>
        {job.measured.throttledPercentNow !== null && job.state !== 'ended' && (
          <Fact name="Held back">{percentText(job.measured.throttledPercentNow)} of its time</Fact>
        )}
        <Fact name="Restarts">
          {job.restartsMax === 0 ? 'none allowed' : `${job.restartsDone} of at most ${job.restartsMax}`}
        </Fact>
        {health !== null && job.state !== 'ended' && (
          <Fact name="Health">
            <Tag tone={health.tone}>{health.text}</Tag>
          </Fact>
        )}
        <Fact name="Network">{job.network === 'none' ? 'none' : 'out through an exit'}</Fact>
        {container && <Fact name="Ports">{job.ports.length === 0 ? 'none' : job.ports.join(', ')}</Fact>}
        <Fact name="Work folder">at most {bytesText(job.promised.scratchBytesMax)}</Fact>
        <Fact name="Job id">
          <code>{job.id}</code>
        </Fact>
        <Fact name={`SHA-256 of the ${container ? 'image' : 'program'}`}>
          <ShortHash value={job.moduleSha256} what={`the SHA-256 of the ${container ? 'image' : 'program'}`} />
        </Fact>
      </Facts>
    </Panel>
  );
};

/** One job: how it is, what it gets, what it writes, where it has been. */
export const JobDetail = ({ id }: { id: string }) => {
  const node = useNodeAccess();
  const jobs = useNode((state) => state.jobs);
  const job = jobs?.find((entry) => entry.id === id);
  const [error, setError] = useState<CallError | null>(null);
  // A link may lead to a job that is older than the list.
  const missing = job === undefined && jobs !== null;
  useEffect(() => {
    if (!missing) return;
    let stale = false;
    void node.ask('job:get', { id }).then((reply) => {
      if (stale) return;
      if (reply.ok) node.store.setState({ jobs: withJob(node.store.getState().jobs, reply.value) });
      else setError(reply.error);
    });
    return () => {
      stale = true;
    };
  }, [node, id, missing]);

  const back = (
    <Button component="a" href={hrefOf('jobs')} variant="default">
      Back to jobs
    </Button>
  );
  if (job === undefined) {
    return (
      <>
        <PageHeader title="Job" actions={back} />
        {error === null ? <Loading what="the job" /> : <ErrorNote error={error} />}
      </>
    );
  }
  const state = stateOf(job);
  return (
    <>
      <PageHeader
        title={job.name}
        actions={
          <>
            {back}
            <JobActions job={job} />
          </>
        }
      >
        <Tag tone={state.tone}>{state.text}</Tag> {whereText(job)}
      </PageHeader>
      <Notes job={job} />
      <JobCompare job={job} />
      <JobLogs job={job} />
      <JobFiles job={job} />
      <JobCopies job={job} all={jobs ?? []} />
      <JobMoves job={job} />
      <Details job={job} />
    </>
  );
};
