import { assert } from '../../../base/index.ts';
import type { Priority, SchedulerAim } from '../../../../preload/contract/index.ts';
import { RuntimeError } from '../errors.ts';
import {
  CORE_CONTAINERS,
  CORE_MEMORY_BYTES,
  QUEUED_MAX,
  QUEUED_PER_WHO_MAX,
  RULES,
  type SchedulerRules,
  WHOS_KEPT_MAX,
} from './constants.ts';
import { createHistory } from './history.ts';
import type { Decision, Resources, Running, Scheduler, SchedulerInit, Waiting } from './interface.ts';
import { LEVEL, victimsFor } from './preemption.ts';
import { expectedEndMs, type Shadow, shadowOf } from './reservation.ts';
import { alignment, dominantShare, fits, NOTHING, plus, smaller } from './resources.ts';
import { createLane, type Entry, type Lane, type Limit } from './waiting.ts';

/** Where a lane stands among the others at one moment. Compared in this order; the smaller goes first. */
interface Standing {
  lane: Lane;
  /** 0: waited too long with nothing running; 1: everybody else. */
  turn: number;
  /** `balanced`: what it has and had by what it may have. */
  load: number;
  /** Added to the ranks of its jobs. */
  laterMs: number;
}
interface Candidate {
  entry: Entry;
  standing: Standing;
}
const compare = (a: Candidate, b: Candidate): number =>
  a.standing.turn - b.standing.turn ||
  a.standing.load - b.standing.load ||
  a.entry.rank + a.standing.laterMs - (b.entry.rank + b.standing.laterMs) ||
  a.entry.sequence - b.entry.sequence;

/** Decisions are asked for again after so long where time alone can change them. */
const AGAIN_MS = 1_000;

const coresWorth = (needs: Resources): number =>
  Math.max(needs.millicores / 1000, needs.memoryBytes / CORE_MEMORY_BYTES, needs.containers / CORE_CONTAINERS);

