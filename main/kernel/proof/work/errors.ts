import { NodeError } from '../../../base/errors.ts';

/** Codes of findings about a proof of work, beside those of every proof. */
export const WORK_CODES = [
  /** Fewer multiplications than required. */
  'TOO_LITTLE_WORK',
  /** Fewer opened rows than required. */
  'TOO_FEW_ROWS',
  /** Fewer multiplications per second than required, by the time that the prover says it took. */
  'TOO_SLOW',
  /** More multiplications per second than any hardware could do, by the time that the prover says it took. */
  'RATE_IMPLAUSIBLE',
  /** It says to have taken longer than there was time since the challenge. */
  'TIME_IMPOSSIBLE',
  /** A number of an opened row is not below the order of the field. */
  'NOT_CANONICAL',
  /** An opened row is not the drawn row of the committed product. */
  'PATH_WRONG',
  /** An opened row is not the product. */
  'PRODUCT_WRONG',
] as const;
export type WorkCode = (typeof WORK_CODES)[number];

/** A proof of work that cannot be made. */
export class WorkError extends NodeError<
  /** The graphics card did not multiply. */
  | { code: 'GPU_UNAVAILABLE'; reason: string }
  /** A row that was multiplied again came out otherwise: the card, its driver or the memory is faulty. */
  | { code: 'PRODUCT_UNSTABLE'; row: number }
  /** The challenge has expired, so the proof would count for nothing. */
  | { code: 'CHALLENGE_EXPIRED'; expiredAtMs: number }
> {
  override readonly name = 'WorkError';
}
