import { expect, it } from 'vitest';
import { createScheduler, type Running } from '../../../../../main/kernel/runtime/scheduler/index.ts';

const GIB = 1024 ** 3;
const own = { who: 'own', startedAtMs: 0, estimateMs: null, preemptible: false } as const;
const still: Running = {
  ...own,
  id: 'still',
  priority: 'low',
  has: { millicores: 0, memoryBytes: 6 * GIB, containers: 0 },
  suspended: true,
};
const high: Running = {
  ...own,
  id: 'high',
  priority: 'high',
  has: { millicores: 1000, memoryBytes: GIB, containers: 0 },
};
/** Of a machine of one core and 8 GiB. */
const free = { millicores: 0, memoryBytes: GIB, containers: 0 };

it('does not take a machine for smaller because a job stands still in it', () => {
  const scheduler = createScheduler({ aim: 'balanced' });
  const needs = { millicores: 1000, memoryBytes: 4 * GIB, containers: 0 };
  scheduler.add({ id: 'big', who: 'own', priority: 'normal', needs, estimateMs: null, queuedAtMs: 0 });
  expect(scheduler.decide({ nowMs: 1000, free, running: [still, high] })).toMatchObject({
    kind: 'wait',
    reason: 'There is no room for it yet.',
  });
  expect(
    scheduler.decide({ nowMs: 2000, free: { millicores: 1000, memoryBytes: 8 * GIB, containers: 0 }, running: [] }),
  ).toEqual({ kind: 'start', id: 'big' });
});

it('counts no longer on room that was made', () => {
  const scheduler = createScheduler({ aim: 'balanced' });
  const needs = { millicores: 1000, memoryBytes: GIB, containers: 0 };
  const low: Running = {
    ...still,
    has: { millicores: 1000, memoryBytes: 6 * GIB, containers: 0 },
    gives: { millicores: 1000, memoryBytes: 0, containers: 0 },
    suspended: false,
    estimateMs: 3_600_000,
    preemptible: true,
  };
  const waiting = { who: 'own', priority: 'high', needs, estimateMs: null, queuedAtMs: 0 } as const;
  scheduler.add({ ...waiting, id: 'first' });
  expect(scheduler.decide({ nowMs: 0, free, running: [low] })).toMatchObject({ kind: 'preempt', id: 'still' });
  expect(scheduler.decide({ nowMs: 100, free: { ...free, millicores: 1000 }, running: [still] })).toEqual({
    kind: 'start',
    id: 'first',
  });
  // The next one asks the other that runs, in place of waiting for what has been given already.
  scheduler.add({ ...waiting, id: 'second' });
  const other: Running = { ...low, id: 'other', has: { ...low.has, memoryBytes: GIB } };
  expect(scheduler.decide({ nowMs: 200, free, running: [still, other] })).toMatchObject({
    kind: 'preempt',
    id: 'other',
  });
});
