import type { CombinedProof } from '../proof/index.ts';
import type { SealRandom } from './format/sealed.ts';
import type { BlockBody, BlockHeader, Hash, SignedTransaction, StateUpdate } from './interface.ts';

export interface BuildInput {
  header: Omit<BlockHeader, 'merkleRoot'>;
  body: BlockBody;
  /** ML-KEM-1024 public keys. */
  readers: readonly Uint8Array[];
  random: SealRandom;
}
export type BuildOutput =
  | {
      ok: true;
      /** Canonical header without its signatures. */
      payload: Uint8Array;
      merkleRoot: Hash;
      sealed: Uint8Array;
      canonicalBytes: number;
      compressedBytes: number;
      paddingBytes: number;
    }
  | { ok: false; bytes: number };

/** One block as it comes from the database or a file. */
export interface CheckItem {
  header: Uint8Array;
  sealed: Uint8Array | null;
  /** Null: the body stays shut. */
  contentKey: Uint8Array | null;
}
export interface CheckInput {
  items: readonly CheckItem[];
  /** Without them only the bytes are taken apart: for blocks that were checked before they were stored. */
  signatures: boolean;
}

/** A body that was opened and found to be the one that the header was signed for. */
export interface OpenedBody {
  transactions: SignedTransaction[];
  updates: StateUpdate[];
  proof: CombinedProof | null;
  attachments: Uint8Array[];
  /** SHA-256 of each attachment in hex. */
  names: string[];
  leaves: Uint8Array[];
  readers: number;
  canonicalBytes: number;
  compressedBytes: number;
  paddingBytes: number;
}
export interface CheckedHeader {
  header: BlockHeader;
  hash: Hash;
}
export interface Finding {
  code: string;
  reason: string;
}
/** What is wrong with the header leaves nothing to say of the body. */
export type CheckOutput =
  | { header: CheckedHeader; body: OpenedBody | null; bodyFinding: Finding | null }
  | { header: null; headerFinding: Finding };
