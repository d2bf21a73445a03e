import type { SchedulerAim } from '../../../../preload/contract/index.ts';
import { CORE_CONTAINERS, CORE_MEMORY_BYTES, type SchedulerRules } from './constants.ts';
import type { History } from './history.ts';
import type { Resources, Waiting } from './interface.ts';
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

/** All that wait, in one order, of which only what changes with time and use is not kept sorted. */
export interface Line {
  readonly size: number;
  get(id: string): Entry | undefined;
  insert(job: Waiting): void;
  delete(entry: Entry): void;
  sizeOf(who: string): number;
  whos(): IterableIterator<string>;
  /** Puts all in the order of another aim. */
  reorder(aim: SchedulerAim): void;
  /** The first `count` of all that are within one of two limits, in order. */
  first(count: number, nowMs: number, one: Limit, other: Limit | null): Entry[];
  /** From 1. */
  positionOf(entry: Entry, nowMs: number): number;
}

/**
 * The jobs of all who are quiet lie in one lane, so that ten thousand owners of one job each cost no more than one of ten thousand.
 * Whoever has more jobs than this has a lane of its own in any case: moving them from one to another takes time.
 */
const SHARED_JOBS_MAX = 16;
/** Looks for the quiet are that many searches apart, and put together so many lanes at most: both are quick, and neither is urgent. */
const LOOKS_BETWEEN = 16;
const UNITED_MAX = 32;
/** Name of the lane of the quiet. No `who` is empty. */
const SHARED = '';

const compare = (a: Candidate, b: Candidate): number =>
  a.standing.turn - b.standing.turn ||
  a.standing.load - b.standing.load ||
  a.entry.rank + a.standing.laterMs - (b.entry.rank + b.standing.laterMs) ||
  a.entry.sequence - b.entry.sequence;

const coresWorth = (needs: Resources): number =>
  Math.max(needs.millicores / 1000, needs.memoryBytes / CORE_MEMORY_BYTES, needs.containers / CORE_CONTAINERS);

/**
 * How the width of a job counts beside its length. Most jobs are done when the smallest areas go first (Smith's rule with equal
 * weights); the mean slowdown, in which each job weighs the less the longer it is, is least by length squared times width: the root of
 * that orders in the same way, and is a time.
 */
const WEIGHT: Readonly<Record<SchedulerAim, (cores: number) => number>> = {
  speed: Math.sqrt,
  throughput: (cores) => cores,
  efficiency: () => 1,
  balanced: () => 1,
};

export const createLine = (
  { history }: { history: History },
  init: { aim: SchedulerAim; rules: SchedulerRules },
): Line => {
  const { rules } = init;
  let aim = init.aim;
  let sequence = 0;
  let looks = 0;
  const entries = new Map<string, Entry>();
  const byWho = new Map<string, Set<Entry>>();
  /** Lanes with jobs in them, by `who`, and that of the quiet. */
  const lanes = new Map<string, Lane>();

  const rankOf = (job: Waiting): number => {
    const size = (job.estimateMs ?? rules.unknownMs) * WEIGHT[aim](coresWorth(job.needs));
    return job.queuedAtMs - rules.headStartMs[job.priority] + Math.min(rules.lateness[aim] * size, rules.latenessMsMax);
  };
  const put = (name: string, entry: Entry): void => {
    let lane = lanes.get(name);
    if (lane === undefined) {
      lane = createLane(name);
      lanes.set(name, lane);
    }
    lane.insert(entry);
  };
  const take = (name: string, entry: Entry): void => {
    const lane = lanes.get(name) as Lane;
    lane.delete(entry);
    if (lane.size === 0) lanes.delete(name);
  };
  const laneNameOf = (who: string): string => (lanes.has(who) ? who : SHARED);
  /** Gives a `who` a lane of its own, since it is no longer like the others. */
  const separate = (who: string): void => {
    const own = byWho.get(who);
    if (own === undefined || lanes.has(who)) return;
    for (const entry of own) {
      take(SHARED, entry);
      put(who, entry);
    }
  };
  const unite = (who: string): void => {
    for (const entry of byWho.get(who) ?? []) {
      take(who, entry);
      put(SHARED, entry);
    }
  };
  /** Lanes follow what has changed: who runs something now is set apart at once, who has become quiet joins the others by and by. */
  const arrange = (nowMs: number): void => {
    for (const who of history.busy()) separate(who);
    looks = (looks + 1) % LOOKS_BETWEEN;
    if (looks !== 0) return;
    let united = 0;
    for (const [who, lane] of lanes) {
      if (who === SHARED || lane.size > SHARED_JOBS_MAX || history.load(who, nowMs) > 0) continue;
      unite(who);
      united += 1;
      if (united === UNITED_MAX) return;
    }
  };
  const add = (job: Waiting, at: number): void => {
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
    let own = byWho.get(job.who);
    if (own === undefined) {
      own = new Set();
      byWho.set(job.who, own);
    }
    const name = laneNameOf(job.who);
    own.add(entry);
    put(name, entry);
    if (name === SHARED && (own.size > SHARED_JOBS_MAX || history.load(job.who, job.queuedAtMs) > 0)) separate(job.who);
  };

  const standingOf = (lane: Lane, nowMs: number): Standing => {
    const shared = lane.who === SHARED;
    const load = shared ? 0 : history.load(lane.who, nowMs);
    if (aim !== 'balanced') return { lane, turn: 1, load: 0, laterMs: load * rules.fairMs[aim] };
    const { job } = lane.head;
    const thirstyForMs = nowMs - (shared ? job.queuedAtMs : Math.max(job.queuedAtMs, history.startedAtMs(lane.who)));
    // Those who are thirsty go as they last had something, so that they take turns among themselves.
    if (thirstyForMs > rules.thirstMs && (shared || history.runningShare(lane.who) === 0))
      return { lane, turn: 0, load: -thirstyForMs, laterMs: 0 };
    return { lane, turn: 1, load: load / rules.weight[job.priority], laterMs: 0 };
  };

  return {
    get size() {
      return entries.size;
    },
    get: (id) => entries.get(id),
    insert: (job) => {
      add(job, sequence);
      sequence += 1;
    },
    delete: (entry) => {
      const { id, who } = entry.job;
      take(laneNameOf(who), entry);
      entries.delete(id);
      const own = byWho.get(who) as Set<Entry>;
      own.delete(entry);
      if (own.size === 0) byWho.delete(who);
    },
    sizeOf: (who) => byWho.get(who)?.size ?? 0,
    whos: () => byWho.keys(),
    reorder: (to) => {
      aim = to;
      const all = [...entries.values()];
      entries.clear();
      byWho.clear();
      lanes.clear();
      for (const { job, sequence: at } of all) add(job, at);
    },
    first: (count, nowMs, one, other) => {
      arrange(nowMs);
      let found: Candidate[] = [];
      for (const lane of lanes.values()) {
        const standing = standingOf(lane, nowMs);
        const last = found.length < count ? undefined : found[found.length - 1];
        if (last !== undefined && compare({ entry: lane.head, standing }, last) > 0) continue;
        const more = lane.collect(one, other, count);
        if (more.length === 0) continue;
        for (const entry of more) found.push({ entry, standing });
        if (found.length > more.length) {
          found.sort(compare);
          if (found.length > count) found = found.slice(0, count);
        }
      }
      return found.map(({ entry }) => entry);
    },
    positionOf: (entry, nowMs) => {
      const own = standingOf(lanes.get(laneNameOf(entry.job.who)) as Lane, nowMs);
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
  };
};
