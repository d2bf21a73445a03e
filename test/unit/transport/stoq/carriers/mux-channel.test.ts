import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMuxChannel } from '../../../../../main/transport/stoq/carriers/mux/create-mux-channel.ts';
import { FRAME, writeFrame, writeWindow } from '../../../../../main/transport/stoq/carriers/mux/frames.ts';
import type { Channel } from '../../../../../main/transport/stoq/carriers/interface.ts';
import type { Address } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createDuplexPair } from '../../../../support/stoq/duplex-pair.ts';

const channelOver = (pipe: Duplex, direction: 'in' | 'out', clock: ManualClock): Channel =>
  createMuxChannel(
    { clock, logger: createSilentLogger() },
    {
      pipe,
      tier: 'tls',
      direction,
      remoteAddress: '/memory/other' as Address,
      via: null,
      binding: new Uint8Array(32),
      wireBytes: () => ({ wireSentBytes: 0, wireReceivedBytes: 0 }),
      onClosed: () => undefined,
    },
  );
/** A channel that listens, and the bare pipe of a dialler that may send anything. */
const withHostile = (): {
  channel: Channel;
  pipe: Duplex;
  clock: ManualClock;
  got: Buffer[];
  isClosed: () => boolean;
} => {
  const [ours, pipe] = createDuplexPair();
  const clock = createManualClock();
  const channel = channelOver(ours, 'in', clock);
  const got: Buffer[] = [];
  pipe.on('data', (bytes: Buffer) => got.push(bytes));
  pipe.on('error', () => undefined);
  let closed = false;
  void channel.closed.then(() => {
    closed = true;
  });
  return { channel, pipe, clock, got, isClosed: () => closed };
};
const frame = (type: keyof typeof FRAME, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer => {
  const into = Buffer.alloc(8 + payload.length);
  writeFrame(into, 0, FRAME[type], stream, payload);
  return into;
};
const windowFrame = (stream: number, credit: number): Buffer => {
  const into = Buffer.alloc(12);
  writeWindow(into, 0, stream, credit);
  return into;
};
const turns = async (count = 10): Promise<void> => {
  for (let i = 0; i < count; i++) await nextTurn();
};
const FULL = new Uint8Array(65_536);
const ONE = Uint8Array.of(1);

describe('a channel of the multiplexer', () => {
  it.each<[string, Buffer[]]>([
    ['a frame of no known type', [Buffer.from('0900000000000001', 'hex')]],
    ["bytes of a stream of the receiver's own end that it did not open", [frame('data', 2, ONE)]],
    ['too many streams at once', [frame('data', 1 + 2 * 256, ONE)]],
    ['too many streams one by one', Array.from({ length: 257 }, (_, i) => frame('data', 1 + 2 * i, ONE))],
    ['bytes after the end', [frame('data', 1, ONE), frame('finish', 1), frame('data', 1, ONE)]],
    ['a second end', [frame('finish', 1), frame('finish', 1)]],
    ['more bytes than a stream has credit', Array.from({ length: 65 }, () => frame('data', 1, FULL))],
    [
      'more bytes than the channel has credit',
      Array.from({ length: 129 }, (_, i) => frame('data', 1 + 2 * (i % 4), FULL)),
    ],
    ['more credit than a stream may have', [frame('data', 1, ONE), windowFrame(1, 2 ** 31)]],
    ['more credit than a channel may have', [windowFrame(0, 2 ** 31)]],
    ['credit of nothing', [windowFrame(0, 0)]],
  ])('ends at %s', async (_name, frames) => {
    const { channel, pipe, isClosed } = withHostile();
    for (const bytes of frames) {
      expect(isClosed()).toBe(false);
      pipe.write(bytes);
      await turns(1);
    }
    await channel.closed;
    expect(await channel.acceptStream()).not.toBe(undefined);
    await expect(channel.openStream()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it.each<[string, Buffer[]]>([
    ['as many streams as may be', [frame('data', 1 + 2 * 255, ONE)]],
    ['all the credit of a stream', Array.from({ length: 64 }, () => frame('data', 1, FULL))],
    [
      'bytes, credit and ends of a stream that was reset',
      [frame('reset', 1), frame('data', 1, ONE), windowFrame(1, 5), frame('finish', 1), frame('reset', 1)],
    ],
    ['ever new streams that are reset at once', Array.from({ length: 5_000 }, (_, i) => frame('reset', 1 + 2 * i))],
    ['a pong that nobody asked for', [frame('pong', 0, new Uint8Array(8))]],
  ])('bears %s', async (_name, frames) => {
    const { channel, pipe, isClosed } = withHostile();
    for (const bytes of frames) pipe.write(bytes);
    await turns();
    expect(isClosed()).toBe(false);
    channel.abort();
  });

  it('answers a flood of pings with no more than it can send', async () => {
    const { pipe, got, channel } = withHostile();
    const ping = frame('ping', 0, Buffer.from('12345678'));
    pipe.pause();
    const flood = Buffer.concat(Array.from({ length: 50_000 }, () => ping));
    pipe.write(flood);
    await turns();
    pipe.resume();
    await turns();
    const answered = Buffer.concat(got).toString('latin1').split('12345678').length - 1;
    expect(answered).toBeGreaterThan(0);
    expect(answered).toBeLessThan(100);
    channel.abort();
  });

  it('counts a stream that it resets until the other end can know of it', async () => {
    const { pipe, channel, isClosed, got } = withHostile();
    // The other end reads nothing, so no reset of ours leaves; and goes on opening.
    pipe.pause();
    const taking = (async () => {
      for (let stream = await channel.acceptStream(); stream !== null; stream = await channel.acceptStream())
        stream.reset();
    })();
    for (let i = 0; i < 20_000 && !isClosed(); i++) {
      pipe.write(frame('data', 1 + 2 * i, ONE));
      if (i % 50 === 0) await turns(1);
    }
    await channel.closed;
    await taking;
    expect(Buffer.concat(got).length).toBeLessThan(64 * 1024);
  });

  it('lives through any bytes or ends, and never throws', async () => {
    const id = fc.integer({ min: 0, max: 12 });
    const any = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.tuple(fc.constant('data' as const), id, fc.uint8Array({ minLength: 0, maxLength: 40 })),
      },
      {
        weight: 6,
        arbitrary: fc.tuple(fc.constantFrom('finish' as const, 'reset' as const), id, fc.constant(new Uint8Array(0))),
      },
      {
        weight: 3,
        arbitrary: fc.tuple(fc.constant('window' as const), id, fc.uint8Array({ minLength: 4, maxLength: 4 })),
      },
      {
        weight: 2,
        arbitrary: fc.tuple(
          fc.constantFrom('ping' as const, 'pong' as const),
          fc.constant(0),
          fc.uint8Array({ minLength: 8, maxLength: 8 }),
        ),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(any, { maxLength: 30 }), fc.uint8Array({ maxLength: 20 }), async (frames, garbage) => {
        const { channel, pipe, got } = withHostile();
        const own = await channel.openStream();
        const reading = own.read(10).catch(() => null);
        const echo = (async () => {
          for (let stream = await channel.acceptStream(); stream !== null; stream = await channel.acceptStream()) {
            const taken = stream;
            void (async () => {
              for (let bytes = await taken.read(7); bytes !== null; bytes = await taken.read(7))
                await taken.write(bytes);
              await taken.finish();
            })().catch(() => undefined);
          }
        })();
        for (const [type, stream, payload] of frames) pipe.write(frame(type, stream, payload));
        pipe.write(garbage);
        await turns(3);
        channel.abort();
        await Promise.all([echo, reading]);
        expect(Buffer.concat(got).length).toBeLessThan(64 * 1024);
      }),
      { numRuns: 1_500 },
    );
  }, 60_000);

  it('lets streams take turns, so that a small one does not wait for a large one', async () => {
    const [a, b] = createDuplexPair();
    const clock = createManualClock();
    const [near, far] = [channelOver(a, 'out', clock), channelOver(b, 'in', clock)];
    const large = await near.openStream();
    const small = await near.openStream();
    let largeDone = false;
    const writing = large.write(new Uint8Array(3 * 2 ** 20)).then(() => {
      largeDone = true;
    });
    await small.write(ONE);
    expect(largeDone).toBe(false);
    await far.acceptStream();
    const got = await (await far.acceptStream())?.read(10);
    expect([...(got ?? [])]).toEqual([1]);
    near.abort();
    await writing.catch(() => undefined);
  });

  it('gives streams in the order of their numbers, whichever sends first', async () => {
    const [a, b] = createDuplexPair();
    const clock = createManualClock();
    const [near, far] = [channelOver(a, 'out', clock), channelOver(b, 'in', clock)];
    const [first, second] = [await near.openStream(), await near.openStream()];
    await second.write(Uint8Array.of(2));
    const taken = [await far.acceptStream(), await far.acceptStream()];
    await first.write(Uint8Array.of(1));
    expect([...((await taken[0]?.read(9)) ?? []), ...((await taken[1]?.read(9)) ?? [])]).toEqual([1, 2]);
    near.abort();
  });

  it('measures the round trip and ends when no sign of life comes', async () => {
    const { channel, pipe, clock, got, isClosed } = withHostile();
    await turns();
    const ping = Buffer.concat(got);
    expect(ping[0]).toBe(FRAME.ping);
    expect(channel.stats().rttMs).toBeNull();
    await clock.advance(37);
    pipe.write(frame('pong', 0, ping.subarray(8, 16)));
    await turns();
    expect(channel.stats().rttMs).toBe(37);
    await clock.advance(19_000);
    expect(isClosed()).toBe(false);
    await clock.advance(6_000);
    await turns();
    expect(isClosed()).toBe(true);
    expect(clock.pendingCount).toBe(0);
  });

  it('ends all streams when the pipe ends, without passing it off as their end', async () => {
    const [a, b] = createDuplexPair();
    const clock = createManualClock();
    const [near, far] = [channelOver(a, 'out', clock), channelOver(b, 'in', clock)];
    const stream = await near.openStream();
    await stream.write(ONE);
    const taken = await far.acceptStream();
    await taken?.read(1);
    const reading = taken?.read(1);
    a.end();
    await expect(reading).rejects.toMatchObject({ code: 'CLOSED' });
    await Promise.all([near.closed, far.closed]);
  });
});
