import { z } from 'zod';
import { bytes, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';

/** Largest module that is read at all; real WASI programs are a few MiB. */
export const MODULE_BYTES_MAX = 32 * 1024 * 1024;
const base64 = (bytesMax: number) =>
  z.base64().max(Math.ceil(bytesMax / 3) * 4, `at most ${bytesMax / 1024 / 1024} MiB`);

export const jobId = z.string().regex(/^job-[0-9a-z]{16}$/, 'not a job id; `hypermesh jobs` lists them');
export const jobSpec = z.strictObject({
  name: z.string().min(1).max(128),
  kind: z.enum(['wasm', 'javascript']),
  /**
   * The module or script itself, base64. Here only the outer form is looked at: decoding 43 MB to see whether it can be
   * decoded holds a thread for a tenth of a second. The runtime, which decodes it in a worker, refuses what is no base64.
   */
  module: z
    .string()
    .max(Math.ceil(MODULE_BYTES_MAX / 3) * 4, `at most ${MODULE_BYTES_MAX / 1024 / 1024} MiB`)
    .refine((text) => text.length % 4 === 0, 'must be base64')
    .meta({ format: 'base64', contentEncoding: 'base64' }),
  args: z.array(z.string().max(4096)).max(256).default([]),
  stdin: base64(1024 * 1024).default(''),
  /** Wanted share of one core, in percent: 100 is a whole core. A job runs on one core. Absent: as much as is free now, up to a whole core. */
  cpuPercent: z.int().min(1).max(100).optional(),
  memoryBytes: z
    .int()
    .min(1024 * 1024)
    .max(4 * 1024 * 1024 * 1024 - 65536)
    .default(128 * 1024 * 1024),
  /** Wall time, not counting time during which the owner's level froze the job. */
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
  scratchBytesMax: z
    .int()
    .min(0)
    .max(256 * 1024 * 1024)
    .default(16 * 1024 * 1024),
});
export type JobSpec = z.infer<typeof jobSpec>;
export type JobSpecInput = z.input<typeof jobSpec>;

/** Why a job ended. `exited` is the program's own doing, the rest is ours. */
export const jobEnd = z.discriminatedUnion('why', [
  z.strictObject({ why: z.literal('exited'), exitCode: z.int() }),
  /** The program failed by itself: a trap in WebAssembly, an exception in JavaScript. */
  z.strictObject({ why: z.literal('crashed'), message: z.string() }),
  z.strictObject({ why: z.literal('cancelled') }),
  z.strictObject({
    why: z.literal('limit'),
    limit: z.enum(['memory', 'time', 'output', 'scratch']),
    message: z.string(),
  }),
  /** The memory level fell below what was promised, or the owner stopped everything. */
  z.strictObject({ why: z.literal('owner'), message: z.string() }),
  /** The node went down while it ran. */
  z.strictObject({ why: z.literal('lost'), message: z.string() }),
]);
export type JobEnd = z.infer<typeof jobEnd>;

export const jobView = z.strictObject({
  id: jobId,
  name: z.string(),
  kind: z.enum(['wasm', 'javascript']),
  /** Size and sha2-256 of the module, so that a list can tell two versions apart. */
  moduleBytes: bytes,
  moduleSha256: z.string(),
  args: z.array(z.string()),
  state: z.enum(['starting', 'running', 'frozen', 'ended']),
  createdAtMs: timestampMs,
  startedAtMs: timestampMs.nullable(),
  endedAtMs: timestampMs.nullable(),
  end: jobEnd.nullable(),
  promised: z.strictObject({
    cpuPercent: z.int(),
    memoryBytes: bytes,
    timeMsMax: z.int(),
    outputBytesMax: bytes,
    scratchBytesMax: bytes,
  }),
  /** Share of one core it may take at the present level. */
  effectiveCpuPercent: z.number(),
  /** How the share is held on this system. */
  governor: z.enum(['cgroup', 'duty-cycle', 'none']),
  measured: z.strictObject({
    /** Processor time used, all threads. Null until the first measurement, and where the system does not tell. */
    cpuMs: z.number().nullable(),
    /** Share of one core since it started, frozen time left out. */
    cpuPercentMean: z.number().nullable(),
    /** Share of one core over the last seconds. */
    cpuPercentNow: z.number().nullable(),
    memoryBytesPeak: bytes.nullable(),
    outputBytes: bytes,
    /** From the request to the program's first instruction. */
    startMs: z.number().nullable(),
  }),
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

export const jobCalls = defineCalls({
  'job:start': {
    method: 'POST',
    path: '/v1/jobs',
    summary: 'Start a job',
    request: jobSpec,
    response: jobView,
    errors: ['MODULE_INVALID', 'MODULE_TOO_LARGE', 'LEVEL_EXCEEDED', 'PAUSED', 'SHARE_NOT_HELD', 'TOO_MANY_JOBS'],
  },
  'job:list': {
    method: 'GET',
    path: '/v1/jobs',
    summary: 'Jobs, newest first, 200 at most',
    request: nothing,
    response: z.array(jobView),
    cli: { command: 'jobs', examples: ['hypermesh jobs', 'hypermesh jobs --json'] },
  },
  'job:get': {
    method: 'GET',
    path: '/v1/jobs/{id}',
    summary: 'One job',
    request: z.strictObject({ id: jobId }),
    response: jobView,
    errors: ['JOB_UNKNOWN'],
    cli: { command: 'jobs show', positionals: ['id'], examples: ['hypermesh jobs show job-0123456789abcdef'] },
  },
  'job:cancel': {
    method: 'POST',
    path: '/v1/jobs/{id}/cancel',
    summary: 'End a job at once',
    request: z.strictObject({ id: jobId }),
    response: jobView,
    errors: ['JOB_UNKNOWN'],
    cli: { command: 'jobs cancel', positionals: ['id'], examples: ['hypermesh jobs cancel job-0123456789abcdef'] },
  },
  'job:remove': {
    method: 'DELETE',
    path: '/v1/jobs/{id}',
    summary: 'Forget an ended job and its output',
    request: z.strictObject({ id: jobId }),
    response: z.null(),
    errors: ['JOB_UNKNOWN', 'JOB_RUNNING'],
    cli: { command: 'jobs remove', positionals: ['id'], examples: ['hypermesh jobs remove job-0123456789abcdef'] },
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
  job: { summary: 'When a job changes, and once a second while it runs', payload: jobView },
  jobRemoved: { summary: 'When an ended job was forgotten', payload: z.strictObject({ id: jobId }) },
  jobOutput: { summary: 'When a job writes', payload: jobOutputChunk },
});
