// Bounds of what is agreed on. docs/formats/genesis.md, ledger-block.md, consensus-messages.md

/** Version of every format of this room. */
export const LEDGER_VERSION = 1;
export const HASH_BYTES = 32;

/** Each vote has 1344 bytes of signatures and takes two milliseconds to check: a block of a hundred validators, a fifth of a second. */
export const VALIDATORS_MAX = 100;
/** A hundred of these, times three, are exact in a double. */
export const POWER_MAX = 2 ** 40;

/** Heights and times beyond are refused: exact in a double, with room for arithmetic. */
export const HEIGHT_MAX = 2 ** 40 - 1;
export const TIME_MS_MAX = 2 ** 48 - 1;
/** No network reaches it: with rounds of a second, in 34 years. */
export const ROUND_MAX = 2 ** 30 - 1;

/** What `ConsensusParams` may be, from and to. */
export const PARAM_BOUNDS = {
  blockBytesMax: [16 * 1024, 4 * 1024 * 1024],
  transactionsMax: [1, 16_384],
  heartbeatMs: [100, 24 * 3_600_000],
  proposeMs: [10, 600_000],
  voteMs: [10, 600_000],
  growMs: [1, 60_000],
  commitMs: [0, 60_000],
  clockAheadMs: [10, 3_600_000],
  evidenceBlocksMax: [1, 10_000_000],
} as const;

export const GENESIS_BYTES_MAX = 4 * 1024 * 1024;
export const GENESIS_NONCE_BYTES = 32;
export const GENESIS_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?$/;
/** A hundred validators have 185 KB. */
export const SET_BYTES_MAX = 192 * 1024;
/** A header has some 460 bytes. */
export const HEADER_BYTES_MAX = 1024;
/** A hundred signatures have 138 KB. */
export const COMMIT_BYTES_MAX = 144 * 1024;
/** Two votes with their signatures have some 3.2 KB. */
export const EVIDENCE_BYTES_MAX = 4 * 1024;
/** No more liars in one block than this; the next one takes the others. */
export const EVIDENCE_MAX = 64;
/** Transactions and evidence of a block, the frame of each, the commit and the header. */
export const BLOCK_BYTES_MAX = PARAM_BOUNDS.blockBytesMax[1] + 8 * PARAM_BOUNDS.transactionsMax[1] + 160 * 1024;

/** A proposal carries its block up to this; a larger one is fetched by its hash from whoever has it. */
export const INLINE_BLOCK_BYTES_MAX = 256 * 1024;
/** What goes to all: the largest is one transaction of the largest size. */
export const MESSAGE_BYTES_MAX = PARAM_BOUNDS.blockBytesMax[1] + 64 * 1024;
export const MESSAGE_TRANSACTIONS_MAX = 1024;
export const QUESTION_BYTES_MAX = 256;
/** What somebody may ask for in one answer; one block always fits, whatever was asked for. */
export const ANSWER_BYTES_MAX = 8 * 1024 * 1024;
export const ANSWER_BLOCKS_MAX = 256;
/** Votes in one answer: two kinds of two rounds of the largest set. */
export const ANSWER_VOTES_MAX = 4 * VALIDATORS_MAX;
export const ANSWER_PROPOSALS_MAX = 8;
/** More chunks than the largest manifest can name. */
export const CHUNKS_MAX = 2 ** 16;

/** Headers that lead from a set that is known to the one that signed. */
export const PROOF_PATH_MAX = 32;
export const LEDGER_PROOF_BYTES_MAX = 16 * 1024 * 1024;
