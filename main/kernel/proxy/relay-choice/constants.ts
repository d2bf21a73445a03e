/** Peers of whom something is remembered. One takes some 300 bytes. */
export const REMEMBERED_MAX = 512;
/** A peer that was not connected for so long counts as gone, ms. */
export const FORGET_MS = 6 * 3_600_000;
/** Failures count half after so long, ms: a relay that was restarted is soon as good as before. */
export const FAILURE_HALF_MS = 5 * 60_000;
/** Of a new measurement in the average. */
export const NEW_SHARE = 0.3;
/** Where everybody begins. */
export const SCORE_START = 50;
/** Points of standing that cost one of the score. */
export const POINTS_PER_SCORE = 2;
export const TRUSTED_SCORE = 15;
/** A day of being known, and the most that it gives. */
export const DAY_MS = 86_400_000;
export const AGE_SCORE_MAX = 10;
/** For each doubling of a MB/s, and at most. */
export const SPEED_SCORE = 4;
export const SPEED_SCORE_MAX = 15;
/** One less for so many ms of round trip, and at most. */
export const RTT_MS_PER_SCORE = 20;
export const RTT_SCORE_MAX = 15;
/** Each power of ten of CAES. */
export const STAKE_SCORE = 2;
export const STAKE_SCORE_MAX = 10;
/** What a failure of just now costs, and at most. */
export const FAILURE_SCORE = 15;
export const FAILURE_SCORE_MAX = 60;
/** One that is not connected must be dialled first. */
export const AWAY_SCORE = 10;
