import { type ReactNode, useMemo } from 'react';
import type { JobView } from '../../../preload/contract/index.ts';
import { Bar, Panel } from '../../components/layout.tsx';
import { MeterChart } from '../../components/meter-chart.tsx';
import { bytesText, percentText, rateText } from '../../components/quantity.ts';
import { durationText } from '../../components/time-text.ts';
import { Unknown } from '../../components/unknown.tsx';
import { coresScale, ranText, shareText } from './job-text.ts';
import { type JobPoint, useJobHistory } from './use-job-history.ts';

/** The charts begin with this many seconds and grow to the whole history. */
const SHORTEST_S = 60;

const NOT_YET = 'Nothing has been measured yet.';
const NOT_TOLD = 'This system does not tell how much the program used, or it ended before the first measurement.';
const NO_DISK = 'This system does not tell what a program reads and writes, or nothing has been measured yet.';

const GOVERNORS: Record<JobView['governor'], string> = {
  cgroup: 'by the kernel (cgroup)',
  'duty-cycle': 'by stopping and continuing it',
  engine: 'by the container engine',
  none: 'not held on this system',
};

const Chart = ({
  points,
  pick,
  max,
  limit = null,
  text,
}: {
  points: readonly JobPoint[];
  pick(point: JobPoint): number | null;
  max: number | null;
  limit?: number | null;
  text: string;
}) => {
  const series = useMemo(
    () => ({ atS: points.map(({ atS }) => atS), whole: points.map(() => null), part: points.map(pick) }),
    // What is picked of a point is the same for each chart as long as it lives.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
    [points],
  );
  const first = points[0]?.atS ?? 0;
  const last = points.at(-1)?.atS ?? 0;
  if (points.length < 2) return null;
  return (
    <MeterChart series={series} text={text} max={max} limit={limit} windowS={Math.max(SHORTEST_S, last - first)} />
  );
};

const Item = ({
  name,
  value,
  bar,
  chart,
  children,
}: {
  name: string;
  value: ReactNode;
  bar?: ReactNode;
  chart?: ReactNode;
  children: ReactNode;
}) => (
  <section className="hm-compare-item" aria-label={name}>
    <span className="hm-dim hm-small">{name}</span>
    <strong>{value}</strong>
    {bar}
    <span className="hm-dim hm-small">{children}</span>
    {chart}
  </section>
);

const Processor = ({ job, points }: { job: JobView; points: readonly JobPoint[] }) => {
  const { promised, measured } = job;
  const ended = job.state === 'ended';
  const cpu = ended ? measured.cpuPercentMean : (measured.cpuPercentNow ?? measured.cpuPercentMean);
  const scale = coresScale(promised.cpuPercent);
  const lowered = !ended && job.effectiveCpuPercent < promised.cpuPercent;
  return (
    <Item
      name={`Processor${ended ? ', on average' : ', now'}`}
      value={cpu === null ? <Unknown word="not measured" reason={ended ? NOT_TOLD : NOT_YET} /> : shareText(cpu)}
      bar={<Bar percent={((cpu ?? 0) / scale) * 100} mark={(promised.cpuPercent / scale) * 100} />}
      chart={
        ended ? undefined : (
          <Chart
            points={points}
            pick={(point) => point.cpuPercent}
            max={scale}
            limit={job.effectiveCpuPercent}
            text={`Processor share over the last minutes, ${cpu === null ? 'not measured now' : `${shareText(cpu)} now`}, at most ${shareText(job.effectiveCpuPercent)}`}
          />
        )
      }
    >
      promised {shareText(promised.cpuPercent)}
      {lowered && `, may take ${shareText(job.effectiveCpuPercent)} at the present level`}
      {!ended && measured.cpuPercentMean !== null && `; ${shareText(measured.cpuPercentMean)} on average`}
      {!ended &&
        measured.throttledPercentNow !== null &&
        measured.throttledPercentNow >= 1 &&
        `; held back ${percentText(measured.throttledPercentNow)} of its time`}
    </Item>
  );
};

