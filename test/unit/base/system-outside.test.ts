import { performance } from 'node:perf_hooks';
import { describe, expect, it, vi } from 'vitest';
import { createSystemOutside } from '../../../main/base/index.ts';

const { clock, random } = createSystemOutside();

describe('clock', () => {
  it('never goes back', () => {
    let last = clock.monotonicMs();
    for (let i = 0; i < 1000; i++) {
      const now = clock.monotonicMs();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });

  it('sleeps at least as long as asked', async () => {
    const start = clock.monotonicMs();
    await clock.sleep(20);
    expect(clock.monotonicMs() - start).toBeGreaterThanOrEqual(20);
  });

  it('wakes with the reason of the signal, before or during the sleep', async () => {
    const reason = new Error('enough');
    await expect(clock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const slept = clock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await expect(slept).rejects.toBe(reason);
  });

  it('repeats until cancelled', async () => {
    let ticks = 0;
    await new Promise<void>((resolve) => {
      const cancel = clock.every(1, () => {
        if (++ticks < 3) return;
        cancel();
        resolve();
      });
    });
    expect(ticks).toBe(3);
  });

  it('fires once, or never when cancelled', async () => {
    const fired: string[] = [];
    const cancel = clock.after(1, () => fired.push('cancelled'));
    cancel();
    cancel();
    await new Promise<void>((resolve) => {
      clock.after(5, () => {
        fired.push('kept');
        resolve();
      });
    });
    expect(fired).toEqual(['kept']);
  });

  it('holds a wait that is longer than one timer of Node can be', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const now = vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
    try {
      const fired = vi.fn();
      const waitMs = 60 * 24 * 3600 * 1000;
      createSystemOutside().clock.after(waitMs, fired);
      vi.advanceTimersByTime(waitMs - 1);
      expect(fired).not.toHaveBeenCalled();
      vi.advanceTimersByTime(2);
      expect(fired).toHaveBeenCalledOnce();
    } finally {
      now.mockRestore();
      vi.useRealTimers();
    }
  });

  it('refuses waits that mean nothing', () => {
    expect(() => clock.after(-1, () => undefined)).toThrow('0 ms or more');
    expect(() => clock.after(Number.NaN, () => undefined)).toThrow('0 ms or more');
    expect(() => clock.every(0, () => undefined)).toThrow('more than 0');
  });
});

describe('random', () => {
  it('gives as many bytes as asked, all values among them', () => {
    const bytes = random.bytes(65_536);
    expect(bytes).toHaveLength(65_536);
    expect(new Set(bytes).size).toBe(256);
    expect(random.bytes(0)).toHaveLength(0);
  });

  it('draws every value below the limit', () => {
    const seen = new Set(Array.from({ length: 2000 }, () => random.below(7)));
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(random.below(1)).toBe(0);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 48])('refuses %s as a limit', (limit) => {
    expect(() => random.below(limit)).toThrow('limit');
  });
});
