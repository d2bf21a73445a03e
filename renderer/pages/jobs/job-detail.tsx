import { Button, Switch } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { CallError, JobView } from '../../../preload/contract/index.ts';
import { confirm } from '../../components/confirm.tsx';
import { ErrorNote, Note, showError } from '../../components/error-note.tsx';
import { Bar, Fact, Facts, Loading, PageHeader, Panel, Tag } from '../../components/layout.tsx';
import { bytesText, percentText } from '../../components/quantity.ts';
import { dateTimeText, durationText } from '../../components/time-text.ts';
import { Unknown } from '../../components/unknown.tsx';
import { useNode, useNodeAccess } from '../../state/node-context.tsx';
import { withJob } from '../../state/node-store.ts';
import { goTo, hrefOf } from '../../state/route.ts';
import { useJobOutput } from '../../state/use-job-output.ts';
import { endText, ranText, stateOf } from './job-text.ts';

const NOT_YET = 'Nothing has been measured yet.';
const NOT_TOLD = 'This system does not tell how much the program used, or it ended before the first measurement.';

const GOVERNORS: Record<JobView['governor'], string> = {
  cgroup: 'by the kernel (cgroup)',
  'duty-cycle': 'by stopping and continuing it',
  none: 'not held on this system',
};

const Output = ({ job }: { job: JobView }) => {
  const { lines, dropped, loaded } = useJobOutput(job.id);
  const [follow, setFollow] = useState(true);
  const box = useRef<HTMLDivElement>(null);
  // New lines are what moves the view.
  useEffect(() => {
    if (follow && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follow]);
  return (
    <Panel
      flush
      title="Output"
      hint={`${bytesText(job.measured.outputBytes)} of at most ${bytesText(job.promised.outputBytesMax)}${dropped > 0 ? `; the first ${dropped} lines are not shown here` : ''}`}
      actions={<Switch label="Follow" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} />}
    >
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrollable, so it must be reachable by keyboard */}
      <div className="hm-output" ref={box} role="log" aria-label="Output of the job" aria-live="off" tabIndex={0}>
        {lines.length === 0 ? (
          <p className="hm-output-line hm-dim">
            {loaded ? (job.state === 'ended' ? 'It wrote nothing.' : 'Nothing written yet.') : 'Reading …'}
          </p>
        ) : (
          lines.map((line) => (
            <div key={line.number} className="hm-output-line" data-stream={line.stream}>
              <span className="hm-output-number" aria-hidden="true">
                {line.number}
              </span>
              <span>
                {line.stream === 'stderr' && <span className="hm-sr">Error output: </span>}
                {line.text}
              </span>
            </div>
          ))
        )}
      </div>
    </Panel>
  );
};

const Compare = ({ job }: { job: JobView }) => {
  const { promised, measured } = job;
  const ended = job.state === 'ended';
  const cpu = ended ? measured.cpuPercentMean : (measured.cpuPercentNow ?? measured.cpuPercentMean);
  const why = ended ? NOT_TOLD : NOT_YET;
  return (
    <Panel title="Promised and measured" hint={`Its processor share is held ${GOVERNORS[job.governor]}.`}>
      <div className="hm-compare">
        <div className="hm-compare-item">
          <span className="hm-dim hm-small">Processor{ended ? ', on average' : ', now'}</span>
          <strong>{cpu === null ? <Unknown word="not measured" reason={why} /> : percentText(cpu)}</strong>
          <Bar percent={cpu ?? 0} mark={promised.cpuPercent} />
          <span className="hm-dim hm-small">
            promised {promised.cpuPercent} % of a core
            {!ended &&
              job.effectiveCpuPercent < promised.cpuPercent &&
              `, may take ${percentText(job.effectiveCpuPercent)} at the present level`}
            {!ended && measured.cpuPercentMean !== null && `; ${percentText(measured.cpuPercentMean)} on average`}
          </span>
        </div>
        <div className="hm-compare-item">
          <span className="hm-dim hm-small">Memory, most at once</span>
          <strong>
            {measured.memoryBytesPeak === null ? (
              <Unknown word="not measured" reason={why} />
            ) : (
              bytesText(measured.memoryBytesPeak)
            )}
          </strong>
          <Bar
            percent={measured.memoryBytesPeak === null ? 0 : (measured.memoryBytesPeak / promised.memoryBytes) * 100}
          />
          <span className="hm-dim hm-small">promised {bytesText(promised.memoryBytes)}</span>
        </div>
        <div className="hm-compare-item">
          <span className="hm-dim hm-small">Run time</span>
          <strong>{ranText(job, Date.now()) ?? 'not started'}</strong>
          <Bar
            percent={
              job.startedAtMs === null
                ? 0
                : (((job.endedAtMs ?? Date.now()) - job.startedAtMs) / promised.timeMsMax) * 100
            }
          />
          <span className="hm-dim hm-small">at most {durationText(promised.timeMsMax)}</span>
        </div>
      </div>
    </Panel>
  );
};

