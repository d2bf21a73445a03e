import type {
  NetworkSettings,
  NetworkState,
  NodeStatus,
  PeerDetail,
  PeerView,
  PrivateNetworkView,
  TrafficView,
} from '../../../preload/contract/index.ts';
import type { Identity } from '../../apps/satchel/index.ts';
import {
  Emitter,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Settings,
  type Startable,
  type WorkerPool,
  assert,
  isNodeError,
  messageOf,
} from '../../base/index.ts';
import type { Assets } from '../../kernel/assets/index.ts';
import {
  type Connection,
  type KnownPeer,
  type MeshControl,
  type PeerBook,
  type PeerId,
  PeerError,
  type RateGateControl,
  type StoqNode,
  type NetworkId,
  type NetworkMembership,
  RELAY_LIMITS,
  type RelayLimits,
  type StoqParts,
  createLocalPeer,
  createRateGate,
  deriveMembership,
  membershipOf,
  splitPeer,
} from '../../transport/stoq/index.ts';
import type { ConfigSource, NetworkControl, NetworkControlEvents } from '../interface.ts';
import { findingsAtRest, findingsOf } from './doctor.ts';
import { NetworkError } from './errors.ts';
import { createInviteRows } from './invite-rows.ts';
import { findPeer, sameName } from './find-peer.ts';
import { type NetworkLimits, networkLimits } from './limits.ts';
import { createNetworkMetrics } from './metrics.ts';
import { type PowersInit, watchPowers } from './powers.ts';
import { type PrivateNetwork, createPrivateNetworks } from './private-networks.ts';
import { qrRows } from './qr.ts';
import { needsRestart, networkSettingsOf } from './settings.ts';
import { REACH_UNKNOWN, pathView, peerDetail, peerView, reachView } from './views.ts';

export interface NetworkControlComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  config: ConfigSource;
  settings: Settings;
  workers: WorkerPool;
  identity: Pick<Identity, 'node' | 'reason' | 'view' | 'on'>;
  assets: Pick<Assets, 'share' | 'levels' | 'list' | 'countNetworkBytes' | 'on'>;
  /** Outlives every start of STOQ: who is known is known while the identity is locked, too. */
  book: PeerBook;
  /** Told of each node that runs: what stands above STOQ reaches it there. */
  mesh: Pick<MeshControl, 'set'>;
  /** Builds a node that was not started yet. */
  openStoq: (parts: StoqParts) => StoqNode;
}
export interface NetworkControlInit {
  /** Told to peers: program and version. */
  agent: string;
  /** Settings for what the owner set nothing of, in place of the program's own. @default none */
  defaults?: Partial<NetworkSettings>;
  powers?: PowersInit;
}

/** Pushes are made so often while somebody listens, and bytes are counted so often while the node talks. */
const TICK_MS = 1_000;
/** After a failed start: doubled each time. */
const RETRY_MS_MIN = 5_000;
const RETRY_MS_MAX = 300_000;
/** One round trip of `ping`; a peer that needs longer is as good as away. */
const PING_MS_MAX = 5_000;
const CONNECT_MS_MAX = 30_000;
/** Goodbyes that the gate holds back for longer are not said. */
const RELEASE_MS = 2_000;
const TRACE_MS_MAX = 15_000;
const DOCTOR_MS_MAX = 20_000;
const PORT_SETTING = 'network.port';
const HOUR_MS = 3_600_000;
const NETWORK_KEY_BYTES = 32;

/** What runs, and what it was started with. */
interface Running {
  stoq: StoqNode;
  gate: RateGateControl;
  keys: NonNullable<ReturnType<Identity['node']>>;
  settings: NetworkSettings;
  /** Bytes of the gate that the month's meter has heard of. */
  countedBytes: number;
  endings: (() => void)[];
}
type Phase =
  | { status: 'idle' }
  | { status: 'starting' }
  | { status: 'running'; running: Running }
  | { status: 'failed'; reason: string };

