import { type Logger, messageOf, type Outside } from '../../../../../base/index.ts';
import { holderLost, portClosed, RuntimeError } from '../../../errors.ts';
import type { JobPipe } from '../../interface.ts';
import { ANSWER_MS_MAX, LIST_BYTES_MAX, PING_INTERVAL_MS, REQUESTS_MAX, SYNC_MS_MAX, SYNC_TRIES } from './constants.ts';
import { encodeFrame, encodeSync, FRAME, type Frame, FrameReader, STATUS } from './frames.ts';
import { type ChannelIn, createChannel, type HolderCounters } from './pipes.ts';

/** Bytes to and from a holder: an attached container. */
export interface HolderWire {
  /** Taken at once; what may wait is bounded by credits and by how many requests are under way. */
  write(bytes: Uint8Array): void;
  /** Set once, before anything comes. */
  listen(listener: { data: (bytes: Uint8Array) => void; ended: () => void }): void;
  close(): void;
}
export interface HolderSessionInit {
  key: Uint8Array;
  /** Whether the job has a way out. */
  doors: boolean;
  /** Makes the wire, again when it broke. @throws when there is no holder any more */
  attach: () => Promise<HolderWire>;
  /** The job opened a connection at a door, `DOOR`. */
  opened: (door: number, pipe: JobPipe) => void;
  /** It is gone for good. At most once, never after `close`. */
  lost: (reason: string) => void;
}
export interface HolderSession {
  /** @throws {RuntimeError} `HOLDER_LOST` */
  start(): Promise<void>;
  /** Asks about files. @returns status and parts of the answer @throws {RuntimeError} `HOLDER_LOST` */
  ask(request: Uint8Array): Promise<{ status: number; parts: Uint8Array[] }>;
  /** @throws {RuntimeError} `PORT_CLOSED` | `HOLDER_LOST` */
  connect(port: number): Promise<JobPipe>;
  readonly counters: HolderCounters;
  /** Ends it here; the holder lives on. */
  close(): void;
}

interface Asked {
  request: Uint8Array;
  parts: Uint8Array[];
  partsBytes: number;
  resolve: (answer: { status: number; parts: Uint8Array[] }) => void;
  reject: (error: Error) => void;
}

/** Without the words that {@link holderLost} puts around it. */
const reasonOf = (error: unknown): string =>
  error instanceof RuntimeError && 'reason' in error.data ? String(error.data.reason) : messageOf(error);

