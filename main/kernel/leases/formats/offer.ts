import { assert, encodeCbor, parseAssetId } from '../../../base/index.ts';
import type { SignerKeys } from '../../../base/crypto/index.ts';
import type { ResourceKey, ResourceKind } from '../../../../preload/contract/index.ts';
import {
  ALLOCATION_TYPES,
  GRID_CELLS,
  LEASE_MS_MAX,
  OFFER_LIFE_MS_MAX,
  PROOF_KINDS,
  RESOURCE_KINDS,
  UNIT_OF,
} from '../constants.ts';
import { createFieldReader } from '../fields.ts';
import { GLOBAL_ADDRESS_BYTES, formatGlobalAddress, globalAddressBytes, globalAddressOf } from '../global-address.ts';
import type { Offer } from '../interface.ts';

// docs/formats/lease-offer.md

const OFFER_VERSION = 1;
const ITEMS_MAX = 40;
/** The widest zones are UTC-12 and UTC+14. */
const UTC_OFFSET_MINUTES_MAX = 14 * 60;
const RESOURCE = /^(cpu|memory|storage|network|container|economic|gpu:[a-z0-9][a-z0-9._-]{0,63})$/;
const FIELDS = [
  'v',
  'asset',
  'kind',
  'resource',
  'unit',
  'amountMax',
  'proven',
  'grid',
  'utcOffsetMinutes',
  'allocationType',
  'minutesMax',
  'requiredProofs',
  'relaysAllowed',
  'priceMicro',
  'address',
  'sequence',
  'issuedAtMs',
  'expiresAtMs',
] as const;

const read = createFieldReader('The offer', ITEMS_MAX);

/** @returns the kind of a resource key: `gpu` for `gpu:card0` */
export const kindOfResource = (resource: ResourceKey): ResourceKind =>
  resource.startsWith('gpu:') ? 'gpu' : (resource as ResourceKind);

/** @returns the payload that the lender signs in the domain `lease-offer` */
export const encodeOffer = (offer: Offer): Uint8Array => {
  const encoded = encodeCbor({
    ...offer,
    v: OFFER_VERSION,
    proven: offer.proven === null ? null : { ...offer.proven },
    requiredProofs: [...offer.requiredProofs],
    priceMicro: offer.priceMicro === null ? null : offer.priceMicro.toString(),
    address: globalAddressBytes(offer.address),
  });
  // Whatever is signed can be read.
  parse(encoded);
  return encoded;
};

/**
 * Reads a payload whose signatures hold.
 *
 * @param signer - keys that signed it: the address must be theirs
 * @throws {LeaseFormatError} `LEASE_RECORD_MALFORMED` | `LEASE_RECORD_VERSION`
 */
export const decodeOffer = (payload: Uint8Array, signer: SignerKeys): Offer => {
  const offer = parse(payload);
  if (globalAddressOf(signer, offer.asset) !== offer.address)
    throw read.malformed('its address is not that of its signer and asset');
  return offer;
};

const provenOf = (value: unknown): Offer['proven'] => {
  if (value === null) return null;
  const { label, value: amount, unit } = read.fields(value, ['label', 'value', 'unit'], 'what was proven');
  return {
    label: read.text(label, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,64}$/u, 'the name of what was proven'),
    value: read.whole(amount, 0, Number.MAX_SAFE_INTEGER, 'what was proven'),
    unit: read.oneOf(unit, ['multiplicationsPerSecond', 'bytes'], 'the unit of what was proven'),
  };
};

const parse = (payload: Uint8Array): Offer => {
  const fields = read.map(payload, OFFER_VERSION, FIELDS);
  const kind = read.oneOf(fields.kind, RESOURCE_KINDS, 'its kind');
  const resource = read.text(fields.resource, RESOURCE, 'its resource');
  if (kindOfResource(resource) !== kind) throw read.malformed('its resource is of another kind');
  const asset = parseAssetId(read.text(fields.asset, /^asset:/, 'its asset'));
  if (asset === null || !asset.startsWith(`asset:${kind}:`)) throw read.malformed('its asset is none of that kind');
  const unit = read.oneOf(fields.unit, [UNIT_OF[kind]], 'its unit');
  const grid = read.bytes(fields.grid, GRID_CELLS, 'its week grid');
  if (grid.some((cell) => cell > 100)) throw read.malformed('a cell of its week grid is above 100');
  const named = read.list(fields.requiredProofs, PROOF_KINDS.length, 'what it asks to be proved');
  const requiredProofs = PROOF_KINDS.filter((proof) => named.includes(proof));
  if (named.some((proof, index) => proof !== requiredProofs[index]))
    throw read.malformed('the proofs that it asks for are none, out of order or there twice');
  const issuedAtMs = read.whole(fields.issuedAtMs, 0, Number.MAX_SAFE_INTEGER, 'its time');
  const address = read.bytes(fields.address, GLOBAL_ADDRESS_BYTES, 'its address');
  if (address[0] !== 0xfd) throw read.malformed('its address does not begin with fd');
  return {
    asset,
    kind,
    resource,
    unit,
    amountMax: read.whole(fields.amountMax, 1, Number.MAX_SAFE_INTEGER, 'its amount'),
    proven: provenOf(fields.proven),
    grid,
    utcOffsetMinutes: read.whole(
      fields.utcOffsetMinutes,
      -UTC_OFFSET_MINUTES_MAX,
      UTC_OFFSET_MINUTES_MAX,
      'its offset from UTC',
    ),
    allocationType: read.oneOf(fields.allocationType, ALLOCATION_TYPES, 'its allocation type'),
    minutesMax: read.whole(fields.minutesMax, 1, LEASE_MS_MAX / 60_000, 'its longest lease'),
    requiredProofs,
    relaysAllowed: read.flag(fields.relaysAllowed, 'whether relays are allowed'),
    priceMicro: fields.priceMicro === null ? null : read.micro(fields.priceMicro, 'its price'),
    address: formatGlobalAddress(address),
    sequence: read.whole(fields.sequence, 1, Number.MAX_SAFE_INTEGER, 'its sequence'),
    issuedAtMs,
    expiresAtMs: read.whole(fields.expiresAtMs, issuedAtMs + 1, issuedAtMs + OFFER_LIFE_MS_MAX, 'its end'),
  };
};

/** @param nowMs - wall clock @returns the cell of a week grid for that moment in the lender's zone, 0 to 167 */
export const gridCellAt = (nowMs: number, utcOffsetMinutes: number): number => {
  // 1970-01-01 was a Thursday, three days after the Monday with which the grid begins.
  const cell = (Math.floor(nowMs / 3_600_000 + utcOffsetMinutes / 60) + 72) % GRID_CELLS;
  assert(cell >= 0, 'Offers are read after 1970.');
  return cell;
};
