import type { JobView } from '../../../preload/contract/index.ts';
import { Panel, Tag } from '../../components/layout.tsx';
import { bytesText } from '../../components/quantity.ts';
import { ShortHash } from '../../components/short-hash.tsx';
import { dateTimeText, durationText } from '../../components/time-text.ts';
import { hrefOf } from '../../state/route.ts';

/** Where a job has been, and how long nobody answered each time. */
export const JobMoves = ({ job }: { job: JobView }) =>
  job.moves.length === 0 ? null : (
    <Panel
      title="Moves"
      hint={`${job.moves.length === 1 ? 'Once' : `${job.moves.length} times`}; the longest pause was ${durationText(Math.max(...job.moves.map(({ pauseMs }) => pauseMs)))}.`}
    >
      <ol className="hm-job-moves">
        {job.moves.map((move) => (
          <li key={`${move.atMs} ${move.to}`}>
            <time dateTime={new Date(move.atMs).toISOString()} className="hm-dim hm-small hm-number">
              {dateTimeText(move.atMs)}
            </time>
            <span>
              from <strong>{move.from}</strong> to <strong>{move.to}</strong>
            </span>
            <span className="hm-small hm-dim">
              paused for <span className="hm-number">{durationText(move.pauseMs)}</span>, {bytesText(move.movedBytes)}{' '}
              moved
            </span>
          </li>
        ))}
      </ol>
    </Panel>
  );

const VERDICTS = {
  waiting: { word: 'waiting for the others', tone: 'neutral' },
  agreed: { word: 'agreed', tone: 'accent' },
  split: { word: 'no agreement', tone: 'problem' },
} as const;

/** Other runs of the same job on other owners' nodes, and whether they came to the same result. */
export const JobCopies = ({ job, all }: { job: JobView; all: readonly JobView[] }) => {
  const { copies } = job;
  if (copies === null) return null;
  const verdict = VERDICTS[copies.verdict];
  return (
    <Panel
      title="Copies"
      hint={`${copies.jobs.length} runs on different owners’ nodes; ${copies.quorum} must give the same result.`}
    >
      <div className="hm-stack-tight">
        <p role="status">
          <Tag tone={verdict.tone}>{verdict.word}</Tag> {copies.sentence}
        </p>
        <ul className="hm-job-copies">
          {copies.jobs.map((id) => {
            const copy = all.find((other) => other.id === id);
            return (
              <li key={id}>
                {id === job.id ? <strong>this one</strong> : <a href={hrefOf('jobs', id)}>{copy?.name ?? id}</a>}{' '}
                <span className="hm-dim">
                  {copy === undefined || copy.peerName === '' ? '' : `on ${copy.peerName}`}
                </span>{' '}
                {copies.wrong.includes(id) && <Tag tone="problem">another result</Tag>}
              </li>
            );
          })}
        </ul>
        {copies.result !== null && (
          <p className="hm-small hm-dim">
            Result that counts: <ShortHash value={copies.result} what="the hash of the result" />
          </p>
        )}
      </div>
    </Panel>
  );
};
