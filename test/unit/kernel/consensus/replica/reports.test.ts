import { expect, it } from 'vitest';
import { createReports, type Reports } from '../../../../../main/kernel/consensus/replica/reports.ts';
import type { LedgerBlock, Validator } from '../../../../../main/kernel/consensus/index.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';

const validators = [1, 2, 3, 4].map(
  (place) => ({ id: new Uint8Array(32).fill(place), keys: null, power: 1 }) as unknown as Validator,
);
/** What waits, as a pool has it: who left each out. */
const createWaiting = () => {
  const waiting: { fresh: boolean; by: Set<string> }[] = [];
  return {
    add: (count: number): void => {
      for (let one = 0; one < count; one++) waiting.push({ fresh: true, by: new Set() });
    },
    clear: (): void => void waiting.splice(0),
    blame: (proposer: string): void => {
      for (const { by } of waiting) by.add(proposer);
    },
    leftOut: (proposer: string): number => waiting.filter(({ by }) => by.has(proposer)).length,
  };
};
const LIMITS = { bytesMax: 100_000, transactionsMax: 100 };
let clock: ManualClock;
const setUp = (): { reports: Reports; pool: ReturnType<typeof createWaiting>; block: typeof makeBlock } => {
  clock = createManualClock();
  const pool = createWaiting();
  const reports = createReports({ clock, pool: pool as never });
  return { reports, pool, block: (...how) => makeBlock.call(reports, ...how) };
};
function makeBlock(this: Reports | void, proposer: number, signers: readonly number[], transactions = 0): void {
  const block = {
    header: { proposer: validators[proposer]!.id, timeMs: clock.nowMs() },
    lastCommit: {
      round: 0,
      signatures: validators.map((_, place) => (signers.includes(place) ? new Uint8Array(1) : null)),
    },
    transactions: Array.from({ length: transactions }, () => new Uint8Array(10)),
    evidence: [],
  } as unknown as LedgerBlock;
  (this as Reports).block(block, validators, LIMITS);
}
const all = [0, 1, 2, 3];

it('tells who signed how many of the last hundred blocks, and when each was heard last', () => {
  const { reports, block } = setUp();
  for (let height = 0; height < 150; height++) block(height % 3, [0, 1, 2]);
  reports.heard(validators[0]!.id);
  const [one, , , silent] = reports.list(validators);
  expect(one).toMatchObject({ signed: 100, blocks: 100, lastHeardMs: clock.nowMs() });
  expect(silent).toMatchObject({ signed: 0, blocks: 100, lastHeardMs: null });
});

it('forgives proposals that were missed a hundred blocks ago', () => {
  const { reports, block } = setUp();
  const missedBy = (): number => reports.list(validators)[3]!.missedProposals;
  for (let height = 0; height < 30; height++) {
    reports.missed(validators[3]!.id);
    block(0, all);
  }
  reports.missed(validators[3]!.id);
  expect(missedBy()).toBe(31);
  for (let height = 0; height < 100; height++) block(height % 4, all);
  expect(missedBy()).toBe(1);
  block(0, all);
  expect(missedBy()).toBe(0);
});

it('remembers who leaves out what the others take right afterwards', () => {
  const { reports, pool, block } = setUp();
  const leftOut = (): number[] => reports.list(validators).map((report) => report.leftOut);
  for (let turn = 0; turn < 6; turn++) {
    pool.add(1);
    // The liar has room and leaves it; the next one takes it.
    block(3, all);
    block(turn % 3, all, 1);
    pool.clear();
  }
  expect(leftOut()[3]).toBe(6);
  expect(leftOut()[0]).toBeLessThanOrEqual(2);
  for (let height = 0; height < 100; height++) block(height % 3, all);
  expect(leftOut()).toEqual([0, 0, 0, 0]);
});

it('blames nobody whose block was half full, once what waited is gone', () => {
  const { reports, pool, block } = setUp();
  pool.add(40);
  block(3, all, 60);
  expect(reports.list(validators)[3]?.leftOut).toBe(40);
  block(0, all, 60);
  pool.clear();
  block(1, all);
  expect(reports.list(validators)[3]?.leftOut).toBe(0);
});
