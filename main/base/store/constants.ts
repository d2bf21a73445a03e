/** `HMsh` in ASCII: SQLite's `application_id`, which tells our database from every other one. */
export const APPLICATION_ID = 0x48_4d_73_68;

/** A query that takes longer than two frames of a screen is worth a line in the log. */
export const SLOW_QUERY_MS = 40;

/**
 * How long SQLite waits for a lock that another program holds, in ms. Only a person's own tool can hold one, since the
 * data folder is locked; two seconds outlast a look at the data, and a face still gets its answer.
 */
export const BUSY_TIMEOUT_MS = 2000;

/** Prepared statements kept, least recently used out first. The node has fewer than 100 different ones. */
export const STATEMENTS_MAX = 256;

/** Requests waiting for the thread. 10 000 leases released at once fit several times over; more is a fault of ours. */
export const REQUESTS_WAITING_MAX = 65_536;

/** Requests that share one commit: enough to spread the cost of a flush, few enough that one batch stays below 10 ms. */
export const BATCH_REQUESTS_MAX = 512;

/** Largest text or blob of one column, in bytes. The largest thing stored is a piece of a job's output. */
export const VALUE_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Up to this size every start checks the whole database, at some 0.5 GB a second. Beyond it only a start after a crash
 * does, so that a start stays below 5 s.
 */
export const CHECK_BYTES_MAX = 256 * 1024 * 1024;

/** The log of changes is cut back to this size after a checkpoint, in bytes. */
export const WAL_BYTES_KEPT = 16 * 1024 * 1024;
