import { NodeError } from '../../../base/index.ts';

export type ReachErrorType =
  /** The side socket could not be had, or is gone. */
  | { code: 'NO_SOCKET'; detail: string }
  /** Nobody answered where we asked how we look from there. */
  | { code: 'NO_ANSWER'; host: string; port: number }
  /** No packet came through between both NATs. */
  | { code: 'NOT_PUNCHED'; detail: string }
  | { code: 'TOO_MANY'; limit: number }
  /** What came is not what the format allows. */
  | { code: 'MALFORMED'; problem: string; verdict: 'reject' }
  /** A relay does not take us, or is at its limit. */
  | { code: 'RELAY_REFUSED'; reason: string }
  /** A router was asked for a port and did not give one. */
  | { code: 'NOT_MAPPED'; detail: string };
/** Others cannot get here in the way that was tried. */
export class ReachError extends NodeError<ReachErrorType> {
  override readonly name = 'ReachError';
}
