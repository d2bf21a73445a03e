import { workRefused } from '../errors.ts';

/** Of a path in a work folder, in UTF-8. */
const PATH_BYTES_MAX = 1023;
const PART_BYTES_MAX = 255;
const DEPTH_MAX = 64;

/**
 * Paths come from images, peers and jobs.
 *
 * @throws {RuntimeError} `WORK_REFUSED` for one that is absolute, leads anywhere else, or is longer or deeper than any work folder
 *   takes: 1023 bytes, 255 for each part, 64 parts
 */
export const checkWorkPath = (path: string): void => {
  // Without the shortening a sentence could be as long as whoever sent it likes.
  const shown = path.slice(0, 80);
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) throw workRefused(shown, 'the path is too long');
  const parts = path.split('/');
  if (path.includes('\0') || !path.isWellFormed() || parts.some((part) => part === '' || part === '.' || part === '..'))
    throw workRefused(shown, 'a path must be relative, with no empty part, `.` or `..`');
  if (parts.length > DEPTH_MAX || parts.some((part) => Buffer.byteLength(part) > PART_BYTES_MAX))
    throw workRefused(shown, 'the path is too deep, or a part of it is too long');
};
