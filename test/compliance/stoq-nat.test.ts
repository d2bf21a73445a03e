import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestNetwork, miniupnpdMissing, netnsMissing, type TestNetwork } from '../support/netns.ts';
import { createWorld, type World, type WorldNode } from '../support/stoq/nat-world.ts';

// Real processes in real network name spaces behind real NATs of nftables; a real miniupnpd at the routers that map ports.

describe.skipIf(netnsMissing !== null)(`nodes behind NATs and firewalls (${netnsMissing ?? 'in name spaces'})`, () => {
  let world: World;
  let nodes: Record<'r1' | 'r2' | 'a' | 'b' | 'symmetric' | 'fullCone' | 'v6a' | 'v6b' | 'noUdp', WorldNode>;

  beforeAll(async () => {
    world = createWorld();
    const { network } = world;
    network.host('r1');
    network.host('r2');
    network.router('ra', { kind: 'cone', families: [4] });
    network.router('rb', { kind: 'cone', families: [4] });
    network.router('rs', { kind: 'symmetric', families: [4] });
    network.router('rf', { kind: 'full-cone', families: [4] });
    network.router('r6a', { kind: 'open', families: [6] });
    network.router('r6b', { kind: 'open', families: [6] });
    network.router('rn', { kind: 'cone', families: [4] });
    network.host('a', { behind: 'ra' });
    network.host('b', { behind: 'rb' });
    network.host('s', { behind: 'rs' });
    network.host('f', { behind: 'rf' });
    network.host('va', { behind: 'r6a' });
    network.host('vb', { behind: 'r6b' });
    // Of the same home as va: it comes in without passing the router, which says nothing about the others.
    network.host('vn', { behind: 'r6a' });
    network.host('n', { behind: 'rn' });
    network.block('rn', 'udp');
    const [r1, r2, a, b, symmetric, fullCone, v6a, v6b, noUdp, neighbour] = (await world.nodes(
      { host: 'r1', role: 'relay' },
      { host: 'r2', role: 'relay' },
      ...['a', 'b', 's', 'f', 'va', 'vb', 'n', 'vn'].map((host) => ({ host })),
    )) as [
      WorldNode,
      WorldNode,
      WorldNode,
      WorldNode,
      WorldNode,
      WorldNode,
      WorldNode,
      WorldNode,
      WorldNode,
      WorldNode,
    ];
    nodes = { r1, r2, a, b, symmetric, fullCone, v6a, v6b, noUdp };
    await r2.connect(r1);
    await neighbour.connect(v6a);
    // Everyone knows both public nodes, which observe, witness and relay.
    await Promise.all(
      [a, b, symmetric, fullCone, v6a, v6b, noUdp].map(async (node) => {
        await node.connect(r1);
        await node.connect(r2);
      }),
    );
  }, 300_000);
  afterAll(() => world.close());

  it('says what stands between each node and the others, and how others reach it', async () => {
    const { r1, a, symmetric, fullCone, v6a, noUdp } = nodes;
    const expected = [
      [r1, 'none', 'yes'],
      [a, 'cone', 'relay'],
      [symmetric, 'symmetric', 'relay'],
      // Everything that comes to the router's UDP ports is forwarded to this one.
      [fullCone, 'cone', 'yes'],
      [v6a, 'firewall', 'relay'],
      [noUdp, 'blocked', 'relay'],
    ] as const;
    const kinds = await Promise.all(
      expected.map(async ([node, kind, how]) => {
        const state = await node.stateWhen(({ nat, reachable }) => nat === kind && reachable === how, 40_000);
        return [node.name, state.nat, state.reachable, state.sentence];
      }),
    );
    expect(kinds).toEqual([
      ['r1', 'none', 'yes', 'Nothing stands between this node and the others: others reach it directly.'],
      [
        'a',
        'cone',
        'relay',
        'A router that can be passed stands between this node and the others: others reach it through a relay.',
      ],
      [
        's',
        'symmetric',
        'relay',
        'A router that gives every connection another port stands between this node and the others: others reach it through a relay.',
      ],
      [
        'f',
        'cone',
        'yes',
        'A router that can be passed stands between this node and the others: others reach it directly.',
      ],
      [
        'va',
        'firewall',
        'relay',
        'A firewall that lets nothing in unasked stands between this node and the others: others reach it through a relay.',
      ],
      ['n', 'blocked', 'relay', 'The network lets no UDP through: others reach it through a relay.'],
    ]);
    const { advice, relays } = await a.state();
    expect(relays).toHaveLength(2);
    expect(advice[0]).toContain('port');
    expect((await r1.ask<{ lies: number }>('received')).lies).toBe(0);
  });

  /** Connects through a relay and waits for what becomes of it. */
  const meet = async (from: WorldNode, to: WorldNode, tier: string, timeoutMs?: number): Promise<void> => {
    await to.stateWhen(({ reachable }) => reachable !== 'unknown', 30_000);
    const first = await from.connectAnnounced(to);
    expect(['relay', 'punched']).toContain(first.tier);
    expect(await from.tierWhen(to, tier, timeoutMs)).toBe(tier);
    const [there, back] = [await from.send(to, 1_000_000), await to.send(from, 1_000_000)];
    expect([there.right, back.right, there.tier]).toEqual([true, true, tier]);
  };

  it('punches through two NATs over IPv4, and datagrams take the side sockets of both', async () => {
    const { a, b } = nodes;
    await meet(a, b, 'punched');
    await a.ask(`datagrams ${b.peer} 20`);
    expect((await b.ask<{ datagrams: number }>('received')).datagrams).toBeGreaterThanOrEqual(15);
  });

  it('punches through two firewalls of IPv6 without any IPv4', async () => {
    const { v6a, v6b } = nodes;
    await meet(v6a, v6b, 'punched');
  });

  it('stays on the relay, whole and right, where both NATs allow no direct way', async () => {
    const { a, symmetric } = nodes;
    await meet(a, symmetric, 'relay', 1_000);
    // It was tried.
    const checksSent = async (): Promise<number> =>
      (await symmetric.ask<{ counts: { checksSent: number } }>('received')).counts.checksSent;
    await expect.poll(checksSent, { timeout: 15_000 }).toBeGreaterThan(10);
    expect(await a.tierTo(symmetric)).toBe('relay');
  });

  it('stays on the relay where UDP between both is dropped', async () => {
    const { b, noUdp } = nodes;
    await meet(b, noUdp, 'relay', 1_000);
  });

  /** Sends until it came whole: paths that break take their streams with them, and say so. */
  const sendWhole = async (from: WorldNode, to: WorldNode): Promise<boolean> => {
    const deadlineMs = performance.now() + 40_000;
    while (performance.now() < deadlineMs) {
      try {
        return (await from.send(to, 100_000)).right;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 250));
        await from.connectAnnounced(to).catch(() => undefined);
      }
    }
    return false;
  };

  it('comes back through another hole when an end moves to another address', async () => {
    const { a, b } = nodes;
    expect(await a.tierTo(b)).toBe('punched');
    world.network.move('a');
    await a.ask('wake');
    expect(await sendWhole(b, a)).toBe(true);
    // Filters of both routers know the old addresses: the relay leads to a new hole.
    expect(await b.tierWhen(a, 'punched', 40_000)).toBe('punched');
  }, 120_000);

  it('finds another relay when the one in the middle is killed', async () => {
    const { a, symmetric, r1, r2 } = nodes;
    await symmetric.stateWhen(({ relays }) => relays.length === 2, 20_000);
    const { paths } = await a.ask<{ paths: { remoteAddress: string }[] }>(`paths ${symmetric.peer}`);
    const used = paths.some(({ remoteAddress }) => remoteAddress.includes(r1.peer)) ? r1 : r2;
    await used.child.kill();
    expect(await sendWhole(a, symmetric)).toBe(true);
    const other = used === r1 ? r2 : r1;
    const now = await a.ask<{ paths: { remoteAddress: string }[] }>(`paths ${symmetric.peer}`);
    expect(now.paths.some(({ remoteAddress }) => remoteAddress.includes(other.peer))).toBe(true);
  }, 120_000);
});

