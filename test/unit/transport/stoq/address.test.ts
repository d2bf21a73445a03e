import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { peerIdOf } from '../../../../main/base/crypto/index.ts';
import {
  ADDRESS_LENGTH_MAX,
  circuitAddress,
  compareAddresses,
  expandAddress,
  groupOf,
  ipAddress,
  isCircuit,
  isDialable,
  isLoopback,
  isPrivate,
  memoryAddress,
  parseAddress,
  parsePeerId,
  partsOf,
  providerOf,
  readAddress,
  scopeOf,
  siteOf,
  splitPeer,
  withPeer,
} from '../../../../main/transport/stoq/address.ts';
import type { Address, PeerId } from '../../../../main/transport/stoq/interface.ts';

interface Vectors {
  peers: string[];
  addresses: { text: string; canonical: string; peer: string | null; scope: string; group: string; provider: string }[];
  refused: { text: string; why: string }[];
  order: string[];
}
const vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/stoq/address.json', import.meta.url), 'utf8'),
) as Vectors;

const address = (text: string): Address => {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
};
const relay = vectors.peers[0] as PeerId;

const ip4 = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((octets) => octets.join('.'));
/** Groups with many zeros, so that shortening has something to do. */
const ip6 = fc
  .array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 })
  .map((groups) => groups.map((group) => group.toString(16)).join(':'));
const port = fc.nat(65_535);
const transport = fc.constantFrom<'quic' | 'tls'>('quic', 'tls');
const peerId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((key) => peerIdOf(key) as PeerId);
const direct = fc.oneof(
  fc.tuple(fc.oneof(ip4, ip6), port, transport).map(([host, at, by]) => ipAddress(host, at, by)),
  fc.tuple(fc.nat(0xffff), port).map(([tail, at]) => ipAddress(`fe80::${tail.toString(16)}%eth0`, at, 'quic')),
  fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/).map(memoryAddress),
);
const anyAddress = fc.oneof(
  direct,
  fc.tuple(direct, peerId).map(([at, by]) => circuitAddress(at, by)),
);

describe('siteOf', () => {
  it('is one home: /56 of IPv6, one address of IPv4, whatever the port and the carrier', () => {
    const site = (text: string): string => siteOf(text as Address);
    expect(site('/ip6/2001:db8:1:2ff::7/udp/1/quic-v1')).toBe(site('/ip6/2001:db8:1:200::9/tcp/2/tls'));
    expect(site('/ip6/2001:db8:1:2ff::7/udp/1/quic-v1')).not.toBe(site('/ip6/2001:db8:1:300::7/udp/1/quic-v1'));
    expect(site('/ip4/198.51.100.7/udp/1/quic-v1')).toBe(site('/ip4/198.51.100.7/tcp/9/tls'));
    expect(site('/ip4/198.51.100.7/udp/1/quic-v1')).not.toBe(site('/ip4/198.51.100.8/udp/1/quic-v1'));
  });
});

describe('addresses of the vector file', () => {
  it('has some of each', () => {
    expect(vectors.addresses.length).toBeGreaterThan(20);
    expect(vectors.refused.length).toBeGreaterThan(20);
  });
  it.each(vectors.addresses)('$text', ({ text, canonical, peer, scope, group, provider }) => {
    const split = splitPeer(text);
    expect(split).toEqual({ address: canonical, peer });
    const found = canonical as Address;
    expect(readAddress(canonical)).toBe(canonical);
    expect(scopeOf(found)).toBe(scope);
    expect(groupOf(found)).toBe(group);
    expect(providerOf(found)).toBe(provider);
  });
  it.each(vectors.refused)('refuses $text: $why', ({ text }) => {
    expect(splitPeer(text)).toBeNull();
    expect(parseAddress(text)).toBeNull();
    expect(readAddress(text)).toBeNull();
  });
  it('orders them as they are dialled', () => {
    const inOrder = vectors.order.map(address);
    expect([...inOrder].reverse().sort(compareAddresses)).toEqual(inOrder);
  });
});

