import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../main/base/index.ts';
import {
  type DerivedKeys,
  deriveKeys,
  RecordError,
  signRecord,
  verifyRecord,
} from '../../../../main/base/crypto/index.ts';

let keys: DerivedKeys['node'];
let record: Uint8Array;
beforeAll(() => {
  keys = deriveKeys(new Uint8Array(32).fill(3)).node;
  record = signRecord(
    keys.public,
    keys.secret,
    'transaction',
    encodeCbor({ asset: 'asset:cpu:x', atMs: 1_767_571_200_000 }),
  );
});

/** Code of the refusal; `accepted` where there was none. Anything but a RecordError is a bug and fails the test. */
const verdict = (encoded: Uint8Array): string => {
  try {
    verifyRecord(encoded, { domain: 'transaction' });
  } catch (error) {
    if (error instanceof RecordError) return error.code;
    throw error;
  }
  return 'accepted';
};
const withByte = (place: number, byte: number): Uint8Array => {
  const changed = record.slice();
  changed[place] = byte;
  return changed;
};

/** Some ten seconds of work, which take many times that on a machine that is busy. */
const TIMEOUT_MS = 180_000;

// Together more than 10 000 mutations.
describe('a signed record of which anything was changed', () => {
  it(
    'is refused with every byte flipped in turn: two bits of each',
    () => {
      const accepted: string[] = [];
      const codes = new Map<string, number>();
      for (let place = 0; place < record.length; place++)
        for (const bit of [place % 8, (place + 3) % 8]) {
          const code = verdict(withByte(place, (record[place] ?? 0) ^ (1 << bit)));
          codes.set(code, (codes.get(code) ?? 0) + 1);
          if (code === 'accepted') accepted.push(`byte ${place}, bit ${bit}`);
        }
      expect(accepted).toEqual([]);
      // It was not refused for one and the same reason, which would say that most of it was never looked at.
      expect([...codes.keys()].toSorted()).toEqual(
        expect.arrayContaining(['DOMAIN_UNKNOWN', 'RECORD_MALFORMED', 'SIGNATURE_INVALID']),
      );
      expect([...codes.values()].reduce((sum, count) => sum + count)).toBe(2 * record.length);
    },
    TIMEOUT_MS,
  );

  it(
    'is refused with any byte replaced, left out, put in or moved',
    () => {
      const place = fc.nat({ max: record.length - 1 });
      const mutation = fc.oneof(
        fc.tuple(place, fc.nat({ max: 255 })).map(([at, byte]) => withByte(at, byte)),
        place.map((at) => new Uint8Array([...record.subarray(0, at), ...record.subarray(at + 1)])),
        fc
          .tuple(place, fc.nat({ max: 255 }))
          .map(([at, byte]) => new Uint8Array([...record.subarray(0, at), byte, ...record.subarray(at)])),
        fc.tuple(place, place, fc.integer({ min: 1, max: 64 })).map(([from, to, length]) => {
          const changed = record.slice();
          changed.set(record.subarray(from, from + length).subarray(0, record.length - to), to);
          return changed;
        }),
      );
      fc.assert(
        fc.property(mutation, (changed) => {
          fc.pre(Buffer.compare(changed, record) !== 0);
          expect(verdict(changed)).not.toBe('accepted');
        }),
        { numRuns: 3_500 },
      );
    },
    TIMEOUT_MS,
  );
});
