import { z } from 'zod';
import { bytes, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';
import { networkSettings } from './network.ts';

export const nodeStatus = z.strictObject({
  version: z.string(),
  state: z.enum(['starting', 'running', 'stopping']),
  mode: z.enum(['desktop', 'headless']),
  startedAtMs: timestampMs,
  pid: z.int(),
  dataFolder: z.string(),
  /** Bootstrap phase 0 to 3, why, and what the next one needs. */
  phase: z.strictObject({ number: z.int().min(0).max(3), reason: z.string(), nextNeeds: z.string() }),
  api: z.discriminatedUnion('listening', [
    z.strictObject({ listening: z.literal(true), url: z.string() }),
    z.strictObject({ listening: z.literal(false), reason: z.string() }),
  ]),
  jobsRunning: z.int(),
  firstRunDone: z.boolean(),
  /** Things that need the owner: a sentence each, with a stable code. */
  warnings: z.array(z.strictObject({ code: z.string(), message: z.string() })),
});
export type NodeStatus = z.infer<typeof nodeStatus>;

export const logLevel = z.enum(['debug', 'info', 'warn', 'error']);
export const logLine = z.strictObject({
  atMs: timestampMs,
  level: logLevel,
  module: z.string(),
  message: z.string(),
  context: z.record(z.string(), z.unknown()),
});
export type LogLine = z.infer<typeof logLine>;

export const theme = z.enum(['system', 'light', 'dark']);
/** All that an owner may set outside of the limits. Unknown keys are refused. */
export const config = z.strictObject({
  version: z.literal(1),
  /** 0: any free port. */
  apiPort: z.int().min(0).max(65535),
  logLevel,
  theme,
  openAtLogin: z.boolean(),
  /** The sentence "the node keeps running" was shown. */
  closeHintShown: z.boolean(),
  firstRunDone: z.boolean(),
  /** Socket or URL of the container engine; null: look in the usual places. */
  containerEndpoint: z.string().max(512).nullable(),
  /** What the owner set for the network; all else has its default. `network:configure` changes it. */
  network: networkSettings.partial(),
});
export type Config = z.infer<typeof config>;

export const check = z.strictObject({
  id: z.string(),
  title: z.string(),
  status: z.enum(['ok', 'warning', 'problem', 'unknown']),
  /** What was found, one sentence. */
  finding: z.string(),
  /** What to do, or null when there is nothing to do. */
  fix: z.string().nullable(),
});
export type Check = z.infer<typeof check>;
const bundleEntry = z.strictObject({
  name: z.string(),
  sizeBytes: bytes,
  description: z.string(),
  content: z.string(),
});

export const nodeCalls = defineCalls({
  'node:status': {
    method: 'GET',
    path: '/v1/node',
    summary: 'How the node is',
    request: nothing,
    response: nodeStatus,
  },
  'node:stop': {
    method: 'POST',
    path: '/v1/node/stop',
    summary: 'Stop the node',
    request: z.strictObject({ afterJobs: z.boolean().default(false) }),
    response: z.null(),
    cli: { command: 'stop', examples: ['hypermesh stop', 'hypermesh stop --after-jobs'] },
  },
  'app:show': {
    method: 'POST',
    path: '/v1/app/show',
    summary: 'Bring the window to the front',
    request: nothing,
    response: z.strictObject({ shown: z.boolean() }),
  },
  'config:get': {
    method: 'GET',
    path: '/v1/config',
    summary: 'Settings',
    request: nothing,
    response: config,
    cli: { command: 'config get', examples: ['hypermesh config get'] },
  },
  'config:set': {
    method: 'PATCH',
    path: '/v1/config',
    summary: 'Change settings',
    request: config.omit({ version: true, network: true }).partial(),
    response: config,
    errors: ['CONFIG_NOT_WRITTEN'],
  },
  'logs:read': {
    method: 'GET',
    path: '/v1/logs',
    summary: 'The newest log lines, oldest first',
    request: z.strictObject({
      level: logLevel.default('info'),
      limit: z.coerce.number().int().min(1).max(5000).default(200),
      module: z.string().max(64).optional(),
    }),
    response: z.array(logLine),
  },
  'doctor:run': {
    method: 'POST',
    path: '/v1/doctor',
    summary: 'Check everything that commonly goes wrong',
    request: nothing,
    response: z.array(check),
  },
  'disk:ledger': {
    method: 'GET',
    path: '/v1/disk',
    summary: 'Everything the app keeps on disk',
    request: nothing,
    response: z.array(z.strictObject({ path: z.string(), sizeBytes: bytes, what: z.string(), removable: z.boolean() })),
    cli: { command: 'config disk', examples: ['hypermesh config disk'] },
  },
  'bundle:preview': {
    method: 'GET',
    path: '/v1/bundle',
    summary: 'What a support bundle would hold',
    request: nothing,
    response: z.array(bundleEntry),
    cli: { command: 'bundle preview', examples: ['hypermesh bundle preview'] },
  },
  'bundle:create': {
    method: 'POST',
    path: '/v1/bundle',
    summary: 'Write a support bundle (.tar.gz) with exactly what the preview shows',
    request: nothing,
    response: z.strictObject({ path: z.string(), sizeBytes: bytes }),
    errors: ['BUNDLE_NOT_WRITTEN'],
  },
});
export const nodePushes = definePushes({
  node: { summary: 'When the status changed', payload: nodeStatus },
  config: { summary: 'When settings changed', payload: config },
  log: { summary: 'Each log line from info upwards', payload: logLine },
});
