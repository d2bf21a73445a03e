import { describe, expect, it } from 'vitest';
import { readRoutes4, readRoutes6 } from '../../../../../main/transport/stoq/reach/gateway.ts';
import type { NatKind, Reachable } from '../../../../../main/transport/stoq/reach/interface.ts';
import { natKindOf, reachAdvice, reachSentence } from '../../../../../main/transport/stoq/reach/nat-kind.ts';

const one = { host: '192.0.2.1', port: 1 };
const two = { host: '192.0.2.2', port: 2 };
const self = { localHosts: ['198.51.100.1', '2001:db8::1'], localPort: 7000 };
const seen = (host: string, port: number) => ({ host, port });

describe('kind of NAT', () => {
  it.each([
    ['nothing between', [seen('198.51.100.1', 7000), seen('198.51.100.1', 7000)], true, 'none'],
    ['a firewall', [seen('198.51.100.1', 7000), seen('198.51.100.1', 7000)], false, 'firewall'],
    ['not tried yet', [seen('198.51.100.1', 7000), seen('198.51.100.1', 7000)], null, 'unknown'],
    ['one mapping for all', [seen('203.0.113.7', 9), seen('203.0.113.7', 9)], false, 'cone'],
    ['one mapping for each', [seen('203.0.113.7', 9), seen('203.0.113.7', 10)], false, 'symmetric'],
    ['one address for each', [seen('203.0.113.7', 9), seen('203.0.113.8', 9)], false, 'symmetric'],
    ['one observer alone', [seen('203.0.113.7', 9), null], false, 'unknown'],
    ['nobody answers', [null, null], null, 'blocked'],
  ] as const)('%s', (_name, [first, second], letIn, kind) => {
    const observations = [
      { observer: one, seen: first },
      { observer: two, seen: second },
    ];
    expect(natKindOf({ ...self, observations, letIn })).toBe(kind);
  });
  it('is not known without observers, and two at one host are one', () => {
    expect(natKindOf({ ...self, observations: [], letIn: null })).toBe('unknown');
    const observations = [one, { ...one, port: 9 }].map((observer) => ({ observer, seen: seen('203.0.113.7', 9) }));
    expect(natKindOf({ ...self, observations, letIn: false })).toBe('unknown');
    expect(natKindOf({ ...self, observations: [{ observer: one, seen: null }], letIn: null })).toBe('unknown');
  });
});

describe('what people are told', () => {
  const facts = { mappedHosts: [], mapsPorts: true, hasIp6: true, relays: 0 };
  it('is one sentence for every state', () => {
    const kinds: NatKind[] = ['none', 'cone', 'symmetric', 'firewall', 'blocked', 'unknown'];
    const states: Reachable[] = ['yes', 'relay', 'no', 'unknown'];
    const sentences = kinds.flatMap((nat) => states.map((reachable) => reachSentence({ ...facts, nat, reachable })));
    expect(new Set(sentences).size).toBe(24);
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z][^.]+\.$/);
    expect(reachSentence({ ...facts, nat: 'cone', reachable: 'yes', mappedHosts: ['203.0.113.7'] })).toBe(
      'The router opened a port for this node: others reach it directly.',
    );
  });
  it('is advised what would help, and nothing where nothing is wrong', () => {
    expect(reachAdvice({ ...facts, nat: 'none', reachable: 'yes' })).toEqual([]);
    expect(reachAdvice({ ...facts, nat: 'cone', reachable: 'relay' })[0]).toContain('UPnP');
    expect(reachAdvice({ ...facts, nat: 'cone', reachable: 'relay', mapsPorts: false })[0]).toContain('settings');
    expect(reachAdvice({ ...facts, nat: 'cone', reachable: 'relay', mappedHosts: ['100.64.0.1'] })[0]).toContain(
      'shares',
    );
    expect(reachAdvice({ ...facts, nat: 'blocked', reachable: 'no', hasIp6: false })).toHaveLength(3);
    expect(reachAdvice({ ...facts, nat: 'firewall', reachable: 'relay', relays: 1 })).toEqual([
      'Let the port of this node in at the firewall of this machine or network.',
    ]);
  });
});

describe('the way to the router', () => {
  const header = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
  it('is the default route with the least metric', () => {
    const table = `${header}wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\neth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\neth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`;
    expect(readRoutes4(table)).toBe('192.168.1.1');
    expect(readRoutes4(header)).toBeNull();
    expect(readRoutes4('')).toBeNull();
  });
  it('names the interface of a link-local router', () => {
    const zero = '0'.repeat(32);
    const line = `${zero} 00 ${zero} 00 fe800000000000000000000000000001 00000064 00000003 00000000 00000003 eth0\n`;
    expect(readRoutes6(`${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200 lo\n${line}`)).toBe(
      'fe80::1%eth0',
    );
    expect(readRoutes6('')).toBeNull();
  });
});
