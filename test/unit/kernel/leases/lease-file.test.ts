import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isNodeError } from '../../../../main/base/index.ts';
import {
  encodeGrant,
  encodeLeaseFile,
  encodeOffer,
  encodeReceipt,
  encodeRequest,
  type LeaseFile,
  type LeaseFileFinding,
  verifyLeaseFile,
} from '../../../../main/kernel/leases/formats/index.ts';
import {
  exampleGrant,
  exampleOffer,
  exampleReceipt,
  exampleRecords,
  exampleRequest,
  signed,
} from '../../../support/leases/records.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { makePeer } from '../../../support/stoq/make-peer.ts';
import { fromHex, readVectors, toHex } from '../../../support/vectors.ts';

const vector = readVectors<{ file: string; bytes: number; lease: unknown; sentences: string[] }>(
  'lease-formats',
  'file.json',
);
const [lender, borrower, stranger] = [makePeer(1).keys.node, makePeer(2).keys.node, makePeer(3).keys.node];
const random = createSeededRandom(9);
const records = exampleRecords(lender, borrower, random);
const file = (change: Partial<LeaseFile> = {}): LeaseFile => ({
  offer: records.offer,
  request: records.request,
  grant: records.grant,
  countersigned: { receipt: records.receipt, countersign: records.countersign },
  latest: records.latest,
  ...change,
});
const findings = (change: Partial<LeaseFile>): LeaseFileFinding[] => {
  const { passed, lease, findings: found } = verifyLeaseFile(encodeLeaseFile(file(change)));
  expect(passed).toBe(found.every((one) => one.passed));
  expect(lease === null).toBe(!passed);
  return found;
};
/** The first part that does not hold. */
const flaw = (change: Partial<LeaseFile>): string => {
  const found = findings(change).find(({ passed }) => !passed);
  return found === undefined ? 'none' : `${found.check} ${found.code}: ${found.sentence}`;
};

/** What a check ends with; anything but a verdict or an error of ours is a bug and is thrown. */
const outcome = (bytes: Uint8Array): 'passed' | 'failed' | 'refused' => {
  try {
    return verifyLeaseFile(bytes).passed ? 'passed' : 'failed';
  } catch (error) {
    if (isNodeError(error)) return 'refused';
    throw error;
  }
};

describe('a lease file', () => {
  it('shows what was agreed and used, as published', () => {
    const verdict = verifyLeaseFile(fromHex(vector.file));
    expect(verdict.passed).toBe(true);
    expect(verdict.lease).toEqual(vector.lease);
    expect(verdict.findings.map(({ sentence }) => sentence)).toEqual(vector.sentences);
    expect(toHex(encodeLeaseFile(file())).length / 2).toBe(vector.bytes);
  });

  it('holds without receipts, and says nothing of use then', () => {
    const verdict = verifyLeaseFile(encodeLeaseFile(file({ countersigned: null, latest: null })));
    expect(verdict).toMatchObject({ passed: true, lease: { used: null } });
    expect(verdict.findings.map(({ check }) => check)).toEqual(['offer', 'request', 'grant']);
  });

  it('tells what is another’s', () => {
    const offer = signed(stranger, 'lease-offer', encodeOffer(exampleOffer(stranger)), random);
    expect(flaw({ offer })).toContain('request MISMATCH: The request is for another offer');
    const toStranger = signed(
      borrower,
      'lease-request',
      encodeRequest(exampleRequest(stranger, records.offer)),
      random,
    );
    expect(flaw({ request: toStranger })).toContain('request MISMATCH: The request is to another lender');
    const stolen = signed(lender, 'lease-grant', encodeGrant(exampleGrant(lender, stranger, records.request)), random);
    expect(flaw({ grant: stolen })).toContain('grant MISMATCH: The grant names another borrower');
    const forged = signed(
      stranger,
      'lease-grant',
      encodeGrant(exampleGrant(lender, borrower, records.request)),
      random,
    );
    expect(flaw({ grant: forged })).toContain('grant MISMATCH: The grant was signed by another');
    const words = encodeReceipt(exampleReceipt(records.grant));
    const countersign = signed(stranger, 'lease-countersign', words, random);
    expect(flaw({ countersigned: { receipt: records.receipt, countersign } })).toContain('countersigned by another');
    const receipt = signed(borrower, 'lease-receipt', words, random);
    expect(flaw({ countersigned: { receipt, countersign: records.countersign } })).toContain(
      'signed by another than the lender',
    );
  });

  it('tells a grant that gives or costs more than was agreed', () => {
    const grant = (change: Parameters<typeof exampleGrant>[3]): string =>
      flaw({
        grant: signed(
          lender,
          'lease-grant',
          encodeGrant(exampleGrant(lender, borrower, records.request, change)),
          random,
        ),
        countersigned: null,
        latest: null,
      });
    expect(grant({ amount: 2 ** 31 })).toContain('more than was asked for');
    expect(grant({ priceMicro: 121n })).toContain('costs more');
    expect(grant({ endsAtMs: exampleGrant(lender, borrower, records.request).endsAtMs + 1 })).toContain('longer');
    expect(grant({ request: new Uint8Array(32) })).toContain('answers another request');
  });

  it('tells a receipt that is replayed, of another lease, changed or impossible', () => {
    expect(flaw({ latest: records.receipt })).toContain('latest MISMATCH: The receipt cannot be right: it is older');
    const other = exampleReceipt(records.request, { sequence: 9 });
    expect(flaw({ latest: signed(lender, 'lease-receipt', encodeReceipt(other), random) })).toContain(
      'for another grant',
    );
    const greedy = encodeReceipt(exampleReceipt(records.grant, { sequence: 9, owedMicro: 10n ** 20n }));
    expect(flaw({ latest: signed(lender, 'lease-receipt', greedy, random) })).toContain('costs more than was agreed');
    const twoWords = { receipt: records.latest, countersign: records.countersign };
    expect(flaw({ countersigned: twoWords, latest: null })).toContain('different receipts');
  });

  it('says nothing of what stands on a part that does not hold', () => {
    const offer = Uint8Array.from(records.offer);
    offer[offer.length - 60] = (offer[offer.length - 60] ?? 0) ^ 1;
    expect(findings({ offer }).map(({ check, code }) => [check, code])).toEqual([
      ['offer', 'FORGED'],
      ['request', 'UNCHECKED'],
      ['grant', 'UNCHECKED'],
      ['countersigned', 'UNCHECKED'],
      ['latest', 'UNCHECKED'],
    ]);
  });

  it('never ends otherwise than with a verdict or an error of ours, whatever byte is changed', {
    timeout: 30_000,
  }, () => {
    const bytes = encodeLeaseFile(file());
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (place, flip) => {
        const changed = Uint8Array.from(bytes, (byte, index) => (index === place ? byte ^ flip : byte));
        expect(outcome(changed)).not.toBe('passed');
      }),
      { numRuns: 30 },
    );
  });

  it('is refused when it is too large or no such file', () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(64 * 1024 + 1), records.offer])
      expect(() => verifyLeaseFile(bytes)).toThrow(/lease file/);
  });
});
