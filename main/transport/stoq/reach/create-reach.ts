import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Emitter, isNodeError, type Logger, messageOf, type Outside } from '../../../base/index.ts';
import {
  circuitAddress,
  compareAddresses,
  groupOf,
  ipAddress,
  isCircuit,
  partsOf,
  scopeOf,
  siteOf,
} from '../address.ts';
import type { RelayCarrier } from '../carriers/relay/create-relay-carrier.ts';
import type { Address, Connection, EndpointControl, PeerId } from '../interface.ts';
import { CANDIDATES_MAX } from './constants.ts';
import type { SideSocketControl } from './create-side-socket.ts';
import type { DialBack } from './dial-back.ts';
import type { NatKind, Reach, ReachState } from './interface.ts';
import { natKindOf, type Observation, reachAdvice, reachSentence } from './nat-kind.ts';
import type { PortMapper } from './port-mapper.ts';
import type { Puncher } from './punch.ts';
import { normalHost, type UdpAddress } from './stun.ts';

/** Observers that are asked at once; two at different hosts are the least that say anything. */
const OBSERVERS_MAX = 4;
/** Witnesses of one address: a liar is outvoted by two. */
const WITNESSES_MAX = 3;
/** Addresses that witnesses are asked to dial. */
const CLAIMS_MAX = 4;
const RELAYS_MAX = 2;
/** After a change, until the network has settled. */
const SETTLE_MS = 1_500;
/** While nothing is known, as connections come slowly; later on. */
const UNKNOWN_MS = 15_000;
const AGAIN_MS = 10 * 60_000;
const DIAL_BACK_MS = 20_000;
const RESERVE_MS = 10_000;
/** An address stays confirmed so long without being tried again. */
const CONFIRMED_MS = 3 * AGAIN_MS;
/** What punching is told: older than this it is asked again. */
const REFLEXIVE_FRESH_MS = 60_000;

export interface ReachComponents {
  outside: Outside;
  logger: Logger;
  endpoint: EndpointControl;
  /** Null where there is no UDP, or the owner wants none. */
  side: SideSocketControl | null;
  /** Null: routers are not asked for ports. */
  mapper: PortMapper | null;
  dialBack: DialBack;
  relays: RelayCarrier;
  puncher: Puncher | null;
}
export interface ReachInit {
  /** Servers of RFC 8489 besides peers, `host:port`; asked only while fewer than two peers observe. @default none */
  stunServers?: readonly { host: string; port: number }[];
  /** Ms after the start and after changes until it is tested; tests shorten it. @default 1500 */
  settleMs?: number;
}
/** What a puncher tells others; made before the puncher, which is a part of reach. */
export interface CandidateSource {
  candidates(): Promise<readonly UdpAddress[]>;
}

interface Place {
  untilMs: number;
  renewAtMs: number;
  address: Address;
}

const globalHostsOf = (interfaces = networkInterfaces()): { host: string; isPrivate: boolean }[] =>
  Object.values(interfaces)
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
    .map(({ address }) => {
      const host = normalHost(address);
      return { host, isPrivate: scopeOf(ipAddress(host, 1, 'quic')) !== 'global' };
    });

/** Ends with `outer`, or after `ms` of this node's clock. */
const within = ({ clock }: Outside, ms: number, outer?: AbortSignal): AbortSignal => {
  const late = new AbortController();
  clock.after(ms, () => late.abort(new Error('It took too long.')));
  return outer === undefined ? late.signal : AbortSignal.any([outer, late.signal]);
};

/** Where the direct path of a connection leads, null for others. */
const directHost = ({ path }: Connection): string | null =>
  path === null || path.via !== null || isCircuit(path.remoteAddress) || path.tier === 'memory'
    ? null
    : partsOf(path.remoteAddress).host;

