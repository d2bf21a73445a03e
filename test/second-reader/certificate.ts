/** Self-made certificates, written from docs/formats/certificate.md. */
import { decode } from './cbor.ts';
import { isMap, Reader, same } from './fields.ts';
import { peerIdOf, readRecord, type SignedRecord } from './record.ts';
import { demand } from './refusal.ts';

const malformed = 'CERTIFICATE_MALFORMED';

/** What a certificate says. */
export interface Certificate {
  readonly node: Uint8Array;
  readonly account: Uint8Array;
  readonly peerId: string;
  readonly kem: Uint8Array;
  readonly issuedAtMs: number;
}

/** Read a certificate with its account's half. */
export function readCertificate(bytes: Uint8Array): Certificate {
  demand(bytes.length <= 16_384, malformed, 'too large');
  const record = readRecord(bytes, 'certificate');
  const fields = half(record, 'self-made', 'v kind peerId kem account issuedAtMs');
  const issuedAtMs = fields.whole('issuedAtMs');
  const peerId = fields.text('peerId');
  demand(peerId === peerIdOf(record.ed25519), 'CERTIFICATE_MISMATCH', 'another peer id');
  const kem = fields.bytes('kem', 1568);
  demand(isSoundKemKey(kem), malformed, 'ML-KEM key');
  const account = readRecord(fields.bytes('account'), 'certificate');
  const accountFields = half(account, 'account-of-node', 'v kind node issuedAtMs');
  const node = accountFields.bytes('node', 32);
  const fits =
    same(node, record.signer) &&
    !same(account.signer, record.signer) &&
    accountFields.whole('issuedAtMs') === issuedAtMs;
  demand(fits, 'CERTIFICATE_MISMATCH', 'the halves do not belong together');
  return { node, account: account.signer, peerId, kem, issuedAtMs };
}

function half(record: SignedRecord, kind: string, names: string): Reader {
  const value = decode(record.payload, malformed);
  demand(isMap(value) && Number.isInteger(value['v']) && typeof value['kind'] === 'string', malformed, 'no v or kind');
  demand(value['v'] === 1, 'CERTIFICATE_VERSION', 'another version');
  demand(value['kind'] === kind, 'CERTIFICATE_KIND', 'another kind');
  return new Reader(value, names, malformed);
}

/** FIPS 203, section 7.2: every coefficient of 12 bits below 3329. The last 32 bytes are the seed. */
function isSoundKemKey(key: Uint8Array): boolean {
  for (let at = 0; at < key.length - 32; at += 3) {
    const word = key[at]! | (key[at + 1]! << 8) | (key[at + 2]! << 16);
    if ((word & 4095) >= 3329 || word >> 12 >= 3329) return false;
  }
  return true;
}
