import { argon2id } from 'hash-wasm';
import { AEAD_KEY_BYTES } from './constants.ts';

export interface Argon2Costs {
  memoryKiB: number;
  passes: number;
  lanes: number;
}

/**
 * Argon2id, RFC 9106, version 0x13. Takes about 0.2 s and 64 MiB at the usual costs: only in a worker. In WebAssembly, as
 * Electron's own crypto has no Argon2.
 *
 * @param passphrase - any text; NFKC, so that one keyboard's accents are another's
 * @returns 32 bytes
 */
export const passphraseKey = async (passphrase: string, salt: Uint8Array, costs: Argon2Costs): Promise<Uint8Array> =>
  argon2id({
    password: passphrase.normalize('NFKC'),
    salt,
    parallelism: costs.lanes,
    iterations: costs.passes,
    memorySize: costs.memoryKiB,
    hashLength: AEAD_KEY_BYTES,
    outputType: 'binary',
  });
