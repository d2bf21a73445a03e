import { z } from 'zod';
import { bytes, percent, reading, resourceKey, resourceKind, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';

const cpuInventory = z.strictObject({
  model: reading(z.string()),
  vendor: reading(z.string()),
  architecture: z.string(),
  sockets: reading(z.int()),
  /** Physical cores over all sockets. */
  cores: reading(z.int()),
  /** Logical processors that the scheduler may use. */
  threads: z.int(),
  performanceCores: reading(z.int()),
  efficiencyCores: reading(z.int()),
  frequencyBaseMhz: reading(z.number()),
  frequencyMaxMhz: reading(z.number()),
  cacheL1Bytes: reading(bytes),
  cacheL2Bytes: reading(bytes),
  cacheL3Bytes: reading(bytes),
  /** Instruction-set flags, as the system names them. */
  features: reading(z.array(z.string())),
  virtualization: reading(z.string()),
  temperatureCelsius: reading(z.number()),
});
const memoryInventory = z.strictObject({
  totalBytes: bytes,
  swapTotalBytes: reading(bytes),
  /** Modules by slot; unknown where reading them needs a privilege. */
  modules: reading(
    z.array(z.strictObject({ sizeBytes: bytes, kind: z.string(), speedMhz: reading(z.number()), slot: z.string() })),
  ),
  numaNodes: reading(z.array(z.strictObject({ id: z.int(), totalBytes: bytes, cpus: z.string() }))),
});
const filesystem = z.strictObject({
  mount: z.string(),
  kind: z.string(),
  totalBytes: bytes,
  freeBytes: bytes,
  readOnly: z.boolean(),
});
const disk = z.strictObject({
  /** Device name without `/dev/`. */
  name: z.string(),
  model: reading(z.string()),
  /** `ssd`, `nvme`, `hdd`, `virtual`, … */
  kind: reading(z.string()),
  sizeBytes: bytes,
  removable: reading(z.boolean()),
  filesystems: z.array(filesystem),
});
const networkInterface = z.strictObject({
  name: z.string(),
  kind: reading(z.string()),
  mac: reading(z.string()),
  up: z.boolean(),
  loopback: z.boolean(),
  virtual: reading(z.boolean()),
  speedMbps: reading(z.number()),
  metered: reading(z.boolean()),
  /** Carries the default route. */
  isDefault: z.boolean(),
  addresses: z.array(z.strictObject({ address: z.string(), prefixLength: z.int(), family: z.enum(['ipv4', 'ipv6']) })),
});
const gpu = z.strictObject({
  /** Last part of the card's resource key: `gpu:<slug>`. */
  slug: z.string(),
  model: z.string(),
  vendor: reading(z.string()),
  memoryBytes: reading(bytes),
  driver: reading(z.string()),
  pciAddress: reading(z.string()),
  /** Programming interfaces that were found to work, such as `webgpu` or `cuda`. */
  apis: z.array(z.string()),
  /** True for a card that is only emulated by the processor (SwiftShader, llvmpipe): it is shown but not lent. */
  software: z.boolean(),
  temperatureCelsius: reading(z.number()),
});
const containerInventory = z.strictObject({
  engine: z.string(),
  version: z.string(),
  apiVersion: z.string(),
  endpoint: z.string(),
  storageDriver: z.string(),
  cgroupVersion: z.enum(['1', '2', 'none']),
  cgroupDriver: z.string(),
  cpus: z.int(),
  memoryBytes: bytes,
  rootless: z.boolean(),
  runtimes: z.array(z.string()),
  images: z.int(),
  containersRunning: z.int(),
});
export const inventory = z.strictObject({
  detectedAtMs: timestampMs,
  /** How long detection took. */
  tookMs: z.number(),
  system: z.strictObject({
    os: z.string(),
    version: z.string(),
    kernel: z.string(),
    hostname: z.string(),
    virtualMachine: reading(z.boolean()),
    battery: reading(z.boolean()),
  }),
  cpu: cpuInventory,
  memory: memoryInventory,
  disks: reading(z.array(disk)),
  interfaces: reading(z.array(networkInterface)),
  gpus: reading(z.array(gpu)),
  container: reading(containerInventory),
  economic: reading(z.strictObject({ escrowedMicro: z.string().regex(/^\d{1,30}$/) })),
});
export type Inventory = z.infer<typeof inventory>;

/** Unit in which capacity, promises and use of an asset are counted. */
export const capacityUnit = z.enum(['millicores', 'millicards', 'bytes', 'bytesPerSecond', 'containers', 'microCaes']);
export type CapacityUnit = z.infer<typeof capacityUnit>;

const priced: Readonly<Record<z.infer<typeof resourceKind>, string>> = {
  cpu: 'core',
  gpu: 'card',
  memory: 'GiB',
  storage: 'GiB',
  network: 'MiB/s',
  container: 'container',
  economic: 'CAES',
};
/** What prices of a resource are for an hour of: 1000 millicores or millicards, 2^30 bytes, 2^20 bytes per second, one container. */
export const pricedAmountOf = (resource: z.infer<typeof resourceKey>): string =>
  priced[(resource.startsWith('gpu:') ? 'gpu' : resource) as z.infer<typeof resourceKind>];

export const asset = z.strictObject({
  /** `asset:<kind>:<cid of its registration record>`. */
  id: z.string(),
  kind: resourceKind,
  resource: resourceKey,
  label: z.string(),
  unit: capacityUnit,
  /** All that the hardware has; unknown keeps the asset from being lent. */
  capacity: reading(z.int()),
  registeredAtMs: timestampMs,
  /** False once the hardware is gone; the asset keeps its id in case it comes back. */
  present: z.boolean(),
});
export type Asset = z.infer<typeof asset>;

/** Use of one resource, by everything on the machine and by what we lent. */
export const liveUse = z.strictObject({
  resource: resourceKey,
  /** Share of the whole resource in use by anything, in percent. */
  usedPercent: reading(z.number()),
  /** Used amount in the asset's unit. */
  used: reading(z.number()),
  /** Part of `used` that jobs and leases caused, in the asset's unit, as measured. */
  lentUsed: reading(z.number()),
  temperatureCelsius: reading(z.number()),
});
export type LiveUse = z.infer<typeof liveUse>;
export const liveSample = z.strictObject({
  atMs: timestampMs,
  uses: z.array(liveUse),
  /** Use per logical processor, in percent. */
  cpuThreadsPercent: reading(z.array(z.number())),
  networkReceivedBytesPerSecond: reading(z.number()),
  networkSentBytesPerSecond: reading(z.number()),
  diskReadBytesPerSecond: reading(z.number()),
  diskWrittenBytesPerSecond: reading(z.number()),
  /** This program with its helpers and jobs. */
  app: z.strictObject({ cpuPercentOfCore: z.number(), memoryBytes: bytes }),
});
export type LiveSample = z.infer<typeof liveSample>;

export const benchmarkParts = ['cpuSingle', 'cpuAll', 'memory', 'diskWrite', 'diskRead', 'gpu'] as const;
const benchmarkPart = z.enum(benchmarkParts);
export const benchmarkResult = z.strictObject({
  part: benchmarkPart,
  /** What was measured, such as `SHA-256, one thread`. */
  label: z.string(),
  unit: z.enum(['bytesPerSecond', 'flops']),
  value: reading(z.number()),
});
export const benchmarkState = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('never') }),
  z.strictObject({
    status: z.literal('running'),
    part: benchmarkPart,
    progressPercent: percent,
    startedAtMs: timestampMs,
    partial: z.array(benchmarkResult),
  }),
  z.strictObject({
    status: z.literal('done'),
    startedAtMs: timestampMs,
    tookMs: z.number(),
    results: z.array(benchmarkResult),
  }),
  z.strictObject({ status: z.literal('cancelled'), startedAtMs: timestampMs, partial: z.array(benchmarkResult) }),
  z.strictObject({
    status: z.literal('failed'),
    startedAtMs: timestampMs,
    reason: z.string(),
    partial: z.array(benchmarkResult),
  }),
]);
export type BenchmarkState = z.infer<typeof benchmarkState>;
export type BenchmarkResult = z.infer<typeof benchmarkResult>;
export type BenchmarkPart = z.infer<typeof benchmarkPart>;

