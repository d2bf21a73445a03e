import { isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/** An IP address as its bytes, most significant first: 4 or 16. IPv4 within IPv6 (`::ffff:0:0/96`) is IPv4, as sockets take it. */
export interface Ip {
  readonly family: 4 | 6;
  readonly bytes: readonly number[];
}

/** Strict dotted decimal: four numbers without leading zeros. Octal, hexadecimal and short forms are none. */
const IP4 = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;
/** Of a whole name, RFC 1035, section 2.3.4, without the dot at its end. */
const NAME_LENGTH_MAX = 253;
/** Of ASCII, what a name may hold: the mapping of Unicode would pass over line ends and undo percent signs. */
const NAME_CHARACTERS = /^[A-Za-z0-9._\-\u0080-\u{10ffff}]+$/u;
/** Host names, and underscores, which some services have in theirs. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** What the resolvers of browsers and of C libraries take for a number: such a name stands for an IPv4 address to somebody. */
const NUMBER_LABEL = /^(?:\d+|0x[0-9a-f]*)$/;

const parseIp4 = (text: string): number[] | null => {
  const found = IP4.exec(text);
  if (found === null) return null;
  const bytes = found.slice(1).map(Number);
  return bytes.every((byte) => byte < 256) ? bytes : null;
};
const parseIp6 = (text: string): number[] | null => {
  // Zones name an interface of whoever resolves it; nobody far away has a word in that.
  if (!isIPv6(text) || text.includes('%')) return null;
  let body = text;
  let tail: number[] = [];
  if (text.includes('.')) {
    const cut = text.lastIndexOf(':') + 1;
    const ip4 = parseIp4(text.slice(cut));
    if (ip4 === null) return null;
    tail = ip4;
    body = text.slice(0, cut);
    // `1:2:` of `1:2:1.2.3.4`, but `::` of `::1.2.3.4`.
    if (!body.endsWith('::')) body = body.slice(0, -1);
  }
  const bytesOf = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((group) => {
          const value = Number.parseInt(group, 16);
          return [value >> 8, value & 255];
        });
  const [head = '', rest] = body.split('::');
  const before = bytesOf(head);
  const after = [...bytesOf(rest ?? ''), ...tail];
  const zeros = 16 - before.length - after.length;
  return rest === undefined
    ? zeros === 0
      ? [...before, ...after]
      : null
    : [...before, ...Array.from({ length: zeros }, () => 0), ...after];
};

const isMapped = (bytes: readonly number[]): boolean =>
  bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;

/** @returns the address, or null when the text is none in a form that all resolvers read alike */
export const parseIp = (text: string): Ip | null => {
  const ip4 = parseIp4(text);
  if (ip4 !== null) return { family: 4, bytes: ip4 };
  const ip6 = parseIp6(text);
  if (ip6 === null) return null;
  return isMapped(ip6) ? { family: 4, bytes: ip6.slice(12) } : { family: 6, bytes: ip6 };
};

/** Text in its one form: RFC 5952 for IPv6. */
export const formatIp = ({ family, bytes }: Ip): string => {
  if (family === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  let [start, length] = [-1, 1];
  for (let at = 0; at < 8; at++) {
    let end = at;
    while (end < 8 && groups[end] === 0) end++;
    if (end - at > length) [start, length] = [at, end - at];
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return start === -1 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
};

/** Whether the first `bits` of two addresses of one family are alike. */
export const sharesPrefix = (a: Ip, b: Ip, bits: number): boolean => {
  if (a.family !== b.family) return false;
  for (let at = 0; at * 8 < bits; at++) {
    const mask = bits - at * 8 >= 8 ? 0xff : (0xff << (8 - (bits - at * 8))) & 0xff;
    if (((a.bytes[at] ?? 0) & mask) !== ((b.bytes[at] ?? 0) & mask)) return false;
  }
  return true;
};

export type Host = { kind: 'ip'; ip: Ip } | { kind: 'name'; name: string };
/**
 * A host as somebody typed or sent it, without brackets.
 *
 * @returns an address, or a name in small letters, in ASCII and without a dot at its end; null for what is neither, such as
 * addresses with a zone and numbers that only some resolvers take for an address (`0x7f.1`, `2130706433`, `010.0.0.1`)
 */
export const parseHost = (text: string): Host | null => {
  const ip = parseIp(text);
  if (ip !== null) return { kind: 'ip', ip };
  if (text.length === 0 || text.length > 1024 || !NAME_CHARACTERS.test(text)) return null;
  // Unicode is mapped first: digits and dots have many looks.
  const ascii = /^[\x00-\x7f]+$/.test(text) ? text : domainToASCII(text);
  const name = ascii.toLowerCase().replace(/\.$/, '');
  const plain = parseIp4(name);
  if (plain !== null) return { kind: 'ip', ip: { family: 4, bytes: plain } };
  const labels = name.split('.');
  if (name.length > NAME_LENGTH_MAX || !labels.every((label) => LABEL.test(label))) return null;
  return NUMBER_LABEL.test(labels.at(-1) ?? '') ? null : { kind: 'name', name };
};
