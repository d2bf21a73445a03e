/** While somebody watches: what the issue of live meters asks for, and as often as people can follow. */
export const WATCHED_INTERVAL_MS = 1_000;
/** Otherwise: rules on heat and use need no more, and 10 s keeps the whole app under 1 % of a core. */
export const QUIET_INTERVAL_MS = 10_000;
/** Two samples closer than this share figures: a tick of the kernel's processor clock is 10 ms, so rates would be noise. */
export const SAMPLE_GAP_MS_MIN = 250;
/** A sample this much later than planned, or a wall clock this far off the monotonic one, means sleep: rates over it would be wild. */
export const SAMPLE_LATE_MS_MAX = 5_000;
/** The whole process table is looked through for children of ours this often; those found are read every time. */
export const PROCESS_SCAN_INTERVAL_MS = 10_000;
/** Names of running programs stay good this long; a scan costs about 10 ms at 500 processes. */
export const PROGRAMS_MAX_AGE_MS = 5_000;
/** The same where a tool has to be started for it (macOS, Windows). */
export const PROGRAMS_TOOL_MAX_AGE_MS = 15_000;
/** More processes than this are not looked at: Linux counts to 4 194 304, a desktop has some hundred. */
export const PROCESSES_MAX = 65_536;
/** Files of /proc read in one go before other work gets its turn: about 1 ms. */
export const PROCESS_BATCH = 64;
/** Whether a network is metered changes when people move; asking starts a program. */
export const METERED_MAX_AGE_MS = 30_000;
/** Power state where a program must be started for it. */
export const POWER_TOOL_MAX_AGE_MS = 15_000;
/** `nvidia-smi` takes 50 to 500 ms of a core, so live figures of cards are taken every 3 s, not every one. */
export const GPU_MAX_AGE_MS = 3_000;
/** For the temperature rule alone, which steps slowly and runs all day. */
export const GPU_HEAT_MAX_AGE_MS = 15_000;
/** A program that is not installed is looked for again after this. */
export const MISSING_TOOL_RETRY_MS = 300_000;
/** Tools answer in well under a second; one that hangs (a card that fell off the bus) is ended. */
export const TOOL_TIMEOUT_MS = 5_000;
/** Longest output of a tool that is read. */
export const TOOL_OUTPUT_BYTES_MAX = 4 * 1024 * 1024;
/** `USER_HZ` of Linux is 100 on every architecture that Node runs on (proc_stat(5), time(7)). */
export const CLOCK_TICKS_PER_SECOND = 100;
/** A sector in /proc/diskstats and /sys/block is 512 bytes, whatever the disk's own (kernel: Documentation/admin-guide/iostats.rst). */
export const SECTOR_BYTES = 512;
/** Below and above this a sensor is broken or absent: silicon runs between. 0 °C is what many drivers say for "no sensor". */
export const TEMPERATURE_CELSIUS_MIN = 1;
export const TEMPERATURE_CELSIUS_MAX = 150;
