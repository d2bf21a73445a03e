import { assert } from '../../../base/index.ts';
import type { Priority, SchedulerAim } from '../../../../preload/contract/index.ts';
import { RuntimeError } from '../errors.ts';
import { QUEUED_MAX, QUEUED_PER_WHO_MAX, RULES, type SchedulerRules, WHOS_KEPT_MAX } from './constants.ts';
import { createHistory } from './history.ts';
import type { Decision, Resources, Running, Scheduler, SchedulerInit } from './interface.ts';
import { createLine } from './line.ts';
import { LEVEL, victimsFor } from './preemption.ts';
import { expectedEndMs, type Shadow, shadowOf } from './reservation.ts';
import { alignment, dominantShare, fits, NOTHING, plus, smaller } from './resources.ts';
import type { Entry, Limit } from './waiting.ts';

const ANY_TIME = Number.POSITIVE_INFINITY;
/** Decisions are asked for again after so long where time alone can change them. */
const AGAIN_MS = 1_000;

export const createScheduler = (init: SchedulerInit): Scheduler => {
  const rules: SchedulerRules = { ...RULES, ...init.rules };
  const queuedMax = init.queuedMax ?? QUEUED_MAX;
  const queuedPerWhoMax = init.queuedPerWhoMax ?? QUEUED_PER_WHO_MAX;
  let aim: SchedulerAim = init.aim;
  const waitingByPriority: Record<Priority, number> = { low: 0, normal: 0, high: 0 };
  /** All that those who wait need together. */
  let wanted: Resources = NOTHING;
  const history = createHistory(rules.halfLifeMs);
  const line = createLine({ history }, { aim, rules });
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

  const remove = (id: string): boolean => {
    const entry = line.get(id);
    if (entry === undefined) return false;
    line.delete(entry);
    waitingByPriority[entry.job.priority] -= 1;
    wanted = {
      millicores: wanted.millicores - entry.millicores,
      memoryBytes: wanted.memoryBytes - entry.memoryBytes,
      containers: wanted.containers - entry.containers,
    };
    if (reserved?.id === id) reserved = null;
    return true;
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
    history.prune(WHOS_KEPT_MAX, (who) => line.sizeOf(who) > 0);
    if (leaving.size > 0) {
      const there = new Set(running.filter(({ suspended }) => suspended !== true).map(({ id }) => id));
      // Who is still there long after the notice did not make room: it is not counted on any longer.
      for (const [id, { untilMs }] of leaving)
        if (!there.has(id) || nowMs > untilMs + 2 * rules.noticeMs) leaving.delete(id);
    }
    return running.map((job) => ({
      atMs: leaving.get(job.id)?.untilMs ?? expectedEndMs(job, nowMs, rules.unknownMs),
      has: leaving.get(job.id)?.has ?? job.has,
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
  const bestOf = (candidates: readonly Entry[], free: Resources): Entry => {
    const first = candidates[0] as Entry;
    if (passed.id !== first.job.id) passed = { id: first.job.id, times: 0 };
    if (passed.times >= rules.passesMax) return first;
    let best = first;
    let bestScore = alignment(first, free, capacity);
    for (const entry of candidates) {
      const score = alignment(entry, free, capacity);
      if (score > bestScore) {
        best = entry;
        bestScore = score;
      }
    }
    if (best !== first) passed.times += 1;
    return best;
  };
  const firstThatFits = (free: Resources, nowMs: number, one: Limit, other: Limit | null): Entry | null => {
    const candidates = line.first(aim === 'efficiency' ? rules.choice : 1, nowMs, one, other);
    if (candidates.length === 0) return null;
    return aim === 'efficiency' ? bestOf(candidates, free) : (candidates[0] as Entry);
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
    leaving.set(victim.id, { untilMs: nowMs + rules.noticeMs, has: victim.gives ?? victim.has });
    return { kind: 'preempt', id: victim.id, for: target.job.id, noticeMs: rules.noticeMs };
  };

  /** Who is next: that for which room is kept, or the first of those that the machine could ever hold. */
  const targetOf = (nowMs: number): Entry | null => {
    const held = reserved === null ? undefined : line.get(reserved.id);
    if (held === undefined || reserved === null || !fits(held, capacity)) reserved = null;
    else if (nowMs - reserved.sinceMs >= rules.hardMs) return held;
    const first = line.first(1, nowMs, { ...capacity, estimateMs: ANY_TIME }, null)[0] ?? null;
    if (first === null || reserved === null || held === undefined) return first;
    return LEVEL[first.job.priority] > LEVEL[held.job.priority] ? first : held;
  };

  const decide: Scheduler['decide'] = (state) => {
    const { nowMs, free, running } = state;
    const ends = see(nowMs, free, running);
    decidedAtMs = nowMs;
    if (line.size === 0) return { kind: 'wait', reason: 'Nothing waits.', againMs: null };
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

    if (fits(target, free)) {
      if (aim !== 'efficiency' || reserved?.id === target.job.id) return start(target, nowMs);
      return start(firstThatFits(free, nowMs, { ...free, estimateMs: ANY_TIME }, null) ?? target, nowMs);
    }
    if (reserved?.id !== target.job.id) reserved = { id: target.job.id, sinceMs: nowMs };
    const shadow = shadowOf(target, free, ends);
    const ask = preempt(target, shadow, state);
    if (ask !== null) return ask;
    const fill =
      shadow === null
        ? null
        : firstThatFits(
            free,
            nowMs,
            { ...smaller(free, shadow.extra), estimateMs: ANY_TIME },
            nowMs - reserved.sinceMs < rules.hardMs ? { ...free, estimateMs: shadow.atMs - nowMs } : null,
          );
    if (fill !== null) return start(fill, nowMs);
    return {
      kind: 'wait',
      reason:
        line.size === 1
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
      line.reorder(to);
    },
    get queued() {
      return line.size;
    },
    add: (job) => {
      assert(line.get(job.id) === undefined, 'A job waits once.');
      if (line.size >= queuedMax)
        throw new RuntimeError(
          { code: 'QUEUE_FULL', queuedMax },
          `${queuedMax} jobs wait already, and no more are taken; try again when some have ended.`,
        );
      if (line.sizeOf(job.who) >= queuedPerWhoMax)
        throw new RuntimeError(
          { code: 'QUEUE_FULL', queuedMax: queuedPerWhoMax },
          `${queuedPerWhoMax} jobs of the same owner wait already; the rest of the line is for others.`,
        );
      line.insert(job);
      waitingByPriority[job.priority] += 1;
      wanted = plus(wanted, job.needs);
    },
    remove,
    positionOf: (id) => {
      const entry = line.get(id);
      return entry === undefined ? null : line.positionOf(entry, decidedAtMs);
    },
    decide,
    account: (who, millicoreMs, nowMs) =>
      history.used(who, capacity.millicores > 0 ? millicoreMs / capacity.millicores : 0, nowMs),
    shares: (nowMs) => {
      const whos = new Set([...line.whos(), ...history.busy()]);
      return [...whos].map((who) => ({
        who,
        usedPercent: 100 * history.lately(who, nowMs),
        fairPercent: 100 / whos.size,
      }));
    },
  };
};
