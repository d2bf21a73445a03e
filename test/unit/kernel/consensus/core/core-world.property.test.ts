import { describe, expect, it } from 'vitest';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createCoreWorld } from './core-world.ts';

/** Everything goes wrong for a while, then nothing does any more. */
const run = (
  seed: number,
  powers: readonly number[],
  options: { liars?: readonly number[]; crashAll?: boolean; forgets?: boolean; steps?: number } = {},
): ReturnType<typeof createCoreWorld> & { isLive: boolean } => {
  const world = createCoreWorld({ powers, random: createSeededRandom(seed), ...options });
  world.disturb(options.steps ?? 600);
  if (options.crashAll === true) world.crashAll();
  const reached = Math.max(0, ...world.decisions.keys());
  return { ...world, isLive: world.heal(reached + 2, 20_000) };
};

describe('Agreement of cores, whatever comes in whichever order', () => {
  it.each([
    { name: 'four, all honest', powers: [1, 1, 1, 1], liars: [], seeds: 40 },
    { name: 'four, one of which lies', powers: [1, 1, 1, 1], liars: [2], seeds: 60 },
    { name: 'four of different weight, the lightest of which lies', powers: [5, 3, 4, 2], liars: [3], seeds: 30 },
    { name: 'seven, two of which lie', powers: [1, 1, 1, 1, 1, 1, 1], liars: [1, 4], seeds: 15 },
  ])('one block for each height, no contradiction, and an end to it: $name', ({ powers, liars, seeds }) => {
    for (let seed = 0; seed < seeds; seed++) {
      const world = run(seed, powers, { liars });
      expect(world.isLive, `seed ${seed} goes on`).toBe(true);
      // Nobody but a liar is accused.
      for (const { validator } of world.evidence)
        expect(liars.some((liar) => Buffer.compare(world.validators[liar]!.id, validator) === 0)).toBe(true);
    }
  });

  it('goes on after all nodes fell at once, with what they kept', () => {
    for (let seed = 0; seed < 40; seed++)
      expect(run(seed, [1, 1, 1, 1], { liars: [0], crashAll: true }).isLive, `seed ${seed}`).toBe(true);
  });

  it('finds those who contradict themselves', () => {
    const found = Array.from({ length: 20 }, (_, seed) => run(seed, [1, 1, 1, 1], { liars: [2] }).evidence.length);
    expect(found.filter((count) => count > 0).length).toBeGreaterThan(15);
  });

  it('would see it if a validator forgot what it had signed', () => {
    const broken = Array.from({ length: 30 }, (_, seed) => {
      try {
        run(seed, [1, 1, 1, 1], { forgets: true });
        return false;
      } catch {
        return true;
      }
    });
    expect(broken).toContain(true);
  });

  it('says the same thing twice', () => {
    const one = run(7, [1, 1, 1, 1], { liars: [1] });
    const other = run(7, [1, 1, 1, 1], { liars: [1] });
    expect([...one.decisions]).toEqual([...other.decisions]);
    expect(one.evidence).toEqual(other.evidence);
  });
});
