import { beforeAll, describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../main/base/index.ts';
import {
  type DerivedKeys,
  deriveKeys,
  type Domain,
  DOMAINS,
  ed25519Sign,
  falconSign,
  keyIdBytesOf,
  PAYLOAD_BYTES_MAX,
  RecordError,
  signRecord,
  verifyRecord,
} from '../../../../main/base/crypto/index.ts';
import { messageOf, partsOf, type RecordParts, signAnything } from '../../../support/record-parts.ts';
import { fromHex } from '../../../support/vectors.ts';

const payload = encodeCbor({ hello: 'world', n: 7 });
const otherPayload = encodeCbor({ hello: 'world', n: 8 });
let a: DerivedKeys['node'];
let b: DerivedKeys['node'];
let record: Uint8Array;
let recordOfB: Uint8Array;
beforeAll(() => {
  const identity = deriveKeys(new Uint8Array(32).fill(1));
  // Two signers of one phrase: nearer to each other than those of two people.
  [a, b] = [identity.node, identity.account];
  record = signRecord(a.public, a.secret, 'probe', payload);
  recordOfB = signRecord(b.public, b.secret, 'probe', payload);
});

/** What the check says of it, by code and what it names. */
const verdict = (encoded: Uint8Array, domain: Domain = 'probe', signer?: Uint8Array): string => {
  try {
    verifyRecord(encoded, signer === undefined ? { domain } : { domain, signer });
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    const { algorithm } = error.data as { algorithm?: string };
    return algorithm === undefined ? error.code : `${error.code} ${algorithm}`;
  }
  return 'holds';
};
const changed = (change: (parts: RecordParts) => void, of: Uint8Array = record): Uint8Array => {
  const parts = partsOf(of);
  change(parts);
  return encodeCbor(parts);
};

describe('a signed record', () => {
  it('holds, and says who signed what', () => {
    const verified = verifyRecord(record, { domain: 'probe', signer: keyIdBytesOf(a.public) });
    expect(verified).toMatchObject({ domain: 'probe', payload, signer: a.public });
    expect(Buffer.from(verified.keyIdBytes)).toEqual(Buffer.from(keyIdBytesOf(a.public)));
    expect(verified.keyId).toMatch(/^key:b[a-z2-7]{52}$/);
  });

  it('is what the page on the format says', () => {
    expect(verdict(encodeCbor(signAnything(a, 'probe', payload)))).toBe('holds');
    const { signatures } = partsOf(record);
    expect(ed25519Sign(a.secret.ed25519, messageOf('ed25519', 'probe', a.public, payload))).toEqual(signatures.ed25519);
  });

  it('holds for the largest payload and no larger one', () => {
    const largest = encodeCbor(new Uint8Array(PAYLOAD_BYTES_MAX - 5));
    expect(largest.length).toBe(PAYLOAD_BYTES_MAX);
    expect(verdict(signRecord(a.public, a.secret, 'probe', largest))).toBe('holds');
    const larger = encodeCbor(new Uint8Array(PAYLOAD_BYTES_MAX - 4));
    expect(() => signRecord(a.public, a.secret, 'probe', larger)).toThrow(
      expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE' }) as Error,
    );
    expect(verdict(encodeCbor(signAnything(a, 'probe', larger)))).toBe('RECORD_MALFORMED');
  });

  it('repeats from given random bytes only', () => {
    const random = new Uint8Array(48).fill(9);
    const repeated = signRecord(a.public, a.secret, 'probe', payload, random);
    expect(signRecord(a.public, a.secret, 'probe', payload, random)).toEqual(repeated);
    expect(verdict(repeated)).toBe('holds');
    expect(signRecord(a.public, a.secret, 'probe', payload)).not.toEqual(record);
  });
});

describe('domains', () => {
  it.each(DOMAINS.filter((domain) => domain !== 'probe'))('are not crossed: a probe is no %s', (domain) => {
    expect(verdict(record, domain)).toBe('DOMAIN_MISMATCH');
    expect(
      verdict(
        changed((parts) => (parts.domain = domain)),
        domain,
      ),
    ).toBe('SIGNATURE_INVALID ed25519');
  });

  it('that nobody knows are told from crossed ones', () => {
    expect(verdict(encodeCbor(signAnything(a, 'later', payload)))).toBe('DOMAIN_UNKNOWN');
    expect(() => signRecord(a.public, a.secret, 'later' as Domain, payload)).toThrow(
      expect.objectContaining({ code: 'DOMAIN_UNKNOWN' }) as Error,
    );
  });

  it.each([['Probe'], ['probe '], ['__proto__'], ['toString']])('have one spelling, which is not %j', (domain) => {
    expect(verdict(encodeCbor(signAnything(a, domain, payload)))).toBe('DOMAIN_UNKNOWN');
  });

  it.each([[0], [null], [['probe']], [new Uint8Array([112])]])('are text and not %j', (domain) => {
    expect(verdict(changed((parts) => (parts.domain = domain)))).toBe('RECORD_MALFORMED');
  });
});

describe('keys and signatures belong together', () => {
  it('so that keys of one with signatures of the other are refused', () => {
    const ofB = partsOf(recordOfB);
    expect(verdict(changed((parts) => (parts.signer = ofB.signer)))).toBe('SIGNATURE_INVALID ed25519');
    expect(verdict(changed((parts) => (parts.signatures = ofB.signatures)))).toBe('SIGNATURE_INVALID ed25519');
  });

  it.each(['ed25519', 'falcon1024'] as const)('so that one %s key cannot be exchanged', (algorithm) => {
    const ofB = partsOf(recordOfB);
    expect(verdict(changed((parts) => (parts.signer[algorithm] = ofB.signer[algorithm])))).toBe(
      'SIGNATURE_INVALID ed25519',
    );
    // Not even with the signature that belongs to it.
    const both = changed((parts) => {
      parts.signer[algorithm] = ofB.signer[algorithm];
      parts.signatures[algorithm] = ofB.signatures[algorithm];
    });
    expect(verdict(both)).toBe('SIGNATURE_INVALID ed25519');
  });

  it.each(['ed25519', 'falcon1024'] as const)('so that one %s signature cannot be exchanged', (algorithm) => {
    const ofB = partsOf(recordOfB);
    expect(verdict(changed((parts) => (parts.signatures[algorithm] = ofB.signatures[algorithm])))).toBe(
      `SIGNATURE_INVALID ${algorithm}`,
    );
    const ofOther = signAnything(a, 'probe', otherPayload);
    expect(verdict(changed((parts) => (parts.signatures[algorithm] = ofOther.signatures[algorithm])))).toBe(
      `SIGNATURE_INVALID ${algorithm}`,
    );
  });

  it('so that both signers may agree to one pair of keys, and then it is another signer', () => {
    const mixed = { ed25519: a.public.ed25519, falcon1024: b.public.falcon1024 };
    const secret = { ed25519: a.secret.ed25519, falcon1024: b.secret.falcon1024 };
    const agreed = signRecord(mixed, secret, 'probe', payload);
    expect(verdict(agreed)).toBe('holds');
    expect(verdict(agreed, 'probe', keyIdBytesOf(a.public))).toBe('SIGNER_MISMATCH');
    expect(verdict(agreed, 'probe', keyIdBytesOf(b.public))).toBe('SIGNER_MISMATCH');
  });

  it('so that neither signature stands for the other', () => {
    const sign = { ed25519: ed25519Sign, falcon1024: falconSign };
    for (const [algorithm, other] of [
      ['ed25519', 'falcon1024'],
      ['falcon1024', 'ed25519'],
    ] as const) {
      const crossed = changed((parts) => {
        parts.signatures[algorithm] = sign[algorithm](
          a.secret[algorithm],
          messageOf(other, 'probe', a.public, payload),
        );
      });
      expect(verdict(crossed)).toBe(`SIGNATURE_INVALID ${algorithm}`);
    }
    const places = changed((parts) => {
      parts.signatures = { ed25519: parts.signatures.falcon1024, falcon1024: parts.signatures.ed25519 };
    });
    expect(verdict(places)).toBe('RECORD_MALFORMED');
    const keys = changed((parts) => {
      parts.signer = { ed25519: parts.signer.falcon1024, falcon1024: parts.signer.ed25519 };
    });
    expect(verdict(keys)).toBe('RECORD_MALFORMED');
  });

  it('so that a signature of the payload alone counts for nothing', () => {
    const bare = changed((parts) => (parts.signatures.ed25519 = ed25519Sign(a.secret.ed25519, payload)));
    expect(verdict(bare)).toBe('SIGNATURE_INVALID ed25519');
  });

  it('so that the expected signer is the one who signed', () => {
    expect(verdict(record, 'probe', keyIdBytesOf(b.public))).toBe('SIGNER_MISMATCH');
    expect(verdict(record, 'probe', new Uint8Array(32))).toBe('SIGNER_MISMATCH');
  });

  it('so that another payload is refused', () => {
    expect(verdict(changed((parts) => (parts.payload = otherPayload)))).toBe('SIGNATURE_INVALID ed25519');
  });
});

describe('keys and signatures that are none', () => {
  it('are refused where every message would verify', () => {
    // The neutral point, 0 as s: S·B = R + h·A for any h. The platform takes it.
    const neutral = fromHex(`01${'00'.repeat(31)}`);
    const named = { ed25519: neutral, falcon1024: a.public.falcon1024 };
    const parts = signAnything(a, 'probe', payload, named);
    parts.signatures.ed25519 = fromHex(`01${'00'.repeat(63)}`);
    expect(verdict(encodeCbor(parts))).toBe('KEY_INVALID ed25519');
  });

  it('are refused where s is the same number in another encoding', () => {
    const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;
    const more = changed((parts) => {
      const signature = parts.signatures.ed25519;
      const s = BigInt(`0x${Buffer.from(signature.slice(32)).reverse().toString('hex')}`) + order;
      signature.set(Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse(), 32);
    });
    expect(verdict(more)).toBe('SIGNATURE_INVALID ed25519');
  });

  it('are refused where FALCON’s key or signature has another header or a tail', () => {
    expect(verdict(changed((parts) => (parts.signatures.falcon1024[0] = 0x2a)))).toBe('SIGNATURE_INVALID falcon1024');
    expect(verdict(changed((parts) => (parts.signatures.falcon1024[1279] = 1)))).toBe('SIGNATURE_INVALID falcon1024');
    expect(verdict(changed((parts) => parts.signatures.falcon1024.fill(0)))).toBe('SIGNATURE_INVALID falcon1024');
    const named = { ed25519: a.public.ed25519, falcon1024: new Uint8Array(1793) };
    expect(verdict(encodeCbor(signAnything(a, 'probe', payload, named)))).toBe('SIGNATURE_INVALID falcon1024');
  });

  it.each(['signer', 'signatures'] as const)('are refused where %s have another length', (which) => {
    for (const algorithm of ['ed25519', 'falcon1024'] as const) {
      expect(verdict(changed((parts) => (parts[which][algorithm] = parts[which][algorithm].slice(1))))).toBe(
        'RECORD_MALFORMED',
      );
      const longer = changed((parts) => (parts[which][algorithm] = new Uint8Array([...parts[which][algorithm], 0])));
      expect(verdict(longer)).toBe('RECORD_MALFORMED');
    }
  });
});

describe('a record has one encoding', () => {
  it('and none is a part of it, or longer', () => {
    const cut = Array.from({ length: record.length }, (_, length) => verdict(record.slice(0, length)));
    expect(new Set(cut)).toEqual(new Set(['RECORD_MALFORMED']));
    const longer = Array.from({ length: 256 }, (_, byte) => verdict(new Uint8Array([...record, byte])));
    expect(new Set(longer)).toEqual(new Set(['RECORD_MALFORMED']));
    expect(verdict(new Uint8Array([...record, ...record]))).toBe('RECORD_MALFORMED');
  });

  const without = (hex: string, part: string, instead: string): Uint8Array => {
    expect(hex.split(part).length).toBe(2);
    return fromHex(hex.replace(part, instead));
  };
  it.each([
    ['its version in two bytes', '617601', '61761801'],
    ['its version as a float', '617601', '6176fb3ff0000000000000'],
    ['its version with a tag', '617601', '6176c101'],
    ['a key with its length in two bytes', '617601', '78017601'],
    ['its domain as bytes', '6570726f6265', '4570726f6265'],
    ['its map with its size in two bytes', 'a5617601', 'b805617601'],
    ['its map without a size', 'a5617601', 'bf617601'],
    ['a field twice', 'a5617601', 'a6617601617601'],
    ['an inherited field', 'a5617601', 'a6617601695f5f70726f746f5f5fa0'],
    ['one field more', 'a5617601', 'a66161016176 01'.replace(' ', '')],
  ])('not with %s', (_, part, instead) => {
    expect(verdict(without(Buffer.from(record).toString('hex'), part, instead))).toBe('RECORD_MALFORMED');
  });

  it('not with its fields in another order', () => {
    const hex = Buffer.from(record).toString('hex');
    const version = '617601';
    const start = `a5${version}`;
    expect(hex.startsWith(start)).toBe(true);
    expect(verdict(fromHex(`a5${hex.slice(start.length)}${version}`))).toBe('RECORD_MALFORMED');
  });

  it.each(['v', 'domain', 'payload', 'signer', 'signatures'])('not without %s', (name) => {
    const parts: Record<string, unknown> = { ...partsOf(record) };
    delete parts[name];
    expect(verdict(encodeCbor(parts))).toBe('RECORD_MALFORMED');
    expect(verdict(encodeCbor({ ...parts, [`${name}2`]: 1 }))).toBe('RECORD_MALFORMED');
    expect(verdict(encodeCbor({ ...partsOf(record), [name]: null }))).toBe('RECORD_MALFORMED');
  });

  it.each([[null], [[]], [1], ['record'], [new Uint8Array(3267)], [{}], [{ v: 1 }]])('and is not %j', (value) => {
    expect(verdict(encodeCbor(value))).toBe('RECORD_MALFORMED');
  });

  it.each([[0], [-1], [1.5], ['1'], [null], [2n ** 63n]])('not with version %s', (version) => {
    expect(verdict(changed((parts) => (parts.v = version)))).toBe('RECORD_MALFORMED');
  });

  it('told from a later version, whatever fields that has', () => {
    expect(verdict(changed((parts) => (parts.v = 2)))).toBe('RECORD_VERSION');
    expect(verdict(encodeCbor({ v: 2, other: true }))).toBe('RECORD_VERSION');
  });

  it('of a payload in its one encoding', () => {
    for (const bytes of [new Uint8Array(), new Uint8Array([0x18, 0x01]), new Uint8Array([0, 0])]) {
      expect(verdict(encodeCbor(signAnything(a, 'probe', bytes)))).toBe('RECORD_MALFORMED');
      expect(() => signRecord(a.public, a.secret, 'probe', bytes)).toThrow(
        expect.objectContaining({ code: 'RECORD_MALFORMED' }) as Error,
      );
    }
  });

  it('of bounded size, which is looked at first', () => {
    expect(verdict(new Uint8Array(PAYLOAD_BYTES_MAX + 5000))).toBe('RECORD_MALFORMED');
  });
});
