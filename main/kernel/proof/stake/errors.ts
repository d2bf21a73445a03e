/** Codes of findings about a proof of stake, beside those of signed records and certificates. */
export const STAKE_CODES = [
  /** Signed over other proofs than those beside it. */
  'PARTS_MISMATCH',
  /** The certificate is of other keys than those that signed. */
  'CERTIFICATE_OF_OTHER_KEYS',
  /** A certificate of another kind is required. */
  'CERTIFICATE_NOT_ENOUGH',
  /** The certificate was made after the proof. */
  'CERTIFICATE_LATER',
  /** The stake is in another network than the one that asks. */
  'STAKE_IN_OTHER_NETWORK',
  /** A stake that no ledger height is named for, or one that is required and cannot be looked up. */
  'STAKE_UNFOUNDED',
  'STAKE_TOO_LOW',
] as const;
export type StakeCode = (typeof STAKE_CODES)[number];
