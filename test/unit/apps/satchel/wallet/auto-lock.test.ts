import { expect, it, vi } from 'vitest';
import { createAutoLock } from '../../../../../main/apps/satchel/wallet/auto-lock.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';

const MINUTE_MS = 60_000;
const open = () => {
  const clock = createManualClock();
  const lock = vi.fn();
  return { clock, lock, autoLock: createAutoLock({ clock, lock }) };
};

it('locks once after so long without use, and leaves nothing behind', async () => {
  const { clock, lock, autoLock } = open();
  autoLock.set(5);
  await clock.advance(4 * MINUTE_MS);
  autoLock.touch();
  await clock.advance(5 * MINUTE_MS - 1);
  expect(lock).not.toHaveBeenCalled();
  await clock.advance(1);
  expect(lock).toHaveBeenCalledTimes(1);
  await clock.advance(60 * MINUTE_MS);
  expect(lock).toHaveBeenCalledTimes(1);
  expect(clock.pendingCount).toBe(0);
});

it('locks after a sleep, in which only the wall clock goes on', async () => {
  const { clock, lock, autoLock } = open();
  autoLock.set(5);
  clock.setNowMs(clock.nowMs() + 8 * 60 * MINUTE_MS);
  await clock.advance(5_000);
  expect(lock).toHaveBeenCalledTimes(1);
});

it('is not kept open by a clock that is set back', async () => {
  const { clock, lock, autoLock } = open();
  autoLock.set(5);
  clock.setNowMs(clock.nowMs() - 24 * 60 * MINUTE_MS);
  await clock.advance(5 * MINUTE_MS);
  expect(lock).toHaveBeenCalledTimes(1);
});

it('never locks where its owner wants none', async () => {
  const { clock, lock, autoLock } = open();
  autoLock.set(5);
  autoLock.set(0);
  autoLock.touch();
  await clock.advance(24 * 60 * MINUTE_MS);
  autoLock.set(5);
  autoLock.stop();
  await clock.advance(24 * 60 * MINUTE_MS);
  expect(lock).not.toHaveBeenCalled();
  expect(clock.pendingCount).toBe(0);
});
