import { type Clock, messageOf, NodeError } from '../../../../../base/index.ts';
import type { JobNetwork, JobPipe } from '../../interface.ts';
import { GREETING_MS_MAX, HTTP_HEAD_BYTES_MAX } from './constants.ts';
import { DOOR } from './frames.ts';

/** What a job asked for, in the words of its door. */
interface Wish {
  host: string;
  port: number;
  /** Said to the job when the way is there. */
  accepted: Uint8Array;
  /** Goes to the destination first. */
  first: Uint8Array;
  refused(sentence: string, byRule: boolean): Uint8Array;
}
/** The job said something that the door does not know. */
class Misspoken extends Error {
  readonly answer: Uint8Array;
  constructor(answer: Uint8Array) {
    super('misspoken');
    this.answer = answer;
  }
}

const HOST_LENGTH_MAX = 253;
/** Names and addresses, IPv6 among them; what else may be in a name is the network's to judge. */
const isHost = (host: string): boolean => host.length <= HOST_LENGTH_MAX && /^[A-Za-z0-9_.:-]+$/.test(host);
const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;

/** Reads a known number of bytes, or up to a mark, and gives back what came too early. */
class Greeting {
  #held: Buffer = Buffer.alloc(0);
  readonly #pipe: JobPipe;
  constructor(pipe: JobPipe) {
    this.#pipe = pipe;
  }
  async #more(): Promise<void> {
    const chunk = await this.#pipe.read();
    if (chunk === null) throw new Misspoken(Buffer.alloc(0));
    this.#held = Buffer.concat([this.#held, chunk]);
  }
  async take(length: number): Promise<Buffer> {
    while (this.#held.length < length) await this.#more();
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }
  /** @returns text up to the mark, null when there is none within the bound */
  async takeUpTo(mark: string, bytesMax: number): Promise<string | null> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at > bytesMax || (at < 0 && this.#held.length > bytesMax)) return null;
      if (at >= 0) return (await this.take(at + mark.length)).subarray(0, at).toString('latin1');
      await this.#more();
    }
  }
  rest(): Uint8Array {
    return this.#held;
  }
}

// RFC 1928; without authentication, CONNECT only.
const socksReply = (code: number): Uint8Array => Uint8Array.of(5, code, 0, 1, 0, 0, 0, 0, 0, 0);
const SOCKS = { succeeded: 0, notAllowed: 2, unreachable: 4, commandUnknown: 7, addressUnknown: 8 } as const;

const readSocks = async (pipe: JobPipe): Promise<Wish> => {
  const greeting = new Greeting(pipe);
  const [version, methods] = await greeting.take(2);
  if (version !== 5) throw new Misspoken(Buffer.alloc(0));
  if (!(await greeting.take(methods!)).includes(0)) throw new Misspoken(Uint8Array.of(5, 0xff));
  await pipe.write(Uint8Array.of(5, 0));
  const [again, command, reserved, kind] = await greeting.take(4);
  if (again !== 5 || reserved !== 0) throw new Misspoken(socksReply(1));
  if (command !== 1) throw new Misspoken(socksReply(SOCKS.commandUnknown));
  let host: string;
  if (kind === 1) host = [...(await greeting.take(4))].join('.');
  else if (kind === 3) host = (await greeting.take((await greeting.take(1))[0]!)).toString('latin1');
  else if (kind === 4) {
    const bytes = await greeting.take(16);
    host = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(':');
  } else throw new Misspoken(socksReply(SOCKS.addressUnknown));
  const port = (await greeting.take(2)).readUInt16BE();
  if (!isHost(host) || !isPort(port)) throw new Misspoken(socksReply(SOCKS.addressUnknown));
  return {
    host,
    port,
    accepted: socksReply(SOCKS.succeeded),
    first: greeting.rest(),
    refused: (_sentence, byRule) => socksReply(byRule ? SOCKS.notAllowed : SOCKS.unreachable),
  };
};

