import { beforeAll, describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../main/base/index.ts';
import {
  type DerivedKeys,
  deriveKeys,
  keyIdBytesOf,
  keyIdText,
  makeSelfMadeCertificate,
  peerIdOf,
  signRecord,
  verifyRecord,
  verifySelfMadeCertificate,
} from '../../../../main/base/crypto/index.ts';

let keys: DerivedKeys;
let other: DerivedKeys;
let certificate: Uint8Array;
beforeAll(() => {
  keys = deriveKeys(new Uint8Array(32).fill(1));
  other = deriveKeys(new Uint8Array(32).fill(2));
  certificate = makeSelfMadeCertificate(keys, 1_700_000_000_000);
});

const payloadOf = (record: Uint8Array): Record<string, unknown> =>
  decodeCbor(verifyRecord(record, { domain: 'certificate' }).payload) as Record<string, unknown>;
/** The same certificate, signed anew after a change. */
const changed = (change: Record<string, unknown>): Uint8Array =>
  signRecord(keys.node.public, keys.node.secret, 'certificate', encodeCbor({ ...payloadOf(certificate), ...change }));
const binding = (by: DerivedKeys['account'], payload: Record<string, unknown>): Uint8Array =>
  signRecord(
    by.public,
    by.secret,
    'certificate',
    encodeCbor({ v: 1, kind: 'account-of-node', issuedAtMs: 1_700_000_000_000, ...payload }),
  );
const refusal = (encoded: Uint8Array): string => {
  try {
    verifySelfMadeCertificate(encoded);
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'accepted';
};

describe('self-made certificate', () => {
  it('says who the node is and which account agrees', () => {
    const found = verifySelfMadeCertificate(certificate);
    expect(found.node.keyId).toBe(keyIdText(keyIdBytesOf(keys.node.public)));
    expect(found.node.keys).toEqual(keys.node.public);
    expect(found.peerId).toBe(peerIdOf(keys.node.public.ed25519));
    expect(Buffer.from(found.kem)).toEqual(Buffer.from(keys.kem.public));
    expect(found.account.keyId).toBe(keyIdText(keyIdBytesOf(keys.account.public)));
    expect(found.issuedAtMs).toBe(1_700_000_000_000);
    expect(certificate.length).toBeLessThan(9000);
  });
  it('is refused when an account signed for another node, or none did', () => {
    const foreign = binding(other.account, { node: keyIdBytesOf(other.node.public) });
    expect(refusal(changed({ account: foreign }))).toBe('CERTIFICATE_MISMATCH');
    expect(refusal(changed({ account: new Uint8Array(0) }))).toBe('RECORD_MALFORMED');
    expect(refusal(changed({ account: null }))).toBe('CERTIFICATE_MALFORMED');
    expect(refusal(changed({ account: binding(keys.node, { node: keyIdBytesOf(keys.node.public) }) }))).toBe(
      'CERTIFICATE_MISMATCH',
    );
    const node = keyIdBytesOf(keys.node.public);
    expect(refusal(changed({ account: binding(keys.account, { node, issuedAtMs: 5 }) }))).toBe('CERTIFICATE_MISMATCH');
    expect(refusal(changed({ account: binding(keys.account, { node, more: 1 }) }))).toBe('CERTIFICATE_MALFORMED');
    // The same binding is accepted: what is refused above is refused for its reason.
    expect(refusal(changed({ account: binding(keys.account, { node }) }))).toBe('accepted');
  });
  it('is refused when a part is another than the signer’s', () => {
    expect(refusal(changed({ peerId: peerIdOf(other.node.public.ed25519) }))).toBe('CERTIFICATE_MISMATCH');
    expect(refusal(changed({ kem: new Uint8Array(1568).fill(255) }))).toBe('CERTIFICATE_MALFORMED');
    expect(refusal(changed({ kem: new Uint8Array(1567) }))).toBe('CERTIFICATE_MALFORMED');
    expect(refusal(changed({ issuedAtMs: -1 }))).toBe('CERTIFICATE_MALFORMED');
    expect(refusal(changed({ issuedAtMs: 1.5 }))).toBe('CERTIFICATE_MALFORMED');
    expect(refusal(changed({ more: true }))).toBe('CERTIFICATE_MALFORMED');
    expect(refusal(changed({ v: 2 }))).toBe('CERTIFICATE_VERSION');
    expect(refusal(changed({ kind: 'issued' }))).toBe('CERTIFICATE_KIND');
  });
  it('is refused when it is the account’s half, of another domain, or too large', () => {
    expect(refusal(payloadOf(certificate)['account'] as Uint8Array)).toBe('CERTIFICATE_KIND');
    const { payload } = verifyRecord(certificate, { domain: 'certificate' });
    expect(refusal(signRecord(keys.node.public, keys.node.secret, 'probe', payload))).toBe('DOMAIN_MISMATCH');
    expect(refusal(new Uint8Array(16 * 1024 + 1))).toBe('CERTIFICATE_MALFORMED');
    expect(refusal(new Uint8Array(0))).toBe('RECORD_MALFORMED');
  });
  it('is refused with any byte changed', () => {
    // Parsing refuses most; those in keys and signatures cost a verification each, so these are sampled.
    for (let at = 0; at < certificate.length; at += 13) {
      const bad = certificate.slice();
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      expect(refusal(bad), `byte ${at}`).not.toBe('accepted');
    }
  });
});