export const createScheduler = (init: SchedulerInit): Scheduler => {
  const rules: SchedulerRules = { ...RULES, ...init.rules };
  const queuedMax = init.queuedMax ?? QUEUED_MAX;
  const queuedPerWhoMax = init.queuedPerWhoMax ?? QUEUED_PER_WHO_MAX;
  let aim: SchedulerAim = init.aim;
  const entries = new Map<string, Entry>();
  const lanes = new Map<string, Lane>();
  const waitingByPriority: Record<Priority, number> = { low: 0, normal: 0, high: 0 };
  /** All that those who wait need together. */
  let wanted: Resources = NOTHING;
  let sequence = 0;
  const history = createHistory(rules.halfLifeMs);
  let capacity: Resources = NOTHING;
  let decidedAtMs = 0;

  /** The job for which room is kept. It stays that until it starts, leaves, or something more urgent comes before it is firm. */
  let reserved: { id: string; sinceMs: number } | null = null;
  /** Who was asked to make room and is still there. */
  const leaving = new Map<string, { untilMs: number; has: Resources }>();
  /** How often a job was asked; those that ran longest ago are forgotten first. */
  const asked = new Map<string, number>();
  let asksLeft = rules.preemptionsPerMinute;
  let asksAtMs: number | null = null;
  /** `efficiency`: how often others went before the one that is first. */
  let passed = { id: '', times: 0 };
  let gatheringSinceMs: number | null = null;

  const rankOf = (job: Waiting): number => {
    const timeMs = job.estimateMs ?? rules.unknownMs;
    const size = aim === 'throughput' ? timeMs * coresWorth(job.needs) : timeMs;
    return job.queuedAtMs - rules.headStartMs[job.priority] + Math.min(rules.lateness[aim] * size, rules.latenessMsMax);
  };
  const insert = (job: Waiting, at: number): void => {
    const entry: Entry = {
      job,
      rank: rankOf(job),
      sequence: at,
      millicores: job.needs.millicores,
      memoryBytes: job.needs.memoryBytes,
      containers: job.needs.containers,
      estimateMs: job.estimateMs ?? Number.POSITIVE_INFINITY,
    };
    entries.set(job.id, entry);
    let lane = lanes.get(job.who);
    if (lane === undefined) {
      lane = createLane(job.who);
      lanes.set(job.who, lane);
    }
    lane.insert(entry);
  };
  const remove = (id: string): boolean => {
    const entry = entries.get(id);
    if (entry === undefined) return false;
    entries.delete(id);
    const lane = lanes.get(entry.job.who) as Lane;
    lane.delete(entry);
    if (lane.size === 0) lanes.delete(lane.who);
    waitingByPriority[entry.job.priority] -= 1;
    wanted = {
      millicores: wanted.millicores - entry.millicores,
      memoryBytes: wanted.memoryBytes - entry.memoryBytes,
      containers: wanted.containers - entry.containers,
    };
    if (reserved?.id === id) reserved = null;
    return true;
  };

  const standingOf = (lane: Lane, nowMs: number): Standing => {
    const running = history.runningShare(lane.who);
    const load = running + history.lately(lane.who, nowMs);
    if (aim !== 'balanced') return { lane, turn: 1, load: 0, laterMs: load * rules.fairMs[aim] };
    const { job } = lane.head;
    const thirstyForMs = nowMs - Math.max(job.queuedAtMs, history.startedAtMs(lane.who));
    // Those who are thirsty go as they last had something, so that they take turns among themselves.
    if (running === 0 && thirstyForMs > rules.thirstMs) return { lane, turn: 0, load: -thirstyForMs, laterMs: 0 };
    return { lane, turn: 1, load: load / rules.weight[job.priority], laterMs: 0 };
  };
  /** The first `count` of all that are within one of the limits, in order. */
  const firstOf = (limits: readonly Limit[], count: number, nowMs: number): Candidate[] => {
    let found: Candidate[] = [];
    for (const lane of lanes.values()) {
      const standing = standingOf(lane, nowMs);
      const worst = found.length < count ? undefined : found[found.length - 1];
      if (worst !== undefined && compare({ entry: lane.head, standing }, worst) > 0) continue;
      const more = lane.collect(limits, count).map((entry) => ({ entry, standing }));
      if (more.length === 0) continue;
      found = [...found, ...more].sort(compare).slice(0, count);
    }
    return found;
  };

  /** Takes note of what runs; @returns when each of them ends, as far as can be told */
  const see = (nowMs: number, free: Resources, running: readonly Running[]): { atMs: number; has: Resources }[] => {
    capacity = free;
    for (const job of running) capacity = plus(capacity, job.has);
    const shares = new Map<string, number>();
    const byWho = new Map<string, Resources>();
    for (const job of running) byWho.set(job.who, plus(byWho.get(job.who) ?? NOTHING, job.has));
    for (const [who, has] of byWho) shares.set(who, dominantShare(has, capacity));
    history.see(shares, nowMs);
    history.prune(WHOS_KEPT_MAX, (who) => lanes.has(who));
    if (leaving.size > 0) {
      const there = new Set(running.map((job) => job.id));
      // Who is still there long after the notice did not make room: it is not counted on any longer.
      for (const [id, { untilMs }] of leaving)
        if (!there.has(id) || nowMs > untilMs + 2 * rules.noticeMs) leaving.delete(id);
    }
    return running.map((job) => ({
      atMs: leaving.get(job.id)?.untilMs ?? expectedEndMs(job, nowMs, rules.unknownMs),
      has: job.has,
    }));
  };

  const start = (entry: Entry, nowMs: number): Decision => {
    remove(entry.job.id);
    history.started(entry.job.who, nowMs);
    gatheringSinceMs = null;
    return { kind: 'start', id: entry.job.id };
  };

  /** Whether an idle machine stays idle for a little, so that it then has more to do at once. */
  const gathers = (nowMs: number, running: readonly Running[]): number | null => {
    if (aim !== 'efficiency' || running.length > 0 || waitingByPriority.high > 0) return null;
    if (dominantShare(wanted, capacity) >= rules.gatherShare) return null;
    gatheringSinceMs ??= nowMs;
    const leftMs = gatheringSinceMs + rules.gatherMs - nowMs;
    return leftMs > 0 ? leftMs : null;
  };

  /** `efficiency`: of the first that fit, the one that fills best what is free; the first of all, once it was passed too often. */
  const bestOf = (candidates: readonly Candidate[], free: Resources): Entry => {
    const first = (candidates[0] as Candidate).entry;
    if (passed.id !== first.job.id) passed = { id: first.job.id, times: 0 };
    if (passed.times >= rules.passesMax) return first;
    let best = first;
    let bestScore = alignment(first, free, capacity);
    for (const { entry } of candidates) {
      const score = alignment(entry, free, capacity);
      if (score > bestScore) {
        best = entry;
        bestScore = score;
      }
    }
    if (best !== first) passed.times += 1;
    return best;
  };
  const firstThatFits = (limits: readonly Limit[], free: Resources, nowMs: number): Entry | null => {
    const candidates = firstOf(limits, aim === 'efficiency' ? rules.choice : 1, nowMs);
    if (candidates.length === 0) return null;
    return aim === 'efficiency' ? bestOf(candidates, free) : (candidates[0] as Candidate).entry;
  };

  const mayAsk = (nowMs: number): boolean => {
    const perMs = rules.preemptionsPerMinute / 60_000;
    if (asksAtMs !== null)
      asksLeft = Math.min(rules.preemptionsPerMinute, asksLeft + Math.max(0, nowMs - asksAtMs) * perMs);
    asksAtMs = Math.max(nowMs, asksAtMs ?? nowMs);
    return asksLeft >= 1;
  };
  /** Asks somebody to make room for the first in line, where that is worth it. */
  const preempt = (
    target: Entry,
    shadow: Shadow | null,
    state: { nowMs: number; free: Resources; running: readonly Running[] },
  ): Decision | null => {
    const { nowMs, running } = state;
    if (target.job.priority === 'low' || !mayAsk(nowMs)) return null;
    if (shadow !== null && shadow.atMs - nowMs <= rules.noticeMs + rules.preemptGainMs) return null;
    let room = state.free;
    for (const { has } of leaving.values()) room = plus(room, has);
    if (fits(target, room)) return null;
    const candidates = running.filter((job) => !leaving.has(job.id) && (asked.get(job.id) ?? 0) < rules.preemptedMax);
    const victim = victimsFor({ needs: target, priority: target.job.priority }, room, candidates, capacity, nowMs)[0];
    if (victim === undefined) return null;
    asksLeft -= 1;
    const times = (asked.get(victim.id) ?? 0) + 1;
    asked.delete(victim.id);
    asked.set(victim.id, times);
    const oldest = asked.size > QUEUED_MAX ? asked.keys().next().value : undefined;
    if (oldest !== undefined) asked.delete(oldest);
    leaving.set(victim.id, { untilMs: nowMs + rules.noticeMs, has: victim.has });
    return { kind: 'preempt', id: victim.id, for: target.job.id, noticeMs: rules.noticeMs };
  };

  /** Who is next: that for which room is kept, or the first of those that the machine could ever hold. */
  const targetOf = (nowMs: number): Entry | null => {
    const held = reserved === null ? undefined : entries.get(reserved.id);
    if (held === undefined || reserved === null || !fits(held, capacity)) reserved = null;
    else if (nowMs - reserved.sinceMs >= rules.hardMs) return held;
    const first = firstOf([{ ...capacity, estimateMs: Number.POSITIVE_INFINITY }], 1, nowMs)[0]?.entry ?? null;
    if (first === null || reserved === null || held === undefined) return first;
    return LEVEL[first.job.priority] > LEVEL[held.job.priority] ? first : held;
  };

  const decide: Scheduler['decide'] = (state) => {
    const { nowMs, free, running } = state;
    const ends = see(nowMs, free, running);
    decidedAtMs = nowMs;
    if (entries.size === 0) return { kind: 'wait', reason: 'Nothing waits.', againMs: null };
    const target = targetOf(nowMs);
    if (target === null)
      return {
        kind: 'wait',
        reason: 'Whatever waits needs more than this machine has, even with nothing else running.',
        againMs: null,
      };
    const gatherMs = gathers(nowMs, running);
    if (gatherMs !== null)
      return { kind: 'wait', reason: 'Waits for more work, so that all is done at once.', againMs: gatherMs };

    const anyTime = Number.POSITIVE_INFINITY;
    if (fits(target, free)) {
      if (aim !== 'efficiency' || reserved?.id === target.job.id) return start(target, nowMs);
      return start(firstThatFits([{ ...free, estimateMs: anyTime }], free, nowMs) ?? target, nowMs);
    }
    if (reserved?.id !== target.job.id) reserved = { id: target.job.id, sinceMs: nowMs };
    const shadow = shadowOf(target, free, ends);
    const ask = preempt(target, shadow, state);
    if (ask !== null) return ask;
    const limits: Limit[] = [];
    if (shadow !== null) {
      limits.push({ ...smaller(free, shadow.extra), estimateMs: anyTime });
      if (nowMs - reserved.sinceMs < rules.hardMs) limits.push({ ...free, estimateMs: shadow.atMs - nowMs });
    }
    const fill = firstThatFits(limits, free, nowMs);
    if (fill !== null) return start(fill, nowMs);
    return {
      kind: 'wait',
      reason:
        entries.size === 1
          ? 'There is no room for it yet.'
          : 'There is no room for the first in line, and the others would be in its way or do not fit either.',
      againMs: AGAIN_MS,
    };
  };

  return {
    get aim() {
      return aim;
    },
    set aim(to) {
      if (to === aim) return;
      aim = to;
      const all = [...entries.values()];
      entries.clear();
      lanes.clear();
      for (const { job, sequence: at } of all) insert(job, at);
    },
    get queued() {
      return entries.size;
    },
    add: (job) => {
      assert(!entries.has(job.id), 'A job waits once.');
      if (entries.size >= queuedMax)
        throw new RuntimeError(
          { code: 'QUEUE_FULL', queuedMax },
          `${queuedMax} jobs wait already, and no more are taken; try again when some have ended.`,
        );
      if ((lanes.get(job.who)?.size ?? 0) >= queuedPerWhoMax)
        throw new RuntimeError(
          { code: 'QUEUE_FULL', queuedMax: queuedPerWhoMax },
          `${queuedPerWhoMax} jobs of the same owner wait already; the rest of the line is for others.`,
        );
      insert(job, sequence);
      sequence += 1;
      waitingByPriority[job.priority] += 1;
      wanted = plus(wanted, job.needs);
    },
    remove,
    positionOf: (id) => {
      const entry = entries.get(id);
      if (entry === undefined) return null;
      const nowMs = decidedAtMs;
      const own = standingOf(lanes.get(entry.job.who) as Lane, nowMs);
      let position = 1;
      for (const lane of lanes.values()) {
        const standing = standingOf(lane, nowMs);
        const turn = standing.turn - own.turn || standing.load - own.load;
        if (lane === own.lane) position += lane.before(entry.rank, entry.sequence);
        else if (turn < 0) position += lane.size;
        else if (turn === 0) position += lane.before(entry.rank + own.laterMs - standing.laterMs, entry.sequence);
      }
      return position;
    },
    decide,
    account: (who, millicoreMs, nowMs) =>
      history.used(who, capacity.millicores > 0 ? millicoreMs / capacity.millicores : 0, nowMs),
    shares: (nowMs) => {
      const whos = new Set(lanes.keys());
      for (const who of history.whos()) if (history.runningShare(who) > 0) whos.add(who);
      return [...whos].map((who) => ({
        who,
        usedPercent: 100 * history.lately(who, nowMs),
        fairPercent: 100 / whos.size,
      }));
    },
  };
};
