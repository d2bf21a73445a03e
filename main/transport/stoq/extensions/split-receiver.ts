import { createHash, type Hash } from 'node:crypto';
import { assert, type Clock, sha256 } from '../../../base/index.ts';
import type { Stream } from '../interface.ts';
import {
  LANES_MAX,
  LOST_GRACE_MS,
  MANIFEST_BYTES_MAX,
  SPLIT_BYTES_MAX,
  SPLIT_MEMORY_BYTES,
  TRANSFERS_ENDED_MAX,
  TRANSFERS_MAX,
} from './constants.ts';
import { SplitError } from './errors.ts';
import { sameBytes } from './fields.ts';
import { createPieceReader, type PieceReader } from './frames.ts';
import {
  encodeReceipt,
  lengthOfPart,
  PART_HEAD_BYTES,
  readManifest,
  readPartHead,
  RECEIPTS,
  type SplitManifest,
  splitMalformed,
} from './split-manifest.ts';

/** A message that comes in parts. Each part holds when it is handed out; the whole does when `read` has given null. */
export interface SplitReceiving {
  readonly manifest: SplitManifest;
  /**
   * One call at a time.
   *
   * @returns the next bytes in order, null after the last
   * @throws {SplitError} `PATHS_LOST` | `WHOLE_WRONG` | `CANCELLED`
   */
  read(): Promise<Uint8Array | null>;
  progress(): { takenBytes: number; lengthBytes: number; streams: number };
  /** Ends it and its streams. May be called twice. */
  cancel(): void;
}
export interface SplitReceiver {
  /**
   * Takes a stream that carries parts: the body of a protocol's handler.
   *
   * @param sender - who opened it; a message is made of streams of one sender
   * @returns when the stream has ended
   * @throws {SplitError} why the stream was reset, with the part that was wrong | {StreamError} the stream failed
   */
  take(stream: Stream, sender: string): Promise<void>;
  /** Messages under way. */
  readonly count: number;
}
export interface SplitReceiverInit {
  /** Called with every message, when its first stream has told what it is. Whoever does not read holds the sender back. */
  onMessage: (message: SplitReceiving, sender: string) => void;
  /** Bytes of one message that wait to be read, at least one part. One part under way on each stream comes on top. @default 8 MiB */
  memoryBytes?: number;
  /** Bytes of one message. @default 4 GiB */
  lengthMax?: number;
  /** Messages at once. @default 16 */
  messagesMax?: number;
}

interface Lane {
  stream: Stream;
  seen: Set<number>;
  /** Receipts leave one after another. */
  tail: Promise<void>;
  roomTold: number;
}
interface Message {
  key: string;
  manifest: SplitManifest;
  encoded: Uint8Array;
  lanes: Set<Lane>;
  window: number;
  waiting: Map<number, Uint8Array>;
  /** Next part to hand out. */
  next: number;
  takenCount: number;
  takenBytes: number;
  taken: Set<number>;
  hash: Hash;
  error: SplitError | null;
  wake: (() => void) | null;
  isReading: boolean;
  /** Ends the wait for another stream. */
  cancelGrace: () => void;
}

const roomOf = ({ manifest, next, window }: Message): number => Math.min(manifest.parts.length, next + window);

