import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareCopies, type Copy } from '../../../../../main/kernel/runtime/results/index.ts';

const hash = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const hex = (n: number): string => Buffer.from(hash(n)).toString('hex');
const ended = (n: number, value: number): Copy => ({
  job: `job-${n}`,
  signer: `s${n}`,
  state: 'ended',
  outcome: { end: { why: 'exited', exitCode: 0 }, result: hash(value) },
});
const running = (n: number): Copy => ({ job: `job-${n}`, signer: `s${n}`, state: 'running', outcome: null });
const gone = (n: number): Copy => ({ job: `job-${n}`, signer: `s${n}`, state: 'gone', outcome: null });

const copies = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 2 }).map((value) => (n: number) => ended(n, value)) },
      { weight: 1, arbitrary: fc.constant(gone) },
      {
        weight: 1,
        arbitrary: fc.constant(
          (n: number): Copy => ({
            ...ended(n, 1),
            outcome: { end: { why: 'limit', limit: 'time', message: '' }, result: hash(1) },
          }),
        ),
      },
    ),
    { minLength: 1, maxLength: 9 },
  )
  .map((makers) => makers.map((make, n) => make(n)));
const withQuorum = copies.chain((all) => fc.tuple(fc.constant(all), fc.integer({ min: 1, max: all.length })));

describe('copies of a job', () => {
  it('agree when enough owners gave the same, and name who gave another', () => {
    expect(compareCopies([ended(0, 1), ended(1, 2), ended(2, 1)], 2)).toEqual({
      verdict: 'agreed',
      result: hex(1),
      wrong: ['job-1'],
      sentence: '2 of 3 gave the same result, and 1 another one.',
    });
    expect(compareCopies([ended(0, 1)], 1)).toMatchObject({ verdict: 'agreed', wrong: [] });
  });

  it('wait while it can still come to that, and not for longer', () => {
    expect(compareCopies([ended(0, 1), running(1), running(2)], 2)).toMatchObject({ verdict: 'waiting', result: null });
    expect(compareCopies([ended(0, 1), ended(1, 2), running(2)], 2)).toMatchObject({ verdict: 'waiting' });
    expect(compareCopies([ended(0, 1), ended(1, 1), running(2)], 2)).toMatchObject({ verdict: 'agreed', wrong: [] });
    expect(compareCopies([ended(0, 1), ended(1, 2), running(2)], 3)).toMatchObject({ verdict: 'split' });
    expect(compareCopies([gone(0), gone(1), running(2)], 2)).toMatchObject({ verdict: 'split' });
  });

  it('are split by a tie, and by nobody having a result', () => {
    expect(compareCopies([ended(0, 1), ended(1, 2)], 1)).toMatchObject({ verdict: 'split', result: null, wrong: [] });
    expect(compareCopies([ended(0, 1), ended(1, 1), ended(2, 2), ended(3, 2)], 2)).toMatchObject({ verdict: 'split' });
    expect(compareCopies([gone(0)], 1)).toMatchObject({ verdict: 'split' });
    expect(compareCopies([], 1)).toMatchObject({ verdict: 'split' });
  });

  it('give an owner one voice, and none to who contradicts itself', () => {
    const twice = (value: number, other: number): Copy[] => [ended(0, value), { ...ended(1, other), signer: 's0' }];
    expect(compareCopies([...twice(1, 1), ended(2, 2)], 2)).toMatchObject({ verdict: 'split' });
    expect(compareCopies([...twice(1, 2), ended(2, 2), ended(3, 2)], 2)).toMatchObject({
      verdict: 'agreed',
      wrong: ['job-0'],
    });
    expect(compareCopies([...twice(1, 2), ended(2, 2)], 2)).toMatchObject({ verdict: 'split' });
  });

  it('come to the same whatever the order', () => {
    fc.assert(
      fc.property(withQuorum, fc.integer(), ([all, quorum], seed) => {
        const shuffled = all
          .map((copy, n) => ({ copy, key: Math.imul(seed ^ (n + 1), 0x9e3779b1) }))
          .sort((a, b) => a.key - b.key)
          .map(({ copy }) => copy);
        const one = compareCopies(all, quorum);
        const other = compareCopies(shuffled, quorum);
        expect({ ...other, wrong: other.wrong.toSorted() }).toEqual({ ...one, wrong: one.wrong.toSorted() });
      }),
    );
  });

  it('never take back what they have said, whatever comes after', () => {
    fc.assert(
      fc.property(withQuorum, ([all, quorum]) => {
        let said: ReturnType<typeof compareCopies> | null = null;
        for (let known = 0; known <= all.length; known++) {
          const now = compareCopies(
            all.map((copy, n) => (n < known ? copy : running(n))),
            quorum,
          );
          const before = said ?? now;
          expect(before.verdict === 'waiting' || (now.verdict === before.verdict && now.result === before.result)).toBe(
            true,
          );
          expect(before.wrong.every((job) => now.wrong.includes(job))).toBe(true);
          said = now;
        }
        expect(said?.verdict).not.toBe('waiting');
      }),
    );
  });

  it('let no liars below the quorum win, and name all who lied and only them', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 9 })
          .chain((count) =>
            fc.tuple(
              fc.constant(count),
              fc.integer({ min: Math.floor(count / 2) + 1, max: count }),
              fc.array(fc.integer({ min: 0, max: 3 }), { minLength: count, maxLength: count }),
            ),
          ),
        ([count, quorum, lies]) => {
          // 0 is the truth; so many lie, each with one of three lies.
          const all = Array.from({ length: count }, (_, n) => ended(n, lies[n] ?? 0));
          const honest = lies.filter((lie) => lie === 0).length;
          const most = Math.max(...[1, 2, 3].map((lie) => lies.filter((one) => one === lie).length));
          const { verdict, result, wrong } = compareCopies(all, quorum);
          const expected = honest >= quorum ? 'agreed 0' : most >= quorum ? 'agreed lie' : 'split';
          expect(verdict === 'split' ? 'split' : `agreed ${result === hex(0) ? '0' : 'lie'}`).toBe(expected);
          const liars = all.filter((_, n) => lies[n] !== 0).map(({ job }) => job);
          expect(expected !== 'agreed 0' || wrong.join() === liars.join()).toBe(true);
        },
      ),
    );
  });
});
