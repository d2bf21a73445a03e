import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createFrameReader,
  FRAME,
  writeFrame,
  writeWindow,
} from '../../../../../main/transport/stoq/carriers/mux/frames.ts';
import { createReceiveQueue } from '../../../../../main/transport/stoq/carriers/mux/receive-queue.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

type Frame = (string | number)[];
/** Reads with everything joined that belongs to one data frame. */
const createCollector = (): { frames: Frame[]; push: (bytes: Uint8Array) => string | null } => {
  const frames: Frame[] = [];
  const reader = createFrameReader({
    onData: (stream, part) => {
      frames.push(['data', stream, toHex(part)]);
    },
    onFinish: (stream) => {
      frames.push(['finish', stream]);
    },
    onReset: (stream) => {
      frames.push(['reset', stream]);
    },
    onWindow: (stream, credit) => {
      frames.push(['window', stream, credit]);
    },
    onPing: (token) => {
      frames.push(['ping', toHex(token)]);
    },
    onPong: (token) => {
      frames.push(['pong', toHex(token)]);
    },
  });
  return { frames, push: (bytes) => reader.push(bytes) };
};
/** Bytes of one stream that follow each other, as one: where frames were cut does not matter. */
const joined = (frames: readonly Frame[]): Frame[] => {
  const result: Frame[] = [];
  for (const frame of frames) {
    const last = result.at(-1);
    if (frame[0] === 'data' && last?.[0] === 'data' && last[1] === frame[1])
      last[2] = `${String(last[2])}${String(frame[2])}`;
    else result.push([...frame]);
  }
  return result;
};

const vectors = readVectors<{
  valid: { name: string; hex: string; repeat?: { byte: string; count: number }; frames: Frame[] }[];
  refused: { name: string; hex: string }[];
}>('stoq-mux', 'frames.json');

describe('frames of the multiplexer', () => {
  it.each(vectors.valid)('are read as the vector says: $name', ({ hex, repeat, frames }) => {
    const collector = createCollector();
    const rest = repeat === undefined ? '' : repeat.byte.repeat(repeat.count);
    expect(collector.push(fromHex(hex + rest))).toBeNull();
    const got = collector.frames.map((frame) =>
      repeat === undefined ? frame : [frame[0], frame[1], String(frame[2]).length / 2],
    );
    expect(got).toEqual(frames);
  });

  it.each(vectors.refused)('are refused: $name', ({ hex }) => {
    const collector = createCollector();
    expect(collector.push(fromHex(hex))).toMatch(/frame/);
    expect(collector.frames).toEqual([]);
  });

  const stream = fc.integer({ min: 1, max: 2 ** 32 - 1 });
  const token = fc.uint8Array({ minLength: 8, maxLength: 8 });
  const frame = fc.oneof(
    fc.tuple(fc.constant('data'), stream, fc.uint8Array({ minLength: 1, maxLength: 300 })),
    fc.tuple(fc.constantFrom('finish', 'reset'), stream),
    fc.tuple(fc.constant('window'), fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 1, max: 2 ** 32 - 1 })),
    fc.tuple(fc.constantFrom('ping', 'pong'), token),
  );
  const bytesOf = ([name, a, b]: readonly unknown[]): Buffer => {
    const into = Buffer.alloc(400);
    const none = new Uint8Array(0);
    if (name === 'window') return into.subarray(0, writeWindow(into, 0, a as number, b as number));
    const [id, payload] = name === 'data' ? [a, b] : name === 'ping' || name === 'pong' ? [0, a] : [a, none];
    return into.subarray(
      0,
      writeFrame(into, 0, FRAME[name as keyof typeof FRAME], id as number, payload as Uint8Array),
    );
  };

  it('are read as they were written, however they are cut', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (frames, cuts) => {
          const collector = createCollector();
          const bytes = Buffer.concat(frames.map(bytesOf));
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const end = at + (cuts[i % cuts.length] as number);
            expect(collector.push(bytes.subarray(at, end))).toBeNull();
            at = end;
          }
          const wanted = frames.map((one) => one.map((value) => (value instanceof Uint8Array ? toHex(value) : value)));
          expect(joined(collector.frames)).toEqual(joined(wanted as Frame[]));
        },
      ),
    );
  });

  it('give a problem or frames for any bytes at all, and never throw', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, likely) => {
        // Half of them with a type that exists, or nearly all would fail at the first byte.
        if (likely && bytes.length > 1) {
          bytes[0] = (bytes[0] ?? 0) % 6;
          bytes[1] = 0;
        }
        const collector = createCollector();
        const problem = collector.push(bytes);
        if (problem !== null) refused += 1;
        expect(problem === null || problem.length > 0).toBe(true);
      }),
      { numRuns: 20_000 },
    );
    expect(refused).toBeGreaterThan(3_000);
  });
});

describe('queue of received bytes', () => {
  it('gives out what came in, in pieces of the size asked for, none of which changes later', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 20_000 }), within: fc.integer({ min: 0, max: 100_000 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 30_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = createReceiveQueue();
        let next = 0;
        let due = 0;
        let wrong = 0;
        const taken: Uint8Array[] = [];
        for (const one of steps) {
          if ('push' in one) {
            const space = new Uint8Array(one.push + one.within);
            const part = space.subarray(0, one.push);
            for (let i = 0; i < part.length; i++) part[i] = (next++ * 7) & 255;
            queue.push(part);
          } else {
            const bytes = queue.take(one.take);
            due += bytes?.length ?? 0;
            if (bytes !== null) taken.push(bytes);
            // Something whenever there is something, and never more than was asked for.
            if (bytes === null ? next !== due : bytes.length === 0 || bytes.length > one.take) wrong += 1;
          }
          expect(queue.bytes).toBe(next - due);
        }
        expect(wrong).toBe(0);
        expect(queue.clear()).toBe(next - due);
        const all = Buffer.concat(taken);
        expect(all.every((byte, i) => byte === ((i * 7) & 255))).toBe(true);
      }),
    );
  });

  it('holds a flood of single bytes in about as many', () => {
    const queue = createReceiveQueue();
    globalThis.gc?.();
    const before = process.memoryUsage();
    for (let i = 0; i < 2 ** 20; i++) queue.push(Uint8Array.of(i & 255));
    const after = process.memoryUsage();
    // The MiB in blocks, and room for garbage of the loop itself: an object for each byte would be 100 MiB.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * 2 ** 20);
    let parts = 0;
    for (let bytes = queue.take(64 * 1024); bytes !== null; bytes = queue.take(64 * 1024)) parts += 1;
    expect(parts).toBeLessThan(80);
  });
});
