import { memo } from 'react';
import type { JobView } from '../../../preload/contract/index.ts';
import { Bar, Tag } from '../../components/layout.tsx';
import { bytesText, percentText } from '../../components/quantity.ts';
import { sentence, Unknown } from '../../components/unknown.tsx';
import { hrefOf } from '../../state/route.ts';
import {
  coresScale,
  estimateText,
  programText,
  queueText,
  ranText,
  shareText,
  stateOf,
  whereText,
} from './job-text.ts';
import './jobs.css';

const notMeasured = (job: JobView): string =>
  job.state === 'ended'
    ? 'It ended before the first measurement, or this system does not tell how much a program uses.'
    : 'Nothing has been measured yet, or this system does not tell how much a program uses.';

/** `50 % of a core, promised 50 %`, `1.9 of 2.5 cores`. */
const Share = ({ cpu, promised }: { cpu: number; promised: number }) =>
  promised <= 100 ? (
    <>
      {percentText(cpu)} of a core<span className="hm-dim">{`, promised ${promised}\u00a0%`}</span>
    </>
  ) : (
    <>
      {Number((cpu / 100).toFixed(2))}
      <span className="hm-dim"> of {shareText(promised)}</span>
    </>
  );

const Use = ({ job }: { job: JobView }) => {
  const ended = job.state === 'ended';
  const cpu = ended ? job.measured.cpuPercentMean : job.measured.cpuPercentNow;
  const memory = ended ? job.measured.memoryBytesPeak : (job.measured.memoryBytesNow ?? job.measured.memoryBytesPeak);
  const { cpuPercent, memoryBytes } = job.promised;
  const scale = coresScale(cpuPercent);
  return (
    <>
      <div className="hm-job-use">
        <span className="hm-small">
          {cpu === null ? (
            <>
              <Unknown word="not measured" reason={notMeasured(job)} />
              <span className="hm-dim">, promised {shareText(cpuPercent)}</span>
            </>
          ) : (
            <Share cpu={cpu} promised={cpuPercent} />
          )}
        </span>
        <Bar percent={((cpu ?? 0) / scale) * 100} mark={(cpuPercent / scale) * 100} />
      </div>
      <div className="hm-job-use hm-job-memory">
        <span className="hm-small">
          {memory === null ? <Unknown word="not measured" reason={notMeasured(job)} /> : bytesText(memory)}
          <span className="hm-dim"> of {bytesText(memoryBytes)}</span>
        </span>
        <Bar percent={((memory ?? 0) / memoryBytes) * 100} />
      </div>
    </>
  );
};

/** Instead of its use, why a job does not run yet. */
const Waits = ({ job }: { job: JobView }) => {
  const words = [queueText(job), job.stateReason, estimateText(job)]
    .filter((part) => part !== '')
    .map(sentence)
    .join(' ');
  return (
    <p className="hm-small hm-dim hm-job-waits" title={words}>
      {words === '' ? 'It begins in a moment.' : words}
    </p>
  );
};

/** One job in a list: what it is, where and for whom, how it is, promised beside measured. Drawn anew only when it changed. */
export const JobLine = memo(({ job, cost = null }: { job: JobView; cost?: string | null }) => {
  const state = stateOf(job);
  const ran = ranText(job, Date.now());
  const waits = job.state === 'queued' || job.state === 'preparing' || job.state === 'starting';
  return (
    <div className="hm-job">
      <div className="hm-job-name">
        <a href={hrefOf('jobs', job.id)} title={job.name}>
          {job.name}
        </a>
        <span className="hm-small hm-dim hm-job-about" title={programText(job)}>
          {programText(job)}
          {ran !== null && `, ${job.state === 'ended' ? 'ran' : 'running'} ${ran}`}
        </span>
      </div>
      <div className="hm-job-where hm-small">
        <span className="hm-job-about">{whereText(job)}</span>
        {(job.priority !== 'normal' || cost !== null) && (
          <span className="hm-dim hm-job-about">
            {[job.priority === 'normal' ? '' : `${job.priority} priority`, cost ?? '']
              .filter((part) => part !== '')
              .join(', ')}
          </span>
        )}
      </div>
      <div className="hm-job-state">
        <Tag tone={state.tone}>{state.text}</Tag>
        {job.health === 'failing' && <Tag tone="problem">unhealthy</Tag>}
      </div>
      {waits ? <Waits job={job} /> : <Use job={job} />}
    </div>
  );
});
JobLine.displayName = 'JobLine';
