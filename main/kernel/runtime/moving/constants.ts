/** As a work folder bounds it. */
export const ENTRIES_MAX = 100_000;
export const COPY_BYTES_MAX = 64 * 1024 * 1024 * 1024;
/** Steps under way at once: enough to keep a link busy, 4 MiB of blocks at most. */
export const STEPS_MAX = 16;
/** Where the source has no blocks of its own. Hashing one takes about a millisecond. */
export const BLOCK_BYTES = 256 * 1024;
/** What one change may bring, from whoever sends it. */
export const CHANGE_BYTES_MAX = 1024 * 1024;
