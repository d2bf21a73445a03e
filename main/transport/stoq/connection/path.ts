import { isNodeError, type Logger, messageOf } from '../../../base/index.ts';
import type { CarrierStream, Channel, ChannelStats } from '../carriers/interface.ts';
import { StreamError } from '../errors.ts';
import type { Session } from '../handshake/interface.ts';
import { sealStream } from '../handshake/sealed-stream.ts';
import {
  type Address,
  CLOSE_REASONS,
  type CloseReason,
  type PathStats,
  type PeerId,
  type StreamOptions,
  type Tier,
} from '../interface.ts';
import type { Offence } from '../standing/interface.ts';
import {
  CLOSE_GOODBYE_MS,
  CONTROL_BURST_MAX,
  CONTROL_PER_SECOND_MAX,
  DATAGRAM_PROTOCOL,
  KEEPALIVE_MS,
  OPENING_BYTES_MAX,
  OPENING_DEADLINE_MS,
  OPENINGS_MAX,
  RATE_WINDOW_MS,
  REFUSAL_LINGER_MS,
  REFUSALS_LINGERING_MAX,
  SILENCE_MS_MAX,
  SILENCE_MS_MIN,
  TICK_MS,
  UNACKNOWLEDGED_MAX,
} from './constants.ts';
import type { Control } from './control.ts';
import { ANSWERS, type ControlMessage, decodeOpening, encodeOpening, type Opening, readFrame } from './frames.ts';
import { primeStream } from './primed-stream.ts';
import { createPathStream, type PathStream, type StreamHost } from './stream.ts';

/** What becomes of a stream that the peer opened. */
export type Admission =
  | { refused: Exclude<keyof typeof ANSWERS, 'accepted'> }
  | {
      refused: null;
      bytesMax: number | null;
      deadlineMs: number | null;
      bytesPerSecondMin: number | null;
      /** Runs the protocol. Never rejects. */
      run(stream: PathStream): Promise<void>;
      /** Both directions are over. */
      over(): void;
    };

/** What a path needs of a session: keys for streams that are encrypted a second time. */
type PathKeys = Pick<Session, 'deriveKey'>;
/** The connection that a path belongs to. */
export interface PathOwner<S extends PathKeys = Session> {
  admit(opening: Opening, path: ConnectionPath<S>): Admission;
  /** Messages that are not the path's own business. */
  onMessage(message: ControlMessage, path: ConnectionPath<S>): void;
  /** Bytes on the wire that no tick has told, as a path ends. */
  carried(sent: number, received: number): void;
  /** The path is gone: what the peer said, or null where it is lost. Once per path. */
  onGone(path: ConnectionPath<S>, goodbye: { reason: CloseReason; detail: string } | null): void;
  offended(offence: Offence, detail: string): void;
}
export interface PathComponents extends Omit<StreamHost, 'moved' | 'consumed' | 'ended' | 'offended'> {
  logger: Logger;
}
export interface PathInit<S extends PathKeys = Session> {
  id: number;
  channel: Channel;
  control: Control;
  session: S;
  owner: PathOwner<S>;
}
export interface OutgoingStreamOptions extends Pick<StreamOptions, 'signal' | 'extensions'> {
  sealed: boolean;
  deadlineMs: number | null;
  bytesMax: number | null;
  bytesPerSecondMin: number | null;
}
/** What two tiers are compared by. */
export interface Measured {
  bytesPerSecond: number;
  rttMs: number;
  atMs: number;
}

