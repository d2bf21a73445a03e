import type { NetworkInterfaceInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { messageOf } from '../../../../../main/base/index.ts';
import { createDestinationCheck } from '../../../../../main/kernel/proxy/destinations/index.ts';
import type { DestinationPolicy } from '../../../../../main/kernel/proxy/interface.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';

const EVERYTHING: DestinationPolicy = { mode: 'all', named: [] };
const API_PORT = 47_100;

const card = (address: string, cidr: string): NetworkInterfaceInfo =>
  ({
    address,
    cidr,
    netmask: '',
    mac: '',
    internal: false,
    family: address.includes(':') ? 'IPv6' : 'IPv4',
  }) as NetworkInterfaceInfo;
const INTERFACES = {
  lo: [card('127.0.0.1', '127.0.0.1/8'), card('::1', '::1/128')],
  eth0: [
    card('192.168.1.5', '192.168.1.5/24'),
    card('93.184.216.34', '93.184.216.34/28'),
    card('2a02:8071:1234:5600::5', '2a02:8071:1234:5600::5/64'),
  ],
  wg0: [card('100.127.4.4', '100.127.4.4/32'), card('2a0b:1::9', '2a0b:1::9/0')],
};
const NAMES: Record<string, string[]> = {
  'example.org': ['2606:2800:220:1:248:1893:25c8:1946', '151.101.1.6'],
  'old.example.org': ['151.101.1.7'],
  'rebind.example.org': ['151.101.1.6', '127.0.0.1'],
  'router.example.org': ['192.168.1.1'],
  'mapped.example.org': ['::ffff:127.0.0.1'],
  'zone.example.org': ['fe80::1%eth0'],
  'neighbour.example.org': ['2a02:8071:1234:56ff::7'],
  'xn--bcher-kva.example': ['151.101.1.8'],
  'empty.example.org': [],
};

const setUp = (resolve?: (name: string) => Promise<readonly string[]>) => {
  const clock = createManualClock();
  const asked: string[] = [];
  const destinations = createDestinationCheck({
    clock,
    apiPort: () => API_PORT,
    interfaces: () => INTERFACES,
    seenAt: () => ['81.2.69.142'],
    resolve:
      resolve ??
      ((name) => {
        asked.push(name);
        const found = NAMES[name];
        return found === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(found);
      }),
  });
  const ruleOf = async (host: string, port = 443, policy: DestinationPolicy = EVERYTHING): Promise<string> => {
    try {
      const { address } = await destinations.check(host, port, policy);
      return `passes to ${address}`;
    } catch (error) {
      const { code, data } = error as { code: string; data: { rule?: string } };
      return data.rule ?? code;
    }
  };
  return { clock, asked, destinations, ruleOf };
};

describe('where traffic of others may leave to', () => {
  it('is nowhere unless the owner says otherwise', async () => {
    const { ruleOf, asked } = setUp();
    expect(await ruleOf('example.org', 443, { mode: 'none' })).toBe('none');
    expect(await ruleOf('1.1.1.1', 443, { mode: 'none' })).toBe('none');
    expect(asked).toEqual([]);
  });

  it('is the public Internet where the owner lets everything out, at the address that was checked', async () => {
    const { ruleOf, destinations } = setUp();
    expect(await destinations.check('EXAMPLE.org.', 443, EVERYTHING)).toEqual({
      host: 'EXAMPLE.org.',
      address: '2606:2800:220:1:248:1893:25c8:1946',
      family: 6,
      port: 443,
    });
    expect(await ruleOf('1.1.1.1')).toBe('passes to 1.1.1.1');
    expect(await ruleOf('::ffff:1.1.1.1')).toBe('passes to 1.1.1.1');
    expect(await ruleOf('2606:4700:4700:0:0:0:0:1111')).toBe('passes to 2606:4700:4700::1111');
    expect(await ruleOf('64:ff9b::101:101')).toBe('passes to 64:ff9b::101:101');
    expect(await ruleOf('bücher.example')).toBe('passes to 151.101.1.8');
  });

  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.8.9.1', 'loopback'],
    ['127.0.0.1.', 'loopback'],
    ['::1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['::FFFF:192.168.1.1', 'private'],
    ['0:0:0:0:0:ffff:c0a8:101', 'private'],
    ['::127.0.0.1', 'translated'],
    ['::', 'unspecified'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['192.168.1.5', 'ownMachine'],
    ['100.64.0.1', 'private'],
    ['100.127.4.4', 'ownMachine'],
    ['169.254.1.1', 'linkLocal'],
    ['169.254.169.254', 'metadata'],
    ['::ffff:169.254.169.254', 'metadata'],
    ['fd00:ec2::254', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['fe80::1', 'linkLocal'],
    ['fe80::1%eth0', 'malformed'],
    ['fe80::1%25eth0', 'malformed'],
    ['febf::1', 'linkLocal'],
    ['fec0::1', 'private'],
    ['fc00::1', 'private'],
    ['fd5e:1::1', 'private'],
    ['224.0.0.251', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['ff02::fb', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'reserved'],
    ['192.0.2.1', 'documentation'],
    ['198.51.100.1', 'documentation'],
    ['203.0.113.1', 'documentation'],
    ['2001:db8::1', 'documentation'],
    ['3fff::1', 'documentation'],
    ['198.18.0.1', 'reserved'],
    ['192.0.0.1', 'reserved'],
    ['64:ff9b::7f00:1', 'translated'],
    ['64:ff9b::192.168.1.1', 'translated'],
    ['64:ff9b:1::1', 'translated'],
    ['2002:7f00:1::1', 'translated'],
    ['2002:c0a8:101::1', 'translated'],
    ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'translated'],
    ['2001:10::1', 'reserved'],
    ['2606:4700::5efe:127.0.0.1', 'translated'],
    ['2606:4700::200:5efe:c0a8:101', 'translated'],
    ['100::1', 'reserved'],
    ['5f00::1', 'reserved'],
    ['4000::1', 'reserved'],
    ['93.184.216.34', 'ownMachine'],
    ['93.184.216.40', 'ownNetwork'],
    ['81.2.69.142', 'ownNetwork'],
    ['2a02:8071:1234:5600::5', 'ownMachine'],
    ['2a02:8071:1234:5600::6', 'ownNetwork'],
    ['2a02:8071:1234:56ff::1', 'ownNetwork'],
    ['2130706433', 'malformed'],
    ['0x7f000001', 'malformed'],
    ['0x7f.1', 'malformed'],
    ['0177.0.0.1', 'malformed'],
    ['127.1', 'malformed'],
    ['127.0.1', 'malformed'],
    ['1.1.1.1.1', 'malformed'],
    ['01.1.1.1', 'malformed'],
    ['256.1.1.1', 'malformed'],
    ['example.0x7f', 'malformed'],
    ['１２７.０.０.１', 'loopback'],
    ['127。0。0。1', 'loopback'],
    ['⑫7.0.0.1', 'loopback'],
    ['[::1]', 'malformed'],
    ['::1]', 'malformed'],
    ['127.0.0.1:80', 'malformed'],
    ['1.1.1.1@127.0.0.1', 'malformed'],
    ['127.0.0.1/', 'malformed'],
    ['', 'malformed'],
    ['.', 'malformed'],
    ['example..org', 'malformed'],
    ['-example.org', 'malformed'],
    ['*.example.org', 'malformed'],
    ['exa mple.org', 'malformed'],
    ['example.org\0', 'malformed'],
    ['example.org\r\n', 'malformed'],
    ['bü\r\ncher.example', 'malformed'],
    ['ü%31.1.1.1', 'malformed'],
    ['ü@127.0.0.1', 'malformed'],
    [`${'a'.repeat(64)}.org`, 'malformed'],
    [`${'a.'.repeat(200)}org`, 'malformed'],
    ['localhost', 'nearName'],
    ['LOCALHOST.', 'nearName'],
    ['anything.localhost', 'nearName'],
    ['router', 'nearName'],
    ['nas.local', 'nearName'],
    ['fritz.lan', 'nearName'],
    ['metadata.google.internal', 'nearName'],
    ['nas.home.arpa', 'nearName'],
    ['1.0.0.127.in-addr.arpa', 'nearName'],
    ['ⓛocalhost', 'nearName'],
    ['rebind.example.org', 'loopback'],
    ['router.example.org', 'private'],
    ['mapped.example.org', 'loopback'],
    ['zone.example.org', 'linkLocal'],
    ['neighbour.example.org', 'ownNetwork'],
    ['empty.example.org', 'DESTINATION_UNKNOWN'],
    ['nobody.example.org', 'DESTINATION_UNKNOWN'],
  ])('is never %s: %s', async (host, rule) => {
    const { ruleOf } = setUp();
    expect(await ruleOf(host)).toBe(rule);
  });

  it.each([0, -1, 65_536, 1.5, Number.NaN])('is at no port %d', async (port) => {
    const { ruleOf } = setUp();
    expect(await ruleOf('1.1.1.1', port)).toBe('malformed');
  });

  it('asks for a name once and gives what was checked, however often the name moves', async () => {
    const answers = [['151.101.1.6'], ['127.0.0.1']];
    const { destinations } = setUp(() => Promise.resolve(answers.shift() ?? []));
    expect((await destinations.check('moves.example.org', 80, EVERYTHING)).address).toBe('151.101.1.6');
    expect(answers).toEqual([['127.0.0.1']]);
    await expect(destinations.check('moves.example.org', 80, EVERYTHING)).rejects.toMatchObject({
      code: 'DESTINATION_REFUSED',
      data: { rule: 'loopback' },
    });
  });

  it('keeps to a list of names, ranges and ports, and asks for no name that is not on it', async () => {
    const { ruleOf, asked } = setUp();
    const list: DestinationPolicy = {
      mode: 'list',
      allowed: ['example.org:443', '*.example.org:80-90', 'not a pattern'],
    };
    expect(await ruleOf('example.org', 443, list)).toContain('passes');
    expect(await ruleOf('old.example.org', 85, list)).toBe('passes to 151.101.1.7');
    expect(asked).toEqual(['example.org', 'old.example.org']);
    expect(await ruleOf('example.org', 80, list)).toBe('notListed');
    expect(await ruleOf('old.example.org', 443, list)).toBe('notListed');
    expect(await ruleOf('evilexample.org', 80, list)).toBe('notListed');
    expect(await ruleOf('1.1.1.1', 443, list)).toBe('notListed');
    expect(asked).toHaveLength(2);
    // A name on the list leads to nothing near all the same.
    expect(await ruleOf('router.example.org', 80, list)).toBe('private');
    expect(await ruleOf('rebind.example.org', 80, list)).toBe('loopback');
    const ranges: DestinationPolicy = { mode: 'list', allowed: ['151.101.0.0/16:*', '[2606:2800::/32]:443'] };
    expect(await ruleOf('old.example.org', 9, ranges)).toContain('passes');
    expect(await ruleOf('example.org', 443, ranges)).toContain('passes');
    expect(await ruleOf('example.org', 80, ranges)).toBe('notListed');
  });

  it('is private only where the owner named the address, never by a name or in passing', async () => {
    const { ruleOf } = setUp();
    const all = (...named: string[]): DestinationPolicy => ({ mode: 'all', named });
    expect(await ruleOf('192.168.1.20', 631, all('192.168.1.0/24:631'))).toBe('passes to 192.168.1.20');
    expect(await ruleOf('192.168.1.20', 80, all('192.168.1.0/24:631'))).toBe('private');
    expect(await ruleOf('router.example.org', 80, all('router.example.org:80'))).toBe('private');
    expect(await ruleOf('router.example.org', 80, all('192.168.1.1:80'))).toBe('passes to 192.168.1.1');
    // This machine must be meant: a range with it inside is not enough.
    expect(await ruleOf('127.0.0.1', 8080, all('127.0.0.0/8:*'))).toBe('loopback');
    expect(await ruleOf('192.168.1.5', 8080, all('192.168.0.0/16:*'))).toBe('ownMachine');
    expect(await ruleOf('127.0.0.1', 8080, all('127.0.0.1:*'))).toBe('passes to 127.0.0.1');
    // Its own door must be named with its very port.
    expect(await ruleOf('::1', API_PORT, all('[::1]:*'))).toBe('ownApi');
    expect(await ruleOf('127.0.0.1', API_PORT, all('127.0.0.1:1-65535'))).toBe('ownApi');
    expect(await ruleOf('::1', API_PORT, all(`[::1]:${API_PORT}`))).toBe('passes to ::1');
    expect(await ruleOf('192.168.1.5', API_PORT, EVERYTHING)).toBe('ownApi');
  });

  it('waits for no resolver longer than 10 s, and asks it no more than 64 names at once', async () => {
    const { clock, ruleOf } = setUp(() => new Promise(() => undefined));
    const first = Array.from({ length: 64 }, (_, index) => ruleOf(`a${index}.example.org`));
    await clock.advance(0);
    expect(await ruleOf('late.example.org')).toBe('busy');
    await clock.advance(10_000);
    expect(new Set(await Promise.all(first))).toEqual(new Set(['DESTINATION_UNKNOWN']));
    // The resolver still has them.
    expect(await ruleOf('late.example.org')).toBe('busy');
    expect(clock.pendingCount).toBe(0);
  });

  it('ends when whoever asks has gone', async () => {
    const { destinations, clock } = setUp(() => new Promise(() => undefined));
    const gone = new AbortController();
    const asked = destinations
      .check('slow.example.org', 80, EVERYTHING, { signal: gone.signal })
      .then(() => 'passed', messageOf);
    await clock.advance(10);
    gone.abort(new Error('gone'));
    expect(await asked).toBe('gone');
    expect(clock.pendingCount).toBe(0);
  });

  it('refuses a name with more addresses than are looked at', async () => {
    const { ruleOf } = setUp(() => Promise.resolve(Array.from({ length: 65 }, (_, index) => `1.1.1.${index}`)));
    expect(await ruleOf('many.example.org')).toBe('tooMany');
  });
});
