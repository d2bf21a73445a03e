import { describe, expect, it } from 'vitest';
import type { Asset, ProofVerdict } from '../../../../preload/contract/index.ts';
import { assetProofsOf, PROOF_KINDS, provenOf, type MarkContext } from '../../../../main/kernel/prover/marks.ts';
import type { KeptEntry } from '../../../../main/kernel/prover/proof-records.ts';

const nowMs = Date.UTC(2026, 0, 10);
const HOUR_MS = 3_600_000;
const asset: Asset = {
  id: `asset:cpu:b${'a'.repeat(58)}`,
  kind: 'cpu',
  resource: 'cpu',
  label: 'A processor',
  unit: 'millicores',
  capacity: { known: true, value: 2000 },
  registeredAtMs: 0,
  present: true,
};
const context: MarkContext = {
  nowMs,
  plan: { everyHours: 24, automatic: true },
  node: 'key:ours',
  missing: null,
  nextAtMs: null,
};
const entryOf = (ageMs: number, failed: string[] = [], change: Partial<KeptEntry> = {}): KeptEntry => {
  const verdict: ProofVerdict = {
    passed: failed.length === 0,
    combined: '0'.repeat(64),
    checks: PROOF_KINDS.map((kind) => ({
      kind,
      passed: !failed.includes(kind),
      code: failed.includes(kind) ? 'WRONG' : null,
      reason: failed.includes(kind) ? 'It is wrong.' : 'It holds.',
      sizeBytes: 1,
    })),
    asset: asset.id,
    node: 'key:ours',
    purpose: 'block',
    issuedAtMs: 0,
    finishedAtMs: 0,
    expiresAtMs: 0,
    notes: [],
  };
  return {
    id: '0'.repeat(64),
    asset: asset.id,
    purpose: 'block',
    madeAtMs: nowMs - ageMs,
    tookMs: 1,
    sizeBytes: 1,
    verdict,
    capacity: { known: true, value: { label: 'x', value: 7, unit: 'multiplicationsPerSecond' } },
    cause: 'schedule',
    height: 1,
    level: 50,
    assetCapacity: 2000,
    ...change,
  };
};
const statusesOf = (entries: KeptEntry[], change: Partial<MarkContext> = {}, of: Partial<Asset> = {}): string[] =>
  assetProofsOf({ ...asset, ...of }, entries, { ...context, ...change }).marks.map(({ status }) => status);

describe('the four marks of an asset', () => {
  it('say none before the first proof, and why', () => {
    const { marks, proven } = assetProofsOf(asset, [], { ...context, missing: 'The keys are locked.' });
    expect(marks).toEqual(
      PROOF_KINDS.map((kind) => ({ kind, status: 'none', reason: 'The keys are locked.', checkedAtMs: null })),
    );
    expect(proven.known).toBe(false);
    expect(
      assetProofsOf(asset, [], { ...context, plan: { everyHours: 1, automatic: false } }).marks[0]?.reason,
    ).toMatch(/automatic proofs are off/);
  });
  it('say what the newest proof showed, each for itself', () => {
    expect(statusesOf([entryOf(HOUR_MS)])).toEqual(['passed', 'passed', 'passed', 'passed']);
    expect(statusesOf([entryOf(HOUR_MS, ['work']), entryOf(2 * HOUR_MS)])).toEqual([
      'passed',
      'passed',
      'failed',
      'passed',
    ]);
  });
  it('grow stale with time, with other hardware, another identity, and a clock that was wrong', () => {
    const stale = ['stale', 'stale', 'stale', 'stale'];
    expect(statusesOf([entryOf(47 * HOUR_MS)])).not.toEqual(stale);
    expect(statusesOf([entryOf(49 * HOUR_MS)])).toEqual(stale);
    expect(statusesOf([entryOf(HOUR_MS)], {}, { present: false })).toEqual(stale);
    expect(statusesOf([entryOf(HOUR_MS)], {}, { capacity: { known: true, value: 4000 } })).toEqual(stale);
    expect(statusesOf([entryOf(HOUR_MS)], { node: 'key:other' })).toEqual(stale);
    expect(statusesOf([entryOf(-2 * HOUR_MS)])).toEqual(stale);
    // Locked: whose they are is not known, and they are no less true.
    expect(statusesOf([entryOf(HOUR_MS)], { node: null })).not.toEqual(stale);
  });
  it('come with the proven capacity of the last proof that passed, and a history that ends with the newest', () => {
    const entries = [
      entryOf(1, ['time'], { capacity: { known: false, reason: 'x' } }),
      ...Array.from({ length: 120 }, (_, age) => entryOf(age + 2)),
    ];
    const { proven, history } = assetProofsOf(asset, entries, context);
    expect(proven).toMatchObject({ known: true, value: { value: 7 } });
    expect(history).toHaveLength(100);
    expect(history.at(-1)).toEqual({ atMs: nowMs - 1, passed: false, capacity: null });
  });
});

describe('what a proof shows of a capacity', () => {
  const shown = new Map([
    ['work', { multiplicationsPerSecond: 12.7 }],
    ['space', { bytes: 4096 }],
  ] as const);
  it('is a rate for what computes and space for what stores', () => {
    expect(provenOf('cpu', shown)).toMatchObject({
      known: true,
      value: { value: 12, unit: 'multiplicationsPerSecond' },
    });
    expect(provenOf('gpu', shown)).toMatchObject({ known: true, value: { label: 'Matrix product, this card' } });
    expect(provenOf('storage', shown)).toMatchObject({ known: true, value: { value: 4096, unit: 'bytes' } });
    expect(provenOf('cpu', new Map())).toMatchObject({ known: false });
  });
  it.each(['memory', 'network', 'container', 'economic'] as const)(
    'is nothing for %s, with an honest reason',
    (kind) => {
      const proven = provenOf(kind, shown);
      expect(proven.known).toBe(false);
      expect(!proven.known && proven.reason).toMatch(/proven|no proof shows/);
    },
  );
});
