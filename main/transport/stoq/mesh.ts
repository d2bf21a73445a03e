import { Emitter, type EventSource } from '../../base/index.ts';
import { PeerError } from './errors.ts';
import type { Connection, DatagramHandler, Endpoint, PeerId, ProtocolSpec, StreamHandler } from './interface.ts';
import type { PeerBook } from './standing/interface.ts';
import type { StoqNode } from './stoq-node.ts';

export interface MeshEvents {
  /** This node talks to others from now on; handlers are in place. */
  started: { node: StoqNode };
  /** It talks to nobody any more; streams have ended. */
  stopped: null;
  connected: { connection: Connection };
  disconnected: { peer: PeerId };
}
/**
 * STOQ as what stands above it sees it. The node comes and goes with the identity's lock and the owner's settings; what was
 * registered here is there again at every start.
 */
export interface Mesh extends EventSource<MeshEvents> {
  /** Null while this node talks to nobody. */
  readonly node: StoqNode | null;
  readonly book: PeerBook;
  /** Offers a protocol now and at every later start. @returns what withdraws it */
  handle(spec: ProtocolSpec, handler: StreamHandler, onDatagram?: DatagramHandler): () => void;
  /** As {@link Endpoint.connect}. @throws {PeerError} also `NOT_RUNNING` */
  connect(target: Parameters<Endpoint['connect']>[0], options?: { signal?: AbortSignal }): Promise<Connection>;
}
/** The mesh as whoever starts and stops STOQ drives it. */
export interface MeshControl extends Mesh {
  /** A node that has started, or null before one stops. */
  set(node: StoqNode | null): void;
}

interface Registration {
  spec: ProtocolSpec;
  handler: StreamHandler;
  onDatagram: DatagramHandler | undefined;
  withdraw: () => void;
}

export const createMesh = ({ book }: { book: PeerBook }): MeshControl => {
  const emitter = new Emitter<MeshEvents>();
  const registrations = new Set<Registration>();
  let node: StoqNode | null = null;
  let endings: (() => void)[] = [];

  const register = (registration: Registration): void => {
    const { spec, handler, onDatagram } = registration;
    if (node !== null) registration.withdraw = node.endpoint.handle(spec, handler, onDatagram);
  };
  return {
    on: (name, listener) => emitter.on(name, listener),
    get node() {
      return node;
    },
    book,
    handle: (spec, handler, onDatagram) => {
      const registration: Registration = { spec, handler, onDatagram, withdraw: () => undefined };
      registrations.add(registration);
      register(registration);
      return () => {
        registrations.delete(registration);
        registration.withdraw();
        registration.withdraw = () => undefined;
      };
    },
    connect: async (target, options) => {
      if (node === null)
        throw new PeerError({ code: 'NOT_RUNNING' }, 'The network is not running; start it and try again.');
      return await node.endpoint.connect(target, options);
    },
    set: (next) => {
      if (next === node) return;
      for (const end of endings.splice(0)) end();
      if (node !== null) {
        for (const registration of registrations) registration.withdraw = () => undefined;
        node = null;
        emitter.emit('stopped', null);
      }
      if (next === null) return;
      node = next;
      for (const registration of registrations) register(registration);
      endings = [
        next.endpoint.on('connected', (event) => emitter.emit('connected', event)),
        next.endpoint.on('disconnected', ({ peer }) => emitter.emit('disconnected', { peer })),
      ];
      emitter.emit('started', { node: next });
    },
  };
};
