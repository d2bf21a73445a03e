import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor, isNodeError } from '../../../../main/base/index.ts';
import { verifyRecord } from '../../../../main/base/crypto/index.ts';
import {
  channelHash,
  costOf,
  decodeGrant,
  decodeOffer,
  decodeReceipt,
  decodeRequest,
  decodeSession,
  encodeGrant,
  encodeOffer,
  encodeReceipt,
  encodeRequest,
  encodeSession,
  gridCellAt,
  type LeaseDomain,
  mostFor,
  owedFor,
  problemOfReceipt,
  RESOURCE_KINDS,
  sayPrice,
} from '../../../../main/kernel/leases/formats/index.ts';
import type { LeaseId, LeaseReceipt } from '../../../../main/kernel/leases/interface.ts';
import { leaseIdOf, newLeaseId, parseLeaseId } from '../../../../main/kernel/leases/names.ts';
import {
  AT_MS,
  exampleGrant,
  exampleOffer,
  exampleReceipt,
  exampleRequest,
  LEASE_ID,
  withField,
} from '../../../support/leases/records.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { fromHex, readVectors, toHex } from '../../../support/vectors.ts';

interface Vectors {
  lender: string;
  borrower: string;
  payloads: Record<'offer' | 'request' | 'grant' | 'receipt' | 'session', string>;
  records: Record<'offer' | 'request' | 'grant' | 'receipt' | 'countersign' | 'latest' | 'session', string>;
}
const vectors = readVectors<Vectors>('lease-formats', 'records.json');
const record = (name: keyof Vectors['records']): Uint8Array => fromHex(vectors.records[name]);
const lender = { public: verifyRecord(record('offer'), { domain: 'lease-offer' }).signer };
const borrower = { public: verifyRecord(record('request'), { domain: 'lease-request' }).signer };

/** Each format: its payload as published, and how it is read and written again. */
const FORMATS: { name: keyof Vectors['payloads']; domain: LeaseDomain; again: (payload: Uint8Array) => Uint8Array }[] =
  [
    { name: 'offer', domain: 'lease-offer', again: (payload) => encodeOffer(decodeOffer(payload, lender.public)) },
    { name: 'request', domain: 'lease-request', again: (payload) => encodeRequest(decodeRequest(payload)) },
    { name: 'grant', domain: 'lease-grant', again: (payload) => encodeGrant(decodeGrant(payload)) },
    { name: 'receipt', domain: 'lease-receipt', again: (payload) => encodeReceipt(decodeReceipt(payload)) },
    { name: 'session', domain: 'lease-session', again: (payload) => encodeSession(decodeSession(payload)) },
  ];
/** What reading throws, which must be an error of ours with a verdict. */
const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (!isNodeError(error)) throw error;
    expect('verdict' in error.data).toBe(true);
    return error.code;
  }
  return 'taken';
};

describe('published records of a lease', () => {
  it('are what is written', () => {
    const offer = exampleOffer(lender);
    expect(toHex(encodeOffer(offer))).toBe(vectors.payloads.offer);
    expect(toHex(encodeRequest(exampleRequest(lender, record('offer'))))).toBe(vectors.payloads.request);
    expect(toHex(encodeGrant(exampleGrant(lender, borrower, record('request'))))).toBe(vectors.payloads.grant);
    expect(toHex(encodeReceipt(exampleReceipt(record('grant'))))).toBe(vectors.payloads.receipt);
    expect(decodeOffer(fromHex(vectors.payloads.offer), lender.public)).toEqual(offer);
  });

  it('hold, each in its own domain alone', () => {
    for (const { name, domain } of FORMATS) {
      const signer = name === 'request' || name === 'session' ? vectors.borrower : vectors.lender;
      const verified = verifyRecord(record(name), { domain });
      expect(verified.keyId).toBe(signer);
      expect(toHex(verified.payload)).toBe(vectors.payloads[name]);
    }
    expect(refusal(() => verifyRecord(record('receipt'), { domain: 'lease-countersign' }))).toBe('DOMAIN_MISMATCH');
    expect(toHex(verifyRecord(record('countersign'), { domain: 'lease-countersign' }).payload)).toBe(
      vectors.payloads.receipt,
    );
  });

  it('are read and written again byte for byte', () => {
    for (const { name, again } of FORMATS)
      expect(toHex(again(fromHex(vectors.payloads[name])))).toBe(vectors.payloads[name]);
  });
});

