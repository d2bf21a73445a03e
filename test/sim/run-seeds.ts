import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { RunResult } from './world.ts';

/** `core`: the algorithm alone; `replica`: everything from the wire to the disk. */
export type Level = 'core' | 'replica';
export type TimedResult = RunResult & { wallMs: number };
export interface SeedsSettings {
  from: number;
  seeds: number;
  workers: number;
  nodes?: number | undefined;
  trace?: boolean;
  /** Name of a planted one. */
  fault?: string | undefined;
  level: Level;
  /** After each seed; true: that is enough. */
  onResult(result: TimedResult, done: number): boolean;
}

/** How long a seed may take before its process is held to be in a loop. */
const SEED_MS_MAX = 300_000;

/** Runs seeds over processes, in order of their numbers as far as several at once can. Resolves when all have ended. */
export const runSeeds = async (settings: SeedsSettings): Promise<void> => {
  const { from, seeds, workers, nodes, trace = false, fault, level, onResult } = settings;
  let next = from;
  let done = 0;
  let isEnough = false;
  const children: ChildProcess[] = [];
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(join(import.meta.dirname, 'worker.ts'), {
        env: { ...process.env, SIM_LEVEL: level, ...(fault !== undefined && { SIM_FAULT: fault }) },
        execArgv: ['--no-warnings'],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      children.push(child);
      let seed: number | null = null;
      let timer: NodeJS.Timeout | undefined;
      const give = (): void => {
        clearTimeout(timer);
        if (isEnough || next >= from + seeds) {
          seed = null;
          child.send(null as never);
          return;
        }
        seed = next++;
        timer = setTimeout(() => child.kill('SIGKILL'), SEED_MS_MAX);
        child.send({ seed, ...(nodes !== undefined && { nodes }), trace });
      };
      const finish = (result: TimedResult): void => {
        done += 1;
        isEnough = onResult(result, done) || isEnough;
      };
      child.on('message', (message: 'ready' | TimedResult) => {
        if (message !== 'ready') finish(message);
        give();
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        clearTimeout(timer);
        if (seed !== null)
          // A process that fell, or ran in circles: that is what came of its seed.
          finish({
            seed,
            violation: `process: it ended with ${signal ?? String(code)}`,
            trace: '',
            virtualMs: 0,
            heights: 0,
            rounds: 0,
            transactions: 0,
            punished: 0,
            events: 0,
            lies: [],
            wallMs: 0,
          });
        if (seed !== null && !isEnough && next < from + seeds) work().then(resolve, reject);
        else resolve();
      });
    });
  try {
    await Promise.all(Array.from({ length: Math.min(workers, seeds) }, work));
  } finally {
    for (const child of children) child.kill();
  }
};
