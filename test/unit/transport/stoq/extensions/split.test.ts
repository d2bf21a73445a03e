import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../../main/base/index.ts';
import { SplitError } from '../../../../../main/transport/stoq/extensions/errors.ts';
import { frameOf } from '../../../../../main/transport/stoq/extensions/frames.ts';
import {
  encodeManifest,
  encodePartHead,
  makeManifest,
  readManifest,
  readReceipt,
  type SplitManifest,
} from '../../../../../main/transport/stoq/extensions/split-manifest.ts';
import {
  createSplitReceiver,
  type SplitReceiver,
  type SplitReceiverInit,
  type SplitReceiving,
} from '../../../../../main/transport/stoq/extensions/split-receiver.ts';
import { sendSplit, type SplitSendInit } from '../../../../../main/transport/stoq/extensions/split-sender.ts';
import type { Stream } from '../../../../../main/transport/stoq/interface.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createStreamPaths, type StreamPaths } from '../../../../support/stoq/streams.ts';

const random = createSeededRandom(3);
const sourceOf = (message: Uint8Array) => ({
  length: message.length,
  read: (offset: number, length: number) => message.subarray(offset, offset + length),
});
const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

interface Bench {
  paths: StreamPaths;
  receiver: SplitReceiver;
  /** What came, in order of its coming. */
  messages: SplitReceiving[];
  /** How each stream ended. */
  ends: Promise<unknown>[];
  /** Streams of these paths, whose other ends the receiver has. */
  streams(...over: readonly number[]): Promise<Stream[]>;
  send(message: Uint8Array, init: Omit<SplitSendInit, 'streams'> & { streams: Stream[] }): ReturnType<typeof sendSplit>;
}
const createBench = async (
  count: number,
  init: Omit<SplitReceiverInit, 'onMessage'> = {},
  link: Parameters<typeof createStreamPaths>[1] = {},
): Promise<Bench> => {
  const paths = await createStreamPaths(count, link);
  const messages: SplitReceiving[] = [];
  const ends: Promise<unknown>[] = [];
  const receiver = createSplitReceiver(
    { clock: paths.clock },
    { onMessage: (message) => messages.push(message), ...init },
  );
  return {
    paths,
    receiver,
    messages,
    ends,
    streams: async (...over) => {
      const opened: Stream[] = [];
      for (const path of over) {
        const [out, into] = await paths.open(path);
        ends.push(outcome(receiver.take(into, 'sender')));
        opened.push(out);
      }
      return opened;
    },
    send: (message, sendInit) => sendSplit({ outside: { clock: paths.clock, random } }, sourceOf(message), sendInit),
  };
};
const readAll = async (message: SplitReceiving | undefined): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = [];
  for (let chunk = await message?.read(); chunk !== null && chunk !== undefined; chunk = await message?.read())
    chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
};
const same = (a: unknown, b: Uint8Array): boolean => a instanceof Uint8Array && Buffer.compare(a, b) === 0;

