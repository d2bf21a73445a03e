import type { Priority, SchedulerAim } from '../../../../preload/contract/index.ts';

/** Jobs that wait at most, in all: their specs are kept in the store, and a decision looks at them in less than 1 ms. */
export const QUEUED_MAX = 10_000;
/** Jobs of one `who` that wait at most, so that nobody takes the whole line. */
export const QUEUED_PER_WHO_MAX = 4_000;
/** Whos of whom a history is kept while they neither wait nor run. */
export const WHOS_KEPT_MAX = 4_096;

/** What the rules of the queue are made of; docs/decisions/0013-scheduling.md says why these and not others. */
export interface SchedulerRules {
  /** How much earlier than it came a job counts as come. As it is added once, whoever waits for longer goes first: ageing. */
  headStartMs: Readonly<Record<Priority, number>>;
  /** How much later than it came a job counts as come, for each ms of its estimate on one core, wider ones more. */
  lateness: Readonly<Record<SchedulerAim, number>>;
  /** The most that {@link lateness} comes to: how long those that come after it may go first for being shorter. */
  latenessMsMax: number;
  /** How much later all jobs of somebody count as come who has the whole machine now and had it lately: fair shares. */
  fairMs: Readonly<Record<SchedulerAim, number>>;
  /** `balanced`: how much a `who` may have, by the priority of what it wants next. */
  weight: Readonly<Record<Priority, number>>;
  /** `balanced`: who has nothing running and has waited so long goes first. */
  thirstMs: number;
  /** What somebody had counts half after so long. */
  halfLifeMs: number;
  /** What is taken for the time of a job of which nothing is known. */
  unknownMs: number;
  /** After so long as head of the line nothing goes into the room kept for a job, however short it claims to be. */
  hardMs: number;
  /** `efficiency`: among how many of those that fit the best is chosen. */
  choice: number;
  /** `efficiency`: how often others may be chosen before the first in line. */
  passesMax: number;
  /** `efficiency`: how long an idle machine gathers work, and what share of it has to be asked for to begin at once. */
  gatherMs: number;
  gatherShare: number;
  /** How long a job is told before that it has to make room. */
  noticeMs: number;
  /** Making room is not asked for where waiting is not much longer. */
  preemptGainMs: number;
  preemptionsPerMinute: number;
  /** How often the same job is asked at most. */
  preemptedMax: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export const RULES: SchedulerRules = {
  headStartMs: { low: -30 * MINUTE, normal: 0, high: 10 * MINUTE },
  lateness: { speed: 20, efficiency: 0, balanced: 0, throughput: 20 },
  latenessMsMax: 120 * MINUTE,
  fairMs: { speed: MINUTE, efficiency: MINUTE, balanced: 0, throughput: MINUTE },
  weight: { low: 0.5, normal: 1, high: 2 },
  thirstMs: 10 * MINUTE,
  halfLifeMs: 10 * MINUTE,
  unknownMs: MINUTE,
  hardMs: 5 * MINUTE,
  choice: 64,
  passesMax: 32,
  gatherMs: 20 * SECOND,
  gatherShare: 0.5,
  noticeMs: 5 * SECOND,
  preemptGainMs: 5 * SECOND,
  preemptionsPerMinute: 12,
  preemptedMax: 2,
};

/** What counts as much as a core where work of unlike jobs is compared: a PC has about so much of each. */
export const CORE_MEMORY_BYTES = 2 * 1024 ** 3;
export const CORE_CONTAINERS = 4;
