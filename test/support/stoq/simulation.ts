import { createHash } from 'node:crypto';
import { createMemoryNetwork } from '../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import type { LinkOptions, MemoryNetwork } from '../../../main/transport/stoq/carriers/memory/interface.ts';
import { respond } from '../../../main/transport/stoq/connection/messages.ts';
import { createBootstrap } from '../../../main/transport/stoq/discovery/create-bootstrap.ts';
import { createSeeds, encodeSeedsAnswer, SEEDS_PROTOCOL } from '../../../main/transport/stoq/discovery/create-seeds.ts';
import { createDht, type DhtNode } from '../../../main/transport/stoq/discovery/dht/create-dht.ts';
import { PUBLIC_NETWORK } from '../../../main/transport/stoq/discovery/membership.ts';
import { createPeerRecords, encodePeerRecord } from '../../../main/transport/stoq/discovery/peer-record.ts';
import type { Address, LocalPeer, PeerId } from '../../../main/transport/stoq/interface.ts';
import type { Offence } from '../../../main/transport/stoq/standing/interface.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { makePeer, type TestPeer } from './make-peer.ts';
import { createSimulationClock, type SimulationClock } from './simulation-clock.ts';
import { createStoqWorkers, startTestNode, type TestNode } from './test-node.ts';

/**
 * How a node behaves. `record`: tells others of peers in records that those never signed. `address`: says that it is where another
 * node is. `impostor`: shows another node's certificate, and signs with its own keys.
 */
export type Character = 'honest' | 'record' | 'address' | 'impostor';

/** A place in the simulation; the program in it comes and goes. */
export interface SimulatedNode {
  readonly number: number;
  readonly name: string;
  readonly address: Address;
  readonly character: Character;
  /** Who it really is: whose keys it has. */
  readonly peer: TestPeer;
  /** Null while it does not run. */
  readonly running: { node: TestNode; dht: DhtNode } | null;
}
export interface Simulation {
  readonly clock: SimulationClock;
  readonly network: MemoryNetwork;
  readonly nodes: readonly SimulatedNode[];
  start(number: number): Promise<void>;
  /** As `kill -9` does it. */
  crash(number: number): Promise<void>;
  run(ms: number): Promise<void>;
  /** Lets the first node connect to the second, by its peer id and nothing else. */
  connect(from: number, to: number): Promise<void>;
  /** Throws when something is not as it must be at any time. */
  checkInvariants(): void;
  /** Notes that something has happened; with whatever nodes say, it makes the hash. */
  note(event: string): void;
  /** SHA-256 of all that has happened, with its times. */
  hash(): string;
  stop(): Promise<void>;
}
export interface SimulationInit extends Partial<LinkOptions> {
  seed: number;
  /** The first one is the bootstrap of all others, and honest. */
  characters: readonly Character[];
}

/** What a crash or a partition makes of an honest node. */
const HARMLESS = new Set<Offence>(['timedOut', 'tooSlow']);
/** Connections that a node has by itself. */
const PEERS_WANTED = 8;
const LOOK_MS = 5_000;
/** Timers of one node at rest and of one connection, with room: more are a leak. */
const TIMERS_PER_NODE_MAX = 60;
const TIMERS_PER_CONNECTION_MAX = 12;

const seedsSpec = { name: SEEDS_PROTOCOL, streamsMax: 2, opensPerTenSeconds: 8, bytesMax: 8192, deadlineMs: 10_000 };

