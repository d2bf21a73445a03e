import { createHash } from 'node:crypto';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSha256Engine, sha256Chain } from '../../../../../main/kernel/proof/sha256/index.ts';

const slow = (start: Uint8Array, steps: number): Uint8Array => {
  let hash = start;
  for (let step = 0; step < steps; step++) hash = createHash('sha256').update(hash).digest();
  return Uint8Array.from(hash);
};
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const messageOf = (start: Uint8Array, number: number): Uint8Array => {
  const message = Buffer.alloc(40);
  message.set(start);
  message.writeBigUInt64BE(BigInt(number), 32);
  return message;
};
const zeroBitsOf = (hash: Uint8Array): number => Math.clz32(Buffer.from(hash).readUInt32BE(0));

describe('sequential SHA-256', () => {
  it('gives what the platform and a second implementation give, from any start', () => {
    fc.assert(
      fc.property(bytes32, fc.integer({ min: 0, max: 50 }), (start, steps) => {
        const found = sha256Chain(start, steps);
        expect(found).toEqual(slow(start, steps));
        let noble: Uint8Array = start;
        for (let step = 0; step < steps; step++) noble = nobleSha256(noble);
        expect(found).toEqual(Uint8Array.from(noble));
      }),
      { numRuns: 300 },
    );
  });

  it('is the same in one call as in several, across the entries into the module', () => {
    const start = new Uint8Array(32).fill(0xa5);
    const whole = slow(start, 5000);
    expect(sha256Chain(start, 5000)).toEqual(whole);
    for (const cut of [1, 2047, 2048, 2049, 4096, 4999])
      expect(sha256Chain(sha256Chain(start, cut), 5000 - cut)).toEqual(whole);
  });

  it('leaves its input alone and takes a view into a larger buffer', () => {
    const buffer = new Uint8Array(64).fill(9);
    const start = buffer.subarray(13, 45);
    expect(sha256Chain(start, 3)).toEqual(slow(start, 3));
    expect(buffer.every((byte) => byte === 9)).toBe(true);
  });

  it('refuses anything but 32 bytes and a whole number of steps', () => {
    expect(() => sha256Chain(new Uint8Array(31), 1)).toThrow('32 bytes');
    expect(() => sha256Chain(new Uint8Array(33), 1)).toThrow('32 bytes');
    expect(() => sha256Chain(new Uint8Array(32), -1)).toThrow('whole number');
    expect(() => sha256Chain(new Uint8Array(32), 1.5)).toThrow('whole number');
    expect(() => sha256Chain(new Uint8Array(32), Number.NaN)).toThrow('whole number');
  });
});

describe('search for zero bits', () => {
  const engine = createSha256Engine();

  it('finds the first number whose hash begins so', () => {
    fc.assert(
      fc.property(
        bytes32,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 2 ** 31 }),
        (start, bits, first) => {
          const found = engine.search(start, first, 20_000, bits);
          // 20 000 tries at 9 bits fail with a chance of e^-39.
          if (found === null) throw new Error('nothing was found');
          for (let number = first; number < found; number++)
            expect(zeroBitsOf(nobleSha256(messageOf(start, number)))).toBeLessThan(bits);
          expect(zeroBitsOf(nobleSha256(messageOf(start, found)))).toBeGreaterThanOrEqual(bits);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('tries exactly the numbers that it was given', () => {
    const start = new Uint8Array(32).fill(1);
    const found = engine.search(start, 0, 1_000_000, 12);
    if (found === null) throw new Error('nothing was found');
    expect(engine.search(start, 0, found, 12)).toBeNull();
    expect(engine.search(start, 0, found + 1, 12)).toBe(found);
    expect(engine.search(start, found, 1, 12)).toBe(found);
    expect(engine.search(start, found, 0, 12)).toBeNull();
  });

  it('counts above 2^31, and refuses to count above 2^32', () => {
    const start = new Uint8Array(32).fill(2);
    const found = engine.search(start, 2 ** 32 - 4096, 4096, 5);
    if (found === null) throw new Error('nothing was found');
    expect(found).toBeGreaterThanOrEqual(2 ** 32 - 4096);
    expect(zeroBitsOf(nobleSha256(messageOf(start, found)))).toBeGreaterThanOrEqual(5);
    expect(() => engine.search(start, 2 ** 32 - 1, 2, 5)).toThrow('32 bits');
    expect(() => engine.search(start, 0, 1, 33)).toThrow('1 to 32');
    expect(() => engine.search(start, 0, 1, 0)).toThrow('1 to 32');
  });
});
