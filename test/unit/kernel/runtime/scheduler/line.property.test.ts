import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SchedulerAim } from '../../../../../preload/contract/index.ts';
import {
  createScheduler,
  RULES,
  type Running,
  type Waiting,
} from '../../../../../main/kernel/runtime/scheduler/index.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { conserves, simulate } from './machine.ts';
import { MACHINE, stream } from './streams.ts';

const AIMS: readonly SchedulerAim[] = ['speed', 'efficiency', 'balanced', 'throughput'];
const aims = fc.constantFrom(...AIMS);
const GIB = 1024 ** 3;

const waiting = fc.record({
  who: fc.constantFrom('a', 'b', 'c', 'd'),
  priority: fc.constantFrom('low', 'normal', 'high'),
  needs: fc.record({
    millicores: fc.integer({ min: 0, max: 9_000 }),
    memoryBytes: fc.integer({ min: 0, max: 20 * GIB }),
    containers: fc.integer({ min: 0, max: 3 }),
  }),
  estimateMs: fc.option(fc.integer({ min: 1, max: 10_000_000 })),
  queuedAtMs: fc.integer({ min: 0, max: 10_000_000 }),
} satisfies Partial<Record<keyof Waiting, unknown>>);

describe('the line', () => {
  it('keeps every rule whatever comes', () => {
    fc.assert(
      fc.property(
        aims,
        fc.integer(),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 200, max: 20_000 }),
        (aim, seed, whos, everyMs) => {
          const jobs = stream(createSeededRandom(seed), {
            count: 120,
            whos,
            everyMs,
            burst: 1 + (Math.abs(seed) % 20),
            impossible: 0.05,
            priorities: true,
            runMsMax: 300_000,
          });
          const check = conserves({ unknownMs: RULES.unknownMs, hardMs: RULES.hardMs, gathers: aim === 'efficiency' });
          const run = simulate({ scheduler: createScheduler({ aim }), capacity: MACHINE, jobs, check });
          const possible = jobs.filter(
            ({ needs }) => needs.millicores <= MACHINE.millicores && needs.memoryBytes <= MACHINE.memoryBytes,
          );
          expect(possible.filter(({ id }) => !run.endedAtMs.has(id))).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('tells places from 1 on without gaps, in the order in which they start', () => {
    fc.assert(
      fc.property(aims, fc.array(waiting, { minLength: 1, maxLength: 300 }), (aim, all) => {
        const scheduler = createScheduler({ aim });
        for (const [n, one] of all.entries()) scheduler.add({ ...one, id: `j${n}` });
        const places = all.map((_, n) => scheduler.positionOf(`j${n}`));
        expect(places.toSorted((a, b) => (a ?? 0) - (b ?? 0))).toEqual(all.map((_, n) => n + 1));
        expect(scheduler.positionOf('none')).toBeNull();
        if (aim === 'efficiency') return;
        // With room for everything at once, whoever is first starts.
        const free = { millicores: 1e9, memoryBytes: 1e15, containers: 1e6 };
        const decision = scheduler.decide({ nowMs: 10_000_000, free, running: [] });
        const first = decision.kind === 'start' ? Number(decision.id.slice(1)) : -1;
        expect(aim === 'balanced' || places[first] === 1).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('starts the first in order that fits, as somebody finds who looks at each', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<SchedulerAim>('speed', 'throughput'),
        fc.array(waiting, { minLength: 1, maxLength: 400 }),
        fc.array(fc.integer({ min: 0, max: 399 }), { maxLength: 100 }),
        (aim, all, left) => {
          const scheduler = createScheduler({ aim, rules: { fairMs: { ...RULES.fairMs, speed: 0, throughput: 0 } } });
          const there = new Map(all.map((one, n) => [`j${n}`, { ...one, id: `j${n}` }]));
          for (const one of there.values()) scheduler.add(one);
          for (const n of left) expect(scheduler.remove(`j${n}`)).toBe(there.delete(`j${n}`));
          expect(scheduler.queued).toBe(there.size);
          const rank = ({ needs, estimateMs, priority, queuedAtMs }: Waiting): number => {
            const width = Math.max(needs.millicores / 1000, needs.memoryBytes / (2 * GIB), needs.containers / 4);
            const size = (estimateMs ?? RULES.unknownMs) * (aim === 'speed' ? Math.sqrt(width) : width);
            return queuedAtMs - RULES.headStartMs[priority] + Math.min(RULES.lateness[aim] * size, RULES.latenessMsMax);
          };
          const inOrder = [...there.values()].sort(
            (a, b) => rank(a) - rank(b) || Number(a.id.slice(1)) - Number(b.id.slice(1)),
          );
          let free = { ...MACHINE };
          const running: Running[] = [];
          for (;;) {
            const next = inOrder.find(
              ({ needs }) => needs.millicores <= MACHINE.millicores && needs.memoryBytes <= MACHINE.memoryBytes,
            );
            const decision = scheduler.decide({ nowMs: 20_000_000, free, running });
            // Until the first in order does not fit: from there on room is kept, which other tests look at.
            if (
              next === undefined ||
              next.needs.millicores > free.millicores ||
              next.needs.memoryBytes > free.memoryBytes ||
              next.needs.containers > free.containers
            )
              return;
            expect(decision).toEqual({ kind: 'start', id: next.id });
            inOrder.splice(inOrder.indexOf(next), 1);
            running.push({
              id: next.id,
              who: next.who,
              priority: next.priority,
              has: next.needs,
              startedAtMs: 0,
              estimateMs: null,
              preemptible: false,
            });
            free = {
              millicores: free.millicores - next.needs.millicores,
              memoryBytes: free.memoryBytes - next.needs.memoryBytes,
              containers: free.containers - next.needs.containers,
            };
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it('can be put in the order of another aim while it is full', () => {
    const random = createSeededRandom(5);
    const jobs = stream(random, { count: 500, whos: 40, everyMs: 10, priorities: true });
    const fill = (aim: SchedulerAim): ReturnType<typeof createScheduler> => {
      const scheduler = createScheduler({ aim });
      for (const { atMs: queuedAtMs, ...one } of jobs) scheduler.add({ ...one, queuedAtMs });
      return scheduler;
    };
    for (const from of AIMS)
      for (const to of AIMS) {
        const changed = fill(from);
        changed.aim = to;
        expect(changed.aim).toBe(to);
        const fresh = fill(to);
        expect(jobs.map(({ id }) => changed.positionOf(id))).toEqual(jobs.map(({ id }) => fresh.positionOf(id)));
      }
  });

  it('counts on no more than what who makes room gives back', () => {
    const low: Running = {
      id: 'low',
      who: 'a',
      priority: 'low',
      has: { ...MACHINE },
      gives: { ...MACHINE, memoryBytes: 0 },
      startedAtMs: 0,
      estimateMs: 3_600_000,
      preemptible: true,
    };
    const state = { nowMs: 1_000, free: { millicores: 0, memoryBytes: 0, containers: 0 }, running: [low] };
    const decided = (memoryBytes: number): string => {
      const scheduler = createScheduler({ aim: 'speed' });
      const needs = { millicores: 1_000, memoryBytes, containers: 0 };
      scheduler.add({ id: 'high', who: 'b', priority: 'high', needs, estimateMs: null, queuedAtMs: 0 });
      return scheduler.decide(state).kind;
    };
    expect(decided(0)).toBe('preempt');
    // Its memory comes back when it ends, so that room is kept until then, and nobody is asked.
    expect(decided(GIB)).toBe('wait');
  });

  it('says why it waits, and tells shares of who waits or runs', () => {
    const scheduler = createScheduler({ aim: 'balanced' });
    const state = { nowMs: 0, free: { ...MACHINE }, running: [] as Running[] };
    expect(scheduler.decide(state)).toEqual({ kind: 'wait', reason: 'Nothing waits.', againMs: null });
    scheduler.add({
      id: 'huge',
      who: 'a',
      priority: 'normal',
      needs: { ...MACHINE, millicores: 99_000 },
      estimateMs: null,
      queuedAtMs: 0,
    });
    expect(scheduler.decide(state)).toMatchObject({
      kind: 'wait',
      reason: expect.stringContaining('more than this machine has'),
    });
    const running: Running[] = [
      {
        id: 'r',
        who: 'b',
        priority: 'normal',
        has: { ...MACHINE, millicores: 4_000, memoryBytes: 0, containers: 0 },
        startedAtMs: 0,
        estimateMs: null,
        preemptible: false,
      },
    ];
    const free = { ...MACHINE, millicores: 4_000 };
    scheduler.decide({ nowMs: 0, free, running });
    scheduler.decide({ nowMs: RULES.halfLifeMs, free, running });
    expect(scheduler.shares(RULES.halfLifeMs)).toEqual([
      { who: 'a', usedPercent: 0, fairPercent: 50 },
      { who: 'b', usedPercent: 25, fairPercent: 50 },
    ]);
    // Used beyond what was kept for it: eight cores for a half-life's worth of averaging.
    scheduler.account('b', (8_000 * RULES.halfLifeMs) / Math.LN2 / 2, RULES.halfLifeMs);
    expect(scheduler.shares(RULES.halfLifeMs)[1]?.usedPercent).toBeCloseTo(50);
  });
});
