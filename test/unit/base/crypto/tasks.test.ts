import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkerPool, encodeCbor, type WorkerPool } from '../../../../main/base/index.ts';
import {
  type DerivedKeys,
  deriveKeys,
  kemEncapsulate,
  passphraseKey,
  type PassphraseKeyInput,
  type SignInput,
  verifyRecord,
} from '../../../../main/base/crypto/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const entropy = new Uint8Array(32).fill(4);
let pool: WorkerPool;
let keys: DerivedKeys;
beforeAll(async () => {
  pool = createWorkerPool(
    { logger: createSilentLogger(), metrics: null, clock: createManualClock() },
    { workerPath: join(import.meta.dirname, '../../../support/crypto-worker.ts'), size: 1 },
  );
  keys = await pool.run<Uint8Array, DerivedKeys>('crypto.deriveKeys', entropy);
});
afterAll(() => pool.close());

describe('in a worker', () => {
  it('keys are derived as here', () => {
    expect(keys).toEqual(deriveKeys(entropy));
  });

  it('records are signed', async () => {
    const payload = encodeCbor({ n: 1 });
    const input: SignInput = { keys: keys.node.public, secrets: keys.node.secret, domain: 'probe', payload };
    const record = await pool.run<SignInput, Uint8Array>('crypto.sign', input);
    expect(verifyRecord(record, { domain: 'probe' }).payload).toEqual(payload);
    const seeded = { ...input, random: new Uint8Array(48).fill(1) };
    expect(await pool.run('crypto.sign', seeded)).toEqual(await pool.run('crypto.sign', seeded));
  });

  it('secrets are unwrapped', async () => {
    const { cipherText, shared } = kemEncapsulate(keys.kem.public, new Uint8Array(32).fill(8));
    expect(await pool.run('crypto.decapsulate', { secret: keys.kem.secret, cipherText })).toEqual(shared);
  });

  it('keys of passphrases are computed', async () => {
    const costs = { memoryKiB: 64, passes: 1, lanes: 1 };
    const input: PassphraseKeyInput = { passphrase: 'correct horse', salt: new Uint8Array(16), costs };
    expect(await pool.run('crypto.passphraseKey', input)).toEqual(
      await passphraseKey(input.passphrase, input.salt, costs),
    );
  });
});