/** The network as its owner sees and steers it: STOQ, tied to the identity, the settings and the limits of the machine. */
export const createNetworkControl = (
  components: NetworkControlComponents,
  init: NetworkControlInit,
): NetworkControl & Startable => {
  const { outside, config, settings, workers, identity, assets, book, mesh, openStoq } = components;
  const { clock, random } = outside;
  const logger = components.logger.child('network');
  const metrics = components.metrics === null ? null : createNetworkMetrics(components.metrics);
  const networks = createPrivateNetworks({ settings, random, logger });
  const inviteRows = createInviteRows(settings);
  const emitter = new Emitter<NetworkControlEvents>();

  let phase: Phase = { status: 'idle' };
  let life: 'new' | 'started' | 'stopped' = 'new';
  let endings: (() => void)[] = [];
  let stopTicking: (() => void) | null = null;
  let cancelRetry: (() => void) | null = null;
  let retryMs = RETRY_MS_MIN;
  let portBefore: number | null = null;
  /** Keys whose private networks were read. */
  let openedFor: object | null = null;
  /** Of gates before the present one. */
  let before = { sentBytes: 0, receivedBytes: 0 };
  /** What was pushed last, and what the traffic was measured against. */
  const told = { state: '', peers: '' };
  let sample = { atMs: 0, sentBytes: 0, receivedBytes: 0 };
  let lastStatus = '';

  const current = (): Running | null => (phase.status === 'running' ? phase.running : null);
  const wanted = (): NetworkSettings => networkSettingsOf(config.get(), init.defaults);
  const limits = (): NetworkLimits => {
    const { rules, monthlyBytesUsed } = assets.share();
    const capacity = assets.list().find(({ resource }) => resource === 'network')?.capacity;
    return networkLimits({
      rules: rules.network,
      monthBytes: monthlyBytesUsed,
      level: assets.levels().find(({ resource }) => resource === 'network') ?? null,
      capacity: capacity ?? { known: false, reason: 'no network was detected' },
      loopbackOnly: wanted().loopbackOnly,
    });
  };

  // What faces see

  const totals = (): { sentBytes: number; receivedBytes: number } => {
    const now = current()?.gate.totals();
    return {
      sentBytes: before.sentBytes + (now?.sentBytes ?? 0),
      receivedBytes: before.receivedBytes + (now?.receivedBytes ?? 0),
    };
  };
  const connections = (): readonly Connection[] => current()?.stoq.endpoint.connections() ?? [];
  const connectionOf = (peer: PeerId): Connection | null => current()?.stoq.endpoint.connection(peer) ?? null;
  const traffic = (): TrafficView => {
    const { sendBytesPerSecond, receiveBytesPerSecond, reason } = limits();
    const paths = connections().flatMap((connection) => connection.paths().map((path) => path.stats()));
    const { rules, monthlyBytesUsed } = assets.share();
    const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
    return {
      sentBytesPerSecond: sum(paths.map((path) => path.sentBytesPerSecond)),
      receivedBytesPerSecond: sum(paths.map((path) => path.receivedBytesPerSecond)),
      sendLimitBytesPerSecond: sendBytesPerSecond,
      receiveLimitBytesPerSecond: receiveBytesPerSecond,
      limitReason: reason,
      monthBytes: monthlyBytesUsed,
      monthLimitBytes: rules.network.monthlyBytesMax,
      ...totals(),
    };
  };
  /** The same with what was measured since the last push. */
  const trafficNow = (): TrafficView => {
    const now = { atMs: clock.monotonicMs(), ...totals() };
    const seconds = (now.atMs - sample.atMs) / 1000;
    const known = sample.atMs > 0 && seconds > 0 && seconds < 5;
    const view = traffic();
    const rates = known
      ? {
          sentBytesPerSecond: Math.max(0, (now.sentBytes - sample.sentBytes) / seconds),
          receivedBytesPerSecond: Math.max(0, (now.receivedBytes - sample.receivedBytes) / seconds),
        }
      : {};
    sample = now;
    return { ...view, ...rates };
  };
  const status = (): Pick<NetworkState, 'status' | 'reason'> => {
    if (!wanted().enabled)
      return { status: 'off', reason: 'You switched the network off; this node talks to no other.' };
    if (phase.status === 'running') return { status: 'running', reason: '' };
    const missing = identity.reason();
    if (missing !== null) return { status: 'waiting', reason: missing.sentence };
    const { stopped } = limits();
    if (stopped !== null) return { status: 'waiting', reason: stopped };
    if (phase.status === 'failed') return { status: 'failed', reason: phase.reason };
    return { status: 'starting', reason: 'The network is starting.' };
  };
  const networkView = ({ membership, joinedAtMs }: PrivateNetwork): PrivateNetworkView => ({
    id: membership.id,
    name: membership.name,
    joinedAtMs,
    peers: connections().filter((connection) => connection.networks.has(membership.id)).length,
  });
  const state = (): NetworkState => {
    const running = current();
    return {
      ...status(),
      peerId: identity.view().identity?.peerId ?? null,
      addresses: [...(running?.stoq.announced() ?? [])],
      connections: connections().length,
      knownPeers: book.list().length,
      reach: running === null ? REACH_UNKNOWN : reachView(running.stoq.reach()),
      traffic: traffic(),
      networks: networks.list().map(networkView),
      settings: wanted(),
    };
  };
  const peers = (connectedOnly: boolean): PeerView[] =>
    book
      .list()
      .map((peer) => peerView(peer, connectionOf(peer.peerId)))
      .filter(({ connected }) => connected || !connectedOnly)
      .sort(
        (one, other) =>
          Number(other.connected) - Number(one.connected) ||
          Number(other.trusted) - Number(one.trusted) ||
          (other.lastSeenAtMs ?? 0) - (one.lastSeenAtMs ?? 0) ||
          (one.peerId < other.peerId ? -1 : 1),
      );
  /** The book is bounded: between two lines it may have let somebody go. @throws {NetworkError} `PEER_UNKNOWN` */
  const detailOf = (peerId: PeerId): PeerDetail => peerDetail(findPeer(book.list(), peerId), connectionOf(peerId));

  // Telling

  const push = (): void => {
    if (emitter.hasListeners('stateChanged')) {
      const now = state();
      const text = JSON.stringify(now);
      if (text !== told.state) {
        told.state = text;
        emitter.emit('stateChanged', now);
      }
    }
    if (emitter.hasListeners('peersChanged')) {
      const now = peers(false);
      const text = JSON.stringify(now);
      if (text !== told.peers) {
        told.peers = text;
        emitter.emit('peersChanged', { peers: now });
      }
    }
    if (emitter.hasListeners('trafficSampled')) emitter.emit('trafficSampled', trafficNow());
  };
  const listened = (): boolean =>
    (['stateChanged', 'peersChanged', 'trafficSampled'] as const).some((name) => emitter.hasListeners(name));
  /** The node's status is told at once: a window may show that the network waits for the keys. */
  const statusMayHaveChanged = (): void => {
    const now = status();
    const text = JSON.stringify([now, warnings(), connections().length]);
    if (text === lastStatus) return;
    lastStatus = text;
    metrics?.running.set(now.status === 'running' ? 1 : 0);
    emitter.emit('statusChanged', null);
  };
  const warnings = (): NodeStatus['warnings'] => {
    const now = status();
    if (now.status === 'failed') return [{ code: 'NETWORK_FAILED', message: now.reason }];
    const taken = current()
      ?.stoq.problems()
      .find(({ code }) => code === 'PORT_TAKEN');
    return taken === undefined ? [] : [{ code: 'NETWORK_PORT_TAKEN', message: taken.sentence }];
  };

  // Bytes

  /** Counts what passed for the month, and puts rates and what is left of the month into force. */
  const meter = (): void => {
    const running = current();
    if (running === null) return;
    const { sentBytes, receivedBytes } = running.gate.totals();
    const bytes = sentBytes + receivedBytes - running.countedBytes;
    if (bytes > 0) {
      running.countedBytes += bytes;
      assets.countNetworkBytes(bytes);
    }
    const { sendBytesPerSecond, receiveBytesPerSecond, budgetBytes } = limits();
    const now = running.gate.rates();
    if (now.sendBytesPerSecond !== sendBytesPerSecond || now.receiveBytesPerSecond !== receiveBytesPerSecond)
      running.gate.setRates({ sendBytesPerSecond, receiveBytesPerSecond });
    running.gate.setBudget(budgetBytes);
  };
  const tick = (): void => {
    meter();
    statusMayHaveChanged();
    push();
    if (limits().stopped !== null && phase.status === 'running') sync();
  };
  /** Runs while the node talks or somebody listens. */
  const tickIfNeeded = (): void => {
    const needed = life === 'started' && (phase.status === 'running' || listened());
    if (needed) stopTicking ??= clock.every(TICK_MS, tick);
    else {
      stopTicking?.();
      stopTicking = null;
    }
  };

  // Life

  /** What changes runs one after another; what is asked meanwhile waits. */
  let queue: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = queue.then(work);
    queue = done.catch(() => undefined);
    return done;
  };

  const close = async (running: Running): Promise<void> => {
    meter();
    phase = { status: 'idle' };
    mesh.set(null);
    for (const end of running.endings) end();
    const { sentBytes, receivedBytes } = running.gate.totals();
    // Nothing passes the limits on the way out, but who waits at the gate must not keep the stop waiting for good.
    const cancel = clock.after(RELEASE_MS, () => {
      running.gate.setBudget(null);
      running.gate.setRates({ sendBytesPerSecond: null, receiveBytesPerSecond: null });
    });
    await running.stoq.stop();
    cancel();
    running.gate.stop();
    const after = running.gate.totals();
    const late = after.sentBytes + after.receivedBytes - sentBytes - receivedBytes;
    if (late > 0) assets.countNetworkBytes(late);
    before = {
      sentBytes: before.sentBytes + after.sentBytes,
      receivedBytes: before.receivedBytes + after.receivedBytes,
    };
    await book.flush();
    logger.info('Network stopped');
  };
  /** What others' circuits may take: the level of the network, like anything that is lent. */
  const relayLimits = (): RelayLimits | null => {
    const level = assets.levels().find(({ resource }) => resource === 'network');
    if (wanted().loopbackOnly) return RELAY_LIMITS;
    // Nothing is lent of what nobody has said a level for.
    if (level === undefined || level.percent === 0 || limits().stopped !== null) return null;
    return {
      ...RELAY_LIMITS,
      bytesPerSecondMax: Math.max(1, Math.floor((RELAY_LIMITS.bytesPerSecondMax * level.percent) / 100)),
    };
  };
  /** @returns whether it is new here @throws {NetworkError} */
  const enter = (membership: NetworkMembership): Promise<boolean> =>
    inTurn(async () => {
      const isNew = await networks.add({ membership, joinedAtMs: clock.nowMs() });
      if (isNew) await current()?.stoq.joinNetwork(membership);
      return isNew;
    });
  const exit = (network: string): Promise<NetworkId> =>
    inTurn(async () => {
      const id = await networks.remove(network);
      await current()?.stoq.leaveNetwork(id);
      return id;
    });
  const keepMembership: StoqParts['keepMembership'] = async (membership) => {
    const isNew = await enter(membership);
    return async () => {
      if (isNew) await exit(membership.id);
    };
  };
  const open = async (keys: Running['keys']): Promise<void> => {
    const now = wanted();
    phase = { status: 'starting' };
    statusMayHaveChanged();
    // From the first greeting on: what starting costs is the owner's bytes, too.
    const { sendBytesPerSecond, receiveBytesPerSecond, budgetBytes } = limits();
    const gate = createRateGate({ clock }, { sendBytesPerSecond, receiveBytesPerSecond, budgetBytes });
    const stoq = openStoq({
      local: createLocalPeer(keys.signer, keys.certificate),
      book,
      gate,
      memberships: networks.list().map(({ membership }) => membership),
      agent: init.agent,
      settings: {
        port: now.port,
        portBefore,
        ipv4: now.ipv4,
        loopbackOnly: now.loopbackOnly,
        localDiscovery: now.localDiscovery,
        portMapping: now.portMapping,
        open: now.open,
        bootstrap: now.bootstrap.flatMap((text) => {
          const split = splitPeer(text);
          return split === null || split.peer === null ? [] : [{ peer: split.peer, address: split.address }];
        }),
        connectionsMax: now.connectionsMax,
      },
      relayLimits: () => (now.relay ? relayLimits() : null),
      keepMembership,
      invites: inviteRows,
    });
    try {
      await stoq.start();
    } catch (error) {
      await stoq.stop();
      gate.stop();
      throw error;
    }
    const running: Running = { stoq, gate, keys, settings: now, countedBytes: 0, endings: [] };
    running.endings = [
      stoq.on('changed', statusMayHaveChanged),
      stoq.endpoint.on('connected', statusMayHaveChanged),
      stoq.endpoint.on('disconnected', statusMayHaveChanged),
    ];
    phase = { status: 'running', running };
    mesh.set(stoq);
    meter();
    if (stoq.port !== null && stoq.port !== portBefore) {
      portBefore = stoq.port;
      await settings.set(PORT_SETTING, portBefore);
    }
    logger.info('Network running', { port: stoq.port, peerId: stoq.endpoint.local.peerId });
  };
  /** Brings what runs to what is wanted: enabled, unlocked, within the limits, with the settings of now. */
  const settle = async (): Promise<void> => {
    cancelRetry?.();
    cancelRetry = null;
    const keys = life === 'started' ? identity.node() : null;
    if (keys === null && openedFor !== null) {
      networks.close();
      openedFor = null;
    }
    if (keys !== null && openedFor !== keys) {
      await networks.open(keys.opener);
      openedFor = keys;
    }
    const may = keys !== null && wanted().enabled && limits().stopped === null;
    const running = current();
    if (running !== null && (!may || running.keys !== keys || needsRestart(running.settings, wanted())))
      await close(running);
    if (may && current() === null) {
      try {
        await open(keys);
        retryMs = RETRY_MS_MIN;
      } catch (error) {
        if (!isNodeError(error)) logger.error('Network failed to start', { error: messageOf(error) });
        phase = { status: 'failed', reason: `The network did not start: ${messageOf(error)}` };
        logger.warn('Network not running', { reason: messageOf(error), retryMs });
        cancelRetry = clock.after(retryMs, sync);
        retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
      }
    } else if (!may) phase = { status: 'idle' };
    tickIfNeeded();
    statusMayHaveChanged();
    push();
  };
  const sync = (): void => {
    if (life !== 'started') return;
    void inTurn(settle).catch((error: unknown) => {
      // Only the database can have failed; the next change tries again.
      phase = { status: 'failed', reason: messageOf(error) };
      logger.error('Network not running', { reason: messageOf(error) });
      statusMayHaveChanged();
    });
  };

  // What faces ask

  const notRunning = (): NetworkError => {
    const { status: now, reason } = status();
    const next = now === 'off' ? ' Switch it on with `hypermesh net set --enabled on`.' : '';
    return new NetworkError({ code: 'NOT_RUNNING' }, `${reason}${next}`);
  };
  const runningOrRefuse = (): Running => {
    const running = current();
    if (running === null) throw notRunning();
    return running;
  };
  const find = (asked: string): KnownPeer => findPeer(book.list(), asked);
  const changed = (): void => {
    statusMayHaveChanged();
    tickIfNeeded();
  };
  const refuseTakenName = (peer: PeerId | null, name: string): void => {
    const other = book.list().find((one) => one.peerId !== peer && one.name !== '' && sameName(one.name, name));
    if (name === '' || other === undefined) return;
    throw new NetworkError(
      { code: 'NAME_TAKEN', name },
      `Another peer is called "${other.name}" (${other.peerId}); choose another name, or give that one another.`,
    );
  };
  /** Gives work so long; then its signal aborts. */
  const within = async <T>(ms: number, what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const ended = new AbortController();
    const cancel = clock.after(ms, () =>
      ended.abort(
        new NetworkError(
          { code: 'TIMED_OUT', ms },
          `${what} took longer than ${ms / 1000} s; look whether the other node runs, and try again.`,
        ),
      ),
    );
    try {
      return await work(ended.signal);
    } finally {
      cancel();
    }
  };
  const connect = (running: Running, target: Parameters<StoqNode['endpoint']['connect']>[0]): Promise<Connection> =>
    within(CONNECT_MS_MAX, 'Connecting', (signal) => running.stoq.endpoint.connect(target, { signal }));
  /** A name, an id or the beginning of one; an id that is not known yet may still be found. */
  const reach = async (running: Running, asked: string): Promise<Connection> => {
    const { peerId } = find(asked);
    return running.stoq.endpoint.connection(peerId) ?? (await connect(running, peerId));
  };
  const addressOrRefuse = (text: string): { peer: PeerId; address: string } => {
    const split = splitPeer(text);
    if (split !== null && split.peer !== null) return { peer: split.peer, address: split.address };
    throw new NetworkError(
      { code: 'ADDRESS_INVALID', address: text.slice(0, 256) },
      `"${text.slice(0, 80)}" is no address of a peer; one looks like /ip6/2001:db8::2/udp/4001/quic-v1/p2p/12D3KooW….`,
    );
  };

  return {
    on: (name, listener) => {
      const end = emitter.on(name, listener);
      tickIfNeeded();
      return () => {
        end();
        tickIfNeeded();
      };
    },
    start: async () => {
      assert(life === 'new', 'The network is started once.');
      life = 'started';
      await book.load();
      const kept = await settings.get(PORT_SETTING);
      portBefore = typeof kept === 'number' && Number.isInteger(kept) && kept > 0 && kept < 65_536 ? kept : null;
      endings = [
        identity.on('changed', sync),
        config.on('changed', sync),
        assets.on('levelsChanged', () => {
          meter();
          sync();
        }),
        assets.on('shareChanged', () => {
          meter();
          sync();
        }),
        watchPowers(
          { clock },
          (what) => {
            logger.debug('Paths are checked', { because: what });
            current()?.stoq.wake();
          },
          init.powers,
        ),
      ];
      // The node does not wait for the network: a router that does not answer must not hold up the window.
      sync();
    },
    stop: async () => {
      if (life === 'stopped') return await inTurn(async () => undefined);
      const wasStarted = life === 'started';
      life = 'stopped';
      for (const end of endings.splice(0)) end();
      cancelRetry?.();
      await inTurn(async () => {
        const running = current();
        if (running !== null) await close(running);
        networks.close();
        if (wasStarted) await book.flush();
      });
      tickIfNeeded();
    },
    state,
    configure: async (change) => {
      for (const text of change.bootstrap ?? []) addressOrRefuse(text);
      await config.set({ network: { ...config.get().network, ...change } });
      // What was asked for is in force when the answer comes.
      await inTurn(settle);
      return state();
    },
    doctor: async () => {
      const running = current();
      if (running === null) return findingsAtRest(status());
      await within(DOCTOR_MS_MAX, 'Testing', (signal) => running.stoq.checkReach({ signal })).catch(
        (error: unknown) => {
          logger.debug('Reachability not tested', { reason: messageOf(error) });
        },
      );
      return findingsOf(running.stoq, state(), limits().stopped);
    },
    peers,
    peer: (asked) => detailOf(find(asked).peerId),
    add: async ({ address: text, name }) => {
      const { peer, address } = addressOrRefuse(text);
      if (peer === identity.view().identity?.peerId)
        throw new PeerError({ code: 'SELF' }, 'That is this node itself; give the address of another.');
      refuseTakenName(peer, name);
      const running = runningOrRefuse();
      const isNew = book.get(peer) === null;
      book.learn(peer, [address as never], 'owner');
      try {
        await connect(running, { peer, addresses: [address as never] });
      } catch (error) {
        // An address that leads nowhere makes no acquaintance.
        if (isNew) book.forget(peer);
        throw error;
      }
      if (name !== '') book.setName(peer, name);
      changed();
      return detailOf(peer);
    },
    trust: async ({ peer, name, trusted }) => {
      const { peerId } = find(peer);
      if (name !== undefined) {
        refuseTakenName(peerId, name);
        book.setName(peerId, name);
      }
      book.setTrusted(peerId, trusted);
      changed();
      return detailOf(peerId);
    },
    ban: async ({ peer, minutes, reason }) => {
      const { peerId } = find(peer);
      const untilMs = minutes === null ? null : clock.nowMs() + minutes * 60_000;
      book.ban(peerId, { untilMs, reason, byOwner: true });
      await connectionOf(peerId)?.close('banned');
      changed();
      return detailOf(peerId);
    },
    unban: async (peer) => {
      const { peerId } = find(peer);
      book.unban(peerId);
      changed();
      return detailOf(peerId);
    },
    connect: async (peer) => {
      const { peerId } = (await reach(runningOrRefuse(), peer)).peer;
      changed();
      return detailOf(peerId);
    },
    disconnect: async (peer) => {
      const { peerId } = find(peer);
      await connectionOf(peerId)?.close('done');
      changed();
      return detailOf(peerId);
    },
    forget: async (peer) => {
      const { peerId } = find(peer);
      await connectionOf(peerId)?.close('done');
      book.forget(peerId);
      changed();
      return { peerId };
    },
    ping: async ({ peer, count }) => {
      const connection = await reach(runningOrRefuse(), peer);
      const roundTripsMs: (number | null)[] = [];
      for (let sent = 0; sent < count; sent += 1)
        roundTripsMs.push(
          await within(PING_MS_MAX, 'A round trip', (signal) => connection.ping({ signal })).catch((error: unknown) => {
            logger.debug('Ping without answer', { reason: messageOf(error) });
            return null;
          }),
        );
      changed();
      return {
        peerId: connection.peer.peerId,
        roundTripsMs,
        path: connection.path === null ? null : pathView(connection.path),
      };
    },
    trace: async (peer) => {
      const running = runningOrRefuse();
      const { peerId } = (await reach(running, peer)).peer;
      const hops = await within(TRACE_MS_MAX, 'A trace', (signal) => running.stoq.trace(peerId, { signal }));
      return { peerId, hops: hops.map((hop) => ({ ...hop })) };
    },
    invite: async ({ network, hours }) => {
      const membership = network === '' ? null : networks.find(network).membership;
      const { stoq } = runningOrRefuse();
      if (stoq.announced().length === 0)
        throw new NetworkError(
          { code: 'NO_ADDRESS' },
          'Nothing is known of where this node can be reached, so a link would lead nowhere; see hypermesh net doctor.',
        );
      const { link, expiresAtMs } = await stoq.invites.make({ lifeMs: hours * HOUR_MS, network: membership });
      return {
        link,
        expiresAtMs,
        network: membership?.id ?? 'public',
        networkName: membership?.name ?? '',
        qr: qrRows(link),
      };
    },
    join: async (link) => {
      const { stoq } = runningOrRefuse();
      const { inviter, addresses, network } = stoq.invites.parse(link);
      let problem: string | null = null;
      try {
        await within(CONNECT_MS_MAX, 'Joining', (signal) => stoq.invites.accept(link, { signal }));
      } catch (error) {
        const away = error instanceof PeerError && (error.code === 'UNREACHABLE' || error.code === 'NO_ADDRESS');
        // Who has the key of a network is in it, whether or not the one who gave it is there at this moment.
        if (network === null || !away) throw error;
        await enter(network);
        book.learn(inviter, addresses, 'invite');
        problem = `This node is in the network, but whoever made the invite is not reached now (${error.message.replace(/\.$/, '')}); it goes on trying.`;
      }
      changed();
      return {
        peer: book.get(inviter) === null ? null : detailOf(inviter),
        network: network === null ? null : networkView(networks.find(network.id)),
        problem,
      };
    },
    create: async ({ name, secret }) => {
      if (identity.node() === null) throw notRunning();
      const membership =
        secret === null
          ? membershipOf(name, random.bytes(NETWORK_KEY_BYTES))
          : await deriveMembership({ workers }, { name, secret });
      await enter(membership);
      changed();
      return networkView(networks.find(membership.id));
    },
    leave: async (network) => {
      const id = await exit(network);
      changed();
      return { id };
    },
    relayLimits: () => (wanted().relay ? relayLimits() : null),
    memberships: () => networks.list().map(({ membership: { id, name } }) => ({ id, name })),
    connections: () => (current() === null ? null : connections().length),
    warnings,
  };
};
