/** Largest module that is read. Kept equal to the contract's `MODULE_BYTES_MAX` by a test, since only types are imported from there. */
export const MODULE_BYTES_MAX = 32 * 1024 * 1024;

/** Jobs alive at once. Each is a process of about 50 MB, so that a machine of 4 GiB is not brought down by idle ones. */
export const JOBS_RUNNING_MAX = 64;
/** Jobs kept in the store, ended ones included; the oldest ended go first. */
export const JOBS_KEPT_MAX = 1000;
/** Jobs that `list` answers with, as the contract says. */
export const JOBS_LISTED_MAX = 200;
/** Output of all jobs together in the store: 1000 jobs at the 16 MiB that one may write would fill a small disk. */
export const OUTPUT_STORED_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Memory of its own that a host process takes beside the program's: 31 MB for Node itself, up to 55 MB (measured) when
 * V8 has compiled the engine a second time and its heap has grown, and room for what other machines and programs do to
 * that. Promised and watched together with the program's memory.
 */
export const HOST_OVERHEAD_BYTES = 96 * 1024 * 1024;
/** Machine code and tables that V8 makes of one byte of WebAssembly: 4 to 7 measured with both compilers' code alive. */
export const COMPILED_BYTES_PER_MODULE_BYTE = 8;

/** Above this, decoding, hashing and reading a module takes more than a few milliseconds and goes to a worker. */
export const INSPECT_INLINE_BYTES_MAX = 1024 * 1024;

/** Seconds between measurements of a running job; also how often faces hear of it. */
export const SAMPLE_INTERVAL_MS = 1000;
/** A longer gap between two samples means that the machine slept or the node hung: it counts as one interval. */
export const SAMPLE_GAP_MS_MAX = 10_000;
/** A host that has not begun the program by then (a compiler bomb, a machine out of memory) is ended. Frozen time left out. */
export const START_MS_MAX = 60_000;
/** How long `submit` waits for the host's verdict on the module before it answers with a job that is still starting. */
export const SUBMIT_WAIT_MS_MAX = 10_000;

/** Output that may wait for the store, per job. The host is not read meanwhile, so it blocks in its write. */
export const OUTPUT_PENDING_BYTES_MAX = 512 * 1024;
/** Largest chunk, in the store and in events: small enough for a WebSocket message. */
export const OUTPUT_CHUNK_BYTES_MAX = 256 * 1024;
/** How long output is gathered before it is stored and told. */
export const OUTPUT_GATHER_MS = 50;
/** Output events per second and job. */
export const OUTPUT_EVENTS_PER_SECOND_MAX = 20;
/** Bytes in one answer of `output`. */
export const OUTPUT_ANSWER_BYTES_MAX = 1024 * 1024;

/** Bytes of the host's own diagnostics that are kept to explain a crash. */
export const DIAGNOSTICS_BYTES_MAX = 8 * 1024;
/** Longest message of an end: a stack trace fits, a hostile error message does not fill the store. */
export const END_MESSAGE_CHARS_MAX = 4096;

/**
 * Processor time that a host may take before its share is held, so that a job of one percent starts as quickly as one
 * of a hundred. Over 20 s it moves the mean by at most 0.75 points.
 */
export const START_ALLOWANCE_CPU_MS = 150;
