import { type Host, formatIp, parseHost } from '../../destinations/index.ts';

// What a proxy does with the head of a request, RFC 9110 and RFC 9112.

/** Names and values in turns, as they came. */
export type RawHeaders = readonly string[];

/** RFC 9110, section 7.6.1, and what programs send to proxies alone. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // Answered by ourselves, since the body is read at once.
  'expect',
  'http2-settings',
]);

export const pairsOf = (headers: RawHeaders): [name: string, value: string][] =>
  Array.from({ length: headers.length / 2 }, (_, index) => [headers[index * 2] ?? '', headers[index * 2 + 1] ?? '']);
/** @returns values of a header in the order in which they came */
export const valuesOf = (headers: RawHeaders, name: string): string[] =>
  pairsOf(headers).flatMap(([key, value]) => (key.toLowerCase() === name ? [value] : []));

/**
 * What goes on to the next hop: nothing that is meant for this one, which includes whatever `Connection` names.
 *
 * @param without - in small letters; also left out
 */
export const endToEnd = (headers: RawHeaders, without: readonly string[] = []): string[] => {
  const named = valuesOf(headers, 'connection').flatMap((value) =>
    value
      .toLowerCase()
      .split(',')
      .map((one) => one.trim()),
  );
  const left = new Set([...named, ...without]);
  // What says how long a message is cannot be made a matter of one hop.
  left.delete('content-length');
  left.delete('host');
  for (const name of without) left.add(name);
  return pairsOf(headers).flatMap(([name, value]) => {
    const key = name.toLowerCase();
    return HOP_BY_HOP.has(key) || left.has(key) ? [] : [name, value];
  });
};

/** How the body of a request is framed. */
export type Framing = 'none' | 'length' | 'chunked';
/**
 * @returns null for a message that two programs could read in two ways: this is what requests are smuggled by. Node's parser has
 * refused most of it already; what it lets pass is refused here.
 */
export const framingOf = (message: { httpVersion: string; rawHeaders: RawHeaders }): Framing | null => {
  const { httpVersion, rawHeaders } = message;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return null;
  const lengths = valuesOf(rawHeaders, 'content-length');
  const codings = valuesOf(rawHeaders, 'transfer-encoding');
  if (lengths.length + codings.length > 1) return null;
  const [coding] = codings;
  if (coding !== undefined)
    return httpVersion === '1.1' && coding.trim().toLowerCase() === 'chunked' ? 'chunked' : null;
  const [length] = lengths;
  if (length !== undefined) return /^\d{1,15}$/.test(length) ? 'length' : null;
  return 'none';
};
/** @returns the one `Host`, or null where there is none, an empty one, or two */
export const hostHeaderOf = (headers: RawHeaders): string | null => {
  const hosts = valuesOf(headers, 'host');
  return hosts.length === 1 && hosts[0] !== '' ? (hosts[0] ?? null) : null;
};

export interface Authority {
  host: Host;
  /** As it belongs into a `Host` header: address or name, brackets, and the port where it is not the usual one. */
  text: string;
  port: number;
}
/**
 * @param text - `host`, `host:port`, `[address]` or `[address]:port`
 * @param usualPort - taken where none is given; null: one must be given
 * @returns null for anything else, such as a name with a password before it
 */
export const parseAuthority = (text: string, usualPort: number | null): Authority | null => {
  const found = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([^:[\]@/?#\\\s]{1,255}))(?::(\d{1,5}))?$/.exec(text);
  if (found === null) return null;
  const [, bracketed, plain, digits] = found;
  const port = digits === undefined ? usualPort : Number(digits);
  const host = parseHost(bracketed ?? plain ?? '');
  if (host === null || port === null || port < 1 || port > 65_535) return null;
  if (bracketed !== undefined && (host.kind !== 'ip' || !bracketed.includes(':'))) return null;
  const name = host.kind === 'name' ? host.name : host.ip.family === 6 ? `[${formatIp(host.ip)}]` : formatIp(host.ip);
  return { host, port, text: port === usualPort ? name : `${name}:${port}` };
};
/**
 * @param url - as it stands in the request line
 * @returns null unless it is `http://authority/path` without user and fragment
 */
export const parseAbsoluteForm = (url: string): { authority: Authority; path: string } | null => {
  const found = /^http:\/\/([^/?#]*)([^#]*)$/i.exec(url);
  const authority = found === null ? null : parseAuthority(found[1] ?? '', 80);
  if (found === null || authority === null) return null;
  const rest = found[2] ?? '';
  return { authority, path: rest.startsWith('/') ? rest : `/${rest}` };
};
