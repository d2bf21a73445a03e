import type { SchedulerAim } from '../../../../../preload/contract/index.ts';
import { RULES, type Scheduler, type SchedulerInit } from '../../../../../main/kernel/runtime/scheduler/index.ts';
import { isNodeError } from '../../../../../main/base/index.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { BrokenRule, conserves, simulate, type SimulatedJob } from './machine.ts';
import { cores, job, MACHINE, stream } from './streams.ts';

export type Make = (init: SchedulerInit) => Scheduler;
/** Something that must hold of every scheduler, or of some aims; throws {@link BrokenRule} where it does not. */
export interface Check {
  name: string;
  aims: readonly SchedulerAim[];
  run(make: Make, aim: SchedulerAim): void;
}

const AIMS: readonly SchedulerAim[] = ['speed', 'efficiency', 'balanced', 'throughput'];
const MINUTE = 60_000;
const holds = (fact: boolean, sentence: string): void => {
  if (!fact) throw new BrokenRule(sentence);
};
const conserving = (aim: SchedulerAim): ReturnType<typeof conserves> =>
  conserves({ unknownMs: RULES.unknownMs, hardMs: RULES.hardMs, gathers: aim === 'efficiency' });

/** How much later than a job one may come and still go before it: what was added to and taken from when they came. */
const windowMs = (aim: SchedulerAim, one: SimulatedJob): number => {
  const width = Math.max(
    one.needs.millicores / 1000,
    one.needs.memoryBytes / (2 * 1024 ** 3),
    one.needs.containers / 4,
  );
  const weight = aim === 'speed' ? Math.sqrt(width) : aim === 'throughput' ? width : 1;
  const lateness = Math.min(RULES.lateness[aim] * (one.estimateMs ?? RULES.unknownMs) * weight, RULES.latenessMsMax);
  // Others may have the head start of `high` where it has that of its own, and it may be put back for what its owner has.
  return lateness + RULES.headStartMs.high - RULES.headStartMs[one.priority] + 2 * RULES.fairMs[aim];
};
/**
 * By when a job must have started: after the window within which others may still go before it, all of those take their time on a
 * machine that is at least half full whenever one waits; then room is kept, at the end firmly, and what runs ends.
 */
const startsBy = (aim: SchedulerAim, one: SimulatedJob, jobs: readonly SimulatedJob[]): number => {
  const lastMs = one.atMs + windowMs(aim, one) + (aim === 'balanced' ? RULES.thirstMs : 0);
  const before = jobs.filter(({ id, atMs }) => id !== one.id && atMs <= lastMs);
  let areaMs = 0;
  let longestMs = 0;
  for (const { needs, runMs } of before) {
    const share = Math.max(needs.millicores / MACHINE.millicores, needs.memoryBytes / MACHINE.memoryBytes);
    areaMs += share * runMs;
    longestMs = Math.max(longestMs, runMs);
  }
  return Math.max(lastMs, one.atMs + 2 * areaMs) + RULES.hardMs + RULES.gatherMs + 2 * longestMs;
};
const startsInTime = (
  aim: SchedulerAim,
  one: SimulatedJob,
  jobs: readonly SimulatedJob[],
  at: number | undefined,
): void => {
  const byMs = startsBy(aim, one, jobs);
  holds(
    at !== undefined && at <= byMs,
    `${one.id} came at ${one.atMs} ms and started ${at === undefined ? 'never' : `at ${at} ms`}; it should have by ${Math.round(byMs)} ms.`,
  );
};

/** Work without end: one job of so many cores each so often, from so many owners. */
const flood = (
  untilMs: number,
  everyMs: number,
  change: Partial<SimulatedJob>,
  whos: number,
  sizeOf: (n: number) => Partial<SimulatedJob> = () => ({}),
): SimulatedJob[] =>
  Array.from({ length: Math.floor(untilMs / everyMs) }, (_, n) =>
    job(`f${String(n).padStart(5, '0')}`, { who: `w${n % whos}`, atMs: n * everyMs, ...change, ...sizeOf(n) }),
  );
const find = (jobs: readonly SimulatedJob[], id: string): SimulatedJob =>
  jobs.find((one) => one.id === id) as SimulatedJob;

