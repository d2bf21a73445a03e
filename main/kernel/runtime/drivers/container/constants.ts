import { HOLDER_UID } from './holder/interface.ts';

/** Account of every job: none that the system or an image has. */
export const JOB_USER = `${HOLDER_UID}:${HOLDER_UID}`;
export const WORK_PATH = '/work';
export const TMP_PATH = '/tmp';

/** The kernel's own default: shorter ones round small shares, longer ones stutter. */
export const CPU_PERIOD_US = 100_000;
/** Longest that the engine takes: for shares below one percent, whose quota of a usual period would be too small. */
export const CPU_PERIOD_US_MAX = 1_000_000;
/** Smallest quota that the kernel takes. */
export const CPU_QUOTA_US_MIN = 1_000;
/** What a job is started with whatever its share is: the engine's own work in the container is slow under a small quota. */
export const START_MILLICORES = 1_000;
/** Weight beside other programs, where the processor is contended: the kernel's default is 1024. */
export const CPU_SHARES = 128;
/** Of 10 to 1000; the default is 500. Where the kernel has no such weight, the engine leaves it out. */
export const BLKIO_WEIGHT = 100;
/** When the machine is out of memory, jobs go before anything of the owner's. Programs have 0, 1000 goes first. */
export const OOM_SCORE = 800;
export const NOFILE_MAX = 4_096;
export const SHM_BYTES_MAX = 16 * 1024 * 1024;
/** Smallest file system in memory: size 0 would mean no bound at all. */
export const SCRATCH_BYTES_MIN = 64 * 1024;
/** Files and folders in /tmp. */
export const TMP_FILES_MAX = 65_536;
/** Folders that an image declares as volumes. Each becomes a small one in memory, since the engine would put it on the disk. */
export const IMAGE_VOLUMES_MAX = 16;
export const IMAGE_VOLUME_BYTES = 1024 * 1024;
/** Environment of an image or job, all of it. */
export const ENV_BYTES_MAX = 512 * 1024;

/** The engine's own log of a container: kept to find what a node that went down missed. Two files of this size at most. */
export const LOG_BYTES_MIN = 1024 * 1024;
export const LOG_FILES_MAX = 2;

/** Containers that are made and started at once; more would only wait for each other in the engine. */
export const STARTS_AT_ONCE_MAX = 8;
/** One answer of the engine. It is slow when the machine is, and does not answer at all when it hangs. */
export const ENGINE_CALL_MS_MAX = 30_000;
/** How long an engine may stay away before the jobs in it are given up. Restarts and upgrades take seconds. */
export const ENGINE_AWAY_MS_MAX = 60_000;
/** How long after the last of its output a program's end is waited for, before the engine is asked. */
export const EXIT_AFTER_OUTPUT_MS_MAX = 1_000;
/** After the program ended, for output that is still on its way. */
export const OUTPUT_DRAIN_MS_MAX = 10_000;
/** How often a share that could not be set is tried again. */
export const SHARE_RETRY_MS = 250;
/** Refused forks before a job is ended: one that meets the bound and can live with it goes on. */
export const FORKS_REFUSED_MAX = 100;
/** Looks in a row at which a job had as many processes as it may, where the system does not count what it refused. */
export const PIDS_FULL_LOOKS_MAX = 3;
/** Failures in a row of a health check. */
export const HEALTH_FAILURES_MAX = 3;
/** Output of a check is not kept; one that writes more is not read on, and so does not end in time. */
export const HEALTH_OUTPUT_BYTES_MAX = 64 * 1024;
/** What is written into a work folder at once. */
export const FILE_PIECE_BYTES = 256 * 1024;
/** How long a holder waits ready for the next job, and what it then holds for nothing: about 10 MB. */
export const READY_HOLDER_MS = 10 * 60_000;
/** Things left in the engine by a test of the doctor are swept when they are older than any test. */
export const TEST_THINGS_MS_MAX = 10 * 60_000;

/** Share of the processor and memory of one lendable container at least; more takes several. */
export const SLOT_CPU_PERCENT = 25;
export const SLOT_MEMORY_BYTES = 128 * 1024 * 1024;