describe('a payload that is not as its page has it', () => {
  it('is refused when a byte is changed, or says something else that is allowed', () => {
    for (const { name, again } of FORMATS) {
      const payload = fromHex(vectors.payloads[name]);
      fc.assert(
        fc.property(fc.nat(payload.length - 1), fc.integer({ min: 1, max: 255 }), (place, flip) => {
          const changed = Uint8Array.from(payload, (byte, index) => (index === place ? byte ^ flip : byte));
          const found = refusal(() => {
            expect(toHex(again(changed))).toBe(toHex(changed));
          });
          expect(['taken', 'LEASE_RECORD_MALFORMED', 'LEASE_RECORD_VERSION']).toContain(found);
        }),
        { numRuns: 80 },
      );
    }
  });

  it('is refused when it is cut, longer or random', () => {
    for (const { name, again } of FORMATS) {
      const payload = fromHex(vectors.payloads[name]);
      for (let length = 0; length < payload.length; length += 7)
        expect(refusal(() => again(payload.subarray(0, length)))).toBe('LEASE_RECORD_MALFORMED');
      expect(refusal(() => again(Uint8Array.of(...payload, 0)))).toBe('LEASE_RECORD_MALFORMED');
      fc.assert(
        fc.property(
          fc.oneof(
            fc.uint8Array({ maxLength: 300 }),
            fc.object().map((value) => safely(value)),
          ),
          (bytes) => {
            expect(refusal(() => again(bytes))).toBe('LEASE_RECORD_MALFORMED');
          },
        ),
        { numRuns: 80 },
      );
    }
  });

  it('is refused with any field gone, added, or of another type', () => {
    for (const { name, again } of FORMATS) {
      const payload = fromHex(vectors.payloads[name]);
      const fields = Object.keys(decodeCbor(payload) as object);
      const change = (field: string, value: unknown): Uint8Array => withField(payload, decodeCbor, field, value);
      expect(refusal(() => again(change('more', 1)))).toBe('LEASE_RECORD_MALFORMED');
      for (const field of fields) {
        expect(
          refusal(() => again(change(field, undefined))),
          `${name} without ${field}`,
        ).toBe('LEASE_RECORD_MALFORMED');
        for (const wrong of [{}, [1], -10_000, 1.5, 'x'.repeat(200), new Uint8Array(3)])
          expect(
            refusal(() => again(change(field, wrong))),
            `${name}.${field}`,
          ).toMatch(/^LEASE_RECORD_(MALFORMED|VERSION)$/);
      }
      // Version 2 of a request names the ledger that it pays on.
      expect(refusal(() => again(change('v', name === 'request' ? 3 : 2)))).toBe('LEASE_RECORD_VERSION');
    }
  });

  const offers: [string, string, unknown][] = [
    ['an asset of another kind', 'asset', 'asset:storage:bafyreid4vbmaxnr6twve43fqf5y33lhw25itkxv5jdmhw4eguwluwf6c2e'],
    ['a resource of another kind', 'resource', 'gpu:card0'],
    ['a unit of another kind', 'unit', 'millicores'],
    ['no amount', 'amountMax', 0],
    ['2^63 of it', 'amountMax', 2n ** 63n],
    ['a grid above 100', 'grid', new Uint8Array(168).fill(101)],
    ['a grid that is short', 'grid', new Uint8Array(167)],
    ['a zone that is nowhere', 'utcOffsetMinutes', 15 * 60],
    ['proofs out of order', 'requiredProofs', ['time', 'space']],
    ['a proof twice', 'requiredProofs', ['space', 'space']],
    ['a proof that is none', 'requiredProofs', ['trust']],
    ['a price with leading zeros', 'priceMicro', '007'],
    ['a price of 31 digits', 'priceMicro', '1'.repeat(31)],
    ['a life of two hours', 'expiresAtMs', AT_MS + 7_200_000],
    ['an end before it begins', 'expiresAtMs', AT_MS],
    ['another address', 'address', Uint8Array.of(0xfd, ...new Uint8Array(15))],
    ['an address out of fd00::/8', 'address', Uint8Array.of(0xfe, ...new Uint8Array(15))],
    ['what a terminal would obey in what was proven', 'proven', { label: 'a\u001b[2J', value: 1, unit: 'bytes' }],
  ];
  it.each(offers)('is refused as an offer with %s', (_what, field, value) => {
    const payload = withField(encodeOffer(exampleOffer(lender)), decodeCbor, field, value);
    expect(refusal(() => decodeOffer(payload, lender.public))).toBe('LEASE_RECORD_MALFORMED');
  });

  it('is refused as an offer of somebody else’s asset address', () => {
    expect(refusal(() => decodeOffer(encodeOffer(exampleOffer(lender)), borrower.public))).toBe(
      'LEASE_RECORD_MALFORMED',
    );
  });

  it('is refused as a request with words that a terminal would obey, or too many', () => {
    const payload = encodeRequest(exampleRequest(lender, record('offer')));
    for (const purpose of ['a\nb', '\u202egnp', 'x'.repeat(65), '\u2028'])
      expect(refusal(() => decodeRequest(withField(payload, decodeCbor, 'purpose', purpose)))).toBe(
        'LEASE_RECORD_MALFORMED',
      );
  });

  it('is never written', () => {
    expect(refusal(() => encodeOffer(exampleOffer(lender, { amountMax: 0 })))).toBe('LEASE_RECORD_MALFORMED');
    expect(refusal(() => encodeRequest(exampleRequest(lender, record('offer'), { durationMs: 0 })))).toBe(
      'LEASE_RECORD_MALFORMED',
    );
    expect(refusal(() => encodeGrant(exampleGrant(lender, borrower, record('request'), { tickMs: 1 })))).toBe(
      'LEASE_RECORD_MALFORMED',
    );
    expect(refusal(() => encodeReceipt(exampleReceipt(record('grant'), { sequence: 0 })))).toBe(
      'LEASE_RECORD_MALFORMED',
    );
  });
});

