import { type TcpFields, type TcpSeen, tcpPacket } from './vpn-packets.ts';

/**
 * A TCP client by the letter of RFC 9293 and as simple as can be: it sends everything that is not acknowledged again and again,
 * remembers every byte that it saw, and acknowledges each segment. Slow and sure, to hold the stack against.
 */
export interface TcpPeer {
  readonly open: boolean;
  readonly reset: boolean;
  /** All that came in order. */
  readonly received: Buffer;
  /** Whether the other end has finished, and everything before it is here. */
  readonly finished: boolean;
  /** Whether all that was sent, FIN included, is acknowledged. */
  readonly delivered: boolean;
  /** Adds bytes to what is to be sent. */
  send(bytes: Uint8Array): void;
  finish(): void;
  receive(segment: TcpSeen): void;
  /** Packets that are due now: all of the window from the oldest unacknowledged byte, cut where the test says. */
  due(cut: (most: number) => number): Buffer[];
  /** Window that is told from now on. */
  windowBytes: number;
}

export const createTcpPeer = ({
  first,
  port = 40_000,
  mss = 1440,
  shift = null,
}: {
  first: number;
  port?: number;
  mss?: number;
  shift?: number | null;
}): TcpPeer => {
  const state = { open: false, reset: false, finishing: false, finishedAt: -1, windowBytes: 65_535 };
  /** Everything ever to be sent; position 0 has number `first + 1`. */
  let outgoing = Buffer.alloc(0);
  let acknowledged = 0;
  let finishAcknowledged = false;
  let theirFirst = 0;
  let theirWindow = 0;
  let theirShift = 0;
  let synAcknowledged = false;
  const seen = new Map<number, Buffer>();
  let received = Buffer.alloc(0);
  let acknowledge = false;

  const nextOfTheirs = (): number => theirFirst + 1 + received.length + (state.finishedAt === received.length ? 1 : 0);
  const packet = (fields: Omit<TcpFields, 'from'>): Buffer =>
    tcpPacket({
      from: port,
      acknowledgement: nextOfTheirs(),
      window: Math.min(
        0xffff,
        shift === null || fields.flags.includes('S') ? state.windowBytes : state.windowBytes >> shift,
      ),
      ...fields,
    });
  return {
    get open() {
      return state.open;
    },
    get reset() {
      return state.reset;
    },
    get received() {
      return received;
    },
    get finished() {
      return state.finishedAt === received.length;
    },
    get delivered() {
      return acknowledged === outgoing.length && (!state.finishing || finishAcknowledged);
    },
    get windowBytes() {
      return state.windowBytes;
    },
    set windowBytes(bytes) {
      if (bytes !== state.windowBytes) acknowledge = true;
      state.windowBytes = bytes;
    },
    send: (bytes) => {
      outgoing = Buffer.concat([outgoing, bytes]);
    },
    finish: () => {
      state.finishing = true;
    },
    receive: (segment) => {
      if (segment.flags.includes('R')) {
        // In its TIME-WAIT it is past caring: RFC 1337.
        if (!(finishAcknowledged && state.finishedAt === received.length)) state.reset = true;
        return;
      }
      if (segment.flags.includes('S')) {
        acknowledge = true;
        if (synAcknowledged) return;
        synAcknowledged = true;
        theirFirst = segment.sequence;
        theirWindow = segment.window;
        for (let at = 0; at < segment.options.length; )
          if (segment.options[at] === 0) break;
          else if (segment.options[at] === 1) at += 1;
          else {
            if (segment.options[at] === 3) theirShift = segment.options[at + 2]!;
            at += segment.options[at + 1]!;
          }
        state.open = true;
        return;
      }
      if (!state.open) return;
      theirWindow = segment.window << theirShift;
      const position = (segment.acknowledgement - first - 1) | 0;
      if (position > outgoing.length) finishAcknowledged = true;
      acknowledged = Math.max(acknowledged, Math.min(position, outgoing.length));
      const at = (segment.sequence - theirFirst - 1) | 0;
      if (segment.payload.length > 0) {
        acknowledge = true;
        seen.set(at, segment.payload.length > (seen.get(at)?.length ?? 0) ? segment.payload : seen.get(at)!);
      } else if (at < received.length) acknowledge = true;
      if (segment.flags.includes('F')) {
        acknowledge = true;
        state.finishedAt = at + segment.payload.length;
      }
      for (let found = true; found; ) {
        found = false;
        for (const [from, bytes] of seen) {
          if (from > received.length || from + bytes.length <= received.length) continue;
          received = Buffer.concat([received, bytes.subarray(received.length - from)]);
          found = true;
        }
      }
    },
    due: (cut) => {
      const packets: Buffer[] = [];
      if (state.reset) return packets;
      if (!state.open) {
        const options = [2, 4, mss >> 8, mss & 0xff, ...(shift === null ? [] : [1, 3, 3, shift])];
        return [
          tcpPacket({ from: port, sequence: first, flags: 'S', window: 65_535, options: Uint8Array.from(options) }),
        ];
      }
      const end = Math.min(outgoing.length, acknowledged + Math.max(theirWindow, 1));
      for (let at = acknowledged; at < end; ) {
        const length = Math.min(Math.max(1, cut(mss)), mss, end - at);
        packets.push(packet({ sequence: first + 1 + at, flags: 'PA', payload: outgoing.subarray(at, at + length) }));
        at += length;
      }
      if (state.finishing && end === outgoing.length && !finishAcknowledged)
        packets.push(packet({ sequence: first + 1 + outgoing.length, flags: 'FA' }));
      if (packets.length === 0 && acknowledge)
        packets.push(packet({ sequence: first + 1 + outgoing.length + (finishAcknowledged ? 1 : 0), flags: 'A' }));
      acknowledge = false;
      return packets;
    },
  };
};
