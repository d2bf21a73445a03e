/** Ms for one attempt through a forwarder. */
export const ATTEMPT_MS_MAX = 5_000;
/** Attempts of one way at once. */
export const PARALLEL_MAX = 4;
/** Ms for all attempts of one way. */
export const SOURCE_MS_MAX = 60_000;
/** Ms that a job has, its start included. */
export const JOB_MS_MAX = 20_000;
/** Levels change in bursts, such as while a slider is moved: one run comes so long after the last change. */
export const DEBOUNCE_MS = 3_000;
/** At most twice a second faces are told how far a run is. */
export const TELL_MS = 500;
/** Connections to the canary may be under way when the last attempt ends. */
export const CANARY_MS = 250;
/** Other machines of the home network that are tried. */
export const MACHINES_MAX = 4;
/** Probes of one run that are kept. */
export const PROBES_MAX = 2_000;
