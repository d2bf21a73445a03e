import type { ProtocolSpec } from '../../../transport/stoq/index.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

// Leases

/** A slot of a container lease stands for so much of a processor and of memory at least; as the asset `container` counts them. */
export const SLOT_MILLICORES = 250;
export const SLOT_BYTES = 128 * MIB;
/** Jobs that live at once in one lease, and jobs that one lease ever has. */
export const LEASE_JOBS_MAX = 16;
export const LEASE_JOBS_EVER_MAX = 256;
/** What a borrower may bring: four times the memory that its slots stand for, as an image with its files is larger than what runs in it. */
export const CONTENT_PER_MEMORY = 4;
export const CONTAINER_CONTENT_BYTES_MIN = 2 * 1024 * MIB;
export const CONTAINER_CONTENT_BYTES_MAX = 16 * 1024 * MIB;
/** A module, its input and files. */
export const SANDBOX_CONTENT_BYTES_MAX = 512 * MIB;
/** Words of all jobs of a lease, which are kept in memory as long as it has them: those of sixteen of the longest. */
export const LEASE_WORDS_BYTES_MAX = 32 * MIB;
/** Input of one job, as the contract bounds it. */
export const STDIN_BYTES_MAX = MIB;
/** Between two health checks of a lent job, at least. */
export const LENT_HEALTH_MS_MIN = 10_000;
/** Once a lease is over its jobs are ended; results and outputs can be fetched so long. */
export const COLLECT_GRACE_MS = 60_000;

// Messages, docs/formats/job-messages.md

export const JOB_PROTOCOL = '/hypermesh/job/1';
export const JOB_PORT_PROTOCOL = '/hypermesh/job-port/1';
/** Arguments, variables and files of one job are 2 MiB at most; a piece of a file 1 MiB. */
export const QUESTION_BYTES_MAX = 3 * MIB;
export const ANSWER_BYTES_MAX = 6 * MIB;
export const PIECE_BYTES_MAX = MIB;
/** Output in one answer. */
export const OUTPUT_PIECE_BYTES_MAX = 256 * KIB;
/** How long a list is kept of which the next part was not asked for. */
export const LISTED_MS = 30_000;
/** Entries of a work folder in one answer, and of one folder. */
export const ENTRIES_PER_ANSWER = 1_000;
export const ENTRIES_MAX = 100_000;
/** Files that a job left. */
export const OUTPUT_FILES_MAX = 1_024;
/** How long `state` may wait for something new. */
export const WAIT_MS_MAX = 20_000;
export const RESULT_BYTES_MAX = 2 * MIB;

export const jobProtocol: ProtocolSpec = {
  name: JOB_PROTOCOL,
  streamsMax: 64,
  // A move sends pieces of 1 MiB, so that this is 200 MiB a second.
  opensPerTenSeconds: 2_000,
  bytesMax: QUESTION_BYTES_MAX + 64,
  deadlineMs: 120_000,
};
export const jobPortProtocol: ProtocolSpec = {
  name: JOB_PORT_PROTOCOL,
  streamsMax: 256,
  opensPerTenSeconds: 1_000,
  bytesMax: null,
  deadlineMs: null,
};
export const PORT_OPENING_BYTES_MAX = 1_024;
export const PORT_OPENING_MS = 10_000;

// Borrower

/** Jobs of ours elsewhere that have not ended, and those that are kept. */
export const ORDERS_LIVE_MAX = 256;
export const ORDERS_KEPT_MAX = 1_000;
/** Output of all of them in the store. */
export const ORDER_OUTPUT_BYTES_MAX = 256 * MIB;
/** One question and its answer; those that make the other end work take longer. */
export const ASK_MS = 30_000;
/** Between two looks at a job, at least. */
export const LOOK_MS_MIN = 250;
/** How long one look waits for something new. */
export const LOOK_WAIT_MS = 2_000;
/** Tries of what did not work: doubled from the first to the last. */
export const RETRY_MS_MIN = 500;
export const RETRY_MS_MAX = 15_000;
/** A lender that does not answer so long is given up, though its lease may run. */
export const SILENT_MS_MAX = 5 * 60_000;
/** Events of one job. */
export const EVENT_MS_MIN = 1_000;
/** A program that is asked to stop for a move has so long. */
export const HAND_OVER_MS = 200;
/** A program that ends when it is asked to has ended by then, and its last change is older than the tick of file times. */
export const MOVE_ASIDE_MS = 40;
/** Rounds while the job runs, and what is little enough for the last one. */
export const MOVE_ROUNDS_MAX = 6;
export const MOVE_LAST_BYTES = 8 * MIB;
/** Longest sentence of another node that is kept. */
export const SENTENCE_CHARACTERS_MAX = 300;
/** How long a question about the files of a job that is being started waits for them. */
export const WORK_WAIT_MS = 15_000;
