import { z } from 'zod';
import { bytes, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';
import { imageReference, jobId } from './jobs.ts';
import { peerName } from './network.ts';

/** A container, network, volume or image that this node made in the engine. It touches no other. */
export const containerView = z.strictObject({
  /** The engine's id, 64 hexadecimal digits. */
  id: z.string(),
  /** `job`: runs one. `holder`: keeps a job's files and its way out, without any right. */
  role: z.enum(['job', 'holder', 'test']),
  job: jobId.nullable(),
  jobName: z.string(),
  image: z.string(),
  state: z.enum(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']),
  createdAtMs: timestampMs,
  /** Of the engine's counters; null while it does not run. */
  cpuPercentNow: z.number().nullable(),
  cpuPercentMax: z.number().nullable(),
  memoryBytes: bytes.nullable(),
  memoryBytesMax: bytes.nullable(),
  pids: z.int().nullable(),
  pidsMax: z.int().nullable(),
  /** How it is walled off, one short sentence each. */
  walls: z.array(z.string()),
});
export type ContainerView = z.infer<typeof containerView>;

export const imageView = z.strictObject({
  /** `sha256:` and 64 hexadecimal digits. */
  id: z.string(),
  references: z.array(z.string()),
  bytes,
  layers: z.int(),
  createdAtMs: timestampMs.nullable(),
  /** Null: never by a job of ours. */
  usedAtMs: timestampMs.nullable(),
  /** Whether this node brought it, and so may take it away. */
  ours: z.boolean(),
  /** Whether it holds a helper of this program, made again whenever it is missing; neither brought for a job nor the owner's. */
  helper: z.boolean(),
  /** Jobs that run in it now. */
  jobs: z.int(),
  /** Bytes that only it has; the rest it shares with others. */
  ownBytes: bytes,
});
export type ImageView = z.infer<typeof imageView>;
export const imagePolicy = z.strictObject({
  /** Images that this node brought are kept up to so many bytes; those not used for longest go first. */
  quotaBytes: bytes,
  /** Which images may be run: `python:*`, `registry.example.org/team/*`, or an id. */
  allowed: z.array(z.string().trim().min(1).max(256)).max(256),
  /** Whether borrowers may bring others than these. */
  others: z.enum(['refused', 'own', 'all']),
});
export type ImagePolicy = z.infer<typeof imagePolicy>;
export const imageTransfer = z.strictObject({
  id: z.string(),
  reference: z.string(),
  what: z.enum(['pull', 'push', 'fetch']),
  /** Of a peer, or of the engine's registry. */
  with: z.string(),
  state: z.enum(['running', 'done', 'failed', 'cancelled']),
  doneBytes: bytes,
  totalBytes: bytes.nullable(),
  /** Bytes of layers that were there already. */
  savedBytes: bytes,
  sentence: z.string(),
  startedAtMs: timestampMs,
});
export type ImageTransfer = z.infer<typeof imageTransfer>;
export const imagesState = z.strictObject({
  images: z.array(imageView),
  usedBytes: bytes,
  policy: imagePolicy,
  transfers: z.array(imageTransfer),
  /** Why there are none; empty where the engine answers. */
  problem: z.string(),
});
export type ImagesState = z.infer<typeof imagesState>;

export const doctorCheck = z.strictObject({
  /** Such as `engine`, `rights`, `limits-cpu`. */
  id: z.string(),
  title: z.string(),
  result: z.enum(['good', 'warning', 'bad', 'skipped', 'running', 'waiting']),
  /** What was found, with what was measured. */
  sentence: z.string(),
  /** What to do about it; empty where nothing is. */
  fix: z.string(),
  /** A command that does it; empty where there is none. */
  command: z.string(),
  /** Whether the doctor can do it by itself, safely. */
  fixable: z.boolean(),
  tookMs: z.number(),
});
export type DoctorCheck = z.infer<typeof doctorCheck>;
export const containerDoctorState = z.strictObject({
  running: z.boolean(),
  ranAtMs: timestampMs.nullable(),
  verdict: z.enum(['none', 'good', 'warning', 'bad']),
  /** The one sentence that matters most. */
  sentence: z.string(),
  checks: z.array(doctorCheck),
  /** What it put right by itself, newest first. */
  fixed: z.array(z.strictObject({ atMs: timestampMs, sentence: z.string() })),
});
export type ContainerDoctorState = z.infer<typeof containerDoctorState>;

export const containerCalls = defineCalls({
  'containers:list': {
    method: 'GET',
    path: '/v1/containers',
    summary: 'What this node has in the container engine, with what each takes and may take',
    request: nothing,
    response: z.strictObject({ containers: z.array(containerView), problem: z.string() }),
    cli: { command: 'container list', examples: ['hypermesh container list'] },
  },
  'containers:clean': {
    method: 'POST',
    path: '/v1/containers/clean',
    summary:
      'Removes what jobs that are over left in the engine: containers, networks, volumes of this node and of no other',
    request: nothing,
    response: z.strictObject({ containers: z.int(), volumes: z.int(), networks: z.int() }),
    errors: ['ENGINE_MISSING'],
    cli: { command: 'container clean', examples: ['hypermesh container clean'] },
  },
  'images:list': {
    method: 'GET',
    path: '/v1/images',
    summary: 'Images that jobs can run in, what they take, and which are allowed',
    request: nothing,
    response: imagesState,
    cli: { command: 'image list', examples: ['hypermesh image list'] },
  },
  'images:pull': {
    method: 'POST',
    path: '/v1/images/pull',
    summary: 'Fetches an image from its registry, or from a peer, layer by layer, each checked by its digest',
    request: z.strictObject({ image: imageReference, from: peerName.optional() }),
    response: imageTransfer,
    errors: [
      'ENGINE_MISSING',
      'IMAGE_MISSING',
      'IMAGE_REFUSED',
      'PEER_UNKNOWN',
      'PEER_AMBIGUOUS',
      'UNREACHABLE',
      'NOT_RUNNING',
      'TOO_MANY_TRANSFERS',
    ],
  },
  'images:push': {
    method: 'POST',
    path: '/v1/images/push',
    summary: 'Sends an image to a peer that lets us, only the layers that it lacks',
    request: z.strictObject({ image: imageReference, to: peerName }),
    response: imageTransfer,
    errors: [
      'ENGINE_MISSING',
      'IMAGE_MISSING',
      'PEER_UNKNOWN',
      'PEER_AMBIGUOUS',
      'UNREACHABLE',
      'NOT_RUNNING',
      'TOO_MANY_TRANSFERS',
    ],
  },
  'images:cancel': {
    method: 'POST',
    path: '/v1/images/transfers/{id}/cancel',
    summary: 'Stops a transfer of an image; layers that came stay until they are not used',
    request: z.strictObject({ id: z.string().min(1).max(64) }),
    response: imageTransfer,
    errors: ['TRANSFER_UNKNOWN'],
  },
  'images:remove': {
    method: 'DELETE',
    path: '/v1/images/{image}',
    summary: 'Removes an image that this node brought and no job runs in',
    request: z.strictObject({ image: imageReference }),
    response: imagesState,
    errors: ['ENGINE_MISSING', 'IMAGE_MISSING', 'IMAGE_IN_USE', 'IMAGE_NOT_OURS'],
    cli: { command: 'image remove', positionals: ['image'], examples: ['hypermesh image remove tools:1'] },
  },
  'images:policy': {
    method: 'PATCH',
    path: '/v1/images/policy',
    summary: 'Which images may be run, and how much room they have',
    request: imagePolicy.partial(),
    response: imagesState,
  },
  'containerDoctor:state': {
    method: 'GET',
    path: '/v1/doctor/containers',
    summary: 'What the container doctor found last',
    request: nothing,
    response: containerDoctorState,
  },
  'containerDoctor:fix': {
    method: 'POST',
    path: '/v1/doctor/containers/fix',
    summary: 'Lets the doctor put right what it safely can, and looks again',
    request: z.strictObject({ check: z.string().min(1).max(64) }),
    response: containerDoctorState,
    errors: ['CHECK_UNKNOWN', 'NOT_FIXABLE', 'DOCTOR_RUNNING'],
  },
  'containerDoctor:run': {
    method: 'POST',
    path: '/v1/doctor/containers/run',
    summary: 'Examines the container engine: rights, version, limits measured in a real container',
    request: nothing,
    response: containerDoctorState,
    errors: ['DOCTOR_RUNNING'],
  },
  'containerDoctor:cancel': {
    method: 'POST',
    path: '/v1/doctor/containers/cancel',
    summary: 'Stops the examination',
    request: nothing,
    response: containerDoctorState,
  },
});

export const containerPushes = definePushes({
  images: {
    summary: 'When images, their transfers or what is allowed change; at most twice a second',
    payload: imagesState,
  },
  containerDoctor: { summary: 'When the container doctor goes on or is done', payload: containerDoctorState },
});
