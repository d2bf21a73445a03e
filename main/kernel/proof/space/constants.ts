/** 8 MiB a window: computing one takes half a second at least, and its layers take 88 MiB of memory. */
export const WINDOW_LABELS_DEFAULT = 2 ** 18;
/** As many as Filecoin's proof of replication has, which rests on the same analysis. */
export const LAYERS_DEFAULT = 11;
/** Columns of an opening: a plot of which a quarter is false passes one in 2^33, and each try costs 2^24 hashes. */
export const OPENINGS_DEFAULT = 80;
/** Labels of an answer: where a tenth of a plot is missing, one in 850 passes; where a quarter is, one in 10^8. */
export const ANSWERS_DEFAULT = 64;
/** Space that plots leave free on their disk, so that whatever else lives there can go on. */
export const RESERVE_BYTES_DEFAULT = 512 * 1024 * 1024;

// Sizes of slices: each keeps one thread busy for 15 to 30 ms where this was written, and below 100 on slower machines.
export const PARENTS_SLICE = 8_192;
export const LABELS_SLICE = 16_384;
export const CHUNKS_SLICE = 64;
export const GRIND_SLICE = 2 ** 17;
/** Trees that one slice gives back: 8 KiB each. */
export const TREES_SLICE = 96;
/** Smallest windows that plots have where the owner gives less than one of the default size: 1 MiB. */
export const SMALL_WINDOW_LABELS = 2 ** 15;
