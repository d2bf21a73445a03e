import { NodeError } from '../base/errors.ts';

/** What the desktop shell refuses. */
export class DesktopError extends NodeError<
  /** The entry that starts the app at login could not be written. */
  { code: 'AUTOSTART_NOT_WRITTEN'; reason: string }
> {
  override readonly name = 'DesktopError';
}
