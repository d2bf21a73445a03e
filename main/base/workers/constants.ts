/** Runs that may wait for a thread. The node never has more than a handful of kinds of work at once. */
export const QUEUE_MAX = 1024;
/** A thread without work ends after this, in ms: its memory, some 10 MB, goes back. */
export const IDLE_MS_MAX = 30_000;
/** More threads than this gain nothing here: what runs in them is short, and the machine belongs to its owner. */
export const THREADS_MAX = 4;