/** Puts messages of `sendSplit` together again. */
export const createSplitReceiver = (components: { clock: Clock }, init: SplitReceiverInit): SplitReceiver => {
  const { clock } = components;
  const {
    onMessage,
    memoryBytes = SPLIT_MEMORY_BYTES,
    lengthMax = SPLIT_BYTES_MAX,
    messagesMax = TRANSFERS_MAX,
  } = init;
  const messages = new Map<string, Message>();
  const ended = new Set<string>();

  const forget = (message: Message): void => {
    if (!messages.delete(message.key)) return;
    ended.add(message.key);
    for (const oldest of ended) {
      if (ended.size <= TRANSFERS_ENDED_MAX) break;
      ended.delete(oldest);
    }
  };
  const wake = (message: Message): void => {
    const go = message.wake;
    message.wake = null;
    go?.();
  };
  const fail = (message: Message, error: SplitError): void => {
    if (message.error !== null) return;
    message.error = error;
    message.cancelGrace();
    message.waiting.clear();
    forget(message);
    for (const { stream } of message.lanes) stream.reset();
    wake(message);
  };
  const isWhole = (message: Message): boolean => message.takenCount === message.manifest.parts.length;

  const tell = (lane: Lane, receipt: () => Uint8Array | null): Promise<void> => {
    const told = lane.tail.then(async () => {
      const bytes = receipt();
      if (bytes !== null) await lane.stream.write(bytes);
    });
    lane.tail = told.catch(() => undefined);
    return told;
  };
  const tellRoom = (message: Message, lane: Lane): Promise<void> =>
    tell(lane, () => {
      const room = roomOf(message);
      if (room <= lane.roomTold) return null;
      lane.roomTold = room;
      return encodeReceipt(RECEIPTS.room, room);
    });

  const read = async (message: Message): Promise<Uint8Array | null> => {
    assert(!message.isReading, 'A split message is read by one call at a time.');
    message.isReading = true;
    try {
      for (;;) {
        const part = message.waiting.get(message.next);
        if (part !== undefined) {
          message.waiting.delete(message.next);
          message.next += 1;
          message.hash.update(part);
          // A stream that fails here is told of by the call that reads it.
          for (const lane of message.lanes) void tellRoom(message, lane).catch(() => undefined);
          if (message.next === message.manifest.parts.length) checkWhole(message);
          return part;
        }
        if (message.error !== null) throw message.error;
        if (message.next === message.manifest.parts.length) {
          checkWhole(message);
          return null;
        }
        await new Promise<void>((resolve) => {
          message.wake = resolve;
        });
      }
    } finally {
      message.isReading = false;
    }
  };
  /** Only once: a digest ends its hash. */
  const checkWhole = (message: Message): void => {
    if (!messages.has(message.key)) return;
    const found = message.hash.digest();
    if (sameBytes(found, message.manifest.hash)) {
      forget(message);
      return;
    }
    const error = new SplitError(
      { code: 'WHOLE_WRONG', verdict: 'reject' },
      'Every part of the split message is what its sender said, and the whole is not; take nothing of it.',
    );
    fail(message, error);
    throw error;
  };

  const begin = (encoded: Uint8Array, sender: string): Message => {
    const manifest = readManifest(encoded);
    const key = `${sender} ${Buffer.from(manifest.id).toString('hex')}`;
    const known = messages.get(key);
    if (known !== undefined) {
      if (!sameBytes(known.encoded, encoded))
        throw new SplitError(
          { code: 'MANIFEST_DIFFERS', verdict: 'reject' },
          'Two streams of one split message tell different things of it; the second was refused.',
        );
      if (known.lanes.size >= LANES_MAX) throw splitMalformed(`more than ${LANES_MAX} streams`);
      return known;
    }
    if (manifest.length > lengthMax)
      throw new SplitError(
        { code: 'SPLIT_TOO_LARGE', length: manifest.length, limit: lengthMax, verdict: 'reject' },
        `The split message has ${manifest.length} bytes, and at most ${lengthMax} are taken.`,
      );
    if (messages.size >= messagesMax)
      throw new SplitError(
        { code: 'TOO_MANY_TRANSFERS', limit: messagesMax, verdict: 'ignore' },
        `${messagesMax} split messages are coming in already; send this one later.`,
      );
    const message: Message = {
      key,
      manifest,
      encoded,
      lanes: new Set(),
      window: Math.max(1, Math.floor(memoryBytes / manifest.partBytes)),
      waiting: new Map(),
      next: 0,
      takenCount: 0,
      takenBytes: 0,
      taken: new Set(),
      hash: createHash('sha256'),
      error: null,
      wake: null,
      isReading: false,
      cancelGrace: () => undefined,
    };
    messages.set(key, message);
    onMessage(
      {
        manifest,
        read: () => read(message),
        progress: () => ({
          takenBytes: message.takenBytes,
          lengthBytes: manifest.length,
          streams: message.lanes.size,
        }),
        cancel: () => {
          if (message.next < manifest.parts.length)
            fail(message, new SplitError({ code: 'CANCELLED' }, 'The split message was cancelled by its receiver.'));
        },
      },
      sender,
    );
    return message;
  };

  const takePart = async (message: Message, lane: Lane, reader: PieceReader, head: Uint8Array): Promise<void> => {
    const { manifest } = message;
    const { part, length } = readPartHead(head);
    if (part >= manifest.parts.length) throw splitMalformed('a part has a number that there is not');
    if (length !== lengthOfPart(manifest, part)) throw splitMalformed(`part ${part} has another length than told`);
    if (part >= roomOf(message))
      throw new SplitError(
        { code: 'PART_EARLY', part, verdict: 'reject' },
        `Part ${part} came before there was room for it; its sender breaks the rules.`,
      );
    if (lane.seen.has(part))
      throw new SplitError(
        { code: 'PART_TWICE', part, verdict: 'reject' },
        `One stream brought part ${part} twice; it was refused.`,
      );
    lane.seen.add(part);
    const bytes = await reader.exactly(length);
    if (bytes === null) throw splitMalformed('it ends in the middle');
    if (!sameBytes(sha256(bytes), manifest.parts[part] as Uint8Array))
      throw new SplitError(
        { code: 'PART_WRONG', part, verdict: 'reject' },
        `Part ${part} is not what its sender said it would be; it was refused.`,
      );
    const isNew = message.error === null && !message.taken.has(part);
    if (isNew) {
      message.taken.add(part);
      message.takenCount += 1;
      message.takenBytes += length;
      message.waiting.set(part, bytes);
      wake(message);
    }
    await tell(lane, () => encodeReceipt(isNew ? RECEIPTS.taken : RECEIPTS.had, part));
  };
  const leave = (message: Message, lane: Lane): void => {
    message.lanes.delete(lane);
    if (message.lanes.size > 0 || isWhole(message) || message.error !== null) return;
    // The sender may have opened another one, which is slower to get here than the end of the last.
    message.cancelGrace = clock.after(LOST_GRACE_MS, () => {
      let part = message.next;
      while (message.taken.has(part)) part += 1;
      fail(
        message,
        new SplitError(
          { code: 'PATHS_LOST', part },
          `Every stream of the split message ended before part ${part} had come; its sender must send it again.`,
        ),
      );
    });
  };

  return {
    take: async (stream, sender) => {
      let message: Message | null = null;
      const lane: Lane = { stream, seen: new Set(), tail: Promise.resolve(), roomTold: 0 };
      try {
        const reader = createPieceReader(stream, splitMalformed);
        const encoded = await reader.frame(MANIFEST_BYTES_MAX);
        if (encoded === null) throw splitMalformed('there is no manifest');
        if (ended.has(`${sender} ${Buffer.from(readManifest(encoded).id).toString('hex')}`)) {
          stream.reset();
          return;
        }
        message = begin(encoded, sender);
        message.lanes.add(lane);
        message.cancelGrace();
        await tellRoom(message, lane);
        for (;;) {
          const head = await reader.exactly(PART_HEAD_BYTES);
          if (head === null) break;
          await takePart(message, lane, reader, head);
        }
        await lane.tail;
        await stream.finish();
      } catch (error) {
        stream.reset();
        // What is whole needs no stream any more, and a sender may cut off those that hang.
        if (message !== null && isWhole(message) && !(error instanceof SplitError)) return;
        throw error;
      } finally {
        if (message !== null) leave(message, lane);
      }
    },
    get count() {
      return messages.size;
    },
  };
};
