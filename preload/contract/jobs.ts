import { z } from 'zod';
import { bytes, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';
import { leaseId } from './lending.ts';
import { peerId } from './network.ts';

/** Largest module that is read at all; real WASI programs are a few MiB. */
export const MODULE_BYTES_MAX = 32 * 1024 * 1024;
const base64 = (bytesMax: number) =>
  z.base64().max(Math.ceil(bytesMax / 3) * 4, `at most ${bytesMax / 1024 / 1024} MiB`);

export const jobId = z.string().regex(/^job-[0-9a-z]{16}$/, 'not a job id; `hypermesh job list` lists them');
/** `container` runs in an image through Docker or Podman, the others in sandboxes of our own without it. */
export const jobKind = z.enum(['wasm', 'javascript', 'python', 'container']);
export type JobKind = z.infer<typeof jobKind>;

/** Sha2-256 of content, hex: names it in the content store. */
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, 'not a sha2-256; it has 64 hexadecimal digits');
/** Relative, with `/`, no `.` or `..` in it: always beneath the work folder. */
export const workPath = z
  .string()
  .min(1)
  .max(256)
  .refine(
    (path) =>
      !path.startsWith('/') &&
      !path.includes('\\') &&
      !path.includes('\0') &&
      path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part.length <= 128),
    'must be a path beneath the work folder, such as data/input.csv',
  );
/** A file that goes into a job or came out of it. */
export const jobFile = z.strictObject({
  path: workPath,
  sha256: sha256Hex,
  bytes,
  executable: z.boolean().default(false),
});
export type JobFile = z.infer<typeof jobFile>;
/** Reference of an image, such as `python:3.13-slim`, `registry.example.org/a/b@sha256:…`, or the id of one that the engine has. */
export const imageReference = z
  .string()
  .trim()
  .min(1)
  .max(512)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._/:@-]*$/, 'not a reference of an image; write name:tag or name@sha256:…')
  .describe('an image, such as python:3.13-slim');
export const priority = z.enum(['low', 'normal', 'high']);
export type Priority = z.infer<typeof priority>;

const common = {
  name: z.string().min(1).max(128),
  args: z.array(z.string().max(4096)).max(256).default([]),
  stdin: base64(1024 * 1024).default(''),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'not a name of a variable'), z.string().max(8192))
    .refine((env) => Object.keys(env).length <= 64, 'at most 64 variables')
    .default({}),
  /** Wall time, not counting time during which the owner's level froze the job, or it waited in the queue. */
  timeMsMax: z
    .int()
    .min(100)
    .max(7 * 24 * 3600 * 1000)
    .default(3600 * 1000),
  outputBytesMax: z
    .int()
    .min(1024)
    .max(16 * 1024 * 1024)
    .default(1024 * 1024),
  /** Files put into the work folder before it starts; their content is in the content store. */
  files: z.array(jobFile).max(256).default([]),
  /** Files kept when it ends, those that are there; what is a folder is kept with all in it. */
  outputs: z.array(workPath).max(64).default([]),
  priority: priority.default('normal'),
  /** Wait for room in place of being refused when there is none now. */
  queue: z.boolean().default(false),
  /** Starts again by itself so often when it fails: crashes, or exits with a code other than 0. */
  restarts: z.int().min(0).max(10).default(0),
};
const sandboxed = {
  ...common,
  /**
   * The module or script itself, base64. Here only the outer form is looked at: decoding 43 MB to see whether it can be
   * decoded holds a thread for a tenth of a second. The runtime, which decodes it in a worker, refuses what is no base64.
   */
  module: z
    .string()
    .max(Math.ceil(MODULE_BYTES_MAX / 3) * 4, `at most ${MODULE_BYTES_MAX / 1024 / 1024} MiB`)
    .refine((text) => text.length % 4 === 0, 'must be base64')
    .meta({ format: 'base64', contentEncoding: 'base64' }),
  /** Wanted share of one core, in percent: 100 is a whole core. A job runs on one core. Absent: as much as is free now, up to a whole core. */
  cpuPercent: z.int().min(1).max(100).optional(),
  memoryBytes: z
    .int()
    .min(1024 * 1024)
    .max(4 * 1024 * 1024 * 1024 - 65536)
    .default(128 * 1024 * 1024),
  scratchBytesMax: z
    .int()
    .min(0)
    .max(256 * 1024 * 1024)
    .default(16 * 1024 * 1024),
};
/** Asked inside the container, as its user; three failures in a row count as a failure of the job. */
export const healthCheck = z.strictObject({
  command: z.array(z.string().min(1).max(4096)).min(1).max(32),
  intervalMs: z.int().min(1000).max(3_600_000).default(10_000),
  timeoutMs: z.int().min(100).max(60_000).default(3_000),
});
const inContainer = {
  ...common,
  image: imageReference,
  /** In place of the image's own; `args` follow it. */
  entrypoint: z.array(z.string().max(4096)).max(32).optional(),
  /** Wanted share, in percent of one core: 250 is two cores and a half. Absent: as much as is free now, up to a whole core. */
  cpuPercent: z.int().min(1).max(25_600).optional(),
  memoryBytes: z
    .int()
    .min(8 * 1024 * 1024)
    .max(1024 * 1024 * 1024 * 1024)
    .default(256 * 1024 * 1024),
  /** Room for files in the work folder, `/work`, and in `/tmp`, in memory. */
  scratchBytesMax: z
    .int()
    .min(0)
    .max(64 * 1024 * 1024 * 1024)
    .default(64 * 1024 * 1024),
  pidsMax: z.int().min(1).max(4096).default(256),
  /** `exit`: a proxy on 127.0.0.1 inside, named in the usual variables, whose far side is this node's exit with its rules. */
  network: z.enum(['none', 'exit']).default('none'),
  /** Ports on which the job listens, reached through the node alone. */
  ports: z.array(z.int().min(1).max(65_535)).max(16).default([]),
  gpu: z.boolean().default(false),
  health: healthCheck.optional(),
};
export const jobSpec = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('wasm'), ...sandboxed }),
  z.strictObject({ kind: z.literal('javascript'), ...sandboxed }),
  z.strictObject({ kind: z.literal('python'), ...sandboxed }),
  z.strictObject({ kind: z.literal('container'), ...inContainer }),
]);
export type JobSpec = z.infer<typeof jobSpec>;
export type JobSpecInput = z.input<typeof jobSpec>;
export type SandboxSpec = Exclude<JobSpec, { kind: 'container' }>;
export type ContainerSpec = Extract<JobSpec, { kind: 'container' }>;

