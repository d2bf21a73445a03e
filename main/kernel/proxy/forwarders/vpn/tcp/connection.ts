import type { Clock } from '../../../../../base/index.ts';
import { TCP_KEEPALIVE_MS, TCP_TIME_WAIT_MS, TCP_TRIES_MAX, TCP_WINDOW_SHIFT } from '../constants.ts';
import type { PacketOutput } from '../frames.ts';
import { createCongestion, createRoundTrip } from './congestion.ts';
import { createReceiver } from './receiver.ts';
import {
  ACK,
  ahead,
  FIN,
  lengthOf,
  plus,
  PSH,
  RST,
  type Segment,
  SYN,
  TCP_OVERHEAD_BYTES,
  writeSegment,
} from './segment.ts';
import { createSendQueue } from './send-queue.ts';

/** What a connection tells whoever bridges it. All of them are called from within {@link TcpConnection.receive} or `tick`. */
export interface TcpListener {
  /** The other end confirmed the connection. */
  opened(): void;
  /** Bytes in order; they belong to the listener, who says with `consume` when they are gone. */
  data(bytes: Buffer): void;
  /** Nothing more will come. */
  finished(): void;
  /** There may be room to send again. */
  room(): void;
  /** Nothing comes or goes from now on. `aborted`: by a reset, or because the other end is silent. */
  closed(aborted: boolean): void;
}
export interface TcpConnectionComponents {
  clock: Clock;
  output: PacketOutput;
  listener: TcpListener;
  /** Bytes that may wait, each way, as of now. */
  bufferBytes(): number;
  /** Whether one more answer to what may be forged is due, RFC 5961, section 7. */
  mayChallenge(): boolean;
}
export interface TcpConnectionInit {
  /** The packet of the SYN: answers go back where it came from. */
  packet: Buffer;
  syn: Segment;
  mtuBytes: number;
  /** First sequence number; drawn by chance, so that nobody can guess it (RFC 6528). */
  sequence: number;
}
/** The far end of one TCP connection of a program here, RFC 9293. It has received a SYN and says nothing until it is told to. */
export interface TcpConnection {
  readonly state: 'waiting' | 'opening' | 'open' | 'timeWait' | 'closed';
  /** Sequence number that the next byte of the other end has. */
  readonly nextSequence: number;
  /** Bytes that {@link send} takes now. */
  readonly roomBytes: number;
  /** Answers the SYN. */
  accept(): void;
  receive(segment: Segment): void;
  /** Sends what it may and acknowledges what came; after a batch of segments. */
  flush(): void;
  /** Bytes belong to the connection from here on. */
  send(bytes: Uint8Array): void;
  /** No more will be sent; what waits goes first. */
  finish(): void;
  /** So many received bytes have gone on. */
  consume(bytes: number): void;
  /** Ends it with a reset. */
  abort(): void;
  /** Ends the wait of `timeWait` before its time. */
  expire(): void;
  tick(nowMs: number): void;
}

const NEVER = Number.POSITIVE_INFINITY;
/** Repetitions of an acknowledgement that mean a loss, RFC 5681. */
const REPEATED_MAX = 3;