describe('parsePeerId', () => {
  it('takes what peerIdOf makes, and nothing that differs in one letter of its head or length', () => {
    fc.assert(
      fc.property(peerId, (peer) => {
        expect(parsePeerId(peer)).toBe(peer);
        expect(parsePeerId(peer.slice(0, -1))).toBeNull();
        expect(parsePeerId(`${peer}1`)).toBeNull();
        expect(parsePeerId(`2${peer.slice(1)}`)).toBeNull();
      }),
    );
  });
  it.each([
    null,
    undefined,
    7,
    '',
    'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
    '12D3KooWzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz',
  ])('refuses %s', (text) => {
    expect(parsePeerId(text)).toBeNull();
  });
});

describe('property: one place, one text', () => {
  it('reads back what it writes, within the bound', () => {
    fc.assert(
      fc.property(anyAddress, peerId, (at, peer) => {
        expect(readAddress(at)).toBe(at);
        expect(splitPeer(withPeer(at, peer))).toEqual({ address: at, peer });
        expect(withPeer(at, peer).length).toBeLessThanOrEqual(ADDRESS_LENGTH_MAX);
        expect(isCircuit(at)).toBe(partsOf(at).relay !== null);
      }),
    );
  });
  it('takes an address apart so that it can be put together again', () => {
    fc.assert(
      fc.property(anyAddress, (at) => {
        const { family, host, zone, port: found, transport: by, relay: through } = partsOf(at);
        const again =
          by === 'memory' || family === 'memory'
            ? memoryAddress(host)
            : ipAddress(zone === null ? host : `${host}%${zone}`, found, by);
        expect(through === null ? again : circuitAddress(again, through.peer)).toBe(at);
      }),
    );
  });
  it('has one form for all ways to write an IPv6 address', () => {
    fc.assert(
      fc.property(ip6, port, (host, at) => {
        const forms = [
          host,
          host.toUpperCase(),
          host
            .split(':')
            .map((group) => group.padStart(4, '0'))
            .join(':'),
        ];
        expect(new Set(forms.map((form) => parseAddress(`/ip6/${form}/udp/${at}/quic-v1`))).size).toBe(1);
      }),
    );
  });
  it('orders totally', () => {
    fc.assert(
      fc.property(fc.array(anyAddress, { minLength: 3, maxLength: 3 }), (three) => {
        const [a, b, c] = three as [Address, Address, Address];
        expect(Math.sign(compareAddresses(a, b))).toBe(-Math.sign(compareAddresses(b, a)) + 0);
        expect(compareAddresses(a, b) === 0).toBe(a === b);
        fc.pre(compareAddresses(a, b) < 0 && compareAddresses(b, c) < 0);
        expect(compareAddresses(a, c)).toBeLessThan(0);
      }),
    );
  });
  it('keeps a group within its provider', () => {
    fc.assert(
      fc.property(direct, direct, (a, b) => {
        expect(providerOf(a) === providerOf(b) || groupOf(a) !== groupOf(b)).toBe(true);
      }),
    );
  });
});

