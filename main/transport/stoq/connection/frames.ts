import { Buffer } from 'node:buffer';
import { assert, decodeCbor, encodeCbor, messageOf } from '../../../base/index.ts';
import { readAddress } from '../address.ts';
import type { CarrierStream } from '../carriers/interface.ts';
import { StreamError } from '../errors.ts';
import type { Address } from '../interface.ts';
import {
  ACKS_PER_MESSAGE_MAX,
  ADDRESSES_MAX,
  CONTROL_BYTES_MAX,
  DATAGRAM_PROTOCOLS_MAX,
  DETAIL_LENGTH_MAX,
  EXTENSIONS_BYTES_MAX,
  EXTENSIONS_MAX,
  OPENING_BYTES_MAX,
  PROTOCOL_LENGTH_MAX,
} from './constants.ts';

/** First frame of a stream, docs/formats/stoq-stream.md. */
export interface Opening {
  /** Even where the stream's path was dialled by who opens it, else odd; never used twice on one path. */
  number: number;
  protocol: string;
  sealed: boolean;
  extensions: Readonly<Record<string, Uint8Array>>;
}
/** First byte that comes back. The number crosses the wire. */
export const ANSWERS = { accepted: 0, unknown: 1, refused: 2, tooMany: 3 } as const;

/** What the control stream carries after the handshake. The first field of a message is its number, which crosses the wire. */
export type ControlMessage =
  /** First of either end. `id`: of this end's connection, 16 bytes. `root`: session whose keys stand for the connection. */
  | { type: 'hello'; id: Uint8Array; root: Uint8Array | null }
  | { type: 'bye'; reason: number; detail: string }
  /** Streams of the receiver that were read to their end, with the bytes read; null where the rest will not be read. */
  | { type: 'ack'; acks: readonly Ack[] }
  | { type: 'ping'; number: number }
  | { type: 'pong'; number: number }
  | { type: 'addresses'; addresses: readonly Address[] }
  /** Open no more streams on this path. */
  | { type: 'retire' }
  /** None will be opened; so many were. */
  | { type: 'retired'; opened: number }
  /** Protocols for which this end takes datagrams, by the number in front of each. */
  | { type: 'datagrams'; protocols: readonly (readonly [number, string])[] }
  | { type: 'root'; root: Uint8Array };
export type Ack = readonly [number: number, bytes: number | null];

const TYPES = [
  'hello',
  'bye',
  'ack',
  'ping',
  'pong',
  'addresses',
  'retire',
  'retired',
  'datagrams',
  'root',
] as const satisfies readonly ControlMessage['type'][];
const ID_BYTES = 16;
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;
const FLAG_SEALED = 1;

const refuse = (problem: string): never => {
  throw new StreamError(
    { code: 'MALFORMED', problem, verdict: 'reject' },
    `The peer sent what STOQ does not allow: ${problem}.`,
  );
};

// Readers of fields. Each takes a value of dag-cbor and refuses what is none of its kind.
const asList = (value: unknown, what: string, lengthMax: number, lengthMin = 0): readonly unknown[] =>
  Array.isArray(value) && value.length >= lengthMin && value.length <= lengthMax
    ? (value as unknown[])
    : refuse(`${what} is no list of ${lengthMin} to ${lengthMax}`);
const asInteger = (value: unknown, what: string, max: number): number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
    ? value
    : refuse(`${what} is no integer of 0 to ${max}`);
const asText = (value: unknown, what: string, lengthMax: number): string =>
  typeof value === 'string' && value.length <= lengthMax
    ? value
    : refuse(`${what} is no text of at most ${lengthMax} letters`);
const asId = (value: unknown, what: string): Uint8Array =>
  value instanceof Uint8Array && value.length === ID_BYTES ? value : refuse(`${what} is no id of ${ID_BYTES} bytes`);
const asProtocol = (value: unknown): string => {
  const name = asText(value, 'a protocol', PROTOCOL_LENGTH_MAX);
  return /^\/[\x21-\x7e]+$/.test(name) ? name : refuse('a protocol has no name');
};
const asExtensions = (value: unknown): Readonly<Record<string, Uint8Array>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    return refuse('extensions are no map');
  const entries = Object.entries(value);
  if (entries.length > EXTENSIONS_MAX) refuse('there are too many extensions');
  let bytes = 0;
  for (const [name, content] of entries) {
    if (!(content instanceof Uint8Array)) return refuse('an extension is not bytes');
    bytes += Buffer.byteLength(name) + content.length;
  }
  if (bytes > EXTENSIONS_BYTES_MAX) refuse('extensions are too large');
  return value as Record<string, Uint8Array>;
};

const decode = (bytes: Uint8Array, itemsMax: number): unknown => {
  try {
    return decodeCbor(bytes, itemsMax);
  } catch (error) {
    return refuse(messageOf(error));
  }
};

/** A frame: two bytes of length, big-endian, and the bytes. Two reads of known size take it from a stream, with nothing left over. */
const frameOf = (value: unknown, bytesMax: number): Uint8Array => {
  const encoded = encodeCbor(value);
  assert(encoded.length <= bytesMax, 'A frame must not be larger than its reader takes.');
  const frame = Buffer.allocUnsafe(2 + encoded.length);
  frame.writeUInt16BE(encoded.length);
  frame.set(encoded, 2);
  return frame;
};