/** Speaks with one holder, and begins again by itself where wire or session broke. */
export const createHolderSession = (
  { outside, logger }: { outside: Outside; logger: Logger },
  init: HolderSessionInit,
): HolderSession => {
  const { clock, random } = outside;
  const counters: HolderCounters = { sentBytes: 0, receivedBytes: 0 };
  const asked = new Map<number, Asked>();
  const waiting: Asked[] = [];
  const channels = new Map<number, ChannelIn>();
  const connecting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  let wire: HolderWire | null = null;
  let session = 0;
  /** Answered the newest beginning. */
  let inStep = false;
  let ended: Error | null = null;
  let beginning: Promise<void> | null = null;
  let wakeBeginning: (() => void) | null = null;
  let heardAtMs = clock.monotonicMs();
  let nextRequest = 1;
  /** Even: the odd ones are the holder's. */
  let nextChannel = 2;

  const send = (type: number, channel: number, payload: Uint8Array = new Uint8Array(0)): void => {
    if (inStep) wire?.write(encodeFrame(session, type, channel, payload));
  };
  const dropConnections = (): void => {
    for (const input of channels.values()) input.gone();
    channels.clear();
    for (const { reject } of connecting.values()) reject(holderLost('the connection to it was renewed'));
    connecting.clear();
  };
  const end = (error: Error): void => {
    if (ended !== null) return;
    ended = error;
    inStep = false;
    stopPinging();
    dropConnections();
    for (const { reject } of [...asked.values(), ...waiting]) reject(error);
    asked.clear();
    waiting.length = 0;
    wire?.close();
    wire = null;
    wakeBeginning?.();
  };
  const fail = (reason: string): void => {
    if (ended !== null) return;
    end(holderLost(reason));
    init.lost(reason);
  };

  const addChannel = (id: number): JobPipe => {
    const { pipe, input } = createChannel(
      {
        data: (bytes) => send(FRAME.data, id, bytes),
        credit: (bytes) => {
          const payload = Buffer.alloc(4);
          payload.writeUInt32LE(bytes);
          send(FRAME.credit, id, payload);
        },
        finish: () => send(FRAME.finish, id),
        reset: () => send(FRAME.reset, id),
      },
      counters,
      () => channels.delete(id),
    );
    channels.set(id, input);
    return pipe;
  };
  const pump = (): void => {
    while (inStep && asked.size < REQUESTS_MAX) {
      const next = waiting.shift();
      if (next === undefined) return;
      const id = nextRequest++ % 0x1_0000_0000;
      asked.set(id, next);
      send(FRAME.files, id, next.request);
    }
  };
  const takeReply = (id: number, payload: Uint8Array): void => {
    const one = asked.get(id);
    if (one === undefined || payload.length === 0) throw holderLost('it answered what was not asked');
    one.partsBytes += payload.length;
    if (one.partsBytes > 2 * LIST_BYTES_MAX) throw holderLost('its answer does not end');
    if (payload.length > 1) one.parts.push(payload.subarray(1));
    const status = payload[0]!;
    if (status === STATUS.more) return;
    asked.delete(id);
    one.resolve({ status, parts: one.parts });
    pump();
  };
  const takeChannelFrame = ({ type, channel, payload }: Frame): void => {
    const input = channels.get(channel);
    // One that ended here, while this was on its way.
    if (input === undefined) return;
    const credit = payload.length === 4 ? Buffer.from(payload).readUInt32LE() : null;
    const right =
      type === FRAME.data
        ? input.data(payload)
        : type === FRAME.credit
          ? credit !== null && input.credit(credit)
          : type === FRAME.finish && input.finish();
    if (type === FRAME.reset) input.gone();
    else if (!right) {
      send(FRAME.reset, channel);
      input.gone();
    }
  };
  const takeFrame = (frame: Frame): void => {
    const { type, channel, payload } = frame;
    if (type === FRAME.reply) takeReply(channel, payload);
    else if (type === FRAME.lost) void begin();
    else if (type === FRAME.opened && channel % 2 === 1 && payload.length === 1 && !channels.has(channel))
      init.opened(payload[0]!, addChannel(channel));
    else if (connecting.has(channel) && (type === FRAME.connected || type === FRAME.reset)) {
      const { resolve, reject } = connecting.get(channel)!;
      connecting.delete(channel);
      if (type === FRAME.connected) resolve();
      else reject(holderLost('the port is closed'));
    } else if (type >= FRAME.data && type <= FRAME.reset) takeChannelFrame(frame);
    else if (type !== FRAME.pong) throw holderLost('it sent a frame of no kind');
  };

  const reader = new FrameReader({
    synced: () => {
      inStep = true;
      wakeBeginning?.();
    },
    frame: takeFrame,
  });
  const attach = async (): Promise<void> => {
    const fresh = await init.attach();
    if (ended !== null) {
      fresh.close();
      return;
    }
    wire = fresh;
    fresh.listen({
      data: (bytes) => {
        if (wire !== fresh) return;
        heardAtMs = clock.monotonicMs();
        try {
          reader.take(bytes);
        } catch (error) {
          logger.warn('A holder is out of step', { error: String(error) });
          void begin();
        }
      },
      ended: () => {
        if (wire !== fresh) return;
        wire = null;
        void begin();
      },
    });
  };
  const tryToBegin = async (): Promise<void> => {
    inStep = false;
    dropConnections();
    for (let attempt = 0; attempt < SYNC_TRIES && ended === null; attempt++) {
      if (wire === null) await attach();
      session = (new DataView(random.bytes(4).slice().buffer).getUint32(0) || 1) >>> 0;
      reader.expect(init.key, session, init.doors);
      const answered = new Promise<void>((resolve) => (wakeBeginning = resolve));
      const stopWaiting = clock.after(SYNC_MS_MAX, () => wakeBeginning?.());
      wire?.write(encodeSync(init.key, session, init.doors));
      await answered;
      wakeBeginning = null;
      stopWaiting();
      if (inStep) {
        heardAtMs = clock.monotonicMs();
        // What was asked before is asked again: each of them may be done twice.
        waiting.unshift(...asked.values());
        asked.clear();
        for (const one of waiting) {
          one.parts.length = 0;
          one.partsBytes = 0;
        }
        pump();
        return;
      }
    }
    throw ended ?? holderLost('it does not answer');
  };
  /** One at a time. Never rejects: failing is told as being lost. */
  const begin = (): Promise<void> => {
    if (ended !== null) return Promise.resolve();
    beginning ??= tryToBegin()
      .catch((error: unknown) => fail(reasonOf(error)))
      .finally(() => (beginning = null));
    return beginning;
  };
  const stopPinging = clock.every(PING_INTERVAL_MS, () => {
    if (beginning !== null || ended !== null || wire === null) return;
    if (clock.monotonicMs() - heardAtMs > ANSWER_MS_MAX) void begin();
    else send(FRAME.ping, 0);
  });

  return {
    start: async () => {
      await begin();
      if (ended !== null) throw ended;
    },
    ask: (request) =>
      new Promise((resolve, reject) => {
        if (ended !== null) {
          reject(ended);
          return;
        }
        waiting.push({ request, parts: [], partsBytes: 0, resolve, reject });
        pump();
      }),
    connect: async (port) => {
      if (ended !== null) throw ended;
      if (!inStep) await begin();
      const id = nextChannel;
      nextChannel = (nextChannel + 2) % 0x1_0000_0000;
      const payload = Buffer.alloc(2);
      payload.writeUInt16LE(port);
      const pipe = addChannel(id);
      try {
        await new Promise<void>((resolve, reject) => {
          connecting.set(id, { resolve, reject });
          send(FRAME.connect, id, payload);
        });
        return pipe;
      } catch {
        channels.delete(id);
        throw ended ?? portClosed(port);
      }
    },
    counters,
    close: () => end(holderLost('it was let go')),
  };
};
