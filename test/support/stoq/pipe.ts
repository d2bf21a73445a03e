import type { CarrierStream, Channel } from '../../../main/transport/stoq/carriers/interface.ts';
import { CarrierError } from '../../../main/transport/stoq/errors.ts';
import type { Address } from '../../../main/transport/stoq/interface.ts';

/** What happened to one end of a pipe, for tests that compare what others can see. */
export type PipeEvent =
  | { kind: 'read'; bytes: number }
  | { kind: 'write'; bytes: number }
  | { kind: 'reset' }
  | { kind: 'finish' };

export interface PipeEnd extends CarrierStream {
  readonly log: readonly PipeEvent[];
  /** All that this end wrote. */
  readonly written: readonly Uint8Array[];
}

/** Bytes that lie in one direction unread before a writer waits. */
const WINDOW_BYTES = 256 * 1024;

interface Lane {
  parts: Uint8Array[];
  size: number;
  finished: boolean;
  wake: () => void;
}

const failed = (code: 'RESET' | 'CLOSED'): CarrierError =>
  new CarrierError({ code }, `The stream is ${code.toLowerCase()}.`);

/** A stream of a channel in memory, both ends of it, with a window. */
export const createPipe = (): [PipeEnd, PipeEnd] => {
  const lanes: [Lane, Lane] = [
    { parts: [], size: 0, finished: false, wake: () => undefined },
    { parts: [], size: 0, finished: false, wake: () => undefined },
  ];
  let gone = false;
  const changed = (lane: Lane): Promise<void> =>
    new Promise((resolve) => {
      const before = lane.wake;
      lane.wake = () => {
        before();
        resolve();
      };
    });
  const signal = (lane: Lane): void => {
    const { wake } = lane;
    lane.wake = () => undefined;
    wake();
  };
  const end = (from: Lane, to: Lane): PipeEnd => {
    const log: PipeEvent[] = [];
    const written: Uint8Array[] = [];
    return {
      log,
      written,
      read: async (maxBytes) => {
        for (;;) {
          if (gone) throw failed('RESET');
          const part = from.parts[0];
          if (part !== undefined) {
            const taken = part.slice(0, maxBytes);
            if (taken.length === part.length) from.parts.shift();
            else from.parts[0] = part.subarray(maxBytes);
            from.size -= taken.length;
            log.push({ kind: 'read', bytes: taken.length });
            signal(from);
            return taken;
          }
          if (from.finished) return null;
          await changed(from);
        }
      },
      write: async (bytes) => {
        if (gone || to.finished) throw failed('RESET');
        if (bytes.length === 0) return;
        log.push({ kind: 'write', bytes: bytes.length });
        written.push(bytes.slice());
        to.parts.push(bytes.slice());
        to.size += bytes.length;
        signal(to);
        while (to.size > WINDOW_BYTES) {
          await changed(to);
          if (gone) throw failed('RESET');
        }
      },
      finish: () => {
        log.push({ kind: 'finish' });
        to.finished = true;
        signal(to);
        return Promise.resolve();
      },
      reset: () => {
        if (gone) return;
        log.push({ kind: 'reset' });
        gone = true;
        signal(from);
        signal(to);
      },
    };
  };
  return [end(lanes[0], lanes[1]), end(lanes[1], lanes[0])];
};

/** One end of a channel: what a handshake needs of it. */
export const createFakeChannel = (direction: 'in' | 'out', binding: Uint8Array): Channel & { end(): void } => {
  const closed = Promise.withResolvers<void>();
  return {
    tier: 'memory',
    direction,
    remoteAddress: `/memory/${direction}` as Address,
    via: null,
    binding,
    openStream: () => Promise.reject(failed('CLOSED')),
    acceptStream: () => Promise.resolve(null),
    stats: () => ({ rttMs: null, lostPackets: null, sentPackets: null, wireSentBytes: 0, wireReceivedBytes: 0 }),
    abort: () => {
      closed.resolve();
    },
    closed: closed.promise,
    end: () => {
      closed.resolve();
    },
  };
};
