import type { JobKind, JobView, Priority, SchedulerAim } from '../../../preload/contract/index.ts';
import { percentText } from '../../components/quantity.ts';
import { durationText } from '../../components/time-text.ts';
import { resultOf, type Tone } from './job-end.ts';

const KINDS: Record<JobKind, string> = {
  wasm: 'WebAssembly',
  javascript: 'JavaScript',
  python: 'Python',
  container: 'Container',
};
export const kindName = (kind: JobKind): string => KINDS[kind];

/** What runs: `JavaScript`, or the image that it runs in. */
export const programText = (job: JobView): string => (job.image === '' ? kindName(job.kind) : job.image);

const STATES: Record<Exclude<JobView['state'], 'ended'>, { text: string; tone: Tone }> = {
  queued: { text: 'Waiting', tone: 'neutral' },
  preparing: { text: 'Getting ready', tone: 'neutral' },
  starting: { text: 'Starting', tone: 'neutral' },
  running: { text: 'Running', tone: 'accent' },
  frozen: { text: 'Standing still', tone: 'warning' },
  moving: { text: 'Moving', tone: 'warning' },
};
/** State in one or two words, with the tone of its tag. */
export const stateOf = (job: JobView): { text: string; tone: Tone } =>
  job.state === 'ended' ? resultOf(job.end) : STATES[job.state];

/** Full bar of a processor share: whole cores, as many as were promised. */
export const coresScale = (percent: number): number => Math.max(100, Math.ceil(percent / 100) * 100);
/** `30 % of a core`, `2.5 cores`. */
export const shareText = (percent: number): string =>
  percent <= 100 ? `${percentText(percent)} of a core` : `${Number((percent / 100).toFixed(2))} cores`;

/** How long it has run, or ran. Null before it started. */
export const ranText = (job: JobView, nowMs: number): string | null =>
  job.startedAtMs === null ? null : durationText((job.endedAtMs ?? nowMs) - job.startedAtMs);

/** The other side of a job: what the owner calls it, the end of its id, or that nothing of it is kept. */
const otherOf = (job: JobView): string =>
  job.peerName !== '' ? job.peerName : job.peerId === null ? 'somebody unnamed' : `…${job.peerId.slice(-8)}`;

/** Where it runs and for whom: `here`, `here, for attic`, `on attic`. */
export const whereText = (job: JobView): string => {
  switch (job.side) {
    case 'own':
      return 'here';
    case 'lent':
      return `here, for ${otherOf(job)}`;
    case 'sent':
      return job.peerId === null && job.peerName === '' ? 'elsewhere' : `on ${otherOf(job)}`;
  }
};

const PRIORITIES: Record<Priority, string> = { low: 'Low', normal: 'Normal', high: 'High' };
export const priorityText = (priority: Priority): string => PRIORITIES[priority];

/** `usually about 3 min, at most 5 min`; empty where nothing was learned yet. */
export const estimateText = ({ estimate }: JobView): string =>
  estimate === null
    ? ''
    : `usually about ${durationText(roundMs(estimate.ms))}${
        estimate.highMs > estimate.ms * 1.3 ? `, seldom more than ${durationText(roundMs(estimate.highMs))}` : ''
      }`;
/** An estimate has no seconds in its hours: two digits are what it is worth. */
const roundMs = (ms: number): number => {
  const unit = ms >= 3_600_000 ? 600_000 : ms >= 600_000 ? 60_000 : ms >= 60_000 ? 10_000 : ms >= 1_000 ? 1_000 : 1;
  return Math.max(unit, Math.round(ms / unit) * unit);
};

/** `number 3 in line`; empty where it does not wait. */
export const queueText = (job: JobView): string =>
  job.queuePosition === null ? '' : job.queuePosition === 1 ? 'next in line' : `number ${job.queuePosition} in line`;

const HEALTH: Record<Exclude<JobView['health'], 'none'>, { text: string; tone: Tone }> = {
  starting: { text: 'not asked yet', tone: 'neutral' },
  healthy: { text: 'healthy', tone: 'accent' },
  failing: { text: 'failing', tone: 'problem' },
};
export const healthOf = (health: JobView['health']): { text: string; tone: Tone } | null =>
  health === 'none' ? null : HEALTH[health];

export const AIMS: readonly { aim: SchedulerAim; label: string; sentence: string }[] = [
  { aim: 'balanced', label: 'Balanced', sentence: 'A little of each: nobody waits long, and little stays unused.' },
  { aim: 'speed', label: 'Speed', sentence: 'Each job gets as much as it can use, so that it is done soon.' },
  {
    aim: 'throughput',
    label: 'Throughput',
    sentence: 'As many jobs as possible are done in an hour, short ones first.',
  },
  {
    aim: 'efficiency',
    label: 'Efficiency',
    sentence: 'Jobs are packed close together, so that the rest of the machine can rest.',
  },
];

/**
 * Splits what was typed into arguments as a shell does: spaces part, quotes keep together, a backslash takes the next
 * character as it is. No variables, no wildcards.
 */
export const splitArgs = (text: string): string[] => {
  const args: string[] = [];
  let current: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '\\' && quote !== "'" && at + 1 < text.length) {
      at += 1;
      current = (current ?? '') + text[at];
    } else if (quote !== null) {
      if (character === quote) quote = null;
      else current = (current ?? '') + character;
    } else if (character === '"' || character === "'") {
      quote = character;
      current ??= '';
    } else if (/\s/.test(character)) {
      if (current !== null) args.push(current);
      current = null;
    } else current = (current ?? '') + character;
  }
  if (current !== null) args.push(current);
  return args;
};

/** WebAssembly by its magic number, else a script by its name; null for anything else. */
export const kindOfFile = (name: string, head: Uint8Array): Exclude<JobKind, 'container'> | null => {
  if (head[0] === 0x00 && head[1] === 0x61 && head[2] === 0x73 && head[3] === 0x6d) return 'wasm';
  if (/\.(m?js|cjs)$/i.test(name)) return 'javascript';
  if (/\.py$/i.test(name)) return 'python';
  return null;
};