describe('a split message', () => {
  it.each([0, 1, 999, 1000, 1001, 50_000])('of %i bytes arrives whole over three paths', async (length) => {
    const { paths, messages, ends, streams, send, receiver } = await createBench(3, {}, { delayMs: 5, jitterMs: 20 });
    const message = random.bytes(length);
    const progress: number[] = [];
    const sending = await send(message, {
      streams: await streams(0, 1, 2),
      partBytes: 1000,
      onProgress: ({ takenBytes }) => progress.push(takenBytes),
    });
    await paths.clock.advance(50);
    const got = readAll(messages[0]);
    await paths.clock.advance(5000);
    await sending.done;
    expect(same(await got, message)).toBe(true);
    expect(await Promise.all(ends)).toEqual([undefined, undefined, undefined]);
    expect(messages).toHaveLength(1);
    expect(receiver.count).toBe(0);
    expect(progress.at(-1) ?? 0).toBe(length);
    expect(sending.progress()).toMatchObject({ takenBytes: length, lengthBytes: length });
  });

  it('goes over the other paths when one dies, and over new ones', async () => {
    const { paths, messages, streams, send } = await createBench(3, {}, { delayMs: 20, bytesPerSecond: 100_000 });
    const message = random.bytes(200_000);
    const sending = await send(message, { streams: await streams(0, 1), partBytes: 4096 });
    await paths.clock.advance(300);
    const got = outcome(readAll(messages[0]));
    await paths.clock.advance(300);
    const before = sending.progress();
    expect(before.takenBytes).toBeGreaterThan(0);
    await paths.cut(0);
    await paths.clock.advance(100);
    expect(sending.progress().streams).toBe(1);
    const [third] = await streams(2);
    sending.addStream(third as Stream);
    await paths.cut(1);
    await paths.clock.advance(10_000);
    await sending.done;
    expect(same(await got, message)).toBe(true);
  });

  it('does not wait for a path that hangs', async () => {
    const { paths, messages, streams, send } = await createBench(2, {}, { delayMs: 10, idleMs: 60_000 });
    const message = random.bytes(40_000);
    const sending = await send(message, { streams: await streams(0, 1), partBytes: 1000 });
    // It took the manifest and has parts of its own by the time that nothing comes through any more.
    await paths.clock.advance(25);
    paths.network.setUp('b0', false);
    const got = outcome(readAll(messages[0]));
    await paths.clock.advance(5000);
    await sending.done;
    expect(same(await got, message)).toBe(true);
  });

  it('fails at both ends when the last path dies, with the part that is missing', async () => {
    const { paths, messages, streams, send, receiver } = await createBench(1, {}, { bytesPerSecond: 10_000 });
    const sending = await send(random.bytes(50_000), { streams: await streams(0), partBytes: 5000 });
    await paths.clock.advance(2000);
    const got = outcome(readAll(messages[0]));
    await paths.cut(0);
    await paths.clock.advance(3000);
    await expect(sending.done).rejects.toMatchObject({ code: 'PATHS_LOST' });
    expect(await got).toMatchObject({ code: 'PATHS_LOST', data: { part: expect.any(Number) as number } });
    expect(receiver.count).toBe(0);
  });

  it('holds no more in memory than it may, and lets the sender wait', async () => {
    const { paths, messages, streams, send } = await createBench(2, { memoryBytes: 10_000 });
    const message = random.bytes(100_000);
    const sending = await send(message, { streams: await streams(0, 1), partBytes: 1000 });
    await paths.clock.advance(10_000);
    expect(sending.progress().takenBytes).toBe(10_000);
    expect(await messages[0]?.read()).toEqual(message.slice(0, 1000));
    await paths.clock.advance(10);
    expect(sending.progress().takenBytes).toBe(11_000);
    const got = readAll(messages[0]);
    await paths.clock.advance(10_000);
    await sending.done;
    expect((await got).length).toBe(99_000);
  });

  it('is cancelled from either end', async () => {
    const { paths, messages, streams, send, receiver } = await createBench(1, {}, { bytesPerSecond: 10_000 });
    const message = random.bytes(50_000);
    const sending = await send(message, { streams: await streams(0), partBytes: 1000 });
    await paths.clock.advance(1000);
    sending.cancel();
    sending.cancel();
    await expect(sending.done).rejects.toMatchObject({ code: 'CANCELLED' });
    await paths.clock.advance(60_000);
    expect(await outcome(readAll(messages[0]))).toMatchObject({ code: 'PATHS_LOST' });
    const second = await send(message, { streams: await streams(0), partBytes: 1000 });
    await paths.clock.advance(1000);
    messages[1]?.cancel();
    expect(await outcome(readAll(messages[1]))).toMatchObject({ code: 'CANCELLED' });
    await paths.clock.advance(1000);
    await expect(second.done).rejects.toMatchObject({ code: 'PATHS_LOST' });
    expect(receiver.count).toBe(0);
    const abort = new AbortController();
    const third = await send(message, { streams: await streams(0), signal: abort.signal });
    abort.abort();
    await expect(third.done).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('a sender that lies', () => {
  const message = random.bytes(5000);
  const manifestOf = async (change: Partial<SplitManifest> = {}): Promise<SplitManifest> => {
    const { clock } = await createStreamPaths(0);
    return { ...(await makeManifest(clock, sourceOf(message), { id: random.bytes(16), partBytes: 1000 })), ...change };
  };
  const partOf = (part: number, bytes: Uint8Array = message.slice(part * 1000, part * 1000 + 1000)): Uint8Array =>
    new Uint8Array(Buffer.concat([encodePartHead(part, bytes.length), bytes]));
  /** Writes raw bytes on a stream and tells how it ended for the receiver. */
  const speak = async (bench: Bench, path: number, ...pieces: Uint8Array[]): Promise<unknown> => {
    const [stream] = await bench.streams(path);
    void outcome(
      (async () => {
        for (const piece of pieces) await stream?.write(piece);
        await stream?.finish();
      })(),
    );
    await bench.paths.clock.advance(100);
    return bench.ends.at(-1);
  };

  it('is refused with the part named, and harms no honest stream of the message', async () => {
    const bench = await createBench(2);
    const manifest = await manifestOf();
    const [honest] = await bench.streams(0);
    await honest?.write(frameOf(encodeManifest(manifest)));
    await bench.paths.clock.advance(10);
    const head = frameOf(encodeManifest(manifest));
    const wrong = await speak(bench, 1, head, partOf(2, random.bytes(1000)));
    expect(wrong).toMatchObject({ code: 'PART_WRONG', data: { part: 2, verdict: 'reject' } });
    const twice = await speak(bench, 1, head, partOf(1), partOf(1));
    expect(twice).toMatchObject({ code: 'PART_TWICE', data: { part: 1 } });
    expect(await speak(bench, 1, head, partOf(5))).toMatchObject({ code: 'SPLIT_MALFORMED' });
    expect(await speak(bench, 1, head, partOf(3, random.bytes(999)))).toMatchObject({ code: 'SPLIT_MALFORMED' });
    expect(await speak(bench, 1, head, partOf(3).slice(0, 500))).toMatchObject({ code: 'SPLIT_MALFORMED' });
    const differs = frameOf(encodeManifest({ ...manifest, hash: new Uint8Array(32) }));
    expect(await speak(bench, 1, differs)).toMatchObject({ code: 'MANIFEST_DIFFERS' });
    for (const part of [4, 3, 2, 0]) await honest?.write(partOf(part));
    await honest?.finish();
    await bench.paths.clock.advance(10);
    expect(same(await readAll(bench.messages[0]), message)).toBe(true);
    // The id is known to be over: a late stream begins nothing anew.
    expect(await speak(bench, 1, head)).toBeUndefined();
    expect(bench.messages).toHaveLength(1);
  });

  it('is refused when it does not wait for room, or sends too much at once', async () => {
    const small = await createBench(1, { memoryBytes: 2000, lengthMax: 5000, messagesMax: 1 });
    const manifest = await manifestOf();
    const early = await speak(small, 0, frameOf(encodeManifest(manifest)), partOf(2));
    expect(early).toMatchObject({ code: 'PART_EARLY', data: { part: 2 } });
    const hashes = Array.from({ length: 6 }, () => new Uint8Array(32));
    const large = encodeManifest({ ...manifest, id: random.bytes(16), length: 5001, parts: hashes });
    expect(await speak(small, 0, frameOf(large))).toMatchObject({ code: 'SPLIT_TOO_LARGE' });
    // The one that was early is waited for until it is sure that nothing more comes.
    await small.paths.clock.advance(3000);
    const [first] = await small.streams(0);
    await first?.write(frameOf(encodeManifest(await manifestOf())));
    await small.paths.clock.advance(10);
    expect(await speak(small, 0, frameOf(encodeManifest(await manifestOf())))).toMatchObject({
      code: 'TOO_MANY_TRANSFERS',
    });
  });

  it('is refused when its parts hold and its whole does not', async () => {
    const bench = await createBench(1);
    const manifest = await manifestOf({ hash: sha256(random.bytes(1)) });
    const head = frameOf(encodeManifest(manifest));
    await speak(bench, 0, head, ...[0, 1, 2, 3, 4].map((part) => partOf(part)));
    expect(await outcome(readAll(bench.messages[0]))).toMatchObject({ code: 'WHOLE_WRONG' });
    expect(bench.receiver.count).toBe(0);
  });

  it('never makes more of any bytes than an error of ours', async () => {
    const bench = await createBench(1);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (bytes, framed) => {
        const ended = await speak(bench, 0, framed && bytes.length > 0 ? frameOf(bytes) : bytes);
        expect(ended).toMatchObject({ code: 'SPLIT_MALFORMED' });
      }),
      { numRuns: 200 },
    );
    const encoded = encodeManifest(await manifestOf());
    fc.assert(
      fc.property(fc.nat(encoded.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = encoded.slice();
        changed[at] = (changed[at] as number) ^ change;
        // A changed hash is another manifest; everything else is none.
        let found: unknown;
        try {
          found = encodeManifest(readManifest(changed));
        } catch (error) {
          found = error;
        }
        expect(found instanceof SplitError || same(found, changed)).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(() => readReceipt(Uint8Array.of(9, 0, 0, 0, 0))).toThrow(SplitError);
  });

  it('gets no parts for receipts that it makes up', async () => {
    const { paths } = await createBench(1);
    const [out, into] = await paths.open(0);
    const sending = await sendSplit({ outside: { clock: paths.clock, random } }, sourceOf(message), {
      streams: [out],
      partBytes: 1000,
    });
    await into.write(Uint8Array.of(1, 0, 0, 0, 4));
    await paths.clock.advance(10);
    await expect(sending.done).rejects.toMatchObject({ code: 'PATHS_LOST', data: { part: 0 } });
  });
});
