import { createSocket } from 'node:dgram';
import {
  Emitter,
  type EventSource,
  type Logger,
  messageOf,
  type MetricsRegistry,
  type Outside,
  type Startable,
} from '../../../base/index.ts';
import { ReachError } from './errors.ts';
import { findGateways, type Gateways } from './gateway.ts';
import { createReachMetrics } from './metrics.ts';
import {
  encodePcpMap,
  encodePmpAddress,
  encodePmpMap,
  GATEWAY_PORT,
  type PortProtocol,
  readPcpAnswer,
  readPmpAnswer,
} from './nat-pmp.ts';
import { normalHost } from './stun.ts';
import { describeGateway, mapOverUpnp, searchGateways, unmapOverUpnp, type UpnpGateway } from './upnp.ts';

/** Asked for; routers give less. RFC 6886, section 3.3, recommends two hours. */
const LIFETIME_S = 7200;
/** A router that says less is asked again after this much all the same: it must not make us flood it. */
const RENEW_S_MIN = 60;
/** A mapping without an end is renewed as one of two hours: the router may have been switched off meanwhile. */
const RENEW_S_MAX = LIFETIME_S / 2;
/** When nothing was mapped: the router may be another, or was restarting. */
const RETRY_MS = 120_000;
/** Waits for an answer of NAT-PMP and PCP; RFC 6886 goes on to 64 s, but a router next to us answers at once. */
const ASK_MS = [250, 500, 1000] as const;
const SEARCH_MS = 1500;
/** A router that hangs must not keep the node from stopping. */
const UNMAP_MS = 2000;

export const MAPPING_PROTOCOLS = ['pcp', 'nat-pmp', 'upnp'] as const;
export type MappingProtocol = (typeof MAPPING_PROTOCOLS)[number];

export interface PortMapping {
  protocol: PortProtocol;
  internalPort: number;
  externalHost: string;
  externalPort: number;
  by: MappingProtocol;
  untilMs: number;
}
export interface PortMapper extends Startable, EventSource<{ changed: { mappings: readonly PortMapping[] } }> {
  mappings(): readonly PortMapping[];
  /** Maps what is not mapped, and renews what is: after a change of the network, or when a person asks. Joins one that runs. */
  check(): Promise<void>;
}
export interface PortMapperComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
}
export interface PortMapperInit {
  /** What others should be able to reach; asked for at every check. */
  ports(): readonly { protocol: PortProtocol; port: number }[];
  /** Ways to ask, in this order. @default PCP, NAT-PMP, UPnP */
  protocols?: readonly MappingProtocol[];
  /** @default the system's table of routes */
  gateways?: () => Promise<Gateways>;
  /** Ms to wait for an answer of NAT-PMP and PCP, one for each try. @default 250, 500, 1000 */
  askMs?: readonly number[];
}

interface Kept {
  mapping: PortMapping;
  /** Asks for the same again. @throws {ReachError} */
  renew(signal: AbortSignal): Promise<Made>;
  remove(signal: AbortSignal): Promise<void>;
  renewAtMs: number;
}
type Made = Omit<Kept, 'renewAtMs'> & { lifetimeS: number };

const refuse = (detail: string): ReachError =>
  new ReachError({ code: 'NOT_MAPPED', detail }, `The router opened no port: ${detail}.`);

