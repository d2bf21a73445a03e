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

/**
 * CPython as WebAssembly in a host: the module's bytes while it is compiled, its code as it is compiled function by function, and V8's
 * view of it. A generous estimate, beside `HOST_OVERHEAD_BYTES` and the program's own memory.
 */
export const PYTHON_OVERHEAD_BYTES = 128 * 1024 * 1024;

/** Decisions of the queue in one turn of the event loop, and decisions whose times are kept. */
export const DECISIONS_AT_ONCE_MAX = 64;
export const DECISIONS_TIMED = 1000;
/** Once somebody was told that a job is being prepared, `submit` waits so much longer. */
export const PREPARE_WAIT_MS_MAX = 1000;
/** A job that made room is left alone for so long after it goes on. */
export const PREEMPT_REST_MS = 60_000;
/** A job that ran less than this loses little when it is put back into the line. */
export const YOUNG_MS = 30_000;
/** What jobs took before is written down so often. */
export const ESTIMATES_SAVED_MS = 60_000;
/** A queue is told of so often at most. */
export const QUEUE_TOLD_MS = 1000;
/** Jobs of one borrower that wait at most. */
export const QUEUED_PER_BORROWER_MAX = 200;

/** Above this, decoding, hashing and reading a module takes more than a few milliseconds and goes to a worker. */
export const INSPECT_INLINE_BYTES_MAX = 1024 * 1024;

/** Seconds between measurements of a running job; also how often faces hear of it. */
export const SAMPLE_INTERVAL_MS = 1000;
/** A longer gap between two samples means that the machine slept or the node hung: it counts as one interval. */
export const SAMPLE_GAP_MS_MAX = 10_000;
/** A host that has not begun the program by then (a compiler bomb, a machine out of memory) is ended. Frozen time left out. */
export const START_MS_MAX = 60_000;
/** Between being told that its memory or slot goes back to the owner and its end: whoever moves jobs may keep what it has. */
export const EVICT_NOTICE_MS = 500;
/** A job that the level froze waits for better times; whoever moves jobs has so long until it counts as stuck. */
export const FROZEN_NOTICE_MS = 60_000;
/** Pause before a job starts again by itself; doubled each time. */
export const RESTART_MS_MIN = 1000;
export const RESTART_MS_MAX = 60_000;
/** How long `submit` waits for the host's verdict on the module before it answers with a job that is still starting. */
export const SUBMIT_WAIT_MS_MAX = 10_000;

/** Work folders of jobs that went on elsewhere, of which whoever moved them says no more, are kept so long. */
export const MOVED_KEPT_MS = 24 * 3_600_000;

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
/** A program that is cancelled has so long to put its files in order. */
export const CANCEL_GRACE_MS = 2_000;
/** Longest message of an end: a stack trace fits, a hostile error message does not fill the store. */
export const END_MESSAGE_CHARS_MAX = 4096;

/**
 * Processor time that a host may take before its share is held, so that a job of one percent starts as quickly as one
 * of a hundred. Over 20 s it moves the mean by at most 0.75 points.
 */
export const START_ALLOWANCE_CPU_MS = 150;
