export const HASH_BYTES = 32;

/** Version of proofs and snapshots. docs/formats/state-proof.md and state-snapshot.md */
export const STATE_VERSION = 1;

/** What hashes begin with. Other than RFC 6962's 0 and 1, so that no node of a block's tree is ever one of the state's. */
export const LEAF_PREFIX = 0x10;
export const INNER_PREFIX = 0x11;
export const EMPTY_PREFIX = 0x12;

/** Longest key, in bytes: as the state of a chain has it. */
export const KEY_BYTES_MAX = 256;
/** Two keys differ at a bit below this: those of the longest key, and of the zero byte behind it. */
export const BITS_MAX = 8 * (KEY_BYTES_MAX + 1);

/** What an entry counts for beside its key and value where a snapshot is cut. */
export const ENTRY_BYTES = 8;

/** One step of a proof: a bit's number and the hash on the other side. */
export const STEP_BYTES = 2 + HASH_BYTES;
/** Largest proof: the longest path there can be, the largest value, and what is around them. */
export const PROOF_BYTES_MAX = BITS_MAX * STEP_BYTES + 64 * 1024 + 1024;

/** Size of chunks that snapshots are made with. */
export const CHUNK_BYTES = 256 * 1024;
/** Largest chunk that is read: what is cut at the size above, with its CBOR and one entry of the largest size. */
export const CHUNK_BYTES_MAX = 1024 * 1024;
/** Values in one chunk: the shortest entry takes nine bytes of what is cut. */
export const CHUNK_ITEMS_MAX = 2 ** 18;
/** Read in some 40 ms. Three values for each subtree, one or two of which fill a chunk: a state of 3 GB. */
export const MANIFEST_BYTES_MAX = 2 * 1024 * 1024;
export const MANIFEST_ITEMS_MAX = 2 ** 16;

/** Hashes between two pauses: about 3 ms. */
export const HASHES_PER_TURN = 4096;
/** Entries that are put in between two pauses: about 5 ms with their hashes. */
export const ENTRIES_PER_TURN = 1024;