describe('a receipt', () => {
  const grant = exampleGrant(lender, borrower, record('request'));
  const receipt = exampleReceipt(record('grant'), { unitSeconds: 1000, owedMicro: 0n });
  const problem = (change: Partial<LeaseReceipt>, elapsedMs: number | null = 180_000): string | null =>
    problemOfReceipt({ ...receipt, ...change }, 'memory', grant, { ...receipt, sequence: 2 }, elapsedMs);

  it('keeps sums beyond what a number holds exactly, and money exact', () => {
    const large = { ...receipt, unitSeconds: 2 ** 84, owedMicro: 10n ** 29n + 1n };
    expect(decodeReceipt(encodeReceipt(large))).toEqual(large);
  });

  it('may be signed when everything grew by no more than could be used', () => {
    expect(problem({})).toBeNull();
    expect(problem({ unitSeconds: grant.amount * 240 })).toBeNull();
  });

  it('may not when it claims more than there was, or a sum fell, or it is old', () => {
    expect(problem({ unitSeconds: grant.amount * 241 })).toContain('more than could be used');
    expect(problem({ unitSeconds: grant.amount * 3661 }, null)).toContain('more than could be used');
    expect(problem({ unitSeconds: grant.amount * 3661 }, 10_000_000)).toContain('more than could be used');
    expect(problem({ owedMicro: 29n })).toContain('costs more');
    expect(problem({ sequence: 2 })).toContain('older');
    expect(problem({ id: leaseIdOf(new Uint8Array(16)) })).toContain('another lease');
    for (const sum of ['unitSeconds', 'sentBytes', 'receivedBytes'] as const)
      expect(problem({ [sum]: receipt[sum] - 1 })).toBe('a sum fell');
    expect(problemOfReceipt({ ...receipt, sequence: 4 }, 'memory', grant, { ...receipt, final: true }, null)).toContain(
      'the last',
    );
  });

  it.each([
    ['cpu', 0, 10_000n, 0n],
    ['cpu', 1000 * 3600, 10_000n, 10_000n],
    ['cpu', 1000 * 3600 - 1, 10_000n, 9_999n],
    ['gpu', 500 * 7200, 200_000n, 200_000n],
    // 64 MiB for an hour.
    ['memory', 2 ** 26 * 3600, 2_500n, 156n],
    ['storage', 2 ** 40 * 86_400 * 30, 20n, 20n * 1024n * 720n],
    ['network', 2 ** 20 * 1800, 5_000n, 2_500n],
    ['container', 3600, 7n, 7n],
    ['container', 3599, 7n, 6n],
    ['economic', 1_000_000 * 3600, 3n, 3n],
  ] as const)(
    'of %s costs %d unit-seconds × %d ÷ (3600 × the reference amount), rounded down',
    (kind, used, price, owed) => {
      expect(owedFor(kind, used, price)).toBe(owed);
    },
  );

  it('never costs more than what was set aside, nor falls as its use grows', () => {
    const amounts = fc.integer({ min: 1, max: 2 ** 28 });
    fc.assert(
      fc.property(
        fc.constantFrom(...RESOURCE_KINDS),
        amounts,
        fc.integer({ min: 1, max: 31_536_000 }),
        fc.bigInt(0n, 10n ** 18n),
        fc.integer({ min: 0, max: 1000 }),
        (kind, amount, seconds, price, permille) => {
          const most = mostFor(kind, amount, seconds * 1000, price);
          const some = Math.floor((seconds * permille) / 1000);
          expect(owedFor(kind, amount * seconds, price)).toBeLessThanOrEqual(most);
          expect(owedFor(kind, amount * some, price)).toBeLessThanOrEqual(owedFor(kind, amount * seconds, price));
          expect(costOf(kind, amount, seconds * 1000, price)).toBe(owedFor(kind, amount * seconds, price));
          expect(most - costOf(kind, amount, seconds * 1000, price)).toBeLessThanOrEqual(1n);
          expect(most > 0n).toBe(price > 0n);
        },
      ),
    );
  });

  it('says a price exactly, and what it is for', () => {
    expect(sayPrice(10_000n, 'millicores')).toBe('0.01 CAES per core and hour');
    expect(sayPrice(2_500n, 'bytes')).toBe('0.0025 CAES per GiB and hour');
    expect(sayPrice(1_000_001n, 'bytesPerSecond')).toBe('1.000001 CAES per MiB/s and hour');
    expect(sayPrice(3_000_000n, 'containers')).toBe('3 CAES per container and hour');
  });
});

