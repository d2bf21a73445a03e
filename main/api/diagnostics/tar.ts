import { TAR_END, tarHeader, tarPadding } from '../../base/index.ts';

/**
 * One uncompressed archive of ordinary files, mode 0600, owner 0.
 *
 * @param files - names of at most 100 bytes with `/` between folders
 * @param modifiedMs - stamp of every file
 * @throws {RangeError} for a name that does not fit
 */
export const packTar = (files: readonly { name: string; content: Uint8Array }[], modifiedMs: number): Uint8Array =>
  Buffer.concat([
    ...files.flatMap(({ name, content }) => [
      tarHeader(name, content.length, { mode: 0o600, modifiedMs }),
      content,
      tarPadding(content.length),
    ]),
    TAR_END,
  ]);
