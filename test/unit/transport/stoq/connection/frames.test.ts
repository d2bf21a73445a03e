import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ControlMessage,
  decodeControl,
  decodeOpening,
  encodeControl,
  encodeOpening,
  readFrame,
} from '../../../../../main/transport/stoq/connection/frames.ts';
import { StreamError } from '../../../../../main/transport/stoq/errors.ts';
import type { Address } from '../../../../../main/transport/stoq/interface.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Vectors {
  openings: {
    opening: { number: number; protocol: string; sealed: boolean; extensions: Record<string, string> };
    frame: string;
  }[];
  controls: { message: Record<string, unknown>; frame: string }[];
}
const vectors = readVectors<Vectors>('stoq-stream', 'frames.json');
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, one: unknown) => (one instanceof Uint8Array ? { hex: toHex(one) } : one)));

/** What a reader of peers' bytes may do: give a value, or say that they are malformed. */
const readsOrRefuses = (read: () => unknown): boolean => {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof StreamError && error.code === 'MALFORMED') return false;
    throw error;
  }
};

describe('frames', () => {
  it.each(vectors.openings)('of the vectors are openings: $opening.protocol', ({ opening, frame }) => {
    const extensions = Object.fromEntries(
      Object.entries(opening.extensions).map(([name, hex]) => [name, fromHex(hex)]),
    );
    const value = { ...opening, extensions };
    expect(toHex(encodeOpening(value))).toBe(frame);
    expect(decodeOpening(fromHex(frame).subarray(2))).toEqual(value);
  });

  it.each(vectors.controls)('of the vectors are messages: $frame', ({ message, frame }) => {
    const decoded = decodeControl(fromHex(frame).subarray(2));
    expect(plain(decoded)).toEqual(message);
    expect(toHex(encodeControl(decoded))).toBe(frame);
  });

  it('come back as they went', () => {
    const id = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const number = fc.maxSafeNat();
    const message: fc.Arbitrary<ControlMessage> = fc.oneof(
      fc.record({ type: fc.constant('hello' as const), id, root: fc.option(id) }),
      fc.record({ type: fc.constant('bye' as const), reason: fc.nat(255), detail: fc.string({ maxLength: 200 }) }),
      fc.record({
        type: fc.constant('ack' as const),
        acks: fc.array(fc.tuple(number, fc.option(number)), { minLength: 1, maxLength: 512 }),
      }),
      fc.record({ type: fc.constant('ping' as const), number }),
      fc.record({
        type: fc.constant('addresses' as const),
        addresses: fc.array(
          fc.nat(65_535).map((port) => `/ip6/2001:db8::1/udp/${port}/quic-v1` as Address),
          {
            maxLength: 64,
          },
        ),
      }),
      fc.record({ type: fc.constant('retired' as const), opened: number }),
    );
    fc.assert(
      fc.property(message, (one) => {
        expect(decodeControl(encodeControl(one).subarray(2))).toEqual(one);
      }),
    );
  });

  it('of random bytes, and of good ones with one byte changed, are refused or read, and nothing else', () => {
    const good = [...vectors.openings, ...vectors.controls].map(({ frame }) => fromHex(frame).subarray(2));
    let read = 0;
    const changed = fc
      .tuple(fc.constantFrom(...good), fc.nat(100), fc.integer({ min: 1, max: 255 }))
      .map(([bytes, place, by]) => bytes.map((byte, index) => (index === place % bytes.length ? byte ^ by : byte)));
    const cut = fc.tuple(fc.constantFrom(...good), fc.nat(60)).map(([bytes, length]) => bytes.subarray(0, length));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), changed, cut), (bytes) => {
        if (readsOrRefuses(() => decodeOpening(bytes))) read += 1;
        if (readsOrRefuses(() => decodeControl(bytes))) read += 1;
      }),
      { numRuns: 20_000 },
    );
    expect(read).toBeGreaterThan(0);
  });

  it.each([
    ['a list of three', '8300672f746573742f3100'],
    ['a protocol without a slash', '8400647465737400a0'],
    ['a protocol of 65 characters', `84007841${'2f'.repeat(65)}00a0`],
    ['a flag of tomorrow', '8400642f612f3102a0'],
    ['a number below zero', '8420642f612f3100a0'],
    ['a number in more bytes than it needs', '841800642f612f3100a0'],
    ['an extension of text', '8400642f612f3100a161616162'],
    ['extensions as a list', '8400642f612f310080'],
    ['a byte behind', '8400642f612f3100a000'],
  ])('are no opening with %s', (_name, hex) => {
    expect(() => decodeOpening(fromHex(hex))).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  it('are read whole or not at all', async () => {
    const reader = (bytes: Uint8Array, chunk: number) => {
      let place = 0;
      return {
        read: (maxBytes: number) => {
          const part = bytes.subarray(place, place + Math.min(maxBytes, chunk));
          place += part.length;
          return Promise.resolve(part.length === 0 ? null : part);
        },
      };
    };
    const frame = new Uint8Array(encodeControl({ type: 'ping', number: 7 }));
    for (const chunk of [1, 2, 100]) {
      const stream = reader(new Uint8Array([...frame, ...frame]), chunk);
      expect(await readFrame(stream)).toEqual(frame.subarray(2));
      expect(await readFrame(stream)).toEqual(frame.subarray(2));
      expect(await readFrame(stream)).toBeNull();
    }
    for (let length = 1; length < frame.length; length++)
      await expect(readFrame(reader(frame.subarray(0, length), 1))).rejects.toMatchObject({ code: 'MALFORMED' });
  });
});
