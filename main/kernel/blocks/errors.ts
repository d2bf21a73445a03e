import { NodeError, type Verdict } from '../../base/index.ts';
import { RecordError, SealError } from '../../base/crypto/index.ts';

export class BlockError extends NodeError<
  | { code: 'IDENTITY_NONE' }
  | { code: 'IDENTITY_LOCKED' }
  /** The blocks here are of another identity than the one that is unlocked. */
  | { code: 'NOT_OUR_CHAIN'; founder: string; ours: string }
  /** The identity was not created here, and whether it has a chain elsewhere only its owner knows. */
  | { code: 'CHAIN_AWAITED' }
  | { code: 'CHAIN_EMPTY' }
  /** The state on disk is not the one that the newest header names. */
  | { code: 'STATE_DAMAGED'; height: number }
  | { code: 'TRANSACTION_REFUSED'; kind: string; reason: string; refusal: string }
  | { code: 'PROOF_REFUSED'; reasons: string[] }
  /** Another block was added since the proof was begun; make the proof again. */
  | { code: 'TIP_MOVED'; height: number }
  | { code: 'CLOCK_BEFORE_HEAD'; nowMs: number; headMs: number }
  | { code: 'TOO_MANY_APPENDS'; limit: number }
  | { code: 'BLOCK_TOO_LARGE'; bytes: number; limit: number }
  | { code: 'BLOCK_UNKNOWN'; height: number }
  | { code: 'ASSET_UNKNOWN'; asset: string }
  | { code: 'VERIFICATION_RUNNING' }
  | { code: 'RANGE_INVALID'; from: number; to: number }
  | { code: 'EXPORT_NOT_WRITTEN'; reason: string }
  | { code: 'CHAIN_FILE_UNREADABLE'; height: number | null; problem: string }
  | { code: 'CHAIN_FILE_NEWER'; found: number }
  /** Its attachments do not fit into what a check may hold. */
  | { code: 'CHAIN_FILE_TOO_LARGE'; height: number | null; limit: number }
  | { code: 'CHAIN_OF_ANOTHER_NETWORK'; found: string; ours: string }
  | { code: 'CHAIN_DIVERGES'; height: number }
  | { code: 'CHAIN_INVALID'; height: number | null; problem: string; reason: string }
  | { code: 'STOPPED' }
> {
  override readonly name = 'BlockError';
}

/** Why bytes are no block, no part of one, or not what they claim to be. Never thrown to a face as such. */
export class BlockFormatError extends NodeError<
  | {
      code:
        | 'TRANSACTION_MALFORMED'
        | 'HEADER_MALFORMED'
        | 'BODY_MALFORMED'
        | 'SEALED_MALFORMED'
        | 'BLOCK_MALFORMED'
        | 'PROOF_MALFORMED';
      problem: string;
      verdict: Verdict;
    }
  /** Made by a newer version. */
  | { code: 'VERSION_UNKNOWN'; what: string; found: number; verdict: Verdict }
  /** The body is sealed for others, or its key was changed. */
  | { code: 'NOT_A_READER'; verdict: Verdict }
  /** Transactions, updates, proof or attachments are not those that the header was signed for. */
  | { code: 'MERKLE_ROOT_WRONG'; verdict: Verdict }
  | { code: 'PROPOSER_WRONG'; verdict: Verdict }
  /** The body carries bytes that its proof does not refer to. */
  | { code: 'ATTACHMENT_UNNAMED'; verdict: Verdict }
> {
  override readonly name = 'BlockFormatError';
}

/** Code and sentence of anything that reading a block may throw; null for a bug. */
export const findingOf = (error: unknown): { code: string; reason: string } | null =>
  error instanceof BlockFormatError || error instanceof RecordError || error instanceof SealError
    ? { code: error.code, reason: error.message }
    : null;