/** How others see our side socket: asked at most once a minute unless something changed. */
export const createObserver = (
  {
    outside,
    logger,
    endpoint,
    side,
    mapper,
  }: Pick<ReachComponents, 'outside' | 'logger' | 'endpoint' | 'side' | 'mapper'>,
  { stunServers = [] }: Pick<ReachInit, 'stunServers'> = {},
): CandidateSource & { observe(signal: AbortSignal): Promise<Observation[]>; last(): readonly Observation[] } => {
  let last: Observation[] = [];
  let lastAtMs: number | null = null;

  /** Of different groups, so that one operator is not all observers. */
  const observers = (): UdpAddress[] => {
    const found = new Map<string, UdpAddress>();
    for (const connection of endpoint.connections()) {
      const host = directHost(connection);
      const { sidePort } = connection.remote;
      if (host === null || sidePort === null || connection.path === null) continue;
      // Link-local ones see no NAT, and sockets want their zone.
      if (partsOf(connection.path.remoteAddress).zone !== null) continue;
      const key = `${host.includes(':') ? 6 : 4} ${groupOf(connection.path.remoteAddress)} ${host}`;
      found.set(key, { host, port: sidePort });
    }
    const all = [...found.values()];
    const of = (family: boolean): UdpAddress[] =>
      all.filter(({ host }) => host.includes(':') === family).slice(0, OBSERVERS_MAX);
    return [...of(false), ...of(true)];
  };
  const resolveServers = async (): Promise<UdpAddress[]> => {
    const resolved = await Promise.allSettled(
      stunServers.slice(0, OBSERVERS_MAX).map(async ({ host, port }) => {
        const { address } = isIP(host) === 0 ? await lookup(host) : { address: host };
        return { host: normalHost(address), port };
      }),
    );
    return resolved.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  };
  const observe = async (signal: AbortSignal): Promise<Observation[]> => {
    if (side === null) return [];
    const peers = observers();
    const asked = new Set(peers.map(({ host }) => host)).size < 2 ? [...peers, ...(await resolveServers())] : peers;
    last = await Promise.all(
      asked.map(async (observer) => {
        try {
          return { observer, seen: await side.ask(observer, signal) };
        } catch (error) {
          signal.throwIfAborted();
          if (!isNodeError(error)) throw error;
          logger.debug('Observer gave no answer', { reason: messageOf(error) });
          return { observer, seen: null };
        }
      }),
    );
    lastAtMs = outside.clock.monotonicMs();
    return last;
  };
  return {
    observe,
    last: () => last,
    candidates: async () => {
      if (side === null) return [];
      if (lastAtMs === null || outside.clock.monotonicMs() - lastAtMs > REFLEXIVE_FRESH_MS)
        await observe(within(outside, 4_000)).catch(() => undefined);
      const { port } = side;
      const own = globalHostsOf().map(({ host }) => ({ host, port }));
      const seen = last.flatMap((one) => one.seen ?? []);
      const mapped = (mapper?.mappings() ?? [])
        .filter(({ protocol, internalPort }) => protocol === 'udp' && internalPort === port)
        .map(({ externalHost, externalPort }) => ({ host: externalHost, port: externalPort }));
      const unique = new Map<string, UdpAddress>();
      for (const one of [...own, ...mapped, ...seen]) unique.set(`${one.host} ${one.port}`, one);
      // IPv6 first: there is no NAT to be fooled, only a filter to be opened.
      return [...unique.values()]
        .toSorted((a, b) => Number(b.host.includes(':')) - Number(a.host.includes(':')))
        .slice(0, CANDIDATES_MAX);
    },
  };
};

