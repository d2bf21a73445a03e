import type { JobEnd } from '../../../preload/contract/index.ts';

export type Tone = 'neutral' | 'accent' | 'warning' | 'problem';

const LIMITS: Record<Extract<JobEnd, { why: 'limit' }>['limit'], string> = {
  memory: 'Start it again with more memory, or let it take less at a time.',
  time: 'Start it again with a longer time, or with more of the processor.',
  output: 'Let it write less, or write into a file that is kept; the output may be raised to 16 MiB.',
  scratch: 'Start it again with a larger work folder, or let it remove what it no longer needs.',
  processes: 'Start it again with more processes, or let it start fewer at once.',
};

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
    case 'moved':
      return `It goes on elsewhere, on ${end.to}: ${end.message}`;
    case 'unhealthy':
      return `It did not answer its health check: ${end.message}`;
  }
};

/** What the owner can do about an end; empty where nothing is to be done. */
export const adviceOf = (end: JobEnd): string => {
  switch (end.why) {
    case 'exited':
      return end.exitCode === 0 ? '' : 'Read the last lines of its error output below.';
    case 'crashed':
      return 'Read the last lines of its error output below; the same program will fail in the same way.';
    case 'limit':
      return LIMITS[end.limit];
    case 'owner':
      return 'Raise the level on Share, or run it on another node; with “wait for room” it waits until there is some.';
    case 'lost':
      return 'Start it again; with a few restarts allowed it is started again by itself.';
    case 'unhealthy':
      return 'Look whether the command of the check is right, give it more time, or allow restarts.';
    case 'cancelled':
    case 'moved':
      return '';
  }
};

/** How it ended in one or two words, with the tone of its tag. */
export const resultOf = (end: JobEnd | null): { text: string; tone: Tone } => {
  if (end === null) return { text: 'Ended', tone: 'neutral' };
  switch (end.why) {
    case 'exited':
      return end.exitCode === 0
        ? { text: 'Finished', tone: 'neutral' }
        : { text: `Exit code ${end.exitCode}`, tone: 'problem' };
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
    case 'moved':
      return { text: 'Moved away', tone: 'neutral' };
    case 'unhealthy':
      return { text: 'Unhealthy', tone: 'problem' };
  }
};
