import { NodeError, type Verdict } from '../../base/index.ts';

/** Bytes that are not what their format page says, or not in their one encoding. */
export class ProofFormatError extends NodeError<
  | { code: 'PROOF_MALFORMED'; problem: string; verdict: Verdict }
  | { code: 'PROOF_VERSION'; found: number; verdict: Verdict }
  | { code: 'PROOF_TOO_LARGE'; bytes: number; limit: number; verdict: Verdict }
> {
  override readonly name = 'ProofFormatError';
}

/** A proof that cannot be made now. */
export class ProofError extends NodeError<
  /** There is no plotted space that could answer. */
  | { code: 'NO_SPACE_PLOTTED' }
  /** The challenge is for another node than the keys at hand, or its time is over or has not come. */
  | { code: 'CHALLENGE_UNFIT'; problem: string }
  /** The wall clock was set while the chain ran, so that its stamps would mean nothing. */
  | { code: 'CLOCK_JUMPED'; byMs: number }
> {
  override readonly name = 'ProofError';
}

/** A proof file that cannot be read at all. A file that can be read and does not hold is no error but a verdict. */
export class ProofFileError extends NodeError<{ code: 'PROOF_UNREADABLE'; problem: string; verdict: Verdict }> {
  override readonly name = 'ProofFileError';
}

/**
 * Codes of findings that concern the challenge, whichever proof they stand in. Codes of one proof are listed in the
 * errors.ts of its folder.
 */
export const CHALLENGE_CODES = [
  /** The proof's nonce is not the one that was asked for, or a proof answers another challenge than the one it is shown for. */
  'CHALLENGE_MISMATCH',
  'NETWORK_MISMATCH',
  'NODE_MISMATCH',
  'ASSET_MISMATCH',
  'PURPOSE_MISMATCH',
  'ISSUER_MISMATCH',
  'ANCHOR_MISMATCH',
  /** Issued later than the verifier's clock and the allowed difference. */
  'FROM_THE_FUTURE',
  /** It arrived, or was finished, after the challenge had expired. */
  'EXPIRED',
  /** Finished longer ago than the requirements allow. */
  'TOO_OLD',
  /** Not required bytes at all: malformed, too large, another version. */
  'PROOF_MALFORMED',
  'PROOF_VERSION',
  'PROOF_TOO_LARGE',
] as const;
export type ChallengeCode = (typeof CHALLENGE_CODES)[number];
