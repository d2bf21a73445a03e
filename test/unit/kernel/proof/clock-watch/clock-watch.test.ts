import { describe, expect, it } from 'vitest';
import { type ClockEvent, createClockWatch } from '../../../../../main/kernel/proof/clock-watch/index.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const setUp = (options: { knowsUptime?: boolean; newestStampMs?: () => number | null } = {}) => {
  const clock = createManualClock({ nowMs: Date.UTC(2026, 5, 1) });
  const counted: string[] = [];
  const offsets: number[] = [];
  const heard: ClockEvent[] = [];
  let asleepMs = 0;
  const watch = createClockWatch({
    clock,
    logger: createSilentLogger(),
    metrics: {
      events: { inc: (_by, labels) => counted.push(labels?.['kind'] ?? '') },
      offsetSeconds: { set: (value) => offsets.push(value) },
    },
    uptimeMs: options.knowsUptime === false ? null : () => Math.floor((clock.monotonicMs() + asleepMs) / 1000) * 1000,
    newestStampMs: options.newestStampMs ?? null,
  });
  watch.on('jumped', (event) => heard.push(event));
  return {
    clock,
    watch,
    heard,
    counted,
    offsets,
    /** Sleeping: wall clock and uptime go on, the monotonic clock stands still, and so do timers. */
    sleep: (ms: number) => {
      asleepMs += ms;
      clock.setNowMs(clock.nowMs() + ms);
    },
  };
};

describe('a watch on the clock', () => {
  it('hears nothing while time just goes on, however irregularly it looks', async () => {
    const { clock, watch, heard } = setUp();
    await watch.start();
    for (const ms of [5000, 12_345, 60_000, 1]) await clock.advance(ms);
    watch.look();
    expect(heard).toEqual([]);
    expect(watch.warning()).toBeNull();
    await watch.stop();
    await watch.stop();
    expect(clock.pendingCount).toBe(0);
  });

  it.each([
    ['forward', 90_000],
    ['backward', -3_600_000],
    ['forward', 1_500],
  ] as const)('notices a clock that was set %s', async (kind, byMs) => {
    const { clock, watch, heard, counted, offsets } = setUp();
    await watch.start();
    await clock.advance(10_000);
    clock.setNowMs(clock.nowMs() + byMs);
    await clock.advance(5000);
    expect(heard).toEqual([{ kind, atMs: clock.nowMs(), monotonicMs: clock.monotonicMs(), byMs: Math.abs(byMs) }]);
    expect(watch.events()).toEqual(heard);
    expect(counted).toEqual([kind]);
    expect(offsets.at(-1)).toBeCloseTo(byMs / 1000, 3);
    expect(watch.warning()?.sentence).toContain(`was set ${kind} by ${(Math.abs(byMs) / 1000).toFixed(1)} s`);
    await clock.advance(16 * 60_000);
    expect(watch.warning()).toBeNull();
    expect(watch.events()).toHaveLength(1);
    await watch.stop();
  });

  it('leaves alone what a time server does every day', async () => {
    const { clock, watch, heard } = setUp();
    await watch.start();
    for (let times = 0; times < 20; times += 1) {
      clock.setNowMs(clock.nowMs() + (times % 2 === 0 ? 400 : -400));
      await clock.advance(5000);
    }
    expect(heard).toEqual([]);
    await watch.stop();
  });

  it('tells sleep from a clock that was set', async () => {
    const { clock, watch, heard, sleep } = setUp();
    await watch.start();
    await clock.advance(7_500);
    sleep(8 * 3_600_000);
    await clock.advance(5000);
    expect(heard.map(({ kind }) => kind)).toEqual(['slept']);
    expect(Math.abs((heard[0]?.byMs ?? 0) - 8 * 3_600_000)).toBeLessThanOrEqual(1000);
    expect(watch.warning()).toBeNull();
    await watch.stop();
  });

  it('notices a clock that was set while the machine slept', async () => {
    const { clock, watch, heard, sleep } = setUp();
    await watch.start();
    await clock.advance(7_500);
    sleep(600_000);
    clock.setNowMs(clock.nowMs() - 7_200_000);
    await clock.advance(5000);
    expect(heard.map(({ kind }) => kind)).toEqual(['slept', 'backward']);
    expect(Math.abs((heard[1]?.byMs ?? 0) - 7_200_000)).toBeLessThanOrEqual(1000);
    await watch.stop();
  });

  it('takes sleep for a clock set forward where the system does not tell', async () => {
    const { clock, watch, heard, sleep } = setUp({ knowsUptime: false });
    await watch.start();
    sleep(600_000);
    await clock.advance(5000);
    expect(heard.map(({ kind }) => kind)).toEqual(['forward']);
    await watch.stop();
  });

  it('notices a clock behind what the node has stamped, once, until it is right again', async () => {
    let newestMs: number | null = null;
    const { clock, watch, heard } = setUp({ newestStampMs: () => newestMs });
    await watch.start();
    newestMs = clock.nowMs() + 86_400_000;
    await clock.advance(60_000);
    expect(heard.map(({ kind }) => kind)).toEqual(['behind']);
    expect(watch.warning()?.sentence).toContain('behind what this node has stamped');
    // It stays a warning for as long as it is so.
    await clock.advance(20 * 60_000);
    expect(watch.warning()?.event.kind).toBe('behind');
    newestMs = clock.nowMs();
    await clock.advance(5000);
    expect(watch.warning()).toBeNull();
    await watch.stop();
  });

  it('notices at its start that the clock is behind', async () => {
    const { watch, heard } = setUp({ newestStampMs: () => Date.UTC(2027, 0, 1) });
    await watch.start();
    expect(heard.map(({ kind }) => kind)).toEqual(['behind']);
    await watch.stop();
  });

  it('keeps the last 64', async () => {
    const { clock, watch } = setUp();
    await watch.start();
    for (let times = 0; times < 100; times += 1) {
      clock.setNowMs(clock.nowMs() + 10_000 + times);
      watch.look();
    }
    expect(watch.events()).toHaveLength(64);
    expect(watch.events().at(-1)?.byMs).toBe(10_099);
    await watch.stop();
  });
});
