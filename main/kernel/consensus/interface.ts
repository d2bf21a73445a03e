import type { EventSource, Startable } from '../../base/index.ts';
import type { KeyIdBytes, Signer, SignerKeys } from '../../base/crypto/index.ts';
import type { Hash, LedgerState, SignedTransaction, StateUpdate, TransactionVerdict } from '../blocks/index.ts';
import type { Steps } from './turns.ts';

// What a network agrees on. The algorithm is Tendermint's, arXiv 1807.04938: see core/. Words as there.

/** Whoever signs blocks of a network: a node, with its weight. */
export interface Validator {
  /** SHA-256 over both keys: names it everywhere. */
  readonly id: KeyIdBytes;
  readonly keys: SignerKeys;
  /** Voting power, 1 … 2^40. */
  readonly power: number;
}

/** What the agreement itself goes by; part of the state, changed by transactions. */
export interface ConsensusParams {
  /** Largest block: all transactions and evidence in it, in bytes. */
  blockBytesMax: number;
  transactionsMax: number;
  /** With nothing to agree on a block is made so often all the same, so that everybody sees that the network lives. */
  heartbeatMs: number;
  /** Wait for a proposal, for votes; each further round of a height waits `growMs` longer. */
  proposeMs: number;
  voteMs: number;
  growMs: number;
  /** After a block is final, slower validators' precommits are waited for so long. */
  commitMs: number;
  /** How far ahead of a validator's own clock a block may be. */
  clockAheadMs: number;
  /** Evidence of a height further back is of no use any more. */
  evidenceBlocksMax: number;
}

/** How a network begins. Its SHA-256, over the canonical encoding, is the network's name. docs/formats/genesis.md */
export interface Genesis {
  version: 1;
  /** For people: letters, digits and dashes. */
  name: string;
  nonce: Uint8Array;
  createdAtMs: number;
  validators: readonly Validator[];
  params: ConsensusParams;
  /** What the applications begin with, as they define it; plain dag-cbor. */
  app: unknown;
}

/** docs/formats/ledger-block.md */
export interface LedgerHeader {
  version: 1;
  network: Hash;
  /** From 1: the genesis state is height 0. */
  height: number;
  /** Hash of the header before; the network at height 1. */
  previous: Hash;
  /** Later than the block before. */
  timeMs: number;
  proposer: KeyIdBytes;
  /** RFC 6962 roots over the encoded transactions, and over the evidence. */
  transactions: Hash;
  evidence: Hash;
  /** SHA-256 of the commit of the block before as encoded here; of nothing at height 1. */
  lastCommit: Hash;
  /** Root of the whole state after this block. */
  stateRoot: Hash;
  /** SHA-256 of the encoded set that signs this block, and of the one that signs the next. */
  validators: Hash;
  nextValidators: Hash;
}
export interface LedgerBlock {
  header: LedgerHeader;
  /** SHA-256 of the encoded header. */
  hash: Hash;
  transactions: readonly Uint8Array[];
  evidence: readonly Uint8Array[];
  /** What made the block before final; null at height 1. */
  lastCommit: Commit | null;
}

/** Both signatures of a vote; the keys are known from the set. */
export interface VoteSignature {
  ed25519: Uint8Array;
  falcon1024: Uint8Array;
}
export type VoteKind = 'prevote' | 'precommit';
/** Domain `consensus-vote`, docs/formats/consensus-vote.md */
export interface VoteContent {
  network: Hash;
  kind: VoteKind;
  height: number;
  round: number;
  /** Null: for none. */
  block: Hash | null;
}
export interface Vote extends VoteContent {
  validator: KeyIdBytes;
  signature: VoteSignature;
}
/** Domain `consensus-proposal`. The block travels beside it. */
export interface ProposalContent {
  network: Hash;
  height: number;
  round: number;
  /** Round in which more than two thirds prevoted for the block; -1 for a new one. */
  validRound: number;
  block: Hash;
}
export interface Proposal extends ProposalContent {
  proposer: KeyIdBytes;
  signature: VoteSignature;
}
/** Precommits of more than two thirds of the power for one block, in the order of the set; null where none is known. */
export interface Commit {
  height: number;
  round: number;
  block: Hash;
  signatures: readonly (VoteSignature | null)[];
}

/** What anybody can check and the liar pays for: two contradicting signatures of one validator. docs/formats/consensus-evidence.md */
export type Evidence =
  | { kind: 'votes'; validator: KeyIdBytes; height: number; first: Vote; second: Vote }
  | { kind: 'proposals'; validator: KeyIdBytes; height: number; first: Proposal; second: Proposal };

