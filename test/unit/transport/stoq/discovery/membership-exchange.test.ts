import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { request, respond } from '../../../../../main/transport/stoq/connection/messages.ts';
import {
  createMembershipExchange,
  MEMBERSHIP_PROTOCOL,
} from '../../../../../main/transport/stoq/discovery/create-membership-exchange.ts';
import { createDht, type DhtNode } from '../../../../../main/transport/stoq/discovery/dht/create-dht.ts';
import { MembershipError } from '../../../../../main/transport/stoq/discovery/errors.ts';
import { membershipOf } from '../../../../../main/transport/stoq/discovery/membership.ts';
import {
  decodeMembershipAnswer,
  decodeMembershipRequest,
  encodeMembershipAnswer,
  encodeMembershipRequest,
  MEMBERSHIP_MESSAGE_BYTES_MAX,
  membershipHash,
  membershipSession,
} from '../../../../../main/transport/stoq/discovery/membership-messages.ts';
import { createPeerRecords } from '../../../../../main/transport/stoq/discovery/peer-record.ts';
import type { NetworkMembership } from '../../../../../main/transport/stoq/handshake/interface.ts';
import { makeNetworkProofs } from '../../../../../main/transport/stoq/handshake/network-proofs.ts';
import type { Connection, NetworkId, ProtocolSpec } from '../../../../../main/transport/stoq/interface.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createFakeVerifier } from '../../../../support/stoq/fake-endpoints.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';
import { createNet, ECHO, echo, type Net, type Node } from '../connection/fixture.ts';

const family = membershipOf('family', new Uint8Array(32).fill(7));
const office = membershipOf('office', new Uint8Array(32).fill(8));
const FREE: ProtocolSpec = {
  name: MEMBERSHIP_PROTOCOL,
  streamsMax: 8,
  opensPerTenSeconds: 100,
  bytesMax: null,
  deadlineMs: null,
};

let net: Net;
let ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends) await net.during(end());
  ends = [];
  await net.stop();
});

/** A node whose networks a test changes while it runs. */
const member = async (seed: number, ...memberships: NetworkMembership[]) => {
  const node = await net.add(seed, { memberships });
  const { endpoint, book } = node;
  const parts = { outside: net.outside, logger: createSilentLogger(), metrics: null, endpoint, book };
  const exchange = createMembershipExchange({ ...parts, memberships: () => memberships });
  await exchange.start();
  ends.push(() => exchange.stop());
  const proved: NetworkId[][] = [];
  endpoint.on('networksProved', ({ connection, networks }) => {
    expect(networks.every((network) => connection.networks.has(network))).toBe(true);
    proved.push([...networks]);
  });
  return { ...node, parts, exchange, memberships, proved };
};
const back = (node: Node, to: Node): Connection => {
  const connection = to.endpoint.connection(node.peerId);
  if (connection === null) throw new Error('they are not connected');
  return connection;
};
const networksOf = ({ networks }: Connection): string[] => [...networks].toSorted();
const standing = (of: Node, peer: Node): number | undefined => of.book.get(peer.peerId)?.points;