const readExactly = async (stream: Pick<CarrierStream, 'read'>, length: number): Promise<Uint8Array | null> => {
  const first = await stream.read(length);
  if (first === null) return null;
  if (first.length === length) return first;
  const whole = new Uint8Array(length);
  whole.set(first);
  for (let place = first.length; place < length; ) {
    const chunk = await stream.read(length - place);
    if (chunk === null) return refuse('a frame is cut short');
    whole.set(chunk, place);
    place += chunk.length;
  }
  return whole;
};
/** @returns null where the stream ends instead @throws {StreamError} `MALFORMED` | {CarrierError} */
export const readFrame = async (
  stream: Pick<CarrierStream, 'read'>,
  bytesMax: number = CONTROL_BYTES_MAX,
): Promise<Uint8Array | null> => {
  const header = await readExactly(stream, 2);
  if (header === null) return null;
  const length = ((header[0] ?? 0) << 8) | (header[1] ?? 0);
  if (length === 0 || length > bytesMax) return refuse(`a frame has ${length} bytes`);
  return (await readExactly(stream, length)) ?? refuse('a frame is cut short');
};

export const encodeOpening = (opening: Opening): Uint8Array =>
  frameOf([opening.number, opening.protocol, opening.sealed ? FLAG_SEALED : 0, opening.extensions], OPENING_BYTES_MAX);
/** @param bytes - without the length @throws {StreamError} `MALFORMED` */
export const decodeOpening = (bytes: Uint8Array): Opening => {
  const [number, protocol, flags, extensions] = asList(decode(bytes, 8 + EXTENSIONS_MAX), 'an opening', 4, 4);
  return {
    number: asInteger(number, 'the number of a stream', NUMBER_MAX),
    protocol: asProtocol(protocol),
    sealed: asInteger(flags, 'the flags of a stream', FLAG_SEALED) === FLAG_SEALED,
    extensions: asExtensions(extensions),
  };
};
/** @throws {StreamError} `MALFORMED` where our own extensions are too large or many */
export const checkExtensions = (extensions: Readonly<Record<string, Uint8Array>>): void => {
  asExtensions(extensions);
};

const fieldsOf = (message: ControlMessage): readonly unknown[] => {
  switch (message.type) {
    case 'hello':
      return [message.id, message.root];
    case 'bye':
      return [message.reason, message.detail];
    case 'ack':
      return [message.acks];
    case 'ping':
    case 'pong':
      return [message.number];
    case 'addresses':
      return [message.addresses];
    case 'retire':
      return [];
    case 'retired':
      return [message.opened];
    case 'datagrams':
      return [message.protocols];
    case 'root':
      return [message.root];
  }
};
export const encodeControl = (message: ControlMessage): Uint8Array =>
  frameOf([TYPES.indexOf(message.type), ...fieldsOf(message)], CONTROL_BYTES_MAX);

/** @param bytes - without the length @throws {StreamError} `MALFORMED` */
export const decodeControl = (bytes: Uint8Array): ControlMessage => {
  const [number, ...fields] = asList(decode(bytes, 4 + 3 * ACKS_PER_MESSAGE_MAX), 'a message', 3, 1);
  const type = TYPES[asInteger(number, 'the type of a message', TYPES.length - 1)];
  const [first, second] = fields;
  const only = (count: number): void => {
    if (fields.length !== count) refuse('a message has fields too many or too few');
  };
  only(type === 'retire' ? 0 : type === 'hello' || type === 'bye' ? 2 : 1);
  switch (type) {
    case 'hello':
      return {
        type,
        id: asId(first, 'the id of a connection'),
        root: second === null ? null : asId(second, 'the id of a session'),
      };
    case 'bye':
      return {
        type,
        reason: asInteger(first, 'a reason', 255),
        detail: asText(second, 'the detail of a reason', DETAIL_LENGTH_MAX),
      };
    case 'ack':
      return {
        type,
        acks: asList(first, 'acknowledgements', ACKS_PER_MESSAGE_MAX, 1).map((value) => {
          const [stream, count] = asList(value, 'an acknowledgement', 2, 2);
          return [
            asInteger(stream, 'the number of a stream', NUMBER_MAX),
            count === null ? null : asInteger(count, 'the bytes read', NUMBER_MAX),
          ] as const;
        }),
      };
    case 'ping':
    case 'pong':
      return { type, number: asInteger(first, 'the number of a ping', NUMBER_MAX) };
    case 'addresses':
      return {
        type,
        addresses: asList(first, 'addresses', ADDRESSES_MAX).map(
          (value) => readAddress(value) ?? refuse('an address is none'),
        ),
      };
    case 'retire':
      return { type };
    case 'retired':
      return { type, opened: asInteger(first, 'a count of streams', NUMBER_MAX) };
    case 'datagrams':
      return {
        type,
        protocols: asList(first, 'protocols', DATAGRAM_PROTOCOLS_MAX).map((value) => {
          const [protocolNumber, name] = asList(value, 'a protocol', 2, 2);
          return [asInteger(protocolNumber, 'the number of a protocol', 255), asProtocol(name)] as const;
        }),
      };
    case 'root':
      return { type, root: asId(first, 'the id of a session') };
    default:
      return refuse('a message is of no known type');
  }
};
