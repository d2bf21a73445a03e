import type { Resources } from './interface.ts';

export const NOTHING: Resources = { millicores: 0, memoryBytes: 0, containers: 0 };

/** Whether so much goes into a room, in everything at once. */
export const fits = (needs: Resources, room: Resources): boolean =>
  needs.millicores <= room.millicores && needs.memoryBytes <= room.memoryBytes && needs.containers <= room.containers;

export const plus = (a: Resources, b: Resources): Resources => ({
  millicores: a.millicores + b.millicores,
  memoryBytes: a.memoryBytes + b.memoryBytes,
  containers: a.containers + b.containers,
});

/** What is left of a room; below zero where it does not suffice. */
export const minus = (a: Resources, b: Resources): Resources => ({
  millicores: a.millicores - b.millicores,
  memoryBytes: a.memoryBytes - b.memoryBytes,
  containers: a.containers - b.containers,
});

export const smaller = (a: Resources, b: Resources): Resources => ({
  millicores: Math.min(a.millicores, b.millicores),
  memoryBytes: Math.min(a.memoryBytes, b.memoryBytes),
  containers: Math.min(a.containers, b.containers),
});

const share = (part: number, whole: number): number => (part <= 0 ? 0 : whole <= 0 ? 1 : part / whole);

/**
 * The largest share that it has of anything; what dominant-resource fairness makes equal.
 *
 * @see Ghodsi et al., "Dominant Resource Fairness: Fair Allocation of Multiple Resource Types", NSDI 2011
 */
export const dominantShare = (of: Resources, capacity: Resources): number =>
  Math.max(
    share(of.millicores, capacity.millicores),
    share(of.memoryBytes, capacity.memoryBytes),
    share(of.containers, capacity.containers),
  );

/**
 * How well something fills what is free: large where much is free, small where little is.
 *
 * @see Grandl et al., "Multi-Resource Packing for Cluster Schedulers", SIGCOMM 2014: best packing of the rules weighed there
 */
export const alignment = (needs: Resources, free: Resources, capacity: Resources): number =>
  share(needs.millicores, capacity.millicores) * share(free.millicores, capacity.millicores) +
  share(needs.memoryBytes, capacity.memoryBytes) * share(free.memoryBytes, capacity.memoryBytes) +
  share(needs.containers, capacity.containers) * share(free.containers, capacity.containers);
