import { assert, sha256, type Outside } from '../../../../base/index.ts';
import { CarrierError } from '../../errors.ts';
import type { Address, Tier } from '../../interface.ts';
import type { Carrier, CarrierListener, Channel } from '../interface.ts';
import { createChannelPair, type ChannelPair } from './channels.ts';
import { DIAL_MS, IDLE_MS, STREAMS_MAX, WINDOW_BYTES } from './constants.ts';
import { createDatagramHosts } from './datagrams.ts';
import { createEventQueue } from './event-queue.ts';
import type { MemoryCarrierOptions, MemoryNetwork, MemoryNetworkInit } from './interface.ts';
import { createLinks } from './links.ts';
import { closedError } from './streams.ts';

interface Host {
  name: string;
  address: Address;
  tier: Tier;
  carrier: Carrier;
  listener: ((channel: Channel) => void) | null;
  /** What ends a dial that is under way. */
  dials: Set<(error: Error) => void>;
  isOver: boolean;
}

const unreachable = (address: Address, detail: string): CarrierError =>
  new CarrierError(
    { code: 'UNREACHABLE', address, detail },
    `Nothing answers at ${address} (${detail}); check the address, and whether its node runs.`,
  );
const timedOut = (address: Address): CarrierError =>
  new CarrierError(
    { code: 'TIMED_OUT', address },
    `Nothing came back from ${address} in time; its node is away, or something on the way lets nothing through.`,
  );
const aborted = (signal: AbortSignal): Error => signal.reason as Error;

/** Host part of an address: what a datagram is sent to. */
const hostOf = (address: Address): string | null => /^\/(?:ip4|ip6|memory)\/([^/]+)/.exec(address)?.[1] ?? null;

/**
 * A network in memory; see {@link MemoryNetwork}.
 *
 * @param components - `outside` may be a manual clock and seeded random numbers; the network draws from nothing else
 */
