import type { Logger, Outside } from '../../../main/base/index.ts';
import { createLinks } from '../../../main/kernel/leases/create-links.ts';
import type { Links } from '../../../main/kernel/leases/index.ts';
import {
  CIRCUIT_LIMITS,
  type CircuitLimits,
  type Circuits,
  type CircuitsInit,
  createCircuits,
} from '../../../main/kernel/proxy/circuits/index.ts';
import { createRelayChoice, type RelayChoiceControl } from '../../../main/kernel/proxy/relay-choice/index.ts';
import type { KeyHolder } from '../../../main/kernel/prover/index.ts';
import type { Carrier } from '../../../main/transport/stoq/carriers/interface.ts';
import { createMemoryNetwork } from '../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import type { MemoryNetwork, MemoryNetworkInit } from '../../../main/transport/stoq/carriers/memory/interface.ts';
import {
  type Address,
  createMesh,
  type Endpoint,
  type MeshControl,
  type PeerId,
  type Stream,
  type StoqNode,
} from '../../../main/transport/stoq/index.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { makePeer, type TestPeer } from '../stoq/make-peer.ts';
import { createSimulationClock, type SimulationClock } from '../stoq/simulation-clock.ts';
import { createStoqWorkers, startTestNode, type TestNode } from '../stoq/test-node.ts';

export interface CircuitNode {
  readonly name: string;
  readonly peer: TestPeer;
  readonly peerId: PeerId;
  readonly address: Address;
  readonly node: TestNode;
  readonly mesh: MeshControl;
  readonly links: Links;
  readonly circuits: Circuits;
  readonly choice: RelayChoiceControl;
  /** Takes back and gives again what it lends. */
  limits: CircuitLimits | null;
  accepts: boolean;
  /** Ends it without a word. */
  crash(): Promise<void>;
}
export interface NodeInit extends CircuitsInit {
  relays?: never;
  relaysSaid?: boolean;
  seed?: number;
  /** Sees and may change what this node's streams of circuits carry. */
  tap?: (stream: Stream, peer: PeerId, direction: 'in' | 'out') => Stream;
  peer?: TestPeer;
  /** What its circuits have in place of its mesh. */
  mesh?: (mesh: MeshControl) => Pick<MeshControl, 'node' | 'connect' | 'handle'>;
  logger?: Logger;
}
export interface CircuitWorld {
  readonly clock: SimulationClock;
  readonly network: MemoryNetwork;
  node(name: string, init?: NodeInit): Promise<CircuitNode>;
  connect(from: CircuitNode, to: CircuitNode): Promise<void>;
  stop(): Promise<void>;
}

const PROTOCOL = '/hypermesh/circuit/1';

/**
 * Nodes of STOQ in memory and in virtual time, each with circuits; they know each other's addresses.
 *
 * @param real - the clock of the platform, for what is measured; the simulation's then stands still
 */
