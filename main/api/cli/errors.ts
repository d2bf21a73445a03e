import { NodeError } from '../../base/errors.ts';
import type { CallError } from '../../../preload/contract/index.ts';

/** Why a command of the command line came to nothing. */
export class CliError extends NodeError<
  /** A word, flag or value that the command does not take. */
  | { code: 'USAGE' }
  /** No node runs with this data folder. */
  | { code: 'NO_NODE' }
  /** A node runs already, and another was asked for. */
  | { code: 'NODE_RUNNING'; url: string | null }
  /** A file that was named cannot be read. */
  | { code: 'FILE_UNREADABLE'; path: string }
  /** A file that was named for output is there already. */
  | { code: 'FILE_EXISTS'; path: string }
  /** A file with a secret can be read by others. */
  | { code: 'SECRET_FILE_OPEN'; path: string }
  /** Something must be asked, and nobody is there to answer. */
  | { code: 'TERMINAL_NEEDED' }
  /** A secret stands on the command line, where other programs can read it. */
  | { code: 'SECRET_IN_ARGUMENTS' }
  | { code: 'IDENTITY_EXISTS' }
  /** A file that was asked for cannot be written. */
  | { code: 'FILE_NOT_WRITTEN'; path: string }
  | { code: 'MODULE_TOO_LARGE'; bytes: number; bytesMax: number }
  /** More than a job takes. */
  | { code: 'TOO_MANY_FILES'; files: number; filesMax: number }
  /** What a job left would be written outside of the folder that was named. */
  | { code: 'PATH_OUTSIDE'; path: string }
  /** Somebody was asked whether to sign, and did not agree. */
  | { code: 'DECLINED' }
  /** Ctrl-C. */
  | { code: 'INTERRUPTED' }
> {
  override readonly name = 'CliError';
}

/** What a node answered in place of a value, on its way to the top of a command. */
export class AnswerError extends NodeError<{ code: string }> {
  override readonly name = 'AnswerError';
  /** The error's data as the node sent it. */
  readonly details: Readonly<Record<string, unknown>>;
  constructor({ code, message, data = {} }: CallError) {
    super({ code }, message);
    this.details = data;
  }
}
