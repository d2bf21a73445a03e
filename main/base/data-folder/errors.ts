import { NodeError } from '../errors.ts';

/** Why a data folder was not opened. Nothing in it was changed. */
export class DataFolderError extends NodeError<
  /** It holds files, and none says that they are ours; or it is no folder at all. */
  | { code: 'DATA_FOLDER_FOREIGN'; path: string; reason: string }
  /** Laid out by a newer version of the app. */
  | { code: 'DATA_FOLDER_NEWER'; path: string; foundVersion: number; knownVersion: number }
  /** It belongs to another user of the machine. */
  | { code: 'DATA_FOLDER_NOT_OURS'; path: string; ownerId: number; userId: number }
  /** It cannot be created or written to. */
  | { code: 'DATA_FOLDER_READ_ONLY'; path: string; reason: string }
  /** Asked for by a client, and there is none. */
  | { code: 'DATA_FOLDER_MISSING'; path: string }
  /** A node runs in it. The fields are null while that node has not told yet where it is. */
  | {
      code: 'DATA_FOLDER_IN_USE';
      path: string;
      pid: number | null;
      url: string | null;
      mode: 'desktop' | 'headless' | null;
    }
  /** No room on its disk. */
  | { code: 'DISK_FULL'; path: string }
> {
  override readonly name = 'DataFolderError';
}