describe('a network that was joined while a connection was open', () => {
  it('is counted by both ends once the one who joined has asked, and streams go on', async () => {
    net = createNet();
    const [a, b] = [await member(1), await member(2, family, office)];
    b.endpoint.handle(ECHO, echo);
    b.endpoint.handle({ ...ECHO, name: '/test/inside/1', networks: new Set([family.id]) }, echo);
    const connection = await net.connect(a, b);
    const stream = await net.during(connection.openStream(ECHO.name));
    expect(networksOf(connection)).toEqual(['public']);
    a.memberships.push(family);
    expect(await net.during(a.exchange.proveToAll())).toEqual([]);
    expect(networksOf(connection)).toEqual([family.id, 'public'].toSorted());
    expect(networksOf(back(a, b))).toEqual(networksOf(connection));
    await net.pass(100);
    expect([a.proved, b.proved]).toEqual([[[family.id]], [[family.id]]]);
    // What is of the network exists from now on, both ways, and nothing was broken off.
    await net.during(stream.write(new Uint8Array([1])));
    expect([...((await net.during(stream.read())) ?? [])]).toEqual([1]);
    const inside = await net.during(connection.openStream('/test/inside/1'));
    await net.during(inside.write(new Uint8Array([2])));
    expect([...((await net.during(inside.read())) ?? [])]).toEqual([2]);
    expect(net.network.stats().channels).toBe(1);
    // Asked again there is nothing to prove.
    await net.during(a.exchange.prove(connection));
    expect(a.proved).toHaveLength(1);
  });

  it('is proved by whoever joined last, whichever end that is, and when both join at once', async () => {
    net = createNet();
    const [a, b] = [await member(1), await member(2)];
    const connection = await net.connect(a, b);
    a.memberships.push(family);
    await net.during(a.exchange.proveToAll());
    expect(networksOf(connection)).toEqual(['public']);
    b.memberships.push(family);
    await net.during(b.exchange.proveToAll());
    expect(networksOf(connection)).toEqual([family.id, 'public'].toSorted());
    a.memberships.push(office);
    b.memberships.push(office);
    await net.during(Promise.all([a.exchange.proveToAll(), b.exchange.proveToAll()]));
    expect(networksOf(connection)).toEqual([family.id, office.id, 'public'].toSorted());
    expect(networksOf(back(a, b))).toEqual(networksOf(connection));
  });

  it('lets its members meet in its DHT', async () => {
    net = createNet();
    const [a, b] = [await member(1), await member(2, family)];
    const connection = await net.connect(a, b);
    const dhts: DhtNode[] = [];
    for (const { parts, endpoint } of [a, b]) {
      const records = createPeerRecords({
        outside: net.outside,
        local: endpoint.local,
        verifier: createFakeVerifier(),
        addresses: () => endpoint.addresses(),
      });
      const dht = createDht({ ...parts, records, book: null }, { ...dhtOf(family), automatic: false });
      await dht.start();
      ends.push(() => dht.stop());
      dhts.push(dht);
    }
    await net.pass(1_000);
    expect(dhts.map((dht) => dht.size())).toEqual([0, 0]);
    a.memberships.push(family);
    await net.during(a.exchange.prove(connection));
    await net.until(() => dhts.every((dht) => dht.size() === 1), 5_000);
    expect([standing(a, b), standing(b, a)]).toEqual([0, 0]);
  });

  /** Networks that connections have at their very beginning. */
  const atFirst = ({ endpoint }: Node): string[][] => {
    const seen: string[][] = [];
    endpoint.on('connected', ({ connection }) => seen.push(networksOf(connection)));
    return seen;
  };

  it('is proved where a handshake of before it ends after it', async () => {
    net = createNet({ delayMs: 200 });
    const [a, b] = [await member(1), await member(2, family)];
    const seen = atFirst(a);
    const connecting = net.connect(a, b);
    await net.pass(600);
    a.memberships.push(family);
    await net.during(a.exchange.proveToAll());
    const connection = await connecting;
    expect(seen).toEqual([['public']]);
    await net.until(() => connection.networks.has(family.id), 10_000);
    expect(back(a, b).networks.has(family.id)).toBe(true);
  });

  it('is proved where both dial at once and one takes the session of the other', async () => {
    net = createNet({ delayMs: 200 });
    const [a, b] = [await member(1), await member(2, family)];
    const seen = atFirst(a);
    const sessions: string[][] = [];
    for (const { endpoint } of [a, b])
      endpoint.on('connected', ({ connection }) =>
        sessions.push([Buffer.from(membershipSession(connection)).toString('hex')]),
      );
    const connecting = Promise.all([
      a.endpoint.connect({ peer: b.peerId, addresses: [b.address] }),
      b.endpoint.connect({ peer: a.peerId, addresses: [a.address] }),
    ]);
    await net.pass(700);
    a.memberships.push(family);
    await net.during(a.exchange.proveToAll());
    const [left] = await net.during(connecting);
    expect(seen).toEqual([['public']]);
    // Each began with another one.
    expect(sessions[0]).not.toEqual(sessions[1]);
    await net.until(() => left.networks.has(family.id), 10_000);
    expect(back(a, b).networks.has(family.id)).toBe(true);
    expect([standing(a, b), standing(b, a)]).toEqual([0, 0]);
  });

  it('stays counted when another path comes, and is forgotten with the connection', async () => {
    net = createNet();
    const [a, b] = [await member(1), await member(2, family)];
    const connection = await net.connect(a, b);
    a.memberships.push(family);
    await net.during(a.exchange.prove(connection));
    a.memberships.pop();
    await net.during(connection.close('replaced'));
    expect(networksOf(await net.connect(a, b))).toEqual(['public']);
  });

  it('is not counted by who left it while the answer was on its way, and the peer is told', async () => {
    net = createNet({ delayMs: 100 });
    const [a, b] = [await member(1), await member(2, family)];
    const connection = await net.connect(a, b);
    a.memberships.push(family);
    const proving = a.exchange.prove(connection);
    await net.pass(150);
    a.memberships.pop();
    await net.during(proving);
    await net.pass(500);
    expect(a.proved).toEqual([]);
    expect(b.endpoint.connection(a.peerId)?.networks.has(family.id) ?? false).toBe(false);
  });
});

