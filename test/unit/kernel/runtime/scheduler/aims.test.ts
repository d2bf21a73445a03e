import { describe, expect, it } from 'vitest';
import type { SchedulerAim } from '../../../../../preload/contract/index.ts';
import { type AimFigures, figuresOf } from './aims.ts';

const AIMS: readonly SchedulerAim[] = ['speed', 'efficiency', 'balanced', 'throughput'];

describe('the four aims, on the same jobs', () => {
  it.each([1, 2, 3])('are each the best at what they are for (seed %i)', (seed) => {
    const figures = new Map(AIMS.map((aim) => [aim, figuresOf(aim, seed)]));
    const of = (aim: SchedulerAim): AimFigures => figures.get(aim) as AimFigures;
    const others = (aim: SchedulerAim, figure: keyof AimFigures): number[] =>
      AIMS.filter((other) => other !== aim).map((other) => of(other)[figure]);
    expect(of('speed').slowdown).toBeLessThan(0.95 * Math.min(...others('speed', 'slowdown')));
    expect(of('throughput').done).toBeGreaterThan(1.1 * Math.max(...others('throughput', 'done')));
    expect(of('efficiency').machineHours).toBeLessThan(0.93 * Math.min(...others('efficiency', 'machineHours')));
    expect(of('balanced').jain).toBeGreaterThan(0.05 + Math.max(...others('balanced', 'jain')));
    expect(of('balanced').jain).toBeGreaterThan(0.99);
  });
});
