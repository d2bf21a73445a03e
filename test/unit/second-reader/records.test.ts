import { describe, expect, it } from 'vitest';
import { readCertificate } from '../../second-reader/certificate.ts';
import { decode, encode } from '../../second-reader/cbor.ts';
import { hex, sha256 } from '../../second-reader/fields.ts';
import { publicKeysOf } from '../../second-reader/keys.ts';
import { keyIdOf, messageOf, peerIdOf, readRecord } from '../../second-reader/record.ts';
import { bytesOf, codeOf, flip, placesOver, vectors } from './changes.ts';

interface Records {
  record: Record<
    'encoded' | 'payload' | 'payloadSha256' | 'keyIdBytes' | 'ed25519Message' | 'falcon1024Message',
    string
  >;
  refused: { why: string; at: number; bytes: string; expected: string; code: string }[];
}

describe('one encoding of dag-cbor', () => {
  it.each([
    ['a number', '1818', '1817'],
    ['a negative number', '3903e7', '3803'],
    ['a long number', '1b0000019b76daa800', '1b00000000ffffffff'],
    ['text', '6161', '61ff'],
    ['a float', 'fb3ff8000000000000', 'fb3ff0000000000000'],
    ['a float of one size', 'fb7e37e43c8800759c', 'f93e00'],
    ['a list', '8201f6', '9f01ff'],
    ['a map', 'a261610162616102', 'a262616102616101'],
    ['a map with every key once', 'a2616101616202', 'a2616101616102'],
    ['nothing but null', 'f6', 'f7'],
    ['no tag', '01', 'c101'],
    ['nothing behind it', 'f5', 'f5f5'],
    ['64 lists', `${'81'.repeat(64)}01`, `${'81'.repeat(65)}01`],
    ['2^20 values', `9a000fffff${'f6'.repeat(2 ** 20 - 1)}`, `9a00100000${'f6'.repeat(2 ** 20)}`],
    ['as much as it says', '4101', '5affffffff01'],
  ])('reads %s, and refuses its other forms', (_, good, bad) => {
    expect(hex(encode(decode(bytesOf(good))))).toBe(good);
    expect(codeOf(() => decode(bytesOf(bad), 'NO'))).toBe('NO');
  });
});

describe('signed records, by the second reader', () => {
  const { record, refused } = vectors<Records>('signed-record/records.json');
  const encoded = bytesOf(record.encoded);

  it('reads the worked example', () => {
    const read = readRecord(encoded, 'probe', bytesOf(record.keyIdBytes));
    expect(encoded).toHaveLength(3280);
    expect(hex(sha256(encoded))).toBe('95810cb740354315e3d2eabf7d75285bf8eacff66face78c08a1a1e328071cad');
    expect({ ...(read.value as object) }).toEqual({ n: 1, kind: 'example' });
    expect([hex(read.payload), hex(sha256(read.payload))]).toEqual([record.payload, record.payloadSha256]);
    const message = (algorithm: string) => hex(messageOf(algorithm, 'probe', read.signer, read.payload));
    expect(message('ed25519')).toBe(record.ed25519Message);
    expect(message('falcon1024')).toBe(record.falcon1024Message);
  });

  it.each(refused)('refuses $why: $code', ({ at, bytes, expected, code }) => {
    const written = bytesOf(bytes);
    const changed = Buffer.alloc(Math.max(encoded.length, at + written.length));
    encoded.copy(changed);
    written.copy(changed, at);
    expect(codeOf(() => readRecord(changed, expected))).toBe(code);
  });

  it('refuses another signer, and one bit changed anywhere', () => {
    expect(codeOf(() => readRecord(encoded, 'probe', Buffer.alloc(32)))).toBe('SIGNER_MISMATCH');
    for (const at of placesOver(encoded.length, 40))
      expect(codeOf(() => readRecord(flip(encoded, at), 'probe'))).not.toBeNull();
  });
});

type Signer = Record<'ed25519' | 'falcon1024Sha256' | 'keyIdBytes', string>;
type Keys = { phrase: string; node: Signer & Record<'mlKem1024Sha256' | 'peerId', string>; account: Signer };

describe.each(vectors<Keys[]>('keys/keys.json'))('the keys of a phrase, by the second reader', (vector) => {
  it(`are those of ${vector.node.peerId}`, () => {
    const { node, account, mlKem1024 } = publicKeysOf(vector.phrase);
    for (const [made, told] of [[node, vector.node] as const, [account, vector.account] as const]) {
      expect([hex(made.ed25519), hex(sha256(made.falcon1024))]).toEqual([told.ed25519, told.falcon1024Sha256]);
      expect(hex(keyIdOf(made.ed25519, made.falcon1024))).toBe(told.keyIdBytes);
    }
    expect(hex(sha256(mlKem1024))).toBe(vector.node.mlKem1024Sha256);
    expect(peerIdOf(node.ed25519)).toBe(vector.node.peerId);
  });
});

describe('certificates, by the second reader', () => {
  const encoded = bytesOf(vectors<{ certificate: string }>('identity/identity.json').certificate);

  it('reads the worked example', () => {
    const certificate = readCertificate(encoded);
    expect(hex(sha256(encoded))).toBe('1bfb2ff3b944cdcef83ece17f1ecbce1dc413ff7cd8dc1d9b8931842c8f0dd57');
    expect(certificate.peerId).toBe('12D3KooWJVWb6ZuvWhFB9VcFrUNZfsSutCsnCSJmVJCQT5EMbafZ');
    expect(hex(certificate.node)).toBe('eb091785f09e589ad2c7badcc7c3e76fa981c5ebe62d5af11117f32871c84f09');
    expect(hex(sha256(certificate.kem))).toBe('1647ca782d564a877ffedc8ca5fe946a752d3cdb98098cdbe9083ef3c1e93a26');
    expect(certificate.issuedAtMs).toBe(1_767_225_600_000);
  });

  it('refuses one bit changed anywhere', () => {
    for (const at of placesOver(encoded.length, 20))
      expect(codeOf(() => readCertificate(flip(encoded, at)))).not.toBeNull();
  });
});
