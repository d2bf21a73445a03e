import type { Outside } from '../../../base/index.ts';
import {
  CANDIDATES_MAX,
  CHECK_AGAIN_LATER_MS,
  CHECK_AGAIN_MS,
  CHECK_FIRST_BYTE,
  CHECK_PACE_MS,
  CHECK_QUICK_MS,
  CONSENT_INTERVAL_MS,
  CONSENT_TIMEOUT_MS,
  DATAGRAM_FIRST_BYTE,
  FROM_SIDE_BYTES_MAX,
  HOLES_MAX,
  KEEPALIVE_INTERVAL_MS,
  NOMINATE_AFTER_MS,
  PUNCH_TIMEOUT_MS,
  QUIC_FIRST_BYTE_MIN,
  SESSIONS_MAX,
  STUN_ADDRESSES_MAX,
  STUN_ANSWERS_BURST,
  STUN_ANSWERS_PER_SECOND,
  STUN_ANSWERS_PER_SECOND_TOTAL,
  STUN_FIRST_BYTE_MAX,
  STUN_RTO_MS,
  STUN_TRIES,
} from './constants.ts';
import { createOpener, createSealer, type Opener, type Sealer, tagOf, tagText } from './sealed.ts';
import type { FromSide, SideCounts, ToSide } from './side-messages.ts';
import {
  encodeBindingAnswer,
  encodeBindingRequest,
  isStun,
  readBindingAnswer,
  readBindingRequest,
  type UdpAddress,
} from './stun.ts';

/** First byte of the sealed part of a datagram. */
const DATA = 0;
const HELLO = 1;
const HELLO_ANSWER = 2;
/** First byte of the sealed part of a check; 8 bytes of a transaction follow. Questions are even, the number behind each is its answer. */
const CHECK = 0;
const NOMINATE = 2;
const NOMINATE_ANSWER = 3;
/** Once a hole is made: whether the other end is still there, and from which address. */
const CONSENT = 4;
const CONSENT_ANSWER = 5;
const CHECK_BYTES = 9;
/** Random bytes of a question whether the peer is where a packet came from. */
const TOKEN_BYTES = 8;
/** Least time between two such questions of one session or hole, so that forged senders make us send next to nothing. */
const MOVE_ASK_MS = 100;
/** Greetings of a session whose way is not open yet go out at these times. */
const HELLO_MS = [0, 200, 800, 2500, 6000];

/** A socket on loopback that stands for a remote peer towards the local QUIC endpoint. */
export interface LoopbackSocket {
  readonly port: number;
  send(packet: Uint8Array, port: number): void;
  close(): void;
}
export interface SideCoreComponents {
  outside: Outside;
  /** Sends from the one port; loses the packet where there is no way. */
  send(packet: Uint8Array, to: UdpAddress): void;
  /** @param onPacket - from another port of loopback */
  openLoopback(onPacket: (packet: Uint8Array, fromPort: number) => void): Promise<LoopbackSocket>;
  tell(message: FromSide): void;
}
/** All that the thread of the side socket does, without the thread and without sockets. */
export interface SideCore {
  /** A packet came from the network. `from.host` in its normal form. */
  onPacket(packet: Uint8Array, from: UdpAddress): void;
  onMessage(message: ToSide): void;
  counts(): SideCounts;
  stop(): void;
}

interface Session {
  number: number;
  tag: string;
  sealer: Sealer;
  opener: Opener;
  remote: UdpAddress | null;
  confirmed: boolean;
  /** Where the peer may be, asked with a token that only who receives there can repeat. */
  asked: { address: UdpAddress; token: Uint8Array; atMs: number } | null;
  sentAtMs: number;
  cancel: () => void;
}

interface Candidate {
  address: UdpAddress;
  /** Told ones in their order, then those that checks came from. */
  place: number;
  told: boolean;
  dueMs: number;
  rttMs: number | null;
}
interface Hole {
  number: number;
  tag: string;
  sealer: Sealer;
  opener: Opener;
  controlling: boolean;
  startedAtMs: number;
  candidates: Candidate[];
  /** Checks under way, by transaction; bounded by the times at which they are forgotten. */
  asked: Map<string, { candidate: Candidate; atMs: number }>;
  nominated: Candidate | null;
  nominateAtMs: number | null;
  /** Set once both ends agreed. */
  remote: UdpAddress | null;
  heardAtMs: number;
  /** When another address was last asked whether the other end is there. */
  moveAskedAtMs: number | null;
  cancel: () => void;
  shim: { socket: LoopbackSocket; quicPort: number | null } | null;
}

