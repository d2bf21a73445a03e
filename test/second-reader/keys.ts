/** From a recovery phrase to all public keys, written from docs/formats/keys.md. */
import { createPrivateKey, createPublicKey, hkdfSync, pbkdf2Sync } from 'node:crypto';
import { falcon1024padded } from '@noble/post-quantum/falcon.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';

/** Public keys of a node or an account. */
export interface PublicKeys {
  readonly ed25519: Uint8Array;
  readonly falcon1024: Uint8Array;
}

/** Derive the public keys of the node and its account from a phrase. */
export function publicKeysOf(phrase: string): { node: PublicKeys; account: PublicKeys; mlKem1024: Uint8Array } {
  const seed = pbkdf2Sync(phrase, 'mnemonic', 2048, 64, 'sha512');
  const part = (label: string, length: number) =>
    new Uint8Array(hkdfSync('sha512', seed, 'hypermesh key derivation v1', label, length));
  const pair = (name: string): PublicKeys => ({
    ed25519: ed25519Of(part(`${name}/ed25519`, 32)),
    falcon1024: falcon1024padded.keygen(part(`${name}/falcon-1024`, 48)).publicKey,
  });
  const mlKem1024 = ml_kem1024.keygen(part('node/ml-kem-1024', 64)).publicKey;
  return { node: pair('node'), account: pair('account/0'), mlKem1024 };
}

function ed25519Of(seed: Uint8Array): Uint8Array {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);
}
