import type { Priority } from '../../../../../preload/contract/index.ts';
import type { Resources, Running, Scheduler, Waiting } from '../../../../../main/kernel/runtime/scheduler/index.ts';

/** A job that comes to a virtual machine, and how long it really takes. */
export interface SimulatedJob {
  id: string;
  who: string;
  priority: Priority;
  needs: Resources;
  atMs: number;
  runMs: number;
  estimateMs: number | null;
  preemptible: boolean;
}
export interface SimulationInit {
  scheduler: Scheduler;
  capacity: Resources;
  jobs: readonly SimulatedJob[];
  /** Ends by then, whatever still waits. */
  untilMs?: number;
  /** Checks of every step; what they find is thrown. @default all that hold for every aim */
  check?: (step: Step) => void;
}
/** What a check sees when the scheduler has said that nothing more starts now. */
export interface Step {
  nowMs: number;
  free: Resources;
  capacity: Resources;
  running: readonly Running[];
  waiting: readonly Waiting[];
  /** When those leave who were asked to make room. */
  leaving: ReadonlyMap<string, number>;
}
export interface Simulated {
  /** One line for everything that happened. */
  trace: string[];
  startedAtMs: Map<string, number>;
  endedAtMs: Map<string, number>;
  /** When each of those that were asked to make room was asked. */
  asked: { id: string; for: string; atMs: number }[];
  /** How long anything ran at all. */
  busyMs: number;
  /** Dominant share times ms, by `who`. */
  held: Map<string, number>;
  endedMs: number;
}

const zero = (): Resources => ({ millicores: 0, memoryBytes: 0, containers: 0 });
const within = (a: Resources, b: Resources): boolean =>
  a.millicores <= b.millicores && a.memoryBytes <= b.memoryBytes && a.containers <= b.containers;
const shareOf = (a: Resources, capacity: Resources): number =>
  Math.max(
    a.millicores / capacity.millicores,
    a.memoryBytes / capacity.memoryBytes,
    capacity.containers === 0 ? 0 : a.containers / capacity.containers,
  );

/** Why a run is wrong, in one sentence. */
export class BrokenRule extends Error {
  override readonly name = 'BrokenRule';
}
const rule = (holds: boolean, sentence: string): void => {
  if (!holds) throw new BrokenRule(sentence);
};

interface Alive {
  job: SimulatedJob;
  startedAtMs: number;
  endsAtMs: number;
}

/**
 * Runs jobs on a machine that exists in numbers only, and checks every decision against what must hold whatever the aim: nothing starts
 * that does not wait or for which there is no room, and nobody is asked to make room who may not be. Who is asked leaves after the notice
 * and waits again, as the runtime has it.
 */
