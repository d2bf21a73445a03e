import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../../main/base/index.ts';
import { createBookTime } from '../../../../../main/transport/stoq/standing/book-time.ts';
import { ROW_BYTES_MAX } from '../../../../../main/transport/stoq/standing/constants.ts';
import { OFFENCES, type Offence, type PeerSource } from '../../../../../main/transport/stoq/standing/interface.ts';
import type { PeerEntry } from '../../../../../main/transport/stoq/standing/peer-entry.ts';
import { decodeRow, encodeRow } from '../../../../../main/transport/stoq/standing/peer-row.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { globalAddress, peerNumber } from '../../../../support/stoq/book.ts';

interface Vectors {
  nowMs: number;
  rows: { name: string; hex: string; entry: Record<string, unknown> }[];
  refused: { why: string; hex: string; problem: string }[];
}
const vectors = JSON.parse(
  readFileSync(new URL('../../../../vectors/stoq/peer-book.json', import.meta.url), 'utf8'),
) as Vectors;
const timeAt = (nowMs: number) => createBookTime(createManualClock({ nowMs }));
const NOW_MS = Date.UTC(2026, 10, 21);

const past = fc.integer({ min: 0, max: NOW_MS });
const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const source = fc.constantFrom<PeerSource>(
  'owner',
  'invite',
  'mdns',
  'bootstrap',
  'seed',
  'dht',
  'incoming',
  'rendezvous',
);
const text = (max: number) => fc.string({ unit: 'grapheme', maxLength: Math.floor(max / 20) });
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const entries: fc.Arbitrary<PeerEntry> = fc.record({
  peerId: fc.nat(9_999).map(peerNumber),
  name: text(64),
  trusted: fc.boolean(),
  addresses: fc.array(
    fc.record({
      address: fc.nat(999).map((number) => globalAddress(number)),
      source,
      confirmedAtMs: orNull(past),
      addedAtMs: past,
      failures: fc.nat(20),
      failedAtMs: fc.constant(null),
    }),
    { maxLength: 16 },
  ),
  source,
  teller: fc.constantFrom('6:2a00:1', '4:1.2', 'near', 'dht', 'm:a'),
  firstSeenAtMs: past,
  lastSeenAtMs: orNull(past),
  answersSinceMs: orNull(past),
  points: fc.nat(100),
  pointsAtMs: past,
  lastOffence: orNull(
    fc.record({
      offence: fc.constantFrom(...(Object.keys(OFFENCES) as Offence[])),
      atMs: past,
      detail: text(200),
    }),
  ),
  ban: orNull(
    fc.oneof(
      fc.record({ untilMs: fc.constant(null), forMs: fc.constant(null), reason: text(200), byOwner: fc.boolean() }),
      fc.nat(7 * 86_400_000).chain((forMs) =>
        fc.record({
          untilMs: fc.constant(NOW_MS + forMs),
          forMs: fc.constant(forMs),
          reason: text(200),
          byOwner: fc.boolean(),
        }),
      ),
    ),
  ),
  bans: fc.nat(20),
  bannedAtMs: orNull(past),
  sentBytes: count,
  receivedBytes: count,
  agent: orNull(text(64)),
  place: fc.constant(null),
});

describe('rows of the vector file', () => {
  it.each(vectors.rows)('$name', ({ hex, entry }) => {
    const time = timeAt(vectors.nowMs);
    const read = decodeRow(Buffer.from(hex, 'hex'), time);
    expect(read).toMatchObject({ entry });
    const again = 'entry' in read ? Buffer.from(encodeRow(read.entry, time)).toString('hex') : '';
    expect(again).toBe(hex);
  });
  it.each(vectors.refused)('refuses $why', ({ hex, problem }) => {
    expect(decodeRow(Buffer.from(hex, 'hex'), timeAt(vectors.nowMs))).toEqual({ problem });
  });
});

describe('property', () => {
  it('a row is read as it was written, within its bound', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const time = timeAt(NOW_MS);
        const row = encodeRow(entry, time);
        expect(row.length).toBeLessThanOrEqual(ROW_BYTES_MAX);
        expect(decodeRow(row, time)).toEqual({ entry });
      }),
    );
  });
  it('no stamp read lies in the future, and no ban is longer than it was', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 0, max: 2 * NOW_MS }), (entry, nowMs) => {
        const read = decodeRow(encodeRow(entry, timeAt(NOW_MS)), timeAt(nowMs));
        const found = 'entry' in read ? read.entry : null;
        expect(found?.firstSeenAtMs).toBeLessThanOrEqual(nowMs);
        expect(found?.pointsAtMs).toBeLessThanOrEqual(nowMs);
        expect((found?.ban?.untilMs ?? 0) - nowMs).toBeLessThanOrEqual(entry.ban?.forMs ?? 0);
      }),
    );
  });
});

describe('fuzz', () => {
  it('whatever is on the disk is read or refused with a clause', () => {
    const time = timeAt(NOW_MS);
    const refused = (row: Uint8Array): boolean => {
      const read = decodeRow(row, time);
      return 'problem' in read && read.problem.length > 0;
    };
    fc.assert(
      fc.property(entries, fc.nat(), fc.nat(255), (entry, at, byte) => {
        const row = Uint8Array.from(encodeRow(entry, time));
        row[at % row.length] = byte;
        const read = decodeRow(row, time);
        // Changed where it is still a row, such as a letter of a name.
        expect('problem' in read || encodeRow(read.entry, time).length > 0).toBe(true);
        expect(refused(row.subarray(0, at % row.length))).toBe(true);
      }),
      { numRuns: 400 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(refused(bytes)).toBe(true);
      }),
    );
  });
  it('a field that is missing, foreign or of another type is refused', () => {
    const time = timeAt(NOW_MS);
    const [first] = fc.sample(entries, { numRuns: 1, seed: 1 });
    const whole = decodeCbor(encodeRow(first as PeerEntry, time)) as Record<string, unknown>;
    for (const name of Object.keys(whole)) {
      const { [name]: _left, ...rest } = whole;
      expect(decodeRow(encodeCbor(rest), time)).toHaveProperty('problem');
      expect(decodeRow(encodeCbor({ ...whole, [name]: [[]] }), time)).toHaveProperty('problem');
      expect(decodeRow(encodeCbor({ ...whole, [name]: -1 }), time)).toHaveProperty('problem');
    }
    expect(decodeRow(encodeCbor({ ...whole, more: 1 }), time)).toHaveProperty('problem');
  });
});