/** The replicated state machine, like ABCI. Pure: same state and input, same output, on every node and at every time. */
export interface Application {
  /** State at height 0. @throws {GenesisError} what is wrong with its `app` */
  genesis(genesis: Genesis): StateUpdate[];
  /**
   * Whether a transaction could stand in the next block by itself; for the pool of those that wait. `NONCE_AHEAD`: not yet, as
   * others of its account come first; it waits for them. All other refusals are for good.
   */
  check(
    transaction: SignedTransaction,
    state: LedgerState,
    place: { network: Hash; height: number; timeMs: number },
  ): TransactionVerdict;
  /** Position among the waiting ones: of one account in the order of its nonces, the higher fee first between accounts. */
  rank(transaction: SignedTransaction): { account: string; nonce: number; feePerByte: number };
  /**
   * In steps, of one transaction at most each: a block may have thousands, and nobody is to wait for all of them. Whoever does the
   * steps sees to it that the state stays as it is until the last one; other blocks may be carried out between two of them.
   *
   * @param input.pick - leave out those that do not hold (the proposer); otherwise the first one that does not refuses the block
   */
  apply(input: ApplyInput, state: LedgerState): Steps<ApplyOutput>;
  validators(state: LedgerState): readonly Validator[];
  params(state: LedgerState): ConsensusParams;
  /** Whatever takes threads (checks of receipts, of proofs) is done before; handed to `check` and `apply`. */
  facts(transactions: readonly SignedTransaction[]): Promise<Facts>;
}
/** What threads found out about transactions, by the hash of each in hex. Depends on the transaction alone. */
export type Facts = ReadonlyMap<string, unknown>;
export interface ApplyInput {
  network: Hash;
  height: number;
  timeMs: number;
  previousTimeMs: number;
  proposer: KeyIdBytes;
  transactions: readonly SignedTransaction[];
  /** Checked: signatures hold, and the validator was one at that height. */
  evidence: readonly Evidence[];
  /** The set of the block before, and who of it signed it; empty at height 1. */
  signers: readonly { validator: KeyIdBytes; signed: boolean }[];
  pick: boolean;
  bytesMax: number;
  facts: Facts;
}
export type ApplyOutput =
  | { ok: true; updates: StateUpdate[]; taken: readonly SignedTransaction[] }
  | { ok: false; index: number; code: string; reason: string };

/** What a validator signs with; the signatures are those of signed records in their domains. */
export interface VoteSigner {
  readonly id: KeyIdBytes;
  readonly keys: SignerKeys;
  vote(content: VoteContent): Promise<VoteSignature>;
  propose(content: ProposalContent): Promise<VoteSignature>;
}
/** Checks signatures in threads, many at a time; a simulation brings its own. Answers in the order asked. */
export interface SignatureCheck {
  votes(items: readonly { keys: SignerKeys; content: VoteContent; signature: VoteSignature }[]): Promise<boolean[]>;
  proposal(keys: SignerKeys, content: ProposalContent, signature: VoteSignature): Promise<boolean>;
  /** Takes transactions apart and checks both signatures; null for one that does not hold. */
  transactions(encoded: readonly Uint8Array[]): Promise<(SignedTransaction | null)[]>;
}

/** Where a replica keeps what it must not forget. Every write is durable when it resolves, whole or not at all. */
export interface ReplicaStore {
  load(): Promise<ReplicaRecord | null>;
  /** A new network; everything under its name before is gone. */
  begin(genesis: Uint8Array, state: readonly StateUpdate[]): Promise<void>;
  /** Before anything is signed: what will be. In order; kept until `commit` of its height. */
  remember(entry: Uint8Array): Promise<void>;
  /** Block, the commit that made it final, changes of the state, and the set for the next block, in one; forgets what was remembered. */
  commit(change: {
    block: Uint8Array;
    hash: Hash;
    height: number;
    commit: Uint8Array;
    updates: readonly StateUpdate[];
    nextValidators: Uint8Array;
  }): Promise<void>;
  /** Replaces everything by the state of a height that a commit vouches for. */
  adopt(change: AdoptedState): Promise<void>;
  /** Whose signatures stand here from now on. Outlives `commit` and `adopt`, not `begin`. */
  voter(record: VoterRecord): Promise<void>;
  block(height: number): Promise<StoredBlock | null>;
  /** At most `limit`, from a height on without gaps; one at least where that height is there. */
  blocks(from: number, limit: number, bytesMax: number): Promise<StoredBlock[]>;
  /** Encoded set that signs the block of that height. */
  validators(height: number): Promise<Uint8Array | null>;
  /** Drops blocks below a height; headers and commits stay. */
  prune(below: number): Promise<void>;
}
export interface StoredBlock {
  height: number;
  hash: Hash;
  /** Encoded block; null where only the header is kept. */
  block: Uint8Array | null;
  header: Uint8Array;
  commit: Uint8Array;
}
/** Keys that this disk has the signatures of. */
export interface VoterRecord {
  id: KeyIdBytes;
  /** When they were first seen with this disk, by the node's clock. */
  sinceMs: number;
  /** What they have signed before as well: it was nothing, or the owner says that it does not matter. */
  vouched: boolean;
}
export interface AdoptedState {
  genesis: Uint8Array;
  height: number;
  header: Uint8Array;
  hash: Hash;
  commit: Uint8Array;
  validators: Uint8Array;
  nextValidators: Uint8Array;
  state: AsyncIterable<readonly StateUpdate[]>;
}
export interface ReplicaRecord {
  genesis: Uint8Array;
  /** 0 before the first block. */
  height: number;
  state: AsyncIterable<readonly StateUpdate[]>;
  /** Of heights above `height`, in the order written. A torn last one is left out by the store. */
  remembered: readonly Uint8Array[];
  /** Null where nobody has signed anything yet. */
  voter: VoterRecord | null;
}

