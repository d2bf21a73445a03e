import type { Call, ProofEntry, ProofVerdict, ProvenCapacity, ResponseOf } from '../../../preload/contract/index.ts';
import { type Style, formatFields, formatTable, printable, wrap } from './table.ts';
import { asAside, formatBytes, formatDuration, formatShort, formatTime, withLocalTimes } from './units.ts';

type ProofCall = Extract<Call, `proof:${string}`>;

const text = (value: string): string => withLocalTimes(printable(value));
/** A rate has a dozen digits, of which three say something. */
const SCALES = [
  [1e12, 'trillion '],
  [1e9, 'billion '],
  [1e6, 'million '],
] as const;

/** `1.24 billion multiplications/s` or `64 MiB`. */
export const formatProven = ({ value, unit }: ProvenCapacity): string => {
  if (unit === 'bytes') return formatBytes(value);
  const scale = SCALES.find(([least]) => value >= least);
  return `${scale === undefined ? value : (value / scale[0]).toPrecision(3)} ${scale?.[1] ?? ''}multiplications/s`;
};
/** The same for a column. */
const shortProven = ({ value, unit }: ProvenCapacity): string => {
  if (unit === 'bytes') return formatBytes(value);
  const scale = SCALES.find(([least]) => value >= least);
  return `${scale === undefined ? value : (value / scale[0]).toPrecision(3)}${scale?.[1].charAt(0).toUpperCase() ?? ''}/s`;
};

const markWord = (status: ResponseOf<'proof:assets'>[number]['marks'][number]['status'], style: Style): string => {
  switch (status) {
    case 'passed':
      return style.good('passed');
    case 'stale':
      return style.careful('stale');
    case 'failed':
      return style.bad('failed');
    default:
      return style.faint('none');
  }
};

/** `4 min ago`, or when it was where the clock has been set since. */
const age = (atMs: number, style: Style): string => {
  const ms = style.nowMs - atMs;
  return ms < 0 ? formatTime(atMs) : `${formatDuration(ms)} ago`;
};

const viewAssets = (assets: ResponseOf<'proof:assets'>, style: Style): string => {
  if (assets.length === 0) return 'This node has no assets.\n';
  const table = formatTable(
    [
      { title: 'RESOURCE' },
      { title: 'WHERE' },
      { title: 'WHO' },
      { title: 'WHAT' },
      { title: 'WHEN' },
      { title: 'PROVEN', right: true },
      { title: 'MADE' },
      { title: 'LABEL', shrinksTo: 12 },
    ],
    assets.map(({ resource, label, present, marks, proven }) => [
      resource,
      ...marks.map(({ status }) => markWord(status, style)),
      formatShort(proven, shortProven),
      marks[0]?.checkedAtMs == null ? '' : age(marks[0].checkedAtMs, style),
      present ? text(label) : style.faint(`${text(label)} (not there)`),
    ]),
    style,
  );
  // The same sentence stands for many marks: it is said once, with the resources that it is about.
  const reasons = new Map<string, Set<string>>();
  for (const { resource, marks } of assets)
    for (const { status, kind, reason } of marks)
      if (status !== 'passed') {
        const about = reasons.get(reason) ?? new Set();
        about.add(marks.every((mark) => mark.reason === reason) ? resource : `${resource} ${kind}`);
        reasons.set(reason, about);
      }
  return (
    table +
    [...reasons]
      .map(
        ([reason, about]) => `${wrap(`${style.careful([...about].join(', '))}: ${text(reason)}`, style.columns, 2)}\n`,
      )
      .join('')
  );
};

const STEPS: Readonly<Record<NonNullable<ResponseOf<'proof:state'>['current']>['step'], string>> = {
  plot: 'plotting space',
  space: 'proof of space',
  work: 'proof of work',
  time: 'proof of time',
  stake: 'signing',
  check: 'checking',
  block: 'writing the block',
};
/** `proof of work, 40 %` */
export const formatStep = ({ step, progressPercent }: NonNullable<ResponseOf<'proof:state'>['current']>): string =>
  `${STEPS[step]}, ${Math.floor(progressPercent)} %`;

