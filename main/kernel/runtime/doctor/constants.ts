/** An engine answers in milliseconds; one that is stuck is waited for this long per question. */
export const ASK_TIMEOUT_MS = 5_000;
/** `/info` of a real engine is some 10 KiB; with a thousand containers their list is 1 MiB. */
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** Making the test image, starting and removing a container take below a second on an idle machine, and longer on a busy disk. */
export const WORK_TIMEOUT_MS = 30_000;
/** What a test container may print. */
export const OUTPUT_BYTES_MAX = 64 * 1024;

/** Oldest engine that is used: 1.41 is Docker 20.10 of 2020, the first that knows cgroup v2. */
export const API_MIN = [1, 41] as const;
/** The first kernel with `openat2`, without which no file of a job can be reached safely. */
export const KERNEL_MIN = [5, 6] as const;

/** How often the engine is asked for its answering time, and what is slow. Idle, it takes 1 ms. */
export const PINGS = 5;
export const PING_SLOW_MS = 250;
export const PING_BAD_MS = 2_000;

/** Free space for images and output of jobs. */
export const DISK_FREE_BYTES_WARNING = 5 * 1024 ** 3;
export const DISK_FREE_BYTES_BAD = 512 * 1024 ** 2;

/** Clocks of one machine differ by nothing, those of a machine and a virtual one that slept by minutes. */
export const CLOCK_SKEW_MS_WARNING = 5_000;
export const CLOCK_SKEW_MS_BAD = 60_000;

/** Limits of the test containers. Small, so that breaking them costs nothing. */
export const TEST_MEMORY_BYTES = 48 * 1024 ** 2;
/** What it tries to take: twice as much. */
export const TEST_MEMORY_BYTES_TRIED = 96 * 1024 ** 2;
export const TEST_TMP_BYTES = 8 * 1024 ** 2;
export const TEST_TMP_BYTES_TRIED = 16 * 1024 ** 2;
export const TEST_PIDS = 32;
export const TEST_PIDS_TRIED = 256;
export const TEST_CPU_PERCENT = 30;
/** How long it computes. Twenty periods of 100 ms, so that the first, which is not yet held, moves the mean by little. */
export const TEST_CPU_MS = 2_200;
/** Where within that the counters are read: not at the start, which the engine's own work disturbs. */
export const TEST_CPU_SETTLE_MS = 150;
export const TEST_CPU_WINDOW_MS = 1_800;
/** Points by which a share may be missed over so short a time. */
export const TEST_CPU_TOLERANCE_POINTS = 5;
/** A container starts in 0.2 to 0.6 s. */
export const START_SLOW_MS = 3_000;

/** An engine that comes, goes and comes again, as in an update, is looked at once it has stood still for so long. */
export const SETTLE_MS = 5_000;
/** Things of ours that one examination removes at most. */
export const LEFTOVERS_MAX = 500;
/** Mendings that are remembered. */
export const FIXED_KEPT_MAX = 20;
/** How long the node's own look for an engine, and a command that starts one, are waited for. */
export const REFRESH_TIMEOUT_MS = 12_000;