/** Why a job ended. `exited` is the program's own doing, the rest is ours. */
export const jobEnd = z.discriminatedUnion('why', [
  z.strictObject({ why: z.literal('exited'), exitCode: z.int() }),
  /** The program failed by itself: a trap in WebAssembly, an exception in JavaScript. */
  z.strictObject({ why: z.literal('crashed'), message: z.string() }),
  z.strictObject({ why: z.literal('cancelled') }),
  z.strictObject({
    why: z.literal('limit'),
    limit: z.enum(['memory', 'time', 'output', 'scratch', 'processes']),
    message: z.string(),
  }),
  /** The memory level fell below what was promised, or the owner stopped everything. */
  z.strictObject({ why: z.literal('owner'), message: z.string() }),
  /** The node went down while it ran, or the engine did. */
  z.strictObject({ why: z.literal('lost'), message: z.string() }),
  /** It goes on elsewhere. */
  z.strictObject({ why: z.literal('moved'), to: z.string(), message: z.string() }),
  /** Its health check failed three times in a row. */
  z.strictObject({ why: z.literal('unhealthy'), message: z.string() }),
]);
export type JobEnd = z.infer<typeof jobEnd>;

/** How long a job like this takes, learned from those that ended. */
export const jobEstimate = z.strictObject({
  /** Half of such jobs are done by then. */
  ms: z.number(),
  /** Nine of ten are. */
  highMs: z.number(),
  memoryBytes: bytes,
  /** Ended jobs that it was learned from. */
  samples: z.int(),
});
export const jobView = z.strictObject({
  id: jobId,
  name: z.string(),
  kind: jobKind,
  /** `own`: here, for this owner. `lent`: here, for a borrower. `sent`: elsewhere, for this owner. */
  side: z.enum(['own', 'lent', 'sent']),
  /** Who runs it, or whom it is run for; null: ourselves, or somebody of whom nothing is kept. */
  peerId: peerId.nullable(),
  peerName: z.string(),
  lease: leaseId.nullable(),
  /** Size and sha2-256 of the module or image, so that a list can tell two versions apart. */
  moduleBytes: bytes,
  moduleSha256: z.string(),
  /** Empty for what runs in no container. */
  image: z.string(),
  args: z.array(z.string()),
  state: z.enum(['queued', 'preparing', 'starting', 'running', 'frozen', 'moving', 'ended']),
  /** What it waits for or is doing, one sentence; empty while it runs as it should. */
  stateReason: z.string(),
  priority,
  /** From 1, first in line; null when it does not wait. */
  queuePosition: z.int().nullable(),
  estimate: jobEstimate.nullable(),
  createdAtMs: timestampMs,
  startedAtMs: timestampMs.nullable(),
  endedAtMs: timestampMs.nullable(),
  end: jobEnd.nullable(),
  restartsDone: z.int(),
  restartsMax: z.int(),
  health: z.enum(['none', 'starting', 'healthy', 'failing']),
  promised: z.strictObject({
    cpuPercent: z.int(),
    memoryBytes: bytes,
    timeMsMax: z.int(),
    outputBytesMax: bytes,
    scratchBytesMax: bytes,
    /** Null where the sandbox has one process by its nature. */
    pidsMax: z.int().nullable(),
  }),
  /** Share of one core it may take at the present level. */
  effectiveCpuPercent: z.number(),
  /** How the share is held on this system. */
  governor: z.enum(['cgroup', 'duty-cycle', 'engine', 'none']),
  network: z.enum(['none', 'exit']),
  ports: z.array(z.int()),
  measured: z.strictObject({
    /** Processor time used, all threads. Null until the first measurement, and where the system does not tell. */
    cpuMs: z.number().nullable(),
    /** Share of one core since it started, frozen time left out. */
    cpuPercentMean: z.number().nullable(),
    /** Share of one core over the last seconds. */
    cpuPercentNow: z.number().nullable(),
    /** Of its time over the last seconds that it was held back, percent; null where the system does not tell. */
    throttledPercentNow: z.number().nullable(),
    memoryBytesNow: bytes.nullable(),
    memoryBytesPeak: bytes.nullable(),
    pids: z.int().nullable(),
    readBytes: bytes.nullable(),
    writtenBytes: bytes.nullable(),
    sentBytes: bytes,
    receivedBytes: bytes,
    outputBytes: bytes,
    /** From the request to the program's first instruction, waiting in the queue left out. */
    startMs: z.number().nullable(),
  }),
  /** Files that it left, once it has ended. */
  outputs: z.array(jobFile),
  /** Where it has been, oldest first, and how long nobody answered each time. */
  moves: z.array(
    z.strictObject({ atMs: timestampMs, from: z.string(), to: z.string(), pauseMs: z.number(), movedBytes: bytes }),
  ),
  /** Other runs of the same job whose results are compared with this one's; null when it runs once. */
  copies: z
    .strictObject({
      group: z.string(),
      jobs: z.array(jobId),
      quorum: z.int(),
      /** `agreed`: so many gave the same. `split`: they never will. */
      verdict: z.enum(['waiting', 'agreed', 'split']),
      /** Sha2-256 of the result that counts. */
      result: sha256Hex.nullable(),
      /** Jobs whose result is another one. */
      wrong: z.array(jobId),
      sentence: z.string(),
    })
    .nullable(),
});
export type JobView = z.infer<typeof jobView>;

