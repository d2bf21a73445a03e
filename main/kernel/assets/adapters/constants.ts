/** Millicores per logical processor. */
export const MILLICORES_PER_THREAD = 1000;
/** Millicards per graphics card. */
export const MILLICARDS_PER_GPU = 1000;
/** Link speeds are in megabits, capacity in bytes: 10^6 / 8. */
export const BYTES_PER_MEGABIT = 125_000;
/**
 * A container that does anything useful takes about a quarter of a core and 128 MiB: the smallest instances of the
 * large clouds are cut like that (AWS Fargate: 0.25 vCPU; Cloud Run: 128 MiB for its smallest class).
 */
export const CONTAINERS_PER_CPU = 4;
export const CONTAINER_MEMORY_BYTES_MIN = 128 * 1024 * 1024;
/** Oldest engine that is used: 1.41 is Docker 20.10 of 2020, the first that knows cgroup v2, and what was tested. */
export const ENGINE_API_MIN = [1, 41] as const;
/** An engine answers in milliseconds; one that is starting up or stuck is waited for this long. */
export const ENGINE_TIMEOUT_MS = 5_000;
/** How old the number of running containers may be: asking loads the engine's client into a thread. */
export const ENGINE_USE_MAX_AGE_MS = 15_000;
/** Bounds for what the system may list. */
export const DISKS_MAX = 256;
export const FILESYSTEMS_MAX = 256;
export const INTERFACES_MAX = 256;
/** A filesystem on a disk that hangs must not hold up the rest. */
export const STATFS_TIMEOUT_MS = 2_000;
