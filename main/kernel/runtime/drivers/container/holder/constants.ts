/** docs/formats/holder-frames.md. What native-helpers/holder/holder.h says as well. */
export const HOLDER_VERSION = 1;
export const KEY_BYTES = 16;
export const SYNC_BYTES = 24;
export const HEADER_BYTES = 9;
export const TRAILER_BYTES = 4;
/** Of one read or write of a file. */
export const DATA_BYTES_MAX = 65_536;
export const PAYLOAD_BYTES_MAX = DATA_BYTES_MAX + 2048;
export const FRAME_BYTES_MAX = HEADER_BYTES + PAYLOAD_BYTES_MAX + TRAILER_BYTES;
/** What a channel may send before it is told that some was taken. */
export const WINDOW_BYTES = 65_536;
export const CHUNK_BYTES = 32_768;
export const ENTRIES_MAX = 100_000;
/** Of one listing, as the holder bounds it. */
export const LIST_BYTES_MAX = 32 * 1024 * 1024;
/** Hashes in one answer, of blocks of `DATA_BYTES_MAX`. */
export const BLOCKS_MAX = 256;

/** Requests about files that are on their way at once; more wait. Enough that the pipe is never empty, 1 MiB here at most. */
export const REQUESTS_MAX = 16;
/** The holder takes a node that was silent for 20 s for dead. */
export const PING_INTERVAL_MS = 5000;
/** A listing of all that is allowed takes less; a machine that slept answers at once. */
export const ANSWER_MS_MAX = 12_000;
export const SYNC_MS_MAX = 4000;
export const SYNC_TRIES = 5;
/** While an engine is replaced under running containers it does not answer for some seconds. */
export const ATTACH_TRIES = 40;
export const ATTACH_PAUSE_MS = 500;
/** For a job to say where it wants to go. */
export const GREETING_MS_MAX = 10_000;
export const HTTP_HEAD_BYTES_MAX = 16_384;

/** Its own memory: 16 MiB of what waits for the job, the kernel's buffers of 256 connections, the program. */
export const HOLDER_MEMORY_BYTES = 48 * 1024 * 1024;
/** The kernel's memory for one file or folder in memory, with some to spare. */
export const INODE_BYTES = 1536;
/** Threads of the engine's own starter count as well; the program itself has one. */
export const HOLDER_PIDS_MAX = 16;
/** Of 100 ms: the holder works for its job, so it gets no more than one core, and less than anything else that wants it. */
export const HOLDER_CPU_QUOTA_US = 100_000;
