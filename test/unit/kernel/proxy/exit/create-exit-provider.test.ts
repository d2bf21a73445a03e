import { describe, expect, it } from 'vitest';
import { createExitProvider } from '../../../../../main/kernel/proxy/exit/index.ts';
import type { DestinationPolicy } from '../../../../../main/kernel/proxy/interface.ts';
import type { LeaseId, LentLease } from '../../../../../main/kernel/leases/index.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createSilentMetrics } from '../../../../support/silent-metrics.ts';

const ID = `lease-${'a1'.repeat(16)}` as LeaseId;
const lent = (exitAllowed: boolean): LentLease =>
  ({
    id: ID,
    resource: 'network',
    amount: 1_000_000,
    terms: { proxy: { relaysAllowed: true, exitAllowed } },
  }) as LentLease;

const setUp = () => {
  const clock = createManualClock();
  const now = { exitAllowed: true, gone: false };
  const provider = createExitProvider({
    clock,
    logger: createSilentLogger(),
    metrics: createSilentMetrics(),
    rules: {
      policy: ({ proxy }): DestinationPolicy => (proxy.exitAllowed ? { mode: 'all', named: [] } : { mode: 'none' }),
    },
    terms: () => (now.gone ? null : { proxy: { relaysAllowed: true, exitAllowed: now.exitAllowed } }),
  });
  return { clock, now, provider };
};

describe('a lease of the network', () => {
  it('passes nothing before it is told how much, then as much, and nothing at level 0', async () => {
    const { clock, provider } = setUp();
    const provided = await provider.start(lent(true));
    const exit = provider.find(ID);
    expect(exit?.limit.bytesPerSecond).toBe(0);
    provided.setEffective(2_000_000);
    expect(exit?.limit.bytesPerSecond).toBe(1_000_000);
    provided.setEffective(100_000);
    let passed = 0;
    const take = async (): Promise<void> => {
      for (;;) {
        await exit?.limit.send(10_000);
        if (exit?.ended.aborted !== false) return;
        passed += 10_000;
      }
    };
    const taking = take();
    for (let step = 0; step < 200; step++) await clock.advance(50);
    expect(passed).toBeGreaterThan(970_000);
    expect(passed).toBeLessThan(1_050_000);
    provided.setEffective(0);
    const before = passed;
    for (let step = 0; step < 20; step++) await clock.advance(50);
    expect(passed).toBe(before);
    await provided.stop('over');
    await taking;
    expect(clock.pendingCount).toBe(0);
  });

  it('asks the owner anew for every connection', async () => {
    const { now, provider } = setUp();
    await provider.start(lent(true));
    const exit = provider.find(ID);
    expect(exit?.policy()).toEqual({ mode: 'all', named: [] });
    now.exitAllowed = false;
    expect(exit?.policy()).toEqual({ mode: 'none' });
    now.gone = true;
    expect(exit?.policy()).toEqual({ mode: 'all', named: [] });
  });

  it('is refused where nothing may leave', async () => {
    const { now, provider } = setUp();
    now.exitAllowed = false;
    await expect(provider.start(lent(false))).rejects.toMatchObject({ code: 'DESTINATION_REFUSED' });
    expect(provider.find(ID)).toBeNull();
  });

  it('says what it takes: the busier direction over the last second', async () => {
    const { clock, provider } = setUp();
    const provided = await provider.start(lent(true));
    const counters = provider.find(ID)?.counters ?? { sentBytes: 0, receivedBytes: 0 };
    counters.sentBytes = 4_000;
    counters.receivedBytes = 9_000;
    await clock.advance(500);
    expect(provided.use()).toEqual({ used: 0, sentBytes: 4_000, receivedBytes: 9_000 });
    await clock.advance(1_500);
    expect(provided.use()).toEqual({ used: 4_500, sentBytes: 4_000, receivedBytes: 9_000 });
    await clock.advance(1_000);
    expect(provided.use().used).toBe(0);
  });

  it('ends what runs under it, once, and is found no more', async () => {
    const { provider } = setUp();
    const provided = await provider.start(lent(true));
    const exit = provider.find(ID);
    await provided.stop('the lease is over');
    await provided.stop('again');
    expect(exit?.ended.aborted).toBe(true);
    expect(exit?.ended.reason).toMatchObject({ message: 'the lease is over' });
    expect(provider.find(ID)).toBeNull();
    provided.setEffective(5);
    expect(exit?.limit.bytesPerSecond).toBe(0);
    // The same lease may start again after a crash in between.
    await provider.start(lent(true));
    expect(provider.find(ID)).not.toBeNull();
  });
});