/** Whom a replica talks to. Bytes only; whoever sends is who the transport says. */
export interface ReplicaNetwork {
  peers(): readonly string[];
  /** Best effort, in order, bounded: what does not fit is dropped. */
  send(peer: string, message: Uint8Array): void;
  /** @throws when the peer is gone, silent for too long, or refuses */
  request(
    peer: string,
    question: Uint8Array,
    options?: { signal?: AbortSignal; bytesMax?: number },
  ): Promise<Uint8Array>;
  /** Set once, before anything arrives. */
  serve(handlers: {
    message(peer: string, message: Uint8Array): void;
    /** Null: nothing to say. */
    answer(peer: string, question: Uint8Array): Promise<Uint8Array | null>;
    joined(peer: string): void;
    left(peer: string): void;
  }): void;
  /** The peer broke the rules: costs it standing. */
  offend(peer: string, what: 'malformed' | 'forged' | 'spam', detail: string): void;
}

export type SyncState =
  | { state: 'alone' }
  | { state: 'current' }
  | { state: 'blocks'; height: number; target: number; fromPeer: string }
  | { state: 'snapshot'; receivedChunks: number; chunks: number; target: number; fromPeer: string };
/** How a validator has been doing, as this node sees it. */
export interface ValidatorReport {
  validator: Validator;
  /** Blocks of the last 100 that carry its signature, and how many there were. */
  signed: number;
  blocks: number;
  /** Rounds that it was to propose in and nothing came in time. */
  missedProposals: number;
  /** Transactions that waited here through proposals of its own with room for them, longest first. */
  leftOut: number;
  lastHeardMs: number | null;
}
export interface ReplicaStatus {
  network: Hash;
  height: number;
  hash: Hash | null;
  timeMs: number;
  /** Height and round that are being agreed on. */
  round: number;
  step: 'waiting' | 'propose' | 'prevote' | 'precommit' | 'commit';
  isValidator: boolean;
  /** Why this validator signs nothing although its keys are unlocked, a sentence; null where it does, or is none. */
  silent: string | null;
  sync: SyncState;
  waitingTransactions: number;
  waitingBytes: number;
  peers: number;
  /** Why it goes no further, a sentence; null while all is well. */
  halted: string | null;
}
export interface FinalBlock {
  block: LedgerBlock;
  commit: Commit;
  transactions: readonly SignedTransaction[];
  evidence: readonly Evidence[];
  updates: readonly StateUpdate[];
}
export interface ReplicaEvents {
  /** On disk, and applied. In order, none left out, except after a snapshot. */
  final: FinalBlock;
  status: ReplicaStatus;
  /** A transaction was put among the waiting ones, or left them without having become final. */
  waiting: { hash: Hash; state: 'waiting' | 'dropped'; reason: string };
  evidence: Evidence;
  /** The state of a height was taken over from peers; what happened before it is not known here. */
  adopted: { height: number };
}
/** One network's ledger on this node: follows it, and agrees on it where this node is a validator. */
export interface Replica extends Startable, EventSource<ReplicaEvents> {
  readonly genesis: Genesis;
  readonly network: Hash;
  status(): ReplicaStatus;
  /** As of the last final block; stays as it is while it is read. */
  state(): LedgerState;
  params(): ConsensusParams;
  validators(): readonly Validator[];
  /**
   * The owner says that no other machine has this node's keys, so that it signs although its disk does not know what they signed before.
   * Whoever says so wrongly may contradict themselves, which costs stake. Nothing happens while the keys are locked.
   */
  vouch(): Promise<void>;
  reports(): readonly ValidatorReport[];
  /**
   * Puts it among the waiting ones and tells the others.
   * @throws {ConsensusError} `TRANSACTION_REFUSED` (with the code and reason of whoever refused) | `POOL_FULL` | `HALTED`
   */
  submit(encoded: Uint8Array): Promise<SignedTransaction>;
  /** Resolves once it is final, with the height; rejects with `DROPPED` when it cannot be any more. */
  settled(hash: Hash, signal?: AbortSignal): Promise<number>;
  waiting(): readonly SignedTransaction[];
  /** Null where it is not kept. `updates` is empty: what it changed is in the state alone. */
  block(height: number): Promise<(FinalBlock & { encoded: Uint8Array; validators: readonly Validator[] }) | null>;
  /** What convinces somebody with the network's genesis of a value or its absence: docs/formats/ledger-proof.md */
  prove(key: string): Promise<Uint8Array>;
}
export interface ReplicaKeys extends EventSource<{ changed: null }> {
  /** Null while locked: the node follows and does not vote. */
  node(): { signer: Signer } | null;
}