/** The quick ones first. */
export const CHECKS: readonly Check[] = [
  {
    name: 'nothing is idle without a reason, and whatever fits is done',
    aims: AIMS,
    run: (make, aim) => {
      for (const seed of [1, 2, 3, 4, 5, 6]) {
        const jobs = stream(createSeededRandom(seed), {
          count: 250,
          whos: 1 + seed,
          everyMs: seed % 2 === 0 ? 3_000 : 15_000,
          burst: seed % 3 === 0 ? 25 : 1,
          impossible: 0.02,
          priorities: seed > 3,
          runMsMax: 10 * MINUTE,
        });
        const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs, check: conserving(aim) });
        for (const one of jobs) {
          const possible = one.needs.millicores <= MACHINE.millicores && one.needs.memoryBytes <= MACHINE.memoryBytes;
          holds(
            run.endedAtMs.has(one.id) === possible,
            `${one.id} ${possible ? 'never ran' : 'ran and is too large'}.`,
          );
          if (possible && run.asked.length === 0) startsInTime(aim, one, jobs, run.startedAtMs.get(one.id));
        }
      }
    },
  },
  {
    name: 'the same stream gives the same trace',
    aims: AIMS,
    run: (make, aim) => {
      const once = (): string =>
        simulate({
          scheduler: make({ aim }),
          capacity: MACHINE,
          jobs: stream(createSeededRandom(11), { count: 200, whos: 3, everyMs: 3_000, priorities: true }),
        }).trace.join('\n');
      holds(once() === once(), 'Two runs of the same stream differ.');
    },
  },
  {
    name: 'those who are alike go as they came',
    aims: AIMS,
    run: (make, aim) => {
      const jobs = Array.from({ length: 60 }, (_, n) =>
        job(`q${String(n).padStart(3, '0')}`, { atMs: n * 10, needs: cores(3) }),
      );
      const { trace } = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs });
      const order = trace.filter((line) => line.includes(' start ')).map((line) => line.split(' ')[2]);
      holds(
        order.join() === jobs.map(({ id }) => id).join(),
        'Jobs that are alike did not start in the order in which they came.',
      );
    },
  },
  {
    name: 'a job alone starts soon',
    aims: AIMS,
    run: (make, aim) => {
      const at = simulate({
        scheduler: make({ aim }),
        capacity: MACHINE,
        jobs: [job('one', { atMs: 1_000 })],
        untilMs: 10 * MINUTE,
      }).startedAtMs.get('one');
      holds(
        at !== undefined && at <= 1_000 + (aim === 'efficiency' ? RULES.gatherMs : 0),
        `A job alone started at ${at} ms.`,
      );
    },
  },
  {
    name: 'the line has an end, for all and for each',
    aims: AIMS,
    run: (make, aim) => {
      const refused = (scheduler: Scheduler, who: (n: number) => string): number => {
        for (let n = 0; n < 50; n++)
          try {
            scheduler.add({ ...job(`b${n}`), who: who(n), queuedAtMs: n });
          } catch (error) {
            holds(isNodeError(error) && error.code === 'QUEUE_FULL', 'A full line was refused with another error.');
            return n;
          }
        return Infinity;
      };
      holds(refused(make({ aim, queuedMax: 20 }), (n) => `w${n}`) === 20, 'More than twenty wait where twenty may.');
      holds(refused(make({ aim, queuedPerWhoMax: 7 }), () => 'one') === 7, 'More than seven of one owner wait.');
    },
  },
  {
    name: 'high priority goes first',
    aims: AIMS,
    run: (make, aim) => {
      const jobs = [
        ...Array.from({ length: 100 }, (_, n) => job(`n${String(n).padStart(3, '0')}`, { atMs: n, needs: cores(2) })),
        job('high', { priority: 'high', atMs: 5_000, needs: cores(2) }),
      ];
      const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs });
      const at = run.startedAtMs.get('high') ?? Infinity;
      holds(at <= 10_000 + 3, `A job of high priority waited until ${at} ms for others that had not begun.`);
    },
  },
  {
    name: 'what fills a gap is not in the way of the head of the line',
    aims: AIMS,
    run: (make, aim) => {
      const jobs = [
        job('now', { who: 'a', priority: 'high', needs: cores(5), runMs: 60_000, estimateMs: 60_000 }),
        job('head', { who: 'b', priority: 'high', atMs: 1_000, needs: cores(7), runMs: 10_000, estimateMs: 10_000 }),
        job('short', { who: 'c', atMs: 2_000, needs: cores(3), runMs: 30_000, estimateMs: 30_000 }),
        job('long', { who: 'd', atMs: 2_000, needs: cores(3), runMs: 600_000, estimateMs: 600_000 }),
        job('narrow', { who: 'e', atMs: 40_000, needs: cores(1), runMs: 600_000, estimateMs: 600_000 }),
      ];
      const { startedAtMs } = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs, check: conserving(aim) });
      const told = ['head', 'short', 'long', 'narrow'].map((id) => `${id} ${startedAtMs.get(id)}`).join(', ');
      holds(told === 'head 60000, short 2000, long 70000, narrow 40000', `They started as ${told}.`);
    },
  },
  {
    name: 'a job of high priority gets room after a notice, from no more than it needs',
    aims: AIMS,
    run: (make, aim) => {
      const jobs = [
        ...Array.from({ length: 8 }, (_, n) =>
          job(`l${n}`, {
            who: 'a',
            priority: 'low',
            atMs: n * 100,
            needs: cores(1),
            runMs: 60 * MINUTE,
            estimateMs: 60 * MINUTE,
            preemptible: n !== 7,
          }),
        ),
        job('high', { who: 'b', priority: 'high', atMs: MINUTE, needs: cores(3) }),
      ];
      const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs, untilMs: 10 * MINUTE });
      const at = run.startedAtMs.get('high') ?? Infinity;
      holds(at <= MINUTE + RULES.noticeMs, `It started at ${at} ms.`);
      holds(run.asked.length === 3, `${run.asked.length} were asked to make room for three cores.`);
      // Those that began last lose least.
      holds(run.asked.map(({ id }) => id).join() === 'l6,l5,l4', `${run.asked.map(({ id }) => id).join()} were asked.`);
    },
  },
  {
    name: 'nobody is asked to make room where it comes anyway',
    aims: AIMS,
    run: (make, aim) => {
      const jobs = [
        job('low', { priority: 'low', needs: cores(8), runMs: 20_000, estimateMs: 20_000, preemptible: true }),
        job('high', { who: 'b', priority: 'high', atMs: 15_000, needs: cores(1) }),
      ];
      const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs });
      holds(run.asked.length === 0, 'A job was put back that would have ended in five seconds.');
    },
  },
  {
    name: 'nobody is asked to make room often',
    aims: AIMS,
    run: (make, aim) => {
      const jobs = [
        ...Array.from({ length: 8 }, (_, n) =>
          job(`l${n}`, {
            who: 'a',
            priority: 'low',
            needs: cores(1),
            runMs: 60 * MINUTE,
            estimateMs: 60 * MINUTE,
            preemptible: true,
          }),
        ),
        ...Array.from({ length: 300 }, (_, n) =>
          job(`h${String(n).padStart(3, '0')}`, {
            who: 'b',
            priority: 'high',
            atMs: MINUTE + n * 3_000,
            needs: cores(3),
            runMs: 2_000,
            estimateMs: 2_000,
          }),
        ),
      ];
      const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs, untilMs: 40 * MINUTE });
      for (const { atMs } of run.asked) {
        const within = run.asked.filter((other) => other.atMs >= atMs && other.atMs < atMs + MINUTE).length;
        holds(within <= 2 * RULES.preemptionsPerMinute, `${within} were asked to make room within a minute.`);
      }
      for (const { id } of run.asked) {
        const times = run.asked.filter((other) => other.id === id).length;
        holds(times <= RULES.preemptedMax, `${id} was asked to make room ${times} times.`);
      }
    },
  },
  {
    name: 'what somebody had long ago is forgotten',
    aims: ['balanced'],
    run: (make, aim) => {
      const scheduler = make({ aim });
      const past = { ...job('past', { who: 'old', needs: { ...MACHINE } }), has: { ...MACHINE }, startedAtMs: 0 };
      const free = { millicores: 0, memoryBytes: 0, containers: 0 };
      scheduler.decide({ nowMs: 0, free, running: [past] });
      scheduler.decide({ nowMs: 30 * MINUTE, free, running: [] });
      scheduler.add({ ...job('again', { who: 'old' }), queuedAtMs: 30 * MINUTE });
      const had = (nowMs: number): number => scheduler.shares(nowMs)[0]?.usedPercent ?? 0;
      holds(had(30 * MINUTE) > 80, `Half an hour of the whole machine counts as ${had(30 * MINUTE)} %.`);
      holds(had(210 * MINUTE) < 1, `Three hours later it still counts as ${had(210 * MINUTE)} %.`);
    },
  },
  {
    name: 'who comes new does not wait behind all that a greedy owner brought',
    aims: ['balanced'],
    run: (make, aim) => {
      const jobs = [
        ...Array.from({ length: 800 }, (_, n) =>
          job(`g${String(n).padStart(4, '0')}`, { who: 'greedy', needs: cores(1), runMs: 30_000 }),
        ),
        job('small', { who: 'small', atMs: 10 * MINUTE, needs: cores(1) }),
      ];
      const at = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs }).startedAtMs.get('small') ?? Infinity;
      holds(at <= 10.6 * MINUTE, `Who came new at ${10 * MINUTE} ms waited until ${at} ms.`);
    },
  },
  {
    name: 'who needs memory and who needs processors get as much of what each needs most',
    aims: ['balanced'],
    run: (make, aim) => {
      const untilMs = 15 * MINUTE;
      const GIB = 1024 ** 3;
      const jobs = Array.from({ length: 1_400 }, (_, n) =>
        job(`${n % 2 === 0 ? 'cpu' : 'mem'}${String(n).padStart(5, '0')}`, {
          who: n % 2 === 0 ? 'cpu' : 'mem',
          needs:
            n % 2 === 0
              ? { millicores: 500, memoryBytes: GIB / 8, containers: 0 }
              : { millicores: 125, memoryBytes: GIB, containers: 0 },
          runMs: n % 2 === 0 ? 20_000 : 35_000,
        }),
      );
      const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs, untilMs });
      const [cpu = 0, mem = 0] = ['cpu', 'mem'].map((who) => (run.held.get(who) ?? 0) / untilMs);
      holds(Math.min(cpu, mem) > 0.75, `They had ${cpu.toFixed(3)} and ${mem.toFixed(3)}, and could have 0.8 each.`);
    },
  },
  {
    name: 'newcomers without end do not shut out who had something lately',
    aims: ['balanced'],
    run: (make, aim) => {
      const jobs = [
        job('past', { who: 'old', needs: { ...MACHINE }, runMs: 20 * MINUTE, estimateMs: 20 * MINUTE }),
        ...Array.from({ length: 1_900 }, (_, n) =>
          job(`s${String(n).padStart(4, '0')}`, {
            who: `s${n}`,
            atMs: 18 * MINUTE + n * 2_400,
            needs: cores(1),
            runMs: 20_000,
          }),
        ),
        job('again', { who: 'old', atMs: 21 * MINUTE, needs: cores(1) }),
      ];
      const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs, untilMs: 90 * MINUTE });
      const at = run.startedAtMs.get('again') ?? Infinity;
      holds(at <= 21 * MINUTE + RULES.thirstMs + 2 * MINUTE, `Behind newcomers, the old owner waited until ${at} ms.`);
    },
  },
  {
    name: 'owners with work without end get the same dominant share',
    aims: ['balanced'],
    run: (make, aim) => {
      const untilMs = 40 * MINUTE;
      const GIB = 1024 ** 3;
      const kinds: readonly Partial<SimulatedJob>[] = [
        { needs: { millicores: 1_000, memoryBytes: GIB / 4, containers: 1 }, runMs: 20_000 },
        { needs: { millicores: 500, memoryBytes: GIB / 4, containers: 0 }, runMs: 45_000 },
        { needs: { millicores: 500, memoryBytes: GIB / 2, containers: 1 }, runMs: 5_000, estimateMs: null },
        { needs: { millicores: 1_000, memoryBytes: GIB / 2, containers: 1 }, runMs: 60_000 },
      ];
      // The greedy one brings ten times as many, and all at once.
      const jobs = kinds.flatMap((kind, who) =>
        Array.from({ length: who === 2 ? 4_000 : 400 }, (_, n) =>
          job(`k${who}-${String(n).padStart(5, '0')}`, { who: `k${who}`, atMs: who === 2 ? 0 : n, ...kind }),
        ),
      );
      const scheduler = make({ aim, queuedPerWhoMax: 10_000 });
      const run = simulate({ scheduler, capacity: MACHINE, jobs, untilMs });
      const held = kinds.map((_, who) => (run.held.get(`k${who}`) ?? 0) / untilMs);
      const mean = held.reduce((sum, one) => sum + one, 0) / held.length;
      const farthest = Math.max(...held.map((one) => Math.abs(one - mean) / mean));
      holds(
        farthest < 0.05,
        `Shares of ${held.map((one) => one.toFixed(3)).join(', ')} are ${(farthest * 100).toFixed(1)} % off.`,
      );
    },
  },
  {
    name: 'one that is kept waiting by wrong estimates starts all the same',
    aims: AIMS,
    run: (make, aim) => {
      const jobs = [
        ...flood(60 * MINUTE, 2_500, { runMs: 30_000, estimateMs: 1_000, needs: cores(1) }, 5),
        job('large', { who: 'large', atMs: MINUTE, needs: cores(7), runMs: 5_000, estimateMs: 1_000 }),
      ];
      const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs, untilMs: 60 * MINUTE });
      const at = run.startedAtMs.get('large');
      holds(
        at !== undefined && at <= MINUTE + RULES.hardMs + 3 * MINUTE + windowMs(aim, find(jobs, 'large')),
        `Behind jobs that run for longer than they should, the large one ${at === undefined ? 'never started' : `started at ${at} ms`}.`,
      );
    },
  },
  {
    name: 'a long job gets its turn among short ones without end',
    aims: AIMS,
    run: (make, aim) => {
      const jobs = [
        ...flood(185 * MINUTE, 4_600, { runMs: 20_000, estimateMs: 20_000, needs: cores(2) }, 3),
        job('long', { who: 'w0', atMs: 20 * MINUTE, needs: cores(4), runMs: 30 * MINUTE, estimateMs: 30 * MINUTE }),
      ];
      const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs, untilMs: 185 * MINUTE });
      const at = run.startedAtMs.get('long');
      holds(
        at !== undefined && at - 20 * MINUTE <= 1.2 * windowMs(aim, find(jobs, 'long')) + RULES.hardMs + 5 * MINUTE,
        `The long job ${at === undefined ? 'never started' : `started at ${at} ms`}.`,
      );
    },
  },
  {
    name: 'a job as large as the machine starts among small ones without end',
    aims: AIMS,
    run: (make, aim) => {
      const jobs = [
        ...flood(50 * MINUTE, 1_300, { runMs: 10_000, needs: cores(1) }, 10),
        job('large', { who: 'large', atMs: 2 * MINUTE, needs: { ...MACHINE }, runMs: 10_000 }),
      ];
      const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs, untilMs: 50 * MINUTE });
      startsInTime(
        aim,
        find(jobs, 'large'),
        jobs.filter(({ atMs }) => atMs < 25 * MINUTE),
        run.startedAtMs.get('large'),
      );
    },
  },
  {
    name: 'low priority gets its turn among high ones without end',
    aims: AIMS,
    run: (make, aim) => {
      const jobs = [
        ...flood(90 * MINUTE, 2_450, { runMs: 20_000, priority: 'high', needs: cores(1) }, 4),
        job('low', { who: 'w0', priority: 'low', atMs: MINUTE, needs: cores(1), runMs: 20_000, estimateMs: 20_000 }),
      ];
      const run = simulate({ scheduler: make({ aim }), capacity: MACHINE, jobs, untilMs: 90 * MINUTE });
      startsInTime(
        aim,
        find(jobs, 'low'),
        jobs.filter(({ atMs }) => atMs < 50 * MINUTE),
        run.startedAtMs.get('low'),
      );
    },
  },
];