describe.skipIf(miniupnpdMissing !== null)(`ports of a real router (${miniupnpdMissing ?? 'miniupnpd'})`, () => {
  let network: TestNetwork;
  const entry = join(import.meta.dirname, '../support/children/map-ports.ts');
  interface Said {
    mappings: { protocol: string; externalHost: string; externalPort: number; internalPort: number; by: string }[];
  }
  beforeAll(async () => {
    network = createTestNetwork();
    for (const [name, version2] of [
      ['one', false],
      ['two', true],
    ] as const) {
      network.router(`router-${name}`, { kind: 'cone', miniupnpd: { upnp: true, pmp: true, version2 } });
      network.host(name, { behind: `router-${name}` });
      await network.restartMiniupnpd(`router-${name}`);
    }
  });
  afterAll(() => network.close());

  const rules = (router: string): string =>
    network.run(router, '/usr/sbin/nft', ['list', 'chain', 'inet', 'nat', 'prerouting_miniupnpd']);
  const start = (host: string, protocols: string) => {
    const child = network.start(host, entry, [protocols, 'udp:7000', 'tcp:7001']);
    return async (command: string): Promise<Said> => {
      child.write(command);
      return JSON.parse(await child.nextLine(60_000)) as Said;
    };
  };
  for (const [host, protocol] of [
    ['one', 'upnp'],
    ['two', 'upnp'],
    ['one', 'nat-pmp'],
    ['two', 'pcp'],
  ] as const)
    it(`opens ports over ${protocol} at router ${host}, again after it restarted, and closes them at the end`, async () => {
      const router = `router-${host}`;
      const ask = start(host, protocol);
      const { mappings } = await ask('check');
      const outer = host === 'one' ? '11.1.0.1' : '11.2.0.1';
      const ip4 = mappings.filter(({ externalHost }) => !externalHost.includes(':'));
      expect(ip4).toMatchObject([
        { protocol: 'udp', externalHost: outer, externalPort: 7000, internalPort: 7000, by: protocol },
        { protocol: 'tcp', externalHost: outer, externalPort: 7001, internalPort: 7001, by: protocol },
      ]);
      // PCP alone opens firewalls of IPv6.
      expect(mappings.length).toBe(protocol === 'pcp' ? 4 : 2);
      expect(rules(router)).toContain('dport 7000');
      await network.restartMiniupnpd(router);
      expect(rules(router)).not.toContain('dport 7000');
      expect((await ask('check')).mappings.length).toBe(mappings.length);
      expect(rules(router)).toContain('dport 7000');
      await ask('stop');
      expect(rules(router)).not.toContain('dport');
    });
  it('takes what works where the router does not speak the better one', async () => {
    const ask = start('one', 'pcp,nat-pmp,upnp');
    const { mappings } = await ask('check');
    expect(mappings[0]!.by).toBe('pcp');
    await ask('stop');
  });
});
