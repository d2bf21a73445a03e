/** Waiting transactions of all accounts together. */
export const POOL_BYTES_MAX = 64 * 1024 * 1024;
export const POOL_COUNT_MAX = 20_000;
/** Waiting transactions of one account: as many as nonces may be ahead. */
export const ACCOUNT_COUNT_MAX = 64;
export const ACCOUNT_BYTES_MAX = 16 * 1024 * 1024;
/** One that nobody took for so long waits no longer. */
export const POOL_AGE_MS = 30 * 60_000;
/** A replacement pays at least a tenth more per byte, so that nobody makes the network relay for nothing. */
export const REPLACE_PERMILLE = 1100;
/** Waiting ones of accounts that a block did not touch which are looked at again after it. */
export const RECHECKED_MAX = 256;
/** The application's answer to a nonce that is ahead of the account's next by no more than may wait. */
export const NONCE_AHEAD = 'NONCE_AHEAD';
/** Hashes of final transactions that `settled` knows without asking the disk. */
export const FINAL_KNOWN_MAX = 65_536;

/** Transactions and bytes that one peer may send per second, and at once. */
export const PEER_TRANSACTIONS_PER_SECOND = 500;
export const PEER_TRANSACTIONS_BURST = 4_000;
export const PEER_BYTES_PER_SECOND = 4 * 1024 * 1024;
export const PEER_BYTES_BURST = 32 * 1024 * 1024;
/** Votes and proposals of one peer: what a hundred validators say in a round, relayed by it. */
export const PEER_VOTES_PER_SECOND = 400;
export const PEER_VOTES_BURST = 4_000;
/** New votes of one validator that are passed on. */
export const VALIDATOR_VOTES_PER_SECOND = 20;
export const VALIDATOR_VOTES_BURST = 200;
/** Answers for one peer: questions per second, and at once. */
export const PEER_QUESTIONS_PER_SECOND = 50;
export const PEER_QUESTIONS_BURST = 200;

/** Unchecked transactions from peers; what does not fit is dropped and comes again with the next telling. */
export const INTAKE_COUNT_MAX = 8_192;
export const INTAKE_BYTES_MAX = 32 * 1024 * 1024;
/** Signatures that go to the threads at once: some 150 ms of work there. */
export const CHECK_BATCH_COUNT = 64;
export const CHECK_BATCH_BYTES = 2 * 1024 * 1024;
/** Transactions of a block whose check is asked for at once: hashing them takes some ms, and keeps all threads busy for a tenth of a second. */
export const OPENED_AT_ONCE = 256;
/** Unchecked votes from peers. */
export const VOTES_WAITING_MAX = 8_192;
/** What was seen is not looked at again: hashes of transactions, votes and proposals. */
export const SEEN_MAX = 65_536;

/** One message of transactions. */
export const GOSSIP_BYTES_MAX = 512 * 1024;
/** Blocks that are kept while their height is agreed on. */
export const CANDIDATES_MAX = 24;
export const CANDIDATES_BYTES_MAX = 96 * 1024 * 1024;
/** Of these, how many stay whatever comes: what this node is locked on, and proposed. */
export const CANDIDATES_PINNED = 8;
/** Messages of peers that wait for the algorithm, which waits for the disk; what is more comes again. */
export const INPUTS_MAX = 16_384;
/** Proposals of the next height that wait for it. */
export const PROPOSALS_AHEAD_MAX = 16;

/** Ms between looks at whether others lack something or know more. */
export const TICK_MS = 500;
/** Without progress for so long, peers are told what is known of this height. */
export const STUCK_MS = 1_000;
/** Otherwise peers are told the height so often, and one of them which transactions wait. */
export const TELL_MS = 5_000;
/** A height that others have finished is waited for so long before its block is asked for. */
export const BEHIND_GRACE_MS = 750;
/** Between attempts to get a block that nobody had. */
export const FETCH_PAUSE_MS = 200;
/** Largest number of peers that are remembered with what they said. */
export const PEERS_MAX = 512;

/** Blocks and bytes of one answer while catching up. */
export const SYNC_BLOCKS = 64;
export const SYNC_BYTES = 8 * 1024 * 1024;
/** Further behind than this a snapshot is quicker. */
export const SNAPSHOT_BEHIND = 500;
export const SNAPSHOT_CHUNK_BYTES = 256 * 1024;
/** Snapshots that are kept for those who ask, and how many blocks a new one is made after. */
export const SNAPSHOTS_KEPT = 2;
/** One that somebody asked for so lately stays longer, but never more of them than this: they share most of their nodes. */
export const SNAPSHOT_ASKED_MS = 60_000;
export const SNAPSHOTS_MAX = 6;
/** Bytes of chunks that are kept while a download is broken off. */
export const SNAPSHOT_RESUME_BYTES = 256 * 1024 * 1024;
export const SNAPSHOT_EVERY = 100;
/** Peers that are asked for the newest snapshot. */
export const SNAPSHOT_ASKED = 8;
/** Chunks that are asked for at once. */
export const SNAPSHOT_PARALLEL = 4;
/** A source that told something wrong is not asked again for so long. */
export const LIAR_PAUSE_MS = 10 * 60_000;
/** One that did not answer. */
export const SILENT_PAUSE_MS = 5_000;

/** Blocks of which is known who signed them. */
export const REPORT_BLOCKS = 100;
/** Ms that a transaction has waited before a block without it counts against the proposer. */
export const LEFT_OUT_AFTER_MS = 2_000;
/** Between attempts to write where the disk had no room. */
export const DISK_PAUSE_MS = 2_000;
/** A network whose genesis is no older than this when a validator comes to it may be begun by it. */
export const LAUNCH_MS = 24 * 3_600_000;
/** Evidence that waits for a block. */
export const EVIDENCE_WAITING_MAX = 256;
