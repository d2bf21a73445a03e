import type { Random } from '../../../../../main/base/index.ts';
import type { Resources } from '../../../../../main/kernel/runtime/scheduler/index.ts';
import type { SimulatedJob } from './machine.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** A PC: eight cores, 16 GiB, and so few containers that they run out as well. */
export const MACHINE: Resources = { millicores: 8_000, memoryBytes: 16 * GIB, containers: 12 };

const unit = (random: Random): number => (random.below(2 ** 30) + 1) / (2 ** 30 + 1);
/** Exponentially distributed: what comes by itself, each without regard to the others. */
const exponential = (random: Random, mean: number): number => -Math.log(unit(random)) * mean;
/** Pareto with a heavy tail: most are short, a few take for ever. Cut at `max`. */
const pareto = (random: Random, min: number, shape: number, max: number): number =>
  Math.min(max, min / unit(random) ** (1 / shape));

export interface StreamInit {
  count: number;
  whos: number;
  /** Between two arrivals, on average. */
  everyMs: number;
  /** Jobs that come together. @default 1 */
  burst?: number;
  /** Of how many estimates are known: 0 to 1; they are off by up to half. @default 0.8 */
  known?: number;
  /** Needs more than the machine has. @default none */
  impossible?: number;
  /** @default all of equal rank */
  priorities?: boolean;
  runMsMin?: number;
  runMsMax?: number;
}
/** Jobs of unlike sizes, most of them small and short, some large, some long. */
export const stream = (random: Random, init: StreamInit): SimulatedJob[] => {
  const { count, whos, everyMs, burst = 1, known = 0.8, impossible = 0, priorities = false } = init;
  const jobs: SimulatedJob[] = [];
  let atMs = 0;
  for (let n = 0; n < count; n++) {
    if (n % burst === 0) atMs += Math.round(exponential(random, everyMs * burst));
    const runMs = Math.round(pareto(random, init.runMsMin ?? 2_000, 1.1, init.runMsMax ?? 1_800_000));
    const broad = unit(random) < impossible ? 4 : 1;
    jobs.push({
      id: `j${String(n).padStart(5, '0')}`,
      who: `w${random.below(whos)}`,
      priority: priorities ? ((['low', 'normal', 'normal', 'high'] as const)[random.below(4)] ?? 'normal') : 'normal',
      needs: {
        millicores: broad * Math.min(8_000, Math.round(pareto(random, 250, 1.2, 8_000))),
        memoryBytes: broad * Math.round(pareto(random, 128 * MIB, 1.0, 12 * GIB)),
        containers: random.below(4),
      },
      atMs,
      runMs,
      estimateMs: unit(random) < known ? Math.max(100, Math.round(runMs * (0.5 + unit(random)))) : null,
      preemptible: random.below(2) === 0,
    });
  }
  return jobs;
};

/** One job, whose every part can be said. */
export const job = (id: string, change: Partial<SimulatedJob> = {}): SimulatedJob => ({
  id,
  who: 'own',
  priority: 'normal',
  needs: { millicores: 1_000, memoryBytes: 256 * MIB, containers: 1 },
  atMs: 0,
  runMs: 10_000,
  estimateMs: 10_000,
  preemptible: false,
  ...change,
});
export const cores = (count: number): Resources => ({
  millicores: count * 1_000,
  memoryBytes: 256 * MIB,
  containers: 1,
});
