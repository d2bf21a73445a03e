import { expect, it } from 'vitest';
import { watchPowers } from '../../../../main/api/network/powers.ts';
import { createManualClock } from '../../../support/manual-clock.ts';

it('tells when the machine slept and when its addresses changed, and nothing else', async () => {
  const clock = createManualClock();
  let addresses = 'eth0 fe80::1';
  const heard: string[] = [];
  const end = watchPowers({ clock }, (what) => heard.push(what), { addresses: () => addresses });
  await clock.advance(60_000);
  expect(heard).toEqual([]);
  // An hour asleep: timers stood still, the wall clock did not.
  clock.setNowMs(clock.nowMs() + 3_600_000);
  await clock.advance(2_000);
  expect(heard).toEqual(['woke']);
  addresses = 'eth0 fe80::1\nwlan0 192.168.1.5';
  await clock.advance(2_000);
  expect(heard).toEqual(['woke', 'addresses']);
  // Somebody set the clock back, or by a second.
  clock.setNowMs(clock.nowMs() - 3_600_000);
  await clock.advance(2_000);
  clock.setNowMs(clock.nowMs() + 1_000);
  await clock.advance(10_000);
  expect(heard).toEqual(['woke', 'addresses']);
  end();
  addresses = '';
  await clock.advance(10_000);
  expect(heard).toHaveLength(2);
  expect(clock.pendingCount).toBe(0);
});
it('looks at the addresses of this machine', async () => {
  const clock = createManualClock();
  const heard: string[] = [];
  const end = watchPowers({ clock }, (what) => heard.push(what));
  await clock.advance(4_000);
  end();
  expect(heard).toEqual([]);
});