export const hardwareCalls = defineCalls({
  'hardware:inventory': {
    method: 'GET',
    path: '/v1/hardware',
    summary: 'What this machine has, and what could not be read',
    request: nothing,
    response: inventory,
    cli: { command: 'hardware', examples: ['hypermesh hardware', 'hypermesh hardware --json'] },
  },
  'hardware:detect': {
    method: 'POST',
    path: '/v1/hardware/detect',
    summary: 'Look at the hardware again',
    request: nothing,
    response: inventory,
    cli: { command: 'hardware detect', examples: ['hypermesh hardware detect'] },
  },
  'hardware:assets': {
    method: 'GET',
    path: '/v1/assets',
    summary: 'Assets registered on this node, with capacity',
    request: nothing,
    response: z.array(asset),
    cli: { command: 'hardware assets', examples: ['hypermesh hardware assets'] },
  },
  'hardware:live': {
    method: 'GET',
    path: '/v1/hardware/live',
    summary: 'What is in use at this moment',
    request: nothing,
    response: liveSample,
    cli: { command: 'hardware live', examples: ['hypermesh hardware live --json'] },
  },
  'benchmark:get': {
    method: 'GET',
    path: '/v1/benchmark',
    summary: 'The last benchmark, or the one that runs',
    request: nothing,
    response: benchmarkState,
    cli: { command: 'benchmark show', examples: ['hypermesh benchmark show'] },
  },
  'benchmark:start': {
    method: 'POST',
    path: '/v1/benchmark',
    summary: 'Measure processor, memory, disk and graphics (under 20 s)',
    request: nothing,
    response: benchmarkState,
    errors: ['BENCHMARK_RUNNING'],
  },
  'benchmark:cancel': {
    method: 'DELETE',
    path: '/v1/benchmark',
    summary: 'Stop the benchmark that runs',
    request: nothing,
    response: benchmarkState,
    cli: { command: 'benchmark cancel', examples: ['hypermesh benchmark cancel'] },
  },
});
export const hardwarePushes = definePushes({
  live: { summary: 'Once a second while anyone listens', payload: liveSample },
  benchmark: { summary: 'When the benchmark starts, moves on or ends', payload: benchmarkState },
  inventory: { summary: 'When the hardware was looked at again', payload: inventory },
});