const httpAnswer = (status: string, sentence: string): Uint8Array => {
  const body = Buffer.from(`${sentence}\n`);
  return Buffer.concat([
    Buffer.from(
      `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
    ),
    body,
  ]);
};
const BAD_REQUEST = '400 Bad Request';
/** Said between job and door only, or said anew: RFC 9110, section 7.6.1. */
const HOP_HEADERS = new Set(['connection', 'proxy-connection', 'proxy-authorization', 'keep-alive']);

const splitAuthority = (authority: string, portDefault: number): { host: string; port: number } | null => {
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([^[\]:@]+))(?::(\d{1,5}))?$/.exec(authority);
  if (found === null) return null;
  const host = found[1] ?? found[2]!;
  const port = found[3] === undefined ? portDefault : Number(found[3]);
  return isHost(host) && isPort(port) ? { host, port } : null;
};

/** CONNECT, and requests with a whole http address, one per connection. */
const readHttp = async (pipe: JobPipe): Promise<Wish> => {
  const greeting = new Greeting(pipe);
  const head = await greeting.takeUpTo('\r\n\r\n', HTTP_HEAD_BYTES_MAX);
  if (head === null)
    throw new Misspoken(httpAnswer('431 Request Header Fields Too Large', 'The head of this request is too long.'));
  const [line = '', ...headers] = head.split('\r\n');
  const request = /^([A-Z]{1,20}) (\S{1,8192}) (HTTP\/1\.[01])$/.exec(line);
  const refused = (sentence: string, byRule: boolean): Uint8Array =>
    httpAnswer(byRule ? '403 Forbidden' : '502 Bad Gateway', sentence);
  if (request === null) throw new Misspoken(httpAnswer(BAD_REQUEST, 'This is no request of HTTP/1.1.'));
  const [, method, target, version] = request;
  if (method === 'CONNECT') {
    const to = splitAuthority(target!, 0);
    if (to === null) throw new Misspoken(httpAnswer(BAD_REQUEST, 'CONNECT needs a host and a port.'));
    const accepted = Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n');
    return { ...to, accepted, first: greeting.rest(), refused };
  }
  const address = /^http:\/\/([^/?#]+)([/?][^#]*)?$/i.exec(target!);
  const to = address === null ? null : splitAuthority(address[1]!, 80);
  if (to === null)
    throw new Misspoken(
      httpAnswer(BAD_REQUEST, 'This door takes CONNECT, and whole addresses that begin with http://.'),
    );
  const path = address![2] ?? '/';
  const kept = headers.filter((header) => !HOP_HEADERS.has((header.split(':')[0] ?? '').trim().toLowerCase()));
  const sent = [
    `${method} ${path.startsWith('?') ? `/${path}` : path} ${version}`,
    ...kept,
    'Connection: close',
    '',
    '',
  ].join('\r\n');
  const first = Buffer.concat([Buffer.from(sent, 'latin1'), greeting.rest()]);
  return { ...to, accepted: new Uint8Array(0), first, refused };
};

/** Carries bytes until the source has finished. */
const carry = async (from: JobPipe, to: JobPipe): Promise<void> => {
  for (;;) {
    const chunk = await from.read();
    if (chunk === null) break;
    await to.write(chunk);
  }
  await to.finish();
};

/**
 * Serves one connection that a job opened at a door: hears where it wants to go, asks the network, carries bytes both ways. Never
 * rejects; whatever goes wrong ends this connection only.
 */
export const serveDoor = async (
  { clock, network }: { clock: Clock; network: JobNetwork },
  door: number,
  pipe: JobPipe,
  signal: AbortSignal,
): Promise<void> => {
  const stopWaiting = clock.after(GREETING_MS_MAX, () => pipe.reset());
  const open: { far: JobPipe | null } = { far: null };
  try {
    const wish = await (door === DOOR.socks ? readSocks(pipe) : readHttp(pipe));
    stopWaiting();
    try {
      open.far = await network.connect(wish.host, wish.port, { signal });
    } catch (error) {
      const byRule = error instanceof NodeError && /REFUSED|ALLOWED/.test(error.code);
      throw new Misspoken(wish.refused(messageOf(error), byRule));
    }
    const { far } = open;
    await pipe.write(wish.accepted);
    if (wish.first.length > 0) await far.write(wish.first);
    await Promise.all([carry(pipe, far), carry(far, pipe)]);
  } catch (error) {
    open.far?.reset();
    if (!(error instanceof Misspoken)) pipe.reset();
    else {
      await pipe.write(error.answer).catch(() => undefined);
      await pipe.finish().catch(() => undefined);
      // What it sends after a refusal is read to its end, or the answer would be lost with the reset.
      await drain(pipe).catch(() => undefined);
      pipe.reset();
    }
  } finally {
    stopWaiting();
  }
};

const DRAIN_BYTES_MAX = 262_144;
const drain = async (pipe: JobPipe): Promise<void> => {
  for (let bytes = 0; bytes < DRAIN_BYTES_MAX; ) {
    const chunk = await pipe.read();
    if (chunk === null) return;
    bytes += chunk.length;
  }
};
