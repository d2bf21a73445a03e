import { fileURLToPath } from 'node:url';
import { createSystemOutside } from '../../../main/base/index.ts';
import { createTestNetwork, type TestNetwork } from '../netns.ts';

/** What went over a link, by the interface's own counters, beside what the owner allows. */
export interface CapFigure {
  what: string;
  seconds: number;
  allowedBytes: number;
  wireBytes: number;
  /** Of the two: 1 is exact. */
  ratio: number;
}
interface Settings {
  sendBytesPerSecond: number | null;
  receiveBytesPerSecond: number | null;
  budgetBytes: number | null;
}
/** Deriving FALCON keys takes seconds, and much more where other tests run beside it. */
const START_MS = 120_000;
const CHILD = fileURLToPath(new URL('../children/move-bytes.ts', import.meta.url));

const counters = (network: TestNetwork): { sent: number; received: number } => {
  const read = (name: string): number =>
    Number(network.run('capped', '/bin/cat', [`/sys/class/net/wan/statistics/${name}_bytes`]));
  return { sent: read('tx'), received: read('rx') };
};

/** Two processes on two hosts, one of them under a cap, both sending as fast as they may. */
const withPair = async <T>(
  tier: 'quic' | 'tls',
  settings: Settings,
  work: (network: TestNetwork, go: () => void) => Promise<T>,
): Promise<T> => {
  const network = createTestNetwork();
  try {
    const capped = network.host('capped');
    const free = network.host('free');
    // Packets are cut before the interface counts them, as a wire carries them: otherwise it counts one header for 64 KiB.
    for (const host of ['capped', 'free'])
      network.run(host, '/usr/sbin/ip', ['link', 'set', 'dev', 'wan', 'gso_max_segs', '1']);
    const answering = network.start('free', CHILD, ['2', tier, free.v6 ?? '', '{}']);
    const address = await answering.nextLine(START_MS);
    const dialling = network.start('capped', CHILD, ['1', tier, capped.v6 ?? '', JSON.stringify(settings), address]);
    await dialling.nextLine(START_MS);
    await dialling.nextLine(START_MS);
    return await work(network, () => {
      dialling.write('go');
      answering.write('go');
    });
  } finally {
    await network.close();
  }
};
const figure = (what: string, seconds: number, allowedBytes: number, wireBytes: number): CapFigure => ({
  what,
  seconds,
  allowedBytes,
  wireBytes,
  ratio: wireBytes / allowedBytes,
});

/**
 * Full load both ways at once, each direction under its own rate.
 *
 * @param seconds - counted from the moment when both ends begin
 */
export const measureRates = (
  tier: 'quic' | 'tls',
  seconds: number,
  rates: { sendBytesPerSecond: number; receiveBytesPerSecond: number },
): Promise<CapFigure[]> =>
  withPair(tier, { ...rates, budgetBytes: null }, async (network, go) => {
    const { clock } = createSystemOutside();
    const before = counters(network);
    const startMs = clock.monotonicMs();
    go();
    await clock.sleep(seconds * 1000);
    const after = counters(network);
    const took = (clock.monotonicMs() - startMs) / 1000;
    return [
      figure(`${tier} send`, took, rates.sendBytesPerSecond * took, after.sent - before.sent),
      figure(`${tier} receive`, took, rates.receiveBytesPerSecond * took, after.received - before.received),
    ];
  });

/** Full load both ways until the month is used up, and then for as long again. */
export const measureBudget = (
  tier: 'quic' | 'tls',
  seconds: number,
  settings: Settings & { budgetBytes: number },
): Promise<CapFigure> =>
  withPair(tier, settings, async (network, go) => {
    const { clock } = createSystemOutside();
    const before = counters(network);
    go();
    await clock.sleep(seconds * 1000);
    const after = counters(network);
    return figure(
      `${tier} month`,
      seconds,
      settings.budgetBytes,
      after.sent - before.sent + after.received - before.received,
    );
  });
