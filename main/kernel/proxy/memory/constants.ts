/** Name of the protocol, docs/formats/far-memory.md. */
export const MEMORY_PROTOCOL = '/hypermesh/memory/1';
/** Version of the opening message. */
export const MEMORY_VERSION = 1;
/** Largest payload of one operation. A lender holds one that is not whole yet per lease, and no more. */
export const OPERATION_BYTES_MAX = 8 * 2 ** 20;
/** Fewest and most bytes that one compare-and-swap replaces: a machine word, and a cache line. */
export const SWAP_BYTES_MIN = 8;
export const SWAP_BYTES_MAX = 64;
/** Operations without an answer that a borrower may have under way. The lender remembers so many swaps of its session. */
export const IN_FLIGHT_MAX = 256;
/** Bytes that a borrower has under way at most, both ways; more waits here. */
export const IN_FLIGHT_BYTES_MAX = 32 * 2 ** 20;
/** The opening and its answer: a few short fields and one sentence. */
export const OPENING_BYTES_MAX = 1024;
export const OPENING_ITEMS_MAX = 16;
/** Ms for the opening of a stream, and for its answer. */
export const OPENING_DEADLINE_MS = 10_000;
/** Streams of one peer: one for each lease, and those that are being replaced. */
export const STREAMS_MAX = 64;
export const OPENS_PER_TEN_SECONDS = 128;
/** Asked of a stream at once; STOQ gives no more. */
export const READ_BYTES = 64 * 1024;
/** Payloads up to here are kept in one with what is in front of them; what is read of more has a place of its own. */
export const COPY_BYTES_MAX = 20 * 1024;
/** Requests and answers are joined into writes of so many bytes, as each write costs a turn of the loop: what STOQ takes at once. */
export const WRITE_BYTES = 256 * 1024;

/** One piece of a pool. Operations of 8 MiB touch two pieces at most. */
export const CHUNK_BYTES = 16 * 2 ** 20;
/** Zeroed without a pause: some 2 ms, 10 ms on a busy machine. */
export const ZERO_BYTES = 4 * 2 ** 20;

/** Ms until an operation gives up on a lender that does not answer. */
export const AWAY_DEADLINE_MS = 15_000;
/** The same where a second lender has everything: soon enough that nobody waits long for the first. */
export const MIRROR_DEADLINE_MS = 3_000;
/** Ms without any answer, while some are due, after which the stream is taken to hang and is opened anew. */
export const SILENCE_MS_MAX = 5_000;
/** First and longest wait between two tries to reach the lender, ms. */
export const RETRY_MS_MIN = 50;
export const RETRY_MS_MAX = 2_000;

/** Bytes of one page. See docs/formats/far-memory.md for what was measured. */
export const PAGE_BYTES = 8 * 1024;
export const PAGE_BYTES_MIN = 4 * 1024;
export const PAGE_BYTES_MAX = 64 * 1024;
/** In front of each sealed page: its stamp, and the tag of AES-256-GCM. */
export const STAMP_BYTES = 8;
export const SEAL_BYTES = STAMP_BYTES + 16;
/** A long read or write travels in parts of so many pages' bytes, so that sealing and sending go on side by side. */
export const PART_BYTES = 256 * 1024;
/** Stamps taken at once for one run of a borrower: none is ever used twice, whatever became of the run before. */
export const STAMPS_PER_RUN = 2 ** 40;
/** Pages of one row of stamps that is kept on disk: 32 KiB a row. */
export const STAMPS_PER_ROW = 4096;
/** Ms between writing down stamps that changed. */
export const CHECKPOINT_MS = 30_000;

/** UTF-8 bytes of a key. */
export const KEY_BYTES_MAX = 256;
export const VALUE_BYTES_MAX = 8 * 2 ** 20;
/** Pages that are kept here for whoever reads and writes bytes. */
export const CACHE_PAGES_BYTES = 4 * 2 ** 20;
/** Values that are kept here, so that they need no way to the lender. */
export const CACHE_BYTES_MAX = 16 * 2 ** 20;
