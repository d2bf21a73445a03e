import type { Task } from '../../base/index.ts';

/** What came from a peer and does not hold is an outcome here, not a failure of the thread. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; problem: string };

const outcomeOf = <T>(work: () => T): Outcome<T> => {
  try {
    return { ok: true, value: work() };
  } catch (error) {
    // Expected ones only: a bug must end as one.
    if (error instanceof Error && 'data' in error) return { ok: false, problem: error.message };
    throw error;
  }
};

/** ML-KEM takes one to two milliseconds an operation, FALCON two to verify. Each task loads only what it needs. */
export const stoqTasks: Record<string, Task> = {
  /** Takes a seed of 64 bytes, gives a fresh pair of keys. */
  'stoq.kemKeys': async (input) => (await import('../../base/crypto/index.ts')).kemKeys(input as Uint8Array),
  /** Takes a peer's key and 32 fresh bytes, gives an {@link Outcome} of ciphertext and secret. */
  'stoq.encapsulate': async (input) => {
    const { key, random } = input as { key: Uint8Array; random: Uint8Array };
    const { kemEncapsulate } = await import('../../base/crypto/index.ts');
    return outcomeOf(() => kemEncapsulate(key, random));
  },
  /** Takes the secret key and a ciphertext of the right size, gives the secret. */
  'stoq.decapsulate': async (input) => {
    const { secret, cipherText } = input as { secret: Uint8Array; cipherText: Uint8Array };
    return (await import('../../base/crypto/index.ts')).kemDecapsulate(secret, cipherText);
  },
  /** Takes a self-made certificate, gives an {@link Outcome} of what it says. */
  'stoq.verifyCertificate': async (input) => {
    const { verifySelfMadeCertificate } = await import('../../base/crypto/index.ts');
    return outcomeOf(() => verifySelfMadeCertificate(input as Uint8Array));
  },
  /** Takes domain and record, gives an {@link Outcome} of the verified record. */
  'stoq.verifyRecord': async (input) => {
    const { domain, record } = input as { domain: 'stoq-handshake'; record: Uint8Array };
    const { verifyRecord } = await import('../../base/crypto/index.ts');
    return outcomeOf(() => verifyRecord(record, { domain }));
  },
};
