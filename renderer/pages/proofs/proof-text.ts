import type {
  AssetProofs,
  ProofEntry,
  ProofKind,
  ProvenCapacity,
  ProverState,
} from '../../../preload/contract/index.ts';
import { bytesText, percentText } from '../../components/quantity.ts';

/** The question that each proof answers, its name, and what it shows, for readers who never heard of it. */
export const KINDS: Record<ProofKind, { question: string; name: string; shows: string }> = {
  space: { question: 'Where', name: 'Space', shows: 'Disk space is really set aside on this node.' },
  stake: { question: 'Who', name: 'Stake', shows: 'It was signed with this node’s own keys.' },
  work: { question: 'What', name: 'Work', shows: 'The machine really computed what was asked.' },
  time: { question: 'When', name: 'Time', shows: 'It was made then, and took that long.' },
};

export type MarkStatus = AssetProofs['marks'][number]['status'];
export const STATUSES: Record<MarkStatus, string> = {
  passed: 'Proved',
  failed: 'Failed',
  stale: 'Too old',
  none: 'Not proved',
};

export const CAUSES: Record<ProofEntry['cause'], string> = {
  registered: 'The asset was new',
  levelChanged: 'Its level had changed',
  inventoryChanged: 'The hardware had changed',
  schedule: 'By the schedule',
  asked: 'You asked for it',
};

type Step = NonNullable<ProverState['current']>['step'];
/** Steps in their order, as what is being done. */
export const STEPS: Record<Step, { short: string; doing: string }> = {
  plot: { short: 'Plot', doing: 'Filling the space that is set aside' },
  space: { short: 'Space', doing: 'Reading answers from the space' },
  work: { short: 'Work', doing: 'Computing' },
  time: { short: 'Time', doing: 'Running the chain of time' },
  stake: { short: 'Stake', doing: 'Signing' },
  check: { short: 'Check', doing: 'Checking all four' },
  block: { short: 'Block', doing: 'Writing the block' },
};
export const STEP_ORDER = Object.keys(STEPS) as Step[];

/** Which step a proof is at and how far that is: `Step 3 of 7: Computing, 42 %`. */
export const stepText = ({ step, progressPercent }: { step: Step; progressPercent: number }): string =>
  `Step ${STEP_ORDER.indexOf(step) + 1} of ${STEP_ORDER.length}: ${STEPS[step].doing}, ${percentText(progressPercent)}`;

const POWERS = [
  { from: 1e12, word: 'trillion', sign: 'T' },
  { from: 1e9, word: 'billion', sign: 'G' },
  { from: 1e6, word: 'million', sign: 'M' },
  { from: 1e3, word: 'thousand', sign: 'k' },
] as const;

const threeDigits = (value: number): string => String(Number(value.toPrecision(3)));

/** What was proved, with its unit in full: `412 million multiplications per second`, `1.5 GiB`. */
export const capacityText = ({ value, unit }: Pick<ProvenCapacity, 'value' | 'unit'>): string => {
  if (unit === 'bytes') return bytesText(value);
  const power = POWERS.find(({ from }) => value >= from * 0.9995);
  return power === undefined
    ? `${threeDigits(value)} multiplications per second`
    : `${threeDigits(value / power.from)} ${power.word} multiplications per second`;
};

/** The same, short, for the scale of a chart: `400 M/s`, `1.5 GiB`. The chart says what is counted. */
export const capacityShortText = ({ value, unit }: Pick<ProvenCapacity, 'value' | 'unit'>): string => {
  if (unit === 'bytes') return bytesText(value);
  const power = POWERS.find(({ from }) => value >= from * 0.9995);
  return power === undefined ? `${threeDigits(value)} /s` : `${threeDigits(value / power.from)} ${power.sign}/s`;
};

/** What the scale of a chart counts. */
export const unitText = (unit: ProvenCapacity['unit']): string =>
  unit === 'bytes' ? 'proven space' : 'multiplications per second';
