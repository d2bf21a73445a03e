import type { Priority } from '../../../../preload/contract/index.ts';
import type { Resources, Running } from './interface.ts';
import { dominantShare, fits, minus, plus } from './resources.ts';

export const LEVEL: Readonly<Record<Priority, number>> = { low: 0, normal: 1, high: 2 };

/** What is lost or carried over when it has to go: what it has done so far, by how much of the machine it did that with. */
const costOf = (job: Running, capacity: Resources, nowMs: number): number =>
  Math.max(0, nowMs - job.startedAtMs) * dominantShare(job.has, capacity);

/**
 * Chooses who makes room: only what may and has a lower priority, the lowest first and of those what loses least, and nobody whose
 * room is not needed.
 *
 * @param room - what is free, or will be without asking anybody
 * @returns in the order in which they are asked; empty when all of them together would not suffice
 */
export const victimsFor = (
  wanting: { needs: Resources; priority: Priority },
  room: Resources,
  running: readonly Running[],
  capacity: Resources,
  nowMs: number,
): Running[] => {
  const candidates = running
    .filter((job) => job.preemptible && LEVEL[job.priority] < LEVEL[wanting.priority])
    .map((job) => ({ job, cost: costOf(job, capacity, nowMs) }))
    .sort((a, b) => LEVEL[a.job.priority] - LEVEL[b.job.priority] || a.cost - b.cost || (a.job.id < b.job.id ? -1 : 1));
  const chosen: Running[] = [];
  let free = room;
  for (const { job } of candidates) {
    if (fits(wanting.needs, free)) break;
    chosen.push(job);
    free = plus(free, job.gives ?? job.has);
  }
  if (!fits(wanting.needs, free)) return [];
  // Those that were taken for little cost may turn out not to help: the dearest are looked at first.
  for (const job of chosen.toReversed()) {
    const without = minus(free, job.gives ?? job.has);
    if (!fits(wanting.needs, without)) continue;
    free = without;
    chosen.splice(chosen.indexOf(job), 1);
  }
  return chosen;
};
