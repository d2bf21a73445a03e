import { Emitter, isNodeError, type Logger, type Outside, type Settings } from '../../base/index.ts';
import { type PeerBook, type PeerId, PUBLIC_NETWORK } from '../../transport/stoq/index.ts';
import type { ProxyView, RequestOf, ResponseOf, TunnelTest } from '../../../preload/contract/index.ts';
import { type AddressBook, type GlobalAddress, type Leases, parseGlobalAddress } from '../leases/index.ts';
import type { KeyHolder } from '../prover/index.ts';
import { PROXIES_MAX } from './constants.ts';
import type { DialerControl } from './dialer.ts';
import { ProxyError } from './errors.ts';
import { createExposures } from './exposures.ts';
import type { ForwardService } from './forward-service.ts';
import type { LocalProxy, ResolvedRoute, StartProxy, Tunnels, TunnelsEvents, Vpn } from './interface.ts';
import { listenText } from './listen-text.ts';
import { createReached } from './reached.ts';
import type { RoutesControl } from './routes/index.ts';
import { loadTunnels, type SavedProxy, saveTunnels } from './saved-tunnels.ts';
import type { ProxyMetrics } from './metrics.ts';
import type { TranslationTableControl } from './translation-table.ts';
import { newTunnelId, tunnelUnknown } from './tunnel-id.ts';

export interface TunnelsComponents {
  outside: Outside;
  logger: Logger;
  metrics: ProxyMetrics | null;
  settings: Settings;
  keys: KeyHolder;
  table: TranslationTableControl;
  service: ForwardService;
  routes: RoutesControl;
  dialer: DialerControl;
  leases: Pick<Leases, 'find' | 'get'>;
  book: Pick<PeerBook, 'get' | 'list'>;
  addressBook: Pick<AddressBook, 'groups'>;
  /** Private networks that this node is in now. */
  networks: () => readonly { id: string; name: string }[];
  /** Port of this node's API, null while it has none. */
  apiPort: () => number | null;
  startProxy: StartProxy;
  vpn: Vpn;
}
export interface TunnelsInit {
  /** How often it is looked whether anything was carried, ms. @default 1000 */
  lookMs?: number;
}

interface OpenProxy {
  saved: SavedProxy;
  proxy: LocalProxy | null;
  problem: string;
}

const LOOK_MS = 1_000;

