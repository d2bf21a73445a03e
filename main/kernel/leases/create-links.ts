import type { Connection, Mesh, ProtocolSpec } from '../../transport/stoq/index.ts';
import { LinkError } from './link-error.ts';
import type { Link, LinkCarrier, LinkHandler, Links, Party } from './link.ts';

/** A connection as a link. Nothing is kept of it but the connection: networks and route are as they are when they are asked for. */
const directLink = (connection: Connection): Link => {
  const { peerId, keyId } = connection.peer;
  const party: Party = {
    kind: 'peer',
    peerId,
    keyId,
    get networks() {
      return connection.networks;
    },
  };
  return {
    party,
    // A relay of STOQ reads nothing, but it is one more machine that bytes go through: some owners forbid that.
    get route() {
      return connection.path?.tier === 'relay' ? 'relay' : 'direct';
    },
    openStream: (protocol, options) => connection.openStream(protocol, options),
    exportKey: (label) => connection.exportKey(label),
    ping: (options) => connection.ping(options),
    close: () => Promise.resolve(),
  };
};

interface Offered {
  spec: ProtocolSpec;
  handler: LinkHandler;
  /** What withdraws it from each carrier, in the order in which they came. */
  readonly carriers: Map<LinkCarrier, () => void>;
}

/**
 * Links over the mesh, and over whatever carriers are added. One connection is one link for as long as it lives, so that what
 * somebody has shown on it can be remembered with it.
 */
export const createLinks = ({ mesh }: { mesh: Pick<Mesh, 'handle' | 'connect'> }): Links => {
  const known = new WeakMap<Connection, Link>();
  const offered = new Set<Offered>();
  const carriers = new Map<'anonymous', LinkCarrier>();

  const linkOf = (connection: Connection): Link => {
    let link = known.get(connection);
    if (link === undefined) known.set(connection, (link = directLink(connection)));
    return link;
  };
  return {
    handle: (spec, handler) => {
      const withdraw = mesh.handle(spec, (stream, connection) => handler(stream, linkOf(connection)));
      const entry: Offered = { spec, handler, carriers: new Map() };
      for (const carrier of carriers.values()) entry.carriers.set(carrier, carrier.handle(spec, handler));
      offered.add(entry);
      return () => {
        if (!offered.delete(entry)) return;
        withdraw();
        for (const end of entry.carriers.values()) end();
      };
    },
    open: async ({ peer, route }, options = {}) => {
      if (route === 'direct') return linkOf(await mesh.connect(peer, options));
      const carrier = carriers.get(route);
      if (carrier === undefined)
        throw new LinkError(
          { code: 'ROUTE_UNKNOWN', route },
          'This node makes no anonymous links; switch relays on in the settings of the network, or take a direct route.',
        );
      return await carrier.open(peer, { signal: options.signal });
    },
    addCarrier: (route, carrier) => {
      carriers.set(route, carrier);
      for (const entry of offered) entry.carriers.set(carrier, carrier.handle(entry.spec, entry.handler));
      return () => {
        if (carriers.get(route) === carrier) carriers.delete(route);
        for (const entry of offered) {
          entry.carriers.get(carrier)?.();
          entry.carriers.delete(carrier);
        }
      };
    },
  };
};