/** One channel with its session, seen from the connection. */
export interface ConnectionPath<S extends PathKeys = Session> {
  readonly id: number;
  readonly tier: Tier;
  readonly direction: 'in' | 'out';
  readonly remoteAddress: Address;
  readonly via: PeerId | null;
  readonly openedAtMs: number;
  readonly session: S;
  readonly gone: boolean;
  /** Takes no new streams any more. */
  readonly retired: boolean;
  /** Was asked and has been silent for longer than it should. */
  readonly suspicious: boolean;
  /** Streams open, and those finished ones whose acknowledgement is due. */
  readonly busy: number;
  readonly streamsOpen: number;
  measured: Measured | null;
  /** Round trip as far as known, ms. */
  rttMs(): number | null;
  stats(): PathStats;
  openStream(protocol: string, options: OutgoingStreamOptions): Promise<PathStream>;
  send(message: ControlMessage): void;
  ping(signal?: AbortSignal): Promise<number>;
  /** Asks now whether the other end is there. */
  probe(): void;
  /** Asks the peer to open no more here, and closes when all that runs has ended. For the end that decides. */
  retire(): void;
  /** Resolves when the peer has told what became of everything that was finished, or the path is gone. */
  settled(): Promise<void>;
  /** Says why and closes. */
  close(reason: CloseReason, detail: string): Promise<void>;
  /** Ends it at once, without a word. */
  abort(): void;
  tick(nowMs: number): { sent: number; received: number };
}

const CLOSE_NAMES = Object.keys(CLOSE_REASONS) as CloseReason[];
/** A number that is none of ours counts as a plain end. */
const closeReasonOf = (number: number): CloseReason =>
  CLOSE_NAMES.find((name) => CLOSE_REASONS[name] === number) ?? 'done';

const SAMPLES = RATE_WINDOW_MS / TICK_MS;
/** Ms that a retired path waits for acknowledgements that do not come. */
const RETIRED_WAIT_MS = 10_000;

export const closedStream = (): StreamError =>
  new StreamError(
    { code: 'CLOSED' },
    'The path of this stream is gone and data is missing; open another stream and ask again.',
  );

