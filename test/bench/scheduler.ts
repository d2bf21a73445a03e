import type { SchedulerAim } from '../../preload/contract/index.ts';
import { createScheduler, type Resources, type Running } from '../../main/kernel/runtime/scheduler/index.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { percentile, type Figure } from './figure.ts';

/** Jobs that wait: as many as may. */
const QUEUED = 10_000;
/** Decisions that are measured, each with as many waiting. */
const DECISIONS = 2_000;
/** The same is done so often, and of each step the quickest counts: both sides repeat exactly, so the rest is what else the machine did. */
const RUNS = 7;
/** What a decision has to stay below, in ms. */
const TARGET_MS = 1;
const MACHINE: Resources = { millicores: 16_000, memoryBytes: 32 * 1024 ** 3, containers: 64 };

const quickest = (run: () => number[]): number[] => {
  const runs = Array.from({ length: RUNS }, run);
  return Array.from({ length: DECISIONS }, (_, n) => Math.min(...runs.map((times) => times[n] ?? Infinity)));
};

/** A binary heap of numbers with what belongs to them: the least that any queue does to tell who is next. */
const createHeap = (): { push(key: number, value: string): void; pop(): string } => {
  const keys: number[] = [];
  const values: string[] = [];
  const swap = (a: number, b: number): void => {
    [keys[a], keys[b]] = [keys[b] as number, keys[a] as number];
    [values[a], values[b]] = [values[b] as string, values[a] as string];
  };
  return {
    push: (key, value) => {
      keys.push(key);
      values.push(value);
      let at = keys.length - 1;
      for (let above = (at - 1) >> 1; at > 0 && (keys[above] as number) > (keys[at] as number); above = (at - 1) >> 1) {
        swap(above, at);
        at = above;
      }
    },
    pop: () => {
      swap(0, keys.length - 1);
      const value = values.pop() as string;
      keys.pop();
      for (let at = 0; ; ) {
        let least = at;
        for (const below of [2 * at + 1, 2 * at + 2])
          if (below < keys.length && (keys[below] as number) < (keys[least] as number)) least = below;
        if (least === at) return value;
        swap(at, least);
        at = least;
      }
    },
  };
};

/** Times of a pop and a push of a heap of the same size, in ms. */
const heapTimes = (): number[] => {
  const random = createSeededRandom(1);
  const heap = createHeap();
  for (let n = 0; n < QUEUED; n++) heap.push(random.below(2 ** 30), `j${n}`);
  return Array.from({ length: DECISIONS }, (_, n) => {
    const key = random.below(2 ** 30);
    const startMs = performance.now();
    heap.pop();
    heap.push(key, `k${n}`);
    return performance.now() - startMs;
  });
};

/** Times of a decision, and of what follows it: a job less, a job more. In ms. */
const decisionTimes = (aim: SchedulerAim, whos: number): number[] => {
  const random = createSeededRandom(1);
  const scheduler = createScheduler({ aim, queuedMax: 2 * QUEUED, queuedPerWhoMax: 2 * QUEUED });
  const jobs = new Map<string, { who: string; has: Resources; estimateMs: number | null }>();
  let made = 0;
  const add = (queuedAtMs: number): void => {
    const id = `j${made++}`;
    const has = {
      millicores: 100 + random.below(4_000),
      memoryBytes: (16 + random.below(8_000)) * 1024 ** 2,
      containers: random.below(3),
    };
    const job = {
      who: `w${random.below(whos)}`,
      has,
      estimateMs: random.below(5) === 0 ? null : 1_000 + random.below(600_000),
    };
    jobs.set(id, job);
    scheduler.add({
      id,
      ...job,
      needs: has,
      priority: (['low', 'normal', 'high'] as const)[random.below(3)] ?? 'low',
      queuedAtMs,
    });
  };
  for (let n = 0; n < QUEUED; n++) add(n);
  let running: Running[] = [];
  const times: number[] = [];
  for (let n = 0; n < DECISIONS; n++) {
    const nowMs = QUEUED + n * 500;
    const free = { ...MACHINE };
    for (const { has } of running) {
      free.millicores -= has.millicores;
      free.memoryBytes -= has.memoryBytes;
      free.containers -= has.containers;
    }
    const startMs = performance.now();
    const decision = scheduler.decide({ nowMs, free, running });
    if (decision.kind === 'start') add(nowMs);
    times.push(performance.now() - startMs);
    if (decision.kind === 'start') {
      const job = jobs.get(decision.id);
      if (job === undefined) throw new Error('A job was started that nobody asked for.');
      running.push({ id: decision.id, ...job, priority: 'normal', startedAtMs: nowMs, preemptible: true });
    } else running = running.slice(1);
  }
  if (scheduler.queued !== QUEUED) throw new Error(`${scheduler.queued} wait where ${QUEUED} should.`);
  return times;
};

/**
 * Decisions of the scheduler with 10 000 waiting and a machine that is full, each with the insertion of the next job, beside the pop and
 * push of a heap of that size: a heap that tells who is first, with no regard to what fits.
 */
export const benchScheduler = (): Promise<Figure[]> => {
  const floor = quickest(heapTimes);
  const figures: Figure[] = [];
  for (const aim of ['speed', 'efficiency', 'balanced', 'throughput'] as const)
    for (const whos of [20, 5_000]) {
      const times = quickest(() => decisionTimes(aim, whos));
      for (const p of [0.5, 0.99]) {
        const value = percentile(times, p);
        const peer = { name: 'pop and push of a heap', value: percentile(floor, p) };
        figures.push({
          name: `decision, ${aim}, ${QUEUED} waiting of ${whos} owners, p${p * 100}`,
          unit: 'ms',
          value,
          peer,
          ratio: value / peer.value,
          target: p === 0.99 ? `< ${TARGET_MS} ms` : 'for information',
          ...(p === 0.99 ? { reached: value < TARGET_MS } : {}),
        });
      }
      const secondsAll = times.reduce((sum, one) => sum + one, 0) / 1_000;
      figures.push({
        name: `decisions per second, ${aim}, ${QUEUED} waiting of ${whos} owners`,
        unit: 'count',
        value: times.length / secondsAll,
        target: 'for information',
      });
    }
  return Promise.resolve(figures);
};