const sameAddress = (a: UdpAddress | null, b: UdpAddress): boolean =>
  a !== null && a.host === b.host && a.port === b.port;
const textOf = (address: UdpAddress): string => `${address.host} ${address.port}`;

export const createSideCore = ({ outside, send, openLoopback, tell }: SideCoreComponents): SideCore => {
  const { clock, random } = outside;
  const sessions = new Map<number, Session>();
  const sessionsByTag = new Map<string, Session>();
  const holes = new Map<number, Hole>();
  const holesByTag = new Map<string, Hole>();
  /** Where QUIC packets come from, once a hole is made. */
  const holesByRemote = new Map<string, Hole>();
  const asks = new Map<string, { ask: number; target: UdpAddress; cancel: () => void }>();
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  const total = { tokens: STUN_ANSWERS_PER_SECOND_TOTAL, atMs: clock.monotonicMs() };
  /** Bytes told to the node that it has not taken yet. */
  let untaken = 0;
  const counts: SideCounts = {
    stunAnswered: 0,
    stunRefused: 0,
    datagramsSent: 0,
    datagramsReceived: 0,
    datagramsDropped: 0,
    checksSent: 0,
    checksReceived: 0,
    shimSentPackets: 0,
    shimReceivedPackets: 0,
    shimSentBytes: 0,
    shimReceivedBytes: 0,
    strange: 0,
  };

  // --- Address echo -----------------------------------------------------------------------------------------------------------

  const takeToken = (bucket: { tokens: number; atMs: number }, perSecond: number, burst: number): boolean => {
    const nowMs = clock.monotonicMs();
    bucket.tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecond);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  };
  /** A /64 is one customer; whoever forges addresses has as many as he likes, so all together have a bound too. */
  const groupOf = (host: string): string => (host.includes(':') ? host.split(':').slice(0, 4).join(':') : host);
  const mayAnswer = (host: string): boolean => {
    const group = groupOf(host);
    let bucket = buckets.get(group);
    if (bucket === undefined) {
      if (buckets.size >= STUN_ADDRESSES_MAX) buckets.delete(buckets.keys().next().value!);
      buckets.set(group, (bucket = { tokens: STUN_ANSWERS_BURST, atMs: clock.monotonicMs() }));
    }
    return (
      takeToken(bucket, STUN_ANSWERS_PER_SECOND, STUN_ANSWERS_BURST) &&
      takeToken(total, STUN_ANSWERS_PER_SECOND_TOTAL, STUN_ANSWERS_PER_SECOND_TOTAL)
    );
  };
  const onStun = (packet: Uint8Array, from: UdpAddress): void => {
    const request = readBindingRequest(packet);
    if (request !== null) {
      const answer = encodeBindingAnswer(request, from);
      // An answer longer than the request would let others be flooded through us.
      if (answer.length > packet.length || !mayAnswer(from.host)) {
        counts.stunRefused += 1;
        return;
      }
      counts.stunAnswered += 1;
      send(answer, from);
      return;
    }
    const answer = readBindingAnswer(packet);
    const key = answer && Buffer.from(answer.transaction).toString('latin1');
    const ask = key === null ? undefined : asks.get(key);
    // Only from where it was asked; the transaction alone is 12 random bytes.
    if (answer === null || key === null || ask === undefined || !sameAddress(ask.target, from)) {
      counts.strange += 1;
      return;
    }
    asks.delete(key);
    ask.cancel();
    tell({ kind: 'answered', ask: ask.ask, seen: answer.seen });
  };
  const ask = (number: number, target: UdpAddress): void => {
    const transaction = random.bytes(12);
    const key = Buffer.from(transaction).toString('latin1');
    const packet = encodeBindingRequest(transaction);
    const attempt = (tries: number): void => {
      if (tries === STUN_TRIES) {
        asks.delete(key);
        tell({ kind: 'answered', ask: number, seen: null });
        return;
      }
      asks.set(key, { ask: number, target, cancel: clock.after(STUN_RTO_MS * 2 ** tries, () => attempt(tries + 1)) });
      send(packet, target);
    };
    attempt(0);
  };

  // --- Datagrams --------------------------------------------------------------------------------------------------------------

  const sendSealed = (session: Session, kind: number, payload?: Uint8Array, to = session.remote): void => {
    if (to === null) return;
    const plain = new Uint8Array(1 + (payload?.length ?? 0));
    plain[0] = kind;
    if (payload !== undefined) plain.set(payload, 1);
    const packet = session.sealer.seal(plain);
    if (packet === null) return;
    if (to === session.remote) session.sentAtMs = clock.monotonicMs();
    send(packet, to);
  };
  /** Asks whether the peer is at an address: it could forge a sender and have all that we send go to somebody else. */
  const askWhere = (session: Session, address: UdpAddress): void => {
    const nowMs = clock.monotonicMs();
    if (session.asked !== null && nowMs - session.asked.atMs < MOVE_ASK_MS) return;
    const token = random.bytes(TOKEN_BYTES);
    session.asked = { address, token, atMs: nowMs };
    sendSealed(session, HELLO, token, address);
  };
  const confirm = (session: Session, remote: UdpAddress): void => {
    session.remote = remote;
    session.confirmed = true;
    session.asked = null;
    tell({ kind: 'confirmed', session: session.number, remote });
  };
  const greet = (session: Session, tries: number): void => {
    if (!session.confirmed) sendSealed(session, HELLO);
    const nextMs = HELLO_MS[tries + 1];
    session.cancel =
      !session.confirmed && nextMs !== undefined
        ? clock.after(nextMs - HELLO_MS[tries]!, () => greet(session, tries + 1))
        : clock.every(KEEPALIVE_INTERVAL_MS, () => {
            // What was never confirmed is not kept alive: nobody is there.
            if (session.confirmed && clock.monotonicMs() - session.sentAtMs >= KEEPALIVE_INTERVAL_MS - 1000)
              sendSealed(session, HELLO);
          });
  };
  const openSession = (message: ToSide & { kind: 'openSession' }): void => {
    const tag = tagOf(message.id);
    if (sessions.size >= SESSIONS_MAX || sessionsByTag.has(tagText(tag))) return;
    const session: Session = {
      number: message.session,
      tag: tagText(tag),
      sealer: createSealer(DATAGRAM_FIRST_BYTE, tag, message.sendKey),
      opener: createOpener(message.receiveKey),
      remote: message.remote,
      confirmed: false,
      asked: null,
      sentAtMs: 0,
      cancel: () => undefined,
    };
    sessions.set(session.number, session);
    sessionsByTag.set(session.tag, session);
    greet(session, 0);
  };
  const closeSession = (number: number): void => {
    const session = sessions.get(number);
    if (session === undefined) return;
    session.cancel();
    sessions.delete(number);
    sessionsByTag.delete(session.tag);
  };
  const onDatagram = (packet: Uint8Array, from: UdpAddress): void => {
    const session = sessionsByTag.get(tagText(packet, 1));
    const opened = session?.opener.open(packet);
    if (session === undefined || opened === null || opened === undefined || opened.plain.length === 0) {
      counts.strange += 1;
      return;
    }
    const [kind] = opened.plain;
    const rest = opened.plain.subarray(1);
    if (sameAddress(session.remote, from)) {
      if (!session.confirmed) confirm(session, from);
    } else if (
      kind === HELLO_ANSWER &&
      session.asked !== null &&
      sameAddress(session.asked.address, from) &&
      Buffer.compare(rest, session.asked.token) === 0
    )
      confirm(session, from);
    // The newest packet shows where the peer is now; older ones were under way when it moved.
    else if (opened.highest) askWhere(session, from);
    // A token goes back to where it came from, which is who asked; other answers only to where the peer is known to be.
    if (kind === HELLO && rest.length <= TOKEN_BYTES)
      sendSealed(session, HELLO_ANSWER, rest, rest.length === 0 ? session.remote : from);
    if (kind !== DATA) return;
    counts.datagramsReceived += 1;
    const size = opened.plain.length - 1;
    if (untaken + size > FROM_SIDE_BYTES_MAX) {
      counts.datagramsDropped += 1;
      return;
    }
    untaken += size;
    tell({ kind: 'datagram', session: session.number, payload: new Uint8Array(opened.plain.subarray(1)) });
  };

  // --- Holes ------------------------------------------------------------------------------------------------------------------

  const sendCheck = (hole: Hole, kind: number, transaction: Uint8Array, to: UdpAddress): void => {
    const plain = new Uint8Array(CHECK_BYTES);
    plain[0] = kind;
    plain.set(transaction, 1);
    const packet = hole.sealer.seal(plain);
    if (packet === null) return;
    counts.checksSent += 1;
    send(packet, to);
  };
  const check = (hole: Hole, candidate: Candidate, kind: number): void => {
    const transaction = random.bytes(8);
    const nowMs = clock.monotonicMs();
    // Answers that did not come by then do not come any more; this keeps the list at a few dozens.
    for (const [key, { atMs }] of hole.asked) {
      if (nowMs - atMs < 3000) break;
      hole.asked.delete(key);
    }
    hole.asked.set(Buffer.from(transaction).toString('latin1'), { candidate, atMs: nowMs });
    sendCheck(hole, kind, transaction, candidate.address);
  };
  const isMade = (hole: Hole): boolean => hole.remote !== null;
  const settle = (hole: Hole, candidate: Candidate): void => {
    hole.remote = candidate.address;
    hole.heardAtMs = clock.monotonicMs();
    hole.cancel();
    hole.cancel = clock.every(CONSENT_INTERVAL_MS, () => consent(hole));
    holesByRemote.set(textOf(candidate.address), hole);
    tell({
      kind: 'punched',
      hole: hole.number,
      remote: candidate.address,
      rttMs: candidate.rttMs ?? 0,
      peerReflexive: !candidate.told,
    });
  };
  const consent = (hole: Hole): void => {
    if (clock.monotonicMs() - hole.heardAtMs > CONSENT_TIMEOUT_MS) {
      loseHole(hole, 'the other end was silent for half a minute');
      return;
    }
    check(hole, { address: hole.remote!, place: 0, told: true, dueMs: 0, rttMs: null }, CONSENT);
  };
  const loseHole = (hole: Hole, detail: string): void => {
    closeHole(hole.number);
    tell({ kind: 'holeLost', hole: hole.number, detail });
  };
  const closeHole = (number: number): void => {
    const hole = holes.get(number);
    if (hole === undefined) return;
    hole.cancel();
    hole.shim?.socket.close();
    holes.delete(number);
    holesByTag.delete(hole.tag);
    if (hole.remote !== null && holesByRemote.get(textOf(hole.remote)) === hole)
      holesByRemote.delete(textOf(hole.remote));
  };
  /** The way to take: told candidates come best first (IPv6, then hosts of the same network), so an early one wins unless it is much slower. */
  const bestOf = (hole: Hole): Candidate | null => {
    let best: Candidate | null = null;
    for (const candidate of hole.candidates) {
      if (candidate.rttMs === null) continue;
      if (best === null || candidate.rttMs < best.rttMs! / 1.5 - 1) best = candidate;
    }
    return best;
  };
  const tick = (hole: Hole): void => {
    const nowMs = clock.monotonicMs();
    const ageMs = nowMs - hole.startedAtMs;
    if (ageMs > PUNCH_TIMEOUT_MS) {
      loseHole(hole, 'no packet came through within 8 s');
      return;
    }
    if (hole.controlling && hole.nominateAtMs !== null && nowMs >= hole.nominateAtMs) {
      hole.nominated ??= bestOf(hole);
      if (hole.nominated !== null && nowMs >= hole.nominated.dueMs) {
        hole.nominated.dueMs = nowMs + CHECK_AGAIN_MS;
        check(hole, hole.nominated, NOMINATE);
      }
      return;
    }
    // One check per tick; the one that is due longest.
    let due: Candidate | null = null;
    for (const candidate of hole.candidates)
      if (candidate.dueMs <= nowMs && (due === null || candidate.dueMs < due.dueMs)) due = candidate;
    if (due === null) return;
    due.dueMs = nowMs + (ageMs < CHECK_QUICK_MS ? CHECK_AGAIN_MS : CHECK_AGAIN_LATER_MS);
    check(hole, due, CHECK);
  };
  const punch = (message: ToSide & { kind: 'punch' }): void => {
    const tag = tagOf(message.id);
    if (holes.size >= HOLES_MAX || holesByTag.has(tagText(tag))) {
      tell({ kind: 'holeLost', hole: message.hole, detail: 'too many holes are being made' });
      return;
    }
    const nowMs = clock.monotonicMs();
    const hole: Hole = {
      number: message.hole,
      tag: tagText(tag),
      sealer: createSealer(CHECK_FIRST_BYTE, tag, message.sendKey),
      opener: createOpener(message.receiveKey),
      controlling: message.controlling,
      startedAtMs: nowMs,
      candidates: message.candidates
        .slice(0, CANDIDATES_MAX)
        .map((address, place) => ({ address, place, told: true, dueMs: nowMs, rttMs: null })),
      asked: new Map(),
      nominated: null,
      nominateAtMs: null,
      remote: null,
      heardAtMs: nowMs,
      moveAskedAtMs: null,
      cancel: clock.every(CHECK_PACE_MS, () => tick(hole)),
      shim: null,
    };
    holes.set(hole.number, hole);
    holesByTag.set(hole.tag, hole);
    tick(hole);
  };
  /** A check came from here: the other end's NAT shows this address to ours, whatever it told. */
  const candidateAt = (hole: Hole, address: UdpAddress): Candidate | null => {
    const known = hole.candidates.find((candidate) => sameAddress(candidate.address, address));
    if (known !== undefined) return known;
    if (hole.candidates.length >= CANDIDATES_MAX) return null;
    const nowMs = clock.monotonicMs();
    const found: Candidate = { address, place: hole.candidates.length, told: false, dueMs: nowMs, rttMs: null };
    hole.candidates.push(found);
    return found;
  };
  const onCheck = (packet: Uint8Array, from: UdpAddress): void => {
    const hole = holesByTag.get(tagText(packet, 1));
    const opened = hole?.opener.open(packet);
    if (hole === undefined || opened === null || opened === undefined || opened.plain.length !== CHECK_BYTES) {
      counts.strange += 1;
      return;
    }
    counts.checksReceived += 1;
    const kind = opened.plain[0];
    const transaction = opened.plain.subarray(1, CHECK_BYTES);
    if (isMade(hole)) {
      hole.heardAtMs = clock.monotonicMs();
      // Late checks of other ways are no move.
      if (kind === CONSENT && opened.highest && !sameAddress(hole.remote, from)) askMove(hole, from);
    }
    if (kind === CHECK || kind === NOMINATE || kind === CONSENT) {
      sendCheck(hole, kind + 1, transaction, from);
      if (isMade(hole)) return;
      const candidate = candidateAt(hole, from);
      if (candidate === null) return;
      if (kind === NOMINATE && !hole.controlling) settle(hole, candidate);
      // Triggered check, RFC 8445, section 7.3.1.4: the way is open in this direction, so it is tried at once in the other.
      else if (kind === CHECK && candidate.rttMs === null) {
        candidate.dueMs = clock.monotonicMs() + CHECK_AGAIN_MS;
        check(hole, candidate, CHECK);
      }
      return;
    }
    const key = Buffer.from(transaction).toString('latin1');
    const asked = hole.asked.get(key);
    // The answer must come from where the check went: else the way back is not the way there.
    if (asked === undefined || !sameAddress(asked.candidate.address, from)) return;
    hole.asked.delete(key);
    const nowMs = clock.monotonicMs();
    asked.candidate.rttMs ??= nowMs - asked.atMs;
    if (isMade(hole)) {
      if (kind === CONSENT_ANSWER && !sameAddress(hole.remote, from)) moveHole(hole, from);
      return;
    }
    if (kind === NOMINATE_ANSWER && hole.controlling && hole.nominated === asked.candidate)
      settle(hole, asked.candidate);
    else if (hole.controlling) hole.nominateAtMs ??= nowMs + NOMINATE_AFTER_MS;
  };
  /** The other end seems to be elsewhere. A forged sender looks the same: only whoever receives there can answer. */
  const askMove = (hole: Hole, address: UdpAddress): void => {
    const nowMs = clock.monotonicMs();
    if (hole.moveAskedAtMs !== null && nowMs - hole.moveAskedAtMs < MOVE_ASK_MS) return;
    hole.moveAskedAtMs = nowMs;
    check(hole, { address, place: 0, told: false, dueMs: 0, rttMs: null }, CONSENT);
  };
  /** The peer's address changed, or its NAT forgot it and gave it another port. */
  const moveHole = (hole: Hole, remote: UdpAddress): void => {
    if (holesByRemote.get(textOf(hole.remote!)) === hole) holesByRemote.delete(textOf(hole.remote!));
    hole.remote = remote;
    holesByRemote.set(textOf(remote), hole);
    tell({ kind: 'holeMoved', hole: hole.number, remote });
  };

  // --- QUIC through holes -----------------------------------------------------------------------------------------------------

  const openShim = async (hole: Hole, quicPort: number | null): Promise<void> => {
    const shim: NonNullable<Hole['shim']> = {
      quicPort,
      socket: await openLoopback((packet, fromPort) => {
        if (hole.remote === null || packet.length === 0) return;
        if (quicPort === null) shim.quicPort = fromPort;
        else if (fromPort !== quicPort) return;
        counts.shimSentPackets += 1;
        counts.shimSentBytes += packet.length;
        send(packet, hole.remote);
      }),
    };
    if (!holes.has(hole.number) || hole.shim !== null) {
      shim.socket.close();
      return;
    }
    hole.shim = shim;
    tell({ kind: 'shimOpened', hole: hole.number, port: shim.socket.port });
  };
  const onQuic = (packet: Uint8Array, from: UdpAddress): void => {
    const shim = holesByRemote.get(textOf(from))?.shim;
    if (shim === undefined || shim === null || shim.quicPort === null) {
      counts.strange += 1;
      return;
    }
    counts.shimReceivedPackets += 1;
    counts.shimReceivedBytes += packet.length;
    shim.socket.send(packet, shim.quicPort);
  };

  return {
    onPacket: (packet, from) => {
      const first = packet[0];
      if (first === undefined) return;
      if (first >= QUIC_FIRST_BYTE_MIN) onQuic(packet, from);
      else if (first === DATAGRAM_FIRST_BYTE && sessionsByTag.has(tagText(packet, 1))) onDatagram(packet, from);
      else if (first === CHECK_FIRST_BYTE && holesByTag.has(tagText(packet, 1))) onCheck(packet, from);
      else if (first <= STUN_FIRST_BYTE_MAX && isStun(packet)) onStun(packet, from);
      // quinn clears QUIC's fixed bit at random (RFC 9287) and cannot be told not to: then only the address says what it is.
      else onQuic(packet, from);
    },
    onMessage: (message) => {
      switch (message.kind) {
        case 'openSession':
          openSession(message);
          break;
        case 'send': {
          tell({ kind: 'took', bytes: message.payload.length });
          const session = sessions.get(message.session);
          if (session === undefined) break;
          counts.datagramsSent += 1;
          sendSealed(session, DATA, message.payload);
          break;
        }
        case 'closeSession':
          closeSession(message.session);
          break;
        case 'ask':
          ask(message.ask, message.target);
          break;
        case 'punch':
          punch(message);
          break;
        case 'openShim': {
          const hole = holes.get(message.hole);
          if (hole !== undefined)
            openShim(hole, message.quicPort).catch(() => loseHole(hole, 'there is no port on loopback for it'));
          break;
        }
        case 'closeHole':
          closeHole(message.hole);
          break;
        case 'wake':
          for (const session of sessions.values()) sendSealed(session, HELLO);
          for (const hole of holes.values()) if (isMade(hole)) consent(hole);
          break;
        case 'took':
          untaken -= message.bytes;
          break;
        case 'stop':
          break;
      }
    },
    counts: () => ({ ...counts }),
    stop: () => {
      for (const number of sessions.keys()) closeSession(number);
      for (const number of holes.keys()) closeHole(number);
      for (const { cancel } of asks.values()) cancel();
      asks.clear();
    },
  };
};
