import { networkInterfaces } from 'node:os';
import type { Clock } from '../../base/index.ts';

/** How often is looked: a connection must be back within 5 s of waking. */
const LOOK_MS = 2_000;
/** A wall clock that jumps further ahead than timers are ever late: the machine slept, or somebody set the clock. */
const ASLEEP_MS_MIN = 5_000;

/** Addresses that a socket may be bound to, as one text to compare. */
const addressesNow = (): string =>
  Object.entries(networkInterfaces())
    .flatMap(([name, infos]) => (infos ?? []).map(({ address }) => `${name} ${address}`))
    .sort()
    .join('\n');

export interface PowersInit {
  /** @default the machine's */
  addresses?: () => string;
}
/**
 * Tells when the machine woke up or its addresses changed. A system that tells of neither is asked in short turns; both are
 * cheap, and a false alarm costs one round trip per path.
 *
 * @returns what ends it
 */
export const watchPowers = (
  { clock }: { clock: Clock },
  onChange: (what: 'woke' | 'addresses') => void,
  { addresses = addressesNow }: PowersInit = {},
): (() => void) => {
  let before = addresses();
  let wallMs = clock.nowMs();
  return clock.every(LOOK_MS, () => {
    const nowMs = clock.nowMs();
    const aheadMs = nowMs - wallMs - LOOK_MS;
    wallMs = nowMs;
    const now = addresses();
    if (now !== before) {
      before = now;
      onChange('addresses');
    } else if (aheadMs > ASLEEP_MS_MIN) onChange('woke');
  });
};
