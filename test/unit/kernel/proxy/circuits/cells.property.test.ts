import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CELL, createLayer, packFrame, unpackFrame } from '../../../../../main/kernel/proxy/circuits/cells.ts';
import { createCellReader } from '../../../../../main/kernel/proxy/circuits/cell-reader.ts';
import { CELL_BODY_MAX, CELL_BYTES, DEPTHS, TAG_BYTES } from '../../../../../main/kernel/proxy/circuits/constants.ts';
import { CircuitError } from '../../../../../main/kernel/proxy/circuits/errors.ts';
import { answerHop, CREATE_BYTES } from '../../../../../main/kernel/proxy/circuits/handshake.ts';
import {
  decodeBegin,
  decodeBegun,
  decodeExtend,
  decodeRefusal,
} from '../../../../../main/kernel/proxy/circuits/messages.ts';
import { kemKeys, peerIdOf } from '../../../../../main/base/crypto/index.ts';
import type { PeerId } from '../../../../../main/transport/stoq/index.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';

const key = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return 'none';
  } catch (error) {
    if (error instanceof CircuitError) return error.code;
    throw error;
  }
};
const frameOf = (body: Uint8Array): Buffer => {
  const cell = Buffer.alloc(CELL_BYTES, 255);
  packFrame(cell, CELL.data, body);
  return cell;
};
const bodies = fc.uint8Array({ maxLength: CELL_BODY_MAX, size: 'max' });

test('a frame goes through as many layers as there are and comes out as it was, in every cell of one size', () => {
  fc.assert(
    fc.property(
      fc.array(bodies, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: DEPTHS }),
      fc.nat(DEPTHS - 1),
      (frames, hops, first) => {
        const base = Math.min(first, DEPTHS - hops);
        const layers = Array.from({ length: hops }, (_, index) => createLayer(key(index), base + index));
        const others = Array.from({ length: hops }, (_, index) => createLayer(key(index), base + index));
        for (const body of frames) {
          const cell = frameOf(body);
          for (const layer of [...layers].reverse()) layer.seal(cell);
          expect(cell).toHaveLength(CELL_BYTES);
          for (const layer of others) layer.open(cell);
          const { type, body: found } = unpackFrame(cell);
          expect(type).toBe(CELL.data);
          expect(Buffer.from(found).equals(body)).toBe(true);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('one changed bit anywhere, filling included, another order or a repetition is noticed by the next layer', () => {
  fc.assert(
    fc.property(fc.nat(8 * CELL_BYTES - 1), fc.nat(DEPTHS - 1), bodies, (bit, depth, body) => {
      const sealed = (count: number): Buffer[] => {
        const layer = createLayer(key(1), depth);
        return Array.from({ length: count }, () => {
          const cell = frameOf(body);
          layer.seal(cell);
          return cell;
        });
      };
      const [flipped] = sealed(1);
      if (flipped === undefined) throw new Error('there is one');
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(codeOf(() => createLayer(key(1), depth).open(flipped))).toBe('CELL_BROKEN');

      const [first, second] = sealed(2);
      if (first === undefined || second === undefined) throw new Error('there are two');
      expect(codeOf(() => createLayer(key(1), depth).open(Buffer.from(second)))).toBe('CELL_BROKEN');
      const layer = createLayer(key(1), depth);
      layer.open(Buffer.from(first));
      expect(codeOf(() => layer.open(Buffer.from(first)))).toBe('CELL_BROKEN');
      // Another place or direction has other keys; the same key at another place opens nothing either.
      expect(codeOf(() => createLayer(key(1), (depth + 1) % DEPTHS).open(Buffer.from(first)))).toBe('CELL_BROKEN');
    }),
    { numRuns: 60 },
  );
});

test('whatever bytes come, a frame and every message is read or refused with a code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: CELL_BYTES, size: 'max' }), fc.boolean(), (bytes, looksRight) => {
      const cell = Buffer.alloc(CELL_BYTES);
      cell.set(bytes);
      if (looksRight) packFrame(cell, CELL.extend, bytes.subarray(0, CELL_BODY_MAX));
      const read = codeOf(() => unpackFrame(cell));
      expect(looksRight ? ['none'] : ['none', 'CELL_BROKEN']).toContain(read);
      for (const decode of [decodeExtend, decodeBegin, decodeBegun, decodeRefusal])
        expect(['none', 'CELL_BROKEN']).toContain(codeOf(() => decode(bytes)));
    }),
    { numRuns: 200 },
  );
});

test('marks in the filling of a frame are refused', () => {
  const cell = frameOf(Buffer.from('abc'));
  cell[CELL_BYTES - 1] = 1;
  expect(codeOf(() => unpackFrame(cell))).toBe('CELL_BROKEN');
  expect(CELL_BODY_MAX).toBe(CELL_BYTES - DEPTHS * TAG_BYTES - 3);
});

test('a handshake of anything is refused with a code, or gives keys that nobody shares', async () => {
  const peerId = peerIdOf(new Uint8Array(32).fill(9)) as PeerId;
  const publicKey = kemKeys(new Uint8Array(64)).public;
  const random = createSeededRandom(3);
  const opener = { publicKey, decapsulate: async () => new Uint8Array(32).fill(5) };
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ maxLength: CREATE_BYTES + 8, size: 'max' }),
        fc.uint8Array({ minLength: CREATE_BYTES, maxLength: CREATE_BYTES, size: 'max' }),
        fc.constant(new Uint8Array(CREATE_BYTES)),
      ),
      async (bytes) => {
        const code = await answerHop({ opener, random }, peerId, bytes).then(
          ({ depth }) => (depth < DEPTHS && bytes.length === CREATE_BYTES ? 'keys' : 'nonsense'),
          (error: unknown) => (error instanceof CircuitError ? error.code : String(error)),
        );
        // An X25519 share of zeros is of small order: everybody knows what comes of it.
        const isWeak = bytes.subarray(1, 33).every((byte) => byte === 0);
        expect(isWeak ? ['CELL_BROKEN'] : ['keys', 'CELL_BROKEN']).toContain(code);
      },
    ),
    { numRuns: 60 },
  );
});

test('cells are found in a stream however it is cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 60 }),
      fc.boolean(),
      async (count, cuts, torn) => {
        const whole = Buffer.alloc(count * CELL_BYTES + (torn ? 7 : 0));
        for (let index = 0; index < whole.length; index += 1) whole[index] = (index * 31) & 255;
        let at = 0;
        let cut = 0;
        const reader = createCellReader({
          read: async () => {
            const end = Math.min(whole.length, at + (cuts[cut++ % cuts.length] ?? 1));
            const part = whole.subarray(at, end);
            at = end;
            return part.length === 0 ? null : part;
          },
        });
        const found: Buffer[] = [];
        const all = async (): Promise<void> => {
          for (let batch = await reader.batch(); batch !== null; batch = await reader.batch()) {
            expect(batch.length % CELL_BYTES).toBe(0);
            found.push(batch);
          }
        };
        const code = await all().then(
          () => 'none',
          (error: unknown) => (error instanceof CircuitError ? error.code : String(error)),
        );
        expect(code).toBe(torn ? 'CELL_BROKEN' : 'none');
        expect(Buffer.concat(found).equals(whole.subarray(0, count * CELL_BYTES))).toBe(true);
      },
    ),
    { numRuns: 20 },
  );
});
