import { encodeCbor } from '../../../base/index.ts';
import { formatGlobalAddress, type GlobalAddress, globalAddressBytes } from '../../leases/index.ts';
import { ROUTE_RECORD_BYTES_MAX } from '../constants.ts';
import { onlyFields, readBytes, readMap } from '../strict.ts';
import { routeMalformed } from './record.ts';

// `/hypermesh/route/1`, docs/formats/route-record.md

const VERSION = 1;
const ADDRESS_BYTES = 16;
const ITEMS_MAX = 8;

export const encodeRouteQuestion = (address: GlobalAddress): Uint8Array =>
  encodeCbor({ v: VERSION, address: globalAddressBytes(address) });
/** @throws {RouteError} `ROUTE_MALFORMED` */
export const decodeRouteQuestion = (bytes: Uint8Array): GlobalAddress => {
  const map = readMap(bytes, VERSION, ITEMS_MAX, routeMalformed);
  onlyFields(map, ['v', 'address'], routeMalformed);
  const address = readBytes(map['address'], ADDRESS_BYTES, 'the address', routeMalformed);
  if (address[0] !== 0xfd) throw routeMalformed('the address does not begin with fd');
  return formatGlobalAddress(address);
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
