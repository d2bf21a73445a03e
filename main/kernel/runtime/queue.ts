import type { Clock } from '../../base/index.ts';
import type { QueueState, SchedulerAim } from '../../../preload/contract/index.ts';
import { DECISIONS_AT_ONCE_MAX, DECISIONS_TIMED } from './constants.ts';
import type { Resources, Running, Scheduler, Waiting } from './scheduler/index.ts';

export interface JobQueueParts {
  clock: Clock;
  scheduler: Scheduler;
  free(): Resources;
  running(): Running[];
  /** Why nothing may start now, whatever room there is; null when it may. */
  blocked(): string | null;
  /** Counts as running from the moment this is called. */
  start(id: string): void;
  preempt(id: string, to: string, noticeMs: number): void;
  changed(): void;
}

/** Asks the scheduler whenever something came, ended or got room, does what it says, and takes the time of it. */
export interface JobQueue {
  aim: SchedulerAim;
  readonly queued: number;
  /** Why the first in line waits. */
  readonly reason: string;
  /** @throws {RuntimeError} `QUEUE_FULL` */
  add(job: Waiting): void;
  remove(id: string): void;
  positionOf(id: string): number | null;
  /** Something changed: decides soon. */
  look(): void;
  account(who: string, millicoreMs: number): void;
  decisions(): QueueState['decisions'];
  shares(): { who: string; usedPercent: number; fairPercent: number }[];
  stop(): void;
}

export const createJobQueue = ({
  clock,
  scheduler,
  free,
  running,
  blocked,
  start,
  preempt,
  changed,
}: JobQueueParts): JobQueue => {
  /** Of the newest decisions, microseconds, in no order. */
  const times: number[] = [];
  let made = 0;
  let reason = '';
  let cancelLook: (() => void) | null = null;
  let cancelAgain: () => void = () => undefined;
  let stopped = false;
  /** Places as they were found since something last changed: a list asks for many, and more often than the line moves. */
  let positions = new Map<string, number | null>();
  const decide = (): void => {
    cancelLook = null;
    cancelAgain();
    let acted = false;
    for (let turn = 0; turn < DECISIONS_AT_ONCE_MAX && !stopped; turn++) {
      if (scheduler.queued === 0) break;
      const why = blocked();
      if (why !== null) {
        reason = why;
        if (acted) told();
        return;
      }
      const beginMs = clock.monotonicMs();
      const decision = scheduler.decide({ nowMs: clock.nowMs(), free: free(), running: running() });
      times[made++ % DECISIONS_TIMED] = (clock.monotonicMs() - beginMs) * 1000;
      if (decision.kind === 'wait') {
        reason = decision.reason;
        if (decision.againMs !== null) cancelAgain = clock.after(decision.againMs, look);
        if (acted) told();
        return;
      }
      acted = true;
      if (decision.kind === 'start') start(decision.id);
      else preempt(decision.id, decision.for, decision.noticeMs);
    }
    reason = '';
    if (acted) told();
    // Others want the thread, too.
    if (scheduler.queued > 0) look();
  };
  const look = (): void => {
    if (stopped) return;
    cancelLook ??= clock.after(0, decide);
  };
  const told = (): void => {
    positions = new Map();
    changed();
  };
  return {
    get aim() {
      return scheduler.aim;
    },
    set aim(aim) {
      scheduler.aim = aim;
      told();
      look();
    },
    get queued() {
      return scheduler.queued;
    },
    get reason() {
      return reason;
    },
    add: (job) => {
      scheduler.add(job);
      told();
      look();
    },
    remove: (id) => {
      if (!scheduler.remove(id)) return;
      told();
      look();
    },
    positionOf: (id) => {
      const known = positions.get(id);
      if (known !== undefined) return known;
      const found = scheduler.positionOf(id);
      positions.set(id, found);
      return found;
    },
    look,
    account: (who, millicoreMs) => scheduler.account(who, millicoreMs, clock.nowMs()),
    decisions: () => {
      const sorted = times.toSorted((one, other) => one - other);
      const at = (part: number): number => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
      return { made, p50Micros: at(0.5), p99Micros: at(0.99) };
    },
    shares: () => scheduler.shares(clock.nowMs()).map((share) => ({ ...share })),
    stop: () => {
      stopped = true;
      cancelLook?.();
      cancelAgain();
    },
  };
};
