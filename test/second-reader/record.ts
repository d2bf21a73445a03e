/** Signed records and key ids, written from docs/formats/signed-record.md and docs/formats/keys.md. */
import { createPublicKey, verify } from 'node:crypto';
import { falcon1024padded } from '@noble/post-quantum/falcon.js';
import { base58btc } from 'multiformats/bases/base58';
import { decode, encode, type Value } from './cbor.ts';
import { isSoundEd25519Key } from './curve.ts';
import { Reader, readMap, same, sha256 } from './fields.ts';
import { demand, Refusal } from './refusal.ts';

/** A record of which everything was checked. */
export interface SignedRecord {
  readonly domain: string;
  readonly ed25519: Uint8Array;
  readonly falcon1024: Uint8Array;
  readonly signer: Uint8Array;
  readonly payload: Uint8Array;
  readonly value: Value;
}

const malformed = 'RECORD_MALFORMED';
const domains = new Set(['certificate', 'transaction', 'block', 'proof-stake', 'proof-witness', 'probe']);
const groupOrder = 2n ** 252n + 27742317777372353535851937790883648493n;

/** Read a record that is shown for a domain, and is by a signer where one is expected. */
export function readRecord(bytes: Uint8Array, domain: string, signer: Uint8Array | null = null): SignedRecord {
  demand(bytes.length <= 4_198_400, malformed, 'too large');
  const record = readMap(bytes, 'v domain signer payload signatures', malformed, 'RECORD_VERSION');
  const told = record.text('domain');
  demand(domains.has(told), 'DOMAIN_UNKNOWN', told);
  const payload = record.bytes('payload', undefined, 4_194_304);
  const keys = new Reader(record.value('signer'), 'ed25519 falcon1024', malformed);
  const [ed25519, falcon1024] = [keys.bytes('ed25519', 32), keys.bytes('falcon1024', 1793)];
  const signatures = new Reader(record.value('signatures'), 'ed25519 falcon1024', malformed);
  const [first, second] = [signatures.bytes('ed25519', 64), signatures.bytes('falcon1024', 1280)];
  demand(told === domain, 'DOMAIN_MISMATCH', `${told} is shown for ${domain}`);
  const id = keyIdOf(ed25519, falcon1024);
  demand(signer === null || same(signer, id), 'SIGNER_MISMATCH', 'another signer');
  const invalid = 'SIGNATURE_INVALID';
  demand(holdsEd25519(ed25519, messageOf('ed25519', domain, id, payload), first), invalid, 'Ed25519');
  demand(isCanonicalFalconSignature(second), invalid, 'FALCON-1024 that has another form');
  demand(isSoundFalconKey(falcon1024), invalid, 'FALCON-1024 key');
  demand(holdsFalcon(falcon1024, messageOf('falcon1024', domain, id, payload), second), invalid, 'FALCON-1024');
  demand(isSoundEd25519Key(ed25519), 'KEY_INVALID', 'Ed25519 key');
  return { domain, ed25519, falcon1024, signer: id, payload, value: decode(payload, malformed) };
}

/** Read a record by a witness, which is refused with one code whatever is wrong. */
export function readWitness(bytes: Value): SignedRecord {
  demand(bytes instanceof Uint8Array && bytes.length <= 8192, 'PROOF_MALFORMED', 'a witness that is not bytes');
  try {
    return readRecord(bytes, 'proof-witness');
  } catch (error) {
    throw new Refusal('WITNESS_INVALID', String(error));
  }
}

/** Name of a signer. */
export function keyIdOf(ed25519: Uint8Array, falcon1024: Uint8Array): Uint8Array {
  return sha256(encode(['hypermesh-key', 1, ed25519, falcon1024]));
}

/** libp2p peer id of an Ed25519 key. */
export function peerIdOf(ed25519: Uint8Array): string {
  return base58btc.encode(Buffer.concat([Buffer.from('002408011220', 'hex'), ed25519])).slice(1);
}

/** What an algorithm signs. */
export function messageOf(algorithm: string, domain: string, signer: Uint8Array, payload: Uint8Array): Uint8Array {
  return encode(['hypermesh-signed-record', 1, algorithm, domain, signer, sha256(payload)]);
}

/** RFC 8032 without cofactor; OpenSSL compares the encoding of R byte by byte. */
function holdsEd25519(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const s = BigInt(`0x${Buffer.from(signature.slice(32)).reverse().toString('hex')}`);
  if (s >= groupOrder) return false;
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  return verify(null, message, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
}

function holdsFalcon(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return falcon1024padded.verify(signature, message, key);
  } catch {
    return false;
  }
}

/** 1024 coefficients of 14 bits, each below 12 289. */
function isSoundFalconKey(key: Uint8Array): boolean {
  const bits = bitsOf(key.subarray(1));
  return key[0] === 0x0a && Array.from({ length: 1024 }, () => bits(14)).every((coefficient) => coefficient < 12_289);
}

/** First byte, 1024 coefficients in their one form, then zeros. */
function isCanonicalFalconSignature(signature: Uint8Array): boolean {
  const total = (1280 - 41) * 8;
  const bits = bitsOf(signature.subarray(41));
  let used = 0;
  for (let index = 0; index < 1024; index += 1) {
    const [sign, low] = [bits(1), bits(7)];
    let high = 0;
    used += 9;
    while (used <= total && high < 16 && bits(1) === 0) {
      high += 1;
      used += 1;
    }
    if (used > total || high > 15 || (sign === 1 && low === 0 && high === 0)) return false;
  }
  for (; used < total; used += 1) if (bits(1) !== 0) return false;
  return signature[0] === 0x3a;
}

/** Reads numbers of so many bits, highest bit first. */
function bitsOf(bytes: Uint8Array): (count: number) => number {
  let at = 0;
  return (count) => {
    let number = 0;
    const end = at + count;
    for (; at < end; at += 1) number = number * 2 + ((bytes[at >> 3]! >> (7 - (at & 7))) & 1);
    return number;
  };
}
