import type { NetworkInterfaceInfo } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { createMdns, type Mdns } from '../../../../../main/transport/stoq/discovery/mdns/create-mdns.ts';
import {
  isFromLink,
  linksOf,
  type LinkHandlers,
  type LinkSpec,
  type OpenLink,
} from '../../../../../main/transport/stoq/discovery/mdns/open-link.ts';
import {
  addressesForLink,
  hiddenPacket,
  isOurQuery,
  openPacket,
  queryPacket,
  readPacket,
  type MdnsPacket,
} from '../../../../../main/transport/stoq/discovery/mdns/packets.ts';
import { membershipOf } from '../../../../../main/transport/stoq/discovery/membership.ts';
import type { NetworkMembership } from '../../../../../main/transport/stoq/handshake/interface.ts';
import type { Address, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';
import { createTestNetwork, netnsMissing } from '../../../../support/netns.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { fakeLocal } from '../../../../support/stoq/fake-endpoints.ts';

const HOUR_MS = 3_600_000;
const ip6 = (address: string, scopeid = 2): NetworkInterfaceInfo => ({
  address,
  family: 'IPv6',
  internal: false,
  cidr: `${address}/64`,
  netmask: '',
  mac: '',
  scopeid,
});
const ip4 = (address: string, bits = 24): NetworkInterfaceInfo => ({
  address,
  family: 'IPv4',
  internal: false,
  cidr: `${address}/${bits}`,
  netmask: '',
  mac: '',
});
const HOME = { eth0: [ip6('fe80::1'), ip6('2a0b:1::1'), ip4('192.168.1.10')] };

/** A link that all nodes of a test share; what is sent is heard by all, the sender too, as real multicast is. */
const createAir = () => {
  const ears = new Set<{ spec: LinkSpec; handlers: LinkHandlers }>();
  const sent: { spec: LinkSpec; packet: MdnsPacket }[] = [];
  const open: OpenLink = (spec, _port, handlers) => {
    const ear = { spec, handlers };
    ears.add(ear);
    return {
      send: (packet) => {
        sent.push({ spec, packet });
        for (const { spec: other, handlers: hears } of ears)
          if (other.family === spec.family && other.name === spec.name && hears.admit()) hears.onPacket(packet);
      },
      close: async () => {
        ears.delete(ear);
      },
    };
  };
  return { open, sent, ears };
};

const running: Mdns[] = [];
afterEach(async () => {
  for (const mdns of running.splice(0)) await mdns.stop();
});
const createNode = async (
  air: ReturnType<typeof createAir>,
  clock: ManualClock,
  seed: string,
  options: {
    memberships?: NetworkMembership[];
    open?: boolean;
    interfaces?: () => Record<string, NetworkInterfaceInfo[]>;
    addresses?: string[];
  } = {},
) => {
  const found: { peer: PeerId; addresses: readonly Address[] }[] = [];
  const { peerId } = fakeLocal(seed);
  const mdns = createMdns({
    outside: { clock, random: createSeededRandom(seed.length * 31 + seed.charCodeAt(0)) },
    logger: createSilentLogger(),
    metrics: null,
    peer: peerId,
    addresses: () => (options.addresses ?? [`/ip6/2a0b:1::${seed.charCodeAt(0)}/udp/4001/quic-v1`]) as Address[],
    memberships: () => options.memberships ?? [],
    open: () => options.open ?? true,
    interfaces: options.interfaces ?? (() => HOME),
    openLink: air.open,
  });
  mdns.on('found', (one) => found.push(one));
  running.push(mdns);
  await mdns.start();
  return { mdns, found, peerId };
};

describe('nodes on one link', () => {
  it('hear of each other within a second, and again only when something changed or a minute went by', async () => {
    const air = createAir();
    const clock = createManualClock();
    const a = await createNode(air, clock, 'a');
    await clock.advance(500);
    const b = await createNode(air, clock, 'b');
    await clock.advance(1000);
    expect(a.found).toEqual([{ peer: b.peerId, addresses: ['/ip6/2a0b:1::98/udp/4001/quic-v1'] }]);
    expect(b.found).toEqual([{ peer: a.peerId, addresses: ['/ip6/2a0b:1::97/udp/4001/quic-v1'] }]);
    await clock.advance(40_000);
    expect(a.found).toHaveLength(1);
    b.mdns.look();
    await clock.advance(2000);
    expect(b.found).toHaveLength(2);
  });

  it('say little: no more than an answer a second, however many ask', async () => {
    const air = createAir();
    const clock = createManualClock();
    await createNode(air, clock, 'a');
    await clock.advance(10_000);
    const before = air.sent.length;
    for (let n = 0; n < 1000; n++) {
      for (const { handlers } of air.ears) if (handlers.admit()) handlers.onPacket(queryPacket());
      await clock.advance(10);
    }
    const answers = air.sent.slice(before).filter(({ packet }) => packet.type === 'response');
    expect(answers.length).toBeLessThanOrEqual(2 * 11);
  });

  it('take so many packets a second and no more, and tell of so many peers', async () => {
    const air = createAir();
    const clock = createManualClock();
    const a = await createNode(air, clock, 'a');
    const [ear] = air.ears;
    let taken = 0;
    for (let n = 0; n < 5000; n++) {
      if (ear?.handlers.admit() !== true) continue;
      taken += 1;
      const peer = fakeLocal(`flood ${n}`).peerId;
      ear.handlers.onPacket(openPacket('x', { peer, addresses: ['/ip4/192.168.1.9/tcp/1/tls' as Address] }));
    }
    expect(taken).toBe(200);
    for (let second = 0; second < 5; second++) {
      await clock.advance(1000);
      for (let n = 0; n < 200; n++) {
        const peer = fakeLocal(`flood ${second} ${n}`).peerId;
        ear?.handlers.onPacket(openPacket('x', { peer, addresses: ['/ip4/192.168.1.9/tcp/1/tls' as Address] }));
      }
    }
    expect(a.found).toHaveLength(256);
  });

  it('follow interfaces that come, go and get other addresses', async () => {
    const air = createAir();
    const clock = createManualClock();
    let interfaces: Record<string, NetworkInterfaceInfo[]> = {};
    const a = await createNode(air, clock, 'a', { interfaces: () => interfaces });
    expect(a.mdns.links()).toEqual([]);
    const b = await createNode(air, clock, 'b');
    await clock.advance(5000);
    interfaces = HOME;
    await clock.advance(3000);
    expect(a.mdns.links()).toEqual(['eth0 ip6', 'eth0 ip4']);
    expect(a.found.map(({ peer }) => peer)).toEqual([b.peerId]);
    interfaces = { eth0: [ip4('10.0.0.5')] };
    await clock.advance(3000);
    expect(a.mdns.links()).toEqual(['eth0 ip4']);
    interfaces = {};
    await clock.advance(3000);
    expect(a.mdns.links()).toEqual([]);
    await a.mdns.stop();
    await b.mdns.stop();
    expect(clock.pendingCount).toBe(0);
  });

  it('open a link again that broke', async () => {
    const air = createAir();
    const clock = createManualClock();
    const a = await createNode(air, clock, 'a', { interfaces: () => ({ eth0: [ip4('10.0.0.5')] }) });
    const [ear] = air.ears;
    ear?.handlers.onProblem('ENETDOWN');
    await clock.advance(2100);
    expect(air.ears.has(ear as never)).toBe(false);
    expect(a.mdns.links()).toEqual(['eth0 ip4']);
  });
});

describe('nodes of private networks', () => {
  const membership = membershipOf('family', new Uint8Array(32).fill(1));
  const other = membershipOf('others', new Uint8Array(32).fill(2));

  it('hear of members, and of nobody else; others hear of nobody', async () => {
    const air = createAir();
    const clock = createManualClock();
    const a = await createNode(air, clock, 'a', { memberships: [membership], open: false });
    const b = await createNode(air, clock, 'b', { memberships: [other, membership], open: false });
    const stranger = await createNode(air, clock, 'c', { memberships: [other], open: false });
    const everybody = await createNode(air, clock, 'd');
    await clock.advance(5000);
    const peersOf = (node: typeof a) => node.found.map(({ peer }) => peer).toSorted();
    expect(peersOf(a)).toEqual([b.peerId, everybody.peerId].toSorted());
    expect(peersOf(b)).toEqual([a.peerId, stranger.peerId, everybody.peerId].toSorted());
    expect(peersOf(stranger)).toEqual([b.peerId, everybody.peerId].toSorted());
    expect(everybody.found).toEqual([]);
  });

  it('say nothing that is the same twice, and nothing of who or where they are', async () => {
    const air = createAir();
    const clock = createManualClock();
    const a = await createNode(air, clock, 'a', { memberships: [membership], open: false });
    await clock.advance(3 * HOUR_MS);
    for (const { handlers } of air.ears) handlers.onPacket(queryPacket());
    await clock.advance(3000);
    const packets = air.sent.filter(({ packet }) => packet.type === 'response').map(({ packet }) => packet);
    const strings = packets.map((packet) =>
      (packet.additionals ?? []).map(({ name, data }) => [
        name,
        ...(data as Buffer[]).map((text) => text.toString('latin1')),
      ]),
    );
    expect(packets.length).toBeGreaterThanOrEqual(4);
    expect(new Set(strings.map((one) => one[0]?.[0])).size).toBe(packets.length);
    expect(new Set(strings.map((one) => one[0]?.[2])).size).toBe(packets.length);
    const said = JSON.stringify(strings);
    expect(said).not.toContain(a.peerId);
    expect(said).not.toContain('2a0b');
    expect(said).not.toContain('family');
  });

  it('understand each other with clocks that are two hours apart, and no replay of yesterday', () => {
    const random = createSeededRandom(1);
    const nowMs = Date.UTC(2026, 0, 5, 12);
    const hint = { peer: fakeLocal('a').peerId, addresses: ['/ip6/2a0b:1::1/udp/1/quic-v1' as Address] };
    const packet = hiddenPacket(membership, hint, { random, nowMs });
    const read = (offsetMs: number) =>
      readPacket(packet, { memberships: [membership], nowMs: nowMs + offsetMs, zone: 'eth0' });
    expect(read(2 * HOUR_MS)).toEqual([hint]);
    expect(read(-2 * HOUR_MS)).toEqual([hint]);
    expect(read(24 * HOUR_MS)).toEqual([]);
    expect(readPacket(packet, { memberships: [other], nowMs, zone: 'eth0' })).toEqual([]);
  });
});

describe('packets and links', () => {
  const peer = fakeLocal('a').peerId;

  it('carry link-local addresses without the zone of the sender, and give them that of the receiver', () => {
    const mine = [
      '/ip6zone/eth0/ip6/fe80::5/udp/1/quic-v1',
      '/ip6zone/wlan0/ip6/fe80::6/udp/1/quic-v1',
      '/ip6/::1/udp/1/quic-v1',
    ];
    const addresses = addressesForLink(mine as Address[], 'eth0');
    expect(addresses).toEqual(['/ip6/fe80::5/udp/1/quic-v1']);
    const packet = openPacket('x', { peer, addresses });
    expect(readPacket(packet, { memberships: [], nowMs: 0, zone: 'en7' })).toEqual([
      { peer, addresses: ['/ip6zone/en7/ip6/fe80::5/udp/1/quic-v1'] },
    ]);
    expect(readPacket(packet, { memberships: [], nowMs: 0, zone: null })).toEqual([]);
  });

  it('know questions for us from others', () => {
    expect(isOurQuery(queryPacket())).toBe(true);
    expect(isOurQuery({ type: 'query', questions: [{ name: '_ipp._tcp.local', type: 'PTR' }] })).toBe(false);
    expect(isOurQuery({ type: 'query', questions: 7 })).toBe(false);
    expect(isOurQuery(null)).toBe(false);
  });

  it('take records of one peer only, and leave out what leads nowhere', () => {
    const stranger = fakeLocal('b').peerId;
    const packet = openPacket('x', { peer, addresses: ['/ip4/192.168.1.2/tcp/7/tls' as Address] });
    const texts = packet.additionals?.[0]?.data as Buffer[];
    texts.push(
      Buffer.from(`dnsaddr=/ip4/192.168.1.3/tcp/7/tls/p2p/${stranger}`),
      Buffer.from(`dnsaddr=/ip4/127.0.0.1/tcp/7/tls/p2p/${peer}`),
      Buffer.from(`dnsaddr=/ip4/224.0.0.1/tcp/7/tls/p2p/${peer}`),
      Buffer.from('dnsaddr=rubbish'),
      Buffer.from([255, 254]),
    );
    expect(readPacket(packet, { memberships: [], nowMs: 0, zone: null })).toEqual([
      { peer, addresses: ['/ip4/192.168.1.2/tcp/7/tls'] },
    ]);
  });

  it('are asked where there is IPv6, and over IPv4 where that is all there is', () => {
    const links = linksOf({
      lo: [{ ...ip4('127.0.0.1'), internal: true }],
      both: HOME.eth0,
      old: [ip4('10.1.2.3', 8)],
    });
    expect(links.map(({ name, family, asks }) => [name, family, asks])).toEqual([
      ['both', 'ip6', true],
      ['both', 'ip4', false],
      ['old', 'ip4', true],
    ]);
  });

  it('are heard from the link only', () => {
    const [six, four] = linksOf(HOME) as [LinkSpec, LinkSpec];
    const [fromSix, fromFour] = [isFromLink(six), isFromLink(four)];
    expect(fromSix('fe80::77%eth0')).toBe(true);
    expect(fromSix('fe80::77%wlan0')).toBe(false);
    expect(fromSix('2a0b:1::77')).toBe(true);
    expect(fromSix('2a0b:2::77')).toBe(false);
    expect(fromFour('192.168.1.99')).toBe(true);
    expect(fromFour('192.168.2.99')).toBe(false);
    expect(fromFour('8.8.8.8')).toBe(false);
  });
});

describe.skipIf(netnsMissing !== null)(`hosts of one LAN (${netnsMissing ?? 'real'})`, () => {
  // Real time: a machine that does much else may miss it once.
  it('find each other in less than three seconds, over IPv6 and over IPv4 alone, hidden or not', {
    retry: 2,
  }, async () => {
    const network = createTestNetwork();
    try {
      network.router('r', { kind: 'cone' });
      network.host('a', { behind: 'r' });
      network.host('b', { behind: 'r' });
      network.host('old', { behind: 'r', families: [4] });
      network.run('old', '/bin/sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/eth/disable_ipv6']);
      const entry = new URL('../../../../support/children/find-on-link.ts', import.meta.url).pathname;
      const PORT = '15353';
      const start = (host: string, seed: string, group: string, address: string) =>
        network.start(host, entry, [seed, PORT, group, address]);
      const told = async (
        child: ReturnType<typeof start>,
        seed: string,
      ): Promise<{ addresses: string[]; afterMs: number }> => {
        for (;;) {
          const line = JSON.parse(await child.nextLine(30_000)) as {
            peer?: string;
            addresses: string[];
            afterMs: number;
          };
          if (line.peer === fakeLocal(seed).peerId) return line;
        }
      };
      const a = start('a', 'a', '', '/ip6/2a0b:1:1::2/udp/4001/quic-v1');
      const hiddenA = start('a', 'hidden a', 'family', '/ip6/2a0b:1:1::2/udp/4002/quic-v1');
      await a.nextLine(30_000);
      await hiddenA.nextLine(30_000);
      const b = start('b', 'b', '', '/ip6/2a0b:1:1::3/udp/4001/quic-v1');
      const hiddenB = start('b', 'hidden b', 'family', '/ip6/2a0b:1:1::3/udp/4002/quic-v1');
      const byB = await told(b, 'a');
      expect(byB.addresses).toEqual(['/ip6/2a0b:1:1::2/udp/4001/quic-v1']);
      expect(byB.afterMs).toBeLessThan(3000);
      expect((await told(hiddenB, 'hidden a')).afterMs).toBeLessThan(3000);
      await told(a, 'b');
      const old = start('old', 'old', '', '/ip4/10.0.0.4/udp/4001/quic-v1');
      expect((await told(old, 'a')).afterMs).toBeLessThan(3000);
    } finally {
      await network.close();
    }
  });
});