export const createTcpConnection = (
  { clock, output, listener, bufferBytes, mayChallenge }: TcpConnectionComponents,
  { packet, syn, mtuBytes, sequence }: TcpConnectionInit,
): TcpConnection => {
  /** Addresses and ports alone; the packet itself may lie in a large buffer. */
  const template = Buffer.from(packet.subarray(0, 44));
  const mssHere = mtuBytes - TCP_OVERHEAD_BYTES;
  const mss = Math.min(syn.mss, mssHere);
  const scaled = syn.shift !== null;
  const sendShift = syn.shift ?? 0;
  const receiveShift = scaled ? TCP_WINDOW_SHIFT : 0;
  const queue = createSendQueue();
  const congestion = createCongestion(mss);
  const roundTrip = createRoundTrip();
  const receiver = createReceiver({
    first: plus(syn.sequence, 1),
    mssBytes: mssHere,
    // Without a scale the other end cannot be told of more than 16 bits.
    limitBytes: () => (scaled ? bufferBytes() : Math.min(0xffff, bufferBytes())),
    data: (bytes) => listener.data(bytes),
    finished: () => {
      finishedFirst = finishAcknowledged || finishSent();
      listener.finished();
      endIfBoth();
    },
  });

  let state: TcpConnection['state'] = 'waiting';
  // What is sent. Names as in RFC 9293, section 3.3.1.
  let unacknowledged = sequence;
  let sendNext = sequence;
  /** Highest that was ever sent: after a time-out `sendNext` goes back. */
  let sendMost = sequence;
  let sendWindow = syn.window;
  let sendWindowMost = syn.window;
  let windowSequence = syn.sequence;
  let windowAcknowledgement = sequence;
  let finishing = false;
  let finishAcknowledged = false;
  let finishedFirst = false;
  /** Something came that has not been acknowledged. */
  let acknowledge = false;
  // Loss.
  let repeated = 0;
  let recoverUntil: number | null = null;
  let timed: { sequence: number; atMs: number } | null = null;
  let tries = 0;
  // When the next thing is due, monotonic ms.
  let retransmitAtMs = NEVER;
  let probeAtMs = NEVER;
  let endAtMs = NEVER;
  let heardAtMs = clock.monotonicMs();
  let aliveAtMs = NEVER;

  const close = (aborted: boolean): void => {
    if (state === 'closed') return;
    state = 'closed';
    queue.clear();
    receiver.clear();
    retransmitAtMs = probeAtMs = endAtMs = aliveAtMs = NEVER;
    listener.closed(aborted);
  };
  const underway = (): number => ahead(sendNext, unacknowledged);
  /** What was told is what holds: the scale cuts it down. */
  const windowField = (): number => Math.min(0xffff, receiver.window() >>> receiveShift);
  const transmit = (at: number, flags: number, payloadBytes = 0): boolean => {
    const sent = writeSegment(
      output,
      template,
      { sequence: at, acknowledgement: receiver.next, flags: flags | ACK, window: windowField() },
      payloadBytes,
      payloadBytes === 0 ? null : (target) => queue.copy(target, ahead(at, unacknowledged)),
    );
    if (sent) acknowledge = false;
    return sent;
  };
  const transmitSynAck = (): void => {
    writeSegment(
      output,
      template,
      {
        sequence,
        acknowledgement: receiver.next,
        flags: SYN | ACK,
        window: receiver.openWindow(),
      },
      0,
      null,
      { mss: mssHere, shift: scaled ? receiveShift : null },
    );
    retransmitAtMs = clock.monotonicMs() + roundTrip.timeoutMs;
  };
  /** Asked anew after whatever a listener may have done. */
  const isOpen = (): boolean => state === 'open';
  const challenge = (): void => {
    if (mayChallenge()) transmit(sendMost, 0);
  };
  const reset = (at: number): void => {
    writeSegment(output, template, { sequence: at, acknowledgement: receiver.next, flags: RST | ACK, window: 0 });
  };

  /** Sends as much as windows, device and queue allow. @param whatever - also what is hardly worth a segment, RFC 9293, 3.8.6.2.1 */
  const transmitQueue = (whatever = false): void => {
    if (state !== 'open' || finishAcknowledged) return;
    for (;;) {
      const underwayBytes = underway();
      const unsent = queue.bytes - underwayBytes;
      // Below zero the FIN has been sent as well.
      if (unsent < 0 || (unsent === 0 && !finishing)) return;
      const allowed = Math.min(sendWindow, congestion.windowBytes) - underwayBytes;
      const bytes = Math.max(0, Math.min(unsent, mss, allowed));
      const last = finishing && bytes === unsent && allowed > bytes;
      const worth =
        last || bytes === mss || (bytes > 0 && (whatever || bytes === unsent || bytes * 2 >= sendWindowMost));
      if (!worth) {
        // Nothing under way would ever make the other end say that it has room again: it is asked.
        if (underwayBytes === 0 && probeAtMs === NEVER) probeAtMs = clock.monotonicMs() + roundTrip.timeoutMs;
        return;
      }
      const flags = (last ? FIN : 0) | (bytes === unsent && bytes > 0 ? PSH : 0);
      if (output.full || !transmit(sendNext, flags, bytes)) return;
      probeAtMs = NEVER;
      const nowMs = clock.monotonicMs();
      const again = ahead(sendNext, sendMost) < 0;
      sendNext = plus(sendNext, bytes + (last ? 1 : 0));
      if (ahead(sendNext, sendMost) > 0) sendMost = sendNext;
      // Karn: what was sent twice is not timed.
      if (timed === null && !again) timed = { sequence: sendNext, atMs: nowMs };
      if (retransmitAtMs === NEVER) retransmitAtMs = nowMs + roundTrip.timeoutMs;
    }
  };
  /** The oldest segment once more. */
  const transmitFirst = (): void => {
    // No byte that was not sent before: an acknowledgement of it would be taken for a forged one.
    const bytes = Math.min(queue.bytes, mss, ahead(sendMost, unacknowledged));
    const last = bytes === queue.bytes && finishSent();
    timed = null;
    transmit(unacknowledged, last ? FIN : PSH, bytes);
  };

  /** Whether the FIN is among what was sent and not acknowledged. */
  const finishSent = (): boolean => finishing && ahead(sendMost, unacknowledged) > queue.bytes;
  const endIfBoth = (): void => {
    if (!finishAcknowledged || !receiver.finished) return;
    if (!finishedFirst) {
      close(false);
      return;
    }
    if (state !== 'timeWait') {
      state = 'timeWait';
      retransmitAtMs = probeAtMs = aliveAtMs = NEVER;
    }
    endAtMs = clock.monotonicMs() + TCP_TIME_WAIT_MS;
  };

  const takeAcknowledgement = (segment: Segment): boolean => {
    const { acknowledgement } = segment;
    const acknowledged = ahead(acknowledgement, unacknowledged);
    // RFC 5961, section 5: what was never sent, or is older than any window.
    if (ahead(acknowledgement, sendMost) > 0 || acknowledged < -sendWindowMost) {
      challenge();
      return false;
    }
    const window = segment.window << sendShift;
    const sameWindow = window === sendWindow;
    if (
      ahead(segment.sequence, windowSequence) > 0 ||
      (segment.sequence === windowSequence && ahead(acknowledgement, windowAcknowledgement) >= 0)
    ) {
      sendWindow = window;
      sendWindowMost = Math.max(sendWindowMost, window);
      windowSequence = segment.sequence;
      windowAcknowledgement = acknowledgement;
    }
    tries = 0;
    probeAtMs = NEVER;
    if (acknowledged > 0) takeNew(acknowledged, acknowledgement);
    else if (
      acknowledged === 0 &&
      underway() > 0 &&
      segment.payload.length === 0 &&
      sameWindow &&
      (segment.flags & FIN) === 0
    )
      takeRepeated();
    return true;
  };
  const takeNew = (acknowledged: number, acknowledgement: number): void => {
    const nowMs = clock.monotonicMs();
    if (timed !== null && ahead(acknowledgement, timed.sequence) >= 0) {
      roundTrip.measured(nowMs - timed.atMs);
      timed = null;
    }
    if (acknowledged > queue.bytes) finishAcknowledged = true;
    queue.drop(Math.min(acknowledged, queue.bytes));
    unacknowledged = acknowledgement;
    if (ahead(sendNext, unacknowledged) < 0) sendNext = unacknowledged;
    repeated = 0;
    if (recoverUntil === null) congestion.acknowledged(acknowledged);
    else if (ahead(acknowledgement, recoverUntil) >= 0) {
      recoverUntil = null;
      congestion.recovered();
    } else {
      congestion.partly(acknowledged);
      transmitFirst();
    }
    retransmitAtMs = underway() > 0 ? nowMs + roundTrip.timeoutMs : NEVER;
    if (finishAcknowledged) endIfBoth();
    else if (!finishing) listener.room();
  };
  const takeRepeated = (): void => {
    repeated += 1;
    if (recoverUntil !== null) congestion.repeated();
    else if (repeated === REPEATED_MAX) {
      recoverUntil = sendMost;
      congestion.lost(underway());
      transmitFirst();
    }
  };

  const takeReset = (segment: Segment): void => {
    // RFC 5961, section 3.2: only the very next number ends it, anything else in the window is asked about.
    if (segment.sequence === receiver.next) close(true);
    else challenge();
  };

  const receive = (segment: Segment): void => {
    if (state === 'closed') return;
    const { flags } = segment;
    if (state === 'waiting') {
      if ((flags & RST) !== 0 && segment.sequence === receiver.next) close(true);
      return;
    }
    heardAtMs = clock.monotonicMs();
    if (state === 'timeWait' || !receiver.isAcceptable(segment)) {
      if ((flags & RST) !== 0) {
        if (state === 'timeWait' && segment.sequence === receiver.next) close(false);
        return;
      }
      if (state === 'opening' && (flags & SYN) !== 0 && plus(segment.sequence, 1) === receiver.next) transmitSynAck();
      else if (lengthOf(segment) > 0) {
        // A closed window lets acknowledgements through all the same.
        if (segment.sequence === receiver.next && (flags & (SYN | ACK)) === ACK && state === 'open')
          takeAcknowledgement(segment);
        acknowledge = true;
        if (state === 'timeWait' && (flags & FIN) !== 0) endAtMs = heardAtMs + TCP_TIME_WAIT_MS;
      } else challenge();
      return;
    }
    if ((flags & RST) !== 0) {
      takeReset(segment);
      return;
    }
    if ((flags & SYN) !== 0) {
      challenge();
      return;
    }
    if ((flags & ACK) === 0) return;
    if (state === 'opening') {
      if (segment.acknowledgement !== plus(sequence, 1)) {
        reset(segment.acknowledgement);
        return;
      }
      state = 'open';
      unacknowledged = sendNext = sendMost = segment.acknowledgement;
      sendWindow = sendWindowMost = segment.window << sendShift;
      windowSequence = segment.sequence;
      windowAcknowledgement = segment.acknowledgement;
      retransmitAtMs = NEVER;
      tries = 0;
      aliveAtMs = heardAtMs + TCP_KEEPALIVE_MS;
      listener.opened();
    }
    if (!takeAcknowledgement(segment) || !isOpen()) return;
    if (lengthOf(segment) > 0) acknowledge = true;
    // At once and for each, as that is how the other end notices the gap: RFC 5681, section 3.2.
    if (receiver.take(segment)) transmit(sendMost, 0);
  };

  /** An old number, which the other end answers with where it stands: window and all. */
  const probe = (): void => {
    tries += 1;
    writeSegment(output, template, {
      sequence: plus(unacknowledged, -1),
      acknowledgement: receiver.next,
      flags: ACK,
      window: windowField(),
    });
  };
  const retransmit = (nowMs: number): void => {
    tries += 1;
    roundTrip.backOff();
    if (state === 'opening') {
      transmitSynAck();
      return;
    }
    congestion.timedOut(underway());
    timed = null;
    repeated = 0;
    recoverUntil = null;
    sendNext = unacknowledged;
    retransmitAtMs = nowMs + roundTrip.timeoutMs;
    transmitQueue();
    // The other end has closed its window over what it was sent: from here on it is asked.
    if (underway() === 0) retransmitAtMs = NEVER;
  };

  return {
    get state() {
      return state;
    },
    get nextSequence() {
      return receiver.next;
    },
    get roomBytes() {
      return state === 'open' && !finishing ? Math.max(0, bufferBytes() - queue.bytes) : 0;
    },
    accept: () => {
      if (state !== 'waiting') return;
      state = 'opening';
      sendNext = sendMost = plus(sequence, 1);
      transmitSynAck();
    },
    receive,
    flush: () => {
      if (state === 'closed') return;
      transmitQueue();
      if (acknowledge) transmit(sendMost, 0);
    },
    send: (bytes) => {
      if (state !== 'open' || finishing) return;
      queue.push(bytes);
      transmitQueue();
    },
    finish: () => {
      if (state === 'closed' || finishing) return;
      finishing = true;
      transmitQueue();
    },
    consume: (bytes) => {
      if (receiver.consume(bytes) && state === 'open' && !receiver.finished) transmit(sendMost, 0);
    },
    abort: () => {
      if (state === 'closed') return;
      if (state === 'opening' || state === 'open') reset(sendMost);
      close(true);
    },
    expire: () => {
      if (state === 'timeWait') close(false);
    },
    tick: (nowMs) => {
      if (nowMs >= endAtMs) {
        close(false);
        return;
      }
      const due = Math.min(retransmitAtMs, probeAtMs) <= nowMs;
      if (due && tries >= TCP_TRIES_MAX) {
        if (state === 'open') reset(sendMost);
        close(true);
        return;
      }
      if (nowMs >= retransmitAtMs) retransmit(nowMs);
      if (nowMs >= probeAtMs) {
        probe();
        roundTrip.backOff();
        probeAtMs = nowMs + roundTrip.timeoutMs;
        transmitQueue(true);
      }
      if (nowMs < aliveAtMs) return;
      aliveAtMs = heardAtMs + TCP_KEEPALIVE_MS;
      if (nowMs < aliveAtMs) return;
      // Silent for all that time: asked now, and again as often as a lost segment.
      aliveAtMs = nowMs + TCP_KEEPALIVE_MS;
      probeAtMs = nowMs + roundTrip.timeoutMs;
      probe();
    },
  };
};