export const simulate = ({ scheduler, capacity, jobs, untilMs = Infinity, check }: SimulationInit): Simulated => {
  const arrivals = jobs.toSorted((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1));
  const waiting = new Map<string, SimulatedJob>();
  const alive = new Map<string, Alive>();
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const leaving = new Map<string, number>();
  const result: Simulated = {
    trace: [],
    startedAtMs: new Map(),
    endedAtMs: new Map(),
    asked: [],
    busyMs: 0,
    held: new Map(),
    endedMs: 0,
  };
  let next = 0;
  let nowMs = 0;
  let againAtMs = Infinity;

  const add = (job: SimulatedJob): void => {
    waiting.set(job.id, job);
    scheduler.add({
      id: job.id,
      who: job.who,
      priority: job.priority,
      needs: job.needs,
      estimateMs: job.estimateMs,
      queuedAtMs: job.atMs,
    });
  };
  const free = (): Resources => {
    const left = { ...capacity };
    for (const { job } of alive.values()) {
      left.millicores -= job.needs.millicores;
      left.memoryBytes -= job.needs.memoryBytes;
      left.containers -= job.needs.containers;
    }
    return left;
  };
  const running = (): Running[] =>
    [...alive.values()].map(({ job, startedAtMs }) => ({
      id: job.id,
      who: job.who,
      priority: job.priority,
      has: job.needs,
      startedAtMs,
      estimateMs: job.estimateMs,
      preemptible: job.preemptible,
    }));

  const settle = (): void => {
    for (;;) {
      const left = free();
      const now = running();
      const decision = scheduler.decide({ nowMs, free: left, running: now });
      if (decision.kind === 'wait') {
        againAtMs = decision.againMs === null ? Infinity : nowMs + decision.againMs;
        rule(decision.againMs === null || decision.againMs > 0, 'It would be asked again at once, for ever.');
        check?.({
          nowMs,
          free: left,
          capacity,
          running: now,
          waiting: [...waiting.values()].map((job) => ({ ...job, queuedAtMs: job.atMs })),
          leaving,
        });
        return;
      }
      if (decision.kind === 'preempt') {
        const victim = alive.get(decision.id)?.job;
        const wanting = waiting.get(decision.for);
        const level = { low: 0, normal: 1, high: 2 };
        rule(victim !== undefined && wanting !== undefined, 'Somebody was asked to make room who is not there.');
        if (victim === undefined || wanting === undefined) return;
        rule(victim.preemptible, 'A job was asked to make room that may not be.');
        rule(level[victim.priority] < level[wanting.priority], 'A job was asked to make room for one no more urgent.');
        rule(!leaving.has(victim.id), 'A job was asked to make room twice at once.');
        result.asked.push({ id: victim.id, for: wanting.id, atMs: nowMs });
        result.trace.push(`${nowMs} ask ${victim.id} for ${wanting.id}`);
        leaving.set(victim.id, nowMs + decision.noticeMs);
        continue;
      }
      const job = waiting.get(decision.id);
      rule(job !== undefined, `${decision.id} was started and does not wait.`);
      if (job === undefined) return;
      rule(within(job.needs, left), `${job.id} was started without room for it.`);
      waiting.delete(job.id);
      alive.set(job.id, { job, startedAtMs: nowMs, endsAtMs: nowMs + job.runMs });
      result.startedAtMs.set(job.id, nowMs);
      result.trace.push(`${nowMs} start ${job.id}`);
    }
  };
  const pass = (toMs: number): void => {
    if (alive.size > 0) result.busyMs += toMs - nowMs;
    const byWho = new Map<string, Resources>();
    for (const { job } of alive.values()) {
      const has = byWho.get(job.who) ?? zero();
      has.millicores += job.needs.millicores;
      has.memoryBytes += job.needs.memoryBytes;
      has.containers += job.needs.containers;
      byWho.set(job.who, has);
      scheduler.account(job.who, job.needs.millicores * (toMs - nowMs), toMs);
    }
    for (const [who, has] of byWho)
      result.held.set(who, (result.held.get(who) ?? 0) + shareOf(has, capacity) * (toMs - nowMs));
    nowMs = toMs;
  };

  while (nowMs < untilMs) {
    let atMs = Math.min(arrivals[next]?.atMs ?? Infinity, waiting.size > 0 ? againAtMs : Infinity);
    for (const { endsAtMs } of alive.values()) atMs = Math.min(atMs, endsAtMs);
    for (const leavesAtMs of leaving.values()) atMs = Math.min(atMs, leavesAtMs);
    if (atMs === Infinity || atMs > untilMs) break;
    pass(Math.max(atMs, nowMs));
    for (const [id, { endsAtMs }] of alive)
      if (endsAtMs <= nowMs) {
        alive.delete(id);
        leaving.delete(id);
        result.endedAtMs.set(id, nowMs);
        result.trace.push(`${nowMs} end ${id}`);
      }
    for (const [id, leavesAtMs] of leaving)
      if (leavesAtMs <= nowMs) {
        leaving.delete(id);
        alive.delete(id);
        result.startedAtMs.delete(id);
        result.trace.push(`${nowMs} leave ${id}`);
        add(byId.get(id) as SimulatedJob);
      }
    for (; next < arrivals.length && (arrivals[next] as SimulatedJob).atMs <= nowMs; next++)
      add(arrivals[next] as SimulatedJob);
    settle();
  }
  if (untilMs !== Infinity && nowMs < untilMs) pass(untilMs);
  result.endedMs = nowMs;
  return result;
};

/** When each of those that run ends by what is told of it: written once more, apart from the scheduler's own. */
const endOf = (job: Running, nowMs: number, unknownMs: number): number => {
  const ranMs = nowMs - job.startedAtMs;
  const told = job.estimateMs ?? unknownMs;
  return told > ranMs ? job.startedAtMs + told : nowMs + Math.max(ranMs, 1_000);
};

/**
 * That nothing is left idle without a reason: whatever fits and does not start would be in the way of one job that does not fit, and for
 * which room is kept. `efficiency` may also keep an idle machine idle for a little.
 */
export const conserves =
  ({ unknownMs, hardMs, gathers }: { unknownMs: number; hardMs: number; gathers: boolean }) =>
  ({ nowMs, free, capacity, running, waiting, leaving }: Step): void => {
    const fitting = waiting.filter((job) => within(job.needs, free));
    if (fitting.length === 0 || (gathers && running.length === 0)) return;
    const ends = running
      .map((job) => ({ atMs: leaving.get(job.id) ?? endOf(job, nowMs, unknownMs), has: job.has }))
      .sort((a, b) => a.atMs - b.atMs);
    const isKept = (head: Waiting): boolean => {
      const room = { ...free };
      let atMs = nowMs;
      for (const { atMs: endsAtMs, has } of ends) {
        if (within(head.needs, room)) break;
        room.millicores += has.millicores;
        room.memoryBytes += has.memoryBytes;
        room.containers += has.containers;
        atMs = endsAtMs;
      }
      const extra: Resources = {
        millicores: room.millicores - head.needs.millicores,
        memoryBytes: room.memoryBytes - head.needs.memoryBytes,
        containers: room.containers - head.needs.containers,
      };
      const firm = nowMs - head.queuedAtMs >= hardMs;
      return fitting.every(
        (job) => !within(job.needs, extra) && (firm || job.estimateMs === null || nowMs + job.estimateMs > atMs),
      );
    };
    rule(
      waiting.some((job) => !within(job.needs, free) && within(job.needs, capacity) && isKept(job)),
      `At ${nowMs} ms ${fitting[0]?.id} has room, is in nobody's way, and does not start.`,
    );
  };