/** An answer of the proofs that were asked with. */
const mirrored = (bytes: Uint8Array, connection: Connection): Uint8Array =>
  encodeMembershipAnswer({
    session: membershipSession(connection),
    proofs: decodeMembershipRequest(bytes).proofs,
  });
const dhtOf = ({ id, key }: NetworkMembership) => ({ network: id, key });

describe('who is in none of the networks', () => {
  it('learns nothing of them, whether it is asked or asks, and is counted in none', async () => {
    net = createNet();
    const [a, stranger] = [await member(1, family), await net.add(2)];
    const requests: Uint8Array[] = [];
    stranger.endpoint.handle(FREE, (stream, connection) =>
      respond(stream, {}, (bytes) => {
        requests.push(bytes);
        // With a key that is another, in the right form.
        const { nonce } = decodeMembershipRequest(bytes);
        const hash = membershipHash(connection, { asker: a.peerId, answerer: stranger.peerId, nonce });
        const proofs = makeNetworkProofs([{ ...family, key: office.key }], 'answerer', hash, net.random);
        return encodeMembershipAnswer({ session: membershipSession(connection), proofs });
      }),
    );
    const connection = await net.connect(a, stranger);
    for (let n = 0; n < 3; n++) await net.during(a.exchange.prove(connection));
    expect(networksOf(connection)).toEqual(['public']);
    expect(a.proved).toEqual([]);
    // Nothing is twice in what it was shown, so that it cannot even count.
    const places = requests.flatMap((bytes) => {
      const { proofs } = decodeMembershipRequest(bytes);
      return Array.from({ length: 16 }, (_, n) => Buffer.from(proofs.subarray(n * 32, n * 32 + 32)).toString('hex'));
    });
    expect(new Set(places).size).toBe(48);
    expect(new Set(requests.map(({ length }) => length)).size).toBe(1);
  });

  it('is answered by a member as by a node that is in none', async () => {
    net = createNet();
    const [inside, outside, asker] = [await member(1, family), await member(2), await net.add(3)];
    const seen = [];
    for (const node of [inside, outside]) {
      const connection = await net.connect(asker, node);
      const nonce = new Uint8Array(32);
      const hash = membershipHash(connection, { asker: asker.peerId, answerer: node.peerId, nonce });
      const proofs = makeNetworkProofs([office], 'asker', hash, createSeededRandom(1));
      const beganMs = net.clock.monotonicMs();
      const bytes = await net.during(
        request(connection, MEMBERSHIP_PROTOCOL, encodeMembershipRequest({ nonce, proofs })),
      );
      seen.push({ length: bytes.length, afterMs: net.clock.monotonicMs() - beganMs });
      expect(networksOf(back(asker, node))).toEqual(['public']);
      expect(standing(node, asker)).toBe(0);
    }
    expect(seen[0]).toEqual(seen[1]);
  });
});

