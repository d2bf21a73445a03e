/** Newest lines kept in memory, for the Diagnostics page and `hypermesh logs`. At most some 10 MB, usually 1. */
export const LINES_KEPT = 5000;
/** A file is closed and the next begun at this size, in MiB. */
export const FILE_MIB_MAX = 5;
/** Files kept, the one being written included: 25 MiB in all hold weeks of a quiet node. */
export const FILES_KEPT = 5;
/** Bytes that may wait for a slow disk. Beyond it lines are left out of the file, and counted. */
export const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** A broken disk is reported at most this often, in ms. */
export const COMPLAINT_INTERVAL_MS = 60_000;

/** Longest message, and longest text in a context, in characters. */
export const TEXT_CHARACTERS_MAX = 2048;
/** A stack has more to say than other texts. */
export const STACK_CHARACTERS_MAX = 4096;
/** Entries of one object or list in a context. */
export const ENTRIES_MAX = 50;
/** Levels of objects within objects. */
export const DEPTH_MAX = 5;
/** Values in one context, all levels together: with the bounds above no line grows beyond some 100 KB. */
export const VALUES_MAX = 200;
