import { isNodeError, type Logger, type Outside } from '../../base/index.ts';
import type { PeerBook, PeerId } from '../../transport/stoq/index.ts';
import type { ReachedView, RequestOf } from '../../../preload/contract/index.ts';
import type { RouteKind } from '../leases/index.ts';
import { parseGlobalAddress } from '../leases/index.ts';
import { REACHED_MAX } from './constants.ts';
import { ProxyError } from './errors.ts';
import { startTcpForwarder } from './forwarders/tcp.ts';
import { startUdpForwarder } from './forwarders/udp.ts';
import type { Dialer, LocalForwarder } from './interface.ts';
import { listenText } from './listen-text.ts';
import type { SavedReached } from './saved-tunnels.ts';
import { newTunnelId, tunnelUnknown } from './tunnel-id.ts';

export interface ReachedComponents {
  outside: Outside;
  logger: Logger;
  dialer: Dialer;
  book: Pick<PeerBook, 'get'>;
}
/** Far services at ports of this machine. */
export interface Reached {
  restore(saved: readonly SavedReached[]): Promise<void>;
  add(request: RequestOf<'tunnels:reach'>): Promise<ReachedView>;
  /** @throws {ProxyError} `TUNNEL_UNKNOWN` */
  remove(id: string): Promise<void>;
  views(): ReachedView[];
  saved(): SavedReached[];
  stop(): Promise<void>;
}

interface Tunnel {
  saved: SavedReached;
  /** Null where its port could not be had at the start. */
  forwarder: LocalForwarder | null;
  route: RouteKind;
  problem: string;
}

export const createReached = (components: ReachedComponents): Reached => {
  const { outside, dialer, book } = components;
  const { clock, random } = outside;
  const logger = components.logger.child('reached');
  const all = new Map<string, Tunnel>();

  const begin = async (tunnel: Tunnel, preferred: number | null): Promise<void> => {
    const { address, port, localPort, protocol, route } = tunnel.saved;
    const parts = {
      outside,
      logger,
      dialer,
      onOutcome: ({
        peer,
        route: taken,
        problem,
      }: {
        peer: string | null;
        route: string | null;
        problem: string | null;
      }) => {
        tunnel.problem = problem ?? '';
        if (peer !== null) tunnel.saved = { ...tunnel.saved, peer: peer as PeerId };
        if (taken !== null) tunnel.route = taken as RouteKind;
      },
    };
    const init = { target: { kind: 'service' as const, address, port, route }, port: localPort, preferred };
    tunnel.forwarder = await (protocol === 'udp' ? startUdpForwarder(parts, init) : startTcpForwarder(parts, init));
    tunnel.saved = { ...tunnel.saved, localPort: tunnel.forwarder.listen.port };
    tunnel.problem = '';
  };
  const viewOf = ({ saved, forwarder, route, problem }: Tunnel): ReachedView => {
    const { id, address, protocol, port, createdAtMs, peer, localPort } = saved;
    const counters = forwarder?.counters;
    return {
      id,
      address,
      protocol,
      port,
      listen: listenText(forwarder?.listen ?? { host: '::1', port: localPort }),
      route,
      peerId: peer,
      peerName: peer === null ? '' : (book.get(peer)?.name ?? ''),
      createdAtMs,
      connectionsNow: counters?.connectionsNow ?? 0,
      connectionsTotal: counters?.connectionsTotal ?? 0,
      sentBytes: counters?.sentBytes ?? 0,
      receivedBytes: counters?.receivedBytes ?? 0,
      problem,
    };
  };
  return {
    restore: async (saved) => {
      for (const one of saved) {
        const tunnel: Tunnel = { saved: one, forwarder: null, route: one.route, problem: '' };
        all.set(one.id, tunnel);
        try {
          await begin(tunnel, null);
        } catch (error) {
          if (!isNodeError(error)) throw error;
          tunnel.problem = error.message;
          logger.warn('A far service has no port here now', { id: one.id, problem: error.message });
        }
      }
    },
    add: async (request) => {
      if (all.size >= REACHED_MAX)
        throw new ProxyError(
          { code: 'TABLE_FULL', max: REACHED_MAX },
          `This node leads to ${REACHED_MAX} far services already; close one first.`,
        );
      const address = parseGlobalAddress(request.address);
      if (address === null)
        throw new ProxyError(
          { code: 'ADDRESS_UNKNOWN', address: request.address },
          'That is no global address; it begins with fd.',
        );
      const { protocol, port, localPort, route } = request;
      const tunnel: Tunnel = {
        saved: {
          id: newTunnelId(random),
          address,
          protocol,
          port,
          localPort,
          route,
          createdAtMs: clock.nowMs(),
          peer: null,
        },
        forwarder: null,
        route,
        problem: '',
      };
      await begin(tunnel, port);
      all.set(tunnel.saved.id, tunnel);
      return viewOf(tunnel);
    },
    remove: async (id) => {
      const tunnel = all.get(id);
      if (tunnel === undefined) throw tunnelUnknown(id);
      all.delete(id);
      await tunnel.forwarder?.stop();
    },
    views: () => [...all.values()].map(viewOf),
    saved: () => [...all.values()].map(({ saved }) => saved),
    stop: async () => {
      await Promise.all([...all.values()].map(async ({ forwarder }) => forwarder?.stop()));
    },
  };
};