export const createCircuitWorld = async (link: MemoryNetworkInit = {}, real?: Outside): Promise<CircuitWorld> => {
  const workers = createStoqWorkers();
  await workers.run('stoq.kemKeys', new Uint8Array(64));
  let opening = 0;
  const clock = createSimulationClock({ isBusy: () => workers.pending + opening > 0 });
  const nodeClock = real?.clock ?? clock;
  const drive = <T>(work: Promise<T>): Promise<T> => (real === undefined ? clock.drive(work) : work);
  const network = createMemoryNetwork(
    { outside: { clock: nodeClock, random: createSeededRandom(7) } },
    { delayMs: 5, ...link },
  );
  const nodes: CircuitNode[] = [];
  let made = 0;

  const tapped = (endpoint: Endpoint, tap: NonNullable<NodeInit['tap']>): Endpoint => {
    const connectionOf = <C extends Awaited<ReturnType<Endpoint['connect']>>>(connection: C): C =>
      new Proxy(connection, {
        get: (target, name) => {
          if (name !== 'openStream') return Reflect.get(target, name, target) as unknown;
          return async (protocol: string, options?: object) => {
            const stream = await target.openStream(protocol, options);
            return protocol === PROTOCOL ? tap(stream, target.peer.peerId, 'out') : stream;
          };
        },
      });
    return new Proxy(endpoint, {
      get: (target, name) => {
        if (name === 'connect')
          return async (...given: Parameters<Endpoint['connect']>) => connectionOf(await target.connect(...given));
        if (name === 'handle')
          return (...[spec, handler, onDatagram]: Parameters<Endpoint['handle']>) =>
            target.handle(
              spec,
              (stream, connection) =>
                handler(
                  spec.name === PROTOCOL ? tap(stream, connection.peer.peerId, 'in') : stream,
                  connectionOf(connection),
                ),
              onDatagram,
            );
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? (value as (...given: unknown[]) => unknown).bind(target) : value;
      },
    });
  };

  return {
    clock,
    network,
    node: async (name, init = {}) => {
      const { relaysSaid = true, seed, tap, peer = makePeer(5000 + (seed ?? made)), ...rest } = init;
      const { mesh: meshOf = (given: MeshControl) => given, logger = createSilentLogger(), ...circuitsInit } = rest;
      made += 1;
      const outside = { clock: nodeClock, random: createSeededRandom(9000 + made) };
      const address = `/memory/${name}` as Address;
      const carrier: Carrier = network.carrier(name);
      const node = await startTestNode(
        { outside, workers },
        { local: peer.local, carriers: [carrier], relays: () => relaysSaid },
      );
      await node.endpoint.listen(address);
      node.endpoint.setFinder(async (wanted) =>
        nodes.filter(({ peerId }) => peerId === wanted).map((one) => one.address),
      );
      const mesh = createMesh({ book: node.book });
      const endpoint = tap === undefined ? node.endpoint : tapped(node.endpoint, tap);
      mesh.set({ endpoint, dht: () => null } as unknown as StoqNode);
      const keys: Pick<KeyHolder, 'node'> = {
        node: () => ({
          signer: peer.signer,
          opener: {
            publicKey: peer.keys.kem.public,
            decapsulate: async (cipherText) => {
              opening += 1;
              try {
                return await workers.run('crypto.decapsulate', { secret: peer.keys.kem.secret, cipherText });
              } finally {
                opening -= 1;
              }
            },
          },
          certificate: peer.local.certificate,
        }),
      };
      const links = createLinks({ mesh });
      const choice = createRelayChoice({ outside, mesh });
      const own: { limits: CircuitLimits | null; accepts: boolean } = { limits: CIRCUIT_LIMITS, accepts: true };
      const circuits = createCircuits(
        {
          outside,
          logger,
          metrics: null,
          workers,
          mesh: meshOf(mesh),
          keys,
          verifier: node.verifier,
          choice,
          relayLimits: () => own.limits,
          acceptsAnonymous: () => own.accepts,
        },
        circuitsInit,
      );
      links.addCarrier('anonymous', circuits.carrier);
      await circuits.start();
      const made_: CircuitNode = Object.assign(own, {
        name,
        peer,
        peerId: peer.local.peerId,
        address,
        node,
        mesh,
        links,
        circuits,
        choice,
        crash: async () => {
          network.crash(name);
          await circuits.stop();
          await node.stop();
        },
      });
      nodes.push(made_);
      return made_;
    },
    connect: async (from, to) => {
      await drive(from.node.endpoint.connect({ peer: to.peerId, addresses: [to.address] }));
    },
    stop: async () => {
      for (const { circuits, node, choice } of nodes) {
        choice.stop();
        await drive(circuits.stop());
        await drive(node.stop());
      }
    },
  };
};

/** A client, a target and so many relays; the client knows all relays, and nobody else knows anybody. */
export const createCircuitTown = async (
  relays: number,
  link: MemoryNetworkInit = {},
  init: { client?: NodeInit; target?: NodeInit; relay?: (index: number) => NodeInit; real?: Outside } = {},
) => {
  const world = await createCircuitWorld(link, init.real);
  const client = await world.node('client', { relaysSaid: false, ...init.client });
  const target = await world.node('target', { relaysSaid: false, ...init.target });
  const middle: CircuitNode[] = [];
  for (let index = 0; index < relays; index++) {
    const relay = await world.node(`relay${index}`, init.relay?.(index) ?? {});
    middle.push(relay);
    await world.connect(client, relay);
  }
  return { world, client, target, relays: middle };
};
