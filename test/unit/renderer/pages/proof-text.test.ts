import { describe, expect, it } from 'vitest';
import { proofCalls, PROOF_FILE_BYTES_MAX } from '../../../../preload/contract/index.ts';
import { chartText, unitOf } from '../../../../renderer/pages/proofs/capacity-chart.tsx';
import { PROOF_FILE_BYTES_MAX as PAGE_FILE_BYTES_MAX } from '../../../../renderer/pages/proofs/check-file.tsx';
import {
  EVERY_HOURS_MAX,
  inUnit,
  SPACE_BYTES_MAX,
  SPACE_BYTES_MIN,
} from '../../../../renderer/pages/proofs/plan-form.tsx';
import { capacityShortText, capacityText, stepText } from '../../../../renderer/pages/proofs/proof-text.ts';

const MIB = 1024 * 1024;

describe('capacityText', () => {
  it.each([
    [412_345_678, '412 million multiplications per second', '412 M/s'],
    [1_999_900_000, '2 billion multiplications per second', '2 G/s'],
    [999_700, '1 million multiplications per second', '1 M/s'],
    [999, '999 multiplications per second', '999 /s'],
    [0, '0 multiplications per second', '0 /s'],
  ])('never writes a number without its unit: %d', (value, long, short) => {
    expect(capacityText({ value, unit: 'multiplicationsPerSecond' })).toBe(long);
    expect(capacityShortText({ value, unit: 'multiplicationsPerSecond' })).toBe(short);
  });
  it('counts bytes in binary steps', () =>
    expect(capacityText({ value: 1.5 * 1024 * MIB, unit: 'bytes' })).toBe('1.5 GiB'));
});

describe('chartText', () => {
  const capacity = (value: number) => ({ label: 'x', value, unit: 'bytes' as const });
  it('tells lowest, highest, last and what failed', () => {
    const history = [
      { atMs: 1, passed: true, capacity: capacity(3 * MIB) },
      { atMs: 2, passed: false, capacity: null },
      { atMs: 3, passed: true, capacity: capacity(MIB) },
      { atMs: 4, passed: true, capacity: capacity(2 * MIB) },
    ];
    expect(unitOf(history)).toBe('bytes');
    expect(chartText(history, 'bytes')).toBe('4 proofs; from 1 MiB to 3 MiB, last 2 MiB; 1 failed.');
  });
  it('has no unit where nothing was shown', () => {
    expect(unitOf([{ atMs: 1, passed: false, capacity: null }])).toBeNull();
    expect(chartText([], 'bytes')).toBe('No proof has shown a capacity yet.');
  });
});

describe('stepText', () => {
  it('counts the steps', () =>
    expect(stepText({ step: 'time', progressPercent: 12.3 })).toBe('Step 4 of 7: Running the chain of time, 12 %'));
});

describe('the plan', () => {
  it.each([
    [MIB, { amount: 1, unit: MIB }],
    [1024 * MIB, { amount: 1, unit: 1024 * MIB }],
    [1536 * MIB, { amount: 1.5, unit: 1024 * MIB }],
    [1500 * MIB, { amount: 1500, unit: MIB }],
  ])('writes %d bytes so that they come back the same', (bytes, written) => {
    expect(inUnit(bytes)).toEqual(written);
    expect(written.amount * written.unit).toBe(bytes);
  });
  it('allows what the contract allows, and no more', () => {
    const accepts = (change: object): boolean => proofCalls['proof:setPlan'].request.safeParse(change).success;
    expect([EVERY_HOURS_MAX, EVERY_HOURS_MAX + 1].map((everyHours) => accepts({ everyHours }))).toEqual([true, false]);
    expect(
      [SPACE_BYTES_MIN - 1, SPACE_BYTES_MIN, SPACE_BYTES_MAX, SPACE_BYTES_MAX + 1].map((spaceBytes) =>
        accepts({ spaceBytes }),
      ),
    ).toEqual([false, true, true, false]);
    expect(PAGE_FILE_BYTES_MAX).toBe(PROOF_FILE_BYTES_MAX);
  });
});
