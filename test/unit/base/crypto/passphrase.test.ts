import { describe, expect, it } from 'vitest';
import { type Argon2Costs, isArgon2Costs, passphraseKey } from '../../../../main/base/crypto/index.ts';

const salt = new Uint8Array(16).fill(5);
const costs: Argon2Costs = { memoryKiB: 32, passes: 1, lanes: 1 };
const keyOf = async (passphrase: string, change: Partial<Argon2Costs> = {}, otherSalt = salt): Promise<string> =>
  Buffer.from(await passphraseKey(passphrase, otherSalt, { ...costs, ...change })).toString('hex');

describe('the key of a passphrase', () => {
  it('is another for another passphrase, salt or cost', async () => {
    const keys = await Promise.all([
      keyOf('correct horse'),
      keyOf('correct horse '),
      keyOf('Correct horse'),
      keyOf('correct horse', { passes: 2 }),
      keyOf('correct horse', { memoryKiB: 40 }),
      keyOf('correct horse', { lanes: 2 }),
      keyOf('correct horse', {}, new Uint8Array(16)),
    ]);
    expect(new Set(keys).size).toBe(keys.length);
    expect(await keyOf('correct horse')).toBe(keys[0]);
  });

  it('is the same for the same text from another keyboard', async () => {
    expect(await keyOf('gr\u00f6\u00dfe')).toBe(await keyOf('gro\u0308\u00dfe'));
    expect(await keyOf('\uff41\uff42\uff43 \ufb01')).toBe(await keyOf('abc fi'));
  });

  it.each<[string, Partial<Argon2Costs>]>([
    ['no memory', { memoryKiB: 0 }],
    ['less memory than lanes need', { memoryKiB: 15, lanes: 2 }],
    ['all memory of the machine', { memoryKiB: 2 ** 32 - 1 }],
    ['a little more memory than is allowed', { memoryKiB: 1024 * 1024 + 1 }],
    ['no pass', { passes: 0 }],
    ['passes for years', { passes: 2 ** 32 - 1 }],
    ['no lane', { lanes: 0 }],
    ['half a lane', { lanes: 0.5 }],
    ['more lanes than there are', { lanes: 17, memoryKiB: 1024 }],
    ['memory that is no number', { memoryKiB: Number.NaN }],
    ['passes below nothing', { passes: -1 }],
  ])('is not computed with %s', async (_, change) => {
    expect(isArgon2Costs({ ...costs, ...change })).toBe(false);
    await expect(keyOf('correct horse', change)).rejects.toMatchObject({ code: 'SEAL_MALFORMED' });
  });

  it('is not computed of nothing, or with a salt of another size', async () => {
    await expect(keyOf('')).rejects.toMatchObject({ code: 'SEAL_MALFORMED' });
    await expect(keyOf('correct horse', {}, new Uint8Array(15))).rejects.toMatchObject({ code: 'SEAL_MALFORMED' });
  });
});