describe('fuzz: whatever a peer sends', () => {
  const word = fc.constantFrom(
    'ip6',
    'ip4',
    'udp',
    'tcp',
    'quic-v1',
    'tls',
    'p2p',
    'p2p-circuit',
    'memory',
    'ip6zone',
    'dns4',
    'unix',
    'ws',
    '::1',
    '::',
    '1.2.3.4',
    'fe80::1',
    '4001',
    '0',
    '65536',
    '-1',
    relay,
    'eth0',
    '',
    '%2F',
    '\u{1F600}',
  );
  it('gives null or an address that reads back, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 300 }),
          fc.string({ unit: 'binary', maxLength: 300 }),
          fc.array(word, { maxLength: 12 }).map((words) => `/${words.join('/')}`),
        ),
        (text) => {
          const split = splitPeer(text);
          if (split === null) return;
          expect(readAddress(split.address)).toBe(split.address);
          partsOf(split.address);
          groupOf(split.address);
          providerOf(split.address);
          scopeOf(split.address);
        },
      ),
      { numRuns: 5000 },
    );
  });
  it('gives null for what is no text', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        fc.pre(typeof value !== 'string');
        expect(readAddress(value)).toBeNull();
      }),
    );
  });
  it('survives changed letters', () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (at, place, letter) => {
        const index = place % at.length;
        const split = splitPeer(at.slice(0, index) + letter + at.slice(index + 1));
        expect(split === null ? null : readAddress(split.address)).toBe(split?.address ?? null);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('scope and dialling', () => {
  it('says what can be dialled and what stays near', () => {
    expect(isDialable(address('/ip6/::1/udp/4001/quic-v1'))).toBe(true);
    expect(isDialable(address('/ip6/2001:db8::1/udp/0/quic-v1'))).toBe(false);
    expect(isDialable(address('/ip6/::/udp/4001/quic-v1'))).toBe(false);
    expect(isDialable(address('/ip6/ff02::1/udp/4001/quic-v1'))).toBe(false);
    expect(isDialable(address('/ip4/255.255.255.255/tcp/1/tls'))).toBe(false);
    expect(isDialable(memoryAddress('a'))).toBe(true);
    expect(isLoopback(address('/ip4/127.5.6.7/tcp/1/tls'))).toBe(true);
    expect(isPrivate(address('/ip4/100.64.0.1/tcp/1/tls'))).toBe(true);
    expect(isPrivate(address('/ip6/fd00::1/tcp/1/tls'))).toBe(true);
    expect(isPrivate(address('/ip6/2a00::1/tcp/1/tls'))).toBe(false);
    expect(isPrivate(circuitAddress(address('/ip4/10.0.0.1/tcp/1/tls'), relay))).toBe(true);
  });
  it('takes addresses of sockets of both families', () => {
    expect(ipAddress('::ffff:192.0.2.7', 5, 'tls')).toBe('/ip4/192.0.2.7/tcp/5/tls');
    expect(ipAddress('fe80::1%eth0', 5, 'quic')).toBe('/ip6zone/eth0/ip6/fe80::1/udp/5/quic-v1');
    expect(ipAddress('2001:db8::1%eth0', 5, 'quic')).toBe('/ip6/2001:db8::1/udp/5/quic-v1');
    expect(() => ipAddress('example.org', 5, 'quic')).toThrow('A socket has an IP address');
    expect(() => ipAddress('::1', 65_536, 'quic')).toThrow('A socket has an IP address');
    expect(() => memoryAddress('a/b')).toThrow('A name in memory');
    expect(() => circuitAddress(circuitAddress(memoryAddress('a'), relay), relay)).toThrow('one relay');
  });
});

describe('expandAddress', () => {
  const info = (text: string, family: 'IPv4' | 'IPv6', scopeid?: number) => ({
    address: text,
    family,
    internal: false,
    netmask: '',
    mac: '',
    cidr: null,
    ...(family === 'IPv6' ? { scopeid: scopeid ?? 0 } : {}),
  });
  const interfaces = {
    lo: [info('127.0.0.1', 'IPv4'), info('::1', 'IPv6')],
    eth0: [info('192.0.2.5', 'IPv4'), info('2001:db8::5', 'IPv6'), info('fe80::5', 'IPv6', 2)],
    'Local Area 1': [info('fe80::6', 'IPv6', 12)],
    down: undefined,
  } as unknown as Parameters<typeof expandAddress>[1];
  it('names every address of the family but loopback, each zone as the system writes it', () => {
    expect(expandAddress(address('/ip6/::/udp/7/quic-v1'), interfaces)).toEqual([
      '/ip6/2001:db8::5/udp/7/quic-v1',
      '/ip6zone/eth0/ip6/fe80::5/udp/7/quic-v1',
    ]);
    expect(expandAddress(address('/ip6/::/tcp/7/tls'), interfaces, 'number')).toEqual([
      '/ip6/2001:db8::5/tcp/7/tls',
      '/ip6zone/12/ip6/fe80::6/tcp/7/tls',
      '/ip6zone/2/ip6/fe80::5/tcp/7/tls',
    ]);
    expect(expandAddress(address('/ip4/0.0.0.0/tcp/7/tls'), interfaces)).toEqual(['/ip4/192.0.2.5/tcp/7/tls']);
  });
  it('names loopback where there is nothing else, and leaves all others as they are', () => {
    expect(expandAddress(address('/ip6/::/udp/7/quic-v1'), { lo: interfaces['lo'] })).toEqual([
      '/ip6/::1/udp/7/quic-v1',
    ]);
    expect(expandAddress(address('/ip6/::/udp/7/quic-v1'), {})).toEqual([]);
    expect(expandAddress(address('/ip6/::1/udp/7/quic-v1'), interfaces)).toEqual(['/ip6/::1/udp/7/quic-v1']);
    expect(expandAddress(memoryAddress('a'), interfaces)).toEqual(['/memory/a']);
  });
});
