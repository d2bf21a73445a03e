import { afterEach, describe, expect, it } from 'vitest';
import type { Startable } from '../../../../../main/base/index.ts';
import { request, respond } from '../../../../../main/transport/stoq/connection/messages.ts';
import { createBootstrap } from '../../../../../main/transport/stoq/discovery/create-bootstrap.ts';
import {
  createInvites,
  type InvitesComponents,
  type InviteStore,
} from '../../../../../main/transport/stoq/discovery/create-invites.ts';
import { createRendezvous, epochsAt } from '../../../../../main/transport/stoq/discovery/create-rendezvous.ts';
import {
  createSeeds,
  decodeSeedsAnswer,
  encodeSeedsAnswer,
  encodeSeedsRequest,
  SEEDS_PROTOCOL,
} from '../../../../../main/transport/stoq/discovery/create-seeds.ts';
import { createDht, type DhtNode } from '../../../../../main/transport/stoq/discovery/dht/create-dht.ts';
import { createPeerIds, topicKey } from '../../../../../main/transport/stoq/discovery/dht/key.ts';
import { decodeLookupAnswer, encodeRequest } from '../../../../../main/transport/stoq/discovery/dht/messages.ts';
import type { Found } from '../../../../../main/transport/stoq/discovery/interface.ts';
import { encodeInvite, parseInvite } from '../../../../../main/transport/stoq/discovery/invite.ts';
import {
  membershipOf,
  PUBLIC_NETWORK,
  rendezvousTopic,
} from '../../../../../main/transport/stoq/discovery/membership.ts';
import { createPeerRecords, encodePeerRecord } from '../../../../../main/transport/stoq/discovery/peer-record.ts';
import { openHint } from '../../../../../main/transport/stoq/discovery/sealed-hint.ts';
import type { NetworkMembership } from '../../../../../main/transport/stoq/handshake/interface.ts';
import { StreamError } from '../../../../../main/transport/stoq/errors.ts';
import type { Address, LocalPeer, NetworkId, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import type { PeerBook } from '../../../../../main/transport/stoq/standing/interface.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createFakeNetwork, createFakeVerifier, type FakeEndpoint } from '../../../../support/stoq/fake-endpoints.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const running: Startable[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});
const createWorld = () => {
  const clock = createManualClock();
  const fake = createFakeNetwork({ clock });
  const verifier = createFakeVerifier();
  let seeds = 0;
  return {
    clock,
    fake,
    parts: (endpoint: FakeEndpoint) => {
      const outside = { clock, random: createSeededRandom((seeds += 1)) };
      return {
        outside,
        logger: createSilentLogger(),
        metrics: null,
        endpoint,
        records: createPeerRecords({
          outside,
          local: endpoint.local,
          verifier,
          addresses: () => endpoint.addresses(),
        }),
      };
    },
  };
};
type World = ReturnType<typeof createWorld>;
const done = async <T>(clock: ManualClock, work: Promise<T>, stepMs = 0): Promise<T> => {
  let over = false;
  const settled = work.finally(() => {
    over = true;
  });
  settled.catch(() => undefined);
  for (let step = 0; step < 2000 && !over; step++) await clock.advance(stepMs);
  return settled;
};
const start = async <T extends Startable>(one: T): Promise<T> => {
  running.push(one);
  await one.start();
  return one;
};

interface Offence {
  peer: PeerId;
  offence: string;
}
const createBook = () => {
  const offences: Offence[] = [];
  const names = new Map<PeerId, string>();
  const trusted = new Set<PeerId>();
  const learned: { peer: PeerId; addresses: readonly Address[] }[] = [];
  const confirmed = new Map<PeerId, Address>();
  const book: Pick<PeerBook, 'offend' | 'get' | 'learn' | 'setName' | 'setTrusted'> = {
    offend: (peer, offence) => offences.push({ peer, offence }),
    get: (peer) => {
      const address = confirmed.get(peer);
      return address === undefined
        ? null
        : ({ addresses: [{ address, source: 'seed', confirmedAtMs: 1, addedAtMs: 1 }] } as never);
    },
    learn: (peer, addresses) => {
      learned.push({ peer, addresses });
      return true;
    },
    setName: (peer, name) => names.set(peer, name),
    setTrusted: (peer, on) => {
      if (on) trusted.add(peer);
    },
  };
  return { book, offences, names, trusted, learned, confirmed };
};

