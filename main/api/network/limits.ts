import type { Level, MachineRules, Reading } from '../../../preload/contract/index.ts';

/** What a node needs to stay known to its peers while nothing is lent: round trips, addresses, lookups. */
export const SIGNAL_BYTES_PER_SECOND = 32_768;

export interface NetworkLimits {
  /** Bytes per second; null: no limit. */
  sendBytesPerSecond: number | null;
  receiveBytesPerSecond: number | null;
  /** Bytes of this month that are left, both ways together; null: no cap. */
  budgetBytes: number | null;
  /** Why the limits are what they are; empty when there are none. */
  reason: string;
  /** Why the node talks to nobody now; null when it may. */
  stopped: string | null;
}

const narrower = (one: number | null, other: number | null): number | null =>
  one === null ? other : other === null ? one : Math.min(one, other);

/**
 * The owner's rules as limits of the whole app. What is lent follows the level; at a level of 0 the node stays in touch with
 * its peers and carries nothing for them. Where bytes cost money, because the network is metered or the month's are used up,
 * 0 means silence.
 *
 * @param level - of the resource `network`; null before the first evaluation
 * @param loopbackOnly - nothing leaves the machine, so that neither the link nor its price matters
 */
export const networkLimits = ({
  rules,
  monthBytes,
  level,
  capacity,
  loopbackOnly,
}: {
  rules: MachineRules['network'];
  monthBytes: number;
  level: Pick<Level, 'percent' | 'rule' | 'reason'> | null;
  capacity: Reading<number>;
  loopbackOnly: boolean;
}): NetworkLimits => {
  const { sendBytesPerSecondMax, receiveBytesPerSecondMax, monthlyBytesMax } = rules;
  const budgetBytes = monthlyBytesMax === null ? null : Math.max(0, monthlyBytesMax - monthBytes);
  const silent =
    level !== null &&
    level.percent === 0 &&
    (level.rule === 'monthlyCap' || (level.rule === 'metered' && !loopbackOnly));
  const stopped = silent
    ? level.reason
    : budgetBytes === 0
      ? `This month's ${monthlyBytesMax} bytes of network are used up.`
      : null;
  const lent =
    level === null || loopbackOnly
      ? null
      : level.percent === 0
        ? SIGNAL_BYTES_PER_SECOND
        : capacity.known && level.percent < 100
          ? Math.max(SIGNAL_BYTES_PER_SECOND, Math.floor((capacity.value * level.percent) / 100))
          : null;
  const ruled = sendBytesPerSecondMax !== null || receiveBytesPerSecondMax !== null;
  const reasons = [
    ...(ruled ? ['The rates that you set'] : []),
    ...(lent !== null && level !== null ? [level.reason] : []),
  ];
  return {
    sendBytesPerSecond: narrower(sendBytesPerSecondMax, lent),
    receiveBytesPerSecond: narrower(receiveBytesPerSecondMax, lent),
    budgetBytes,
    reason: stopped ?? reasons.join('; '),
    stopped,
  };
};
