import type { Task } from '../workers/index.ts';
import type { DerivedKeys, Domain, SignerKeys, SignerSecrets } from './interface.ts';
import type { Argon2Costs } from './passphrase.ts';

export interface SignInput {
  keys: SignerKeys;
  secrets: SignerSecrets;
  domain: Domain;
  payload: Uint8Array;
  /** 48 fresh bytes, in simulations only; see `falconSign`. */
  random?: Uint8Array;
}
export interface AccountInput {
  entropy: Uint8Array;
  /** Of the account in the phrase, from 0. */
  place: number;
}
export interface PassphraseKeyInput {
  passphrase: string;
  salt: Uint8Array;
  costs: Argon2Costs;
}

/**
 * Cryptography that would hold the main thread for too long. Secrets cross into the thread and die with the message. Each task
 * loads what it needs when it first runs: FALCON's tables take 20 MiB and 50 ms, and most threads never sign.
 */
export const cryptoTasks: Record<string, Task> = {
  /** Takes 32 bytes of entropy, gives {@link DerivedKeys}. */
  'crypto.deriveKeys': async (input) => (await import('./derive-keys.ts')).deriveKeys(input as Uint8Array),
  /** Takes 32 bytes of entropy and a place, gives the keys of that account. */
  'crypto.deriveAccount': async (input) => {
    const { entropy, place } = input as AccountInput;
    const { deriveAccount } = await import('./derive-keys.ts');
    try {
      return deriveAccount(entropy, place);
    } finally {
      entropy.fill(0);
    }
  },
  /** Takes all keys and the time, gives the encoded certificate. */
  'crypto.makeCertificate': async (input) => {
    const { keys, issuedAtMs } = input as { keys: DerivedKeys; issuedAtMs: number };
    const { makeSelfMadeCertificate } = await import('./certificate.ts');
    return makeSelfMadeCertificate(keys, issuedAtMs);
  },
  /** Takes {@link SignInput}, gives the encoded record. */
  'crypto.sign': async (input) => {
    const { keys, secrets, domain, payload, random } = input as SignInput;
    const { signRecord } = await import('./signed-record.ts');
    return signRecord(keys, secrets, domain, payload, random);
  },
  /** Takes {@link PassphraseKeyInput}, gives 32 bytes. */
  'crypto.passphraseKey': async (input) => {
    const { passphrase, salt, costs } = input as PassphraseKeyInput;
    const { passphraseKey } = await import('./passphrase.ts');
    return passphraseKey(passphrase, salt, costs);
  },
  /** Takes secret key and ciphertext, gives the shared secret. */
  'crypto.decapsulate': async (input) => {
    const { secret, cipherText } = input as { secret: Uint8Array; cipherText: Uint8Array };
    const { kemDecapsulate } = await import('./ml-kem.ts');
    return kemDecapsulate(secret, cipherText);
  },
};
