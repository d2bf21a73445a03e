import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateGate, type RateGateControl } from '../../../../../main/transport/stoq/standing/rate-gate.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';

/** Sends as fast as the gate allows until told to stop, and notes when what passed. */
const load = (
  clock: ManualClock,
  gate: RateGateControl,
  sizes: readonly number[],
  options: { flow?: string; direction?: 'send' | 'receive'; overhead?: number } = {},
): { passed: { atMs: number; bytes: number }[]; stop: () => void } => {
  const passed: { atMs: number; bytes: number }[] = [];
  let running = true;
  const run = async (): Promise<void> => {
    for (let turn = 0; running; turn++) {
      const bytes = sizes[turn % sizes.length] ?? 1;
      await gate[options.direction ?? 'send'](bytes, options.flow);
      if (!running) return;
      const extra = Math.round(bytes * (options.overhead ?? 0));
      if (extra > 0) gate.charge(extra, 0);
      passed.push({ atMs: clock.monotonicMs(), bytes: bytes + extra });
    }
  };
  void run();
  return { passed, stop: () => (running = false) };
};
const sum = (passed: readonly { atMs: number; bytes: number }[], fromMs = -1, toMs = Infinity): number =>
  passed.reduce((all, { atMs, bytes }) => (atMs >= fromMs && atMs < toMs ? all + bytes : all), 0);

describe('without a limit', () => {
  it('answers at once and counts', async () => {
    const gate = createRateGate({ clock: createManualClock() });
    expect(gate.send(2 ** 30)).toBeUndefined();
    expect(gate.receive(7)).toBeUndefined();
    gate.charge(3, 4);
    expect(gate.totals()).toEqual({
      sentBytes: 2 ** 30 + 3,
      receivedBytes: 11,
      sendsWaiting: 0,
      receivesWaiting: 0,
    });
  });
  it('costs no more than an addition', () => {
    const gate = createRateGate({ clock: createManualClock() });
    for (let call = 0; call < 1_000_000; call++) void gate.send(1);
    expect(gate.totals().sentBytes).toBe(1_000_000);
  });
});