/** One job: how it is, what it gets, what it writes. */
export const JobDetail = ({ id }: { id: string }) => {
  const node = useNodeAccess();
  const job = useNode((state) => state.jobs?.find((entry) => entry.id === id));
  const loaded = useNode((state) => state.jobs !== null);
  const [error, setError] = useState<CallError | null>(null);
  const [busy, setBusy] = useState(false);
  // A link may lead to a job that is older than the list.
  const missing = job === undefined && loaded;
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
  const cancel = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('job:cancel', { id });
    setBusy(false);
    if (reply.ok) node.store.setState({ jobs: withJob(node.store.getState().jobs, reply.value) });
    else showError('The job was not cancelled', reply.error);
  };
  const remove = async (): Promise<void> => {
    setBusy(true);
    const reply = await node.ask('job:remove', { id });
    setBusy(false);
    if (!reply.ok) {
      showError('The job was not removed', reply.error);
      return;
    }
    goTo('jobs');
    node.store.setState({ jobs: (node.store.getState().jobs ?? []).filter((entry) => entry.id !== id) });
  };
  return (
    <>
      <PageHeader
        title={job.name}
        actions={
          <>
            {back}
            {job.state === 'ended' ? (
              <Button
                variant="default"
                loading={busy}
                onClick={() =>
                  confirm({
                    title: 'Remove this job?',
                    children: 'The job and its output are forgotten for good.',
                    confirmLabel: 'Remove',
                    onConfirm: () => void remove(),
                  })
                }
              >
                Remove
              </Button>
            ) : (
              <Button variant="default" className="hm-stop" loading={busy} onClick={() => void cancel()}>
                Cancel job
              </Button>
            )}
          </>
        }
      >
        <Tag tone={state.tone}>{state.text}</Tag>
      </PageHeader>
      <div aria-live="polite" className="hm-live">
        {job.end !== null && (
          <Note>
            <p className="hm-break">{endText(job.end)}</p>
          </Note>
        )}
        {job.state === 'frozen' && (
          <Note tone="warning">
            <p>
              It stands still because nothing of the CPU is lent at the moment. It goes on by itself when the level
              rises; the time does not count.
            </p>
          </Note>
        )}
      </div>
      <Compare job={job} />
      <Output job={job} />
      <Panel title="Details">
        <Facts>
          <Fact name="Program">
            {job.kind === 'wasm' ? 'WebAssembly' : 'JavaScript'}, {bytesText(job.moduleBytes)}
          </Fact>
          <Fact name="Arguments">
            {job.args.length === 0
              ? 'none'
              : job.args.map((arg, index) => <code key={`${index} ${arg}`}>{arg === '' ? '""' : arg} </code>)}
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
          <Fact name="Scratch space">at most {bytesText(job.promised.scratchBytesMax)}</Fact>
          <Fact name="Job id">
            <code>{job.id}</code>
          </Fact>
          <Fact name="SHA-256 of the program">
            <code>{job.moduleSha256}</code>
          </Fact>
        </Facts>
      </Panel>
    </>
  );
};
