import { createHash, randomFillSync } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Carrier, CarrierStream, Channel } from '../../main/transport/stoq/carriers/interface.ts';
import type { Address } from '../../main/transport/stoq/interface.ts';

/** Two carriers that can reach each other, and addresses to try them on. */
export interface CarrierPair {
  dialler: Carrier;
  listener: Carrier;
  /** Where `listener` can listen, any port. */
  listenAt: Address;
  /** Where nobody listens. */
  nobodyAt: Address;
  /** Where somebody listens and says nothing; null where that cannot be. */
  silentAt: Address | null;
  /** Ms within which a dial of the two above must have failed. */
  dialMsMax: number;
  /** Frees all but the carriers. */
  stop(): Promise<void>;
}
export interface CarrierSuiteOptions {
  /** Bytes of the large transfer. @default 200 MB */
  bulkBytes?: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** What an unread stream may take in, on both ends together. Windows are 4 MiB, and an end may hold as much before it is sent. */
const UNREAD_BYTES_MAX = 24 * MIB;
/** Growth of the process that such a stream may cost. */
const UNREAD_GROWTH_MAX = 128 * MIB;

const bytesOf = (length: number, seed: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + seed * 17 + (i >> 8)) & 255;
  return bytes;
};
const text = (value: string): Uint8Array => Buffer.from(value);
const readAll = async (stream: CarrierStream, maxBytes = 64 * KIB): Promise<Uint8Array> => {
  const parts: Uint8Array[] = [];
  for (let part = await stream.read(maxBytes); part !== null; part = await stream.read(maxBytes)) parts.push(part);
  return Buffer.concat(parts);
};
const readExactly = async (stream: CarrierStream, length: number): Promise<Uint8Array> => {
  const parts: Uint8Array[] = [];
  let got = 0;
  while (got < length) {
    const part = await stream.read(length - got);
    if (part === null) throw new Error(`ended after ${got} of ${length} bytes`);
    parts.push(part);
    got += part.length;
  }
  return Buffer.concat(parts);
};
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing was thrown',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );
const soon = async <T>(promise: Promise<T>, what: string, ms = 5_000): Promise<T> => {
  const over = new AbortController();
  try {
    return await Promise.race([
      promise,
      sleep(ms, undefined, { signal: over.signal }).then(() => {
        throw new Error(`${what} took longer than ${ms} ms`);
      }),
    ]);
  } finally {
    over.abort();
  }
};
/** Waits until `count` has stopped growing. */
const settled = async (count: () => number): Promise<number> => {
  let before = -1;
  for (let same = 0; same < 5; ) {
    await sleep(50);
    same = count() === before ? same + 1 : 0;
    before = count();
  }
  return before;
};