describe('with a rate', () => {
  it('holds it within 1 % over every minute of full load, whatever is charged on top', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 30_000, max: 2_000_000 }),
        // Single bytes would make millions of calls a second out of a fast line, which is another question.
        fc.array(fc.integer({ min: 500, max: 8_000 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        fc.double({ min: 0, max: 0.2, noNaN: true }),
        fc.constantFrom<'send' | 'receive'>('send', 'receive'),
        async (rate, sizes, senders, overhead, direction) => {
          const clock = createManualClock();
          const gate = createRateGate(
            { clock },
            direction === 'send' ? { sendBytesPerSecond: rate } : { receiveBytesPerSecond: rate },
          );
          const loads = Array.from({ length: senders }, () =>
            load(clock, gate, sizes, { direction, overhead: direction === 'send' ? overhead : 0 }),
          );
          // A pause of the process now and then: timers come late.
          for (let second = 0; second < 90; second++) await clock.advance(1_000);
          const passed = loads.flatMap((one) => one.passed);
          for (const fromMs of [0, 1, 7_500, 20_000, 30_000]) {
            const ratio = sum(passed, fromMs, fromMs + 60_000) / (rate * 60);
            expect(ratio).toBeGreaterThan(0.99);
            expect(ratio).toBeLessThan(1.01);
          }
          for (const one of loads) one.stop();
          gate.stop();
        },
      ),
      { numRuns: 12 },
    );
  });
  it('catches up after late timers, but not with more than 0.4 s of them', async () => {
    const clock = createManualClock();
    let lateMs = 0;
    // A clock whose timers fire 250 ms late.
    const late = { ...clock, after: (ms: number, fire: () => void) => clock.after(ms + lateMs, fire) };
    const gate = createRateGate({ clock: late }, { sendBytesPerSecond: 100_000 });
    const one = load(clock, gate, [1_000]);
    lateMs = 250;
    await clock.advance(60_000);
    expect(sum(one.passed) / 6_000_000).toBeGreaterThan(0.99);
    lateMs = 10_000;
    await clock.advance(60_000);
    expect(sum(one.passed, 62_000, 120_000) / 5_800_000).toBeLessThan(0.1);
    one.stop();
    gate.stop();
  });
  it('lets an idle line burst for a tenth of a second and no longer', async () => {
    const clock = createManualClock();
    const gate = createRateGate({ clock }, { sendBytesPerSecond: 1_000_000 });
    await clock.advance(60_000);
    let free = 0;
    while (gate.send(1_000) === undefined) free += 1_000;
    expect(free).toBe(100_000);
    gate.stop();
  });
  it('gives flows equal shares, however many calls each has and however large they are', async () => {
    const clock = createManualClock();
    const gate = createRateGate({ clock }, { sendBytesPerSecond: 1_000_000 });
    const many = Array.from({ length: 20 }, () => load(clock, gate, [60_000], { flow: 'greedy' }));
    const few = load(clock, gate, [500], { flow: 'modest' });
    await clock.advance(30_000);
    const greedy = many.reduce((all, one) => all + sum(one.passed), 0);
    // The modest one has but one small write at a time: it gets each at the next turn.
    expect(sum(few.passed)).toBeGreaterThan(500 * 30 * 30);
    expect(greedy + sum(few.passed)).toBeGreaterThan(29_000_000 - 20 * 60_000);
    const equal = Array.from({ length: 3 }, (_, flow) => load(clock, gate, [16_000], { flow: `equal-${flow}` }));
    for (const one of many) one.stop();
    few.stop();
    const fromMs = clock.monotonicMs() + 5_000;
    await clock.advance(35_000);
    const shares = equal.map((one) => sum(one.passed, fromMs));
    expect(Math.max(...shares) / Math.min(...shares)).toBeLessThan(1.02);
    for (const one of equal) one.stop();
    gate.stop();
  });
  it('leaves nobody waiting for ever', async () => {
    const clock = createManualClock();
    const gate = createRateGate({ clock }, { sendBytesPerSecond: 10_000 });
    let passed = 0;
    for (let call = 0; call < 200; call++)
      void Promise.resolve(gate.send(100 + call, `flow-${call % 7}`)).then(() => (passed += 1));
    await clock.advance(5_000);
    expect(passed).toBe(200);
    expect(gate.totals().sendsWaiting).toBe(0);
    expect(clock.pendingCount).toBe(0);
  });
  it('keeps directions apart', async () => {
    const clock = createManualClock();
    const gate = createRateGate({ clock }, { sendBytesPerSecond: 0, receiveBytesPerSecond: null });
    let sent = false;
    void Promise.resolve(gate.send(1)).then(() => (sent = true));
    expect(gate.receive(1_000_000)).toBeUndefined();
    await clock.advance(3_600_000);
    expect(sent).toBe(false);
    gate.stop();
  });
});

describe('debt', () => {
  it('is paid before anything passes', async () => {
    const clock = createManualClock();
    const gate = createRateGate({ clock }, { sendBytesPerSecond: 1_000 });
    gate.charge(5_000, 0);
    let atMs: number | null = null;
    void Promise.resolve(gate.send(1_000)).then(() => (atMs = clock.monotonicMs()));
    await clock.advance(5_500);
    expect(atMs).toBeNull();
    await clock.advance(600);
    expect(atMs).toBeCloseTo(6_000, -2);
  });
  it('ends after ten seconds of the rate', async () => {
    const clock = createManualClock();
    const gate = createRateGate({ clock }, { sendBytesPerSecond: 1_000 });
    gate.charge(2 ** 40, 0);
    let passed = false;
    void Promise.resolve(gate.send(100)).then(() => (passed = true));
    await clock.advance(10_200);
    expect(passed).toBe(true);
  });
  it('gives back what was not sent', async () => {
    const clock = createManualClock();
    const gate = createRateGate({ clock }, { sendBytesPerSecond: 1_000_000 });
    await clock.advance(1_000);
    expect(gate.send(100_000)).toBeUndefined();
    gate.charge(-100_000, 0);
    expect(gate.send(100_000)).toBeUndefined();
    expect(gate.totals().sentBytes).toBe(100_000);
  });
});