/** @see Tunnels. Whatever is exposed, reached and opened is there again after a start. */
export const createTunnels = (components: TunnelsComponents, init: TunnelsInit = {}): Tunnels => {
  const { outside, settings, keys, table, service, routes, dialer, leases, book, networks, startProxy, vpn, metrics } =
    components;
  const { clock, random } = outside;
  const { lookMs = LOOK_MS } = init;
  const logger = components.logger.child('tunnels');
  const emitter = new Emitter<TunnelsEvents>();
  const exposures = createExposures(components);
  const reached = createReached(components);
  const proxies = new Map<string, OpenProxy>();
  let vpnUp = false;
  let started = false;
  let undo: (() => void)[] = [];
  let lastCarried = '';

  const nameOf = (peer: PeerId): string => book.get(peer)?.name ?? '';
  const save = async (): Promise<void> => {
    await saveTunnels(settings, {
      exposures: exposures.saved(),
      reached: reached.saved(),
      proxies: [...proxies.values()].map(({ saved }) => saved),
      vpn: vpnUp,
    });
    emitter.emit('changed', null);
  };
  const openProxy = async (open: OpenProxy): Promise<void> => {
    const { kind, localPort, lease, username, password } = open.saved;
    open.proxy = await startProxy(kind, { port: localPort, lease, username, password, names: () => exposures.names() });
    open.saved = { ...open.saved, localPort: open.proxy.listen.port };
    open.problem = '';
  };
  const proxyView = ({ saved, proxy, problem }: OpenProxy): ProxyView => {
    const counters = proxy?.counters;
    return {
      id: saved.id,
      kind: saved.kind,
      listen: listenText(proxy?.listen ?? { host: '::1', port: saved.localPort }),
      lease: saved.lease,
      password: saved.password !== '' || saved.username !== '',
      connectionsNow: counters?.connectionsNow ?? 0,
      connectionsTotal: counters?.connectionsTotal ?? 0,
      sentBytes: counters?.sentBytes ?? 0,
      receivedBytes: counters?.receivedBytes ?? 0,
      refused: proxy?.refused() ?? 0,
      problem,
    };
  };
  const resolvedView = (route: ResolvedRoute): ResponseOf<'tunnels:resolve'> => {
    const { record, source, tookMs } = route;
    const network = networks().find(({ id }) => id === source)?.name ?? source;
    return {
      address: record.address,
      peerId: record.host,
      peerName: nameOf(record.host),
      source: source === PUBLIC_NETWORK ? 'public' : network,
      tookMs,
      services: record.services.map(({ protocol, port }) => ({ protocol, port })),
      expiresAtMs: record.expiresAtMs,
    };
  };
  const addressOf = (text: string): GlobalAddress => {
    const address = parseGlobalAddress(text);
    if (address === null)
      throw new ProxyError(
        { code: 'ADDRESS_UNKNOWN', address: text },
        'That is no global address; it is an IPv6 address that begins with fd.',
      );
    return address;
  };
  /** One sentence per step; what fails ends it. */
  const test = async (request: RequestOf<'tunnels:test'>): Promise<TunnelTest> => {
    const address = addressOf(request.address);
    const result: TunnelTest = { resolved: null, rttMs: null, route: null, allowed: false, steps: [] };
    const note = (step: string, sentence: string): void => {
      result.steps.push({ step, ok: true, sentence });
    };
    let step = 'found';
    try {
      const route = await routes.resolve(address, { fresh: true });
      result.resolved = resolvedView(route);
      const who = nameOf(route.record.host) || route.record.host;
      note(step, `${who} answers for it, and its keys prove that it may.`);
      step = 'reached';
      if (route.source === 'own') {
        Object.assign(result, { rttMs: 0, route: 'direct' });
        note(step, 'It is an address of this machine.');
        step = 'let in';
        result.allowed = route.record.services.some(
          ({ protocol, port }) => port === request.port && (protocol === 'udp') === (request.protocol === 'udp'),
        );
        if (!result.allowed)
          throw new ProxyError({ code: 'ADDRESS_UNKNOWN', address }, `Nothing is exposed at port ${request.port}.`);
        note(step, 'Programs of this machine may open it.');
        return result;
      }
      const { rttMs, route: kind } = await dialer.look({ address, route: 'direct' });
      Object.assign(result, { rttMs, route: kind });
      note(step, kind === 'relay' ? 'It was reached through a relay that reads nothing.' : 'It was reached directly.');
      step = 'let in';
      await dialer.probe(
        { kind: 'service', address, port: request.port, route: 'direct' },
        request.protocol === 'udp' ? 'datagram' : 'stream',
      );
      result.allowed = true;
      note(step, 'The owner lets this node in.');
    } catch (error) {
      if (!isNodeError(error)) throw error;
      result.steps.push({ step, ok: false, sentence: error.message });
    }
    return result;
  };

  return {
    on: (name, listener) => emitter.on(name, listener),
    start: async () => {
      const saved = await loadTunnels(settings);
      started = true;
      await exposures.restore(saved.exposures);
      await reached.restore(saved.reached);
      for (const one of saved.proxies) {
        const open: OpenProxy = { saved: one, proxy: null, problem: '' };
        proxies.set(one.id, open);
        try {
          await openProxy(open);
        } catch (error) {
          if (!isNodeError(error)) throw error;
          open.problem = error.message;
          logger.warn('A proxy could not be opened again', { id: one.id, problem: error.message });
        }
      }
      vpnUp = saved.vpn;
      if (vpnUp) await vpn.up();
      undo = [
        keys.on('changed', () => {
          void exposures.refresh().then(() => emitter.emit('changed', null));
          // It waited for the address that the keys give.
          if (vpnUp && vpn.view().state !== 'up' && keys.node() !== null) void vpn.up();
        }),
        vpn.on('changed', () => emitter.emit('changed', null)),
        service.on('refused', () => emitter.emit('changed', null)),
        clock.every(lookMs, () => {
          metrics?.tableRows.set(table.size);
          if (!emitter.hasListeners('changed')) return;
          const carried = JSON.stringify([
            exposures.views(),
            reached.views(),
            [...proxies.values()].map(proxyView),
            vpn.view(),
          ]);
          if (carried !== lastCarried) emitter.emit('changed', null);
          lastCarried = carried;
        }),
      ];
    },
    stop: async () => {
      for (const end of undo.splice(0)) end();
      if (!started) return;
      started = false;
      await vpn.down();
      await Promise.all([...proxies.values()].map(async ({ proxy }) => proxy?.stop()));
      await reached.stop();
      exposures.stop();
    },
    state: () => ({
      exposures: exposures.views(),
      reached: reached.views(),
      proxies: [...proxies.values()].map(proxyView),
      vpn: vpn.view(),
      table: { entries: table.size, max: table.max },
    }),
    expose: async (request) => {
      const view = await exposures.add(request);
      await save();
      return view;
    },
    unexpose: async (id) => {
      await exposures.remove(id);
      await save();
    },
    reach: async (request) => {
      const view = await reached.add(request);
      await save();
      return view;
    },
    unreach: async (id) => {
      await reached.remove(id);
      await save();
    },
    resolve: async (address, options) => resolvedView(await routes.resolve(address, options)),
    test,
    proxy: async (request) => {
      if (proxies.size >= PROXIES_MAX)
        throw new ProxyError(
          { code: 'TABLE_FULL', max: PROXIES_MAX },
          `This node has ${PROXIES_MAX} proxies open already; close one first.`,
        );
      const { kind, localPort, username, password } = request;
      const lease = request.lease === null ? null : await leases.find(request.lease);
      if (lease !== null) {
        const { resource, side } = await leases.get(lease);
        if (resource !== 'network' || side !== 'borrowed')
          throw new ProxyError(
            { code: 'LEASE_NOT_NETWORK', lease },
            'That is no lease of somebody else’s network; traffic can leave only through one of those.',
          );
      }
      const open: OpenProxy = {
        saved: { id: newTunnelId(random), kind, localPort, lease, username, password },
        proxy: null,
        problem: '',
      };
      await openProxy(open);
      proxies.set(open.saved.id, open);
      await save();
      return proxyView(open);
    },
    unproxy: async (id) => {
      const open = proxies.get(id);
      if (open === undefined) throw tunnelUnknown(id);
      proxies.delete(id);
      await open.proxy?.stop();
      await save();
    },
    vpn: async (up) => {
      const view = await (up ? vpn.up() : vpn.down());
      vpnUp = up && view.state !== 'refused';
      await save();
      return view;
    },
  };
};
