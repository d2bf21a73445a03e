import { NodeError } from '../../base/errors.ts';

export class DiagnosticsError extends NodeError<
  /** The file could not be written; nothing half-written is left. */
  { code: 'BUNDLE_NOT_WRITTEN'; path: string; cause: string }
> {
  override readonly name = 'DiagnosticsError';
}
