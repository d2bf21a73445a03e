import { NodeError } from '../../../base/index.ts';

export type TokenErrorType =
  | { code: 'TOKEN_MALFORMED'; problem: string; verdict: 'reject' }
  /** Both signatures hold, but whoever made them is none whose tokens count here. */
  | { code: 'TOKEN_ISSUER'; issuer: string; verdict: 'reject' }
  /** It was made for another holder, audience, protocol or message. */
  | { code: 'TOKEN_MISMATCH'; what: 'issuer' | 'holder' | 'audience' | 'protocol' | 'message'; verdict: 'reject' }
  | { code: 'TOKEN_EXPIRED'; byMs: number; verdict: 'ignore' }
  /** Made in our future by more than clocks may differ. */
  | { code: 'TOKEN_EARLY'; byMs: number; verdict: 'ignore' }
  | { code: 'TOKEN_USED'; verdict: 'reject' }
  /** As many tokens as are remembered have not expired yet. Worth another try later. */
  | { code: 'TOKENS_FULL'; limit: number; verdict: 'ignore' };
/** A routing token does not let its message pass. */
export class TokenError extends NodeError<TokenErrorType> {
  override readonly name = 'TokenError';
}

export type SplitErrorType =
  /** Bytes that are no frame of a split message. */
  | { code: 'SPLIT_MALFORMED'; problem: string; verdict: 'reject' }
  | { code: 'SPLIT_TOO_LARGE'; length: number; limit: number; verdict: 'reject' }
  /** What came as this part is not what the manifest says. */
  | { code: 'PART_WRONG'; part: number; verdict: 'reject' }
  /** One stream brought the same part twice. */
  | { code: 'PART_TWICE'; part: number; verdict: 'reject' }
  /** A part that the receiver has given no room for. */
  | { code: 'PART_EARLY'; part: number; verdict: 'reject' }
  /** A second stream came with another manifest under the same id. */
  | { code: 'MANIFEST_DIFFERS'; verdict: 'reject' }
  /** Every part held, and the whole does not: the manifest contradicts itself. */
  | { code: 'WHOLE_WRONG'; verdict: 'reject' }
  /** No stream is left and parts are missing; `part` is the first of them. */
  | { code: 'PATHS_LOST'; part: number }
  | { code: 'TOO_MANY_TRANSFERS'; limit: number; verdict: 'ignore' }
  | { code: 'CANCELLED' };
/** A split message did not arrive, or not whole. */
export class SplitError extends NodeError<SplitErrorType> {
  override readonly name = 'SplitError';
}

export type HopErrorType =
  | { code: 'HOPS_MALFORMED'; problem: string; verdict: 'reject' }
  /** Hop `hop` does not follow from the one before it. */
  | { code: 'HOPS_BROKEN'; hop: number; problem: string; verdict: 'reject' }
  | { code: 'HOPS_TOO_MANY'; limit: number; verdict: 'reject' };
/** A hop record does not show the way that it claims. */
export class HopError extends NodeError<HopErrorType> {
  override readonly name = 'HopError';
}

export type TraceErrorType =
  | { code: 'TRACE_REFUSED'; by: string; reason: 'notConnected' | 'notAllowed' | 'tooFar' | 'loop' | 'failed' }
  | { code: 'TRACE_MALFORMED'; problem: string; verdict: 'reject' };
/** The way to a peer could not be traced. */
export class TraceError extends NodeError<TraceErrorType> {
  override readonly name = 'TraceError';
}
