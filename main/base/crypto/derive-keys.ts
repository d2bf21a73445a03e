import { assert } from '../errors.ts';
import { ed25519PublicKey } from './ed25519.ts';
import { falconKeys } from './falcon.ts';
import { hkdfSha512 } from './hkdf.ts';
import type { DerivedKeys, SignerKeys, SignerSecrets } from './interface.ts';
import { kemKeys } from './ml-kem.ts';
import { ENTROPY_BYTES, seedOfPhrase } from './phrase.ts';

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

/** What each key is made from, by the names of {@link KEY_LABELS}. Takes some 20 ms. @param entropy - 32 bytes */
export const keySeeds = (entropy: Uint8Array): Record<keyof typeof KEY_LABELS, Uint8Array> => {
  assert(entropy.length === ENTROPY_BYTES, 'an identity is derived from 32 bytes');
  const seed = seedOfPhrase(entropy);
  const part = (label: string, length: number): Uint8Array => hkdfSha512(seed, SALT, label, length);
  return {
    nodeEd25519: part(KEY_LABELS.nodeEd25519, 32),
    nodeFalcon: part(KEY_LABELS.nodeFalcon, 48),
    nodeKem: part(KEY_LABELS.nodeKem, 64),
    accountEd25519: part(KEY_LABELS.accountEd25519, 32),
    accountFalcon: part(KEY_LABELS.accountFalcon, 48),
  };
};

const signerOf = (ed25519: Uint8Array, falconSeed: Uint8Array): { public: SignerKeys; secret: SignerSecrets } => {
  const falcon = falconKeys(falconSeed);
  return {
    public: { ed25519: ed25519PublicKey(ed25519), falcon1024: falcon.public },
    secret: { ed25519, falcon1024: falcon.secret },
  };
};

/** Further accounts of one phrase. The first has the place 0. */
export const ACCOUNT_PLACE_MAX = 2 ** 31 - 1;

/**
 * Derives the keys of one account. Takes some 0.6 s (a FALCON key): only in a worker.
 *
 * @param entropy - 32 bytes
 * @param place - of the account in the phrase, from 0 to {@link ACCOUNT_PLACE_MAX}
 */
export const deriveAccount = (entropy: Uint8Array, place: number): DerivedKeys['account'] => {
  assert(entropy.length === ENTROPY_BYTES, 'an account is derived from 32 bytes');
  assert(
    Number.isSafeInteger(place) && place >= 0 && place <= ACCOUNT_PLACE_MAX,
    'accounts of a phrase are counted from 0',
  );
  const seed = seedOfPhrase(entropy);
  const keys = signerOf(
    hkdfSha512(seed, SALT, `account/${place}/ed25519`, 32),
    hkdfSha512(seed, SALT, `account/${place}/falcon-1024`, 48),
  );
  seed.fill(0);
  return keys;
};

/** Derives every key of an identity. Takes more than a second (two FALCON keys): only in a worker. @param entropy - 32 bytes */
export const deriveKeys = (entropy: Uint8Array): DerivedKeys => {
  const seeds = keySeeds(entropy);
  return {
    node: signerOf(seeds.nodeEd25519, seeds.nodeFalcon),
    kem: kemKeys(seeds.nodeKem),
    account: signerOf(seeds.accountEd25519, seeds.accountFalcon),
  };
};