const Memory = ({ job, points }: { job: JobView; points: readonly JobPoint[] }) => {
  const { promised, measured } = job;
  const ended = job.state === 'ended';
  const now = ended ? null : measured.memoryBytesNow;
  const shown = now ?? measured.memoryBytesPeak;
  return (
    <Item
      name={now === null ? 'Memory, most at once' : 'Memory, now'}
      value={shown === null ? <Unknown word="not measured" reason={ended ? NOT_TOLD : NOT_YET} /> : bytesText(shown)}
      bar={<Bar percent={((shown ?? 0) / promised.memoryBytes) * 100} />}
      chart={
        ended ? undefined : (
          <Chart
            points={points}
            pick={(point) => point.memoryBytes}
            max={promised.memoryBytes}
            text={`Memory over the last minutes, ${now === null ? 'not measured now' : `${bytesText(now)} now`}, at most ${bytesText(promised.memoryBytes)}`}
          />
        )
      }
    >
      promised {bytesText(promised.memoryBytes)}
      {now !== null && measured.memoryBytesPeak !== null && `; ${bytesText(measured.memoryBytesPeak)} at most so far`}
    </Item>
  );
};

const Disk = ({ job, points }: { job: JobView; points: readonly JobPoint[] }) => {
  const { readBytes, writtenBytes } = job.measured;
  const none = readBytes === null && writtenBytes === null;
  return (
    <Item
      name="Disk, written"
      value={writtenBytes === null ? <Unknown word="not measured" reason={NO_DISK} /> : bytesText(writtenBytes)}
      chart={
        none || job.state === 'ended' ? undefined : (
          <Chart
            points={points}
            pick={(point) => point.diskBytesPerSecond}
            max={null}
            text={`Disk over the last minutes, ${rateText(points.at(-1)?.diskBytesPerSecond ?? 0)} now`}
          />
        )
      }
    >
      {readBytes !== null && `${bytesText(readBytes)} read; `}
      {job.promised.scratchBytesMax === 0
        ? 'it has no work folder'
        : `work folder of at most ${bytesText(job.promised.scratchBytesMax)}`}
    </Item>
  );
};

const Traffic = ({ job, points }: { job: JobView; points: readonly JobPoint[] }) => {
  const { sentBytes, receivedBytes } = job.measured;
  const carried = sentBytes + receivedBytes;
  return (
    <Item
      name="Traffic"
      value={bytesText(carried)}
      chart={
        carried === 0 || job.state === 'ended' ? undefined : (
          <Chart
            points={points}
            pick={(point) => point.trafficBytesPerSecond}
            max={null}
            text={`Traffic over the last minutes, ${rateText(points.at(-1)?.trafficBytesPerSecond ?? 0)} now`}
          />
        )
      }
    >
      {carried > 0 && `${bytesText(sentBytes)} sent, ${bytesText(receivedBytes)} received; `}
      {job.network === 'none' ? 'it has no network' : 'by the exit of the node it runs on'}
    </Item>
  );
};

/** What was promised to a job beside what it takes, as numbers, bars and the last minutes. */
export const JobCompare = ({ job }: { job: JobView }) => {
  const points = useJobHistory(job.id);
  const { promised, measured } = job;
  const ran = ranText(job, Date.now());
  return (
    <Panel title="Promised and measured" hint={`Its processor share is held ${GOVERNORS[job.governor]}.`}>
      <div className="hm-compare">
        <Processor job={job} points={points} />
        <Memory job={job} points={points} />
        <Item
          name="Run time"
          value={ran ?? 'not started'}
          bar={
            <Bar
              percent={
                job.startedAtMs === null
                  ? 0
                  : (((job.endedAtMs ?? Date.now()) - job.startedAtMs) / promised.timeMsMax) * 100
              }
            />
          }
        >
          at most {durationText(promised.timeMsMax)}
        </Item>
        {promised.pidsMax !== null && (
          <Item
            name="Processes"
            value={
              measured.pids === null ? (
                <Unknown word="not measured" reason={job.state === 'ended' ? 'It has ended.' : NOT_YET} />
              ) : (
                measured.pids
              )
            }
            bar={<Bar percent={((measured.pids ?? 0) / promised.pidsMax) * 100} />}
          >
            at most {promised.pidsMax}
          </Item>
        )}
        <Disk job={job} points={points} />
        <Traffic job={job} points={points} />
      </div>
    </Panel>
  );
};
