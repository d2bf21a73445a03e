import type { DatagramPipe, Dialer, FarTarget, Pipe } from '../../main/kernel/proxy/interface.ts';
import type { PeerId } from '../../main/transport/stoq/index.ts';

/** The far end of a pipe in memory, in a test's hands. */
export interface FarEnd {
  readonly target: FarTarget;
  /** All that came. */
  readonly received: Buffer[];
  /** Whether the near end has finished, or gone. */
  readonly finished: boolean;
  readonly reset: boolean;
  /** What the near end reads next. */
  say(bytes: Uint8Array): void;
  finish(): void;
  /** Lets no write through until it is opened again. */
  hold(held: boolean): void;
}
/** A dialer that connects everybody to far ends of this process. */
export interface MemoryDialer extends Dialer {
  readonly ends: readonly FarEnd[];
  readonly datagrams: readonly {
    target: FarTarget;
    sent: Buffer[];
    say(payload: Uint8Array): void;
    close(): void;
    closed: boolean;
  }[];
  /** What `connect`, `associate` and `ping` do instead, while it is set. */
  answer: (() => Promise<void>) | null;
}

const createEnd = (target: FarTarget): { pipe: Pipe; end: FarEnd } => {
  const received: Buffer[] = [];
  const queue: Uint8Array[] = [];
  const state = { finished: false, farFinished: false, reset: false, held: false };
  let wake = (): void => undefined;
  let wakeWriter = (): void => undefined;
  const end: FarEnd = {
    target,
    received,
    get finished() {
      return state.finished;
    },
    get reset() {
      return state.reset;
    },
    say: (bytes) => {
      queue.push(bytes);
      wake();
    },
    finish: () => {
      state.farFinished = true;
      wake();
    },
    hold: (held) => {
      state.held = held;
      wakeWriter();
    },
  };
  const pipe: Pipe = {
    read: async (maxBytes = 65_536) => {
      for (;;) {
        if (state.reset) throw new Error('The pipe was reset.');
        const first = queue[0];
        if (first !== undefined) {
          if (first.length <= maxBytes) queue.shift();
          else queue[0] = first.subarray(maxBytes);
          return first.subarray(0, maxBytes);
        }
        if (state.farFinished) return null;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    write: async (bytes) => {
      while (state.held && !state.reset)
        await new Promise<void>((resolve) => {
          wakeWriter = resolve;
        });
      if (state.reset) throw new Error('The pipe was reset.');
      received.push(Buffer.from(bytes));
    },
    finish: async () => {
      state.finished = true;
    },
    reset: () => {
      state.reset = true;
      wake();
      wakeWriter();
    },
  };
  return { pipe, end };
};

export const createMemoryDialer = (): MemoryDialer => {
  const ends: FarEnd[] = [];
  const datagrams: MemoryDialer['datagrams'][number][] = [];
  const dialer: MemoryDialer = {
    ends,
    datagrams,
    answer: null,
    connect: async (target) => {
      await dialer.answer?.();
      const { pipe, end } = createEnd(target);
      ends.push(end);
      return Object.assign(pipe, { peer: 'somebody' as PeerId, route: 'direct' as const });
    },
    associate: async (target) => {
      await dialer.answer?.();
      const listeners = new Set<(payload: Uint8Array) => void>();
      const { promise: closed, resolve } = Promise.withResolvers<void>();
      const exchange = {
        target,
        sent: [] as Buffer[],
        closed: false,
        say: (payload: Uint8Array) => listeners.forEach((listener) => listener(payload)),
        close: () => {
          exchange.closed = true;
          resolve();
        },
      };
      datagrams.push(exchange);
      const pipe: DatagramPipe = {
        send: (payload) => {
          exchange.sent.push(Buffer.from(payload));
          return true;
        },
        onDatagram: (listener) => {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        closed,
        close: exchange.close,
      };
      return pipe;
    },
    ping: async () => {
      await dialer.answer?.();
      return 5;
    },
  };
  return dialer;
};
