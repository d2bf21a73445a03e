import { assert, type Outside } from '../../../base/index.ts';
import type { Stream } from '../interface.ts';
import { LANES_MAX, PART_BYTES, PARTS_PER_LANE } from './constants.ts';
import { SplitError } from './errors.ts';
import { createPieceReader, frameOf } from './frames.ts';
import {
  encodeManifest,
  encodePartHead,
  ID_BYTES,
  lengthOfPart,
  makeManifest,
  readReceipt,
  RECEIPT_BYTES,
  RECEIPTS,
  type SplitManifest,
  type SplitSource,
  splitMalformed,
} from './split-manifest.ts';

/** A message on its way over several streams. */
export interface SplitSending {
  readonly manifest: SplitManifest;
  /** Resolves once the receiver has every part. @throws {SplitError} `PATHS_LOST` | `CANCELLED` */
  readonly done: Promise<void>;
  /** Lets one more stream carry parts, of this connection or another. A stream that fails is left out, and its parts go over the others. */
  addStream(stream: Stream): void;
  progress(): { takenBytes: number; lengthBytes: number; streams: number };
  /** Ends it. May be called twice. */
  cancel(): void;
}
export interface SplitSendInit {
  streams: readonly Stream[];
  /** @default 256 KiB */
  partBytes?: number;
  /** Called when a part has arrived. */
  onProgress?: (progress: { takenBytes: number; lengthBytes: number }) => void;
  signal?: AbortSignal;
}

interface Lane {
  stream: Stream;
  /** Parts that were written and not receipted, and since when. */
  underWay: Map<number, number>;
  /** All parts it ever had: it must not bring one twice. */
  tried: Set<number>;
  writing: boolean;
}

/** Ms after which a part that hangs on one stream goes over an idle one too: far above the round trip of any path that is fit to use. */
const HANGING_MS = 1500;

/** Sends a message in parts over several streams; the receiver is `createSplitReceiver`. Resolves once its hashes are known. */
export const sendSplit = async (
  components: { outside: Outside },
  source: SplitSource,
  init: SplitSendInit,
): Promise<SplitSending> => {
  const { clock, random } = components.outside;
  const { partBytes = PART_BYTES, onProgress, signal } = init;
  signal?.throwIfAborted();
  const manifest = await makeManifest(clock, source, { id: random.bytes(ID_BYTES), partBytes });
  const count = manifest.parts.length;
  const lanes = new Set<Lane>();
  const taken = new Set<number>();
  /** Below it everything was handed to some stream once. */
  let fresh = 0;
  /** Parts of streams that died. */
  const again = new Set<number>();
  let room = 0;
  let takenBytes = 0;
  let isOver = false;
  const done = Promise.withResolvers<void>();
  // Whoever does not wait for it hears of it by `progress`; a rejection that nobody looks at must not end the process.
  done.promise.catch(() => undefined);
  let changed = Promise.withResolvers<void>();
  const change = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };

  const end = (error: SplitError | null): void => {
    if (isOver) return;
    isOver = true;
    signal?.removeEventListener('abort', cancel);
    for (const lane of lanes) if (error !== null || lane.writing) lane.stream.reset();
    if (error === null) done.resolve();
    else done.reject(error);
    change();
  };
  const cancel = (): void => {
    end(new SplitError({ code: 'CANCELLED' }, 'The split message was cancelled before all of it had arrived.'));
  };
  const firstMissing = (): number => {
    let part = 0;
    while (taken.has(part)) part += 1;
    return part;
  };
  const drop = (lane: Lane): void => {
    if (!lanes.delete(lane)) return;
    lane.stream.reset();
    for (const part of lane.underWay.keys()) if (!taken.has(part)) again.add(part);
    if (lanes.size === 0)
      end(
        new SplitError(
          { code: 'PATHS_LOST', part: firstMissing() },
          'Every stream of the split message failed before all of it had arrived; open others and send it again.',
        ),
      );
    change();
  };

  /** A part for an idle stream: of streams that died, then the next one, then one that hangs elsewhere. */
  const choose = (lane: Lane): number | null => {
    for (const part of again) {
      if (taken.has(part)) again.delete(part);
      else if (!lane.tried.has(part)) {
        again.delete(part);
        return part;
      }
    }
    if (fresh < Math.min(room, count)) return fresh++;
    if (lane.underWay.size > 0) return null;
    const beforeMs = clock.monotonicMs() - HANGING_MS;
    for (const other of lanes)
      for (const [part, sinceMs] of other.underWay)
        if (sinceMs <= beforeMs && !lane.tried.has(part) && !taken.has(part)) return part;
    return null;
  };
  const write = async (lane: Lane): Promise<void> => {
    await lane.stream.write(frameOf(encodeManifest(manifest)));
    while (!isOver) {
      const part = lane.underWay.size < PARTS_PER_LANE ? choose(lane) : null;
      if (part === null) {
        const cancelTimer = clock.after(HANGING_MS, change);
        await changed.promise;
        cancelTimer();
        continue;
      }
      lane.underWay.set(part, clock.monotonicMs());
      lane.tried.add(part);
      const length = lengthOfPart(manifest, part);
      const bytes = await source.read(part * partBytes, length);
      assert(bytes.length === length, 'a source gives as many bytes as it is asked for');
      lane.writing = true;
      await lane.stream.write(encodePartHead(part, length));
      await lane.stream.write(bytes);
      lane.writing = false;
    }
    if (taken.size === count) await lane.stream.finish();
  };
  const hear = async (lane: Lane): Promise<void> => {
    const reader = createPieceReader(lane.stream, splitMalformed);
    for (;;) {
      const bytes = await reader.exactly(RECEIPT_BYTES);
      if (bytes === null) {
        if (taken.size < count) throw splitMalformed('the receiver ended its side early');
        return;
      }
      const { kind, number } = readReceipt(bytes);
      if (kind === RECEIPTS.room) {
        if (number > count) throw splitMalformed('there is room for more parts than there are');
        room = Math.max(room, number);
      } else {
        if (!lane.underWay.delete(number)) throw splitMalformed('a receipt is for a part that was not sent');
        if (!taken.has(number)) {
          taken.add(number);
          takenBytes += lengthOfPart(manifest, number);
          onProgress?.({ takenBytes, lengthBytes: manifest.length });
          if (taken.size === count) end(null);
        }
      }
      change();
    }
  };
  const addStream = (stream: Stream): void => {
    assert(lanes.size < LANES_MAX, 'A split message travels over 16 streams at most.');
    if (isOver) {
      stream.reset();
      return;
    }
    const lane: Lane = { stream, underWay: new Map(), tried: new Set(), writing: false };
    lanes.add(lane);
    // Whatever ends a stream costs this stream only: that is what there are several for.
    const failed = (): void => {
      drop(lane);
    };
    void write(lane).catch(failed);
    void hear(lane).catch(failed);
  };

  assert(init.streams.length > 0, 'A split message needs one stream at least.');
  if (signal?.aborted === true) {
    for (const stream of init.streams) stream.reset();
    throw signal.reason;
  }
  signal?.addEventListener('abort', cancel, { once: true });
  for (const stream of init.streams) addStream(stream);
  if (count === 0) end(null);
  return {
    manifest,
    done: done.promise,
    addStream,
    progress: () => ({ takenBytes, lengthBytes: manifest.length, streams: lanes.size }),
    cancel,
  };
};
