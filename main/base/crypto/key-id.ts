import { base32 } from 'multiformats/bases/base32';
import { encodeCbor, sha256 } from '../codec.ts';
import { KEY_ID_BYTES } from './constants.ts';
import type { KeyId, KeyIdBytes, SignerKeys } from './interface.ts';

const KEY_ID = /^key:b[a-z2-7]{52}$/;

/** Names both public keys together: SHA-256 over the dag-cbor list `["hypermesh-key", 1, ed25519, falcon1024]`. 32 bytes. */
export const keyIdBytesOf = ({ ed25519, falcon1024 }: SignerKeys): KeyIdBytes =>
  sha256(encodeCbor(['hypermesh-key', 1, ed25519, falcon1024]));

export const keyIdText = (bytes: KeyIdBytes): KeyId => `key:${base32.encode(bytes)}` as KeyId;

/** @returns the 32 bytes, or null when the text is no key id */
export const parseKeyId = (text: string): KeyIdBytes | null => {
  if (!KEY_ID.test(text)) return null;
  try {
    const bytes = base32.decode(text.slice('key:'.length));
    return bytes.length === KEY_ID_BYTES && keyIdText(bytes) === text ? bytes : null;
  } catch {
    // The last character carries spare bits; only zero ones are canonical, and the decoder throws on others.
    return null;
  }
};
