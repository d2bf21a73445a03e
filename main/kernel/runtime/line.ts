import type { Clock, JobId, Logger, Settings } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import type { AllocationBook } from '../assets/index.ts';
import type { JobView, QueueState, SchedulerAim } from '../../../preload/contract/index.ts';
import { ESTIMATES_SAVED_MS, PREEMPT_REST_MS, QUEUED_PER_BORROWER_MAX, QUEUE_TOLD_MS, YOUNG_MS } from './constants.ts';
import { RuntimeError } from './errors.ts';
import { OWN_ORIGIN } from './interface.ts';
import type { Job } from './job.ts';
import { estimateKeyOf, millicoresOf } from './job-spec.ts';
import { createJobQueue } from './queue.ts';
import {
  QUEUED_MAX,
  createEstimator,
  createScheduler,
  type Estimator,
  type Resources,
  type Running,
} from './scheduler/index.ts';

const AIMS: readonly SchedulerAim[] = ['speed', 'efficiency', 'balanced', 'throughput'];
const QUEUE_KEY = 'queue';
const ESTIMATES_KEY = 'job-estimates';
/** What a job that names no share is counted with while it waits: it takes what is free when it starts, up to that. */
const WHOLE_CORE = 1000;

export interface LineParts {
  clock: Clock;
  logger: Logger;
  settings: Settings | null;
  allocations: AllocationBook;
  /** All that have not ended. */
  jobs: ReadonlyMap<JobId, Job>;
  /** As many run as may at once. */
  full(): boolean;
  bring(job: Job): Promise<void>;
  notice(job: Job, reason: string, noticeMs: number): void;
  changed(): void;
}

/** Jobs that wait for room, who goes next, and what is known of how long they take. */
export interface Line {
  load(): Promise<void>;
  save(): Promise<void>;
  stop(): void;
  /** @throws {RuntimeError} `QUEUE_FULL` */
  admit(who: string): void;
  /** Puts a job into the line; it is brought when there is room. */
  wait(job: Job): void;
  /** A job that was to start has its room, or will not have it. */
  begun(job: Job): void;
  ended(job: Job): void;
  /** Told about once a second of each that has not ended. */
  used(job: Job, ms: number): void;
  positionOf(job: Job): number | null;
  estimateOf(job: Job): JobView['estimate'];
  state(): Omit<QueueState, 'mode' | 'running'>;
  setAim(aim: SchedulerAim): Promise<void>;
  /** Nothing is started any more, or again. */
  pause(paused: boolean): void;
}

