import type { SchedulerAim } from '../../../../../preload/contract/index.ts';
import { createScheduler } from '../../../../../main/kernel/runtime/scheduler/index.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { type Simulated, simulate, type SimulatedJob } from './machine.ts';
import { job, MACHINE, stream } from './streams.ts';

const MINUTE = 60_000;
/** A slowdown is by how much longer something took than by itself; of what takes less than this it would say nothing. */
const SHORT_MS = 10_000;
/** How long the crowd is watched: nobody has run out of work by then. */
export const CROWD_MS = 30 * MINUTE;

/** Four owners who bring more than the machine can do, of unlike kinds. */
const crowd = (seed: number): SimulatedJob[] => {
  const random = createSeededRandom(seed);
  const kinds = [
    { count: 500, millicores: [3_000, 8_000], runMs: [8_000, 15_000] },
    { count: 700, millicores: [100, 300], runMs: [30_000, 120_000] },
    { count: 300, millicores: [1_000, 4_000], runMs: [10_000, 60_000] },
    { count: 200, millicores: [250, 1_500], runMs: [60_000, 300_000] },
  ] as const;
  return kinds.flatMap(({ count, millicores, runMs }, who) =>
    Array.from({ length: count }, (_, n) => {
      const draw = ([low, high]: readonly [number, number]): number => low + random.below(high - low);
      const takesMs = draw(runMs);
      return job(`c${who}-${String(n).padStart(4, '0')}`, {
        who: `c${who}`,
        atMs: random.below(MINUTE),
        needs: { millicores: draw(millicores), memoryBytes: draw([64, 512]) * 1024 ** 2, containers: 0 },
        runMs: takesMs,
        estimateMs: Math.round(takesMs * (0.8 + random.below(400) / 1_000)),
      });
    }),
  );
};
/** One who brings twelve times as much as each of three others, and comes first. */
const greedy = (seed: number): SimulatedJob[] => {
  const random = createSeededRandom(seed);
  return [2_400, 200, 200, 200].flatMap((count, who) =>
    Array.from({ length: count }, (_, n) =>
      job(`g${who}-${String(n).padStart(4, '0')}`, {
        who: `g${who}`,
        atMs: who === 0 ? 0 : 1_000 + random.below(MINUTE),
        needs: { millicores: 500 + random.below(500), memoryBytes: 256 * 1024 ** 2, containers: 0 },
        runMs: 30_000 + random.below(30_000),
        estimateMs: null,
      }),
    ),
  );
};
/** Work that comes now and then, with time in between. */
const trickle = (seed: number): SimulatedJob[] =>
  stream(createSeededRandom(seed), { count: 600, whos: 4, everyMs: 12_000, known: 1, runMsMax: 5 * MINUTE });

export interface AimFigures {
  /** Mean over all jobs of the crowd, what has not ended counted until the end of watching. */
  slowdown: number;
  /** Jobs of the crowd that ended while it was watched. */
  done: number;
  /** Of the shares that the greedy one and the others had: 1 when all are equal. Jain, Chiu, Hawe, 1984. */
  jain: number;
  /** How long anything ran until all of the trickle was done. */
  machineHours: number;
}
export const figuresOf = (aim: SchedulerAim, seed: number): AimFigures => {
  const jobs = crowd(seed);
  const full: Simulated = simulate({ scheduler: createScheduler({ aim }), capacity: MACHINE, jobs, untilMs: CROWD_MS });
  const slowdowns = jobs.map(
    ({ id, atMs, runMs }) => ((full.endedAtMs.get(id) ?? CROWD_MS) - atMs) / Math.max(SHORT_MS, runMs),
  );
  const shares = [
    ...simulate({
      scheduler: createScheduler({ aim }),
      capacity: MACHINE,
      jobs: greedy(seed),
      untilMs: CROWD_MS,
    }).held.values(),
  ];
  const sum = shares.reduce((total, one) => total + one, 0);
  const quiet = simulate({ scheduler: createScheduler({ aim }), capacity: MACHINE, jobs: trickle(seed) });
  return {
    slowdown: slowdowns.reduce((total, one) => total + one, 0) / slowdowns.length,
    done: full.endedAtMs.size,
    jain: sum ** 2 / (shares.length * shares.reduce((total, one) => total + one ** 2, 0)),
    machineHours: quiet.busyMs / 3_600_000,
  };
};
