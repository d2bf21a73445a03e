/** Version of the folder's layout, docs/formats/data-folder.md. */
export const FORMAT_VERSION = 1;
export const FORMAT_FILE = 'format';
export const LOCK_FILE = 'lock.db';
export const NODE_FILE = 'node.json';

/**
 * How long a start waits for the lock, in ms. A node that is just ending, or a client that looks whether one runs, holds
 * it for a moment.
 */
export const LOCK_WAIT_MS = 300;

/**
 * Bytes that must fit on the disk for a start. SQLite's log alone takes a few pages with the first change; with less
 * the node would fail at its first write and not with a sentence.
 */
export const FREE_BYTES_NEEDED = 256 * 1024;

/** `node.json` has some 300 bytes. What is larger is not ours. */
export const NODE_FILE_BYTES_MAX = 16 * 1024;

/**
 * What a first start that was cut short may leave before the format file is there. `electron` is Chromium's profile,
 * which the desktop creates before the node opens the folder.
 */
export const LEFT_OVER_NAMES: ReadonlySet<string> = new Set([
  LOCK_FILE,
  `${LOCK_FILE}-journal`,
  `${FORMAT_FILE}.new`,
  'tmp',
  'logs',
  'electron',
]);