/** What every carrier must do. @param make - two fresh carriers; they are stopped here */
export const describeCarrier = (
  name: string,
  make: () => Promise<CarrierPair>,
  options: CarrierSuiteOptions = {},
): void => {
  describe(`${name} carrier`, () => {
    let pair: CarrierPair;
    let address: Address;
    /** Channels that came in and were not yet asked for, and who asks. */
    let arrived: Channel[];
    let asking: ((channel: Channel) => void)[];
    let close: () => Promise<void>;

    beforeEach(async () => {
      pair = await make();
      arrived = [];
      asking = [];
      const listener = await pair.listener.listen(pair.listenAt, (channel) => {
        const ask = asking.shift();
        if (ask === undefined) arrived.push(channel);
        else ask(channel);
      });
      ({ address } = listener);
      close = () => listener.close();
    });
    afterEach(async () => {
      await pair.dialler.stop();
      await pair.listener.stop();
      await pair.stop();
    });

    const nextArrived = (): Promise<Channel> => {
      const channel = arrived.shift();
      return channel === undefined ? new Promise((resolve) => asking.push(resolve)) : Promise.resolve(channel);
    };
    const dial = (to = address, ms = 10_000): Promise<Channel> =>
      pair.dialler.dial(to, { signal: AbortSignal.timeout(ms) });
    const connect = async (): Promise<[Channel, Channel]> => {
      const coming = nextArrived();
      const ours = await dial();
      return [ours, await soon(coming, 'the other end of a channel')];
    };
    /** A stream both ends of which are there; its first byte has been read. */
    const openOn = async (from: Channel, to: Channel): Promise<[CarrierStream, CarrierStream]> => {
      const near = await from.openStream();
      await near.write(Uint8Array.of(7));
      const far = await soon(to.acceptStream(), 'a stream');
      if (far === null) throw new Error('channel closed');
      expect(await far.read(1)).toEqual(Uint8Array.of(7));
      return [near, far];
    };
    const open = async (): Promise<[CarrierStream, CarrierStream, Channel, Channel]> => {
      const [a, b] = await connect();
      return [...(await openOn(a, b)), a, b];
    };

    describe('channels', () => {
      it('have one binding at both ends and share it with no other', async () => {
        const bindings: string[] = [];
        for (let i = 0; i < 3; i++) {
          const [a, b] = await connect();
          expect(a.binding).toHaveLength(32);
          expect(b.binding).toEqual(a.binding);
          bindings.push(Buffer.from(a.binding).toString('hex'));
        }
        expect(new Set(bindings).size).toBe(3);
      });

      it('say what they are', async () => {
        const [a, b] = await connect();
        expect([a.direction, b.direction]).toEqual(['out', 'in']);
        expect([a.tier, b.tier]).toEqual([pair.dialler.tier, pair.listener.tier]);
        expect(a.remoteAddress).toBe(address);
        expect(pair.dialler.canDial(a.remoteAddress)).toBe(true);
        expect([a.via, b.via]).toEqual([null, null]);
      });

      it('carry streams that either end opens', async () => {
        const [a, b] = await connect();
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const) {
          const [near, far] = await openOn(from, to);
          await near.write(text('question'));
          expect(await readExactly(far, 8)).toEqual(text('question'));
          await far.write(text('answer'));
          expect(await readExactly(near, 6)).toEqual(text('answer'));
        }
      });

      it('end at both ends when one aborts, with all that waits', async () => {
        const [near, far, a, b] = await open();
        const waits = [near.read(10), far.read(10), b.acceptStream(), a.acceptStream()];
        const results = Promise.all([
          codeOf(waits[0] as Promise<unknown>),
          codeOf(waits[1] as Promise<unknown>),
          waits[2],
          waits[3],
        ]);
        a.abort();
        a.abort();
        expect(await soon(results, 'calls under way')).toEqual(['CLOSED', 'CLOSED', null, null]);
        await soon(Promise.all([a.closed, b.closed]), 'the end of both');
        expect(await codeOf(a.openStream())).toBe('CLOSED');
        expect(await codeOf(b.openStream())).toBe('CLOSED');
        expect(await a.acceptStream()).toBeNull();
        expect(await codeOf(near.write(text('x')))).toBe('CLOSED');
        expect(await codeOf(far.write(text('x')))).toBe('CLOSED');
        expect(await codeOf(far.read(1))).toBe('CLOSED');
        near.reset();
        far.reset();
      });

      it('end for a writer that waits when the other end aborts', async () => {
        const [near, , , b] = await open();
        const writes = (async () => {
          for (;;) await near.write(new Uint8Array(256 * KIB));
        })();
        const code = codeOf(writes);
        await sleep(100);
        b.abort();
        expect(await soon(code, 'the writer')).toBe('CLOSED');
      });

      it('count what they carry', async () => {
        const [near, far, a, b] = await open();
        const before = [a.stats(), b.stats()] as const;
        const done = readExactly(far, MIB);
        await near.write(new Uint8Array(MIB));
        await done;
        await settled(() => a.stats().wireSentBytes);
        const sent = a.stats().wireSentBytes - before[0].wireSentBytes;
        const received = b.stats().wireReceivedBytes - before[1].wireReceivedBytes;
        for (const bytes of [sent, received]) {
          expect(bytes).toBeGreaterThan(MIB);
          // What a busy machine makes QUIC send twice counts too: it went over the wire.
          expect(bytes).toBeLessThan(3 * MIB);
        }
        expect(a.stats().rttMs ?? 0).toBeLessThan(2_000);
        a.abort();
        expect(a.stats().wireSentBytes).toBeGreaterThan(MIB);
      });
    });

    describe('streams', () => {
      it('are read in pieces of the size asked for, in order', async () => {
        const [near, far] = await open();
        const sent = bytesOf(100 * KIB, 1);
        await near.write(sent);
        await near.finish();
        const parts: Uint8Array[] = [];
        for (let i = 0; ; i++) {
          const maxBytes = [1, 2, 3, 1000, 16 * KIB, 64 * KIB][i % 6] as number;
          const part = await far.read(maxBytes);
          if (part === null) break;
          expect(part.length).toBeGreaterThan(0);
          expect(part.length).toBeLessThanOrEqual(maxBytes);
          parts.push(part);
        }
        expect(Buffer.concat(parts).equals(sent)).toBe(true);
        expect(await far.read(1)).toBeNull();
      });

      it('give bytes that stay as they are, and take bytes that need not', async () => {
        const [near, far] = await open();
        const sent = bytesOf(1000, 3);
        const kept: Uint8Array[] = [];
        for (let i = 0; i < 50; i++) {
          const bytes = sent.slice();
          await near.write(bytes);
          bytes.fill(0);
          kept.push(await readExactly(far, sent.length));
        }
        for (const bytes of kept) expect(Buffer.from(bytes).equals(sent)).toBe(true);
      });

      it('end one direction and go on in the other', async () => {
        const [near, far] = await open();
        await near.write(text('all there is'));
        await near.finish();
        await near.finish();
        expect(await readAll(far)).toEqual(text('all there is'));
        const answer = bytesOf(300 * KIB, 5);
        const got = readAll(near);
        await far.write(answer);
        await far.finish();
        expect(Buffer.from(await got).equals(answer)).toBe(true);
        expect(await near.read(10)).toBeNull();
        near.reset();
        expect(await far.read(10)).toBeNull();
      });

      it('may end without a byte', async () => {
        const [a, b] = await connect();
        const near = await a.openStream();
        await near.write(new Uint8Array(0));
        await near.finish();
        const far = await soon(b.acceptStream(), 'a stream');
        expect(await (far as CarrierStream).read(10)).toBeNull();
      });

      it('tell the other end of a reset, whatever it is doing', async () => {
        const [a, b] = await connect();
        for (const doing of ['reading', 'writing', 'nothing'] as const) {
          const [near, far] = await openOn(a, b);
          const call =
            doing === 'reading'
              ? codeOf(far.read(10))
              : doing === 'writing'
                ? codeOf(
                    (async () => {
                      for (;;) await far.write(new Uint8Array(256 * KIB));
                    })(),
                  )
                : sleep(50, 'RESET');
          const own = doing === 'writing' ? codeOf(near.write(new Uint8Array(64 * MIB))) : codeOf(near.read(10));
          await sleep(20);
          near.reset();
          near.reset();
          expect(await soon(own, 'our own call')).toBe('RESET');
          expect(await soon(call, `far end ${doing}`)).toBe('RESET');
          expect(await soon(codeOf(readAll(far)), 'reading on')).toBe('RESET');
          expect(await soon(codeOf(far.write(text('x'))), 'writing on')).toBe('RESET');
          expect(await codeOf(near.write(text('x')))).toBe('RESET');
          expect(await codeOf(near.read(1))).toBe('RESET');
        }
        // The channel is as good as before.
        const [near, far] = await openOn(b, a);
        await near.write(text('still here'));
        expect(await readExactly(far, 10)).toEqual(text('still here'));
      });

      it('never pass off a part as the whole', async () => {
        const sent = bytesOf(2 * MIB, 9);
        for (let i = 0; i < 24; i++) {
          const [near, far, a] = await open();
          const reading = readAll(far).then(
            (bytes) => Buffer.from(bytes).equals(sent),
            (error: unknown) => (error as { code?: string }).code,
          );
          const writing = (async () => {
            for (let at = 0; at < sent.length; at += 64 * KIB) await near.write(sent.subarray(at, at + 64 * KIB));
            await near.finish();
          })().catch(() => undefined);
          for (let turn = 0; turn < i * i; turn++) await nextTurn();
          if (i % 2 === 0) a.abort();
          else near.reset();
          await writing;
          // All of it or an error; an end after a part would be `false`. That of QUIC comes by the next sign of life only.
          expect([true, 'CLOSED', 'RESET']).toContain(await soon(reading, 'the reader'));
        }
      });

      it('are many at once, each with its own bytes', async () => {
        const [a, b] = await connect();
        const count = 100;
        const echo = async (): Promise<void> => {
          const stream = await b.acceptStream();
          if (stream === null) throw new Error('channel closed');
          const rest = echoes.pop()?.();
          for (let part = await stream.read(8 * KIB); part !== null; part = await stream.read(8 * KIB))
            await stream.write(part);
          await stream.finish();
          await rest;
        };
        const echoes: (() => Promise<void>)[] = Array.from({ length: count - 1 }, () => echo);
        const echoing = echo();
        const back = await Promise.all(
          Array.from({ length: count }, async (_, i) => {
            const stream = await a.openStream();
            const sent = bytesOf(1 + i * 777, i);
            const got = readAll(stream);
            await stream.write(sent);
            await stream.finish();
            return Buffer.from(await got).equals(sent);
          }),
        );
        await echoing;
        expect(back.every(Boolean)).toBe(true);
      });

      it('may follow each other without end', async () => {
        const [a, b] = await connect();
        const count = 1_500;
        const serve = (async () => {
          for (let i = 0; i < count; i++) {
            const stream = await b.acceptStream();
            if (stream === null) throw new Error(`the channel ended before stream ${i}`);
            await stream.write(await readAll(stream));
            await stream.finish();
          }
        })();
        for (let i = 0; i < count; i++) {
          const stream = await a.openStream();
          await stream.write(Uint8Array.of(i & 255));
          await stream.finish();
          expect([...(await readAll(stream))]).toEqual([i & 255]);
        }
        // Before the end: the last finish may be under way still.
        await serve;
        a.abort();
      });

      it('are refused when there are too many, until one ends', async () => {
        const [a, b] = await connect();
        const near: CarrierStream[] = [];
        let code = '';
        while (code === '' && near.length < 2_000) {
          try {
            const stream = await a.openStream();
            await stream.write(Uint8Array.of(1));
            near.push(stream);
          } catch (error) {
            code = (error as { code: string }).code;
          }
        }
        expect(code).toBe('TOO_MANY');
        expect(near.length).toBeGreaterThanOrEqual(100);
        for (const stream of near) stream.reset();
        for (let i = 0; i < near.length; i++) {
          // Those that are reset before anyone took them may never be seen.
          const stream = await Promise.race([b.acceptStream(), sleep(200, null)]);
          if (stream === null) break;
          stream.reset();
        }
        const again = await soon(a.openStream(), 'another stream');
        await again.write(text('x'));
      });
    });

    describe('back-pressure', () => {
      it('holds a writer whose reader reads nothing, in bounded memory, and loses nothing', async () => {
        const [near, far, a, b] = await open();
        const total = 64 * MIB;
        const part = new Uint8Array(256 * KIB);
        const hash = createHash('sha256');
        let written = 0;
        const rssBefore = process.memoryUsage.rss();
        const writing = (async () => {
          while (written < total) {
            randomFillSync(part);
            hash.update(part);
            await near.write(part);
            written += part.length;
          }
          await near.finish();
        })();
        expect(await settled(() => written)).toBeLessThan(UNREAD_BYTES_MAX);
        expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(UNREAD_GROWTH_MAX);
        // One stream that stands still keeps no other from moving.
        const [other, otherFar] = await openOn(b, a);
        await other.write(text('past it'));
        expect(await readExactly(otherFar, 7)).toEqual(text('past it'));
        const got = createHash('sha256');
        let bytes = 0;
        for (let read = await far.read(64 * KIB); read !== null; read = await far.read(64 * KIB)) {
          got.update(read);
          bytes += read.length;
        }
        await writing;
        expect(bytes).toBe(total);
        expect(got.digest('hex')).toBe(hash.digest('hex'));
      });

      it('bounds what a peer can send where nobody accepts', async () => {
        const [a] = await connect();
        let written = 0;
        let streams = 0;
        const rssBefore = process.memoryUsage.rss();
        const flood = async (): Promise<void> => {
          const part = new Uint8Array(64 * KIB);
          const stream = await a.openStream();
          streams += 1;
          for (;;) {
            await stream.write(part);
            written += part.length;
          }
        };
        const codes = Promise.all(Array.from({ length: 100 }, () => codeOf(flood())));
        expect(await settled(() => written + streams)).toBeLessThan(2 * UNREAD_BYTES_MAX);
        expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(UNREAD_GROWTH_MAX);
        a.abort();
        expect(new Set(await soon(codes, 'the writers'))).toEqual(new Set(['CLOSED']));
      });

      it('carries a large transfer byte for byte', async () => {
        const [near, far] = await open();
        const total = options.bulkBytes ?? 200_000_000;
        const block = randomFillSync(new Uint8Array(MIB));
        const hashes = [createHash('sha256'), createHash('sha256')] as const;
        const writing = (async () => {
          for (let at = 0; at < total; at += block.length) {
            const part = block.subarray(0, Math.min(block.length, total - at));
            hashes[0].update(part);
            await near.write(part);
          }
          await near.finish();
        })();
        let bytes = 0;
        for (let read = await far.read(256 * KIB); read !== null; read = await far.read(256 * KIB)) {
          hashes[1].update(read);
          bytes += read.length;
        }
        await writing;
        expect(bytes).toBe(total);
        expect(hashes[1].digest('hex')).toBe(hashes[0].digest('hex'));
      });

      it('carries any pieces both ways at once', async () => {
        const [a, b] = await connect();
        const pieces = fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 12 });
        const reads = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 5 });
        await fc.assert(
          fc.asyncProperty(pieces, pieces, reads, async (there, back, sizes) => {
            const [near, far] = await openOn(a, b);
            const send = async (stream: CarrierStream, lengths: readonly number[]): Promise<Buffer> => {
              const sent = lengths.map((length, i) => bytesOf(length, i));
              for (const bytes of sent) await stream.write(bytes);
              await stream.finish();
              return Buffer.concat(sent);
            };
            const receive = async (stream: CarrierStream): Promise<Buffer> => {
              const parts: Uint8Array[] = [];
              for (let i = 0; ; i++) {
                const part = await stream.read(sizes[i % sizes.length] as number);
                if (part === null) return Buffer.concat(parts);
                parts.push(part);
              }
            };
            const [sentThere, sentBack, gotThere, gotBack] = await Promise.all([
              send(near, there),
              send(far, back),
              receive(far),
              receive(near),
            ]);
            expect(gotThere.equals(sentThere)).toBe(true);
            expect(gotBack.equals(sentBack)).toBe(true);
          }),
          { numRuns: 30 },
        );
      });
    });

    describe('dialling', () => {
      it('fails with a reason where nobody listens', async () => {
        expect(['UNREACHABLE', 'TIMED_OUT']).toContain(
          await soon(codeOf(dial(pair.nobodyAt)), 'the dial', pair.dialMsMax),
        );
      });

      it('fails in time where somebody says nothing', async () => {
        if (pair.silentAt === null) return;
        expect(await soon(codeOf(dial(pair.silentAt)), 'the dial', pair.dialMsMax)).toBe('TIMED_OUT');
      });

      it('is given up when aborted', async () => {
        const reason = new Error('no longer wanted');
        const controller = new AbortController();
        const dialling = pair.dialler.dial(pair.silentAt ?? pair.nobodyAt, { signal: controller.signal });
        controller.abort(reason);
        await expect(soon(dialling, 'the end of the dial', 500)).rejects.toBe(reason);
        await expect(pair.dialler.dial(address, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      });

      it('leaves no channel behind when aborted at any time', async () => {
        const live: Channel[] = [];
        for (let i = 0; i < 20; i++) {
          const controller = new AbortController();
          const dialling = pair.dialler.dial(address, { signal: controller.signal }).then(
            (channel) => channel,
            () => null,
          );
          for (let turn = 0; turn < i; turn++) await nextTurn();
          await sleep(i / 5);
          controller.abort();
          const channel = await dialling;
          if (channel !== null) live.push(channel);
        }
        for (const channel of live) channel.abort();
        await sleep(100);
        // Those that came in all the same end without a word of ours.
        await soon(Promise.all(arrived.map((channel) => channel.closed)), 'the end of what came in');
      });
    });

    describe('listening', () => {
      it('tells the port it got', () => {
        expect(pair.dialler.canDial(address)).toBe(true);
        expect(address).not.toMatch(/\/(udp|tcp)\/0\//);
      });

      it('refuses an address that is taken', async () => {
        expect(await codeOf(pair.listener.listen(address, () => undefined))).toBe('PORT_IN_USE');
      });

      it('ends, and can begin again', async () => {
        await connect();
        await soon(Promise.all([close(), close()]), 'the end of the listener');
        expect(['UNREACHABLE', 'TIMED_OUT']).toContain(await soon(codeOf(dial()), 'the dial', pair.dialMsMax));
        const again = await pair.listener.listen(address, () => undefined);
        expect(again.address).toBe(address);
        await soon(dial(), 'a dial of the new listener');
        await again.close();
      });

      it('ends with the carrier, and so do its channels', async () => {
        const [a, b] = await connect();
        await soon(pair.listener.stop(), 'the stop');
        await soon(Promise.all([a.closed, b.closed]), 'the end of both ends');
        expect(await codeOf(pair.listener.listen(pair.listenAt, () => undefined))).toBe('CLOSED');
        await pair.listener.stop();
        await pair.dialler.stop();
        expect(await codeOf(dial())).toBe('CLOSED');
      });
    });
  });
};
