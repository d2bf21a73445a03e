import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Identity } from '../../../../../main/apps/satchel/index.ts';
import { encodeCbor } from '../../../../../main/base/index.ts';
import { keyIdBytesOf, verifyRecord } from '../../../../../main/base/crypto/index.ts';
import {
  type SatchelBench,
  PASSPHRASE,
  createMemoryKeyStore,
  createSatchelBench,
} from '../../../../support/satchel.ts';

const MS_MAX = 240_000;
const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'done';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

describe('keys of further accounts', { timeout: MS_MAX }, () => {
  let bench: SatchelBench;
  let identity: Identity;
  beforeAll(async () => {
    bench = await createSatchelBench();
    identity = await bench.open({ keyStore: createMemoryKeyStore() });
    await bench.create(identity);
  }, MS_MAX);
  afterAll(() => bench.end());

  it('come from the phrase, live while it is unlocked, and sign nothing afterwards', async () => {
    expect((await identity.accountAt(0)).signer).toBe(identity.account()?.signer);
    const [one, again] = await Promise.all([identity.accountAt(1), identity.accountAt(1)]);
    // Derived once, and kept for the session.
    expect(again.signer).toBe(one.signer);
    expect(keyIdBytesOf(one.signer.keys)).toEqual(one.signer.keyIdBytes);
    const record = await one.signer.sign('probe', encodeCbor('x'));
    expect(verifyRecord(record, { domain: 'probe' }).keyId).toBe(one.signer.keyId);

    const late = codeOf(identity.accountAt(2));
    await identity.lock();
    expect(await late).toBe('IDENTITY_LOCKED');
    expect(await codeOf(one.signer.sign('probe', encodeCbor('x')))).toBe('LOCKED');
    expect(await codeOf(identity.accountAt(1))).toBe('IDENTITY_LOCKED');
    expect(await codeOf(identity.confirmOwner({ passphrase: PASSPHRASE }))).toBe('IDENTITY_LOCKED');
    await identity.unlock({ passphrase: PASSPHRASE });
    expect((await identity.accountAt(1)).signer.keyId).toBe(one.signer.keyId);
  });

  it('are asked for by whoever knows the passphrase; tries are counted with those of unlocking', async () => {
    expect(await codeOf(identity.confirmOwner({}))).toBe('PASSPHRASE_NEEDED');
    expect(await codeOf(identity.confirmOwner({ passphrase: PASSPHRASE }))).toBe('done');
    for (let tries = 0; tries < 3; tries++)
      expect(await codeOf(identity.confirmOwner({ passphrase: 'wrong' }))).toBe('PASSPHRASE_WRONG');
    expect(await codeOf(identity.confirmOwner({ passphrase: PASSPHRASE }))).toBe('TOO_MANY_ATTEMPTS');
    await bench.clock.advance(10_000);
    expect(await codeOf(identity.confirmOwner({ passphrase: PASSPHRASE }))).toBe('done');
    expect(identity.view().status).toBe('unlocked');
    expect(JSON.stringify(bench.logged)).not.toContain(PASSPHRASE);
  });

  it('have no passphrase to ask for under a key store', async () => {
    await identity.seal({ passphrase: PASSPHRASE, sealing: { kind: 'keyStore' } });
    expect(await codeOf(identity.confirmOwner({ passphrase: PASSPHRASE }))).toBe('PASSPHRASE_NEEDED');
  });
});