export const jobOutputChunk = z.strictObject({
  id: jobId,
  stream: z.enum(['stdout', 'stderr']),
  /** Offset of the chunk's first byte in the job's whole output, both streams together. */
  offset: z.int(),
  data: z.base64(),
});
export type JobOutputChunk = z.infer<typeof jobOutputChunk>;

/** How the queue is worked off: who goes first, and where it is put. */
export const schedulerAim = z.enum(['speed', 'efficiency', 'balanced', 'throughput']);
export type SchedulerAim = z.infer<typeof schedulerAim>;
export const queueState = z.strictObject({
  aim: schedulerAim,
  /** `finish`: takes no new work, ends what runs, then stops. */
  mode: z.enum(['open', 'finish']),
  queued: z.int(),
  queuedMax: z.int(),
  running: z.int(),
  /** What each of those who wait or run had of the machine lately, and should have. */
  shares: z.array(
    z.strictObject({
      who: z.string(),
      name: z.string(),
      running: z.int(),
      queued: z.int(),
      sharePercent: z.number(),
      fairPercent: z.number(),
    }),
  ),
  decisions: z.strictObject({ made: z.int(), p50Micros: z.number(), p99Micros: z.number() }),
});
export type QueueState = z.infer<typeof queueState>;

/** A language, and what runs it here. */
export const languageView = z.strictObject({
  language: z.string(),
  kind: jobKind,
  /** Empty where no image is needed. */
  image: z.string(),
  /** Put before the file's name; empty where no image is needed. */
  command: z.array(z.string()),
  extensions: z.array(z.string()),
  ready: z.boolean(),
  /** Why not, and what to do. */
  sentence: z.string(),
});
export type LanguageView = z.infer<typeof languageView>;

/** Where a job is sent. */
const target = z
  .string()
  .trim()
  .min(1)
  .max(128)
  .describe('a peer by name or id, an offer, a lease, or any for the best offer');
