import type { Level, ResourcePromise } from '../../../preload/contract/index.ts';
import { Bar } from '../../components/layout.tsx';
import { amountText, bytesText } from '../../components/quantity.ts';
import { durationText } from '../../components/time-text.ts';
import { sentence } from '../../components/unknown.tsx';
import { useNode } from '../../state/node-context.tsx';
import { cpuPercentOf, isContainer, type JobDraft } from './job-draft.ts';

const MIB = 1024 * 1024;

/** What is free of one resource beside what the job wants; `null` where nobody knows how much there is. */
interface Fit {
  name: string;
  wanted: number;
  lendable: number;
  promised: number;
  unit: ResourcePromise['unit'];
}
const fitOf = (name: string, wanted: number, promise: ResourcePromise | undefined): Fit | null =>
  promise === undefined || promise.lendable === null
    ? null
    : { name, wanted, lendable: promise.lendable, promised: promise.promised, unit: promise.unit };
const fits = ({ wanted, lendable, promised }: Fit): boolean => promised + wanted <= lendable;

const FitRow = ({ fit }: { fit: Fit }) => (
  <div className="hm-compare-item">
    <span className="hm-dim hm-small">{fit.name}</span>
    <strong>{amountText(fit.wanted, fit.unit)}</strong>
    <Bar
      percent={fit.lendable === 0 ? 100 : ((fit.promised + fit.wanted) / fit.lendable) * 100}
      mark={fit.lendable === 0 ? undefined : (fit.promised / fit.lendable) * 100}
      tone={fits(fit) ? 'accent' : 'warning'}
    />
    <span className="hm-dim hm-small">
      {amountText(fit.promised, fit.unit)} of {amountText(fit.lendable, fit.unit)} is promised already
    </span>
  </div>
);

const verdictOf = (draft: JobDraft, short: readonly Fit[], cpuLevel: Level | undefined): string => {
  if (short.length === 0) return 'There is room for it now.';
  const names = short.map(({ name }) => name.toLowerCase()).join(' and ');
  const why = cpuLevel !== undefined && cpuLevel.percent === 0 ? ` ${sentence(cpuLevel.reason)}` : '';
  return draft.queue
    ? `There is not enough ${names} for it now, so it will wait in the queue.${why}`
    : `There is not enough ${names} for it now, so it will be refused. Ask for less, or let it wait for room.${why}`;
};

/** What the job will be given, in words, and whether there is room for it here. */
export const StartPreview = ({ draft, threads }: { draft: JobDraft; threads: number }) => {
  const promises = useNode((state) => state.promises);
  const levels = useNode((state) => state.levels);
  const cpuPercent = cpuPercentOf(draft, threads);
  const memoryBytes = Number(draft.memoryMib) * MIB;
  const all = [
    fitOf(
      'Processor',
      cpuPercent * 10,
      promises?.find(({ resource }) => resource === 'cpu'),
    ),
    fitOf(
      'Memory',
      memoryBytes,
      promises?.find(({ resource }) => resource === 'memory'),
    ),
    ...(isContainer(draft)
      ? [
          fitOf(
            'Containers',
            1,
            promises?.find(({ resource }) => resource === 'container'),
          ),
        ]
      : []),
  ].filter((fit) => fit !== null);
  const cores = cpuPercent <= 100 ? `${cpuPercent} % of a core` : `${Number((cpuPercent / 100).toFixed(2))} cores`;
  const network = isContainer(draft) && draft.network === 'exit' ? 'a way out through the exit' : 'no network';
  return (
    <div className="hm-stack">
      <p>
        It is promised <strong>{cores}</strong> and <strong>{bytesText(memoryBytes)}</strong> of memory, for at most{' '}
        <strong>{durationText(Number(draft.timeMsMax))}</strong>, with a work folder of{' '}
        {bytesText(Number(draft.scratchMib) * MIB)} and {network}.
      </p>
      {draft.where === 'here' && all.length > 0 && (
        <>
          <div className="hm-compare">
            {all.map((fit) => (
              <FitRow key={fit.name} fit={fit} />
            ))}
          </div>
          <p role="status">
            {verdictOf(
              draft,
              all.filter((fit) => !fits(fit)),
              levels?.find(({ resource }) => resource === 'cpu'),
            )}
          </p>
        </>
      )}
      {draft.where !== 'here' && (
        <p>
          {Number(draft.copies) > 1
            ? `It runs ${draft.copies} times, on nodes of different owners, each on a lease of its own; the result counts once ${draft.quorum} of them agree.`
            : 'It runs on a lease that is taken for it and ends with it.'}{' '}
          {Number(draft.price.replace(',', '.')) === 0
            ? 'It costs nothing.'
            : `A lease costs at most ${draft.price} CAES per ${isContainer(draft) ? 'container' : 'core'} and hour.`}
        </p>
      )}
    </div>
  );
};
