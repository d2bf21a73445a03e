/** Blocks of what content is hashed in: large enough that the call costs nothing, small enough for the first cache. */
export const HASH_BLOCK_BYTES = 64 * 1024;
/** Long enough for the clock to settle at its highest, short enough for six parts to end within 20 s. */
export const CPU_DURATION_MS = 2_000;
export const MEMORY_DURATION_MS = 2_000;
/** Each of two arrays: together more than the last-level cache of any desktop processor (the largest have 192 MiB). */
export const MEMORY_ARRAY_BYTES = 128 * 1024 * 1024;
/** Where less memory is free, so that measuring pushes nothing out of it. */
export const MEMORY_SHARE_OF_FREE = 1 / 8;
/** Smallest arrays that still leave a cache; below, memory is not measured. */
export const MEMORY_ARRAY_BYTES_MIN = 32 * 1024 * 1024;
/** What is written to disk at most, and in which pieces. */
export const DISK_BYTES_MAX = 256 * 1024 * 1024;
export const DISK_BLOCK_BYTES = 1024 * 1024;
/** Never more than a quarter of what is free: the owner's disk comes first. */
export const DISK_SHARE_OF_FREE = 1 / 4;
/** Below this the figure would be that of the disk's own cache. */
export const DISK_BYTES_MIN = 16 * 1024 * 1024;
/** Written data is forced to the disk this often, so that a slow one is noticed early and the time bound holds. */
export const DISK_SYNC_BYTES = 16 * 1024 * 1024;
export const DISK_WRITE_DURATION_MS = 4_000;
export const DISK_READ_DURATION_MS = 3_000;
/** The probe multiplies for about three seconds; a card that hangs is given up after this. */
export const GPU_DURATION_MS_MAX = 6_000;
