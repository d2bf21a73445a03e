import { createHash } from 'node:crypto';
import { assetIdOf, type AssetId, encodeCbor, type Random } from '../../../main/base/index.ts';
import { type DerivedKeys, type Domain, keyIdBytesOf, signRecord } from '../../../main/base/crypto/index.ts';
import {
  channelHash,
  encodeGrant,
  encodeOffer,
  encodeReceipt,
  encodeRequest,
  encodeSession,
} from '../../../main/kernel/leases/formats/index.ts';
import { globalAddressOf } from '../../../main/kernel/leases/global-address.ts';
import type { LeaseGrant, LeaseId, LeaseReceipt, LeaseRequest, Offer } from '../../../main/kernel/leases/interface.ts';
import { createSeededRandom } from '../seeded-random.ts';

/** A Monday, 09:00 UTC. */
export const AT_MS = Date.UTC(2026, 0, 5, 9);
export const MEMORY_ASSET: AssetId = assetIdOf('memory', { example: 'memory' });
const GIB = 1024 ** 3;
export const LEASE_ID = 'lease-000102030405060708090a0b0c0d0e0f' as LeaseId;

type Keys = DerivedKeys['node'];
type PublicKeys = Pick<Keys, 'public'>;
/** @param random - makes the signature the same in every run */
export const signed = (
  { public: keys, secret }: Keys,
  domain: Domain,
  payload: Uint8Array,
  random?: Random,
): Uint8Array => signRecord(keys, secret, domain, payload, random?.bytes(48));
export const sha256Of = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(bytes).digest());

/** An offer of 8 GiB of memory for nothing. */
export const exampleOffer = (lender: PublicKeys, change: Partial<Offer> = {}): Offer => {
  const offer: Omit<Offer, 'address'> = {
    asset: MEMORY_ASSET,
    kind: 'memory',
    resource: 'memory',
    unit: 'bytes',
    amountMax: 8 * GIB,
    proven: { label: 'Matrix product, one thread', value: 1_500_000_000, unit: 'multiplicationsPerSecond' },
    grid: Uint8Array.from({ length: 168 }, (_, cell) => (cell % 24 < 8 ? 50 : 25)),
    utcOffsetMinutes: 60,
    allocationType: 'Public',
    minutesMax: 1440,
    requiredProofs: ['space', 'time'],
    relaysAllowed: false,
    priceMicro: 0n,
    sequence: AT_MS,
    issuedAtMs: AT_MS,
    expiresAtMs: AT_MS + 30 * 60_000,
    ...change,
  };
  return { ...offer, address: change.address ?? globalAddressOf(lender.public, offer.asset) };
};
export const exampleRequest = (
  lender: PublicKeys,
  offerRecord: Uint8Array,
  change: Partial<LeaseRequest> = {},
): LeaseRequest => ({
  id: LEASE_ID,
  offer: sha256Of(offerRecord),
  lender: keyIdBytesOf(lender.public),
  kind: 'memory',
  amount: GIB,
  durationMs: 3_600_000,
  priceMicroMax: 120n,
  ledger: null,
  purpose: 'a cache',
  issuedAtMs: AT_MS + 1000,
  expiresAtMs: AT_MS + 61_000,
  ...change,
});
export const exampleGrant = (
  lender: PublicKeys,
  borrower: PublicKeys,
  requestRecord: Uint8Array,
  change: Partial<LeaseGrant> = {},
): LeaseGrant => ({
  id: LEASE_ID,
  request: sha256Of(requestRecord),
  borrower: keyIdBytesOf(borrower.public),
  amount: GIB,
  address: globalAddressOf(lender.public, MEMORY_ASSET),
  priceMicro: 100n,
  tickMs: 60_000,
  startsAtMs: AT_MS + 2000,
  endsAtMs: AT_MS + 2000 + 3_600_000,
  ...change,
});
export const exampleReceipt = (grantRecord: Uint8Array, change: Partial<LeaseReceipt> = {}): LeaseReceipt => ({
  id: LEASE_ID,
  grant: sha256Of(grantRecord),
  sequence: 3,
  unitSeconds: GIB * 180,
  sentBytes: 4096,
  receivedBytes: 1_048_576,
  owedMicro: 5n,
  atMs: AT_MS + 182_000,
  final: false,
  ...change,
});

/** All records of one lease, the same in every run. */
export interface LeaseRecords {
  offer: Uint8Array;
  request: Uint8Array;
  grant: Uint8Array;
  receipt: Uint8Array;
  countersign: Uint8Array;
  /** A later one that the borrower has not signed. */
  latest: Uint8Array;
  session: Uint8Array;
}
export const exampleRecords = (lender: Keys, borrower: Keys, random: Random = createSeededRandom(5)): LeaseRecords => {
  const offer = signed(lender, 'lease-offer', encodeOffer(exampleOffer(lender)), random);
  const request = signed(borrower, 'lease-request', encodeRequest(exampleRequest(lender, offer)), random);
  const grant = signed(lender, 'lease-grant', encodeGrant(exampleGrant(lender, borrower, request)), random);
  const words = encodeReceipt(exampleReceipt(grant));
  const later = encodeReceipt(exampleReceipt(grant, { sequence: 4, unitSeconds: GIB * 240, atMs: AT_MS + 242_000 }));
  return {
    offer,
    request,
    grant,
    receipt: signed(lender, 'lease-receipt', words, random),
    countersign: signed(borrower, 'lease-countersign', words, random),
    latest: signed(lender, 'lease-receipt', later, random),
    session: signed(
      borrower,
      'lease-session',
      encodeSession({
        lender: keyIdBytesOf(lender.public),
        channel: channelHash(Uint8Array.from({ length: 32 }, (_, n) => n)),
      }),
      random,
    ),
  };
};

/** Takes a map apart, changes it and puts it together again, as whoever forges a payload would. */
export const withField = (
  payload: Uint8Array,
  read: (bytes: Uint8Array) => unknown,
  name: string,
  value: unknown,
): Uint8Array => {
  const map = { ...(read(payload) as Record<string, unknown>) };
  if (value === undefined) delete map[name];
  else map[name] = value;
  return encodeCbor(map);
};
