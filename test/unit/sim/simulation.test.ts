import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FAULTS } from '../../sim/faults.ts';
import { placeOfFault } from '../../sim/planting.ts';
import { runSeeds, type Level, type TimedResult } from '../../sim/run-seeds.ts';

// What is checked in these runs, and how to run more of them: docs/simulation.md

const TIMEOUT_MS = 240_000;
/** Found by few seeds each, so that they cost seconds here; `npm run sim -- --faults` tries them all. */
const FAULTS_HERE = [
  'quorum-half',
  'proof-of-lock-unchecked',
  'lock-not-written',
  'recovery-ignores-log',
  'block-unchecked',
  'fee-not-taken',
  'nonce-stays',
];

const resultsOf = async (level: Level, from: number, seeds: number, fault?: string): Promise<TimedResult[]> => {
  const results: TimedResult[] = [];
  await runSeeds({
    level,
    from,
    seeds,
    workers: 2,
    fault,
    onResult: (result) => {
      results.push(result);
      return result.violation !== null;
    },
  });
  return results;
};
const failuresOf = (results: readonly TimedResult[]): string[] =>
  results.flatMap(({ seed, violation }) => (violation === null ? [] : [`seed ${seed}: ${violation}`]));

describe('the ledger on virtual time, disks and networks', () => {
  it(
    'holds in every seed of a fixed set',
    async () => {
      const results = await resultsOf('replica', 1, 120);
      expect(failuresOf(results)).toEqual([]);
      expect(results).toHaveLength(120);
      // The runs are about something: blocks, liars, transactions, and more than one round.
      const sum = (of: (result: TimedResult) => number): number => results.reduce((total, one) => total + of(one), 0);
      expect(sum(({ heights }) => heights)).toBeGreaterThan(800);
      expect(sum(({ transactions }) => transactions)).toBeGreaterThan(800);
      expect(sum(({ rounds }) => rounds)).toBeGreaterThan(50);
      expect(sum(({ punished }) => punished)).toBeGreaterThan(5);
      expect(results.filter(({ lies }) => lies.length > 0).length).toBeGreaterThan(50);
    },
    TIMEOUT_MS,
  );
  it(
    'holds in every seed of a fixed set of the algorithm alone',
    async () => {
      expect(failuresOf(await resultsOf('core', 1, 150))).toEqual([]);
    },
    TIMEOUT_MS,
  );
  it(
    'holds in seeds that nobody has tried',
    async () => {
      const from = randomInt(1_000_000, 2 ** 40);
      // eslint-disable-next-line no-console -- whoever reads a failed run needs the seeds
      console.log(`New seeds: npm run sim -- --seeds 20 --from ${from}`);
      expect(failuresOf(await resultsOf('replica', from, 20))).toEqual([]);
    },
    TIMEOUT_MS,
  );
  it(
    'goes the same way twice, in two processes',
    async () => {
      const traces = async (level: Level): Promise<string[]> =>
        (await resultsOf(level, 21, 4)).sort((one, other) => one.seed - other.seed).map(({ trace }) => trace);
      const first = await traces('replica');
      expect(new Set(first).size).toBe(4);
      expect(await traces('replica')).toEqual(first);
      expect(await traces('core')).toEqual(await traces('core'));
    },
    TIMEOUT_MS,
  );
});

describe('mistakes that are planted', () => {
  it.each(FAULTS)('$name has its place in $file', (fault) => {
    expect(placeOfFault(fault).source.slice(placeOfFault(fault).at)).toMatch(/^\S/);
  });
  it('are at least fourteen, each with a name of its own', () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
    expect(FAULTS.length).toBeGreaterThanOrEqual(14);
  });
  it.each(FAULTS_HERE)(
    '%s is found',
    async (name) => {
      const { level, seedsMax } = FAULTS.find((fault) => fault.name === name)!;
      expect(failuresOf(await resultsOf(level, 1, seedsMax, name))).not.toEqual([]);
    },
    TIMEOUT_MS,
  );
});
