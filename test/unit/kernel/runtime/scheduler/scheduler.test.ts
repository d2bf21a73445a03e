import { describe, expect, it } from 'vitest';
import { createScheduler } from '../../../../../main/kernel/runtime/scheduler/index.ts';
import { type Check, CHECKS, type Make } from './checks.ts';
import { FAULTS } from './faults.ts';
import { BrokenRule } from './machine.ts';

/** @returns how a scheduler breaks a check with the first aim for which it does; null when it keeps it */
const broken = ({ aims, run }: Check, make: Make): string | null => {
  for (const aim of aims)
    try {
      run(make, aim);
    } catch (error) {
      if (error instanceof BrokenRule) return error.message;
      throw error;
    }
  return null;
};

describe('the scheduler', () => {
  it.each(CHECKS.flatMap((check) => check.aims.map((aim) => [check.name, aim, check] as const)))(
    'keeps that %s (%s)',
    (_, aim, check) => {
      expect(() => {
        check.run(createScheduler, aim);
      }).not.toThrow();
    },
  );

  it.each(Object.entries(FAULTS))('would be noticed if it %s', (_, [noticedBy, make]) => {
    const check = CHECKS.find(({ name }) => name.startsWith(noticedBy)) as Check;
    expect(broken(check, make)).not.toBeNull();
  });
});