export const createPortMapper = (
  { outside, logger: parentLogger, metrics: registry }: PortMapperComponents,
  { ports, protocols = MAPPING_PROTOCOLS, gateways = findGateways, askMs = ASK_MS }: PortMapperInit,
): PortMapper => {
  const { clock } = outside;
  const logger = parentLogger.child('stoq-ports');
  const metrics = createReachMetrics(registry);
  const events = new Emitter<{ changed: { mappings: readonly PortMapping[] } }>();
  const kept = new Map<string, Kept>();
  const stopping = new AbortController();
  let running: Promise<void> | null = null;
  let cancelTimer = (): void => undefined;

  /** Sends until the router answers. @param read - null for packets that are no answer to this @throws {ReachError} */
  const ask = async <T>(
    host: string,
    packet: (localHost: string) => Uint8Array,
    read: (answer: Uint8Array) => T | null,
    signal: AbortSignal,
  ): Promise<T> => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const answered = Promise.withResolvers<T>();
    answered.promise.catch(() => undefined);
    let done = false;
    const fail = (error: unknown): void => answered.reject(refuse(messageOf(error)));
    socket.on('error', fail);
    socket.on('message', (answer) => {
      const value = read(answer);
      if (value !== null) answered.resolve(value);
    });
    // Connected: the system drops packets of others, and says our own address on this way.
    socket.connect(GATEWAY_PORT, host, () => {
      void (async () => {
        const sent = packet(normalHost(socket.address().address.replace(/%.*$/, '')));
        for (const waitMs of askMs) {
          if (signal.aborted || done) return answered.reject(refuse('it was given up'));
          socket.send(sent, (error) => error && fail(error));
          await Promise.race([answered.promise.catch(() => undefined), clock.sleep(waitMs)]);
        }
        answered.reject(refuse('it does not answer'));
      })();
    });
    try {
      return await answered.promise;
    } finally {
      done = true;
      socket.close();
    }
  };

  const overPcp = async (
    host: string,
    protocol: PortProtocol,
    port: number,
    signal: AbortSignal,
    before?: { host: string; port: number; nonce: Uint8Array },
  ): Promise<Made> => {
    const nonce = before?.nonce ?? outside.random.bytes(12);
    const wish = { host: before?.host ?? null, port: before?.port ?? port };
    const answer = await ask(
      host,
      (local) => encodePcpMap(protocol, local, port, wish, LIFETIME_S, nonce),
      (packet) => {
        const pcp = readPcpAnswer(packet);
        if (pcp?.kind === 'mapped')
          return pcp.protocol === protocol && pcp.internalPort === port && Buffer.compare(pcp.nonce, nonce) === 0
            ? pcp
            : null;
        // A router of NAT-PMP alone says so in its own version.
        return pcp ?? (readPmpAnswer(packet) && { kind: 'refused' as const, result: 1 });
      },
      signal,
    );
    if (answer.kind === 'refused') throw refuse(`it refused over PCP with result ${answer.result}`);
    if (answer.externalPort === 0) throw refuse('it named no port');
    const external = { host: answer.externalHost, port: answer.externalPort, nonce };
    return {
      mapping: mappingOf(protocol, port, external, 'pcp', answer.lifetimeS),
      lifetimeS: answer.lifetimeS,
      renew: (again) => overPcp(host, protocol, port, again, external),
      remove: async (end) => {
        await ask(
          host,
          (local) => encodePcpMap(protocol, local, port, external, 0, nonce),
          (packet) => readPcpAnswer(packet),
          end,
        );
      },
    };
  };
  const overPmp = async (
    host: string,
    protocol: PortProtocol,
    port: number,
    signal: AbortSignal,
    wish = port,
  ): Promise<Made> => {
    const accept =
      <K extends 'address' | 'mapped'>(kind: K) =>
      (packet: Uint8Array) => {
        const pmp = readPmpAnswer(packet);
        return pmp !== null && (pmp.kind === kind || pmp.kind === 'refused') ? pmp : null;
      };
    const mapped = await ask(host, () => encodePmpMap(protocol, port, wish, LIFETIME_S), accept('mapped'), signal);
    if (mapped.kind !== 'mapped') throw refuse('it refused over NAT-PMP');
    if (mapped.protocol !== protocol || mapped.internalPort !== port || mapped.externalPort === 0)
      throw refuse('it mapped another port than it was asked for');
    const address = await ask(host, encodePmpAddress, accept('address'), signal);
    if (address.kind !== 'address') throw refuse('it does not say its own address');
    return {
      mapping: mappingOf(
        protocol,
        port,
        { host: address.host, port: mapped.externalPort },
        'nat-pmp',
        mapped.lifetimeS,
      ),
      lifetimeS: mapped.lifetimeS,
      renew: (again) => overPmp(host, protocol, port, again, mapped.externalPort),
      remove: async (end) => {
        // Section 3.4: both the external port and the lifetime are zero.
        await ask(host, () => encodePmpMap(protocol, port, 0, 0), accept('mapped'), end);
      },
    };
  };
  const overUpnp = async (
    gateway: UpnpGateway,
    protocol: PortProtocol,
    port: number,
    signal: AbortSignal,
    wish = port,
  ): Promise<Made> => {
    const made = await mapOverUpnp(
      gateway,
      { protocol, internalPort: port, externalPort: wish, lifetimeS: LIFETIME_S },
      signal,
    );
    const lifetimeS = made.lifetimeS === 0 ? LIFETIME_S : made.lifetimeS;
    return {
      mapping: mappingOf(protocol, port, { host: made.externalHost, port: made.externalPort }, 'upnp', lifetimeS),
      lifetimeS,
      renew: (again) => overUpnp(gateway, protocol, port, again, made.externalPort),
      remove: (end) => unmapOverUpnp(gateway, protocol, made.externalPort, end),
    };
  };
  const mappingOf = (
    protocol: PortProtocol,
    internalPort: number,
    external: { host: string; port: number },
    by: MappingProtocol,
    lifetimeS: number,
  ): PortMapping => ({
    protocol,
    internalPort,
    externalHost: normalHost(external.host),
    externalPort: external.port,
    by,
    untilMs: clock.nowMs() + lifetimeS * 1000,
  });

  /** All ways that there are now, in order; the search for UPnP runs only when something better did not work. */
  const tries = async function* (
    family: 4 | 6,
    found: Gateways,
    upnp: () => Promise<readonly UpnpGateway[]>,
  ): AsyncGenerator<(protocol: PortProtocol, port: number, signal: AbortSignal) => Promise<Made>> {
    const host = family === 4 ? found.v4 : found.v6;
    for (const way of protocols) {
      if (way === 'pcp' && host !== null) yield (...wanted) => overPcp(host, ...wanted);
      else if (way === 'nat-pmp' && family === 4 && host !== null) yield (...wanted) => overPmp(host, ...wanted);
      else if (way === 'upnp' && family === 4)
        for (const gateway of await upnp()) yield (...wanted) => overUpnp(gateway, ...wanted);
    }
  };

  const keep = (key: string, made: Made): void => {
    // A router that gives no time at all is believed for the least.
    const lifeS = Math.min(RENEW_S_MAX, Math.max(RENEW_S_MIN, made.lifetimeS / 2));
    kept.set(key, { ...made, renewAtMs: clock.monotonicMs() + lifeS * 1000 });
  };
  const run = async (all: boolean): Promise<void> => {
    const { signal } = stopping;
    const before = JSON.stringify(list().map(withoutTime));
    const wanted = ports();
    const found = await gateways();
    let searched: Promise<readonly UpnpGateway[]> | null = null;
    const upnp = (): Promise<readonly UpnpGateway[]> =>
      (searched ??= (async () => {
        const places = await searchGateways(found.v4, SEARCH_MS, signal);
        const described = await Promise.allSettled(places.map((place) => describeGateway(place, signal)));
        return described.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      })());
    for (const family of [4, 6] as const)
      for (const { protocol, port } of wanted) {
        const key = `${family} ${protocol} ${port}`;
        const existing = kept.get(key);
        if (existing !== undefined && !all && clock.monotonicMs() < existing.renewAtMs) continue;
        if (existing !== undefined) {
          try {
            keep(key, await existing.renew(signal));
            continue;
          } catch (error) {
            logger.debug('Mapping of a port not renewed', { key, reason: messageOf(error) });
            kept.delete(key);
          }
        }
        for await (const attempt of tries(family, found, upnp)) {
          if (signal.aborted) return;
          try {
            keep(key, await attempt(protocol, port, signal));
            break;
          } catch (error) {
            logger.debug('Port not mapped', { key, reason: messageOf(error) });
          }
        }
      }
    const keys = new Set(wanted.flatMap(({ protocol, port }) => [`4 ${protocol} ${port}`, `6 ${protocol} ${port}`]));
    for (const [key, { remove }] of kept)
      if (!keys.has(key)) {
        kept.delete(key);
        void remove(AbortSignal.any([signal, AbortSignal.timeout(UNMAP_MS)])).catch(() => undefined);
      }
    metrics?.mappings.set(kept.size);
    if (JSON.stringify(list().map(withoutTime)) === before) return;
    logger.info('Ports that the router opened', { mappings: list().map(withoutTime) });
    events.emit('changed', { mappings: list() });
  };
  const withoutTime = (mapping: PortMapping): Omit<PortMapping, 'untilMs'> => {
    const { protocol, internalPort, externalHost, externalPort, by } = mapping;
    return { protocol, internalPort, externalHost, externalPort, by };
  };
  const list = (): PortMapping[] => [...kept.values()].map(({ mapping }) => mapping);
  const schedule = (): void => {
    cancelTimer();
    if (stopping.signal.aborted) return;
    const dueMs = Math.min(...[...kept.values()].map(({ renewAtMs }) => renewAtMs - clock.monotonicMs()));
    cancelTimer = clock.after(
      Math.max(1000, Math.min(dueMs, RETRY_MS * (kept.size > 0 ? 30 : 1))),
      () => void go(false),
    );
  };
  const go = (all: boolean): Promise<void> => {
    running ??= run(all)
      .catch((error: unknown) => {
        // Only an end that was asked for comes here: everything else is caught where it happens.
        if (!stopping.signal.aborted) throw error;
      })
      .finally(() => {
        running = null;
        schedule();
      });
    return running;
  };

  return {
    on: (name, listener) => events.on(name, listener),
    mappings: list,
    check: () => (stopping.signal.aborted ? Promise.resolve() : go(true)),
    start: () => {
      void go(true);
      return Promise.resolve();
    },
    stop: async () => {
      if (stopping.signal.aborted) return;
      stopping.abort(new Error('The node stops.'));
      cancelTimer();
      await running;
      const end = AbortSignal.timeout(UNMAP_MS);
      const all = [...kept.values()];
      kept.clear();
      await Promise.race([Promise.allSettled(all.map(({ remove }) => remove(end))), clock.sleep(UNMAP_MS + 100)]);
    },
  };
};
