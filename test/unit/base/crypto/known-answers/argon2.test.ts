import { argon2id as otherArgon2id } from '@noble/hashes/argon2.js';
import fc from 'fast-check';
import { argon2id } from 'hash-wasm';
import { describe, expect, it } from 'vitest';
import { passphraseKey } from '../../../../../main/base/crypto/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Plain {
  source: string;
  password: string;
  salt: string;
  memoryKiB: number;
  passes: number;
  lanes: number;
  tag: string;
}
const { rfc9106, plain } = readVectors<{ rfc9106: Plain & { secret: string; associated: string }; plain: Plain[] }>(
  'argon2',
  'argon2id.json',
);

describe('Argon2id', () => {
  it('of the referee is as RFC 9106, section 5.3', () => {
    const { password, salt, secret, associated, memoryKiB, passes, lanes, tag } = rfc9106;
    const found = otherArgon2id(fromHex(password), fromHex(salt), {
      key: fromHex(secret),
      personalization: fromHex(associated),
      m: memoryKiB,
      t: passes,
      p: lanes,
    });
    expect(toHex(found)).toBe(tag);
  });

  it.each(plain)('is as $source, $memoryKiB KiB, $passes passes, $lanes lanes', async (test) => {
    const found = await argon2id({
      password: fromHex(test.password),
      salt: fromHex(test.salt),
      memorySize: test.memoryKiB,
      iterations: test.passes,
      parallelism: test.lanes,
      hashLength: 32,
      outputType: 'binary',
    });
    expect(toHex(found)).toBe(test.tag);
  });

  it('gives the key of a passphrase as the known answers do', async () => {
    const test = plain.find(({ salt }) => salt.length === 32);
    expect(test).toBeDefined();
    if (test === undefined) return;
    const { password, salt, memoryKiB, passes, lanes, tag } = test;
    const text = Buffer.from(password, 'hex').toString('utf8');
    expect(toHex(await passphraseKey(text, fromHex(salt), { memoryKiB, passes, lanes }))).toBe(tag);
  });

  it('gives the same key as another implementation', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 40 }),
        async (text, salt, lanes, passes, extraKiB) => {
          const costs = { memoryKiB: 8 * lanes + extraKiB, passes, lanes };
          const other = otherArgon2id(text.normalize('NFKC'), salt, {
            m: costs.memoryKiB,
            t: passes,
            p: lanes,
            dkLen: 32,
          });
          expect(toHex(await passphraseKey(text, salt, costs))).toBe(toHex(other));
        },
      ),
      { numRuns: 30 },
    );
  });
});
