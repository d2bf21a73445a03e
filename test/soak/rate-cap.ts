import { netnsMissing } from '../support/netns.ts';
import { type CapFigure, measureBudget, measureRates } from '../support/stoq/rate-cap.ts';

/** As long as a cap must hold. */
const SECONDS = 300;
/** How far the interface may be from the cap. */
const RATIO_MAX = 0.03;
/** A home's uplink and downlink. */
const RATES = { sendBytesPerSecond: 1_250_000, receiveBytesPerSecond: 2_500_000 };
/** What both directions use up in two thirds of the time. */
const MONTH_BYTES = 250_000_000;
const MONTH_SECONDS = 100;

/**
 * The owner's caps under full load, by the counters of a real interface between two processes on two hosts: sending and receiving
 * at once for five minutes, and a month that is used up.
 *
 * @throws {Error} when a cap is missed by more than 3 %
 */
export const run = async (options: { seconds?: number } = {}): Promise<readonly CapFigure[]> => {
  if (netnsMissing !== null) throw new Error(`This needs network name spaces: ${netnsMissing}.`);
  const seconds = options.seconds ?? SECONDS;
  const figures: CapFigure[] = [];
  const note = (all: readonly CapFigure[]): void => {
    for (const one of all) {
      figures.push(one);
      process.stdout.write(
        `${one.what}: ${one.wireBytes} bytes on the wire in ${one.seconds.toFixed(1)} s, ${one.allowedBytes.toFixed(0)} allowed, ratio ${one.ratio.toFixed(4)}\n`,
      );
    }
  };
  for (const tier of ['quic', 'tls'] as const) {
    note(await measureRates(tier, seconds, RATES));
    const share = seconds / SECONDS;
    note([
      await measureBudget(tier, MONTH_SECONDS * share, {
        sendBytesPerSecond: null,
        receiveBytesPerSecond: 2 * RATES.receiveBytesPerSecond,
        budgetBytes: Math.round(MONTH_BYTES * share),
      }),
    ]);
  }
  const missed = figures.filter(({ ratio }) => Math.abs(ratio - 1) > RATIO_MAX);
  if (missed.length > 0) throw new Error(`Caps missed: ${missed.map(({ what }) => what).join(', ')}.`);
  return figures;
};
