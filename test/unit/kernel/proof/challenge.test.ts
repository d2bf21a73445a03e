import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../main/base/codec.ts';
import { assetIdOf } from '../../../../main/base/index.ts';
import {
  CHALLENGE_LIFETIME_MS_MAX,
  type Challenge,
  ProofFormatError,
  challengeHashOf,
  decodeChallenge,
  encodeChallenge,
  isFresh,
} from '../../../../main/kernel/proof/index.ts';

const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
const challenges: fc.Arbitrary<Challenge> = fc
  .record({
    network: bytes,
    node: bytes,
    asset: fc.constantFrom('cpu', 'gpu', 'storage').map((kind) => assetIdOf(kind, { kind })),
    purpose: fc.stringMatching(/^[a-z][a-z0-9.-]{0,63}$/),
    nonce: bytes,
    issuer: bytes,
    issuedAtMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    lifeMs: fc.integer({ min: 1, max: CHALLENGE_LIFETIME_MS_MAX }),
    anchor: fc.option(fc.record({ height: fc.nat(), hash: bytes })),
  })
  .map(({ lifeMs, ...rest }) => ({ version: 1, ...rest, expiresAtMs: rest.issuedAtMs + lifeMs }));
const example = fc.sample(challenges, { numRuns: 1, seed: 7 })[0]!;

describe('a challenge', () => {
  it('comes back as it was, and has one encoding', () => {
    fc.assert(
      fc.property(challenges, (challenge) => {
        const encoded = encodeChallenge(challenge);
        expect(decodeChallenge(encoded)).toEqual(challenge);
        expect(encodeChallenge(decodeChallenge(encoded))).toEqual(encoded);
        expect(encoded.length).toBeLessThan(1024);
      }),
    );
  });

  it('has another hash for every change of a byte, or is none', () => {
    const encoded = encodeChallenge(example);
    const hash = Buffer.from(challengeHashOf(example)).toString('hex');
    const hashOf = (changed: Uint8Array): string => {
      try {
        return Buffer.from(challengeHashOf(decodeChallenge(changed))).toString('hex');
      } catch (error) {
        return error instanceof ProofFormatError ? 'none' : String(error);
      }
    };
    for (let place = 0; place < encoded.length; place += 1)
      for (const bit of [1, 16, 128]) {
        const changed = encoded.slice();
        changed[place] = (changed[place] ?? 0) ^ bit;
        expect(hashOf(changed)).toMatch(/^(?:none|[0-9a-f]{64})$/);
        expect(hashOf(changed)).not.toBe(hash);
      }
  });

  it.each([
    ['another version', { v: 2 }],
    ['a short nonce', { nonce: new Uint8Array(31) }],
    ['a text for a node', { node: 'key:b' }],
    ['an asset that is none', { asset: 'asset:cpu:x' }],
    ['an asset of great length', { asset: `asset:${'c'.repeat(10_000)}` }],
    ['a purpose in capitals', { purpose: 'Audit' }],
    ['a purpose with a line feed', { purpose: 'audit\n' }],
    ['a purpose of 65 characters', { purpose: 'a'.repeat(65) }],
    ['no purpose', { purpose: '' }],
    ['an end before its beginning', { expiresAtMs: example.issuedAtMs }],
    ['too long a life', { expiresAtMs: example.issuedAtMs + CHALLENGE_LIFETIME_MS_MAX + 1 }],
    ['a negative time', { issuedAtMs: -1 }],
    ['half a millisecond', { issuedAtMs: 0.5 }],
    ['a time beyond the year 9999', { issuedAtMs: 253_402_300_800_000, expiresAtMs: 253_402_300_800_001 }],
    ['an anchor of one field', { anchor: { height: 1 } }],
    ['an anchor below the first block', { anchor: { height: -1, hash: new Uint8Array(32) } }],
    ['a field too many', { more: 1 }],
  ])('is refused with %s', (_name, change) => {
    const fields = { ...(decodeCbor(encodeChallenge(example)) as object), ...change };
    expect(() => decodeChallenge(encodeCbor(fields))).toThrow(ProofFormatError);
  });

  it('is refused when it lacks a field, has bytes after it, or is very large', () => {
    const { nonce: _nonce, ...rest } = decodeCbor(encodeChallenge(example)) as Record<string, unknown>;
    expect(() => decodeChallenge(encodeCbor(rest))).toThrow(ProofFormatError);
    expect(() => decodeChallenge(new Uint8Array([...encodeChallenge(example), 0]))).toThrow(ProofFormatError);
    expect(() => decodeChallenge(new Uint8Array(5000))).toThrow(expect.objectContaining({ code: 'PROOF_TOO_LARGE' }));
    expect(() => encodeChallenge({ ...example, purpose: 'No' })).toThrow(ProofFormatError);
  });

  it('is fresh from its issue to its end, with some room for clocks at the beginning', () => {
    const { issuedAtMs, expiresAtMs } = example;
    expect(isFresh(example, issuedAtMs)).toBe(true);
    expect(isFresh(example, expiresAtMs)).toBe(true);
    expect(isFresh(example, expiresAtMs + 1)).toBe(false);
    expect(isFresh(example, issuedAtMs - 60_000)).toBe(true);
    expect(isFresh(example, issuedAtMs - 60_001)).toBe(false);
  });
});
