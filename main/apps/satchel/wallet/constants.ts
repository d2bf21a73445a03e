/** Version of what the wallet keeps in values of rows, docs/formats/wallet-rows.md. */
export const WALLET_ROWS_VERSION = 1;
/** Version of a signed message, docs/formats/wallet-message.md. */
export const MESSAGE_VERSION = 1;
export const MESSAGE_LENGTH_MAX = 4096;
/** A message of 4096 characters of three bytes, keys and both signatures: some 16 KiB. */
export const MESSAGE_FILE_BYTES_MAX = 48 * 1024;

/** Micro-CAES of one CAES. */
export const CAES = 1_000_000n;
/** Exact in 64 bits with a sign, as the ledger has it. */
export const AMOUNT_MICRO_MAX = 2n ** 63n - 1n;
export const MEMO_LENGTH_MAX = 256;
/** Note of a payment request: it has to find room in a QR code. */
export const REQUEST_MEMO_LENGTH_MAX = 128;
export const LINK_LENGTH_MAX = 2048;

/** Own and watched ones. Each of the phrase costs a second of FALCON when it is first used in a session. */
export const ACCOUNTS_MAX = 64;
export const CONTACTS_MAX = 1000;
export const REQUESTS_KEPT_MAX = 1000;
/** Payments that are shared out among requests with one note, the newest: more are no answer within a turn. */
export const PAYMENTS_SHARED_MAX = 2000;
/** So many unused accounts in a row end the search for used ones. */
export const GAP_LIMIT = 5;

/** A draft is about what its owner sees now; later, balances and fees are others. */
export const DRAFT_MS = 5 * 60_000;
/** A person has one or two open. */
export const DRAFTS_MAX = 32;
/** Parts of a hundred of what is available from which on a payment is asked about. */
export const MOST_PERCENT = 80n;
/** Characters at both ends that people compare, and that somebody who wants to be mistaken for another looks for. */
export const LOOK_ALIKE_START = 9;
export const LOOK_ALIKE_END = 4;

/** Transactions that others wait with and that pay an own account; more of them are not shown before they are final. */
export const INCOMING_MAX = 100;
/** What could not become final. */
export const DROPPED_KEPT = 50;
/** Blocks read at once while the history is brought up to date. */
export const READ_BLOCKS = 64;
export const SETTLED_WAIT_MS = 30_000;
/** Rows of the history that are made into a table at once, between two looks at everything else. */
export const CSV_ROWS = 1000;
/** A table beyond it is no answer to a call any more. */
export const CSV_ENTRIES_MAX = 250_000;

export const SETTING_WALLET = 'wallet';
export const LOCK_MINUTES_MAX = 10_080;
export const PRICES_MAX = 4000;
