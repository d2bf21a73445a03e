import type { Hash, LedgerState, StateUpdate } from '../../blocks/index.ts';

/** Shows that a key has a value under a root, or that it has none. docs/formats/state-proof.md */
export type StateProof = Uint8Array;

/** A state as it was at one moment, whatever is applied to the tree that it came from. */
export interface FrozenState extends LedgerState {
  readonly size: number;
  root(): Hash;
  prove(key: string): StateProof;
  /** All entries in pieces of about `bytes`, each checkable by itself against the root. docs/formats/state-snapshot.md */
  snapshot(bytes: number): StateSnapshot;
}

/**
 * The whole state of a ledger in memory, as a Merkle tree whose shape depends on nothing but what is in it. Made for a million
 * entries: a block's changes cost hashes in proportion to them, not to the size. Values are copied on the way in and out.
 */
export interface LedgerTree extends FrozenState {
  /**
   * The last word on a key counts.
   *
   * @returns the updates that lead back
   */
  apply(updates: readonly StateUpdate[]): StateUpdate[];
  /** Like `root`, with pauses for others, a few ms of work each: for more than some thousand changes at once. */
  rootInTurns(): Promise<Hash>;
  /** As of now; at no cost. */
  frozen(): FrozenState;
  /** Another tree that begins as this one is now; each goes its own way. At no cost. */
  fork(): LedgerTree;
  /** Like `apply`, with pauses for others. Nobody else may change the tree meanwhile. */
  applyInTurns(updates: readonly StateUpdate[]): Promise<void>;
}
export interface StateSnapshot {
  readonly root: Hash;
  readonly chunks: number;
  /** What ties all chunks to the root; the same for the same state and size. */
  readonly manifest: Uint8Array;
  chunk(index: number): Uint8Array;
}
/** Takes chunks in any order, each refused at once if it is not what belongs under the root. */
export interface SnapshotReader {
  readonly chunks: number;
  /**
   * @returns the entries of the chunk, in the order of the keys; those of chunk after chunk are the whole state in order
   * @throws {StateError} `CHUNK_WRONG`
   */
  take(index: number, chunk: Uint8Array): readonly StateUpdate[];
  /** Not taken yet, in order. */
  readonly missing: readonly number[];
}
