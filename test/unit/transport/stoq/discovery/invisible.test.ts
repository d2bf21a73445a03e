import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryNetwork } from '../../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import { request } from '../../../../../main/transport/stoq/connection/messages.ts';
import { createInvites } from '../../../../../main/transport/stoq/discovery/create-invites.ts';
import { createMembershipExchange } from '../../../../../main/transport/stoq/discovery/create-membership-exchange.ts';
import { createRendezvous } from '../../../../../main/transport/stoq/discovery/create-rendezvous.ts';
import { createSeeds } from '../../../../../main/transport/stoq/discovery/create-seeds.ts';
import { createDht } from '../../../../../main/transport/stoq/discovery/dht/create-dht.ts';
import { encodeRequest } from '../../../../../main/transport/stoq/discovery/dht/messages.ts';
import {
  dhtProtocolOf,
  membershipOf,
  PUBLIC_NETWORK,
} from '../../../../../main/transport/stoq/discovery/membership.ts';
import { createPeerRecords } from '../../../../../main/transport/stoq/discovery/peer-record.ts';
import type { NetworkMembership } from '../../../../../main/transport/stoq/handshake/interface.ts';
import type { Address, Connection } from '../../../../../main/transport/stoq/interface.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';
import { createSimulationClock } from '../../../../support/stoq/simulation-clock.ts';
import { createStoqWorkers, startTestNode } from '../../../../support/stoq/test-node.ts';

const family = membershipOf('family', new Uint8Array(32).fill(7));
const ends: (() => Promise<void>)[] = [];
const createWorld = async () => {
  const workers = createStoqWorkers();
  await workers.run('stoq.kemKeys', new Uint8Array(64));
  const clock = createSimulationClock({ isBusy: () => workers.pending > 0 });
  const network = createMemoryNetwork({ outside: { clock, random: createSeededRandom(1) } }, { delayMs: 20 });
  ends.push(async () => workers.close());
  /** A node with everything that discovery has, in real handshakes over links of 20 ms. */
  const node = async (seed: number, memberships: NetworkMembership[]) => {
    const { local } = makePeer(seed);
    const outside = { clock, random: createSeededRandom(seed) };
    const logger = createSilentLogger();
    const name = `n${seed}`;
    const test = await startTestNode(
      { outside, workers },
      { local, carriers: [network.carrier(name)], memberships, interfaces: () => ({}) },
    );
    const { endpoint, verifier, book } = test;
    await endpoint.listen(`/memory/${name}` as Address);
    const addresses = () => endpoint.addresses();
    const records = createPeerRecords({ outside, local, verifier, addresses });
    const rooms = { outside, logger, metrics: null, endpoint, records, book, addresses };
    const dhts = [null, ...memberships].map((membership) =>
      createDht(rooms, { network: membership?.id ?? PUBLIC_NETWORK, key: membership?.key ?? null }),
    );
    const [dht] = dhts;
    if (dht === undefined) throw new Error('there is a public one');
    const proving = createMembershipExchange({ ...rooms, memberships: () => memberships });
    const all = [
      ...dhts,
      createSeeds(rooms),
      createRendezvous({ ...rooms, dht, memberships: () => memberships }),
      proving,
      createInvites({ ...rooms, store: null, join: async () => async () => undefined, prove: proving.prove }),
    ];
    for (const one of all) await one.start();
    ends.push(async () => {
      for (const one of all) await one.stop();
      await clock.drive(test.stop());
    });
    return { ...test, dhts };
  };
  const connect = (from: Awaited<ReturnType<typeof node>>, seed: number): Promise<Connection> =>
    clock.drive(from.endpoint.connect({ peer: null, addresses: [`/memory/n${seed}` as Address] }));
  return { clock, node, connect };
};
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

describe('a member of a private network', () => {
  it('looks to others like one who is in none: networks, claims, protocols, answers and their times', async () => {
    const { clock, node, connect } = await createWorld();
    await node(1, [family]);
    await node(2, []);
    const stranger = await node(3, []);
    const probe = encodeRequest({ ask: 'find', key: new Uint8Array(32) });
    const names = [dhtProtocolOf(family.key), '/hypermesh/dht-aaaaaaaaaaaaaaaaaaaaaaaa/1', '/hypermesh/nonsense/1'];
    /** All that a stranger can find out. */
    const seen = async (seed: number) => {
      const beganMs = clock.monotonicMs();
      const connection = await connect(stranger, seed);
      const tookMs = clock.monotonicMs() - beganMs;
      const answers = [];
      for (const name of names) {
        const askedMs = clock.monotonicMs();
        const answer = await clock.drive(
          request(connection, name, probe).catch((error: { code: string }) => error.code),
        );
        answers.push({ answer, afterMs: clock.monotonicMs() - askedMs });
      }
      const { addresses, observed, ...claims } = connection.remote;
      return {
        networks: [...connection.networks],
        claims,
        count: addresses.length,
        seen: observed !== null,
        tookMs,
        answers,
      };
    };
    const [member, other] = [await seen(1), await seen(2)];
    expect(member).toEqual(other);
    expect(member.networks).toEqual(['public']);
    expect(member.answers.map(({ answer }) => answer)).toEqual(names.map(() => 'PROTOCOL_UNKNOWN'));
  });

  it('meets another in their own DHT, where each finds what the other puts', async () => {
    const { clock, node, connect } = await createWorld();
    const [a, b] = [await node(1, [family]), await node(2, [family])];
    const connection = await connect(a, 2);
    expect([...connection.networks].toSorted()).toEqual([family.id, 'public'].toSorted());
    const [inside, outside] = [a.dhts[1], b.dhts[1]];
    await clock.until(() => inside?.size() === 1 && outside?.size() === 1, 'both are in the table of the other');
    const topic = new TextEncoder().encode('x');
    expect(await clock.drive(inside?.put('notes', topic, new Uint8Array([1, 2, 3])) ?? Promise.resolve(0))).toBe(1);
    const found = await clock.drive(outside?.get('notes', a.peerId, topic) ?? Promise.resolve(null));
    expect(found?.value).toEqual(new Uint8Array([1, 2, 3]));
    // In the public one there is nothing of it.
    expect(await clock.drive(b.dhts[0]?.get('notes', a.peerId, topic) ?? Promise.resolve(null))).toBeNull();
  });
});
