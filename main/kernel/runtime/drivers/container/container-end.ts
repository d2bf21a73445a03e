import type { ContainerSpec, JobEnd } from '../../../../../preload/contract/index.ts';
import { sizeText } from '../../size-text.ts';
import { memoryOf } from './container-options.ts';
import { engineWords } from './engine-call.ts';

/** Exit codes of a program that somebody else ended: 128 and a signal, and 255 that an engine sets when it finds one gone. */
export const ENDED_BY_OTHERS = new Set([137, 143, 255]);
export const OUTSIDE: JobEnd = {
  why: 'lost',
  message:
    'Its container was stopped from outside, by the engine as it went down or by another program; start it again.',
};
export const AWAY: JobEnd = {
  why: 'lost',
  message: 'The container engine stopped while the job ran; start the engine, and the job after that.',
};
export const tooManyProcesses = (spec: ContainerSpec): JobEnd => ({
  why: 'limit',
  limit: 'processes',
  message: `It started more than the ${spec.pidsMax} processes and threads that it may have at once; ask for more.`,
});

/** What was noticed of a container until it ended. */
export interface Noticed {
  /** What we sent it last. */
  signalled: 'SIGTERM' | 'SIGKILL' | null;
  isOutOfMemory: boolean;
  /** Somebody else sent it a signal through the engine. */
  isStoppedOutside: boolean;
  forksRefused: number;
}

/**
 * What a container's exit code says, with what was noticed.
 *
 * @returns null when it ended by our own KILL alone: whoever asked for it knows why
 */
export const endByCode = (spec: ContainerSpec, exitCode: number, noticed: Noticed): JobEnd | null => {
  if (noticed.signalled === 'SIGKILL' && exitCode === 137) return null;
  if (exitCode !== 0 && noticed.isOutOfMemory)
    return {
      why: 'limit',
      limit: 'memory',
      message: `It needed more than the ${sizeText(memoryOf(spec))} that it was promised, files in memory included; ask for more.`,
    };
  if (exitCode !== 0 && noticed.signalled === null && noticed.forksRefused > 0) return tooManyProcesses(spec);
  if (noticed.isStoppedOutside && noticed.signalled === null) return OUTSIDE;
  return { why: 'exited', exitCode };
};

/** Why the program cannot be run, where that is the request's fault. */
export const refusalOf = (error: unknown): string | null => {
  const words = engineWords(error);
  // The engine's own first process is not the request's fault.
  if (words.includes('docker-init')) return null;
  if (
    /executable file not found|no such file or directory|permission denied|exec format error|not a directory|is a directory/i.test(
      words,
    )
  )
    return `The image cannot run this program: ${words}`;
  return null;
};
