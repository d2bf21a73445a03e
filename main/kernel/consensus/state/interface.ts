import type { Hash, LedgerState, StateUpdate } from '../../blocks/index.ts';

/** Shows that a key has a value under a root, or that it has none. docs/formats/state-proof.md */
export type StateProof = Uint8Array;

/**
 * The whole state of a ledger in memory, as a Merkle tree whose shape depends on nothing but what is in it. Made for a million
 * entries: a block's changes cost hashes in proportion to them, not to the size.
 */
export interface LedgerTree extends LedgerState {
  readonly size: number;
  /** @returns the updates that lead back */
  apply(updates: readonly StateUpdate[]): StateUpdate[];
  root(): Hash;
  /** Of this very moment. */
  prove(key: string): StateProof;
  /** As of now, whatever is applied later; cheap. Read-only. */
  frozen(): LedgerState;
  /** All entries in pieces of about `bytes`, each checkable by itself against the root. docs/formats/state-snapshot.md */
  snapshot(bytes: number): StateSnapshot;
}
export interface StateSnapshot {
  readonly root: Hash;
  readonly chunks: number;
  /** SHA-256 of each chunk, and what ties all of them to the root. */
  readonly manifest: Uint8Array;
  chunk(index: number): Uint8Array;
}
/** Takes chunks in any order, each refused at once if it is not what the manifest says. */
export interface SnapshotReader {
  readonly chunks: number;
  /** @throws {StateError} `CHUNK_WRONG` */
  take(index: number, chunk: Uint8Array): readonly StateUpdate[];
  readonly missing: readonly number[];
}