const viewState = (state: ResponseOf<'proof:state'>, style: Style): string =>
  formatFields(
    [
      ['Prover', `${state.status}: ${text(state.reason)}`],
      ...(state.current === null
        ? []
        : ([
            ['Now', `${state.current.asset}: ${formatStep(state.current)}`],
            ['Since', formatTime(state.current.startedAtMs)],
          ] as const)),
      ['Waiting', state.queue.length === 0 ? 'nothing' : String(state.queue.length)],
      ['Space', `${formatBytes(state.plot.plottedBytes)} of ${formatBytes(state.plot.wantedBytes)} plotted`],
    ],
    style,
  );

const viewList = (entries: readonly ProofEntry[], style: Style): string =>
  entries.length === 0
    ? 'No proof was made yet.\n'
    : formatTable(
        [
          { title: 'MADE' },
          { title: 'RESULT' },
          { title: 'FOR' },
          { title: 'WHY' },
          { title: 'TOOK', right: true },
          { title: 'BLOCK', right: true },
          { title: 'PROVEN', right: true },
          { title: 'ASSET', shrinksTo: 20 },
          { title: 'PROOF' },
        ],
        entries.map((entry) => [
          formatTime(entry.madeAtMs),
          entry.verdict.passed ? style.good('passed') : style.bad('failed'),
          text(entry.purpose),
          entry.cause,
          formatDuration(entry.tookMs),
          entry.height === null ? '' : String(entry.height),
          formatShort(entry.capacity, shortProven),
          entry.asset,
          entry.id,
        ]),
        style,
      );

/** What a verifier said, proof by proof. */
export const viewVerdict = (verdict: ProofVerdict, style: Style): string => {
  const head = formatFields(
    [
      ['Proof', verdict.combined],
      ['Asset', text(verdict.asset)],
      ['Node', text(verdict.node)],
      ['Purpose', text(verdict.purpose)],
      ['Asked', formatTime(verdict.issuedAtMs)],
      ['Finished', formatTime(verdict.finishedAtMs)],
    ],
    style,
  );
  const checks = verdict.checks
    .map(({ kind, passed, code, reason }) => {
      const word = passed ? style.good('passed') : style.bad('failed');
      return `${word}  ${wrap(`${style.bold(kind)}: ${text(reason)}${code === null ? '' : ` (${code})`}`, style.columns, 8)}\n`;
    })
    .join('');
  const notes = verdict.notes.map((note) => `${style.faint(wrap(text(note), style.columns, 0))}\n`).join('');
  const all = verdict.passed ? style.good('All that was asked for is proved.') : style.bad('This proof does not hold.');
  return `${head}\n${checks}\n${all}\n${notes}`;
};

const viewEntry = (entry: ProofEntry, style: Style): string =>
  `${viewVerdict(entry.verdict, style)}${formatFields(
    [
      ['Took', formatDuration(entry.tookMs)],
      ['Size', formatBytes(entry.sizeBytes)],
      [
        'Proven',
        entry.capacity.known
          ? `${formatProven(entry.capacity.value)} (${text(entry.capacity.value.label)})`
          : `nothing more: ${asAside(text(entry.capacity.reason))}`,
      ],
      ...(entry.height === null ? [] : ([['Block', String(entry.height)]] as const)),
    ],
    style,
  )}`;

const viewPlan = (plan: ResponseOf<'proof:getPlan'>, style: Style): string =>
  formatFields(
    [
      ['Automatic', plan.automatic ? 'yes' : 'no: only when asked for'],
      ['Every', `${plan.everyHours} h`],
      ['Space', `${formatBytes(plan.spaceBytes)}, part of what the storage level allows`],
    ],
    style,
  );

export const proofViews: { readonly [C in ProofCall]: (value: ResponseOf<C>, style: Style) => string } = {
  'proof:assets': viewAssets,
  'proof:state': viewState,
  'proof:list': viewList,
  'proof:make': viewEntry,
  'proof:cancel': viewState,
  'proof:file': ({ fileName, file }) => `${text(fileName)}, ${formatBytes(Buffer.byteLength(file, 'base64'))}\n`,
  'proof:verify': viewVerdict,
  'proof:getPlan': viewPlan,
  'proof:setPlan': viewPlan,
};
