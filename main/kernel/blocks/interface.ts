import type { AssetId, EventSource, Startable } from '../../base/index.ts';
import type { KeyId, KeyIdBytes, Opener, Signer } from '../../base/crypto/index.ts';
import type {
  AssetEvent,
  BlockSummary,
  BlockView,
  ChainHead,
  ChainVerification,
  ProofVerdict,
} from '../../../preload/contract/index.ts';
import type { Attachments, CombinedProof } from '../proof/index.ts';

/** 32 bytes of SHA-256. */
export type Hash = Uint8Array;

/** All that a stranger sees of a sealed block. Canonical dag-cbor; its SHA-256 is the block's hash. docs/formats/block.md */
export interface BlockHeader {
  version: 1;
  network: Hash;
  /** From 0. */
  height: number;
  /** Hash of the header before; null at height 0. */
  previous: Hash | null;
  /** RFC 6962 root over the transactions, the state updates, the combined proof and the attachments, in that order. */
  merkleRoot: Hash;
  /** RFC 6962 root over the whole state after this block, in the order of the keys. */
  stateRoot: Hash;
  /** Later than the block before. */
  timeMs: number;
  /** Multiplications and hashes that its combined proof shows: what it cost to make. 0 at height 0. */
  difficulty: bigint;
  proposer: KeyIdBytes;
}

/** What a transaction says, the payload of a signed record in the domain `transaction`. */
export interface Transaction {
  version: 1;
  /** All zero in the genesis transaction, which the network is named after. */
  network: Hash;
  /** Such as `asset.proved`; registered with the ledger by whoever knows it. */
  kind: string;
  /** The asset that it is an event of; null for events of the network or the node. */
  asset: AssetId | null;
  /** Hash of the transaction that is this asset's event before; null for its first and for events of no asset. */
  previous: Hash | null;
  atMs: number;
  /** As the kind demands: anything that dag-cbor holds. */
  data: unknown;
}

/** A transaction whose record was found to hold. */
export interface SignedTransaction {
  /** SHA-256 of the encoded record. */
  hash: Hash;
  encoded: Uint8Array;
  transaction: Transaction;
  signer: KeyId;
  signerBytes: KeyIdBytes;
}

export interface StateUpdate {
  key: string;
  /** Canonical dag-cbor; null removes the key. */
  value: Uint8Array | null;
}

export interface BlockBody {
  transactions: readonly Uint8Array[];
  updates: readonly StateUpdate[];
  /** Null at height 0 only. */
  proof: CombinedProof | null;
  /** What the proof refers to and no block before this one carries, in the order of their SHA-256. */
  attachments: readonly Uint8Array[];
}

/** Read-only state of the ledger, as of one block. */
export interface LedgerState {
  get(key: string): Uint8Array | undefined;
  /** In the order of the keys (bytes of UTF-8). */
  entries(prefix: string): Iterable<readonly [key: string, value: Uint8Array]>;
}

/** Block that a transaction stands in, or is to stand in. */
export interface BlockContext {
  height: number;
  timeMs: number;
  /**
   * The combined proof around it, so that a transaction can be held to the proof it speaks of: its id and what its
   * challenge names. Null at height 0; left out where no block is known yet, and then nothing is held to it.
   */
  proof?: { id: Hash; asset: AssetId; node: KeyIdBytes } | null | undefined;
}

export type TransactionVerdict = { accepted: true } | { accepted: false; code: string; reason: string };

/** A worker task, and what it is given. */
export interface FactTask {
  task: string;
  input: unknown;
}

/**
 * What kinds of transaction mean; the ledger is made of such modules, and knows no kind itself. Pure: same state and
 * transaction, same answer, on every node and at every time.
 */
export interface LedgerModule {
  /** Kinds that it answers for; no two modules share one. */
  readonly kinds: readonly string[];
  /**
   * What takes too long for the thread that follows the chain: done in another one beforehand, and the result handed to
   * `check` and `apply` as `fact`. It depends on the transaction alone. Where none is handed in, they find out themselves.
   */
  factTask?(transaction: SignedTransaction): FactTask | null;
  /** Whether the transaction may stand in the next block. `block`: where it is known. */
  check(transaction: SignedTransaction, state: LedgerState, block?: BlockContext, fact?: unknown): TransactionVerdict;
  /** What it changes. Called only after `check` accepted it on the same state. */
  apply(transaction: SignedTransaction, state: LedgerState, block: BlockContext, fact?: unknown): StateUpdate[];
}

/** The replicated state machine, like ABCI: consensus (later) and the home chain drive it, the apps fill it. */
export interface Ledger {
  checkTx(transaction: SignedTransaction, state: LedgerState): TransactionVerdict;
  /** Applies all transactions in order. @throws {BlockError} `TRANSACTION_REFUSED` */
  applyBlock(transactions: readonly SignedTransaction[], state: LedgerState, block: BlockContext): StateUpdate[];
  /** Reads the state as of the head. */
  query(key: string): Promise<Uint8Array | undefined>;
}

/** A transaction before it is signed: the chain fills in network, previous event and time. */
export interface Draft {
  kind: string;
  asset: AssetId | null;
  data: unknown;
}

