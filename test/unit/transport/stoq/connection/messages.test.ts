import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../../main/base/index.ts';
import { readMessage, request, respond, writeMessage } from '../../../../../main/transport/stoq/connection/messages.ts';
import type { Stream } from '../../../../../main/transport/stoq/interface.ts';

/** Two ends of a stream in memory that hands out at most `chunk` bytes at once. */
const streamPair = (chunk: number): [Stream, Stream] => {
  const directions = [0, 1].map(() => ({ queue: [] as Uint8Array[], ended: false, wake: [] as (() => void)[] }));
  const end = (own: number): Stream => {
    const incoming = directions[own]!;
    const outgoing = directions[1 - own]!;
    const changed = (direction: (typeof directions)[number]): void => {
      for (const wake of direction.wake.splice(0)) wake();
    };
    return {
      protocol: '/test/1',
      direction: own === 0 ? 'out' : 'in',
      extensions: {},
      read: async (maxBytes = 65_536) => {
        for (;;) {
          const first = incoming.queue[0];
          if (first !== undefined) {
            const part = first.subarray(0, Math.min(maxBytes, chunk));
            if (part.length === first.length) incoming.queue.shift();
            else incoming.queue[0] = first.subarray(part.length);
            if (part.length > 0) return part;
            continue;
          }
          if (incoming.ended) return null;
          await new Promise<void>((resolve) => incoming.wake.push(resolve));
        }
      },
      write: async (bytes) => {
        outgoing.queue.push(new Uint8Array(bytes));
        changed(outgoing);
      },
      finish: async () => {
        outgoing.ended = true;
        changed(outgoing);
      },
      acknowledged: () => Promise.resolve(),
      reset: () => {
        for (const direction of directions) {
          direction.ended = true;
          changed(direction);
        }
      },
    };
  };
  return [end(0), end(1)];
};
const connectionOver = (stream: Stream) => ({ openStream: () => Promise.resolve(stream) });
const framed = (bytes: Uint8Array, length = bytes.length): Uint8Array => {
  const header = Buffer.alloc(4);
  header.writeUInt32BE(length);
  return Buffer.concat([header, bytes]);
};

describe('messages of a stream', () => {
  it('come out as they went in, however the stream cuts them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 90 }),
        async (messages, chunk) => {
          const [a, b] = streamPair(chunk);
          for (const message of messages) await writeMessage(a, message);
          await a.finish();
          const read: Uint8Array[] = [];
          for (;;) {
            const message = await readMessage(b);
            if (message === null) break;
            read.push(new Uint8Array(message));
          }
          expect(read).toEqual(messages);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('refuses one that is too long before it makes room for it', async () => {
    const [a, b] = streamPair(1000);
    await a.write(framed(new Uint8Array(0), 0xffff_ffff));
    await expect(readMessage(b, { bytesMax: 100 })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      data: { limitBytes: 100, verdict: 'reject' },
    });
  });

  it.each([1, 3, 4, 6])('refuses one that is cut short after %i bytes', async (kept) => {
    const [a, b] = streamPair(1000);
    await a.write(framed(Uint8Array.of(1, 2, 3)).subarray(0, kept));
    await a.finish();
    await expect(readMessage(b)).rejects.toMatchObject({ code: 'MALFORMED' });
  });
});

describe('request and answer', () => {
  it('brings the answer of the other end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 40_000 }),
        fc.integer({ min: 7, max: 4096 }),
        async (bytes, chunk) => {
          const [a, b] = streamPair(chunk);
          const answered = respond(b, {}, (asked) => Uint8Array.from(asked).reverse());
          expect(new Uint8Array(await request(connectionOver(a), '/test/1', bytes))).toEqual(
            Uint8Array.from(bytes).reverse(),
          );
          await answered;
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    ['one bit is another', (whole: Uint8Array) => whole.map((byte, index) => (index === 38 ? byte ^ 1 : byte))],
    ['it is cut short', (whole: Uint8Array) => whole.subarray(0, -1)],
    ['bytes follow', (whole: Uint8Array) => Buffer.concat([whole, Uint8Array.of(0)])],
    ['nothing came', () => new Uint8Array(0)],
  ])('refuses an answer when %s', async (_name, change) => {
    const [a, b] = streamPair(4096);
    const answer = Uint8Array.of(1, 2, 3, 4);
    const header = Buffer.alloc(4);
    header.writeUInt32BE(answer.length);
    await b.write(change(Buffer.concat([header, sha256(answer), answer])));
    await b.finish();
    await expect(request(connectionOver(a), '/test/1', new Uint8Array(1))).rejects.toMatchObject({
      code: 'MALFORMED',
      data: { verdict: 'reject' },
    });
  });

  it('refuses a request that is larger than the handler takes', async () => {
    const [a, b] = streamPair(4096);
    const answered = respond(b, { bytesMax: 10 }, () => new Uint8Array(0));
    const refused = answered.catch((error: unknown) => error);
    const asked = request(connectionOver(a), '/test/1', new Uint8Array(11));
    expect(await refused).toMatchObject({ code: 'TOO_LARGE' });
    b.reset();
    await expect(asked).rejects.toMatchObject({ code: 'MALFORMED' });
  });
});

describe('a message that comes byte by byte', () => {
  it('takes the memory of its bytes, and not of the packets that they came in', async () => {
    const length = 60_000;
    const header = Buffer.alloc(4);
    header.writeUInt32BE(length);
    let sent = 0;
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const message = await readMessage(
      {
        read: async () => {
          if (sent === 0) {
            sent += 4;
            return header;
          }
          if (sent % 10_000 === 0) most = Math.max(most, process.memoryUsage().arrayBuffers - before);
          const packet = Buffer.alloc(8_192, sent++);
          return packet.subarray(0, 1);
        },
      },
      { bytesMax: length },
    );
    expect(message).toHaveLength(length);
    expect(message?.subarray(0, 3)).toEqual(Buffer.from([4, 5, 6]));
    expect(most).toBeLessThan(200 * 1024 * 1024);
  });
});
