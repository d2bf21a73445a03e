import { type Host, type Ip, parseHost, parseIp, sharesPrefix } from './ip.ts';

/** One line of an owner's list: what may be reached, at which ports. */
export interface DestinationPattern {
  readonly target:
    | { readonly kind: 'name'; readonly name: string }
    /** Names below it, not itself. */
    | { readonly kind: 'below'; readonly name: string }
    | { readonly kind: 'range'; readonly ip: Ip; readonly bits: number };
  readonly ports: { readonly from: number; readonly to: number };
}

/** Lines in one list. */
export const PATTERNS_MAX = 256;
const PATTERN_LENGTH_MAX = 300;
const PORT_MAX = 65_535;

const parsePorts = (text: string): DestinationPattern['ports'] | null => {
  if (text === '*') return { from: 1, to: PORT_MAX };
  const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (found === null) return null;
  const from = Number(found[1]);
  const to = Number(found[2] ?? found[1]);
  return from >= 1 && from <= to && to <= PORT_MAX ? { from, to } : null;
};
const parseRange = (text: string): DestinationPattern['target'] | null => {
  const [address = '', bits, more] = text.split('/');
  const ip = parseIp(address);
  if (ip === null || more !== undefined) return null;
  const most = ip.bytes.length * 8;
  if (bits === undefined) return { kind: 'range', ip, bits: most };
  // The mapped form of IPv4 has lost its length.
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most || (ip.family === 4 && address.includes(':'))) return null;
  return { kind: 'range', ip, bits: Number(bits) };
};

/**
 * @param text - `example.org:443`, `*.example.org:80-90`, `192.0.2.7:*`, `10.0.0.0/8:631`, `[2001:db8::/32]:443`
 * @returns null for anything else
 */
export const parseDestinationPattern = (text: string): DestinationPattern | null => {
  if (text.length > PATTERN_LENGTH_MAX) return null;
  const found = /^(?:\[([^\]]+)\]|([^:[\]]+)):([^:]+)$/.exec(text);
  const ports = parsePorts(found?.[3] ?? '');
  if (found === null || ports === null) return null;
  const bracketed = found[1];
  if (bracketed !== undefined) {
    const target = bracketed.includes(':') ? parseRange(bracketed) : null;
    return target && { target, ports };
  }
  const host = found[2] ?? '';
  const range = parseRange(host);
  if (range !== null) return { target: range, ports };
  const below = host.startsWith('*.');
  const parsed = parseHost(below ? host.slice(2) : host);
  if (parsed?.kind !== 'name') return null;
  return { target: { kind: below ? 'below' : 'name', name: parsed.name }, ports };
};

const hasPort = ({ ports }: DestinationPattern, port: number): boolean => port >= ports.from && port <= ports.to;
/** Whether a pattern lists a name. Names are listed by names only. */
export const listsName = (pattern: DestinationPattern, host: Host, port: number): boolean => {
  if (host.kind !== 'name' || !hasPort(pattern, port)) return false;
  const { target } = pattern;
  if (target.kind === 'name') return host.name === target.name;
  return target.kind === 'below' && host.name.endsWith(`.${target.name}`);
};
/** Whether a pattern lists an address. @param exactly - it must be this very address and port, not one of a range */
export const listsAddress = (
  pattern: DestinationPattern,
  ip: Ip,
  port: number,
  exactly: 'any' | 'address' | 'port',
): boolean => {
  const { target, ports } = pattern;
  if (target.kind !== 'range' || !hasPort(pattern, port) || !sharesPrefix(target.ip, ip, target.bits)) return false;
  if (exactly === 'any') return true;
  return target.bits === ip.bytes.length * 8 && (exactly === 'address' || ports.from === ports.to);
};
