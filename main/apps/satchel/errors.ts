import { NodeError } from '../../base/index.ts';

/** Why an identity was not made, opened, kept or brought back. No message or field ever holds a word of a secret. */
export class IdentityError extends NodeError<
  | { code: 'IDENTITY_NONE' }
  /** There is one, locked or damaged perhaps; it is never replaced by another. */
  | { code: 'IDENTITY_EXISTS' }
  /** The phrase or backup is that of another identity than the one in this folder. */
  | { code: 'IDENTITY_OTHER' }
  | { code: 'IDENTITY_LOCKED' }
  | { code: 'IDENTITY_DAMAGED'; problem: string }
  | { code: 'IDENTITY_NEWER'; found: number }
  /** The file is there and the system does not let us read it. */
  | { code: 'IDENTITY_UNREADABLE'; reason: string }
  | { code: 'IDENTITY_NOT_WRITTEN'; reason: string }
  /** Too many requests wait for one another. */
  | { code: 'IDENTITY_BUSY' }
  | { code: 'DRAFT_UNKNOWN' }
  | { code: 'WORDS_WRONG'; triesLeft: number }
  | { code: 'PASSPHRASE_WRONG' }
  | { code: 'PASSPHRASE_NEEDED' }
  | { code: 'TOO_MANY_ATTEMPTS'; retryAtMs: number }
  | { code: 'KEY_STORE_UNAVAILABLE'; reason: string }
  | { code: 'BACKUP_UNREADABLE'; problem: string }
  | { code: 'BACKUP_NEWER'; found: number }
  | { code: 'STOPPING' }
> {
  override readonly name = 'IdentityError';
}
