/** What every account text begins with, before the `1`. */
export const ACCOUNT_PREFIX = 'caes';
/** `caes1`, 52 characters for 32 bytes, and 6 of check. */
export const ACCOUNT_CHARACTERS = 63;
/** Longest text that is looked at at all when somebody pastes something. */
export const ACCOUNT_TEXT_MAX = 256;