describe('changes', () => {
  it('hold at once for those who wait', async () => {
    const clock = createManualClock();
    const gate = createRateGate({ clock }, { sendBytesPerSecond: 0 });
    const one = load(clock, gate, [1_000]);
    await clock.advance(10_000);
    expect(sum(one.passed)).toBe(0);
    gate.setRates({ sendBytesPerSecond: 100_000, receiveBytesPerSecond: null });
    await clock.advance(10_000);
    expect(sum(one.passed) / 1_000_000).toBeCloseTo(1, 1);
    gate.setRates({ sendBytesPerSecond: 10_000, receiveBytesPerSecond: null });
    await clock.advance(10_000);
    expect(sum(one.passed, 20_001) / 100_000).toBeCloseTo(1, 1);
    gate.setRates({ sendBytesPerSecond: 0, receiveBytesPerSecond: null });
    await clock.advance(1);
    const before = sum(one.passed);
    await clock.advance(60_000);
    expect(sum(one.passed)).toBe(before);
    one.stop();
    gate.setRates({ sendBytesPerSecond: null, receiveBytesPerSecond: null });
    await clock.advance(1);
    expect(gate.totals().sendsWaiting).toBe(0);
    expect(clock.pendingCount).toBe(0);
  });
  it('never let more pass than the rates of the time allow', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            rate: fc.oneof(fc.constant(0), fc.integer({ min: 1_000, max: 1_000_000 })),
            ms: fc.integer({ min: 1, max: 5_000 }),
          }),
          { minLength: 1, maxLength: 12 },
        ),
        async (steps) => {
          const clock = createManualClock();
          const gate = createRateGate({ clock }, { sendBytesPerSecond: 0 });
          const one = load(clock, gate, [100, 900, 40]);
          let allowed = 0;
          let burst = 0;
          for (const { rate, ms } of steps) {
            gate.setRates({ sendBytesPerSecond: rate, receiveBytesPerSecond: null });
            await clock.advance(ms);
            allowed += (rate * ms) / 1000;
            burst = Math.max(burst, rate * 0.1);
          }
          expect(sum(one.passed)).toBeLessThanOrEqual(allowed + burst + 900);
          one.stop();
          gate.stop();
        },
      ),
      { numRuns: 40 },
    );
  });
  it('refuses what is no rate', () => {
    const gate = createRateGate({ clock: createManualClock() });
    expect(() => gate.setRates({ sendBytesPerSecond: -1, receiveBytesPerSecond: null })).toThrow('A rate is');
    expect(() => gate.setRates({ sendBytesPerSecond: Number.NaN, receiveBytesPerSecond: null })).toThrow('A rate is');
    expect(() => gate.send(1.5)).toThrow('whole numbers');
    expect(() => gate.send(-1)).toThrow('whole numbers');
  });
});

describe('budget', () => {
  it('closes both directions exactly when it is used up, and opens them with a new one', async () => {
    const clock = createManualClock();
    const gate = createRateGate({ clock }, { budgetBytes: 10_000 });
    expect(gate.send(6_000)).toBeUndefined();
    expect(gate.receive(4_000)).toBeUndefined();
    let sent = false;
    let received = false;
    void Promise.resolve(gate.send(1)).then(() => (sent = true));
    void Promise.resolve(gate.receive(1)).then(() => (received = true));
    await clock.advance(3_600_000);
    expect([sent, received]).toEqual([false, false]);
    gate.setBudget(2);
    await clock.advance(1);
    expect([sent, received]).toEqual([true, true]);
    expect(gate.totals()).toMatchObject({ sentBytes: 6_001, receivedBytes: 4_001 });
  });
  it('holds whatever the rates are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 500_000 }),
        fc.oneof(fc.constant(null), fc.integer({ min: 1_000, max: 1_000_000 })),
        fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 4 }),
        async (budgetBytes, rate, sizes) => {
          const clock = createManualClock();
          const gate = createRateGate(
            { clock },
            { budgetBytes, sendBytesPerSecond: rate, receiveBytesPerSecond: rate },
          );
          const loads = [load(clock, gate, sizes), load(clock, gate, sizes, { direction: 'receive' })];
          await clock.advance(rate === null ? 10 : 20_000);
          const { sentBytes, receivedBytes } = gate.totals();
          expect(sentBytes + receivedBytes).toBeLessThanOrEqual(budgetBytes);
          for (const one of loads) one.stop();
          gate.stop();
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('stop', () => {
  it('lets everybody through and leaves no timer', async () => {
    const clock = createManualClock();
    const gate = createRateGate({ clock }, { sendBytesPerSecond: 1 });
    const waiting = ['a', 'a', 'b'].map(async (flow) => {
      await gate.send(1_000, flow);
    });
    gate.stop();
    await Promise.all(waiting);
    expect(clock.pendingCount).toBe(0);
    expect(gate.send(1_000_000)).toBeUndefined();
  });
});
