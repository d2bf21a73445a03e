const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** What a proof of work, time or space takes of the processor at most, in the cpu asset's unit: one thread. */
export const THREAD_MILLICORES = 1000;

/** How often the schedule is looked at. A proof that is due waits this long at most, and an idle node wakes no oftener. */
export const LOOK_MS = MINUTE_MS;

/**
 * A level must stay changed for so long before it is worth a proof: somebody who comes back to the machine for a moment, a
 * lid that is opened and closed, a fan that brings the temperature down again.
 */
export const LEVEL_SETTLED_MS = 5 * MINUTE_MS;
/**
 * Between two proofs of one asset that only a level caused. The presence rule flips many times a day; with this at most 6
 * blocks a day come from one asset, some 40 from all of an ordinary machine.
 */
export const LEVEL_GAP_MS = 4 * HOUR_MS;
/** Hardware that comes and goes settles within seconds; a driver that restarts takes up to a minute. */
export const INVENTORY_SETTLED_MS = MINUTE_MS;
/** Between two proofs of one asset that only the inventory caused: a loose plug makes 2 blocks an hour at most. */
export const INVENTORY_GAP_MS = 30 * MINUTE_MS;

/**
 * The schedule spreads assets over this part of its period, each at its own place, so that not all of them fall due at
 * once after a first start that proved them in a row.
 */
export const SPREAD_PART = 0.25;
/** A mark is stale once its proof is older than so many periods of the schedule: one proof may fail before that. */
export const STALE_PERIODS = 2;

/** Waits after a failure, the last one over and over. */
export const RETRY_MS: readonly number[] = [MINUTE_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 4 * HOUR_MS];
/** After the owner has stopped a proof, the schedule leaves its assets alone for so long. */
export const CANCELLED_REST_MS = HOUR_MS;
/** After a new amount was refused or the level left nothing, the book is asked again at the next change or after this. */
export const ALLOCATE_AGAIN_MS = 5_000;
/** While a proof is made, its processor use is told to the book this often. */
export const USE_REPORT_MS = 1_000;
/** Told to faces at most this often while a proof moves on. */
export const PROGRESS_EVENT_MS = 250;

/** Proofs asked for that may wait. Each takes seconds to minutes; whoever has more to ask waits for answers. */
export const ASKED_MAX = 16;

/**
 * How long a challenge that the node asks itself may be answered. At a low level a proof takes hours; what the owner's
 * pause holds up for longer is begun again.
 */
export const CHALLENGE_LIFETIME_MS = 24 * HOUR_MS;

/** Verdicts that are kept per asset: the history that a face draws, and a few more for lists. */
export const ENTRIES_PER_ASSET_MAX = 200;
/** Whole proofs that are kept per asset, so that a file can be made of them. Each takes some 100 KiB. */
export const FILES_PER_ASSET_MAX = 20;
/** Entries over all assets, of those gone too. */
export const ENTRIES_MAX = 5_000;
/** Points of an asset's history, as the contract says. */
export const HISTORY_MAX = 100;

/** Least space that is plotted; as the contract's plan has it. */
export const PLAN_SPACE_BYTES_MIN = 1024 * 1024;
/** Most space, as the contract's plan has it. */
export const PLAN_SPACE_BYTES_MAX = 1024 * 1024 * 1024 * 1024;
/**
 * Of a larger plan so much is plotted before anything is proved, some 5 s of one thread; the rest follows as a plot of its
 * own. What fits is one plot, and so one opening in each proof.
 */
export const FIRST_PLOT_BYTES_MAX = 16 * 1024 * 1024;
/** After the last proof of a row: threads of the pool, which hold the memory of a plot too, have ended by then (30 s). */
export const MEMORY_BACK_MS = 40_000;
