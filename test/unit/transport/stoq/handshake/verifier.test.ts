import { describe, expect, it } from 'vitest';
import type { WorkerPool } from '../../../../../main/base/index.ts';
import { encodeCbor } from '../../../../../main/base/index.ts';
import { signRecord } from '../../../../../main/base/crypto/index.ts';
import { createSelfMadeVerifier } from '../../../../../main/transport/stoq/verifier.ts';
import { createX25519Share } from '../../../../../main/transport/stoq/handshake/x25519.ts';
import { identity, workers } from './fixture.ts';

const counted = (): { pool: WorkerPool; runs: string[] } => {
  const runs: string[] = [];
  return {
    runs,
    pool: {
      size: 1,
      run: async (task, input) => {
        runs.push(task);
        return await workers.run(task, input);
      },
      close: () => Promise.resolve(),
    },
  };
};

describe('the verifier of self-made certificates', () => {
  it('says who a certificate is of, and checks it once, two at once included', async () => {
    const { pool, runs } = counted();
    const verifier = createSelfMadeVerifier({ workers: pool });
    const { certificate, local, keys } = identity(1);
    const [peer, same] = await Promise.all([verifier.verify(certificate), verifier.verify(certificate.slice())]);
    expect(peer).toEqual({
      peerId: local.peerId,
      keyId: local.keyId,
      keys: keys.node.public,
      kem: keys.kem.public,
      certificate,
    });
    expect(same).toBe(peer);
    await verifier.verify(certificate);
    expect(runs).toEqual(['stoq.verifyCertificate']);
  });

  it('refuses what does not hold, every time anew, with whose fault it is', async () => {
    const { pool, runs } = counted();
    const verifier = createSelfMadeVerifier({ workers: pool });
    const changed = identity(1).certificate.slice();
    changed[100] = (changed[100] as number) ^ 1;
    for (let n = 0; n < 2; n++)
      await expect(verifier.verify(changed)).rejects.toMatchObject({
        name: 'PeerError',
        code: 'CERTIFICATE_REFUSED',
        data: { verdict: 'reject' },
      });
    expect(runs).toHaveLength(2);
  });

  it('keeps a bounded number of them', async () => {
    const runs: number[] = [];
    const verifier = createSelfMadeVerifier({
      workers: {
        size: 1,
        run: (_, input) => {
          runs.push((input as Uint8Array)[0] as number);
          const { keys, local } = identity(1);
          const node = { keys: keys.node.public, keyId: local.keyId };
          return Promise.resolve({ ok: true, value: { node, peerId: local.peerId, kem: keys.kem.public } } as never);
        },
        close: () => Promise.resolve(),
      },
    });
    for (let n = 0; n < 300; n++) await verifier.verify(Uint8Array.of(n & 255, n >> 8));
    runs.length = 0;
    await verifier.verify(Uint8Array.of(299 & 255, 1));
    expect(runs).toHaveLength(0);
    await verifier.verify(Uint8Array.of(0, 0));
    expect(runs).toHaveLength(1);
  });

  it('opens records of their domain only', async () => {
    const verifier = createSelfMadeVerifier({ workers });
    const { node } = identity(1).keys;
    const payload = encodeCbor({ a: 1 });
    const record = signRecord(node.public, node.secret, 'stoq-peer', payload);
    expect(await verifier.openRecord('stoq-peer', record)).toEqual({
      payload,
      keyId: identity(1).local.keyId,
      keys: node.public,
    });
    await expect(verifier.openRecord('stoq-handshake', record)).rejects.toMatchObject({ code: 'SIGNATURE_REFUSED' });
    await expect(verifier.openRecord('stoq-peer', record.subarray(1))).rejects.toMatchObject({
      code: 'SIGNATURE_REFUSED',
    });
  });
});

describe('X25519', () => {
  const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

  it('gives the secret of RFC 7748, section 6.1', () => {
    const a = createX25519Share(hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a'));
    const b = createX25519Share(hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'));
    expect(a.public).toEqual(hex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a'));
    expect(b.public).toEqual(hex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'));
    const shared = hex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');
    expect(a.agree(b.public)).toEqual(shared);
    expect(b.agree(a.public)).toEqual(shared);
  });

  it('refuses every point of small order', () => {
    const share = createX25519Share(new Uint8Array(32).fill(7));
    for (const point of [
      '0000000000000000000000000000000000000000000000000000000000000000',
      '0100000000000000000000000000000000000000000000000000000000000000',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    ])
      expect(share.agree(hex(point)), point).toBeNull();
  });
});
