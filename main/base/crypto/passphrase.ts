import { argon2id } from 'hash-wasm';
import {
  AEAD_KEY_BYTES,
  ARGON2_LANES_MAX,
  ARGON2_MEMORY_KIB_MAX,
  ARGON2_PASSES_MAX,
  ARGON2_SALT_BYTES,
} from './constants.ts';
import { SealError } from './errors.ts';

export interface Argon2Costs {
  memoryKiB: number;
  passes: number;
  lanes: number;
}

const isWithin = (value: number, min: number, max: number): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

/** Whether these can be asked of a machine: they come from a file that anyone may have written. RFC 9106, section 3.1. */
export const isArgon2Costs = ({ memoryKiB, passes, lanes }: Argon2Costs): boolean =>
  isWithin(lanes, 1, ARGON2_LANES_MAX) &&
  isWithin(passes, 1, ARGON2_PASSES_MAX) &&
  isWithin(memoryKiB, 8 * lanes, ARGON2_MEMORY_KIB_MAX);

/**
 * Argon2id, RFC 9106, version 0x13. Takes about 0.2 s and 64 MiB at the usual costs: only in a worker. In WebAssembly, as
 * Electron's own crypto has no Argon2.
 *
 * @param passphrase - any text; NFKC, so that one keyboard's accents are another's
 * @param salt - 16 bytes
 * @returns 32 bytes
 * @throws {SealError} `SEAL_MALFORMED` when salt or costs are out of bounds, or the passphrase is empty
 */
export const passphraseKey = async (passphrase: string, salt: Uint8Array, costs: Argon2Costs): Promise<Uint8Array> => {
  const password = new TextEncoder().encode(passphrase.normalize('NFKC'));
  if (password.length === 0 || salt.length !== ARGON2_SALT_BYTES || !isArgon2Costs(costs))
    throw new SealError(
      { code: 'SEAL_MALFORMED', problem: 'passphrase, salt or costs are out of bounds', verdict: 'reject' },
      'The key of this passphrase cannot be computed: its salt or costs are none that HyperMesh writes. The file was changed or is damaged; use another copy of it.',
    );
  return argon2id({
    password,
    salt,
    parallelism: costs.lanes,
    iterations: costs.passes,
    memorySize: costs.memoryKiB,
    hashLength: AEAD_KEY_BYTES,
    outputType: 'binary',
  });
};
