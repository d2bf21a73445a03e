import type { LendingTerms } from '../../../../preload/contract/index.ts';

// docs/formats/ledger-transactions.md and ledger-keys.md; what can be told apart from economy params because no network may choose it.

/** Exact in 64 bits with a sign, as others would keep it. */
export const AMOUNT_MAX = 2n ** 63n - 1n;
/** What may ever be there of it, so that no sum of what accounts have passes {@link AMOUNT_MAX}. */
export const SUPPLY_MAX = 2n ** 62n;
/** Nonces further ahead than this are refused; up to it a transaction waits for those before. */
export const NONCES_AHEAD_MAX = 64;
export const NONCE_MAX = Number.MAX_SAFE_INTEGER - 1;
/** A transaction's time may be this much after its block's: the signer's clock is ahead. */
export const TRANSACTION_AHEAD_MS = 2 * 60_000;
export const MEMO_CHARACTERS_MAX = 256;
/** Two records of 3.3 KiB and a key. */
export const CERTIFICATE_BYTES_MAX = 16 * 1024;
/** A combined proof with the openings of its plots; a block has no room for more. */
export const PROOF_BYTES_MAX = 3 * 1024 * 1024;
/** A proof finished longer than this before its lease began shows nothing of it. */
export const PROOF_AGE_MS_MAX = 24 * 3_600_000;
/** Values in the data of a transaction: the largest, changes of all parameters, has some sixty. */
export const FIELDS_MAX = 32;
/** Stakes of one account that wait to be let go. */
export const UNBONDING_MAX = 16;
export const SIGNED_WINDOW = 100;
/** Work that a block does by itself, whatever waits: escrows and stakes that are due, rewards, records that are old. */
export const DUE_PER_BLOCK = 256;
export const PAYOUTS_PER_BLOCK = 256;
export const PRUNED_PER_BLOCK = 256;
/** Yield of one micro-CAES of stake is kept in parts of this. */
export const YIELD_SCALE = 2n ** 64n;
/** Unit-seconds that have the points of a kind's weight. */
export const WEIGHT_UNIT_SECONDS = 2n ** 50n;
/** Sums of use end here: more than all machines have. */
export const WIDE_MAX = 10n ** 36n;
export const PRIVACY_LEVELS: readonly LendingTerms['privacyLevel'][] = [
  'Private',
  'PrivateNetwork',
  'P2P',
  'PublicNetwork',
  'FullPublic',
];
/** Outcomes of checks in threads that are kept; some hundred bytes each. */
export const FACTS_KEPT = 8192;
/** Accounts of a genesis; what is more is paid by transfers. */
export const GENESIS_ACCOUNTS_MAX = 10_000;
export const GENESIS_MEMBERS_MAX = 10_000;
