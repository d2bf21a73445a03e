/** Version of transaction, header, body, sealed body and stored block. docs/formats/block.md and transaction.md */
export const BLOCK_VERSION = 1;
/** Version of exported chains, docs/formats/block-file.md. */
export const FILE_VERSION = 1;

export const HASH_BYTES = 32;
/** Stands for the network in the transaction that the network is named after. */
export const NO_NETWORK: Uint8Array = new Uint8Array(HASH_BYTES);
export const GENESIS_KIND = 'network.genesis';

/** What keys of the state may be: printable ASCII, whose order as text is the order of its bytes. */
export const STATE_KEY = /^[\x21-\x7e]{1,256}$/;
/** Keys that the ledger itself writes; modules may not. */
export const RESERVED_PREFIX = 'chain/';
export const GENESIS_KEY = 'chain/genesis';
/** Followed by the asset's id: how many events it has and the hash of the last. */
export const ASSET_KEY_PREFIX = 'chain/asset/';
/** Largest value of the state. */
export const STATE_VALUE_BYTES_MAX = 64 * 1024;
/** Entries of the whole state, which is held in memory: at some 300 bytes each, 300 MB. */
export const STATE_ENTRIES_MAX = 1_000_000;

/** A kind of transaction: lower-case words with dots. */
export const KIND = /^[a-z][a-z0-9-]{0,31}(\.[a-z0-9-]{1,31}){1,3}$/;
/** Largest transaction with keys and signatures: what a signed record can hold, and its frame. */
export const TRANSACTION_BYTES_MAX = 4 * 1024 * 1024 + 4096;
/** Header with keys and signatures; it has some 3.9 KB. */
export const HEADER_BYTES_MAX = 8 * 1024;
/** Heights and times beyond are refused: exact in a double, with room for arithmetic. */
export const HEIGHT_MAX = 2 ** 40 - 1;
export const TIME_MS_MAX = 2 ** 48 - 1;
/** CBOR's unsigned integers end there. */
export const DIFFICULTY_MAX = 2n ** 64n - 1n;

export const TRANSACTIONS_MAX = 1024;
export const UPDATES_MAX = 65_536;
export const ATTACHMENTS_MAX = 64;
/** Largest attachment; an opening of a plot has some hundred KiB. */
export const ATTACHMENT_BYTES_MAX = 4 * 1024 * 1024;
/** What the attachments that one proof names may have together: four plots of the largest opening fit. */
export const NAMED_BYTES_MAX = 16 * 1024 * 1024;
/** Attachments that the check of a file holds, and a file may therefore carry: some 270 plots. */
export const ATTACHMENTS_BYTES_MAX = 256 * 1024 * 1024;
/** Attachments that stay in memory where the database has all; more than one block and what waits in staging. */
export const ATTACHMENTS_CACHED_BYTES = 64 * 1024 * 1024;
/** Largest body, before compression; and so the bound of what decompression may give. */
export const BODY_BYTES_MAX = 16 * 1024 * 1024;
/** Largest sealed body: an incompressible one with its padding (an eighth at most) and its readers. */
export const SEALED_BYTES_MAX = 19 * 1024 * 1024;
/** Readers that a body can be sealed for. */
export const READERS_MAX = 16;

/**
 * Brotli's effort. Most of a block is signatures and hashes, which nothing compresses; on a block with one proof 5 takes
 * 1.3 ms per 100 KB, 9 takes 25 ms and 11 half a second for 0.1 % less.
 */
export const BROTLI_QUALITY = 5;
/** Smallest padded body: below it, sizes would tell one kind of small block from another. */
export const PADDED_BYTES_MIN = 4096;

/** How far the wall clock may be behind the head before blocks are refused; within, the next block is 1 ms after it. */
export const CLOCK_BEHIND_MS_MAX = 2_000;
/** How far ahead of the verifier's clock a block may be. */
export const FUTURE_MS_MAX = 2 * 60_000;

/** Appends that may wait for the one before. */
export const APPENDS_WAITING_MAX = 32;

/** Blocks and bytes that go to a worker at once while verifying: long against a message, short against a cancel. */
export const CHECK_BLOCKS_MAX = 8;
export const CHECK_BYTES_MAX = 8 * 1024 * 1024;
/** Updates of a refused block that are followed all the same, so that the blocks after it are looked at. */
export const FOLLOWED_BYTES_MAX = 1024 * 1024;
/** Problems that a verification lists; a chain with more is not looked at further. */
export const PROBLEMS_MAX = 100;
/** Progress is told at most so often, in ms. */
export const PROGRESS_MS = 250;

/** Inner nodes of the state's tree that are hashed at once; more go to a worker. About 5 ms. */
export const TREE_NODES_INLINE_MAX = 4096;

/** Bytes of state in one frame of a file. */
export const STATE_FRAME_BYTES = 256 * 1024;
/** Largest frame of a file: a block with the largest body. */
export const FRAME_BYTES_MAX = SEALED_BYTES_MAX + 64 * 1024;

/** Where blocks of an import wait that replaces a chain: above every height. */
export const INCOMING_OFFSET = 2 ** 41;
/** Rows that one staging transaction writes at most. */
export const STAGED_ROWS_MAX = 2_000;
/** Bytes of blocks that one staging transaction writes at most. */
export const STAGED_BYTES_MAX = 16 * 1024 * 1024;
