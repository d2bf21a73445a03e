const MIB = 1024 * 1024;
const MINUTE_MS = 60_000;

/** Quota where nobody says otherwise. */
export const CONTENT_BYTES_MAX = 4 * 1024 * MIB;
/** Left free on the disk whatever the quota says: a system without any free room loses more than a job. */
export const FREE_BYTES_MIN = 1024 * MIB;
/** Files at once. The index of so many takes some 20 MiB of memory. */
export const FILES_MAX = 65_536;
/** Names that one holder may hold: files of a job in and out, layers of an image. */
export const HELD_PER_HOLDER_MAX = 16_384;
/** The disk is asked how much is free before so many further bytes are written. */
export const FREE_CHECK_BYTES = 16 * MIB;
/** Gathered before it is hashed and written: one piece takes below a millisecond. */
export const BLOCK_BYTES = 256 * 1024;
/** The time of last use is written so often at most: it only orders what goes first. */
export const USED_STEP_MS = MINUTE_MS;

/** Uploads of the owner at once. */
export const UPLOADS_MAX = 16;
/** An upload of which nothing was heard for so long is thrown away. */
export const UPLOAD_IDLE_MS = 10 * MINUTE_MS;
