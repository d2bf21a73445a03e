import { createHash } from 'node:crypto';
import { decodeCbor, Emitter, encodeCbor, sha256, type Clock } from '../../../main/base/index.ts';
import { peerIdOf } from '../../../main/base/crypto/index.ts';
import type { KeyId } from '../../../main/base/crypto/index.ts';
import { PeerError, StreamError } from '../../../main/transport/stoq/errors.ts';
import type {
  Address,
  Connection,
  ConnectionEvents,
  Endpoint,
  EndpointEvents,
  LocalPeer,
  NetworkId,
  Path,
  PeerId,
  PeerVerifier,
  ProtocolSpec,
  Stream,
  StreamHandler,
  VerifiedPeer,
} from '../../../main/transport/stoq/interface.ts';

/** Signs and checks without keys: what discovery does with records is the same, and fifty nodes take no time. */
const seal = (domain: string, payload: Uint8Array, key: Uint8Array): Uint8Array =>
  sha256(encodeCbor(['fake', domain, payload, key]));
export const createFakeVerifier = (): PeerVerifier & { opened: number } => {
  const verifier = {
    opened: 0,
    verify: () => Promise.reject(new Error('nobody shows certificates here')),
    openRecord: async (domain: string, record: Uint8Array) => {
      verifier.opened += 1;
      let fields: { d?: unknown; k?: unknown; p?: unknown; s?: unknown } = {};
      try {
        fields = decodeCbor(record) as typeof fields;
      } catch {
        // Refused below.
      }
      const { d, k, p, s } = fields;
      if (
        d !== domain ||
        !(k instanceof Uint8Array) ||
        !(p instanceof Uint8Array) ||
        !(s instanceof Uint8Array) ||
        !Buffer.from(s).equals(seal(domain, p, k))
      )
        throw new PeerError({ code: 'SIGNATURE_REFUSED', problem: 'fake', verdict: 'reject' }, 'It does not hold.');
      return { payload: p, keyId: 'key:fake' as KeyId, keys: { ed25519: k, falcon1024: new Uint8Array(0) } };
    },
  };
  return verifier;
};
export const fakeLocal = (seed: number | string): LocalPeer & { key: Uint8Array } => {
  const key = sha256(new TextEncoder().encode(`peer ${seed}`));
  return {
    key,
    peerId: peerIdOf(key) as PeerId,
    keyId: `key:${seed}` as KeyId,
    certificate: new Uint8Array(0),
    sign: async (domain, payload) => encodeCbor({ d: domain, k: key, p: payload, s: seal(domain, payload, key) }),
  };
};

