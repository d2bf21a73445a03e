import {
  createScheduler,
  type Running,
  type Scheduler,
  type SchedulerInit,
  type SchedulerRules,
  type Waiting,
} from '../../../../../main/kernel/runtime/scheduler/index.ts';
import type { Make } from './checks.ts';

/** A scheduler that is told of something else than what is there, or does something else than it decides. */
const wrap = (
  init: SchedulerInit,
  change: {
    waiting?: (job: Waiting) => Waiting;
    running?: (job: Running) => Running;
    decide?: (inner: Scheduler, state: Parameters<Scheduler['decide']>[0]) => ReturnType<Scheduler['decide']>;
    who?: (who: string) => string;
  },
): Scheduler => {
  const inner = createScheduler(init);
  const who = change.who ?? ((name: string) => name);
  return {
    get aim() {
      return inner.aim;
    },
    set aim(to) {
      inner.aim = to;
    },
    get queued() {
      return inner.queued;
    },
    add: (job) => inner.add((change.waiting ?? ((same) => same))({ ...job, who: who(job.who) })),
    remove: (id) => inner.remove(id),
    positionOf: (id) => inner.positionOf(id),
    decide: (state) => {
      const told = {
        ...state,
        running: state.running.map((job) => (change.running ?? ((same) => same))({ ...job, who: who(job.who) })),
      };
      return change.decide === undefined ? inner.decide(told) : change.decide(inner, told);
    },
    account: (name, used, nowMs) => inner.account(who(name), used, nowMs),
    shares: (nowMs) => inner.shares(nowMs),
  };
};
const ruled =
  (rules: Partial<SchedulerRules>): Make =>
  (init) =>
    createScheduler({ ...init, rules });
const FOR_EVER = 1e12;
/** Outside of any scheduler: what a decision must not depend on. */
let calls = 0;

/** What could be wrong with a scheduler, each alone, and the beginning of the check that must notice it. */
export const FAULTS: Readonly<Record<string, readonly [noticedBy: string, Make]>> = {
  'does not age': ['low priority gets', ruled({ headStartMs: { low: -FOR_EVER, normal: 0, high: FOR_EVER } })],
  'last in, first out': [
    'those who are alike',
    (init) => wrap(init, { waiting: (job) => ({ ...job, queuedAtMs: -job.queuedAtMs }) }),
  ],
  'ignores memory': [
    'nothing is idle',
    (init) => wrap(init, { waiting: (job) => ({ ...job, needs: { ...job.needs, memoryBytes: 0 } }) }),
  ],
  'ignores containers': [
    'nothing is idle',
    (init) =>
      wrap(init, {
        waiting: (job) => ({ ...job, needs: { ...job.needs, containers: 0 } }),
        running: (job) => ({ ...job, has: { ...job.has, containers: 0 } }),
      }),
  ],
  'ignores priorities': [
    'high priority goes',
    (init) => wrap(init, { waiting: (job) => ({ ...job, priority: 'normal' }) }),
  ],
  'believes in more room than there is': [
    'nothing is idle',
    (init) =>
      wrap(init, {
        decide: (inner, state) =>
          inner.decide({ ...state, free: { ...state.free, millicores: state.free.millicores + 500 } }),
      }),
  ],
  'does not fill gaps': ['nothing is idle', ruled({ hardMs: 0 })],
  'lets short ones pass for ever': ['one that is kept', ruled({ hardMs: FOR_EVER })],
  'takes every job for a short one': [
    'what fills a gap',
    (init) => wrap({ ...init, rules: { hardMs: FOR_EVER } }, { waiting: (job) => ({ ...job, estimateMs: 1 }) }),
  ],
  'lets long ones wait for ever': [
    'a long job gets',
    ruled({
      lateness: { speed: 1e6, efficiency: 1e6, balanced: 1e6, throughput: 1e6 },
      latenessMsMax: FOR_EVER,
    }),
  ],
  'takes all owners for one': ['who comes new', (init) => wrap(init, { who: () => 'one' })],
  'remembers what somebody had for days': [
    'what somebody had',
    ruled({ halfLifeMs: 600 * 60_000, thirstMs: FOR_EVER }),
  ],
  'shuts out who had something': ['newcomers', ruled({ thirstMs: FOR_EVER })],
  'asks for room without end': [
    'nobody is asked to make room often',
    ruled({ preemptionsPerMinute: 1e6, preemptedMax: 1e6 }),
  ],
  'never asks for room': ['a job of high', ruled({ preemptionsPerMinute: 0 })],
  'asks for room that comes anyway': ['nobody is asked to make room where', ruled({ preemptGainMs: -FOR_EVER })],
  'asks those who may not be asked': [
    'a job of high',
    (init) => wrap(init, { running: (job) => ({ ...job, preemptible: true }) }),
  ],
  'asks for what is no more urgent': [
    'nothing is idle',
    (init) => wrap(init, { running: (job) => ({ ...job, priority: 'low' }) }),
  ],
  'gathers work for ever': ['a job alone', ruled({ gatherMs: FOR_EVER })],
  'has no end of the line': [
    'the line has',
    (init) => createScheduler({ ...init, queuedMax: FOR_EVER, queuedPerWhoMax: FOR_EVER }),
  ],
  'loses a job': [
    'nothing is idle',
    (init) => {
      let added = 0;
      const inner = createScheduler(init);
      return {
        ...inner,
        get aim() {
          return inner.aim;
        },
        get queued() {
          return inner.queued;
        },
        add: (job) => {
          added += 1;
          if (added % 97 !== 0) inner.add(job);
        },
      };
    },
  ],
  'starts a job twice': [
    'nothing is idle',
    (init) => {
      let last: string | null = null;
      return wrap(init, {
        decide: (inner, state) => {
          if (last !== null && state.nowMs % 7 === 0) return { kind: 'start', id: last };
          const decision = inner.decide(state);
          if (decision.kind === 'start') last = decision.id;
          return decision;
        },
      });
    },
  ],
  'depends on what ran before': [
    'the same stream',
    (init) =>
      wrap(init, {
        waiting: (job) => {
          calls += 1;
          return { ...job, queuedAtMs: job.queuedAtMs + 60 * ((calls * 7_919) % 10_007) };
        },
      }),
  ],
};
