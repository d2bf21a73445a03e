import { BlockList, isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createDestinationCheck,
  formatIp,
  parseDestinationPattern,
  parseHost,
  parseIp,
} from '../../../../../main/kernel/proxy/destinations/index.ts';
import { refusedRange } from '../../../../../main/kernel/proxy/destinations/ranges.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';

const bytes = (length: number) => fc.array(fc.nat(255), { minLength: length, maxLength: length });
const anyIp = fc.oneof(
  bytes(4).map((all) => ({ family: 4 as const, bytes: all })),
  bytes(16).map((all) => ({ family: 6 as const, bytes: all })),
  // Long runs of zeros are what the short form is about.
  fc.tuple(bytes(4), fc.nat(12)).map(([few, at]) => {
    const all = Array.from({ length: 16 }, () => 0);
    all.splice(at, few.length, ...few);
    return { family: 6 as const, bytes: all };
  }),
);
/** What Node itself makes of private ranges, by another program than ours. */
const near = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['224.0.0.0', 3],
] as const)
  near.addSubnet(net, bits, 'ipv4');
for (const [net, bits] of [
  ['::', 96],
  ['fc00::', 7],
  ['fe80::', 9],
  ['ff00::', 8],
] as const)
  near.addSubnet(net, bits, 'ipv6');

describe('an address', () => {
  it('has one text, which reads as itself', () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        const text = formatIp(ip);
        expect(isIP(text)).toBe(ip.family);
        const again = parseIp(text);
        // IPv4 within IPv6 is IPv4.
        const mapped = ip.family === 6 && again?.family === 4;
        expect(again).toEqual(mapped ? { family: 4, bytes: ip.bytes.slice(12) } : ip);
        expect(again === null ? null : formatIp(again)).toBe(mapped ? ip.bytes.slice(12).join('.') : text);
        // What browsers write is the same text.
        expect(mapped || ip.family === 4 || new URL(`http://[${text}]/`).hostname === `[${text}]`).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is refused when another program takes it for a near one', () => {
    fc.assert(
      fc.property(anyIp, (ip) => {
        const isNear = near.check(formatIp(ip), ip.family === 4 ? 'ipv4' : 'ipv6');
        const parsed = parseIp(formatIp(ip));
        expect(!isNear || (parsed !== null && refusedRange(parsed) !== null)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is refused within IPv6 wherever it is refused as IPv4', () => {
    fc.assert(
      fc.property(bytes(4), (inner) => {
        const bare = refusedRange({ family: 4, bytes: inner });
        const [a = 0, b = 0, c = 0, d = 0] = inner;
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const within = [`::ffff:${hex}`, `64:ff9b::${hex}`, `2002:${hex}::1`, `::${hex}`, `2606:4700::5efe:${hex}`].map(
          (text) => parseIp(text),
        );
        for (const ip of within) {
          expect(ip !== null && (bare === null || refusedRange(ip) !== null)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a host of anybody', () => {
  it('is an address, a plain name, or nothing, and never an exception', () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.stringMatching(/^[0-9a-fx.:%[\]]{0,40}$/),
      fc.webUrl(),
      fc.domain(),
    );
    fc.assert(
      fc.property(nasty, (text) => {
        const host = parseHost(text);
        const name = host?.kind === 'name' ? host.name : 'none';
        const ip = host?.kind === 'ip' ? host.ip : { family: 4 as const, bytes: [1, 1, 1, 1] };
        expect(isIP(formatIp(ip))).toBe(ip.family);
        expect(name).toMatch(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/);
        expect(parseHost(name)).toEqual({ kind: 'name', name });
        // What a browser takes for an address is never a name here.
        expect(URL.canParse(`http://${name}/`) ? isIP(new URL(`http://${name}/`).hostname) : 0).toBe(0);
      }),
      { numRuns: 1_500 },
    );
  });

  it('gets nowhere near, whatever the policy says but its very address', async () => {
    const own = createManualClock();
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(anyIp.map(formatIp), fc.domain()),
        fc.array(anyIp.map(formatIp), { maxLength: 4 }),
        fc.integer({ min: 1, max: 65_535 }),
        async (host, answers, port) => {
          const destinations = createDestinationCheck({
            clock: own,
            apiPort: () => 1,
            interfaces: () => ({}),
            resolve: () => Promise.resolve(answers),
          });
          const found = await destinations.check(host, port, { mode: 'all', named: [] }).catch(() => null);
          const ip = found === null ? null : parseIp(found.address);
          expect(found === null || (ip !== null && refusedRange(ip) === null)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('a line of a list', () => {
  it.each([
    ['example.org:443', { kind: 'name', name: 'example.org' }, 443, 443],
    ['EXAMPLE.org.:*', { kind: 'name', name: 'example.org' }, 1, 65_535],
    ['*.example.org:80-90', { kind: 'below', name: 'example.org' }, 80, 90],
    ['10.0.0.0/8:631', { kind: 'range', ip: { family: 4, bytes: [10, 0, 0, 0] }, bits: 8 }, 631, 631],
    ['192.168.1.1:80', { kind: 'range', ip: { family: 4, bytes: [192, 168, 1, 1] }, bits: 32 }, 80, 80],
    [
      '[2001:db8::/32]:443',
      { kind: 'range', ip: { family: 6, bytes: [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] }, bits: 32 },
      443,
      443,
    ],
  ])('%s is read', (text, target, from, to) => {
    expect(parseDestinationPattern(text)).toEqual({ target, ports: { from, to } });
  });

  it.each([
    '',
    '*',
    '*:443',
    'example.org',
    'example.org:',
    'example.org:0',
    'example.org:70000',
    'example.org:90-80',
    'example.org:80,90',
    'a*b.org:80',
    '*.*.org:80',
    '10.0.0.0/33:80',
    '10.0.0.0/8/8:80',
    '::1:80',
    '[::1]',
    '[::1]:',
    '[1.2.3.4]:80',
    '[::ffff:1.2.3.4/8]:80',
    '[fe80::1%eth0]:80',
    '0x7f.1:80',
    'http://example.org:80',
    'a@b.org:80',
    `${'a'.repeat(400)}:80`,
  ])('%s is none', (text) => {
    expect(parseDestinationPattern(text)).toBeNull();
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[0-9a-f.:*[\]/-]{0,60}$/)), (text) => {
        const pattern = parseDestinationPattern(text);
        expect(pattern === null || pattern.ports.from <= pattern.ports.to).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
