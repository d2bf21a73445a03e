import { describe, expect, it } from 'vitest';
import { verifyRecord, verifySelfMadeCertificate, type SignInput } from '../../../../../main/base/crypto/index.ts';
import { encodeCbor } from '../../../../../main/base/index.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';

describe('peers of tests', () => {
  it('have certificates and signatures that hold, and ids of their own', async () => {
    const [one, two] = [makePeer(1), makePeer(2)];
    expect(makePeer(1)).toBe(one);
    expect(one.local.peerId).not.toBe(two.local.peerId);
    const certificate = verifySelfMadeCertificate(one.local.certificate);
    expect(certificate).toMatchObject({ peerId: one.local.peerId, kem: one.keys.kem.public });
    expect(certificate.node.keyId).toBe(one.local.keyId);
    const payload = encodeCbor({ n: 1 });
    const record = await one.local.sign('stoq-token', payload);
    expect(await one.local.sign('stoq-token', payload)).toEqual(record);
    expect(verifyRecord(record, { domain: 'stoq-token' }).keyId).toBe(one.verified.keyId);
  });
});

describe('inline workers', () => {
  it('run the tasks of crypto as a thread does', async () => {
    const workers = createInlineWorkers();
    const { keys, verified } = makePeer(1);
    const input: SignInput = {
      keys: keys.node.public,
      secrets: keys.node.secret,
      domain: 'probe',
      payload: encodeCbor({ n: 2 }),
    };
    const signing = workers.run<SignInput, Uint8Array>('crypto.sign', input);
    expect(workers.pending).toBe(1);
    expect(verifyRecord(await signing, { domain: 'probe' }).keyId).toBe(verified.keyId);
    expect(workers.pending).toBe(0);
    await expect(workers.run('crypto.none', 1)).rejects.toMatchObject({ code: 'TASK_FAILED' });
    await workers.close();
    await expect(workers.run('crypto.sign', input)).rejects.toMatchObject({ code: 'POOL_CLOSED' });
  });

  it('remember answers by their whole input', async () => {
    let runs = 0;
    const workers = createInlineWorkers({
      rooms: {
        test: () =>
          Promise.resolve({
            'test.sum': (input) => {
              runs += 1;
              return (input as { bytes: Uint8Array }).bytes.reduce((sum, byte) => sum + byte, 0);
            },
          }),
      },
      remembered: ['test.sum'],
    });
    const sum = (...bytes: number[]): Promise<number> => workers.run('test.sum', { bytes: Uint8Array.from(bytes) });
    expect(await Promise.all([sum(1, 2), sum(3), sum(1, 3)])).toEqual([3, 3, 4]);
    expect(await sum(1, 2)).toBe(3);
    expect(runs).toBe(3);
  });
});
