import { ed25519PublicKey } from './ed25519.ts';
import { falconKeys } from './falcon.ts';
import { hkdfSha512 } from './hkdf.ts';
import type { DerivedKeys, SignerKeys, SignerSecrets } from './interface.ts';
import { kemKeys } from './ml-kem.ts';
import { seedOfPhrase } from './phrase.ts';

/** Salt of every derivation; the version is in it, so that a later one shares nothing with this. */
const SALT = new TextEncoder().encode('hypermesh key derivation v1');

/** One label per key, docs/formats/keys.md. A label once used is never used for anything else. */
export const KEY_LABELS = {
  nodeEd25519: 'node/ed25519',
  nodeFalcon: 'node/falcon-1024',
  nodeKem: 'node/ml-kem-1024',
  accountEd25519: 'account/0/ed25519',
  accountFalcon: 'account/0/falcon-1024',
} as const;

/** Derives every key of an identity. Takes more than a second (two FALCON keys): only in a worker. @param entropy - 32 bytes */
export const deriveKeys = (entropy: Uint8Array): DerivedKeys => {
  const seed = seedOfPhrase(entropy);
  const part = (label: string, length: number): Uint8Array => hkdfSha512(seed, SALT, label, length);
  const signer = (ed25519Label: string, falconLabel: string): { public: SignerKeys; secret: SignerSecrets } => {
    const ed25519 = part(ed25519Label, 32);
    const falcon = falconKeys(part(falconLabel, 48));
    return {
      public: { ed25519: ed25519PublicKey(ed25519), falcon1024: falcon.public },
      secret: { ed25519, falcon1024: falcon.secret },
    };
  };
  return {
    node: signer(KEY_LABELS.nodeEd25519, KEY_LABELS.nodeFalcon),
    kem: kemKeys(part(KEY_LABELS.nodeKem, 64)),
    account: signer(KEY_LABELS.accountEd25519, KEY_LABELS.accountFalcon),
  };
};
