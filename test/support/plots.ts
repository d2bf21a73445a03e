import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assetIdOf, sha256, type WorkerPool } from '../../main/base/index.ts';
import type { Task } from '../../main/base/workers/task.ts';
import {
  type Challenge,
  challengeHashOf,
  DEFAULT_REQUIREMENTS,
  type Pace,
  type VerifyContext,
} from '../../main/kernel/proof/index.ts';
import { createPlots, type Plots, type PlotsInit } from '../../main/kernel/proof/space/index.ts';
import { spaceTasks } from '../../main/kernel/proof/space/tasks.ts';
import { createManualClock } from './manual-clock.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createSilentLogger } from './silent-logger.ts';

/** Tasks of plotting in this thread, with what crosses cloned as between threads. @param altered - what an attacker does instead */
export const inlineWorkers = (altered: Record<string, Task> = {}): WorkerPool => ({
  size: 1,
  run: async <I, O>(name: string, input: I): Promise<O> => {
    const task = altered[name] ?? spaceTasks[name];
    if (task === undefined) throw new Error(`no task ${name}`);
    await Promise.resolve();
    return structuredClone(await task(structuredClone(input), { report: () => undefined })) as O;
  },
  close: () => Promise.resolve(),
});

export const unlimitedPace: Pace = { slice: (work) => work() };
export const noProgress = (): void => undefined;
export const never = (): AbortSignal => new AbortController().signal;
export const keyOf = (name: string): Uint8Array => Uint8Array.from(sha256(new TextEncoder().encode(name)));

/** Small enough for tests: one chunk a window, as few layers as may be. */
export const TINY = { windowLabels: 128, layers: 8, openings: 4, answers: 4 } as const;
export const TINY_WINDOW_BYTES = TINY.windowLabels * 32;

export interface PlotBench {
  plots: Plots;
  folder: string;
  logged: Parameters<typeof createSilentLogger>[0] & object;
  /** Another one over the same folder, as after a restart. */
  again(init?: Partial<PlotsInit>): Plots;
  remove(): void;
}
export const plotBench = (
  init: Partial<PlotsInit> = {},
  { workers = inlineWorkers(), seed = 1, folder = mkdtempSync(join(tmpdir(), 'hypermesh-plots-')) } = {},
): PlotBench => {
  const logged: NonNullable<Parameters<typeof createSilentLogger>[0]> = [];
  const outside = { clock: createManualClock(), random: createSeededRandom(seed) };
  const components = { outside, logger: createSilentLogger(logged), workers, metrics: null };
  const again = (change: Partial<PlotsInit> = {}): Plots =>
    createPlots(components, { folder, ...TINY, reserveBytes: 0, ...init, ...change });
  return { plots: again(), folder, logged, again, remove: () => rmSync(folder, { recursive: true, force: true }) };
};

export const challengeOf = (node: Uint8Array, change: Partial<Challenge> = {}): Challenge => ({
  version: 1,
  network: keyOf('network'),
  node,
  asset: assetIdOf('storage', { name: 'disk' }),
  purpose: 'audit',
  nonce: keyOf('nonce'),
  issuer: node,
  issuedAtMs: 1_760_000_000_000,
  expiresAtMs: 1_760_000_600_000,
  anchor: null,
  ...change,
});

/** What a verifier is handed, with requirements as small as the plots of tests. */
export const contextOf = (
  challenge: Challenge,
  attachments: ReadonlyMap<string, Uint8Array>,
  space: Partial<VerifyContext['requirements']['space']> = {},
  answeredAfterMs: number | null = null,
): VerifyContext => ({
  challenge,
  challengeHash: challengeHashOf(challenge),
  attachments,
  requirements: {
    ...DEFAULT_REQUIREMENTS,
    space: { bytesMin: 1, windowLabelsMin: 1, answersMin: 1, openingsMin: 1, answerMsMax: 60_000, ...space },
  },
  nowMs: challenge.issuedAtMs + 1000,
  checkSeed: keyOf('check'),
  answeredAfterMs,
  anchorTimeMs: null,
});

export const proveWith = (plots: Plots, challenge: Challenge): ReturnType<Plots['prove']> =>
  plots.prove(challenge, challengeHashOf(challenge), unlimitedPace, noProgress, never());
