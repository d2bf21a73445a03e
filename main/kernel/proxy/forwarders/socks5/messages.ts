import { ProxyError } from '../../errors.ts';
import type { Pipe } from '../../interface.ts';
import { formatIp, parseHost } from '../../destinations/index.ts';

// RFC 1928 (SOCKS protocol version 5) and RFC 1929 (user name and password).

export const VERSION = 5;
export const METHODS = { none: 0, password: 2, noneAcceptable: 0xff } as const;
export const COMMANDS = { connect: 1, associate: 3 } as const;
/** Section 6. */
export const REPLIES = {
  succeeded: 0,
  failed: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  connectionRefused: 5,
  timeToLiveExpired: 6,
  commandUnknown: 7,
  addressTypeUnknown: 8,
} as const;
export type Reply = keyof typeof REPLIES;
const TYPES = { ip4: 1, name: 3, ip6: 4 } as const;
/** Of user name and password together, RFC 1929, section 2. */
const PASSWORD_VERSION = 1;

/** What came is not SOCKS 5. */
export const malformed = (problem: string): ProxyError =>
  new ProxyError({ code: 'FORWARD_MALFORMED', problem, verdict: 'ignore' }, `This is not SOCKS 5: ${problem}.`);

/** @returns exactly so many bytes @throws {ProxyError} `FORWARD_MALFORMED` where the program ends before */
const readExactly = async (pipe: Pick<Pipe, 'read'>, length: number): Promise<Uint8Array> => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const chunk = await pipe.read(length - at);
    if (chunk === null) throw malformed('it ends in the middle of a message');
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
};
const readByte = async (pipe: Pick<Pipe, 'read'>): Promise<number> => (await readExactly(pipe, 1))[0] ?? 0;

/** Section 3. @returns the methods that the program can do */
export const readGreeting = async (pipe: Pick<Pipe, 'read'>): Promise<readonly number[]> => {
  const version = await readByte(pipe);
  if (version !== VERSION) throw malformed(`it begins with ${version}`);
  const count = await readByte(pipe);
  if (count === 0) throw malformed('no method is offered');
  return [...(await readExactly(pipe, count))];
};
/** RFC 1929, section 2. */
export const readPassword = async (
  pipe: Pick<Pipe, 'read'>,
): Promise<{ username: Uint8Array; password: Uint8Array }> => {
  if ((await readByte(pipe)) !== PASSWORD_VERSION) throw malformed('user name and password have another version');
  const username = await readExactly(pipe, await readByte(pipe));
  return { username, password: await readExactly(pipe, await readByte(pipe)) };
};
export const passwordReply = (holds: boolean): Uint8Array => Uint8Array.of(PASSWORD_VERSION, holds ? 0 : 1);

/** A host as a message has it, and its port. The host may be anything: {@link parseHost} says what it is. */
export interface Destination {
  host: string;
  port: number;
}
/** Bytes of a name: visible ASCII or UTF-8 above it, since some programs send names of other scripts as they are. */
const decodeName = (bytes: Uint8Array): string => {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw malformed('the name is no text');
  }
  if (/[\x00-\x20\x7f]/.test(text)) throw malformed('the name holds what no name has');
  return text;
};
const ipText = (bytes: Uint8Array): string => formatIp({ family: bytes.length === 4 ? 4 : 6, bytes: [...bytes] });

/** Section 4. */
export const readRequest = async (
  pipe: Pick<Pipe, 'read'>,
): Promise<{ command: number } & ({ type: 'known'; destination: Destination } | { type: 'unknown' })> => {
  const [version = 0, command = 0, reserved = 0, type = 0] = await readExactly(pipe, 4);
  if (version !== VERSION || reserved !== 0) throw malformed('the request has another form');
  let host: string;
  if (type === TYPES.name) {
    const length = await readByte(pipe);
    if (length === 0) throw malformed('the name is empty');
    host = decodeName(await readExactly(pipe, length));
  } else if (type === TYPES.ip4) host = ipText(await readExactly(pipe, 4));
  else if (type === TYPES.ip6) host = ipText(await readExactly(pipe, 16));
  else return { command, type: 'unknown' };
  const [high = 0, low = 0] = await readExactly(pipe, 2);
  return { command, type: 'known', destination: { host, port: (high << 8) | low } };
};

const encodeAddress = ({ host, port }: Destination): number[] => {
  const parsed = parseHost(host);
  const address: readonly number[] =
    parsed?.kind === 'ip'
      ? [parsed.ip.family === 4 ? TYPES.ip4 : TYPES.ip6, ...parsed.ip.bytes]
      : [TYPES.name, Buffer.byteLength(host), ...Buffer.from(host)];
  return [...address, port >> 8, port & 255];
};
const NOWHERE: Destination = { host: '0.0.0.0', port: 0 };
/** Section 6. @param bound - where the server listens or sends from; nowhere in particular where it says nothing */
export const encodeReply = (reply: Reply, bound: Destination = NOWHERE): Uint8Array =>
  Uint8Array.from([VERSION, REPLIES[reply], 0, ...encodeAddress(bound)]);

/** Section 7. @returns null for what is no datagram of SOCKS, and for parts of one: they are dropped, as section 7 allows */
export const decodeDatagram = (bytes: Uint8Array): { destination: Destination; payload: Uint8Array } | null => {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 0) return null;
  const type = bytes[3];
  const name = type === TYPES.name;
  const start = name ? 5 : 4;
  const length = name ? (bytes[4] ?? 0) : type === TYPES.ip4 ? 4 : type === TYPES.ip6 ? 16 : 0;
  const end = start + length;
  if (length === 0 || bytes.length < end + 2) return null;
  const address = bytes.subarray(start, end);
  let host: string;
  try {
    host = name ? decodeName(address) : ipText(address);
  } catch {
    return null;
  }
  const port = ((bytes[end] ?? 0) << 8) | (bytes[end + 1] ?? 0);
  return { destination: { host, port }, payload: bytes.subarray(end + 2) };
};
export const encodeDatagram = (from: Destination, payload: Uint8Array): Uint8Array => {
  const header = [0, 0, 0, ...encodeAddress(from)];
  const bytes = new Uint8Array(header.length + payload.length);
  bytes.set(header);
  bytes.set(payload, header.length);
  return bytes;
};
