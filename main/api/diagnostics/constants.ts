/** Below this the database may soon have no room for its log. */
export const DISK_FREE_BYTES_PROBLEM = 100 * 1024 * 1024;
/** Below this the owner should know: a shard store and job output come on top. */
export const DISK_FREE_BYTES_WARNING = 1024 * 1024 * 1024;
/** Database, logs, sockets and pipes of 64 jobs need a few hundred; the usual soft limit of 1024 leaves room. */
export const OPEN_FILES_MIN = 1024;
/** No clock that is right shows less: the day this version was made, 2026-01-01. */
export const CLOCK_MS_MIN = Date.UTC(2026, 0, 1);
/** Fifty years later; a clock beyond that is broken. */
export const CLOCK_MS_MAX = Date.UTC(2076, 0, 1);
/** A container engine or loopback that is there answers within milliseconds. */
export const PROBE_MS_MAX = 2_000;
/** Log lines in a bundle: about a day of ordinary life, a few hundred KiB. */
export const BUNDLE_LOG_LINES_MAX = 2_000;
/** A preview older than this is made again, so that nobody sends a state of last week. */
export const PREVIEW_MS_MAX = 15 * 60 * 1000;
/** Files that the ledger walks through; beyond it a folder is shown with "at least". */
export const LEDGER_FILES_MAX = 20_000;
