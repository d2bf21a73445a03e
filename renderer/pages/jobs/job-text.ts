import type { JobEnd, JobView } from '../../../preload/contract/index.ts';
import { durationText } from '../../components/time-text.ts';

/** Why a job ended, as one sentence for its owner. */
export const endText = (end: JobEnd): string => {
  switch (end.why) {
    case 'exited':
      return end.exitCode === 0
        ? 'Finished by itself (exit code 0).'
        : `The program ended itself with exit code ${end.exitCode}; its output says why.`;
    case 'crashed':
      return `The program failed: ${end.message}`;
    case 'cancelled':
      return 'You cancelled it.';
    case 'limit':
      return `It was ended because it reached its ${end.limit} limit: ${end.message}`;
    case 'owner':
      return `It was ended by the owner's limits: ${end.message}`;
    case 'lost':
      return `It was lost when the node went down: ${end.message}`;
  }
};

/** State in one or two words, with the tone of its tag. */
export const stateOf = (job: JobView): { text: string; tone: 'neutral' | 'accent' | 'warning' | 'problem' } => {
  switch (job.state) {
    case 'starting':
      return { text: 'Starting', tone: 'neutral' };
    case 'running':
      return { text: 'Running', tone: 'accent' };
    case 'frozen':
      return { text: 'Standing still', tone: 'warning' };
    case 'ended':
      if (job.end === null) return { text: 'Ended', tone: 'neutral' };
      switch (job.end.why) {
        case 'exited':
          return job.end.exitCode === 0
            ? { text: 'Finished', tone: 'neutral' }
            : { text: `Exit code ${job.end.exitCode}`, tone: 'problem' };
        case 'crashed':
          return { text: 'Failed', tone: 'problem' };
        case 'cancelled':
          return { text: 'Cancelled', tone: 'neutral' };
        case 'limit':
          return { text: 'Limit reached', tone: 'problem' };
        case 'owner':
          return { text: 'Ended by limits', tone: 'warning' };
        case 'lost':
          return { text: 'Lost', tone: 'problem' };
      }
  }
};

/** How long it has run, or ran. Null before it started. */
export const ranText = (job: JobView, nowMs: number): string | null =>
  job.startedAtMs === null ? null : durationText((job.endedAtMs ?? nowMs) - job.startedAtMs);

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

/** WebAssembly by its magic number, else JavaScript by its name; null for anything else. */
export const kindOfFile = (name: string, head: Uint8Array): 'wasm' | 'javascript' | null => {
  if (head[0] === 0x00 && head[1] === 0x61 && head[2] === 0x73 && head[3] === 0x6d) return 'wasm';
  if (/\.(m?js|cjs)$/i.test(name)) return 'javascript';
  return null;
};