export const createPath = <S extends PathKeys = Session>(
  components: PathComponents,
  init: PathInit<S>,
): ConnectionPath<S> => {
  const { clock, gate, flow, logger } = components;
  const { id, channel, control, session, owner } = init;
  const { direction } = channel;
  const openedAtMs = clock.nowMs();

  let gone = false;
  let isBroken = false;
  /** What the peer said before the end. */
  let goodbye: { reason: CloseReason; detail: string } | null = null;

  // Streams.
  const live = new Map<number, PathStream>();
  /** Ended ones whose data the peer has not acknowledged. */
  const awaiting = new Map<number, PathStream>();
  let nextNumber = direction === 'out' ? 0 : 1;
  let openedCount = 0;
  let acceptedCount = 0;
  let openingsIn = 0;
  let openingsOut = 0;
  let openingFreed: (() => void) | null = null;
  let refusalsLingering = 0;

  // Retiring: asked by us or by the peer.
  let retired = false;
  let retireAsked = false;
  let retiredAnswered = false;
  let peerOpened: number | null = null;
  let retiredSinceMs = 0;

  // Life.
  let heardMs = clock.monotonicMs();
  let ping: { number: number; sentMs: number } | null = null;
  let pingNumber = 0;
  let pingWaiters: { resolve: (ms: number) => void; reject: (error: Error) => void }[] = [];
  let pingRttMs: number | null = null;
  let suspicious = false;
  const messagesPaid = { tokens: CONTROL_BURST_MAX, atMs: heardMs };
  /** Of streams that were opened and ended before they said for what. They are cheap to make, and make us work. */
  const emptyPaid = { tokens: CONTROL_BURST_MAX, atMs: heardMs };

  // Traffic.
  let last: ChannelStats = channel.stats();
  let final: ChannelStats | null = null;
  let payloadSent = 0;
  let payloadReceived = 0;
  const samples = new Float64Array(2 * SAMPLES);
  let sampleAt = 0;
  let sampleCount = 0;

  const offended = (offence: Offence, detail: string): void => owner.offended(offence, detail);

  const host: StreamHost = {
    clock,
    gate,
    flow,
    moved: (sent, received) => {
      payloadSent += sent;
      payloadReceived += received;
    },
    consumed: (number, bytes) => {
      if (!gone) control.ack([number, bytes]);
    },
    ended: (stream) => {
      if (!live.delete(stream.number) || gone) return;
      if (stream.endedHow === 'finished' && !stream.settled) {
        awaiting.set(stream.number, stream);
        if (awaiting.size > UNACKNOWLEDGED_MAX)
          for (const [number, oldest] of awaiting) {
            awaiting.delete(number);
            oldest.onAck(null);
            break;
          }
      }
      review();
    },
    offended,
  };

  /**
   * What streams moved went through the gate as they moved it; the rest is told here. Bytes that the carrier has taken and not sent
   * yet make the rest negative, and are set against what comes.
   */
  const account = (stats: ChannelStats): { sent: number; received: number } => {
    const sent = stats.wireSentBytes - last.wireSentBytes;
    const received = stats.wireReceivedBytes - last.wireReceivedBytes;
    const restSent = sent - payloadSent;
    const restReceived = received - payloadReceived;
    payloadSent = Math.max(0, -restSent);
    payloadReceived = Math.max(0, -restReceived);
    if (restSent > 0 || restReceived > 0) gate.charge(Math.max(0, restSent), Math.max(0, restReceived));
    last = stats;
    return { sent, received };
  };

  const end = (): void => {
    if (gone) return;
    gone = true;
    final = channel.stats();
    channel.abort();
    const moved = account(final);
    // What streams handed over and the wire never saw is given back.
    if (payloadSent > 0 || payloadReceived > 0) gate.charge(-payloadSent, -payloadReceived);
    owner.carried(moved.sent, moved.received);
    openingFreed?.();
    tellSettled();
    for (const stream of [...live.values(), ...awaiting.values()]) stream.fail(closedStream());
    live.clear();
    awaiting.clear();
    for (const { reject } of pingWaiters) reject(closedStream());
    pingWaiters = [];
    owner.onGone(path, goodbye);
  };

  /** Whoever breaks the rules of the control stream loses the path, and standing. */
  const broken = (offence: Offence, detail: string): void => {
    // Once: what else is on its way from this peer counts no more.
    if (gone || isBroken) return;
    isBroken = true;
    offended(offence, detail);
    void close('protocolBroken', detail);
  };

  // What the peer opens.
  const refuseStream = (stream: CarrierStream, answer: number): void => {
    if (refusalsLingering >= REFUSALS_LINGERING_MAX) {
      stream.reset();
      return;
    }
    refusalsLingering += 1;
    stream
      .write(Uint8Array.of(answer))
      .then(() => stream.finish())
      .catch(() => undefined);
    clock.after(REFUSAL_LINGER_MS, () => {
      refusalsLingering -= 1;
      stream.reset();
    });
  };
  const readOpening = async (stream: CarrierStream): Promise<Opening | null> => {
    let late = false;
    const cancel = clock.after(OPENING_DEADLINE_MS, () => {
      late = true;
      stream.reset();
    });
    try {
      const frame = await readFrame(stream, OPENING_BYTES_MAX);
      // Opened and given up before it began: an aborted call of an honest peer looks like this.
      return frame === null ? null : decodeOpening(frame);
    } catch (error) {
      if (late) offended('tooSlow', 'it opened a stream and sent no opening');
      else if (error instanceof StreamError) offended('malformed', error.message);
      return null;
    } finally {
      cancel();
    }
  };
  const takeStream = async (stream: CarrierStream): Promise<void> => {
    const opening = await readOpening(stream);
    if (opening === null || gone) {
      stream.reset();
      if (!gone && !pay(emptyPaid)) broken('flooding', 'it opens streams and says nothing in them');
      return;
    }
    const { number, protocol, extensions } = opening;
    // Numbers of the end that dialled are even.
    if (number % 2 !== (direction === 'out' ? 1 : 0) || live.has(number) || awaiting.has(number)) {
      stream.reset();
      broken('protocolBroken', `it opened stream ${number} which is not its to open`);
      return;
    }
    const admission = owner.admit(opening, path);
    if (admission.refused !== null) {
      refuseStream(stream, ANSWERS[admission.refused]);
      return;
    }
    const primed = primeStream(stream, Uint8Array.of(ANSWERS.accepted));
    const incoming = createPathStream(
      {
        ...host,
        ended: (one) => {
          admission.over();
          host.ended(one);
        },
      },
      {
        number,
        protocol,
        direction: 'in',
        extensions,
        primed,
        data: opening.sealed ? sealStream(primed, session, 'in', number) : primed,
        bytesMax: admission.bytesMax,
        deadlineMs: admission.deadlineMs,
        bytesPerSecondMin: admission.bytesPerSecondMin,
        signal: null,
      },
    );
    live.set(number, incoming);
    void admission.run(incoming);
  };
  const acceptStreams = async (): Promise<void> => {
    for (;;) {
      const stream = await channel.acceptStream();
      if (stream === null) return;
      acceptedCount += 1;
      openingsIn += 1;
      void takeStream(stream).finally(() => {
        openingsIn -= 1;
        openingFreed?.();
        review();
      });
      while (openingsIn >= OPENINGS_MAX && !gone)
        await new Promise<void>((resolve) => {
          openingFreed = resolve;
        });
    }
  };

  // The control stream.
  const pay = (paid: { tokens: number; atMs: number }): boolean => {
    const nowMs = clock.monotonicMs();
    paid.tokens = Math.min(CONTROL_BURST_MAX, paid.tokens + ((nowMs - paid.atMs) * CONTROL_PER_SECOND_MAX) / 1000);
    paid.atMs = nowMs;
    paid.tokens -= 1;
    return paid.tokens >= 0;
  };
  /** @returns whether any of them was one that we waited for */
  const onAcks = (message: Extract<ControlMessage, { type: 'ack' }>): boolean => {
    let known = 0;
    for (const [number, bytes] of message.acks) {
      const stream = live.get(number) ?? awaiting.get(number);
      if (stream === undefined || stream.settled) continue;
      known += 1;
      awaiting.delete(number);
      stream.onAck(bytes);
    }
    if (known > 0) review();
    return known > 0;
  };
  const onPong = (number: number): void => {
    if (ping === null || ping.number !== number) return;
    const ms = clock.monotonicMs() - ping.sentMs;
    pingRttMs = ms;
    ping = null;
    suspicious = false;
    for (const { resolve } of pingWaiters) resolve(ms);
    pingWaiters = [];
  };
  const answerRetire = (): void => {
    if (!retireAsked || retiredAnswered || openingsOut > 0 || gone) return;
    retiredAnswered = true;
    control.send({ type: 'retired', opened: openedCount });
  };
  const onMessage = (message: ControlMessage): void => {
    if (isBroken && message.type !== 'bye') return;
    heardMs = clock.monotonicMs();
    const free = message.type === 'ack' && onAcks(message);
    if (!free && !pay(messagesPaid)) {
      broken('flooding', 'it sends too many control messages');
      return;
    }
    switch (message.type) {
      case 'ack':
        return;
      case 'ping':
        control.send({ type: 'pong', number: message.number });
        return;
      case 'pong':
        onPong(message.number);
        return;
      case 'bye':
        // Shown to people: nothing in it may move their cursor or turn their letters round.
        goodbye = {
          reason: closeReasonOf(message.reason),
          detail: message.detail.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' '),
        };
        end();
        return;
      case 'retire':
        retired = true;
        retireAsked = true;
        answerRetire();
        owner.onMessage(message, path);
        return;
      case 'retired':
        if (retired && peerOpened === null) {
          peerOpened = message.opened;
          review();
        }
        return;
      case 'hello':
        broken('protocolBroken', 'it introduced itself twice');
        return;
      case 'addresses':
      case 'datagrams':
      case 'root':
        owner.onMessage(message, path);
    }
  };
  const readControl = async (): Promise<void> => {
    try {
      for (let message = await control.receive(); message !== null && !gone; message = await control.receive())
        onMessage(message);
      // The end of the control stream is the end of the path.
      end();
    } catch (error) {
      if (error instanceof StreamError) broken('malformed', error.message);
      else end();
    }
  };

  let settledWaiters: (() => void)[] = [];
  const tellSettled = (): void => {
    for (const resolve of settledWaiters) resolve();
    settledWaiters = [];
  };
  const hasUnsettled = (): boolean => awaiting.size > 0 || [...live.values()].some((stream) => stream.unsettled);

  /** Closes a retired path when nothing runs on it any more. */
  const review = (): void => {
    if (settledWaiters.length > 0 && !hasUnsettled()) tellSettled();
    if (gone || !retired || retireAsked || peerOpened === null) return;
    if (live.size > 0 || openingsIn > 0 || openingsOut > 0 || acceptedCount < peerOpened) return;
    if (awaiting.size > 0 && clock.monotonicMs() - retiredSinceMs < RETIRED_WAIT_MS) return;
    void close('replaced', 'another path is better');
  };

  const sendPing = (): void => {
    if (ping !== null || gone) return;
    ping = { number: pingNumber++, sentMs: clock.monotonicMs() };
    control.send({ type: 'ping', number: ping.number });
  };
  const rttMs = (): number | null => channel.stats().rttMs ?? pingRttMs;
  const silenceMsMax = (): number =>
    Math.min(SILENCE_MS_MAX, Math.max(SILENCE_MS_MIN, 3 * (pingRttMs ?? last.rttMs ?? SILENCE_MS_MAX)));

  let closing: Promise<void> | null = null;
  const close = (reason: CloseReason, detail: string): Promise<void> => {
    closing ??= (async () => {
      if (gone) return;
      control.send({ type: 'bye', reason: CLOSE_REASONS[reason], detail: detail.slice(0, 200) });
      goodbye = { reason, detail };
      const controller = new AbortController();
      const over = clock.sleep(CLOSE_GOODBYE_MS, controller.signal).catch(() => undefined);
      // The other end closes when it has read the goodbye; ending first could cut it off.
      await Promise.race([channel.closed, over]);
      controller.abort();
      end();
    })();
    return closing;
  };

  const path: ConnectionPath<S> = {
    id,
    tier: channel.tier,
    direction,
    remoteAddress: channel.remoteAddress,
    via: channel.via,
    openedAtMs,
    session,
    measured: null,
    get gone() {
      return gone;
    },
    get retired() {
      return retired;
    },
    get suspicious() {
      return suspicious;
    },
    get busy() {
      return live.size + awaiting.size + openingsOut;
    },
    get streamsOpen() {
      let open = 0;
      // That of datagrams stays open when none are sent: it is no reason not to give way to others.
      for (const { protocol } of live.values()) if (protocol !== DATAGRAM_PROTOCOL) open += 1;
      return open;
    },
    rttMs,
    stats: () => {
      const stats = final ?? channel.stats();
      const oldest = sampleCount < SAMPLES ? 0 : sampleAt;
      const spanMs = Math.max(TICK_MS, Math.min(sampleCount, SAMPLES) * TICK_MS);
      const rate = (total: number, offset: number): number =>
        sampleCount === 0 ? 0 : Math.max(0, ((total - (samples[2 * oldest + offset] ?? 0)) * 1000) / spanMs);
      return {
        rttMs: stats.rttMs ?? pingRttMs,
        lossRatio:
          stats.lostPackets === null || stats.sentPackets === null || stats.sentPackets === 0
            ? null
            : Math.min(1, stats.lostPackets / stats.sentPackets),
        sentBytesPerSecond: rate(stats.wireSentBytes, 0),
        receivedBytesPerSecond: rate(stats.wireReceivedBytes, 1),
        sentBytes: stats.wireSentBytes,
        receivedBytes: stats.wireReceivedBytes,
      };
    },
    openStream: async (protocol, options) => {
      if (gone || retired) throw closedStream();
      openingsOut += 1;
      let raw: CarrierStream;
      try {
        raw = await channel.openStream();
      } catch (error) {
        if (isNodeError(error) && error.code === 'TOO_MANY')
          throw new StreamError(
            { code: 'TOO_MANY', protocol },
            'The peer takes no more streams at once; wait until others have ended.',
            { cause: error },
          );
        throw closedStream();
      } finally {
        openingsOut -= 1;
        // Counted below in the same turn, as nothing awaits between.
        if (retireAsked) queueMicrotask(answerRetire);
      }
      openedCount += 1;
      if (gone) {
        raw.reset();
        throw closedStream();
      }
      const number = nextNumber;
      nextNumber += 2;
      const extensions = options.extensions ?? {};
      const primed = primeStream(raw, encodeOpening({ number, protocol, sealed: options.sealed, extensions }));
      const stream = createPathStream(host, {
        number,
        protocol,
        direction: 'out',
        extensions,
        primed,
        data: options.sealed ? sealStream(primed, session, 'out', number) : primed,
        bytesMax: options.bytesMax,
        deadlineMs: options.deadlineMs,
        bytesPerSecondMin: options.bytesPerSecondMin,
        signal: options.signal ?? null,
      });
      if (stream.endedHow === null) live.set(number, stream);
      return stream;
    },
    send: (message) => {
      if (!gone) control.send(message);
    },
    ping: (signal) =>
      new Promise((resolve, reject) => {
        if (gone) {
          reject(closedStream());
          return;
        }
        const waiter = { resolve, reject };
        pingWaiters.push(waiter);
        signal?.addEventListener(
          'abort',
          () => {
            pingWaiters = pingWaiters.filter((one) => one !== waiter);
            reject(signal.reason as Error);
          },
          { once: true },
        );
        sendPing();
      }),
    probe: () => {
      // A question from before a sleep says nothing; one of a moment ago need not be asked again.
      if (ping !== null && clock.monotonicMs() - ping.sentMs > SILENCE_MS_MAX) ping = null;
      sendPing();
    },
    retire: () => {
      if (retired || gone) return;
      retired = true;
      retiredSinceMs = clock.monotonicMs();
      control.send({ type: 'retire' });
    },
    settled: () =>
      new Promise((resolve) => {
        if (gone || !hasUnsettled()) resolve();
        else settledWaiters.push(resolve);
      }),
    close,
    abort: end,
    tick: (nowMs) => {
      if (gone) return { sent: 0, received: 0 };
      const stats = channel.stats();
      samples[2 * sampleAt] = last.wireSentBytes;
      samples[2 * sampleAt + 1] = last.wireReceivedBytes;
      sampleAt = (sampleAt + 1) % SAMPLES;
      sampleCount += 1;
      const { sent, received } = account(stats);

      if (received > 0) {
        heardMs = nowMs;
        suspicious = false;
      }
      if (ping !== null) {
        const silentMs = nowMs - Math.max(ping.sentMs, heardMs);
        if (silentMs >= silenceMsMax()) {
          logger.debug('Path is silent and given up', { tier: channel.tier, silentMs });
          end();
          return { sent, received };
        }
        suspicious = silentMs >= silenceMsMax() / 3;
        // Something came, but no answer: ask again, so that the time to wait is reckoned from now.
        if (heardMs > ping.sentMs && nowMs - ping.sentMs > KEEPALIVE_MS) ping = null;
      } else if (nowMs - heardMs >= KEEPALIVE_MS) sendPing();

      for (const stream of live.values()) stream.tick(nowMs);
      review();
      return { sent, received };
    },
  };

  void readControl();
  acceptStreams().catch((error: unknown) => {
    logger.debug('Path takes no more streams', { problem: messageOf(error) });
    end();
  });
  void channel.closed.then(end);
  return path;
};
