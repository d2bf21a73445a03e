import { afterEach, describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/index.ts';
import { createDht, type DhtNode } from '../../../../../main/transport/stoq/discovery/dht/create-dht.ts';
import { dhtIdOf, compareDistance, recordKey } from '../../../../../main/transport/stoq/discovery/dht/key.ts';
import {
  encodeLookupAnswer,
  encodeRequest,
  decodeWriteAnswer,
  type WriteOutcome,
} from '../../../../../main/transport/stoq/discovery/dht/messages.ts';
import { encodeDhtPayload } from '../../../../../main/transport/stoq/discovery/dht/record.ts';
import { dhtProtocolOf, PUBLIC_NETWORK } from '../../../../../main/transport/stoq/discovery/membership.ts';
import { createPeerRecords } from '../../../../../main/transport/stoq/discovery/peer-record.ts';
import { request, respond } from '../../../../../main/transport/stoq/connection/messages.ts';
import type { NetworkId, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import {
  createFakeNetwork,
  createFakeVerifier,
  type FakeEndpoint,
  type FakeNetwork,
} from '../../../../support/stoq/fake-endpoints.ts';

const PROTOCOL = '/hypermesh/dht/1';
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const HOUR_MS = 3_600_000;

interface Node {
  endpoint: FakeEndpoint;
  dht: DhtNode;
  offences: { peer: PeerId; offence: string }[];
}
interface Net {
  clock: ManualClock;
  fake: FakeNetwork;
  verifier: ReturnType<typeof createFakeVerifier>;
  node(
    seed: number | string,
    options?: Parameters<FakeNetwork['add']>[1] & { key?: Uint8Array; automatic?: boolean },
  ): Node;
  /** Nodes that have joined through the first one. */
  nodes(count: number): Promise<Node[]>;
}
const opened: DhtNode[] = [];
afterEach(async () => {
  for (const dht of opened.splice(0)) await dht.stop();
});

const createNet = (): Net => {
  const clock = createManualClock();
  const fake = createFakeNetwork({ clock });
  const verifier = createFakeVerifier();
  const node: Net['node'] = (seed, options = {}) => {
    const endpoint = fake.add(seed, options);
    const outside = { clock, random: createSeededRandom(typeof seed === 'number' ? seed + 1 : 99) };
    const offences: Node['offences'] = [];
    const dht = createDht(
      {
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
        book: { offend: (peer, offence) => offences.push({ peer, offence }) },
      },
      {
        network: (options.networks?.[0] ?? PUBLIC_NETWORK) as NetworkId,
        key: options.key ?? null,
        automatic: options.automatic ?? false,
      },
    );
    opened.push(dht);
    return { endpoint, dht, offences };
  };
  return {
    clock,
    fake,
    verifier,
    node,
    nodes: async (count) => {
      const all = Array.from({ length: count }, (_, seed) => node(seed));
      for (const { dht } of all) await dht.start();
      const [first, ...others] = all;
      for (const { endpoint } of others) {
        await endpoint.connect({ peer: null, addresses: first?.endpoint.addresses() ?? [] });
        await clock.advance(0);
      }
      return all;
    },
  };
};
/** Moves time until `work` is done. */
const done = async <T>(clock: ManualClock, work: Promise<T>, stepMs = 100): Promise<T> => {
  let over = false;
  const settled = work.finally(() => {
    over = true;
  });
  settled.catch(() => undefined);
  for (let step = 0; step < 2000 && !over; step++) await clock.advance(over ? 0 : stepMs);
  return settled;
};
const at = <T>(list: readonly T[], index: number): T => {
  const item = list[index];
  if (item === undefined) throw new Error(`there is no ${index}`);
  return item;
};

describe('a DHT of fifty nodes', () => {
  it('finds what any node has put, from any other, and tells when there is nothing', async () => {
    const net = createNet();
    const nodes = await net.nodes(50);
    expect(nodes.every(({ dht }) => dht.size() >= 15)).toBe(true);
    const owner = at(nodes, 7);
    const taken = await done(net.clock, owner.dht.put('notes', bytes('one'), bytes('hello')));
    expect(taken).toBe(20);
    for (const index of [0, 19, 33, 49]) {
      const found = await done(net.clock, at(nodes, index).dht.get('notes', owner.endpoint.local.peerId, bytes('one')));
      expect(Buffer.from(found?.value ?? []).toString()).toBe('hello');
    }
    expect(await done(net.clock, at(nodes, 3).dht.get('notes', owner.endpoint.local.peerId, bytes('two')))).toBeNull();
    // Namespace and signer are part of the key.
    expect(await done(net.clock, at(nodes, 3).dht.get('other', owner.endpoint.local.peerId, bytes('one')))).toBeNull();
    expect(
      await done(net.clock, at(nodes, 3).dht.get('notes', at(nodes, 4).endpoint.local.peerId, bytes('one'))),
    ).toBeNull();
  });

  it('stores a record at the nodes that are closest to its key', async () => {
    const net = createNet();
    const nodes = await net.nodes(50);
    const owner = at(nodes, 0);
    await done(net.clock, owner.dht.put('notes', bytes('x'), bytes('y')));
    const key = recordKey(PUBLIC_NETWORK, 'notes', owner.endpoint.local.peerId, bytes('x'));
    const byDistance = nodes
      .slice(1)
      .toSorted((a, b) => compareDistance(key, dhtIdOf(a.endpoint.local.peerId), dhtIdOf(b.endpoint.local.peerId)));
    expect(byDistance.slice(0, 20).map(({ dht }) => dht.stats().records)).toEqual(Array.from({ length: 20 }, () => 1));
  });

  it('gives the newest of several versions, and mends nodes that have an older one', async () => {
    const net = createNet();
    const nodes = await net.nodes(30);
    const owner = at(nodes, 1);
    await done(net.clock, owner.dht.put('notes', bytes('x'), bytes('first')));
    // A third of the nodes misses the second version.
    const away = new Set(nodes.slice(20).map(({ endpoint }) => endpoint.local.peerId));
    net.fake.between = (a, b) => away.has(a) === away.has(b);
    await done(net.clock, owner.dht.put('notes', bytes('x'), bytes('second')), 1000);
    net.fake.between = () => true;
    for (const reader of nodes.slice(20)) {
      const found = await done(net.clock, reader.dht.get('notes', owner.endpoint.local.peerId, bytes('x')));
      expect(Buffer.from(found?.value ?? []).toString()).toBe('second');
    }
  });

  it('keeps records over churn, because owners put them again', async () => {
    const net = createNet();
    const nodes = await net.nodes(40);
    const owner = at(nodes, 0);
    await done(net.clock, owner.dht.put('notes', bytes('x'), bytes('kept')));
    for (const { endpoint } of nodes.slice(25)) endpoint.vanish();
    await net.clock.advance(HOUR_MS);
    await done(net.clock, owner.dht.refresh(), 1000);
    const found = await done(net.clock, at(nodes, 5).dht.get('notes', owner.endpoint.local.peerId, bytes('x')), 1000);
    expect(Buffer.from(found?.value ?? []).toString()).toBe('kept');
  });

  it('forgets what has run out, three hours after its time at the latest', async () => {
    const net = createNet();
    const nodes = await net.nodes(5);
    const owner = at(nodes, 0);
    await done(net.clock, owner.dht.put('notes', bytes('x'), bytes('y')));
    await owner.dht.stop();
    await net.clock.advance(28 * HOUR_MS);
    const found = await done(net.clock, at(nodes, 2).dht.get('notes', owner.endpoint.local.peerId, bytes('x')));
    expect(found).toBeNull();
  });

  it('finds a peer by its signed record, and by what others say where there is none', async () => {
    const net = createNet();
    const nodes = await net.nodes(30);
    const [seeker, wanted] = [at(nodes, 3), at(nodes, 27)];
    expect(await done(net.clock, seeker.dht.findPeer(wanted.endpoint.local.peerId))).toEqual(['/memory/n27']);
    const automatic = net.node(77, { automatic: true });
    await automatic.dht.start();
    await automatic.endpoint.connect({ peer: null, addresses: at(nodes, 0).endpoint.addresses() });
    await net.clock.advance(1000);
    expect(nodes.reduce((sum, { dht }) => sum + dht.stats().records, 0)).toBeGreaterThanOrEqual(20);
    expect(await done(net.clock, seeker.dht.findPeer(automatic.endpoint.local.peerId))).toEqual(['/memory/n77']);
    expect(await done(net.clock, seeker.dht.findPeer(net.fake.add('nowhere').local.peerId))).toEqual([]);
  });

  it('tells who provides a topic, for two hours', async () => {
    const net = createNet();
    const nodes = await net.nodes(30);
    for (const index of [4, 9, 14]) await done(net.clock, at(nodes, index).dht.provide(bytes('topic')));
    const wanted = [4, 9, 14].map((index) => at(nodes, index).endpoint.local.peerId).toSorted();
    const found = await done(net.clock, at(nodes, 20).dht.providers(bytes('topic')));
    expect([...found].toSorted()).toEqual(wanted);
    expect(await done(net.clock, at(nodes, 20).dht.providers(bytes('topic'), { count: 2 }))).toHaveLength(2);
    await net.clock.advance(2 * HOUR_MS);
    expect(await done(net.clock, at(nodes, 20).dht.providers(bytes('topic')))).toEqual([]);
  });

  it('announces a topic again and again, until it is withdrawn', async () => {
    const net = createNet();
    const nodes = await net.nodes(10);
    const provider = net.node(77, { automatic: true });
    await provider.dht.start();
    await provider.endpoint.connect({ peer: null, addresses: at(nodes, 0).endpoint.addresses() });
    await net.clock.advance(1000);
    await done(net.clock, provider.dht.provide(bytes('topic')));
    const found = (): Promise<readonly PeerId[]> => done(net.clock, at(nodes, 5).dht.providers(bytes('topic')));
    await net.clock.advance(5 * HOUR_MS);
    expect(await found()).toEqual([provider.endpoint.local.peerId]);
    provider.dht.withdraw(bytes('topic'));
    await net.clock.advance(2 * HOUR_MS);
    expect(await found()).toEqual([]);
  });

  it('refuses what is too large before anything leaves, and says when nobody is there', async () => {
    const net = createNet();
    const [alone] = await net.nodes(1);
    const dht = at([alone], 0)?.dht as DhtNode;
    await expect(dht.put('notes', new Uint8Array(65), new Uint8Array(1))).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(dht.put('notes', new Uint8Array(1), new Uint8Array(16 * 1024 + 1))).rejects.toMatchObject({
      code: 'TOO_LARGE',
    });
    await expect(dht.put('UPPER', new Uint8Array(1), new Uint8Array(1))).rejects.toMatchObject({
      code: 'DHT_MALFORMED',
    });
    await expect(dht.put('notes', new Uint8Array(1), new Uint8Array(1))).rejects.toMatchObject({ code: 'NO_PEERS' });
    expect(await dht.get('notes', net.fake.add('x').local.peerId, new Uint8Array(1))).toBeNull();
  });
});

describe('liars and floods', () => {
  /** A node that answers every lookup with what `lie` makes. */
  const liar = (net: Net, seed: string, lie: (request: Uint8Array) => Uint8Array): FakeEndpoint => {
    const endpoint = net.fake.add(seed);
    endpoint.handle(
      { name: PROTOCOL, streamsMax: 1, opensPerTenSeconds: 1, bytesMax: null, deadlineMs: null },
      (stream) => respond(stream, {}, lie),
    );
    return endpoint;
  };
  const nothing = encodeLookupAnswer({ closer: [], record: null, providers: [], sealed: [] });

  it('finds records although a third of all nodes answers with nonsense', async () => {
    const net = createNet();
    const nodes = await net.nodes(24);
    const owner = at(nodes, 2);
    await done(net.clock, owner.dht.put('notes', bytes('x'), bytes('true')));
    const forged = encodeDhtPayload({
      network: PUBLIC_NETWORK,
      namespace: 'notes',
      topic: bytes('x'),
      value: bytes('false'),
      sequence: 2 ** 50,
      issuedAtMs: net.clock.nowMs(),
      lifeMs: HOUR_MS,
    });
    const lies: ((seed: string) => Promise<Uint8Array>)[] = [
      async () => new Uint8Array([1, 2, 3]),
      async () => nothing,
      // Signed by the liar itself, for another's key.
      async (seed) =>
        encodeLookupAnswer({
          closer: [],
          record: await net.fake.add(`${seed} signer`).local.sign('stoq-dht', forged),
          providers: [],
          sealed: [],
        }),
      // Signed by nobody.
      async () => encodeLookupAnswer({ closer: [], record: encodeCbor({ d: 'stoq-dht' }), providers: [], sealed: [] }),
    ];
    for (let n = 0; n < 12; n++) {
      const answer = await at(lies, n % 4)(`liar ${n}`);
      const endpoint = liar(net, `liar-${n}`, () => answer);
      for (const { endpoint: honest } of nodes) await honest.connect({ peer: null, addresses: endpoint.addresses() });
    }
    await net.clock.advance(10);
    for (const index of [5, 11, 23]) {
      const found = await done(net.clock, at(nodes, index).dht.get('notes', owner.endpoint.local.peerId, bytes('x')));
      expect(Buffer.from(found?.value ?? []).toString()).toBe('true');
    }
    const offences = new Set(nodes.flatMap((node) => node.offences.map(({ offence }) => offence)));
    expect(offences).toContain('malformed');
  });

  it('does not wait for nodes that take a question and never answer', async () => {
    const net = createNet();
    const nodes = await net.nodes(24);
    const owner = at(nodes, 2);
    await done(net.clock, owner.dht.put('notes', bytes('x'), bytes('true')));
    const silent = new Set(nodes.slice(16).map(({ endpoint }) => endpoint.local.peerId));
    net.fake.between = (_a, b) => !silent.has(b);
    const beganMs = net.clock.monotonicMs();
    const found = await done(net.clock, at(nodes, 5).dht.get('notes', owner.endpoint.local.peerId, bytes('x')));
    expect(found).not.toBeNull();
    expect(net.clock.monotonicMs() - beganMs).toBeLessThan(3000);
  });

  it('dials no private address that a peer far away tells of, and none that leads nowhere', async () => {
    const net = createNet();
    const [node] = await net.nodes(1);
    const honest = at([node], 0) as Node;
    const claimed = net.fake.add('claimed', { address: '/ip4/192.168.1.7/tcp/4001/tls' }).local.peerId;
    const endpoint = liar(net, 'liar', () =>
      encodeLookupAnswer({
        closer: [{ peer: claimed, addresses: ['/ip4/192.168.1.7/tcp/4001/tls', '/ip4/127.0.0.1/tcp/22/tls', 'x'] }],
        record: null,
        providers: [],
        sealed: [],
      }),
    );
    await honest.endpoint.connect({ peer: null, addresses: endpoint.addresses() });
    await net.clock.advance(10);
    const before = honest.endpoint.dials;
    await done(net.clock, honest.dht.findPeer(claimed));
    expect(honest.endpoint.dials).toBe(before);
  });

  it('refuses a flood of records, and tells the book who it was', async () => {
    const net = createNet();
    const [victim] = await net.nodes(1);
    const node = at([victim], 0) as Node;
    const flooder = net.fake.add('flooder');
    const connection = await flooder.connect({ peer: null, addresses: node.endpoint.addresses() });
    const outcomes: WriteOutcome[] = [];
    for (let n = 0; n < 300; n++) {
      const payload = encodeDhtPayload({
        network: PUBLIC_NETWORK,
        namespace: 'flood',
        topic: bytes(String(n)),
        value: new Uint8Array(16 * 1024),
        sequence: 1,
        issuedAtMs: net.clock.nowMs(),
        lifeMs: HOUR_MS,
      });
      const record = await flooder.local.sign('stoq-dht', payload);
      const answer = await done(net.clock, request(connection, PROTOCOL, encodeRequest({ ask: 'put', record })), 0);
      outcomes.push(decodeWriteAnswer(answer).outcome);
    }
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(64);
    expect(outcomes.filter((outcome) => outcome === 'busy').length).toBeGreaterThan(200);
    expect(node.offences).toContainEqual({ peer: flooder.local.peerId, offence: 'flooding' });
    expect(node.dht.stats().recordBytes).toBeLessThan(64 * 17 * 1024);
  });

  it('counts malformed requests against who sent them, and records of other networks or signers', async () => {
    const net = createNet();
    const [first] = await net.nodes(1);
    const node = at([first], 0) as Node;
    const sender = net.fake.add('sender');
    const connection = await sender.connect({ peer: null, addresses: node.endpoint.addresses() });
    const payload = {
      network: 'another' as NetworkId,
      namespace: 'notes',
      topic: bytes('x'),
      value: bytes('y'),
      sequence: 1,
      issuedAtMs: net.clock.nowMs(),
      lifeMs: HOUR_MS,
    };
    const otherPeer = net.fake.add('other').local;
    const bad: Uint8Array[] = [
      new Uint8Array(0),
      encodeCbor({ ask: 'all' }),
      encodeCbor({ ask: 'find', key: new Uint8Array(31) }),
      encodeCbor({ ask: 'find', key: new Uint8Array(32), more: 1 }),
      encodeRequest({ ask: 'put', record: new Uint8Array(100) }),
      encodeRequest({ ask: 'put', record: await sender.local.sign('stoq-dht', encodeDhtPayload(payload)) }),
      encodeRequest({
        ask: 'put',
        record: await sender.local.sign('stoq-peer', encodeDhtPayload({ ...payload, network: PUBLIC_NETWORK })),
      }),
      encodeRequest({ ask: 'announce', record: await otherPeer.sign('stoq-peer', new Uint8Array([0xa0])) }),
    ];
    for (const message of bad)
      await expect(done(net.clock, request(connection, PROTOCOL, message), 0)).rejects.toMatchObject({ code: 'RESET' });
    expect(node.endpoint.faults.map(({ peer }) => peer)).toEqual(bad.map(() => sender.local.peerId));
    expect(node.dht.stats().records).toBe(0);
  });

  it('takes records of clocks that are two hours off, and none that are four ahead or have run out', async () => {
    const net = createNet();
    const [first] = await net.nodes(1);
    const node = at([first], 0) as Node;
    const sender = net.fake.add('sender');
    const connection = await sender.connect({ peer: null, addresses: node.endpoint.addresses() });
    const outcome = async (offsetMs: number): Promise<WriteOutcome> => {
      const payload = encodeDhtPayload({
        network: PUBLIC_NETWORK,
        namespace: 'notes',
        topic: bytes(String(offsetMs)),
        value: bytes('y'),
        sequence: 1,
        issuedAtMs: net.clock.nowMs() + offsetMs,
        lifeMs: HOUR_MS,
      });
      const record = await sender.local.sign('stoq-dht', payload);
      return decodeWriteAnswer(
        await done(net.clock, request(connection, PROTOCOL, encodeRequest({ ask: 'put', record })), 0),
      ).outcome;
    };
    expect(await outcome(2 * HOUR_MS)).toBe('stored');
    expect(await outcome(-2 * HOUR_MS)).toBe('stored');
    expect(await outcome(4 * HOUR_MS)).toBe('late');
    expect(await outcome(-5 * HOUR_MS)).toBe('late');
  });

  it('goes above its own older records after its clock was set back', async () => {
    const net = createNet();
    const nodes = await net.nodes(10);
    const owner = at(nodes, 0);
    await done(net.clock, owner.dht.put('notes', bytes('x'), bytes('before')));
    await owner.dht.stop();
    net.clock.setNowMs(net.clock.nowMs() - 2 * HOUR_MS);
    // The same node after a restart: it knows nothing of what it has put.
    owner.endpoint.vanish();
    const again = net.node(0);
    await again.dht.start();
    await again.endpoint.connect({ peer: null, addresses: at(nodes, 3).endpoint.addresses() });
    await net.clock.advance(10);
    await done(net.clock, again.dht.put('notes', bytes('x'), bytes('after')));
    const found = await done(net.clock, at(nodes, 5).dht.get('notes', owner.endpoint.local.peerId, bytes('x')));
    expect(Buffer.from(found?.value ?? []).toString()).toBe('after');
  });

  it('holds no timer and answers nobody once it is stopped', async () => {
    const net = createNet();
    const nodes = [net.node(1, { automatic: true }), net.node(2, { automatic: true })];
    for (const { dht } of nodes) await dht.start();
    await at(nodes, 0).endpoint.connect({ peer: null, addresses: at(nodes, 1).endpoint.addresses() });
    await net.clock.advance(1000);
    expect(at(nodes, 0).dht.size()).toBe(1);
    for (const { dht } of nodes) await dht.stop();
    await at(nodes, 0).dht.stop();
    await net.clock.advance(20_000);
    expect(net.clock.pendingCount).toBe(0);
    await expect(at(nodes, 0).dht.put('notes', bytes('x'), bytes('y'))).rejects.toMatchObject({ code: 'NOT_RUNNING' });
  });
});

describe('private networks', () => {
  it('knows its members only, and its protocol is none for others', async () => {
    const net = createNet();
    const key = new Uint8Array(32).fill(7);
    const inside = [1, 2, 3].map((seed) => net.node(seed, { networks: ['secret', 'public'], key }));
    for (const { dht } of inside) await dht.start();
    const outsider = net.node(9);
    await outsider.dht.start();
    for (const { endpoint } of inside.slice(1))
      await endpoint.connect({ peer: null, addresses: at(inside, 0).endpoint.addresses() });
    const connection = await outsider.endpoint.connect({ peer: null, addresses: at(inside, 0).endpoint.addresses() });
    await net.clock.advance(10);
    for (const { dht } of inside) await done(net.clock, dht.refresh());
    expect(inside.map(({ dht }) => dht.size())).toEqual([2, 2, 2]);
    expect(outsider.dht.size()).toBe(0);
    // Even somebody who knows the protocol's name hears what it would hear of a protocol that does not exist.
    const probe = encodeRequest({ ask: 'find', key: new Uint8Array(32) });
    for (const name of [dhtProtocolOf(key), '/hypermesh/nonsense/1'])
      await expect(done(net.clock, request(connection, name, probe), 0)).rejects.toMatchObject({
        code: 'PROTOCOL_UNKNOWN',
      });
  });
});
