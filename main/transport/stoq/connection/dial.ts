import { type Clock, isNodeError, messageOf } from '../../../base/index.ts';
import type { Carrier, Channel } from '../carriers/interface.ts';
import { compareAddresses, partsOf } from '../address.ts';
import { PeerError } from '../errors.ts';
import type { Address, PeerId } from '../interface.ts';
import {
  DIAL_ADDRESSES_MAX,
  DIAL_TIMEOUT_MS,
  DIALS_AT_ONCE_MAX,
  RELAY_DELAY_MS,
  STAGGER_MS,
  TLS_DELAY_MS,
  UDP_BLOCKED_HOSTS_MAX,
  UDP_BLOCKED_MS,
} from './constants.ts';

/** Hosts to which UDP did not get through lately, so that their TLS need not wait for it. */
export interface UdpMemory {
  isBlocked(host: string): boolean;
  failed(host: string): void;
  worked(host: string): void;
}
export const createUdpMemory = (clock: Clock): UdpMemory => {
  const untilMs = new Map<string, number>();
  return {
    isBlocked: (host) => (untilMs.get(host) ?? 0) > clock.monotonicMs(),
    failed: (host) => {
      untilMs.delete(host);
      untilMs.set(host, clock.monotonicMs() + UDP_BLOCKED_MS);
      // The oldest entry is the first: each is written anew.
      if (untilMs.size > UDP_BLOCKED_HOSTS_MAX)
        for (const oldest of untilMs.keys()) {
          untilMs.delete(oldest);
          break;
        }
    },
    worked: (host) => {
      untilMs.delete(host);
    },
  };
};

/** For people: a code, or what another node gave as its reason. */
const problemOf = (error: unknown): string =>
  isNodeError(error) && !(error instanceof PeerError && error.code === 'TURNED_AWAY') ? error.code : messageOf(error);

export interface PlannedDial {
  address: Address;
  carrier: Carrier;
  /** Ms after the start, unless all that runs has failed before. */
  delayMs: number;
  /** Told to relays, who must know whom to reach. */
  peer: PeerId | null;
}
/**
 * Order of dialling: QUIC at once and over IPv6 first, TLS after a head start of QUIC's or at once where UDP did not get through,
 * circuits after direct addresses. At most {@link DIAL_ADDRESSES_MAX}.
 */
export const planDials = (
  addresses: readonly Address[],
  carriers: readonly Carrier[],
  udp: UdpMemory,
  peer: PeerId | null = null,
): readonly PlannedDial[] => {
  const planned: PlannedDial[] = [];
  /** Addresses of a kind so far, `quic`, `tls`, `relay`. */
  const counts = new Map<string, number>();
  for (const address of [...new Set(addresses)].sort(compareAddresses)) {
    const carrier = carriers.find((one) => one.canDial(address));
    if (carrier === undefined) continue;
    const { transport, host, relay } = partsOf(address);
    const kind = relay === null ? transport : 'relay';
    const turn = counts.get(kind) ?? 0;
    counts.set(kind, turn + 1);
    const headStart = kind === 'relay' ? RELAY_DELAY_MS : kind === 'tls' && !udp.isBlocked(host) ? TLS_DELAY_MS : 0;
    planned.push({ address, carrier, delayMs: headStart + turn * STAGGER_MS, peer });
  }
  return planned.sort((a, b) => a.delayMs - b.delayMs).slice(0, DIAL_ADDRESSES_MAX);
};

export interface Tried {
  address: Address;
  problem: string;
  error: unknown;
}
/** Ms that a channel whose handshake is under way holds back the next one. */
const PROOF_TURN_MS = 1_000;
/** Ms after which QUIC that has not come while TLS has is taken to be blocked. */
const UDP_PATIENCE_MS = 1_000;

/**
 * Dials as planned until one channel proves itself. A dial that fails lets the next one start at once; the others are called off
 * when one has succeeded.
 *
 * @param prove - handshake and all; the channel is aborted when it fails
 * @param timeoutMs - for a channel; handshakes have bounds of their own
 * @returns what `prove` gave; `tried` when nothing did
 */
export const raceDials = async <T>(
  clock: Clock,
  plan: readonly PlannedDial[],
  udp: UdpMemory,
  signal: AbortSignal,
  prove: (channel: Channel, address: Address, signal: AbortSignal) => Promise<T>,
  timeoutMs = DIAL_TIMEOUT_MS,
): Promise<{ value: T; address: Address } | { value: null; tried: readonly Tried[] }> => {
  signal.throwIfAborted();
  const tried: Tried[] = [];
  const controller = new AbortController();
  const both = AbortSignal.any([signal, controller.signal]);
  const startMs = clock.monotonicMs();
  const outcome = Promise.withResolvers<{ value: T; address: Address } | { value: null; tried: readonly Tried[] }>();
  let next = 0;
  let running = 0;
  let cancelTimer = (): void => undefined;
  /** Handshakes take turns, each a second ahead of the next. */
  let proving = Promise.resolve();

  const attempt = async ({ address, carrier, peer }: PlannedDial): Promise<void> => {
    const { transport, host, relay } = partsOf(address);
    const late = new AbortController();
    const cancelLate = clock.after(timeoutMs, () => late.abort(new Error('it did not answer in time')));
    try {
      let channel: Channel;
      try {
        channel = await carrier.dial(address, { signal: AbortSignal.any([both, late.signal]), peer });
      } finally {
        cancelLate();
      }
      const turn = Promise.withResolvers<void>();
      const before = proving;
      proving = turn.promise;
      try {
        await before;
        const cancelTurn = clock.after(PROOF_TURN_MS, turn.resolve);
        try {
          both.throwIfAborted();
          const value = await prove(channel, address, both);
          if (transport === 'quic' && relay === null) udp.worked(host);
          if (transport === 'tls' && relay === null) noticeUdp(host);
          outcome.resolve({ value, address });
        } finally {
          cancelTurn();
        }
      } catch (error) {
        channel.abort();
        throw error;
      } finally {
        turn.resolve();
      }
    } catch (error) {
      tried.push({ address, problem: problemOf(error), error });
    } finally {
      running -= 1;
      start();
    }
  };
  /** TLS got through where QUIC of the same host has failed, or should have come long ago. */
  const noticeUdp = (host: string): void => {
    const quic = plan.slice(0, next).filter(({ address }) => {
      const parts = partsOf(address);
      return parts.host === host && parts.transport === 'quic' && parts.relay === null;
    });
    const failed = quic.some(({ address }) => tried.some((one) => one.address === address));
    if (failed || (quic.length > 0 && clock.monotonicMs() - startMs > UDP_PATIENCE_MS)) udp.failed(host);
  };
  const start = (): void => {
    cancelTimer();
    while (!both.aborted && next < plan.length && running < DIALS_AT_ONCE_MAX) {
      const planned = plan[next];
      if (planned === undefined) break;
      const waitMs = planned.delayMs - (clock.monotonicMs() - startMs);
      if (waitMs > 0 && running > 0) {
        cancelTimer = clock.after(waitMs, start);
        return;
      }
      next += 1;
      running += 1;
      void attempt(planned);
    }
    if (running === 0 && (next >= plan.length || both.aborted)) outcome.resolve({ value: null, tried });
  };
  const onAbort = (): void => outcome.reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  start();
  try {
    return await outcome.promise;
  } finally {
    cancelTimer();
    signal.removeEventListener('abort', onAbort);
    controller.abort(new Error('another address answered first'));
  }
};