export const jobSend = z.strictObject({
  spec: jobSpec,
  to: target.default('any'),
  /** So many runs on different owners' nodes, of which `quorum` must give the same result. */
  copies: z.int().min(1).max(9).default(1),
  quorum: z.int().min(1).max(9).default(1),
  minutes: z.int().min(1).max(525_600).default(60),
  /** Micro-CAES for an hour of a core or a container. */
  priceMicroMax: z
    .string()
    .regex(/^\d{1,30}$/)
    .default('0'),
  route: z.enum(['direct', 'anonymous']).default('direct'),
});
export type JobSend = z.infer<typeof jobSend>;

/** What a signed result says, once checked; docs/formats/job-result.md. */
export const resultVerdict = z.strictObject({
  passed: z.boolean(),
  findings: z.array(z.strictObject({ check: z.string(), passed: z.boolean(), sentence: z.string() })),
  result: z
    .strictObject({
      job: jobId,
      signer: z.string(),
      /** Of program, image, arguments, input and files together. */
      inputSha256: sha256Hex,
      resultSha256: sha256Hex,
      /** Null when the program did not end by itself, such as when it was cancelled. */
      exitCode: z.int().nullable(),
      endedAtMs: timestampMs,
      cpuMs: z.number().nullable(),
      memoryBytesPeak: bytes.nullable(),
    })
    .nullable(),
});
export type ResultVerdict = z.infer<typeof resultVerdict>;
const startErrors = [
  'MODULE_INVALID',
  'MODULE_TOO_LARGE',
  'LEVEL_EXCEEDED',
  'PAUSED',
  'SHARE_NOT_HELD',
  'TOO_MANY_JOBS',
  'QUEUE_FULL',
  'FINISHING',
  'ENGINE_MISSING',
  'IMAGE_MISSING',
  'IMAGE_REFUSED',
  'CONTENT_MISSING',
  'GPU_MISSING',
  'SCRATCH_FULL',
] as const;

