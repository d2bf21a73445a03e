import { assert, type Clock } from '../../../../base/index.ts';
import { CarrierError } from '../../errors.ts';
import type { Address, Tier } from '../../interface.ts';
import type { CarrierStream, Channel } from '../interface.ts';
import type { EventQueue } from './event-queue.ts';
import type { Links, Transit } from './links.ts';
import { closedError, createStreamPair, otherSide, type Post, type Side, type StreamPair } from './streams.ts';

export interface ChannelSide {
  host: string;
  address: Address;
  tier: Tier;
}
/** A channel as both of its ends have it: 0 dialled, 1 was dialled. */
export interface ChannelPair {
  readonly ends: readonly [Channel, Channel];
  readonly hosts: readonly [string, string];
  /** A link was severed or healed. */
  linksChanged(): void;
  /** This end's program is gone; the other hears nothing. */
  crash(side: Side): void;
}

interface ChannelEnd {
  host: string;
  streams: Set<StreamPair>;
  /** Opened by the other end and not taken yet. */
  waiting: StreamPair[];
  taker: ((stream: CarrierStream | null) => void) | null;
  openedCount: number;
  closed: PromiseWithResolvers<void>;
  isClosed: boolean;
  sent: { packets: number; lost: number; wireBytes: number };
}

/** @param onGone - called once both ends are closed */
export const createChannelPair = (
  components: { clock: Clock; queue: EventQueue; links: Links },
  init: {
    sides: readonly [ChannelSide, ChannelSide];
    binding: Uint8Array;
    windowBytes: number;
    streamsMax: number;
    idleMs: number;
  },
  onGone: () => void,
): ChannelPair => {
  const { clock, queue, links } = components;
  const { sides, windowBytes, streamsMax, idleMs } = init;
  const createState = (host: string): ChannelEnd => ({
    host,
    streams: new Set(),
    waiting: [],
    taker: null,
    openedCount: 0,
    closed: Promise.withResolvers(),
    isClosed: false,
    sent: { packets: 0, lost: 0, wireBytes: 0 },
  });
  const states: readonly [ChannelEnd, ChannelEnd] = [createState(sides[0].host), createState(sides[1].host)];
  /** What came to a severed link, and goes again when it is healed. */
  const stalled: [(() => void)[], (() => void)[]] = [[], []];
  let isSevered = false;
  let severings = 0;

  const close = (side: Side, keep: boolean): void => {
    const state = states[side];
    if (state.isClosed) return;
    state.isClosed = true;
    for (const stream of state.streams) stream.fail(side, keep);
    state.streams.clear();
    state.waiting.length = 0;
    const { taker } = state;
    state.taker = null;
    taker?.(null);
    state.closed.resolve();
    if (states[otherSide(side)].isClosed) {
      stalled[0].length = 0;
      stalled[1].length = 0;
      onGone();
    }
  };
  const count = (side: Side, { packets, lost, wireBytes }: Transit): void => {
    const { sent } = states[side];
    sent.packets += packets;
    sent.lost += lost;
    sent.wireBytes += wireBytes;
  };
  const travel = (from: Side, bytes: number, arrive: () => void): void => {
    const to = otherSide(from);
    const transit = links.reliable(states[from].host, states[to].host, bytes);
    count(from, transit);
    queue.at(transit.arrivalMs, () => {
      if (states[to].isClosed) return;
      if (links.isSevered(states[from].host, states[to].host)) {
        stalled[from].push(() => {
          travel(from, bytes, arrive);
        });
      } else arrive();
    });
  };
  const post: Post = (from, bytes, sequence, happen) => {
    if (states[from].isClosed || states[otherSide(from)].isClosed) return;
    if (sequence === null) {
      travel(from, bytes, happen);
      return;
    }
    const number = sequence.next++;
    travel(from, bytes, () => {
      sequence.early.set(number, happen);
      for (let next = sequence.early.get(sequence.due); next !== undefined; next = sequence.early.get(sequence.due)) {
        sequence.early.delete(sequence.due);
        sequence.due += 1;
        next();
      }
    });
  };

  const openStream = (side: Side): CarrierStream => {
    const state = states[side];
    const other = states[otherSide(side)];
    if (state.isClosed) throw closedError();
    if (state.openedCount >= streamsMax) {
      throw new CarrierError(
        { code: 'TOO_MANY' },
        `${streamsMax} streams of this channel are open, which is all that the other end allows; end one first.`,
      );
    }
    state.openedCount += 1;
    const pair = createStreamPair(post, windowBytes, () => {
      state.openedCount -= 1;
      state.streams.delete(pair);
      other.streams.delete(pair);
    });
    state.streams.add(pair);
    post(side, 0, null, () => {
      const there = otherSide(side);
      if (pair.isReset(there)) return;
      other.streams.add(pair);
      if (other.taker !== null) {
        const { taker } = other;
        other.taker = null;
        taker(pair.ends[there]);
      } else other.waiting.push(pair);
    });
    return pair.ends[side];
  };
  const acceptStream = (side: Side): Promise<CarrierStream | null> => {
    const state = states[side];
    assert(state.taker === null, 'Streams of a channel are taken by one call at a time.');
    if (state.isClosed) return Promise.resolve(null);
    for (let next = state.waiting.shift(); next !== undefined; next = state.waiting.shift())
      if (!next.isReset(side)) return Promise.resolve(next.ends[side]);
    return new Promise((resolve) => {
      state.taker = resolve;
    });
  };
  const abort = (side: Side): void => {
    if (states[side].isClosed) return;
    const to = otherSide(side);
    const transit = links.reliable(states[side].host, states[to].host, 0);
    count(side, transit);
    close(side, false);
    queue.at(transit.arrivalMs, () => {
      if (!links.isSevered(states[side].host, states[to].host)) close(to, true);
      else closeWhenIdle(to);
    });
  };
  const closeWhenIdle = (side: Side): void => {
    if (states[side].isClosed) return;
    queue.at(clock.monotonicMs() + idleMs, () => {
      close(side, true);
    });
  };

  const createEnd = (side: Side): Channel => {
    const here = sides[side];
    const there = sides[otherSide(side)];
    return {
      tier: here.tier,
      direction: side === 0 ? 'out' : 'in',
      remoteAddress: there.address,
      via: null,
      binding: init.binding,
      openStream: () =>
        new Promise((resolve) => {
          resolve(openStream(side));
        }),
      acceptStream: () => acceptStream(side),
      stats: () => {
        const to = links.options(here.host, there.host);
        const back = links.options(there.host, here.host);
        return {
          rttMs: to.delayMs + back.delayMs + (to.jitterMs + back.jitterMs) / 2,
          lostPackets: states[side].sent.lost,
          sentPackets: states[side].sent.packets,
          wireSentBytes: states[side].sent.wireBytes,
          wireReceivedBytes: states[otherSide(side)].sent.wireBytes,
        };
      },
      abort: () => {
        abort(side);
      },
      closed: states[side].closed.promise,
    };
  };

  const linksChanged = (): void => {
    const [one, other] = [states[0].host, states[1].host];
    const severed = links.isSevered(one, other) || links.isSevered(other, one);
    if (severed !== isSevered) {
      isSevered = severed;
      severings += 1;
      const severing = severings;
      if (severed) {
        queue.at(clock.monotonicMs() + idleMs, () => {
          if (severing !== severings) return;
          close(0, true);
          close(1, true);
        });
      }
    }
    for (const from of [0, 1] as const) {
      if (links.isSevered(states[from].host, states[otherSide(from)].host)) continue;
      for (const again of stalled[from].splice(0)) again();
    }
  };

  return {
    ends: [createEnd(0), createEnd(1)],
    hosts: [sides[0].host, sides[1].host],
    linksChanged,
    crash: (side) => {
      close(side, false);
      closeWhenIdle(otherSide(side));
    },
  };
};
