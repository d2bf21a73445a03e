import { timingSafeEqual } from 'node:crypto';
import { encodeCbor, sha256 } from '../../../base/index.ts';
import { type GlobalAddress, globalAddressBytes } from '../../leases/index.ts';
import { ROUTE_RECORD_BYTES_MAX } from '../constants.ts';
import { onlyFields, readBytes, readMap } from '../strict.ts';
import { routeMalformed } from './record.ts';

// `/hypermesh/route/1`, docs/formats/route-record.md

const VERSION = 1;
export const ROUTE_NONCE_BYTES = 16;
const HASH_BYTES = 32;
const ITEMS_MAX = 8;

/**
 * What is asked for, seen by nobody but whoever has it: the address goes into a hash with a fresh nonce, so that peers who do not
 * answer for it do not learn which one somebody is looking for.
 */
export interface RouteQuestion {
  /** 16 bytes. */
  nonce: Uint8Array;
  /** 32 bytes. */
  blinded: Uint8Array;
}
/** Whether a question is for this address. */
export const isFor = ({ nonce, blinded }: RouteQuestion, address: GlobalAddress): boolean =>
  timingSafeEqual(blinded, blind(nonce, address));
const blind = (nonce: Uint8Array, address: GlobalAddress): Uint8Array =>
  sha256(encodeCbor(['hypermesh-route-question', VERSION, nonce, globalAddressBytes(address)]));

/** @param nonce - 16 fresh bytes */
export const encodeRouteQuestion = (address: GlobalAddress, nonce: Uint8Array): Uint8Array =>
  encodeCbor({ v: VERSION, nonce, blinded: blind(nonce, address) });
/** @throws {RouteError} `ROUTE_MALFORMED` */
export const decodeRouteQuestion = (bytes: Uint8Array): RouteQuestion => {
  const map = readMap(bytes, VERSION, ITEMS_MAX, routeMalformed);
  onlyFields(map, ['v', 'nonce', 'blinded'], routeMalformed);
  return {
    nonce: readBytes(map['nonce'], ROUTE_NONCE_BYTES, 'the nonce', routeMalformed),
    blinded: readBytes(map['blinded'], HASH_BYTES, 'the blinded address', routeMalformed),
  };
};

/** @param record - null: nothing here, or nothing that the asker may find */
export const encodeRouteReply = (record: Uint8Array | null): Uint8Array => encodeCbor({ v: VERSION, record });
/** @throws {RouteError} `ROUTE_MALFORMED` */
export const decodeRouteReply = (bytes: Uint8Array): Uint8Array | null => {
  const map = readMap(bytes, VERSION, ITEMS_MAX, routeMalformed);
  onlyFields(map, ['v', 'record'], routeMalformed);
  const record = map['record'];
  if (record === null) return null;
  if (!(record instanceof Uint8Array) || record.length > ROUTE_RECORD_BYTES_MAX)
    throw routeMalformed('the record is neither null nor bytes, or too large');
  return record;
};