describe('small things', () => {
  it('names leases by 16 bytes that were drawn', () => {
    const id = newLeaseId(createSeededRandom(1));
    expect(parseLeaseId(id)).toBe(id);
    expect(parseLeaseId(LEASE_ID)).toBe(LEASE_ID);
    for (const text of ['lease-', 'lease-0', `lease-${'A'.repeat(32)}`, `lease-${'0'.repeat(33)}`, ''])
      expect(parseLeaseId(text as LeaseId)).toBeNull();
  });

  it('binds a session to its channel', () => {
    const exported = Uint8Array.from({ length: 32 }, (_, n) => n);
    expect(toHex(channelHash(exported))).toBe(toHex(decodeSession(fromHex(vectors.payloads.session)).channel));
    expect(toHex(channelHash(exported))).not.toBe(toHex(exported));
  });

  it('knows the hour of the week at the lender', () => {
    // 2026-01-05 is a Monday.
    expect(gridCellAt(Date.UTC(2026, 0, 5, 0), 0)).toBe(0);
    expect(gridCellAt(Date.UTC(2026, 0, 5, 0), -60)).toBe(167);
    expect(gridCellAt(Date.UTC(2026, 0, 4, 23, 30), 30)).toBe(0);
    expect(gridCellAt(Date.UTC(2026, 0, 6, 13), 120)).toBe(39);
  });
});

/** What dag-cbor can hold of any object. */
const safely = (value: unknown): Uint8Array => {
  try {
    return encodeCbor(value);
  } catch {
    return new Uint8Array(0);
  }
};