/** How others get here: tests it, says it, and makes it better with ports of the router, relays and holes. */
export const createReach = (
  {
    outside,
    logger: parentLogger,
    endpoint,
    side,
    mapper,
    dialBack,
    relays,
    puncher,
    observer,
  }: ReachComponents & {
    observer: ReturnType<typeof createObserver>;
  },
  init: ReachInit = {},
): Reach => {
  const { clock } = outside;
  const logger = parentLogger.child('stoq-reach');
  const settleMs = init.settleMs ?? SETTLE_MS;
  const events = new Emitter<{ changed: ReachState }>();
  const stopping = new AbortController();
  const places = new Map<PeerId, Place>();
  const refusedUntilMs = new Map<PeerId, number>();
  let confirmed: ReachState['confirmed'] = [];
  /** What witnesses said together at the last test; null when none was asked. */
  let letIn: boolean | null = null;
  let nat: NatKind = 'unknown';
  let running: Promise<ReachState> | null = null;
  let again = false;
  let cancelTimer = (): void => undefined;
  let unlisten: (() => void)[] = [];
  let said = '';
  let saidAddresses = '';
  let networkText = '';

  const mapped = (): ReachState['mapped'] =>
    (mapper?.mappings() ?? []).map(({ protocol, externalHost, externalPort, by, untilMs }) => ({
      protocol,
      externalAddress: ipAddress(externalHost, externalPort, protocol === 'udp' ? 'quic' : 'tls'),
      by,
      untilMs,
    }));
  /** Of QUIC and TLS, not of the side socket. */
  const mappedListeners = (): Address[] =>
    (mapper?.mappings() ?? [])
      .filter(({ protocol, internalPort }) => protocol === 'tcp' || internalPort !== side?.port)
      .filter(({ externalHost }) => scopeOf(ipAddress(externalHost, 1, 'quic')) === 'global')
      .map(({ externalHost, externalPort, protocol }) =>
        ipAddress(externalHost, externalPort, protocol === 'udp' ? 'quic' : 'tls'),
      );
  const state = (): ReachState => {
    const reachable =
      confirmed.length > 0
        ? 'yes'
        : places.size > 0
          ? 'relay'
          : letIn === false || nat === 'blocked'
            ? 'no'
            : 'unknown';
    const facts = {
      reachable,
      nat,
      mappedHosts: mapped().map(({ externalAddress }) => partsOf(externalAddress).host),
      mapsPorts: mapper !== null,
      hasIp6: globalHostsOf().some(({ host, isPrivate }) => host.includes(':') && !isPrivate),
      relays: places.size,
    } as const;
    return {
      reachable,
      nat,
      sentence: reachSentence(facts),
      advice: reachAdvice(facts),
      confirmed,
      mapped: mapped(),
      relays: [...places.keys()],
    };
  };
  const announced = (): readonly Address[] => {
    const sure = confirmed.map(({ address }) => address);
    const circuits = [...places].map(([peer, { address }]) => circuitAddress(address, peer));
    const better = sure.length + places.size > 0;
    // Global ones that witnesses could not dial would cost others time. Local ones lead strangers to machines of their own network:
    // they are told only while nothing better is known, as the own network finds us by itself.
    const own = endpoint
      .addresses()
      .filter((address) => (scopeOf(address) === 'global' ? letIn !== false || sure.includes(address) : !better));
    return [...new Set([...sure.toSorted(compareAddresses), ...mappedListeners(), ...circuits, ...own])];
  };
  const publish = (): void => {
    const now = state();
    const addresses = announced();
    const addressText = addresses.join(' ');
    if (addressText !== saidAddresses) {
      saidAddresses = addressText;
      endpoint.announce(addresses);
    }
    const text = JSON.stringify([now.reachable, now.nat, now.sentence, now.advice, now.relays, addressText]);
    if (text === said) return;
    said = text;
    logger.info('Reachability', { reachable: now.reachable, nat: now.nat, relays: now.relays.length });
    events.emit('changed', now);
  };

  /** Direct peers that see us from outside: what peers of the own network see says nothing about the others. */
  const witnesses = (): Connection[] => {
    const found = new Map<string, Connection>();
    const here = new Set(globalHostsOf().map(({ host }) => siteOf(ipAddress(host, 1, 'quic'))));
    for (const connection of endpoint.connections()) {
      const { path } = connection;
      if (directHost(connection) === null || path === null || scopeOf(path.remoteAddress) !== 'global') continue;
      if (here.has(siteOf(path.remoteAddress))) continue;
      const group = groupOf(path.remoteAddress);
      if (!found.has(group)) found.set(group, connection);
    }
    return [...found.values()].slice(0, WITNESSES_MAX);
  };
  const claims = (observations: readonly Observation[]): Address[] => {
    const own = endpoint.addresses().filter((address) => scopeOf(address) === 'global');
    const seenHosts = [...new Set(observations.flatMap(({ seen }) => seen?.host ?? []))];
    // The same port outside as inside: a port forwarded by hand.
    const forwarded = seenHosts
      .filter(
        (host) =>
          scopeOf(ipAddress(host, 1, 'quic')) === 'global' && !own.some((address) => partsOf(address).host === host),
      )
      .flatMap((host) =>
        endpoint
          .addresses()
          .map(partsOf)
          .filter(({ family, relay }) => relay === null && (family === 'ip6') === host.includes(':'))
          .map(({ port, transport }) => ipAddress(host, port, transport === 'tls' ? 'tls' : 'quic')),
      );
    return [...new Set([...mappedListeners(), ...own.toSorted(compareAddresses), ...forwarded])].slice(0, CLAIMS_MAX);
  };
  /** Asks all witnesses for one address. @returns null when nobody could say */
  const test = async (
    address: Address,
    asked: readonly Connection[],
    signal: AbortSignal,
  ): Promise<{ reached: PeerId | null } | null> => {
    const results = await Promise.all(
      asked.map(async (witness) => {
        try {
          return {
            by: witness.peer.peerId,
            result: await dialBack.ask(witness, address, within(outside, DIAL_BACK_MS, signal)),
          };
        } catch (error) {
          signal.throwIfAborted();
          logger.debug('Witness gave no answer', { reason: messageOf(error) });
          return null;
        }
      }),
    );
    const told = results.filter((one) => one !== null && one.result !== 'refused' && one.result !== 'busy');
    // A way in that came is proof; that none came is the word of most.
    const reached = told.find((one) => one?.result === 'reached');
    if (told.length === 0) return null;
    return { reached: reached?.by ?? null };
  };

  const loseGone = (): void => {
    const nowMs = clock.monotonicMs();
    for (const [peer, place] of places) {
      const connection = endpoint.connection(peer);
      if (place.untilMs > nowMs && connection !== null && directHost(connection) !== null) continue;
      places.delete(peer);
      relays.forget(peer);
    }
  };
  const keepRelays = async (wanted: boolean, signal: AbortSignal): Promise<void> => {
    loseGone();
    if (!wanted) {
      for (const peer of places.keys()) relays.forget(peer);
      places.clear();
      return;
    }
    const nowMs = clock.monotonicMs();
    const candidates = endpoint
      .connections()
      .filter((connection) => {
        const { peerId } = connection.peer;
        const place = places.get(peerId);
        return (
          directHost(connection) !== null &&
          connection.remote.relays &&
          (refusedUntilMs.get(peerId) ?? 0) <= nowMs &&
          (place === undefined || place.renewAtMs <= nowMs)
        );
      })
      // Those that hold a place already are renewed first; then those that answer fastest.
      .toSorted(
        (a, b) =>
          Number(places.has(b.peer.peerId)) - Number(places.has(a.peer.peerId)) ||
          (a.path?.stats().rttMs ?? 1e9) - (b.path?.stats().rttMs ?? 1e9),
      );
    for (const connection of candidates) {
      const { peerId } = connection.peer;
      if (!places.has(peerId) && places.size >= RELAYS_MAX) continue;
      try {
        const { lifeMs } = await relays.reserve(connection, within(outside, RESERVE_MS, signal));
        const address = dialableOf(connection);
        if (address === null) continue;
        const atMs = clock.monotonicMs();
        places.set(peerId, { untilMs: atMs + lifeMs, renewAtMs: atMs + lifeMs / 2, address });
      } catch (error) {
        signal.throwIfAborted();
        logger.debug('No place at a relay', { reason: messageOf(error) });
        places.delete(peerId);
        refusedUntilMs.set(peerId, clock.monotonicMs() + AGAIN_MS);
      }
    }
    if (refusedUntilMs.size > 256) refusedUntilMs.clear();
  };
  /** Where others dial this relay: what it says itself where that is global, else what we dialled. */
  const dialableOf = (connection: Connection): Address | null => {
    const told = connection.remote.addresses.filter((address) => !isCircuit(address) && scopeOf(address) === 'global');
    const { path } = connection;
    return told[0] ?? (path !== null && path.direction === 'out' && path.via === null ? path.remoteAddress : null);
  };

  const run = async (): Promise<ReachState> => {
    const { signal } = stopping;
    await mapper?.check();
    const observations = await observer.observe(signal);
    const asked = witnesses();
    const nowMs = clock.nowMs();
    const fresh: ReachState['confirmed'][number][] = [];
    let told = false;
    if (asked.length > 0)
      await Promise.all(
        claims(observations).map(async (address) => {
          const result = await test(address, asked, signal);
          if (result === null) return;
          told = true;
          if (result.reached !== null) fresh.push({ address, by: result.reached, atMs: nowMs });
        }),
      );
    // What was not tried now is still believed for a while.
    const tried = told ? [] : confirmed.filter(({ atMs }) => nowMs - atMs < CONFIRMED_MS);
    confirmed = [...fresh, ...tried];
    // Behind a NAT without a mapped or forwarded port there is no address to ask about: nobody gets in.
    letIn = told ? fresh.length > 0 : asked.length > 0 ? false : letIn;
    const letsIn4 = fresh.some(({ address }) => partsOf(address).family === 'ip4');
    const has4 = observations.some(({ seen }) => seen !== null && !seen.host.includes(':'));
    nat = natKindOf({
      observations,
      localHosts: globalHostsOf().map(({ host }) => host),
      localPort: side?.port ?? 0,
      letIn: letIn === null ? null : has4 ? letsIn4 : letIn,
    });
    await keepRelays(confirmed.length === 0 && asked.length > 0, signal);
    publish();
    return state();
  };
  const schedule = (ms: number): void => {
    cancelTimer();
    if (stopping.signal.aborted) return;
    cancelTimer = clock.after(ms, () => void check().catch(() => undefined));
  };
  const check: Reach['check'] = () => {
    if (stopping.signal.aborted) return Promise.resolve(state());
    if (running !== null) {
      // Something changed meanwhile: once more when it is done.
      again = true;
      return running;
    }
    running = run()
      .catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error;
        return state();
      })
      .finally(() => {
        running = null;
        const { reachable } = state();
        schedule(again ? settleMs : reachable === 'unknown' || reachable === 'no' ? UNKNOWN_MS : AGAIN_MS);
        again = false;
      });
    return running;
  };
  const soon = (): void => {
    if (running === null) schedule(settleMs);
    else again = true;
  };
  /** Networks of this machine: what was confirmed in another one says nothing. */
  const lookAround = (): void => {
    const text = globalHostsOf()
      .map(({ host }) => host)
      .toSorted()
      .join(' ');
    if (text === networkText) return;
    const first = networkText === '';
    networkText = text;
    if (first) return;
    confirmed = [];
    letIn = null;
    side?.wake();
    puncher?.again();
    soon();
  };

  return {
    on: (name, listener) => events.on(name, listener),
    state,
    announced,
    check,
    start: async () => {
      lookAround();
      await mapper?.start();
      await dialBack.start();
      await puncher?.start();
      unlisten = [
        endpoint.on('connected', () => {
          // The first ones are observers and witnesses; later ones may be relays that are missing.
          const now = state();
          if (now.reachable !== 'yes' && (now.reachable !== 'relay' || places.size < RELAYS_MAX)) soon();
        }),
        endpoint.on('disconnected', ({ peer }) => {
          if (!places.has(peer)) return;
          loseGone();
          publish();
          soon();
        }),
        clock.every(5_000, () => {
          lookAround();
          const nowMs = clock.monotonicMs();
          const before = places.size;
          loseGone();
          if (places.size !== before) publish();
          if (places.size !== before || [...places.values()].some(({ renewAtMs }) => renewAtMs <= nowMs)) soon();
        }),
        ...(mapper === null ? [] : [mapper.on('changed', soon)]),
        ...(side === null ? [] : [side.on('restarted', soon)]),
      ];
      schedule(settleMs);
    },
    stop: async () => {
      if (stopping.signal.aborted) return;
      stopping.abort(new Error('The node stops.'));
      cancelTimer();
      for (const one of unlisten) one();
      await running?.catch(() => undefined);
      await puncher?.stop();
      await dialBack.stop();
      await mapper?.stop();
    },
  };
};
