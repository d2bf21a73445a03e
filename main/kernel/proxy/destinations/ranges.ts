import { assert } from '../../../base/index.ts';
import { type Ip, parseIp, sharesPrefix } from './ip.ts';

/** Why an address is refused to whoever leaves through this node, each with words for a sentence. */
export const REFUSED_RULES = {
  unspecified: 'an address that stands for no place or for this machine',
  loopback: 'an address of this machine itself',
  private: 'an address of a private network',
  linkLocal: 'an address that is known on one link only',
  metadata: 'an address where providers keep what their machines may do',
  multicast: 'an address of many at once',
  documentation: 'an address that is nobody’s',
  reserved: 'an address that is not given out to anybody',
  translated: 'an address with another one inside, which could lead anywhere',
  ownMachine: 'an address of this machine',
  ownNetwork: 'an address of the network that this machine is in',
  ownApi: 'the door of this node for its owner',
} as const;
export type RefusedRule = keyof typeof REFUSED_RULES;

const range = (text: string): { ip: Ip; bits: number } => {
  const [address = '', bits = ''] = text.split('/');
  const ip = parseIp(address);
  assert(ip !== null, 'The table of ranges holds addresses.');
  return { ip, bits: Number(bits) };
};
/**
 * The first that holds an address decides. After https://www.iana.org/assignments/iana-ipv4-special-registry and
 * https://www.iana.org/assignments/iana-ipv6-special-registry.
 */
const RANGES: readonly { rule: RefusedRule; ip: Ip; bits: number }[] = (
  [
    ['metadata', '169.254.169.254/32'],
    // Microsoft's virtual public address, which answers to every machine of its cloud.
    ['metadata', '168.63.129.16/32'],
    ['metadata', '100.100.100.200/32'],
    ['metadata', '192.0.0.192/32'],
    ['metadata', 'fd00:ec2::254/128'],
    ['unspecified', '0.0.0.0/8'],
    ['loopback', '127.0.0.0/8'],
    ['private', '10.0.0.0/8'],
    ['private', '172.16.0.0/12'],
    ['private', '192.168.0.0/16'],
    // Between a provider and its customers, RFC 6598.
    ['private', '100.64.0.0/10'],
    ['linkLocal', '169.254.0.0/16'],
    ['documentation', '192.0.2.0/24'],
    ['documentation', '198.51.100.0/24'],
    ['documentation', '203.0.113.0/24'],
    ['translated', '192.88.99.0/24'],
    ['reserved', '192.0.0.0/24'],
    ['reserved', '198.18.0.0/15'],
    ['multicast', '224.0.0.0/4'],
    ['reserved', '240.0.0.0/4'],
    ['unspecified', '::/128'],
    ['loopback', '::1/128'],
    // IPv4-compatible, out of use since RFC 4291.
    ['translated', '::/96'],
    ['linkLocal', 'fe80::/10'],
    // Site-local, out of use since RFC 3879 and still in some homes.
    ['private', 'fec0::/10'],
    // Unique local, with the global addresses of this network among them: those have a way of their own.
    ['private', 'fc00::/7'],
    ['multicast', 'ff00::/8'],
    ['documentation', '2001:db8::/32'],
    ['documentation', '3fff::/20'],
    // Teredo, which wraps an IPv4 address of anybody's choice.
    ['translated', '2001::/32'],
    ['reserved', '2001::/23'],
    // 6to4, out of use since RFC 7526.
    ['translated', '2002::/16'],
    // Local translators, RFC 8215.
    ['translated', '64:ff9b:1::/48'],
  ] as const
).map(([rule, text]) => ({ rule, ...range(text) }));
/** All that was ever given out of IPv6. */
const GLOBAL_UNICAST = range('2000::/3');
/** DNS64 and NAT64, RFC 6052: on networks without IPv4 all names that have only IPv4 lead here. */
const TRANSLATOR = range('64:ff9b::/96');
/** Last half of an ISATAP address, RFC 5214, without the bit that says whether it is unique. */
const isIsatap = ({ bytes }: Ip): boolean =>
  ((bytes[8] ?? 0) & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe;

/** @returns why an address is refused whatever the machine it is asked on; null for addresses of the public Internet */
export const refusedRange = (ip: Ip): RefusedRule | null => {
  const found = RANGES.find((one) => sharesPrefix(one.ip, ip, one.bits));
  if (found !== undefined) return found.rule;
  if (ip.family === 4) return null;
  if (sharesPrefix(TRANSLATOR.ip, ip, TRANSLATOR.bits))
    return refusedRange({ family: 4, bytes: ip.bytes.slice(12) }) === null ? null : 'translated';
  if (!sharesPrefix(GLOBAL_UNICAST.ip, ip, GLOBAL_UNICAST.bits)) return 'reserved';
  return isIsatap(ip) ? 'translated' : null;
};

/** Names that stand for something near: RFC 6761, RFC 6762, RFC 8375, RFC 7686, RFC 9476, ICANN's `internal`, and what homes and companies use. */
const NEAR_NAMES: ReadonlySet<string> = new Set([
  'localhost',
  'localdomain',
  'local',
  'internal',
  'intranet',
  'private',
  'corp',
  'home',
  'lan',
  'arpa',
  'test',
  'invalid',
  'onion',
  'alt',
]);
/** Whether a name is not of the public DNS: asking for it would tell who is in the home network. */
export const isNearName = (name: string): boolean => {
  const last = name.slice(name.lastIndexOf('.') + 1);
  return !name.includes('.') || NEAR_NAMES.has(last);
};
