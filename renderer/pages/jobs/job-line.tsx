import type { JobView } from '../../../preload/contract/index.ts';
import { Bar, Tag } from '../../components/layout.tsx';
import { bytesText, percentText } from '../../components/quantity.ts';
import { Unknown } from '../../components/unknown.tsx';
import { hrefOf } from '../../state/route.ts';
import { ranText, stateOf } from './job-text.ts';
import './jobs.css';

const notMeasured = (job: JobView): string =>
  job.state === 'ended'
    ? 'It ended before the first measurement, or this system does not tell how much a program uses.'
    : 'Nothing has been measured yet, or this system does not tell how much a program uses.';

/** One job in a list: what it is, how it is, promised beside measured. */
export const JobLine = ({ job }: { job: JobView }) => {
  const state = stateOf(job);
  const cpu = job.state === 'ended' ? job.measured.cpuPercentMean : job.measured.cpuPercentNow;
  const ran = ranText(job, Date.now());
  return (
    <div className="hm-job">
      <div className="hm-job-name">
        <a href={hrefOf('jobs', job.id)}>{job.name}</a>
        <span className="hm-small hm-dim">
          {job.kind === 'wasm' ? 'WebAssembly' : 'JavaScript'}
          {ran !== null && `, ${job.state === 'ended' ? 'ran' : 'running'} ${ran}`}
        </span>
      </div>
      <Tag tone={state.tone}>{state.text}</Tag>
      <div className="hm-job-use">
        <span className="hm-small">
          {cpu === null ? <Unknown word="not measured" reason={notMeasured(job)} /> : `${percentText(cpu)} of a core`}
          <span className="hm-dim">, promised {job.promised.cpuPercent} %</span>
        </span>
        <Bar percent={cpu ?? 0} mark={job.promised.cpuPercent} />
      </div>
      <div className="hm-job-memory hm-small">
        {job.measured.memoryBytesPeak === null ? (
          <Unknown word="not measured" reason={notMeasured(job)} />
        ) : (
          bytesText(job.measured.memoryBytesPeak)
        )}
        <span className="hm-dim"> of {bytesText(job.promised.memoryBytes)}</span>
      </div>
    </div>
  );
};
