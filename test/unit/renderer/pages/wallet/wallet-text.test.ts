import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shortAddress } from '../../../../../renderer/components/address.tsx';
import { microOfText } from '../../../../../renderer/components/caes.tsx';
import { caesNumberText, caesText } from '../../../../../renderer/components/quantity.ts';
import { NO_FILTER, pagesAround, requestOf } from '../../../../../renderer/pages/wallet/use-history.ts';
import { dayStartMs, sumsOf, yieldText } from '../../../../../renderer/pages/wallet/wallet-text.ts';
import { sampleWallet } from '../../../../support/fake-wallet.ts';

describe('amounts', () => {
  it('are written in one way: thin groups, six places at most, a real minus', () => {
    expect(caesText(1_234_567_890_000n)).toBe('1\u202f234\u202f567.89 CAES');
    expect(caesText(1n)).toBe('0.000001 CAES');
    expect(caesText(-1_250_000n)).toBe('−1.25 CAES');
    expect(caesText(0n)).toBe('0 CAES');
  });

  it('are read back exactly, whatever they are', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 9_999_999_999_999_999_999n }), (micro) => {
        expect(microOfText(caesNumberText(micro).replaceAll('\u202f', ''))).toBe(micro);
      }),
    );
  });

  it('are refused where they are none', () => {
    for (const wrong of ['', '.5', '5.', '-5', '+5', '1e3', '0x10', '1.2.3', '١', '1.0000001', '12345678901234'])
      expect(microOfText(wrong)).toBeNull();
    expect(microOfText(' 12,5 ')).toBe(12_500_000n);
  });

  it('are summed without a float', () => {
    expect(sumsOf(sampleWallet().accounts.slice(0, 2))).toMatchObject({
      available: 1_234_607_890_000n,
      unbonding: 5_000_000n,
      outgoing: 2_000_100n,
    });
  });
});

describe('the questions of the history', () => {
  it('name only what is filtered', () => {
    expect(requestOf(NO_FILTER)).toEqual({});
    expect(requestOf({ ...NO_FILTER, kind: 'reward', text: ' anna ' })).toEqual({ kind: 'reward', text: 'anna' });
  });

  it('take days as local ones, and nothing that is no day', () => {
    expect(dayStartMs('2026-03-29')).toBe(new Date(2026, 2, 29).getTime());
    expect(dayStartMs('2026-03-29', 1)).toBe(new Date(2026, 2, 30).getTime());
    expect(dayStartMs('29.3.2026')).toBeUndefined();
    expect(dayStartMs('')).toBeUndefined();
  });

  it('are of the page that is looked at first, and of those beside it', () => {
    expect(pagesAround(0, 1, 1)).toEqual([0]);
    expect(pagesAround(0, 30, 100_000)).toEqual([0, 1]);
    expect(pagesAround(5000, 5030, 100_000)[0]).toBe(25);
    expect(pagesAround(5000, 5030, 100_000).toSorted((a, b) => a - b)).toEqual([24, 25, 26]);
    expect(pagesAround(99_990, 100_000, 100_000)).toEqual([499, 498]);
    expect(pagesAround(0, 30, 0)).toEqual([0]);
  });
});

it('writes addresses by both ends, and a yield in percent', () => {
  expect(shortAddress(sampleWallet().accounts[0]?.address ?? '')).toMatch(/^caes1.{6}….{6}$/);
  expect(shortAddress('caes1')).toBe('caes1');
  expect(yieldText(35)).toBe('3.5 % a year');
});