describe('proofs of another', () => {
  const recorder = async () => {
    const [a, b] = [await member(1, family), await net.add(2, { memberships: [] })];
    const requests: Uint8Array[] = [];
    let answer = (bytes: Uint8Array, _connection: Connection): Uint8Array => bytes;
    b.endpoint.handle(FREE, (stream, connection) =>
      respond(stream, {}, (bytes) => {
        requests.push(bytes);
        return answer(bytes, connection);
      }),
    );
    return {
      a,
      b,
      requests,
      answerWith: (made: typeof answer): void => {
        answer = made;
      },
    };
  };
  it('are worth nothing when they are sent back, as a request or as an answer', async () => {
    net = createNet();
    const { a, b, requests, answerWith } = await recorder();
    answerWith(mirrored);
    const connection = await net.connect(a, b);
    await net.during(a.exchange.prove(connection));
    expect(networksOf(connection)).toEqual(['public']);
    for (const bytes of requests)
      await net.during(request(back(a, b), MEMBERSHIP_PROTOCOL, bytes, { bytesMax: MEMBERSHIP_MESSAGE_BYTES_MAX }));
    expect(networksOf(connection)).toEqual(['public']);
    expect(a.proved).toEqual([]);
  });

  it('are worth nothing to a third', async () => {
    net = createNet();
    const { a, b, requests, answerWith } = await recorder();
    answerWith(mirrored);
    const c = await member(3, family);
    const connection = await net.connect(a, b);
    await net.during(a.exchange.prove(connection));
    const [recorded] = requests;
    if (recorded === undefined) throw new Error('nothing was recorded');
    // B passes on to C, which is a member, what A has shown.
    const toC = await net.connect(b, c);
    const passed = await net.during(request(toC, MEMBERSHIP_PROTOCOL, recorded));
    expect(networksOf(back(b, c))).toEqual(['public']);
    // And to A what C has answered.
    answerWith((_bytes, on) =>
      encodeMembershipAnswer({ session: membershipSession(on), proofs: decodeMembershipAnswer(passed).proofs }),
    );
    await net.during(a.exchange.prove(connection));
    expect(networksOf(connection)).toEqual(['public']);
  });

  it('are worth nothing on another session of the same two', async () => {
    net = createNet();
    const [a, b] = [await member(1, family), await net.add(2)];
    let recorded = new Uint8Array(0);
    const withdraw = b.endpoint.handle(FREE, (stream, connection) =>
      respond(stream, {}, (bytes) => {
        recorded = new Uint8Array(bytes);
        return mirrored(bytes, connection);
      }),
    );
    const first = await net.connect(a, b);
    await net.during(a.exchange.prove(first));
    await net.during(first.close('done'));
    withdraw();
    // B is a member by then, and what comes is what A has shown, to B, but in the session before.
    const exchange = createMembershipExchange({
      ...a.parts,
      endpoint: b.endpoint,
      book: b.book,
      memberships: () => [family],
    });
    await exchange.start();
    ends.push(() => exchange.stop());
    const second = await net.connect(a, b);
    await net.during(request(second, MEMBERSHIP_PROTOCOL, recorded));
    expect(networksOf(back(a, b))).toEqual(['public']);
    await net.during(a.exchange.prove(second));
    expect(back(a, b).networks.has(family.id)).toBe(true);
  });
});

