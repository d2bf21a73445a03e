import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../../main/base/index.ts';
import {
  type DerivedKeys,
  deriveKeys,
  type Domain,
  ed25519Sign,
  KEY_LABELS,
  keyIdBytesOf,
  keyIdText,
  keySeeds,
  parseKeyId,
  parsePhrase,
  peerIdOf,
  phraseOf,
  seedOfPhrase,
  verifyRecord,
} from '../../../../../main/base/crypto/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Names {
  ed25519: string;
  falcon1024?: string;
  falcon1024Sha256: string;
  keyId: string;
  keyIdBytes: string;
}
interface Identity {
  phrase: string;
  entropy: string;
  bip39Seed: string;
  derived: Record<string, string>;
  node: Names & { mlKem1024?: string; mlKem1024Sha256: string; peerId: string };
  account: Names;
}
const identities = readVectors<Identity[]>('keys', 'keys.json');
const { record, refused } = readVectors<{
  record: {
    domain: Domain;
    payload: string;
    payloadSha256: string;
    keyIdBytes: string;
    ed25519Message: string;
    ed25519Signature: string;
    encoded: string;
  };
  refused: { why: string; at: number; bytes: string; expected: Domain; code: string }[];
}>('signed-record', 'records.json');

/** RFC 5869 in five lines, with nothing of the platform's HKDF. */
const hkdf = (seed: Uint8Array, label: string, length: number): string => {
  const hmac = (key: Uint8Array, ...parts: Uint8Array[]): Uint8Array =>
    parts.reduce((mac, part) => mac.update(part), createHmac('sha512', key)).digest();
  const key = hmac(Buffer.from('hypermesh key derivation v1'), seed);
  const first = hmac(key, Buffer.from(label), Uint8Array.of(1));
  return toHex(first.subarray(0, length));
};
const namesOf = (keys: DerivedKeys['node']['public']): Partial<Names> => ({
  ed25519: toHex(keys.ed25519),
  falcon1024Sha256: toHex(sha256(keys.falcon1024)),
  keyId: keyIdText(keyIdBytesOf(keys)),
  keyIdBytes: toHex(keyIdBytesOf(keys)),
});

describe.each(identities)('keys of entropy $entropy', (identity) => {
  const entropy = fromHex(identity.entropy);

  it('have the phrase and the seed', () => {
    expect(phraseOf(entropy).join(' ')).toBe(identity.phrase);
    expect(toHex(parsePhrase(identity.phrase))).toBe(identity.entropy);
    expect(toHex(seedOfPhrase(entropy))).toBe(identity.bip39Seed);
  });

  it('are made from the bytes of their labels', () => {
    const seeds = keySeeds(entropy);
    const found = Object.entries(KEY_LABELS).map(([name, label]) => [
      label,
      toHex(seeds[name as keyof typeof KEY_LABELS]),
    ]);
    expect(Object.fromEntries(found)).toEqual(identity.derived);
    for (const [label, bytes] of Object.entries(identity.derived))
      expect(hkdf(fromHex(identity.bip39Seed), label, bytes.length / 2)).toBe(bytes);
  });

  it('are those keys, with those names', () => {
    const keys = deriveKeys(entropy);
    expect(identity.node).toMatchObject({
      ...namesOf(keys.node.public),
      mlKem1024Sha256: toHex(sha256(keys.kem.public)),
      peerId: peerIdOf(keys.node.public.ed25519),
    });
    expect(identity.account).toMatchObject(namesOf(keys.account.public));
    for (const { keyId, keyIdBytes } of [identity.node, identity.account])
      expect(toHex(parseKeyId(keyId) ?? new Uint8Array())).toBe(keyIdBytes);
  });
});

describe('key ids', () => {
  const id = identities[0]?.node.keyId ?? '';
  it.each([
    ['nothing', ''],
    ['no prefix', id.slice(4)],
    ['another prefix', id.replace('key:', 'asset:')],
    ['capitals', id.toUpperCase()],
    ['another base', id.replace('key:b', 'key:z')],
    ['a letter too few', id.slice(0, -1)],
    ['a letter too many', `${id}a`],
    ['a letter that is none', id.replace(/.$/, '1')],
    ['padding', `${id}====`],
    ['spare bits that are set', `${id.slice(0, -1)}r`],
    ['a line after it', `${id}\n`],
  ])('are not read with %s', (_, text) => {
    expect(parseKeyId(id)).not.toBeNull();
    expect(parseKeyId(text)).toBeNull();
  });
});

describe('the signed record', () => {
  it('holds, by the keys of its phrase', () => {
    const verified = verifyRecord(fromHex(record.encoded), {
      domain: record.domain,
      signer: fromHex(record.keyIdBytes),
    });
    expect(toHex(verified.payload)).toBe(record.payload);
    expect(toHex(sha256(fromHex(record.payload)))).toBe(record.payloadSha256);
    expect(verified.keyId).toBe(identities[0]?.node.keyId);
    const secret = fromHex(identities[0]?.derived['node/ed25519'] ?? '');
    expect(toHex(ed25519Sign(secret, fromHex(record.ed25519Message)))).toBe(record.ed25519Signature);
    expect(record.encoded).toContain(`5840${record.ed25519Signature}`);
  });

  it.each(refused)('is refused with $why', ({ at, bytes, expected, code }) => {
    const encoded = fromHex(record.encoded);
    const change = fromHex(bytes);
    const changed = new Uint8Array(Math.max(encoded.length, at + change.length));
    changed.set(encoded);
    changed.set(change, at);
    expect(() => verifyRecord(changed, { domain: expected })).toThrow(expect.objectContaining({ code }) as Error);
  });
});