export const jobCalls = defineCalls({
  'job:start': {
    method: 'POST',
    path: '/v1/jobs',
    summary: 'Start a job here',
    request: jobSpec,
    response: jobView,
    errors: startErrors,
  },
  'job:send': {
    method: 'POST',
    path: '/v1/jobs/send',
    summary: 'Run a job on other nodes: finds offers, takes leases, carries files over',
    request: jobSend,
    response: z.strictObject({ jobs: z.array(jobView) }),
    errors: [
      'NOT_RUNNING',
      'OFFER_UNKNOWN',
      'NO_OFFERS',
      'TOO_MANY_LEASES',
      'TOO_MANY_JOBS',
      'CONTENT_MISSING',
      'IMAGE_MISSING',
      'UNREACHABLE',
    ],
  },
  'job:move': {
    method: 'POST',
    path: '/v1/jobs/{id}/move',
    summary: 'Move a running job to another node, or home: files first, then a short pause for what changed meanwhile',
    request: z.strictObject({ id: jobId, to: target }),
    response: jobView,
    cli: {
      command: 'job move',
      positionals: ['id', 'to'],
      examples: ['hypermesh job move job-0123456789abcdef attic', 'hypermesh job move job-0123456789abcdef home'],
    },
    errors: [
      'JOB_UNKNOWN',
      'JOB_NOT_RUNNING',
      'NOT_MOVABLE',
      'NO_OFFERS',
      'OFFER_UNKNOWN',
      'UNREACHABLE',
      'NOT_RUNNING',
    ],
  },
  'job:list': {
    method: 'GET',
    path: '/v1/jobs',
    summary: 'Jobs here and elsewhere, newest first, 200 at most',
    request: nothing,
    response: z.array(jobView),
    cli: { command: 'job list', examples: ['hypermesh job list', 'hypermesh job list --json'] },
  },
  'job:get': {
    method: 'GET',
    path: '/v1/jobs/{id}',
    summary: 'One job',
    request: z.strictObject({ id: jobId }),
    response: jobView,
    errors: ['JOB_UNKNOWN'],
    cli: { command: 'job show', positionals: ['id'], examples: ['hypermesh job show job-0123456789abcdef'] },
  },
  'job:cancel': {
    method: 'POST',
    path: '/v1/jobs/{id}/cancel',
    summary: 'End a job at once',
    request: z.strictObject({ id: jobId }),
    response: jobView,
    errors: ['JOB_UNKNOWN'],
    cli: { command: 'job stop', positionals: ['id'], examples: ['hypermesh job stop job-0123456789abcdef'] },
  },
  'job:remove': {
    method: 'DELETE',
    path: '/v1/jobs/{id}',
    summary: 'Forget an ended job and its output',
    request: z.strictObject({ id: jobId }),
    response: z.null(),
    errors: ['JOB_UNKNOWN', 'JOB_RUNNING'],
    cli: { command: 'job remove', positionals: ['id'], examples: ['hypermesh job remove job-0123456789abcdef'] },
  },
  'job:result': {
    method: 'GET',
    path: '/v1/jobs/{id}/result',
    summary: 'The signed result of a job that has ended, to be checked by anybody',
    request: z.strictObject({ id: jobId }),
    /** Base64. */
    response: z.strictObject({ fileName: z.string(), bytes: z.string() }),
    errors: ['JOB_UNKNOWN', 'JOB_RUNNING', 'NO_RESULT'],
  },
  'job:verifyResult': {
    method: 'POST',
    path: '/v1/jobs/verify-result',
    summary: 'Checks the signed result of a job with what it holds and nothing else',
    request: z.strictObject({
      /** Base64. */
      file: z.string().min(1).max(200_000),
    }),
    response: resultVerdict,
    errors: ['RESULT_MALFORMED'],
  },
  'queue:state': {
    method: 'GET',
    path: '/v1/queue',
    summary: 'Who waits for room, who has how much of the machine, and how the queue is worked off',
    request: nothing,
    response: queueState,
    cli: { command: 'queue', examples: ['hypermesh queue'] },
  },
  'queue:set': {
    method: 'PATCH',
    path: '/v1/queue',
    summary: 'How the queue is worked off, and whether new work is taken',
    request: z.strictObject({ aim: schedulerAim.optional(), mode: z.enum(['open', 'finish']).optional() }),
    response: queueState,
    cli: {
      command: 'queue set',
      examples: ['hypermesh queue set --aim throughput', 'hypermesh queue set --mode finish'],
    },
  },
  'queue:drain': {
    method: 'POST',
    path: '/v1/queue/drain',
    summary: 'Asks borrowers to take their running jobs to other nodes, as before an update or a longer sleep',
    request: z.strictObject({
      /** What has not left by then goes on here. */
      seconds: z.int().min(1).max(600).default(60),
    }),
    response: z.strictObject({ asked: z.int(), stayed: z.int() }),
    cli: {
      command: 'queue drain',
      examples: ['hypermesh queue drain', 'hypermesh queue drain --seconds 120 && hypermesh stop'],
    },
  },
  'languages:list': {
    method: 'GET',
    path: '/v1/languages',
    summary: 'Languages that jobs are written in, and what runs each of them here',
    request: nothing,
    response: z.strictObject({ languages: z.array(languageView) }),
    cli: { command: 'languages', examples: ['hypermesh languages'] },
  },
  'content:upload': {
    method: 'POST',
    path: '/v1/content',
    summary: 'Puts a file into the content store, a piece at a time; the last answer names it',
    request: z.strictObject({
      /** As the answer to the first piece gave it. */
      upload: z
        .string()
        .regex(/^[0-9a-z]{16}$/)
        .optional(),
      data: base64(8 * 1024 * 1024),
      done: z.boolean(),
    }),
    response: z.strictObject({ upload: z.string(), bytes, sha256: sha256Hex.nullable() }),
    errors: ['CONTENT_FULL', 'UPLOAD_UNKNOWN', 'TOO_MANY_UPLOADS'],
  },
  'content:read': {
    method: 'GET',
    path: '/v1/content/{sha256}',
    summary: 'A piece of a file of the content store',
    request: z.strictObject({ sha256: sha256Hex, offset: z.coerce.number().int().min(0).default(0) }),
    response: z.strictObject({ data: z.base64(), nextOffset: z.int(), bytes }),
    errors: ['CONTENT_MISSING'],
  },
  'job:output': {
    method: 'GET',
    path: '/v1/jobs/{id}/output',
    summary: 'What a job wrote, from an offset on',
    request: z.strictObject({ id: jobId, offset: z.coerce.number().int().min(0).default(0) }),
    response: z.strictObject({ chunks: z.array(jobOutputChunk), nextOffset: z.int(), ended: z.boolean() }),
    errors: ['JOB_UNKNOWN'],
  },
});
export const jobPushes = definePushes({
  queue: { summary: 'When the queue changes; at most once a second', payload: queueState },
  job: { summary: 'When a job changes, and once a second while it runs', payload: jobView },
  jobRemoved: { summary: 'When an ended job was forgotten', payload: z.strictObject({ id: jobId }) },
  jobOutput: { summary: 'When a job writes', payload: jobOutputChunk },
});