describe('a peer that does otherwise', () => {
  it('is told of to whoever joins where its program does not know the protocol', async () => {
    net = createNet();
    const [a, old] = [await member(1), await net.add(2)];
    const connection = await net.connect(a, old);
    a.memberships.push(family);
    await expect(net.during(a.exchange.prove(connection))).rejects.toMatchObject({ code: 'PROTOCOL_UNKNOWN' });
    expect(await net.during(a.exchange.proveToAll())).toEqual([connection]);
    expect(standing(a, old)).toBe(0);
    await net.during(connection.close('done'));
    expect(await net.during(a.exchange.proveToAll())).toEqual([]);
  });

  it('does not keep others waiting for ever with a session that is none, or with silence', async () => {
    net = createNet();
    const [a, b] = [await member(1), await net.add(2)];
    let answers = 0;
    const withdraw = b.endpoint.handle(FREE, (stream) =>
      respond(stream, {}, () => {
        answers += 1;
        return encodeMembershipAnswer({ session: net.random.bytes(32), proofs: net.random.bytes(512) });
      }),
    );
    const connection = await net.connect(a, b);
    a.memberships.push(family);
    await expect(net.during(a.exchange.prove(connection))).rejects.toMatchObject({ code: 'SESSION_UNSETTLED' });
    expect(answers).toBe(9);
    withdraw();
    b.endpoint.handle(FREE, () => new Promise(() => undefined));
    await expect(net.during(a.exchange.prove(connection), 10_000)).rejects.toMatchObject({ code: 'DEADLINE' });
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['a nonce too short', encodeMembershipRequest({ nonce: new Uint8Array(31), proofs: new Uint8Array(512) })],
    ['a proof too few', encodeMembershipRequest({ nonce: new Uint8Array(32), proofs: new Uint8Array(480) })],
    ['an answer', encodeMembershipAnswer({ session: new Uint8Array(32), proofs: new Uint8Array(512) })],
    ['too much', new Uint8Array(MEMBERSHIP_MESSAGE_BYTES_MAX + 1)],
  ])('loses standing for %s', async (_what, bytes) => {
    net = createNet();
    const [a, b] = [await member(1, family), await net.add(2)];
    const connection = await net.connect(b, a);
    await expect(net.during(request(connection, MEMBERSHIP_PROTOCOL, bytes))).rejects.toMatchObject({ code: 'RESET' });
    expect(standing(a, b)).toBeGreaterThan(0);
  });

  it('may send any bytes: what is not the one encoding of a message is refused as such', () => {
    net = createNet();
    const fields = fc.record({
      nonce: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      session: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      proofs: fc.uint8Array({ minLength: 512, maxLength: 512 }),
    });
    fc.assert(
      fc.property(fields, ({ nonce, session, proofs }) => {
        expect(decodeMembershipRequest(encodeMembershipRequest({ nonce, proofs }))).toEqual({ nonce, proofs });
        expect(decodeMembershipAnswer(encodeMembershipAnswer({ session, proofs }))).toEqual({ session, proofs });
      }),
    );
    const valid = encodeMembershipRequest({ nonce: new Uint8Array(32), proofs: new Uint8Array(512) });
    const damaged = fc
      .record({ at: fc.nat(valid.length - 1), to: fc.nat(255), cut: fc.nat(valid.length) })
      .map(({ at, to, cut }) => {
        const bytes = valid.slice(0, cut < 20 ? cut : undefined);
        bytes[at] = to;
        return bytes;
      });
    const problemOf = (decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): unknown => {
      try {
        decode(bytes);
        return null;
      } catch (error) {
        return error instanceof MembershipError ? null : error;
      }
    };
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 1100 }), damaged), (bytes) => {
        expect(problemOf(decodeMembershipRequest, bytes)).toBeNull();
        expect(problemOf(decodeMembershipAnswer, bytes)).toBeNull();
      }),
      { numRuns: 500 },
    );
  });
});

it('is told apart by peer, role and request', () => {
  net = createNet();
  const [a, b] = [makePeer(1).local.peerId, makePeer(2).local.peerId];
  const session = { exportKey: () => new Uint8Array(32) };
  const hash = (asker = a, answerer = b, nonce = new Uint8Array(32)): string =>
    Buffer.from(membershipHash(session, { asker, answerer, nonce })).toString('hex');
  expect(new Set([hash(), hash(b, a), hash(a, a), hash(a, b, new Uint8Array(32).fill(1))]).size).toBe(4);
});