describe('seeds', () => {
  const node = async (world: World, seed: string, options?: Parameters<World['fake']['add']>[1]) => {
    const endpoint = world.fake.add(seed, options);
    const kept = createBook();
    const seeds = await start(createSeeds({ ...world.parts(endpoint), book: kept.book }));
    const found: Found[] = [];
    seeds.on('found', (one) => found.push(one));
    return { endpoint, seeds, found, ...kept };
  };
  const dial = async (world: World, from: { endpoint: FakeEndpoint }, to: { endpoint: FakeEndpoint }) => {
    const connection = await from.endpoint.connect({ peer: null, addresses: to.endpoint.addresses() });
    await world.clock.advance(0);
    return connection;
  };

  it('tell of peers that were reached, and of no others', async () => {
    const world = createWorld();
    const [hub, reached, incoming, asker] = [
      await node(world, 'hub'),
      await node(world, 'reached'),
      await node(world, 'incoming'),
      await node(world, 'asker'),
    ];
    await dial(world, hub, reached);
    // It says where it is, and nobody tried.
    await dial(world, incoming, hub);
    expect(hub.seeds.size()).toBe(1);
    await dial(world, asker, hub);
    expect(asker.found).toEqual([
      // The book must know from where it was told.
      {
        peer: reached.endpoint.local.peerId,
        addresses: ['/memory/nreached'],
        from: expect.stringMatching(/^\/memory\//),
      },
    ]);
    // Once the book knows that it was reached, it is told of.
    hub.confirmed.set(incoming.endpoint.local.peerId, '/memory/nincoming' as Address);
    await world.clock.advance(11 * MINUTE_MS);
    incoming.endpoint.addressList.push('/memory/nincoming2' as Address);
    await incoming.seeds.ask(incoming.endpoint.connections()[0] as never);
    await asker.seeds.ask(asker.endpoint.connections()[0] as never);
    expect(asker.found.map(({ peer }) => peer)).toContain(incoming.endpoint.local.peerId);
  });

  it('answer one peer once in ten minutes, and at most 32 records', async () => {
    const world = createWorld();
    const hub = await node(world, 'hub');
    for (let n = 0; n < 50; n++) await dial(world, hub, await node(world, `g${n}`));
    expect(hub.seeds.size()).toBe(50);
    const asker = await node(world, 'asker');
    const connection = await dial(world, asker, hub);
    expect(asker.found).toHaveLength(32);
    const others: number[] = [];
    for (let n = 0; n < 5; n++) {
      const bytes = await request(connection, SEEDS_PROTOCOL, encodeSeedsRequest({ want: 32, record: null }), {
        bytesMax: 2 ** 20,
      });
      others.push(decodeSeedsAnswer(bytes).others.length);
    }
    expect(others).toEqual([32, 0, 0, 0, 0]);
  });

  it('tell of no more than four peers of one group of addresses', async () => {
    const world = createWorld();
    const hub = await node(world, 'hub');
    for (let n = 0; n < 20; n++) await dial(world, hub, await node(world, `g${n}`, { address: `/memory/crowd.${n}` }));
    for (let n = 0; n < 3; n++) await dial(world, hub, await node(world, `s${n}`));
    const asker = await node(world, 'asker');
    await dial(world, asker, hub);
    expect(asker.found.filter(({ addresses }) => addresses[0]?.startsWith('/memory/crowd')).length).toBe(4);
    expect(asker.found).toHaveLength(7);
  });

  it('say nothing of members of a private network to others', async () => {
    const world = createWorld();
    const hub = await node(world, 'hub', { networks: ['public', 'secret'] });
    const member = await node(world, 'member', { networks: ['secret'] });
    await dial(world, hub, member);
    const stranger = await node(world, 'stranger');
    await dial(world, stranger, hub);
    expect(stranger.found).toEqual([]);
    const friend = await node(world, 'friend', { networks: ['secret'] });
    await dial(world, friend, hub);
    expect(friend.found.map(({ peer }) => peer)).toEqual([member.endpoint.local.peerId]);
  });

  it('believe no forged, foreign or old record, and count it', async () => {
    const world = createWorld();
    const liar = world.fake.add('liar');
    const victim = await node(world, 'victim');
    const other = world.fake.add('other');
    const record = (local: LocalPeer, change: object = {}) =>
      encodePeerRecord({
        peerId: local.peerId,
        addresses: ['/memory/x' as Address],
        sequence: 1,
        issuedAtMs: world.clock.nowMs(),
        lifeMs: HOUR_MS,
        ...change,
      });
    const good = await other.local.sign('stoq-peer', record(other.local));
    const others = [
      new Uint8Array(50),
      await liar.local.sign('stoq-peer', record(other.local)),
      await other.local.sign('stoq-dht', record(other.local)),
      await other.local.sign('stoq-peer', record(other.local, { issuedAtMs: world.clock.nowMs() - 5 * HOUR_MS })),
      await other.local.sign('stoq-peer', record(other.local, { issuedAtMs: world.clock.nowMs() + 4 * HOUR_MS })),
      good,
    ];
    liar.handle(
      { name: SEEDS_PROTOCOL, streamsMax: 1, opensPerTenSeconds: 1, bytesMax: null, deadlineMs: null },
      (stream) => respond(stream, {}, () => encodeSeedsAnswer({ record: null, others })),
    );
    await victim.endpoint.connect({ peer: null, addresses: liar.addresses() });
    await world.clock.advance(0);
    expect(victim.found).toMatchObject([{ peer: other.local.peerId, addresses: ['/memory/x'] }]);
    expect(victim.offences.map(({ peer, offence }) => [peer, offence])).toEqual([
      [liar.local.peerId, 'badRecord'],
      [liar.local.peerId, 'badRecord'],
      [liar.local.peerId, 'badRecord'],
    ]);
  });

  it('pass no peer that shows the record of another as its own', async () => {
    const world = createWorld();
    const victim = await node(world, 'victim');
    const [liar, other] = [world.fake.add('liar'), world.fake.add('other')];
    const payload = encodePeerRecord({
      peerId: other.local.peerId,
      addresses: ['/memory/x' as Address],
      sequence: 1,
      issuedAtMs: world.clock.nowMs(),
      lifeMs: HOUR_MS,
    });
    const connection = await liar.connect({ peer: null, addresses: victim.endpoint.addresses() });
    const stolen = await other.local.sign('stoq-peer', payload);
    await expect(
      request(connection, SEEDS_PROTOCOL, encodeSeedsRequest({ want: 1, record: stolen })),
    ).rejects.toMatchObject({ code: 'RESET' });
    expect(victim.endpoint.faults).toHaveLength(1);
    expect(victim.seeds.size()).toBe(0);
  });
});

describe('bootstrap', () => {
  it('dials what the settings say until there are enough, and again when one is lost', async () => {
    const world = createWorld();
    const peers = Array.from({ length: 12 }, (_, n) => world.fake.add(`boot${n}`));
    const endpoint = world.fake.add('me');
    const texts = peers.map(({ local, addressList }) => `${addressList[0]}/p2p/${local.peerId}`);
    const bootstrap = createBootstrap(world.parts(endpoint), { addresses: () => [...texts, 'rubbish'] });
    await start(bootstrap);
    await world.clock.advance(1000);
    expect(endpoint.connections()).toHaveLength(8);
    await endpoint.connections()[0]?.close();
    await world.clock.advance(1000);
    expect(endpoint.connections()).toHaveLength(8);
  });

  it('dials one that does not answer less and less often, never at a beat, and takes it when it is back', async () => {
    const world = createWorld();
    const peer = world.fake.add('boot');
    const endpoint = world.fake.add('me');
    let up = false;
    world.fake.between = () => up;
    await start(createBootstrap(world.parts(endpoint), { addresses: () => ['/memory/nboot'] }));
    const counts: number[] = [];
    for (let n = 0; n < 6; n++) {
      const before = endpoint.dials;
      await world.clock.advance(5 * MINUTE_MS);
      counts.push(endpoint.dials - before);
    }
    expect(counts[0]).toBeGreaterThan(6);
    expect(counts.at(-1)).toBeLessThanOrEqual(3);
    up = true;
    await world.clock.advance(6 * MINUTE_MS);
    expect(endpoint.connection(peer.local.peerId)).not.toBeNull();
  });

  it('follows the settings, dials nobody twice and never itself', async () => {
    const world = createWorld();
    const [a, b] = [world.fake.add('a'), world.fake.add('b')];
    const endpoint = world.fake.add('me');
    let texts = [`/memory/na/p2p/${a.local.peerId}`, `/memory/nme/p2p/${endpoint.local.peerId}`];
    const bootstrap = await start(createBootstrap(world.parts(endpoint), { addresses: () => texts }));
    await world.clock.advance(MINUTE_MS);
    expect(endpoint.dials).toBe(1);
    texts = [`/memory/nb/p2p/${b.local.peerId}`];
    bootstrap.dialNow();
    await world.clock.advance(0);
    expect(endpoint.connection(b.local.peerId)).not.toBeNull();
    await bootstrap.stop();
    await bootstrap.stop();
    expect(world.clock.pendingCount).toBe(0);
  });
});

describe('rendezvous', () => {
  const family = membershipOf('family', new Uint8Array(32).fill(7));
  const member = async (world: World, seed: string, memberships: NetworkMembership[], networks?: string[]) => {
    const endpoint = world.fake.add(seed, { networks: networks ?? ['public', ...memberships.map(({ id }) => id)] });
    const parts = world.parts(endpoint);
    const dht = await start<DhtNode>(
      createDht({ ...parts, book: null }, { network: PUBLIC_NETWORK, key: null, automatic: false }),
    );
    const rendezvous = await start(
      createRendezvous({ ...parts, dht, memberships: () => memberships, addresses: () => endpoint.addresses() }),
    );
    const found: PeerId[] = [];
    rendezvous.on('found', ({ peer }) => found.push(peer));
    return { endpoint, dht, rendezvous, found };
  };
  const crowd = async (world: World, count: number) => {
    const nodes = [];
    for (let n = 0; n < count; n++) {
      const node = await member(world, `crowd${n}`, []);
      if (n > 0) await node.endpoint.connect({ peer: null, addresses: ['/memory/ncrowd0' as Address] });
      await world.clock.advance(0);
      nodes.push(node);
    }
    return nodes;
  };

  it('brings members together through the public DHT, who then are connected', async () => {
    const world = createWorld();
    await crowd(world, 25);
    const [a, b] = [await member(world, 'a', [family]), await member(world, 'b', [family])];
    for (const { endpoint } of [a, b])
      await endpoint.connect({ peer: null, addresses: ['/memory/ncrowd3' as Address] });
    await world.clock.advance(10);
    await done(world.clock, a.rendezvous.lookNow());
    await done(world.clock, b.rendezvous.lookNow());
    expect(b.found.every((peer) => peer === a.endpoint.local.peerId)).toBe(true);
    expect(b.endpoint.connection(a.endpoint.local.peerId)?.networks.has(family.id)).toBe(true);
  });

  it('finds members by itself, with clocks that are two hours apart', async () => {
    const world = createWorld();
    await crowd(world, 10);
    const a = await member(world, 'a', [family]);
    await a.endpoint.connect({ peer: null, addresses: ['/memory/ncrowd1' as Address] });
    // Half an hour before another epoch by the clock of one.
    world.clock.setNowMs(Date.UTC(2026, 0, 5, 5, 30));
    await done(world.clock, a.rendezvous.lookNow());
    world.clock.setNowMs(Date.UTC(2026, 0, 5, 7, 30));
    const b = await member(world, 'b', [family]);
    await b.endpoint.connect({ peer: null, addresses: ['/memory/ncrowd2' as Address] });
    await world.clock.advance(20_000);
    expect(b.endpoint.connection(a.endpoint.local.peerId)).not.toBeNull();
    expect(epochsAt(Date.UTC(2026, 0, 5, 5, 30))).toHaveLength(2);
    expect(epochsAt(Date.UTC(2026, 0, 5, 9))).toHaveLength(2);
  });

  it('shows outsiders nothing: other topics every epoch, sealed hints of one length, no ids', async () => {
    const world = createWorld();
    const nodes = await crowd(world, 10);
    const a = await member(world, 'a', [family]);
    await a.endpoint.connect({ peer: null, addresses: ['/memory/ncrowd1' as Address] });
    await world.clock.advance(10);
    await done(world.clock, a.rendezvous.lookNow());
    const [epoch = 0] = epochsAt(world.clock.nowMs());
    const topic = rendezvousTopic(family.key, epoch);
    expect(Buffer.from(rendezvousTopic(family.key, epoch + 1)).equals(topic)).toBe(false);
    // Even one who was told the topic sees neither who nor where.
    const outsider = world.fake.add('outsider');
    const key = topicKey(PUBLIC_NETWORK, topic);
    let seen = 0;
    for (const { endpoint } of nodes) {
      const connection = await outsider.connect({ peer: null, addresses: endpoint.addresses() });
      const bytes = await request(connection, '/hypermesh/dht/1', encodeRequest({ ask: 'providers', key }), {
        bytesMax: 2 ** 20,
      });
      const answer = decodeLookupAnswer(bytes, createPeerIds());
      expect(answer.providers).toEqual([]);
      for (const sealed of answer.sealed) {
        seen += 1;
        expect(sealed).toHaveLength(1024);
        expect(Buffer.from(sealed).includes('memory')).toBe(false);
        expect(openHint(new Uint8Array(32).fill(8), topic, sealed)).toBeNull();
        expect(openHint(family.key, topic, sealed)?.peer).toBe(a.endpoint.local.peerId);
      }
    }
    expect(seen).toBeGreaterThan(0);
  });
});

describe('invites', () => {
  const family = membershipOf('family', new Uint8Array(32).fill(7));
  const rows = (): InviteStore & { kept: Map<string, Uint8Array> } => {
    const kept = new Map<string, Uint8Array>();
    return {
      kept,
      readAll: async () => [...kept.values()],
      write: async (id, row) => {
        if (row === null) kept.delete(id);
        else kept.set(id, row);
      },
    };
  };
  /** As a program that cannot prove networks on a running session. */
  const unable: InvitesComponents['prove'] = (connection) =>
    Promise.reject(
      new StreamError({ code: 'PROTOCOL_UNKNOWN', protocol: connection.remote.agent }, 'The peer does not know it.'),
    );
  const node = async (
    world: World,
    seed: string,
    options: { store?: InviteStore; networks?: string[]; prove?: InvitesComponents['prove'] } = {},
  ) => {
    const endpoint = world.fake.add(seed, options.networks === undefined ? {} : { networks: options.networks });
    const kept = createBook();
    const left: string[] = [];
    const invites = await start(
      createInvites({
        ...world.parts(endpoint),
        addresses: () => endpoint.addresses(),
        book: kept.book,
        store: options.store ?? null,
        prove: options.prove ?? unable,
        join: async ({ id, name }) => {
          endpoint.networks.add(id);
          return async () => {
            left.push(name);
          };
        },
      }),
    );
    return { endpoint, invites, left, ...kept };
  };

  it('let one guest in, by the name that the inviter gave, and no second one', async () => {
    const world = createWorld();
    const [host, guest, late] = [await node(world, 'host'), await node(world, 'guest'), await node(world, 'late')];
    const { link } = await host.invites.make({ trustAs: 'Anna' });
    expect(link).toMatch(/^hypermesh:join\/[A-Za-z0-9_-]+$/);
    expect(link.length).toBeLessThan(400);
    const accepted: PeerId[] = [];
    host.invites.on('accepted', ({ peer }) => accepted.push(peer));
    const { connection, network } = await guest.invites.accept(` ${link}\n`, { trustAs: 'Host' });
    expect(connection.peer.peerId).toBe(host.endpoint.local.peerId);
    expect(network).toBeNull();
    expect(accepted).toEqual([guest.endpoint.local.peerId]);
    expect(host.names.get(guest.endpoint.local.peerId)).toBe('Anna');
    expect(host.trusted.has(guest.endpoint.local.peerId)).toBe(true);
    expect(guest.trusted.has(host.endpoint.local.peerId)).toBe(true);
    expect(host.invites.list()).toEqual([]);
    await expect(late.invites.accept(link)).rejects.toMatchObject({ code: 'INVITE_INVALID' });
    expect(late.trusted.size).toBe(0);
  });

  it('let into a private network whose members are closed to all others', async () => {
    const world = createWorld();
    const host = await node(world, 'host', { networks: [family.id] });
    const guest = await node(world, 'guest');
    const { link } = await host.invites.make({ network: family });
    expect(link.length).toBeLessThanOrEqual(800);
    const { connection, network } = await guest.invites.accept(link);
    expect(network).toEqual(family);
    expect([...connection.networks]).toEqual([family.id]);
    expect(guest.left).toEqual([]);
  });

  it('prove the network on the connection that was there before, or make another', async () => {
    const world = createWorld();
    const host = await node(world, 'host', { networks: ['public', family.id] });
    const able = await node(world, 'able', {
      prove: async (connection) => {
        (connection.networks as Set<NetworkId>).add(family.id);
      },
    });
    const before = await able.endpoint.connect({ peer: null, addresses: host.endpoint.addresses() });
    const { link } = await host.invites.make({ network: family });
    expect((await able.invites.accept(link)).connection).toBe(before);
    const old = await node(world, 'old');
    const broken = await old.endpoint.connect({ peer: null, addresses: host.endpoint.addresses() });
    const { link: another } = await host.invites.make({ network: family });
    const { connection } = await old.invites.accept(another);
    expect(connection).not.toBe(broken);
    expect([...connection.networks].toSorted()).toEqual([family.id, 'public'].toSorted());
  });

  it('are not used up where the inviter has left the network itself', async () => {
    const world = createWorld();
    const [host, guest] = [await node(world, 'host'), await node(world, 'guest')];
    const { link } = await host.invites.make({ network: family });
    await expect(guest.invites.accept(link)).rejects.toMatchObject({ code: 'INVITE_INVALID' });
    expect(guest.left).toEqual(['family']);
    expect(host.invites.list()).toHaveLength(1);
  });

  it('expire by the clock of who made them, and are refused by the guest three hours later', async () => {
    const world = createWorld();
    const host = await node(world, 'host', { networks: ['public', family.id] });
    const guest = await node(world, 'guest');
    const { link } = await host.invites.make({ lifeMs: HOUR_MS, network: family });
    await world.clock.advance(2 * HOUR_MS);
    await expect(guest.invites.accept(link)).rejects.toMatchObject({ code: 'INVITE_EXPIRED' });
    expect(guest.left).toEqual(['family']);
    await world.clock.advance(3 * HOUR_MS);
    expect(() => guest.invites.parse(link)).toThrow(expect.objectContaining({ code: 'INVITE_EXPIRED' }));
    expect(host.invites.list()).toEqual([]);
  });

  it('are worth nothing with another secret, and whoever tries loses standing', async () => {
    const world = createWorld();
    const [host, guest] = [await node(world, 'host'), await node(world, 'guest')];
    const { link } = await host.invites.make();
    const forged = encodeInvite({ ...parseInvite(link, world.clock.nowMs()), secret: new Uint8Array(16) });
    await expect(guest.invites.accept(forged)).rejects.toMatchObject({ code: 'INVITE_INVALID' });
    expect(host.offences).toEqual([{ peer: guest.endpoint.local.peerId, offence: 'lied' }]);
    // It is still there for who has the right one.
    await guest.invites.accept(link);
  });

  it('outlive a restart, can be taken back, and there are at most 256', async () => {
    const world = createWorld();
    const store = rows();
    const host = await node(world, 'host', { store });
    const guest = await node(world, 'guest');
    const first = await host.invites.make();
    const second = await host.invites.make();
    store.kept.set('damaged', new Uint8Array([1, 2]));
    await host.invites.stop();
    const again = await start(
      createInvites({
        ...world.parts(host.endpoint),
        addresses: () => host.endpoint.addresses(),
        book: host.book,
        store,
        prove: unable,
        join: async () => async () => undefined,
      }),
    );
    expect(again.list().map(({ id }) => id)).toEqual([first.id, second.id]);
    expect(await again.revoke(second.id)).toBe(true);
    expect(await again.revoke(second.id)).toBe(false);
    await expect(guest.invites.accept(second.link)).rejects.toMatchObject({ code: 'INVITE_INVALID' });
    await guest.invites.accept(first.link);
    for (let n = 0; n < 256; n++) await again.make();
    await expect(again.make()).rejects.toMatchObject({ code: 'TOO_MANY_INVITES' });
    await expect(host.invites.accept(first.link)).rejects.toMatchObject({ code: 'INVITE_INVALID' });
  });
});