export const createSimulation = async (init: SimulationInit): Promise<Simulation> => {
  const { seed, characters, ...link } = init;
  const workers = createStoqWorkers();
  // The first run of a task loads modules, which takes the real event loop however long it takes.
  await workers.run('stoq.kemKeys', new Uint8Array(64));
  const clock = createSimulationClock({ isBusy: () => workers.pending > 0 });
  const network = createMemoryNetwork({ outside: { clock, random: createSeededRandom(seed) } }, link);
  const log = createHash('sha256');
  const nameOf = new Map<PeerId, string>();
  const starts = new Map<number, number>();
  /** What honest nodes hold against each other. */
  const wronged: string[] = [];
  const note = (event: string): void => {
    log.update(`${clock.monotonicMs()} ${event}\n`);
  };

  type Place = { -readonly [K in keyof SimulatedNode]: SimulatedNode[K] } & { end: () => Promise<void> };
  const nodes: Place[] = characters.map((character, number) => {
    const name = `n${number}`;
    const peer = makePeer(1000 + number);
    nameOf.set(peer.local.peerId, name);
    const address = `/memory/${name}` as Address;
    return { number, name, address, character, peer, running: null, end: () => Promise.resolve() };
  });
  const place = (number: number): Place => {
    const found = nodes[number];
    if (found === undefined) throw new Error(`there is no node ${number}`);
    return found;
  };
  const named = (peer: PeerId): string => nameOf.get(peer) ?? 'a stranger';

  /** What a node shows and signs with. */
  const localOf = ({ character, number, peer }: Place): LocalPeer => {
    if (character !== 'impostor') return peer.local;
    const { peerId, keyId, certificate } = place(number === 1 ? 2 : 1).peer.local;
    return { peerId, keyId, certificate, sign: peer.local.sign };
  };
  const startServices = async (own: Place, node: TestNode, local: LocalPeer): Promise<DhtNode> => {
    const { endpoint, book, verifier } = node;
    const random = createSeededRandom(seed ^ (own.number * 7919 + (starts.get(own.number) ?? 0)));
    const logger = createSilentLogger();
    const addresses = () => endpoint.addresses();
    const records = createPeerRecords({ outside: { clock, random }, local, verifier, addresses });
    const rooms = { outside: { clock, random }, logger, metrics: null, endpoint, records, book };
    const dht = createDht(rooms, { network: PUBLIC_NETWORK, key: null });
    const life = new AbortController();
    endpoint.setFinder((peer, signal) => dht.findPeer(peer, { signal }));
    await dht.start();
    let dialling = 0;
    const connect = async (peer: PeerId): Promise<void> => {
      if (dialling >= 3 || peer === local.peerId || endpoint.connection(peer) !== null) return;
      dialling += 1;
      await endpoint.connect(peer, { signal: life.signal }).catch(() => undefined);
      dialling -= 1;
    };
    const enough = (): boolean => endpoint.connections().length >= PEERS_WANTED;
    const found = ({ peer, addresses: at }: { peer: PeerId; addresses: readonly Address[] }): void => {
      book.learn(peer, at, 'seed');
      if (!enough()) void connect(peer);
    };
    const discoveries = [
      createBootstrap(rooms, { addresses: () => (own.number === 0 ? [] : [place(0).address]) }),
      // Who lies in what it tells of others answers in its own way.
      ...(own.character === 'record' ? [] : [createSeeds(rooms)]),
    ];
    if (own.character === 'record')
      endpoint.handle(seedsSpec, (stream) => respond(stream, { bytesMax: 8192 }, forged(own)));
    for (const discovery of discoveries) {
      discovery.on('found', found);
      await discovery.start();
    }
    const endLooks = clock.every(LOOK_MS, () => {
      if (!enough()) for (const peer of book.candidates(3)) void connect(peer);
    });
    own.end = async () => {
      life.abort(new Error('the node ends'));
      endLooks();
      for (const discovery of discoveries) await discovery.stop();
      await dht.stop();
      await node.stop();
    };
    return dht;
  };
  /** Records of other peers that they never signed: at this liar's own address, under its own signature. */
  const forged = (own: Place) => async (): Promise<Uint8Array> => {
    const nowMs = clock.nowMs();
    const victims = nodes.filter(({ number }) => number !== own.number).slice(0, 4);
    const others = await Promise.all(
      victims.map(({ peer }) =>
        own.peer.local.sign(
          'stoq-peer',
          encodePeerRecord({
            peerId: peer.local.peerId,
            addresses: [own.address],
            sequence: nowMs + 1_000_000,
            issuedAtMs: nowMs,
            lifeMs: 3_600_000,
          }),
        ),
      ),
    );
    return encodeSeedsAnswer({ record: null, others });
  };

  const simulation: Simulation = {
    clock,
    network,
    nodes,
    start: async (number) => {
      const own = place(number);
      if (own.running !== null) throw new Error(`${own.name} runs`);
      const count = (starts.get(number) ?? 0) + 1;
      starts.set(number, count);
      const local = localOf(own);
      const random = createSeededRandom(seed * 31 + number * 1009 + count);
      const node = await startTestNode(
        { outside: { clock, random }, workers },
        {
          local,
          carriers: [network.carrier(own.name)],
          datagrams: network.datagrams(own.name),
          interfaces: () => ({}),
        },
      );
      const { endpoint } = node;
      endpoint.on('connected', ({ connection }) => {
        note(`${own.name} connected ${connection.direction} ${named(connection.peer.peerId)}`);
      });
      endpoint.on('disconnected', ({ peer, reason }) => {
        note(`${own.name} disconnected ${named(peer)} ${reason}`);
      });
      endpoint.on('offended', ({ peer, offence }) => {
        note(`${own.name} offended by ${named(peer)} ${offence}`);
      });
      node.book.on('changed', ({ peer }) => {
        const offence = node.book.get(peer)?.lastOffence;
        const known = nodes.find((one) => one.peer.local.peerId === peer);
        if (own.character !== 'honest' || known?.character !== 'honest' || offence === null || offence === undefined)
          return;
        if (!HARMLESS.has(offence.offence)) wronged.push(`${own.name} holds against ${known.name}: ${offence.detail}`);
      });
      await endpoint.listen(own.address);
      if (own.character === 'address') endpoint.announce([place(0).address]);
      const dht = await startServices(own, node, local);
      own.running = { node, dht };
      note(`${own.name} started`);
    },
    crash: async (number) => {
      const own = place(number);
      network.crash(own.name);
      own.running = null;
      note(`${own.name} crashed`);
      // Its timers must end too; nothing that it says on the way leaves it any more.
      await clock.drive(own.end());
    },
    run: (ms) => clock.run(ms),
    connect: async (from, to) => {
      const { running } = place(from);
      if (running === null) throw new Error(`node ${from} does not run`);
      const connection = await clock.drive(running.node.endpoint.connect(place(to).peer.local.peerId), 120_000);
      if (connection.peer.keyId !== place(to).peer.local.keyId) throw new Error('another peer answered');
    },
    checkInvariants: () => {
      if (wronged.length > 0) throw new Error(`${wronged.length} times honest nodes fell out; ${wronged[0]}`);
      let connections = 0;
      for (const own of nodes) {
        for (const { peer } of own.running?.node.endpoint.connections() ?? []) {
          connections += 1;
          // Whoever was let in has the keys of the certificate that it showed.
          const impostor = own.character === 'impostor';
          const other = nodes.find(({ peer: real }) => real.local.peerId === peer.peerId);
          if (impostor || other === undefined || other.character === 'impostor')
            throw new Error(`${own.name} is connected to ${named(peer.peerId)}, and one of the two is not who it says`);
        }
      }
      const running = nodes.filter((one) => one.running !== null).length;
      const timersMax = running * TIMERS_PER_NODE_MAX + connections * TIMERS_PER_CONNECTION_MAX;
      if (clock.pendingCount > timersMax)
        throw new Error(`${clock.pendingCount} timers for ${running} nodes and ${connections} connections`);
      if (network.stats().channels > connections + running * 8)
        throw new Error(`${network.stats().channels} channels for ${connections} ends of connections`);
    },
    note,
    hash: () => log.copy().digest('hex'),
    stop: async () => {
      const ends = nodes.filter((one) => one.running !== null);
      for (const own of ends) own.running = null;
      await clock.drive(Promise.all(ends.map((own) => own.end())));
      await clock.run(60_000);
    },
  };
  return simulation;
};

/** Runs a simulation to its end; whatever fails says the seed, with which it fails again. */
export const withSimulation = async (
  init: SimulationInit,
  story: (simulation: Simulation) => Promise<void>,
): Promise<{ hash: string; timersLeft: number }> => {
  const simulation = await createSimulation(init);
  try {
    await story(simulation);
    simulation.checkInvariants();
    await simulation.stop();
    return { hash: simulation.hash(), timersLeft: simulation.clock.pendingCount };
  } catch (cause) {
    const atMs = simulation.clock.monotonicMs();
    throw new Error(`The simulation with seed ${init.seed} failed after ${atMs} ms: ${String(cause)}`, { cause });
  }
};