/** One direction of a stream. */
const createPipe = () => {
  let chunks: Uint8Array[] = [];
  let ended = false;
  let failure: Error | null = null;
  let wake: () => void = () => undefined;
  let drained: () => void = () => undefined;
  const untilDrained = new Promise<void>((resolve) => {
    drained = resolve;
  });
  return {
    write: (bytes: Uint8Array): void => {
      if (failure !== null) throw failure;
      chunks.push(new Uint8Array(bytes));
      wake();
    },
    end: (): void => {
      ended = true;
      wake();
    },
    fail: (error: Error): void => {
      failure ??= error;
      wake();
      drained();
    },
    read: async (maxBytes: number): Promise<Uint8Array | null> => {
      for (;;) {
        if (failure !== null) throw failure;
        const [first] = chunks;
        if (first !== undefined) {
          const piece = first.subarray(0, maxBytes);
          chunks = piece.length === first.length ? chunks.slice(1) : [first.subarray(maxBytes), ...chunks.slice(1)];
          return piece;
        }
        if (ended) {
          drained();
          return null;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    untilDrained: async (): Promise<void> => {
      await untilDrained;
      if (failure !== null) throw failure;
    },
  };
};

export interface FakeEndpoint extends Endpoint {
  readonly key: Uint8Array;
  readonly networks: Set<NetworkId>;
  /** Offences that handlers of this node's protocols caused, by their errors' verdict. */
  readonly faults: { peer: PeerId; problem: string }[];
  /** Dials that were tried. */
  dials: number;
  addressList: Address[];
  /** Ends all connections, and answers nobody any more. */
  vanish(): void;
}
/** Endpoints in one process that share neither threads nor time: streams without carriers, handshakes or limits. */
export interface FakeNetwork {
  add(seed: number | string, options?: { networks?: readonly string[]; address?: string }): FakeEndpoint;
  /** Whether two may talk; a partition. */
  between: (a: PeerId, b: PeerId) => boolean;
}

export const createFakeNetwork = ({ clock }: { clock: Clock }): FakeNetwork => {
  const nodes = new Map<PeerId, Node>();
  interface Node {
    endpoint: FakeEndpoint;
    events: Emitter<EndpointEvents>;
    connections: Map<PeerId, Connection>;
    handlers: Map<string, { spec: ProtocolSpec; handler: StreamHandler }>;
    alive: boolean;
  }
  const unreachable = (peer: PeerId): PeerError =>
    new PeerError({ code: 'UNREACHABLE', peer, tried: [] }, 'Nobody answers there.');
  const commonOf = (a: Node, b: Node): Set<NetworkId> =>
    new Set([...a.endpoint.networks].filter((one) => b.endpoint.networks.has(one)));

  const network: FakeNetwork = {
    between: () => true,
    add: (seed, { networks = ['public'], address = `/memory/n${seed}` } = {}) => {
      const local = fakeLocal(seed);
      const events = new Emitter<EndpointEvents>();
      const connections = new Map<PeerId, Connection>();
      const handlers: Node['handlers'] = new Map();
      const node = { events, connections, handlers, alive: true } as unknown as Node;

      const openStream = async (
        other: Node,
        protocol: string,
        options: { deadlineMs?: number; signal?: AbortSignal } = {},
      ): Promise<Stream> => {
        const there = () => node.alive && other.alive && network.between(local.peerId, other.endpoint.local.peerId);
        const [up, down] = [createPipe(), createPipe()];
        const failBoth = (error: Error): void => {
          up.fail(error);
          down.fail(error);
        };
        const deadlineMs = options.deadlineMs ?? 10_000;
        const cancel = clock.after(deadlineMs, () =>
          failBoth(new StreamError({ code: 'DEADLINE', deadlineMs }, 'It took too long.')),
        );
        options.signal?.addEventListener('abort', () => failBoth(options.signal?.reason as Error), { once: true });
        if (options.signal?.aborted === true) failBoth(options.signal.reason as Error);
        const known = other.handlers.get(protocol);
        const allowed =
          known !== undefined &&
          (known.spec.networks === undefined ||
            [...commonOf(node, other)].some((one) => known.spec.networks?.has(one) === true));
        const side = (read: ReturnType<typeof createPipe>, write: ReturnType<typeof createPipe>): Stream => ({
          protocol,
          direction: 'out',
          extensions: {},
          read: (maxBytes = 65_536) => read.read(maxBytes),
          write: async (bytes) => write.write(bytes),
          finish: async () => write.end(),
          acknowledged: () => write.untilDrained(),
          reset: () => {
            cancel();
            failBoth(new StreamError({ code: 'RESET' }, 'It was reset.'));
          },
        });
        if (there() && !allowed)
          failBoth(new StreamError({ code: 'PROTOCOL_UNKNOWN', protocol }, 'The peer does not know this protocol.'));
        else if (there()) {
          const incoming = other.connections.get(local.peerId);
          if (incoming !== undefined && known !== undefined)
            void known.handler(side(up, down), incoming).then(cancel, (error: unknown) => {
              const data = (error as { data?: { verdict?: string } }).data;
              if (data?.verdict === 'reject')
                other.endpoint.faults.push({ peer: local.peerId, problem: (error as Error).message });
              failBoth(new StreamError({ code: 'RESET' }, 'The peer reset it.'));
              cancel();
            });
        }
        return side(down, up);
      };
      const connectionTo = (other: Node, direction: 'in' | 'out'): Connection => {
        const peer: VerifiedPeer = {
          peerId: other.endpoint.local.peerId,
          keyId: other.endpoint.local.keyId,
          keys: { ed25519: other.endpoint.key, falcon1024: new Uint8Array(0) },
          kem: new Uint8Array(0),
          certificate: new Uint8Array(0),
        };
        const path = {
          id: 0,
          tier: 'memory',
          direction,
          remoteAddress: other.endpoint.addressList[0] ?? ('/memory/nowhere' as Address),
          via: null,
          openedAtMs: clock.nowMs(),
          chosen: true,
          why: 'the only one',
          stats: () => ({
            rttMs: null,
            lossRatio: null,
            sentBytesPerSecond: 0,
            receivedBytesPerSecond: 0,
            sentBytes: 0,
            receivedBytes: 0,
          }),
        } satisfies Path;
        const own = new Emitter<ConnectionEvents>();
        return {
          on: own.on.bind(own),
          peer,
          networks: commonOf(node, other),
          direction,
          openedAtMs: clock.nowMs(),
          remote: {
            agent: 'fake',
            addresses: other.endpoint.addressList,
            observed: null,
            sidePort: null,
            relays: false,
          },
          handshake: { resumed: false, tookMs: 1 },
          streamsOpen: 0,
          path,
          paths: () => [path],
          openStream: (protocol, options) => openStream(other, protocol, options),
          sendDatagram: () => false,
          ping: () => Promise.resolve(1),
          exportKey: (label) =>
            new Uint8Array(
              createHash('sha256')
                .update([local.peerId, other.endpoint.local.peerId].toSorted().join())
                .update(label)
                .digest(),
            ),
          close: async () => {
            connections.delete(peer.peerId);
            other.connections.delete(local.peerId);
            events.emit('disconnected', { peer: peer.peerId, reason: 'done', detail: '' });
            other.events.emit('disconnected', { peer: local.peerId, reason: 'done', detail: '' });
          },
        };
      };
      const connect: Endpoint['connect'] = async (target, options = {}) => {
        options.signal?.throwIfAborted();
        endpoint.dials += 1;
        const wanted = typeof target === 'string' ? target : target.peer;
        if (wanted !== null) {
          const there = connections.get(wanted);
          if (there !== undefined) return there;
        }
        const found = [...nodes.values()].find(
          (other) =>
            other.alive &&
            (typeof target === 'string'
              ? other.endpoint.local.peerId === target
              : target.addresses.some((one) => other.endpoint.addressList.includes(one))),
        );
        await Promise.resolve();
        if (found === undefined || !network.between(local.peerId, found.endpoint.local.peerId) || !node.alive)
          throw unreachable(wanted ?? ('nobody' as PeerId));
        if (wanted !== null && found.endpoint.local.peerId !== wanted)
          throw new PeerError(
            { code: 'WRONG_PEER', expected: wanted, found: found.endpoint.local.peerId, verdict: 'ignore' },
            'Another peer answers there.',
          );
        if (commonOf(node, found).size === 0) throw unreachable(found.endpoint.local.peerId);
        const known = connections.get(found.endpoint.local.peerId);
        if (known !== undefined) return known;
        const connection = connectionTo(found, 'out');
        const back = (found.endpoint as unknown as { accept(from: Node): Connection }).accept(node);
        connections.set(found.endpoint.local.peerId, connection);
        events.emit('connected', { connection });
        found.events.emit('connected', { connection: back });
        return connection;
      };
      const endpoint = {
        on: events.on.bind(events),
        local,
        key: local.key,
        networks: new Set(networks) as Set<NetworkId>,
        faults: [],
        dials: 0,
        addressList: address === '' ? [] : [address as Address],
        addresses: () => endpoint.addressList,
        connect,
        connection: (peer: PeerId) => connections.get(peer) ?? null,
        connections: () => [...connections.values()],
        handle: (spec: ProtocolSpec, handler: StreamHandler) => {
          handlers.set(spec.name, { spec, handler });
          return () => handlers.delete(spec.name);
        },
        stats: () => {
          throw new Error('nothing is counted');
        },
        wake: () => undefined,
        vanish: () => {
          node.alive = false;
          for (const connection of connections.values()) void connection.close();
        },
        accept: (from: Node) => {
          const connection = connectionTo(from, 'in');
          connections.set(from.endpoint.local.peerId, connection);
          return connection;
        },
      } as unknown as FakeEndpoint;
      node.endpoint = endpoint;
      nodes.set(local.peerId, node);
      return endpoint;
    },
  };
  return network;
};