export const createMemoryNetwork = (components: { outside: Outside }, init: MemoryNetworkInit = {}): MemoryNetwork => {
  const { clock, random } = components.outside;
  const { windowBytes = WINDOW_BYTES, streamsMax = STREAMS_MAX, idleMs = IDLE_MS, dialMs = DIAL_MS } = init;
  const { delayMs = 0, jitterMs = 0, lossRatio = 0, reorderRatio = 0, bytesPerSecond = null } = init;
  const queue = createEventQueue(clock);
  const links = createLinks({ clock, random }, { delayMs, jitterMs, lossRatio, reorderRatio, bytesPerSecond });
  const datagrams = createDatagramHosts({ queue, links });
  const hosts = new Map<string, Host>();
  const channels = new Set<ChannelPair>();

  const linksChanged = (): void => {
    for (const channel of channels) channel.linksChanged();
  };
  const connect = (from: Host, to: Host): ChannelPair => {
    const pair = createChannelPair(
      { clock, queue, links },
      {
        sides: [from, to].map(({ name, address, tier }) => ({ host: name, address, tier })) as never,
        binding: sha256(random.bytes(32)),
        windowBytes,
        streamsMax,
        idleMs,
      },
      () => {
        channels.delete(pair);
      },
    );
    channels.add(pair);
    pair.linksChanged();
    return pair;
  };

  const dial = (from: Host, address: Address, signal: AbortSignal): Promise<Channel> => {
    const answer = Promise.withResolvers<Channel>();
    let pair: ChannelPair | null = null;
    let settled = false;
    const end = (finish: () => void): void => {
      if (settled) return;
      settled = true;
      from.dials.delete(fail);
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const fail = (error: Error): void => {
      end(() => {
        pair?.ends[0].abort();
        answer.reject(error);
      });
    };
    const onAbort = (): void => {
      fail(aborted(signal));
    };
    if (signal.aborted) return Promise.reject(aborted(signal));
    if (from.isOver) return Promise.reject(closedError());
    signal.addEventListener('abort', onAbort, { once: true });
    from.dials.add(fail);
    const cancelTimer = clock.after(dialMs, () => {
      fail(timedOut(address));
    });
    /** A packet of the carrier's own handshake. One that a severed link swallows is not sent again: the dial times out. */
    const travel = (one: string, other: string, arrive: () => void): void => {
      const { arrivalMs } = links.reliable(one, other, 1200);
      queue.at(arrivalMs, () => {
        if (!settled && !links.isSevered(one, other)) arrive();
      });
    };
    const to = [...hosts.values()].find((host) => host.address === address);
    if (to === undefined) {
      fail(unreachable(address, 'there is no such host'));
      return answer.promise;
    }
    travel(from.name, to.name, () => {
      const { listener } = to;
      if (listener !== null) {
        pair = connect(from, to);
        listener(pair.ends[1]);
      }
      travel(to.name, from.name, () => {
        const made = pair;
        if (made === null) fail(unreachable(address, 'nobody listens there'));
        else
          end(() => {
            answer.resolve(made.ends[0]);
          });
      });
    });
    return answer.promise;
  };

  const listen = (host: Host, address: Address, onChannel: (channel: Channel) => void): CarrierListener => {
    if (host.isOver) throw closedError();
    if (address !== host.address) {
      throw new CarrierError(
        { code: 'NO_SUCH_ADDRESS', address },
        `This host has no address ${address}; listen at ${host.address}.`,
      );
    }
    if (host.listener !== null) {
      throw new CarrierError(
        { code: 'PORT_IN_USE', address },
        `Somebody listens at ${address} already; stop that listener first.`,
      );
    }
    host.listener = onChannel;
    return {
      address,
      close: () => {
        if (host.listener === onChannel) host.listener = null;
        return Promise.resolve();
      },
    };
  };
  const quit = (host: Host): void => {
    host.isOver = true;
    host.listener = null;
    for (const fail of host.dials) fail(closedError());
  };
  const endsOf = (name: string): { pair: ChannelPair; side: 0 | 1 }[] =>
    [...channels].flatMap((pair) =>
      ([0, 1] as const).filter((side) => pair.hosts[side] === name).map((side) => ({ pair, side })),
    );

  const createHost = (name: string, options: MemoryCarrierOptions): Host => {
    assert(/^[^\s/]+$/.test(name), 'A host of a memory network has a name without spaces and slashes.');
    const { address = `/memory/${name}` as Address, tier = 'memory' } = options;
    const canDial = options.canDial ?? ((target: Address) => target.startsWith('/memory/'));
    const host: Host = {
      name,
      address,
      tier,
      listener: null,
      dials: new Set(),
      isOver: false,
      carrier: {
        tier,
        canDial,
        listen: async (at, onChannel) => listen(host, at, onChannel),
        dial: (at, { signal }) => dial(host, at, signal),
        stop: () => {
          quit(host);
          for (const { pair, side } of endsOf(name)) pair.ends[side].abort();
          return Promise.resolve();
        },
      },
    };
    const alias = hostOf(address);
    if (alias !== null && alias !== name) datagrams.alias(alias, name);
    return host;
  };

  return {
    carrier: (name, options = {}) => {
      let host = hosts.get(name);
      if (host === undefined || host.isOver) hosts.set(name, (host = createHost(name, options)));
      return host.carrier;
    },
    datagrams: datagrams.link,
    setDefault: links.setDefault,
    setLink: (from, to, { oneWay = false, ...options }) => {
      links.set(from, to, options);
      if (!oneWay) links.set(to, from, options);
    },
    partition: (...groups) => {
      const heal = links.sever(groups);
      linksChanged();
      return () => {
        heal();
        linksChanged();
      };
    },
    setUp: (name, up) => {
      links.setUp(name, up);
      linksChanged();
    },
    crash: (name) => {
      const host = hosts.get(name);
      if (host !== undefined) quit(host);
      for (const { pair, side } of endsOf(name)) pair.crash(side);
      datagrams.crash(name);
    },
    stats: () => ({ ...links.stats(), channels: channels.size, inFlight: queue.size }),
  };
};
