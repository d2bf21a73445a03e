/** Hashes of a chain by default: about two seconds of one thread, and 8192 checkpoints. */
export const TIME_STEPS_DEFAULT = 2 ** 23;
export const CHECKPOINT_STEPS_DEFAULT = 1024;
/**
 * Segments that a spot check computes again by default. Whoever left out a share f of the chain passes with (1 − f)^12:
 * half of it with 2^-12, a quarter with 3 %. It costs 12 288 of 8 388 608 steps.
 */
export const SPOT_SEGMENTS_DEFAULT = 12;

/**
 * Steps per ms that no hardware reaches. A step is 64 rounds that depend on one another; at one round per cycle and 6.2 GHz,
 * above what any processor is sold with, it takes 10.3 ns. The SHA extensions of the fastest processors take about 60 ns
 * (https://bench.cr.yp.to/results-hash.html, sha256, 64 bytes); mining chips are slower at one chain, and faster only at many.
 */
export const STEPS_PER_MS_MAX = 100_000;

/** Busy time that one slice of the generator aims at, in ms: well below `SLICE_MS_MAX` on a machine whose speed varies. */
export const SLICE_MS_WANTED = 40;
/** Segments of the first slice, before the speed is known: some milliseconds. */
export const FIRST_SLICE_STEPS = 8192;
/** Steps of one task of the whole check: about 50 ms. */
export const CHECK_TASK_STEPS = 32_768;
