import { NodeError } from '../base/errors.ts';

/** What the desktop shell refuses. */
export class DesktopError extends NodeError<
  /** The entry that starts the app at login could not be written. */
  | { code: 'AUTOSTART_NOT_WRITTEN'; reason: string }
  /** The operating system's key store does not keep or give back a key. */
  | { code: 'KEY_STORE_REFUSED' }
> {
  override readonly name = 'DesktopError';
}
