import type { SchedulerRules } from './constants.ts';
import type { Priority, SchedulerAim } from '../../../../preload/contract/index.ts';

/** Amounts of everything that jobs take of one machine, whole numbers. */
export interface Resources {
  millicores: number;
  memoryBytes: number;
  containers: number;
}
/** A job as the scheduler sees it. */
export interface Waiting {
  id: string;
  /** Whose it is: `own`, or a borrower's key. Fair shares are between these. */
  who: string;
  priority: Priority;
  needs: Resources;
  /** How long it takes, ms, by the estimator; null when nothing is known. */
  estimateMs: number | null;
  /** When it came, ms on the clock that `decide` is told. */
  queuedAtMs: number;
}
export interface Running {
  id: string;
  who: string;
  priority: Priority;
  has: Resources;
  /** What of that it gives back when it makes room, where that is not all: a job that is frozen keeps its memory. @default has */
  gives?: Resources;
  /** It has made room and stands still: `has` is what it kept. @default false */
  suspended?: boolean;
  startedAtMs: number;
  estimateMs: number | null;
  /** Whether it may be put back into the queue or moved away to make room: with notice, never often. */
  preemptible: boolean;
}
/** One decision: who starts now, or whom to ask to make room. */
export type Decision =
  | { kind: 'start'; id: string }
  | { kind: 'preempt'; id: string; for: string; noticeMs: number }
  /** `againMs`: ask again by then even if nothing comes, ends or gets room; null: there is no need to. */
  | { kind: 'wait'; reason: string; againMs: number | null };
export interface SchedulerInit {
  aim: SchedulerAim;
  /** Jobs that wait at most, in all and of one `who`. @default 10000 and 4000 */
  queuedMax?: number;
  queuedPerWhoMax?: number;
  /** @default RULES */
  rules?: Partial<SchedulerRules>;
}
/**
 * Who of those that wait goes next. Pure and deterministic: the same calls give the same decisions; the clock comes in. One decision
 * takes less than 1 ms with 10 000 waiting. Nobody waits for ever: see test/unit/kernel/runtime/scheduler.
 */
export interface Scheduler {
  aim: SchedulerAim;
  readonly queued: number;
  /** @throws {RuntimeError} `QUEUE_FULL` */
  add(job: Waiting): void;
  remove(id: string): boolean;
  /** Place in the line as it stands, from 1; null when it does not wait. May cost as much as a decision. */
  positionOf(id: string): number | null;
  /** Called when something came, ended or got room. One decision; the caller does it and asks again until it says `wait`. */
  decide(state: { nowMs: number; free: Resources; running: readonly Running[] }): Decision;
  /** What somebody used, for fair shares: told at every end and about once a second. */
  account(who: string, millicoreMs: number, nowMs: number): void;
  shares(nowMs: number): readonly { who: string; usedPercent: number; fairPercent: number }[];
}
/** Learns from jobs that ended how long such jobs take and what they need. Bounded, decayed, deterministic. */
export interface Estimator {
  /** @param key - what makes jobs alike: program or image with its arguments' shape */
  learn(key: string, ended: { ms: number; memoryBytes: number }): void;
  estimate(key: string): { ms: number; highMs: number; memoryBytes: number; samples: number } | null;
  /** To keep over a restart. */
  encode(): Uint8Array;
}