/** Whose keys build, seal and open blocks; the wallet above holds them and is handed down as this. */
export interface BlockKeys extends EventSource<{ changed: null }> {
  /** Null while there is no identity or it is locked. */
  node(): { signer: Signer; opener: Opener } | null;
  /** Why there are none now, one sentence that says what to do. */
  reason(): { code: 'IDENTITY_NONE' | 'IDENTITY_LOCKED'; sentence: string } | null;
  /** Whether the identity was created here; the chain of any other may lie elsewhere. */
  createdHere(): boolean;
}

/** What the proof of a block has to be about. Plain data. */
export interface ProofExpectation {
  network: Hash;
  /** Proposer of the block. */
  node: KeyIdBytes;
  purpose: 'block';
  /** The block before. */
  anchor: { height: number; hash: Hash };
  anchorTimeMs: number;
  /** Time of the block that carries the proof: it has to be valid then. */
  blockTimeMs: number;
}

/**
 * Checks a combined proof in a worker; never rejects for what is wrong with the proof.
 *
 * @param attachments - all that the chain carries up to this block and the proof's bytes name
 * @returns `difficulty`: multiplications and hashes that it shows
 */
export type VerifyProof = (
  proof: CombinedProof,
  attachments: Attachments,
  expected: ProofExpectation,
  options?: { signal?: AbortSignal },
) => Promise<{ verdict: ProofVerdict; difficulty: bigint }>;

export interface ChainEvents {
  /** A block is on disk. */
  blockStored: BlockSummary;
  headChanged: ChainHead;
  verificationChanged: ChainVerification;
}

/** What the next block will follow; a proof that goes into it is anchored here. */
export interface ChainTip {
  network: Hash;
  height: number;
  hash: Hash;
  timeMs: number;
}

/**
 * The chain of a home network: this node is its only validator and a block is final at once. Later networks put
 * consensus between `append` and the store.
 */
export interface Chain extends Startable, EventSource<ChainEvents> {
  readonly ledger: Ledger;
  head(): ChainHead;
  /** Null before the genesis block. */
  tip(): ChainTip | null;
  /** State as of the head, which stays as it is while it is read; empty before the genesis block. */
  state(): LedgerState;
  /**
   * Writes the genesis block of this identity's home network. Nothing happens when it is there.
   *
   * @param options.isNew - the owner says that an identity which was not created here has no chain to import
   * @throws {BlockError} `IDENTITY_NONE` | `IDENTITY_LOCKED` | `NOT_OUR_CHAIN` | `CHAIN_AWAITED`: nobody said so
   *   yet; `headChanged` tells when that is over
   */
  begin(options?: { isNew?: boolean }): Promise<ChainTip>;
  /**
   * Signs the drafts, builds the block around the proof, seals it for this node, and stores it. It is on disk when this
   * resolves; a crash at any moment leaves the whole block or nothing of it.
   *
   * @param proof - bound to purpose `block` and anchored at {@link tip}
   * @param attachments - openings of plots that the proof refers to, for its check
   * @throws {BlockError} `IDENTITY_NONE` | `IDENTITY_LOCKED` | `NOT_OUR_CHAIN` | `CHAIN_EMPTY` | `TRANSACTION_REFUSED` |
   *   `PROOF_REFUSED` | `TIP_MOVED` | `CLOCK_BEFORE_HEAD` | `TOO_MANY_APPENDS` | `BLOCK_TOO_LARGE`
   * @throws {StoreError} such as `DISK_FULL`: nothing was stored
   */
  append(drafts: readonly Draft[], proof: CombinedProof, attachments: Attachments): Promise<BlockSummary>;
  list(before: number | undefined, limit: number): Promise<BlockSummary[]>;
  /** @throws {BlockError} `BLOCK_UNKNOWN` */
  block(height: number): Promise<BlockView>;
  /** @throws {BlockError} `ASSET_UNKNOWN` */
  asset(asset: AssetId): Promise<AssetEvent[]>;
  verification(): ChainVerification;
  /** Starts it and returns at once. @throws {BlockError} `VERIFICATION_RUNNING` | `CHAIN_EMPTY` */
  verify(): ChainVerification;
  cancelVerification(): ChainVerification;
  /**
   * Drops the bodies of all but the newest `keep` blocks, and keeps the state that they led to, so that verification can go
   * on from there. @throws {BlockError} `IDENTITY_NONE` | `IDENTITY_LOCKED` | `CHAIN_EMPTY`
   */
  prune(keep: number): Promise<ChainHead>;
  /**
   * Writes a file as docs/formats/block-file.md has it; one that is there already is not touched.
   *
   * @throws {BlockError} `IDENTITY_NONE` | `IDENTITY_LOCKED` | `CHAIN_EMPTY` | `RANGE_INVALID` | `EXPORT_NOT_WRITTEN`
   */
  export(
    range: { from: number; to?: number | undefined; readable: boolean },
    path: string,
  ): Promise<{ sizeBytes: number; blocks: number }>;
  /**
   * Checks the whole file, then takes over what is missing here, in one transaction. A chain here that has no more than its
   * genesis block gives way to one of the same identity.
   *
   * @throws {BlockError} `CHAIN_FILE_UNREADABLE` | `CHAIN_FILE_NEWER` | `CHAIN_OF_ANOTHER_NETWORK` | `CHAIN_DIVERGES` |
   *   `CHAIN_INVALID` | `IDENTITY_NONE` | `IDENTITY_LOCKED`; nothing has changed then
   */
  import(path: string): Promise<ChainHead>;
}
