import type { Task } from '../../base/workers/index.ts';

/**
 * Work on identities: derivation, Argon2id and FALCON take up to seconds. What fails as expected is told as data, since an
 * error that crosses from a thread has lost its code. Loaded when first used: most threads never see a key.
 */
export const satchelTasks: Record<string, Task> = {
  /** {@link CreateInput} to {@link CreateOutput}. */
  'satchel.create': async (input) => (await import('./work.ts')).satchelWork.create(input),
  /** {@link SealInput} to {@link Made}. */
  'satchel.seal': async (input) => (await import('./work.ts')).satchelWork.seal(input),
  /** Bytes to {@link ReadOutput}. */
  'satchel.read': async (input) => (await import('./work.ts')).satchelWork.read(input),
  /** {@link OpenInput} to {@link OpenOutput}. */
  'satchel.open': async (input) => (await import('./work.ts')).satchelWork.open(input),
  /** {@link BackupInput} to the bytes of a backup file. */
  'satchel.backup': async (input) => (await import('./work.ts')).satchelWork.backup(input),
  /** Bytes of a file to {@link MessageOutcome}. */
  'satchel.verifyMessage': async (input) => (await import('./wallet/work.ts')).verifyMessage(input),
  /** Bytes and passphrase to {@link OpenBackupOutput}. */
  'satchel.openBackup': async (input) => (await import('./work.ts')).satchelWork.openBackup(input),
};
