/** Live allocations at once: twice the 10 000 that the book is built for, and small enough to list in memory. */
export const ALLOCATIONS_MAX = 20_000;
/** Resources in one request. A job takes two or three; a lease of everything takes one per kind and card. */
export const REQUESTS_MAX = 32;
/** Allocations on one page of `list`, as the contract says. */
export const LIST_PAGE_SIZE = 100;
/** Characters of `purpose`, as the interface says. */
export const PURPOSE_LENGTH_MAX = 128;
/** A holder reports about once a second; after five silent seconds its figure says nothing about now. */
export const USE_REPORT_MAX_AGE_MS = 5_000;
/**
 * When promises exceed the level and some are released, the others may rise. Rises wait this long so that ten thousand
 * releases in a row share one pass over the holders. Falls never wait.
 */
export const RISE_DELAY_MS = 100;
/** Rows that could not be deleted and are tried again: all that live, twice over. A crash leaves the rest to the next start. */
export const ORPHAN_ROWS_MAX = 2 * ALLOCATIONS_MAX;

/** Between two looks at the conditions while something is lent or somebody watches: a level must hold within a second. */
export const EVALUATE_BUSY_MS = 1_000;
/** The same while nothing is lent and nobody watches. */
export const EVALUATE_IDLE_MS = 10_000;
/** Shortest wait until the next evaluation, so that a boundary that is nearly there does not spin the loop. */
export const EVALUATE_MS_MIN = 50;
/** Conditions that take longer than this count as unread for this time. The slowest, a full process list, takes about 50 ms. */
export const CONDITIONS_TIMEOUT_MS = 5_000;
/** Changes of promises within this time are told in one event. */
export const PROMISES_EVENT_DELAY_MS = 100;
/** Owner's changes that wait for the disk. A person makes one at a time. */
export const CHANGES_PENDING_MAX = 100;
/** Counted network bytes are written at most this often; a crash forgets no more than these seconds. */
export const NETWORK_FLUSH_MS = 10_000;
/** Bytes of the random number that tells this installation from others in registration records. */
export const INSTALL_ID_BYTES = 16;
/** Assets that the registry reads back, present or gone; a machine has about ten, and one more per card ever plugged in. */
export const ASSETS_MAX = 1_000;
