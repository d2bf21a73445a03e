import { FAR_PARENTS, LABEL_BYTES, NEAR_PARENTS } from './format.ts';

/**
 * One compression of SHA-256 in the fastest sequential hardware that may stand against us, ns. The SHA instructions of
 * present processors take 25 to 45 ns (43 measured where this was written); pipelines do not help, as each label waits for
 * the one before.
 */
const COMPRESSION_NS_MIN = 20;
/** SHA-256 takes 64 bytes at a time, and adds 9 at least. */
const compressionsOf = (bytes: number): number => Math.ceil((bytes + 9) / 64);
const HEAD_BYTES = LABEL_BYTES + 8;

/** Compressions that follow one another when a window is computed: labels of all layers. */
export const windowCompressions = (windowLabels: number, layers: number): number =>
  windowLabels *
  (compressionsOf(HEAD_BYTES + NEAR_PARENTS * LABEL_BYTES) +
    (layers - 1) * compressionsOf(HEAD_BYTES + (NEAR_PARENTS + FAR_PARENTS) * LABEL_BYTES));

/**
 * Longest time that a challenger may give for an answer that is to show stored space: half of what the fastest hardware
 * needs to compute one window. The clock is the challenger's, from sending the challenge to receiving the proof of space.
 */
export const answerMsMaxOf = (windowLabels: number, layers: number): number =>
  Math.floor((windowCompressions(windowLabels, layers) * COMPRESSION_NS_MIN) / 1e6 / 2);
