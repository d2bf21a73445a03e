import { decodeCbor, encodeCbor, sha256 } from '../../main/base/index.ts';
import {
  type DerivedKeys,
  ed25519Sign,
  falconSign,
  keyIdBytesOf,
  type SignerKeys,
} from '../../main/base/crypto/index.ts';

/** A signed record as docs/formats/signed-record.md writes it, to be taken apart and put together wrongly. */
export interface RecordParts {
  v: unknown;
  domain: unknown;
  payload: unknown;
  signer: SignerKeys;
  signatures: SignerKeys;
}

export const partsOf = (record: Uint8Array): RecordParts => decodeCbor(record) as RecordParts;

/** What is signed, written down once more from the page on the format. */
export const messageOf = (
  algorithm: 'ed25519' | 'falcon1024',
  domain: string,
  keys: SignerKeys,
  payload: Uint8Array,
): Uint8Array => encodeCbor(['hypermesh-signed-record', 1, algorithm, domain, keyIdBytesOf(keys), sha256(payload)]);

/** A record with sound signatures over whatever it is given. */
export const signAnything = (
  by: DerivedKeys['node'],
  domain: string,
  payload: Uint8Array,
  named: SignerKeys = by.public,
): RecordParts => ({
  v: 1,
  domain,
  payload,
  signer: { ...named },
  signatures: {
    ed25519: ed25519Sign(by.secret.ed25519, messageOf('ed25519', domain, named, payload)),
    falcon1024: falconSign(by.secret.falcon1024, messageOf('falcon1024', domain, named, payload)),
  },
});
