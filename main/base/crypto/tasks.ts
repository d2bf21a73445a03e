import type { Task } from '../workers/index.ts';
import { makeSelfMadeCertificate } from './certificate.ts';
import { deriveKeys } from './derive-keys.ts';
import type { DerivedKeys, Domain, SignerKeys, SignerSecrets } from './interface.ts';
import { kemDecapsulate } from './ml-kem.ts';
import { type Argon2Costs, passphraseKey } from './passphrase.ts';
import { signRecord } from './signed-record.ts';

export interface SignInput {
  keys: SignerKeys;
  secrets: SignerSecrets;
  domain: Domain;
  payload: Uint8Array;
}
export interface PassphraseKeyInput {
  passphrase: string;
  salt: Uint8Array;
  costs: Argon2Costs;
}

/** Cryptography that would hold the main thread for too long. Secrets cross into the thread and die with the message. */
export const cryptoTasks: Record<string, Task> = {
  /** Takes 32 bytes of entropy, gives {@link DerivedKeys}. */
  'crypto.deriveKeys': (input) => deriveKeys(input as Uint8Array),
  /** Takes all keys and the time, gives the encoded certificate. */
  'crypto.makeCertificate': (input) => {
    const { keys, issuedAtMs } = input as { keys: DerivedKeys; issuedAtMs: number };
    return makeSelfMadeCertificate(keys, issuedAtMs);
  },
  /** Takes {@link SignInput}, gives the encoded record. */
  'crypto.sign': (input) => {
    const { keys, secrets, domain, payload } = input as SignInput;
    return signRecord(keys, secrets, domain, payload);
  },
  /** Takes {@link PassphraseKeyInput}, gives 32 bytes. */
  'crypto.passphraseKey': (input) => {
    const { passphrase, salt, costs } = input as PassphraseKeyInput;
    return passphraseKey(passphrase, salt, costs);
  },
  /** Takes secret key and ciphertext, gives the shared secret. */
  'crypto.decapsulate': (input) => {
    const { secret, cipherText } = input as { secret: Uint8Array; cipherText: Uint8Array };
    return kemDecapsulate(secret, cipherText);
  },
};
