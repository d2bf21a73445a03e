import { netnsMissing } from '../support/netns.ts';
import { type CapFigure, measureBudget, measureRates } from '../support/stoq/rate-cap.ts';
import type { SoakFigure, SoakOptions } from './main.ts';

/** Share of the minutes asked for that each tier is under its rates: five of the usual ten. */
const SECONDS_PER_MINUTE = 30;
/** How far the interface may be from the cap. */
const RATIO_MAX = 0.03;
/** A home's uplink and downlink. */
const RATES = { sendBytesPerSecond: 1_250_000, receiveBytesPerSecond: 2_500_000 };
/** So much a second uses the month up in two thirds of its time. */
const MONTH_BYTES_PER_SECOND = 2_500_000;
/** Of a tier's time. */
const MONTH_SHARE = 1 / 3;

/**
 * The owner's caps under full load, by the counters of a real interface between two processes on two hosts: sending and receiving
 * at once, and a month that is used up.
 *
 * @throws {Error} where there are no network name spaces
 */
export const run = async ({ minutes }: SoakOptions): Promise<readonly SoakFigure[]> => {
  if (netnsMissing !== null) throw new Error(`This needs network name spaces: ${netnsMissing}.`);
  const seconds = minutes * SECONDS_PER_MINUTE;
  const monthSeconds = seconds * MONTH_SHARE;
  const found: CapFigure[] = [];
  for (const tier of ['quic', 'tls'] as const) {
    found.push(...(await measureRates(tier, seconds, RATES)));
    found.push(
      await measureBudget(tier, monthSeconds, {
        sendBytesPerSecond: null,
        receiveBytesPerSecond: 2 * RATES.receiveBytesPerSecond,
        budgetBytes: Math.round(MONTH_BYTES_PER_SECOND * monthSeconds),
      }),
    );
  }
  return found.map(({ what, ratio, wireBytes, seconds: took }) => ({
    name: `cap: ${what}, ${wireBytes} bytes on the wire in ${took.toFixed(0)} s`,
    value: ratio,
    unit: 'of what is allowed',
    target: `within ${RATIO_MAX * 100} % of 1`,
    reached: Math.abs(ratio - 1) <= RATIO_MAX,
  }));
};
