import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SIGNAL_BYTES_PER_SECOND, networkLimits } from '../../../../main/api/network/limits.ts';
import type { Level } from '../../../../preload/contract/index.ts';

const NONE = { sendBytesPerSecondMax: null, receiveBytesPerSecondMax: null, monthlyBytesMax: null };
const level = (percent: number, rule: Level['rule'] = 'slider') => ({
  percent,
  rule,
  reason: `${rule} at ${percent} %`,
});
const MB = 1_000_000;
const base = {
  rules: NONE,
  monthBytes: 0,
  level: level(100),
  capacity: { known: true, value: 100 * MB } as const,
  loopbackOnly: false,
};

describe('limits of the network', () => {
  it('are none where nothing was set and all is lent', () => {
    expect(networkLimits(base)).toEqual({
      sendBytesPerSecond: null,
      receiveBytesPerSecond: null,
      budgetBytes: null,
      reason: '',
      stopped: null,
    });
  });
  it('are the narrower of the rates and the level', () => {
    const limits = networkLimits({
      ...base,
      rules: { ...NONE, sendBytesPerSecondMax: 10 * MB, receiveBytesPerSecondMax: 80 * MB },
      level: level(50),
    });
    expect(limits).toMatchObject({ sendBytesPerSecond: 10 * MB, receiveBytesPerSecond: 50 * MB, stopped: null });
    expect(limits.reason).toBe('The rates that you set; slider at 50 %');
  });
  it('follow only the rates where the speed of the link is not known', () => {
    const limits = networkLimits({
      ...base,
      level: level(50),
      capacity: { known: false, reason: 'the link does not tell' },
    });
    expect(limits).toMatchObject({ sendBytesPerSecond: null, receiveBytesPerSecond: null, reason: '' });
  });
  it('leave the node in touch with its peers when nothing is lent', () => {
    expect(networkLimits({ ...base, level: level(0, 'pause') })).toMatchObject({
      sendBytesPerSecond: SIGNAL_BYTES_PER_SECOND,
      receiveBytesPerSecond: SIGNAL_BYTES_PER_SECOND,
      stopped: null,
      reason: 'pause at 0 %',
    });
  });
  it.each(['metered', 'monthlyCap'] as const)('silence it where bytes cost money: %s', (rule) => {
    expect(networkLimits({ ...base, level: level(0, rule) }).stopped).toBe(`${rule} at 0 %`);
  });
  it('look at no link when the node stays on its machine, but at the month', () => {
    expect(networkLimits({ ...base, level: level(0, 'metered'), loopbackOnly: true })).toMatchObject({
      sendBytesPerSecond: null,
      stopped: null,
    });
    expect(networkLimits({ ...base, level: level(0, 'monthlyCap'), loopbackOnly: true }).stopped).not.toBeNull();
  });
  it('leave what is left of the month, and silence when it is used up', () => {
    const rules = { ...NONE, monthlyBytesMax: 5 * MB };
    expect(networkLimits({ ...base, rules, monthBytes: 3 * MB })).toMatchObject({ budgetBytes: 2 * MB, stopped: null });
    expect(networkLimits({ ...base, rules, monthBytes: 5 * MB + 1 }).budgetBytes).toBe(0);
    expect(networkLimits({ ...base, rules, monthBytes: 5 * MB + 1 }).stopped).toMatch(/used up/);
  });
  it('are never wider than a rate that was set', () => {
    const rate = fc.option(fc.nat({ max: 1_000 * MB }));
    fc.assert(
      fc.property(
        rate,
        rate,
        fc.integer({ min: 0, max: 100 }),
        fc.nat({ max: 1_000 * MB }),
        (send, receive, percent, value) => {
          const limits = networkLimits({
            ...base,
            rules: { ...NONE, sendBytesPerSecondMax: send, receiveBytesPerSecondMax: receive },
            level: level(percent),
            capacity: { known: true, value },
          });
          expect(limits.sendBytesPerSecond ?? Infinity).toBeLessThanOrEqual(send ?? Infinity);
          expect(limits.receiveBytesPerSecond ?? Infinity).toBeLessThanOrEqual(receive ?? Infinity);
        },
      ),
    );
  });
});
