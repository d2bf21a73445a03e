import { describe, expect, it } from 'vitest';
import { netnsMissing } from '../support/netns.ts';
import { measureRates } from '../support/stoq/rate-cap.ts';

/** Short enough for every run; five minutes within 3 % are test/soak/rate-cap.ts. */
const SECONDS = 10;
/** Start and end of so short a time weigh 5 %: what is in flight, and the first burst. */
const RATIO_MAX = 1.08;
/** A busy machine sends less. */
const RATIO_MIN = 0.75;

describe.skipIf(netnsMissing !== null)(
  `the owner’s rates, by the counters of an interface between two hosts (${netnsMissing ?? 'in name spaces'})`,
  () => {
    it('hold over QUIC for both directions at full load', { timeout: 120_000 }, async () => {
      const figures = await measureRates('quic', SECONDS, {
        sendBytesPerSecond: 1_250_000,
        receiveBytesPerSecond: 2_500_000,
      });
      expect(figures.map(({ what }) => what)).toEqual(['quic send', 'quic receive']);
      for (const { ratio } of figures) {
        expect(ratio).toBeLessThan(RATIO_MAX);
        expect(ratio).toBeGreaterThan(RATIO_MIN);
      }
    });
  },
);
