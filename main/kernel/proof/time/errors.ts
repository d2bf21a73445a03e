/** Codes of findings about a proof of time. */
export const TIME_CODES = [
  /** A segment that was computed again does not end in its checkpoint. */
  'CHAIN_BROKEN',
  /** Fewer steps than required. */
  'TOO_FEW_STEPS',
  /** The closing is not that of the space and work proofs beside it. */
  'CLOSING_MISMATCH',
  /** issued ≤ started ≤ finished ≤ expires does not hold. */
  'STAMPS_OUT_OF_ORDER',
  /** It says to have begun before the block at which its challenge is anchored. */
  'BEFORE_ANCHOR',
  /** More steps than any hardware could do in the time that it says to have taken. */
  'RATE_IMPLAUSIBLE',
  /** Wall clock and monotonic clock tell different durations, or the clock was set while the chain ran. */
  'CLOCK_INCONSISTENT',
  'CLOCK_JUMPED',
  /** A peer's stamp does not hold, is about something else, or tells another time. */
  'WITNESS_INVALID',
  'WITNESS_DISAGREES',
] as const;
export type TimeCode = (typeof TIME_CODES)[number];