export const createLine = (parts: LineParts, init: { aim: SchedulerAim }): Line => {
  const { clock, logger, settings, allocations, jobs, full, bring, notice } = parts;
  let estimator: Estimator = createEstimator(null);
  let estimatesSavedAtMs = clock.monotonicMs();
  let learned = false;
  let paused = false;
  let stopped = false;
  /** Told to start, and not yet in the book. */
  const pending = new Map<string, Resources>();
  /** When those that had made room went on. */
  const resumedAtMs = new Map<string, number>();
  let cancelTold: (() => void) | null = null;
  let toldAtMs = Number.NEGATIVE_INFINITY;

  const needOf = (job: Job): Resources => {
    const { reserved } = job.origin;
    const { memoryBytes, containers } = job.facts.needs;
    const lendable =
      job.millicores === null
        ? (allocations.promises().find(({ resource }) => resource === 'cpu')?.lendable ?? WHOLE_CORE)
        : 0;
    const wanted = job.millicores ?? Math.max(millicoresOf(1), Math.min(WHOLE_CORE, lendable));
    return {
      millicores: Math.max(0, wanted - reserved.millicores),
      memoryBytes,
      containers: Math.max(0, containers - reserved.containers),
    };
  };
  const mayBePutBack = (job: Job): boolean =>
    job.spec.queue &&
    (job.facts.restartsDone < job.spec.restarts ||
      (job.startedAtMs !== null && clock.nowMs() - job.startedAtMs < YOUNG_MS));
  /** What would be free if it made room, which is all that the queue may count on. */
  const roomOf = (job: Job): Resources => {
    const all = needOf(job);
    return mayBePutBack(job) ? all : { ...all, memoryBytes: 0, containers: 0 };
  };
  const free = (): Resources => {
    const now: Resources = {
      millicores: allocations.free('cpu'),
      memoryBytes: allocations.free('memory'),
      containers: allocations.free('container'),
    };
    for (const { millicores, memoryBytes, containers } of pending.values()) {
      now.millicores -= millicores;
      now.memoryBytes -= memoryBytes;
      now.containers -= containers;
    }
    return {
      millicores: Math.max(0, now.millicores),
      memoryBytes: Math.max(0, now.memoryBytes),
      containers: Math.max(0, now.containers),
    };
  };
  const running = (): Running[] => {
    const found: Running[] = [];
    for (const job of jobs.values()) {
      const { run } = job;
      const isPending = pending.has(job.id);
      if (!isPending && (run === null || run.gone)) continue;
      // It gave back its processor and keeps the rest, which is the machine's all the same.
      const suspended = !isPending && run?.suspended === true;
      const has = suspended ? { ...needOf(job), millicores: 0 } : needOf(job);
      const rested = (resumedAtMs.get(job.id) ?? Number.NEGATIVE_INFINITY) + PREEMPT_REST_MS < clock.monotonicMs();
      const preemptible =
        !isPending &&
        !suspended &&
        job.origin.side === 'own' &&
        run?.running === true &&
        job.heldBy !== 'none' &&
        !job.ending &&
        rested;
      found.push({
        id: job.id,
        who: job.origin.who,
        priority: job.spec.priority,
        has,
        gives: suspended ? has : roomOf(job),
        suspended,
        startedAtMs: job.startedAtMs ?? clock.nowMs(),
        estimateMs: estimateOf(job)?.ms ?? null,
        preemptible,
      });
    }
    return found;
  };
  const estimateOf = (job: Job): JobView['estimate'] =>
    job.programSha256 === '' ? null : estimator.estimate(estimateKeyOf(job.spec, job.programSha256));

  const add = (job: Job, needs: Resources): boolean => {
    try {
      queue.add({
        id: job.id,
        who: job.origin.who,
        priority: job.spec.priority,
        needs,
        estimateMs: estimateOf(job)?.ms ?? null,
        queuedAtMs: job.createdAtMs,
      });
      return true;
    } catch (error) {
      logger.warn('A job could not be put into the line', { job: job.id, reason: messageOf(error) });
      return false;
    }
  };
  const start = (id: string): void => {
    const job = jobs.get(id as JobId);
    if (job === undefined || job.ending) return;
    const { run } = job;
    if (run !== null && run.suspended) {
      pending.set(id, { ...needOf(job), memoryBytes: 0, containers: 0 });
      resumedAtMs.set(id, clock.monotonicMs());
      run
        .resume()
        .catch(() => void add(job, { ...needOf(job), memoryBytes: 0, containers: 0 }))
        .finally(() => pending.delete(id));
      return;
    }
    pending.set(id, needOf(job));
    void bring(job);
  };
  const makeRoom = async (job: Job, to: string): Promise<void> => {
    const { run } = job;
    const other = jobs.get(to as JobId);
    // It ended, or went elsewhere, or who needed its room has found other.
    if (stopped || job.ending || run === null || run.gone || run.suspended || other?.status !== 'queued') return;
    const wanted = needOf(other);
    const now = free();
    if (wanted.memoryBytes > now.memoryBytes || wanted.containers > now.containers) {
      if (mayBePutBack(job)) job.putBack('A job of higher priority needs its room.');
      return;
    }
    if (!add(job, { ...needOf(job), memoryBytes: 0, containers: 0 })) return;
    await run.suspend();
    queue.look();
  };
  const queue = createJobQueue({
    clock,
    scheduler: createScheduler({ aim: init.aim, queuedPerWhoMax: QUEUED_MAX }),
    free,
    running,
    blocked: () => (paused ? 'The node finishes what runs.' : full() ? 'As many jobs run as may at once.' : null),
    start,
    preempt: (id, to, noticeMs) => {
      const job = jobs.get(id as JobId);
      if (job === undefined) return;
      notice(job, 'A job of higher priority needs its room.', noticeMs);
      clock.after(noticeMs, () => void makeRoom(job, to));
    },
    changed: () => {
      if (cancelTold !== null || stopped) return;
      const waitMs = Math.max(0, toldAtMs + QUEUE_TOLD_MS - clock.monotonicMs());
      cancelTold = clock.after(waitMs, () => {
        cancelTold = null;
        toldAtMs = clock.monotonicMs();
        parts.changed();
      });
    },
  });
  /** While nothing new is started: what stands still is to come to its end as well. */
  const finishSuspended = (): void => {
    for (const job of jobs.values()) {
      if (job.ending || pending.has(job.id) || job.run?.suspended !== true) continue;
      if (needOf(job).millicores > free().millicores) continue;
      queue.remove(job.id);
      start(job.id);
    }
  };
  const save = async (): Promise<void> => {
    if (!learned || settings === null) return;
    learned = false;
    estimatesSavedAtMs = clock.monotonicMs();
    try {
      await settings.set(ESTIMATES_KEY, estimator.encode());
    } catch (error) {
      logger.warn('What was learned of jobs could not be kept', { reason: messageOf(error) });
    }
  };

  return {
    load: async () => {
      const known = await settings?.get(ESTIMATES_KEY);
      if (known instanceof Uint8Array) estimator = createEstimator(known);
      const kept = (await settings?.get(QUEUE_KEY)) as { aim?: unknown } | undefined;
      const aim = AIMS.find((one) => one === kept?.aim);
      if (aim !== undefined) queue.aim = aim;
    },
    save,
    stop: () => {
      stopped = true;
      cancelTold?.();
      queue.stop();
    },
    admit: (who) => {
      let mine = 0;
      if (who !== OWN_ORIGIN.who)
        for (const job of jobs.values()) if (job.status === 'queued' && job.origin.who === who) mine++;
      const queuedMax = mine >= QUEUED_PER_BORROWER_MAX ? QUEUED_PER_BORROWER_MAX : QUEUED_MAX;
      if (queue.queued < QUEUED_MAX && mine < QUEUED_PER_BORROWER_MAX) return;
      throw new RuntimeError(
        { code: 'QUEUE_FULL', queuedMax },
        `${queuedMax} jobs wait already, the most at once; wait until some have run.`,
      );
    },
    wait: (job) => {
      if (job.ending) return;
      job.waits('queued', 'Waits in line for room.');
      if (!add(job, needOf(job))) job.end({ why: 'crashed', message: 'The line is full; start it again later.' });
    },
    begun: (job) => {
      pending.delete(job.id);
    },
    ended: (job) => {
      pending.delete(job.id);
      resumedAtMs.delete(job.id);
      queue.remove(job.id);
      const end = job.view().end;
      const usage = job.run?.usage ?? null;
      if (end?.why === 'exited' && usage !== null && job.programSha256 !== '') {
        estimator.learn(estimateKeyOf(job.spec, job.programSha256), {
          ms: usage.activeMs,
          memoryBytes: usage.memoryBytesPeak ?? 0,
        });
        learned = true;
        if (clock.monotonicMs() - estimatesSavedAtMs > ESTIMATES_SAVED_MS) void save();
      }
      if (paused && !stopped) finishSuspended();
      queue.look();
    },
    used: (job, ms) => {
      const { run } = job;
      if (run !== null && !run.gone && run.running) queue.account(job.origin.who, run.effectiveMillicores * ms);
    },
    positionOf: (job) => queue.positionOf(job.id),
    estimateOf,
    state: () => {
      const counts = new Map<string, { running: number; queued: number }>();
      for (const job of jobs.values()) {
        const count = counts.get(job.origin.who) ?? { running: 0, queued: 0 };
        counts.set(job.origin.who, count);
        if (job.status === 'queued') count.queued++;
        else count.running++;
      }
      return {
        aim: queue.aim,
        queued: queue.queued,
        queuedMax: QUEUED_MAX,
        shares: queue.shares().map(({ who, usedPercent, fairPercent }) => ({
          who,
          name: who === OWN_ORIGIN.who ? 'You' : who.slice(0, 16),
          running: counts.get(who)?.running ?? 0,
          queued: counts.get(who)?.queued ?? 0,
          sharePercent: usedPercent,
          fairPercent,
        })),
        decisions: queue.decisions(),
      };
    },
    setAim: async (aim) => {
      queue.aim = aim;
      await settings?.set(QUEUE_KEY, { aim });
    },
    pause: (now) => {
      paused = now;
      if (paused) finishSuspended();
      queue.look();
    },
  };
};
