import { type Clock, encodeCbor, parseAssetId, type Verdict, type WorkerPool } from '../../../base/index.ts';
import { peerIdOf, type SignerKeys, type VerifiedRecord } from '../../../base/crypto/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import type { TunnelProtocol } from '../../../../preload/contract/index.ts';
import { formatGlobalAddress, globalAddressBytes, globalAddressOf } from '../../leases/index.ts';
import {
  CLOCK_TOLERANCE_MS,
  ROUTE_ITEMS_MAX,
  ROUTE_LIFE_MS_MAX,
  ROUTE_RECORD_BYTES_MAX,
  ROUTE_SERVICES_MAX,
} from '../constants.ts';
import { RouteError } from '../errors.ts';
import type { RouteRecord } from '../interface.ts';
import {
  type Malformed,
  onlyFields,
  readBytes,
  readFlag,
  readList,
  readMap,
  readOneOf,
  readText,
  readWhole,
} from '../strict.ts';

// docs/formats/route-record.md

const VERSION = 1;
const GLOBAL_PREFIX = 0xfd;
const ADDRESS_BYTES = 16;
const ASSET_CHARACTERS_MAX = 96;
const PROTOCOLS: readonly TunnelProtocol[] = ['tcp', 'udp', 'http'];
const PAYLOAD_FIELDS = [
  'v',
  'address',
  'asset',
  'services',
  'relays',
  'sequence',
  'revoked',
  'issuedAtMs',
  'expiresAtMs',
] as const;

/** A record whose signatures hold, whose keys hash to its address, and whose host is who signed it. */
export interface OpenedRoute {
  record: RouteRecord;
  keys: SignerKeys;
  encoded: Uint8Array;
}

export const routeMalformed: Malformed = (problem: string, verdict: Verdict = 'reject') =>
  new RouteError(
    { code: 'ROUTE_MALFORMED', problem, verdict },
    `Somebody answered for a global address with what proves nothing (${problem}); it was left out.`,
  );

/** @returns what is signed in the domain `route`: canonical dag-cbor. The host is the signer, and is not said twice. */
export const encodeRoutePayload = (record: Omit<RouteRecord, 'host'>): Uint8Array =>
  encodeCbor({
    v: VERSION,
    address: globalAddressBytes(record.address),
    asset: record.asset,
    services: record.services.map(({ protocol, port }) => [protocol, port]),
    relays: record.relaysAllowed,
    sequence: record.sequence,
    revoked: record.revoked,
    issuedAtMs: record.issuedAtMs,
    expiresAtMs: record.expiresAtMs,
  });

/** @param keys - of whoever signed it @throws {RouteError} `ROUTE_MALFORMED` */
export const decodeRoutePayload = (payload: Uint8Array, keys: SignerKeys): RouteRecord => {
  const map = readMap(payload, VERSION, ROUTE_ITEMS_MAX, routeMalformed);
  onlyFields(map, PAYLOAD_FIELDS, routeMalformed);
  const bytes = readBytes(map['address'], ADDRESS_BYTES, 'its address', routeMalformed);
  if (bytes[0] !== GLOBAL_PREFIX) throw routeMalformed('its address does not begin with fd');
  const address = formatGlobalAddress(bytes);
  const asset = parseAssetId(readText(map['asset'], ASSET_CHARACTERS_MAX, 'its asset', routeMalformed));
  if (asset === null) throw routeMalformed('its asset is no asset id');
  if (globalAddressOf(keys, asset) !== address)
    throw routeMalformed('its keys and asset do not hash to the address that it is for');
  const seen = new Set<string>();
  const services = readList(map['services'], ROUTE_SERVICES_MAX, 'its services', routeMalformed).map((value) => {
    const [protocol, port] = readList(value, 2, 'a service', routeMalformed);
    const service = {
      protocol: readOneOf(protocol, PROTOCOLS, 'a protocol', routeMalformed),
      port: readWhole(port, 1, 65_535, 'a port', routeMalformed),
    };
    const name = `${service.protocol} ${service.port}`;
    if (seen.has(name)) throw routeMalformed('a service is there twice');
    seen.add(name);
    return service;
  });
  const issuedAtMs = readWhole(map['issuedAtMs'], 0, Number.MAX_SAFE_INTEGER, 'its time', routeMalformed);
  const expiresAtMs = readWhole(map['expiresAtMs'], 0, Number.MAX_SAFE_INTEGER, 'its end', routeMalformed);
  if (expiresAtMs <= issuedAtMs || expiresAtMs - issuedAtMs > ROUTE_LIFE_MS_MAX)
    throw routeMalformed('it would be believed for longer than a day, or not at all');
  const revoked = readFlag(map['revoked'], 'its revocation', routeMalformed);
  if (revoked && services.length > 0) throw routeMalformed('it revokes and names services');
  return {
    address,
    asset,
    host: peerIdOf(keys.ed25519) as PeerId,
    services,
    relaysAllowed: readFlag(map['relays'], 'its word on relays', routeMalformed),
    sequence: readWhole(map['sequence'], 0, Number.MAX_SAFE_INTEGER, 'its sequence', routeMalformed),
    revoked,
    issuedAtMs,
    expiresAtMs,
  };
};

/** Clocks of homes are wrong: a record counts three hours before and after its time. */
export const isInTime = (record: Pick<RouteRecord, 'issuedAtMs' | 'expiresAtMs'>, clock: Clock): boolean => {
  const nowMs = clock.nowMs();
  return record.issuedAtMs <= nowMs + CLOCK_TOLERANCE_MS && nowMs <= record.expiresAtMs + CLOCK_TOLERANCE_MS;
};

/**
 * Checks a record that somebody sent: both signatures (in a worker), format, and that its keys hash to its address. Whether it is
 * in time is for the caller, as that is nobody's fault.
 *
 * @throws {RouteError} `ROUTE_MALFORMED`
 */
export const openRoute = async (workers: WorkerPool, encoded: Uint8Array): Promise<OpenedRoute> => {
  if (encoded.length > ROUTE_RECORD_BYTES_MAX) throw routeMalformed('it is too large');
  const outcome = await workers.run<unknown, { ok: true; value: VerifiedRecord } | { ok: false; problem: string }>(
    'stoq.verifyRecord',
    { domain: 'route', record: encoded },
  );
  if (!outcome.ok) throw routeMalformed(outcome.problem);
  const { payload, signer } = outcome.value;
  return { record: decodeRoutePayload(payload, signer), keys: signer, encoded };
};
