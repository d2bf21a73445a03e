import type { ContainerSpec, JobFile, JobSpec, SandboxSpec } from '../../../../preload/contract/index.ts';
import type { FieldReader } from '../../leases/index.ts';
import type { JobInput } from '../interface.ts';
import { SLOT_BYTES, SLOT_MILLICORES } from './constants.ts';

/** What is sent and kept of a job's words: all but program and input, which travel as content. */
export type SentSpec = Omit<SandboxSpec, 'module' | 'stdin'> | Omit<ContainerSpec, 'stdin'>;
/** Names content of the store. */
export interface ContentRef {
  sha256: string;
  bytes: number;
}

export const sentSpecOf = (spec: JobSpec): SentSpec => {
  const { stdin: _, ...rest } = spec;
  if (rest.kind === 'container') return rest;
  const { module: __, ...sent } = rest;
  return sent;
};

/** What a job needs of the lease that it runs in, in the lease's unit. */
export const amountFor = (spec: SentSpec): number => {
  const cpuPercent = spec.cpuPercent ?? 100;
  if (spec.kind !== 'container') return cpuPercent * 10;
  return Math.max(
    Math.ceil((cpuPercent * 10) / SLOT_MILLICORES),
    Math.ceil((spec.memoryBytes + spec.scratchBytesMax) / SLOT_BYTES),
  );
};
export const resourceFor = (spec: SentSpec): 'container' | 'cpu' => (spec.kind === 'container' ? 'container' : 'cpu');

/** What the result of a job must be of. @param program - module or image id @param stdinSha256 - of no bytes where there are none */
export const inputOf = (spec: SentSpec, program: string, stdinSha256: string): JobInput => ({
  kind: spec.kind,
  program,
  args: spec.args,
  env: spec.env,
  stdinSha256,
  entrypoint: spec.kind === 'container' ? (spec.entrypoint ?? []) : [],
  files: spec.files,
  outputs: [...new Set(spec.outputs)],
});

const KINDS = ['wasm', 'javascript', 'python', 'container'] as const;
const PRIORITIES = ['low', 'normal', 'high'] as const;
const NETWORKS = ['none', 'exit'] as const;
const COMMON = [
  'name',
  'kind',
  'args',
  'env',
  'timeMsMax',
  'outputBytesMax',
  'files',
  'outputs',
  'priority',
  'queue',
  'restarts',
  'cpuPercent',
  'memoryBytes',
  'scratchBytesMax',
] as const;
const IN_CONTAINER = ['image', 'entrypoint', 'pidsMax', 'network', 'ports', 'gpu', 'health'] as const;

const GIB = 1024 ** 3;
export const HASH = /^[0-9a-f]{64}$/;
const NAME = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,128}$/u;
const ARGUMENT = /^[^\0]{0,4096}$/;
const VALUE = /^[^\0]{0,8192}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const IMAGE = /^[a-zA-Z0-9][a-zA-Z0-9._/:@-]{0,511}$/;
/** As the contract's `workPath`: relative, and nothing in it leads up. */
const PATH = /^(?=.{1,256}$)(?!.*\\)(?:(?!\.{1,2}(?:\/|$))[^/\0]{1,128})(?:\/(?!\.{1,2}(?:\/|$))[^/\0]{1,128})*$/s;
/** Work folders have what programs wrote: deeper and longer names than a request may have. */
const DEEP_PATH = /^(?=.{1,4096}$)(?:(?!\.{1,2}(?:\/|$))[^/\0]{1,255})(?:\/(?!\.{1,2}(?:\/|$))[^/\0]{1,255})*$/s;

/** Everything in one shape: what is absent is null. */
export const encodeSpec = (spec: SentSpec): Record<string, unknown> => {
  const common = {
    name: spec.name,
    kind: spec.kind,
    args: spec.args,
    env: spec.env,
    timeMsMax: spec.timeMsMax,
    outputBytesMax: spec.outputBytesMax,
    files: spec.files.map(({ path, sha256, bytes, executable }) => ({ path, sha256, bytes, executable })),
    outputs: spec.outputs,
    priority: spec.priority,
    queue: spec.queue,
    restarts: spec.restarts,
    cpuPercent: spec.cpuPercent ?? null,
    memoryBytes: spec.memoryBytes,
    scratchBytesMax: spec.scratchBytesMax,
  };
  if (spec.kind !== 'container') return common;
  const { image, entrypoint, pidsMax, network, ports, gpu, health } = spec;
  const { command, intervalMs, timeoutMs } = health ?? {};
  return {
    ...common,
    image,
    entrypoint: entrypoint ?? null,
    pidsMax,
    network,
    ports,
    gpu,
    health: health === undefined ? null : { command, intervalMs, timeoutMs },
  };
};

/** Fields that jobs have wherever they are read from. */
export const createJobFields = (reader: FieldReader) => {
  const texts = (value: unknown, max: number, pattern: RegExp, where: string): string[] =>
    reader.list(value, max, where).map((one) => reader.text(one, pattern, `one of ${where}`));
  const path = (value: unknown, where: string): string => reader.text(value, PATH, where);
  const hash = (value: unknown, where: string): string => reader.text(value, HASH, where);
  const file = (value: unknown): JobFile => {
    const fields = reader.fields(value, ['path', 'sha256', 'bytes', 'executable'], 'a file');
    return {
      path: reader.text(fields.path, DEEP_PATH, 'the path of a file'),
      sha256: hash(fields.sha256, 'the hash of a file'),
      bytes: reader.whole(fields.bytes, 0, Number.MAX_SAFE_INTEGER, 'the size of a file'),
      executable: reader.flag(fields.executable, 'whether a file is a program'),
    };
  };
  const files = (value: unknown, max: number, where: string): JobFile[] => reader.list(value, max, where).map(file);
  const environment = (value: unknown): Record<string, string> => {
    const names = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    if (names.length > 64 || names.some((name) => !VARIABLE.test(name)))
      throw reader.malformed('its variables are too many, or have names that none can have');
    const fields = reader.fields(value, names, 'its variables');
    return Object.fromEntries(names.map((name) => [name, reader.text(fields[name], VALUE, 'a variable')]));
  };
  const health = (value: unknown): ContainerSpec['health'] => {
    if (value === null) return undefined;
    const fields = reader.fields(value, ['command', 'intervalMs', 'timeoutMs'], 'its health check');
    const command = texts(fields.command, 32, ARGUMENT, 'the words of its health check');
    if (command.length === 0) throw reader.malformed('its health check has no command');
    return {
      command,
      intervalMs: reader.whole(fields.intervalMs, 1_000, 3_600_000, 'how often its health is looked at'),
      timeoutMs: reader.whole(fields.timeoutMs, 100, 60_000, 'how long its health check may take'),
    };
  };

  return {
    hash,
    files,
    deepPath: (value: unknown, where: string): string => reader.text(value, DEEP_PATH, where),
    /** A number that was measured, or null. */
    amount: (value: unknown, where: string): number => {
      if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
        throw reader.malformed(`${where} is no number of 0 and above`);
      return value;
    },
    /** @throws {LeaseFormatError} */
    spec: (value: unknown): SentSpec => {
      const kind = reader.oneOf((value as { kind?: unknown } | null)?.kind, KINDS, 'its kind');
      const inContainer = kind === 'container';
      const fields = reader.fields(value, inContainer ? [...COMMON, ...IN_CONTAINER] : COMMON, 'its words');
      const common = {
        name: reader.text(fields.name, NAME, 'its name'),
        args: texts(fields.args, 256, ARGUMENT, 'its arguments'),
        env: environment(fields.env),
        timeMsMax: reader.whole(fields.timeMsMax, 100, 7 * 24 * 3_600_000, 'its time'),
        outputBytesMax: reader.whole(fields.outputBytesMax, 1024, 16 * 1024 ** 2, 'its output'),
        files: files(fields.files, 256, 'its files').map((one) => ({ ...one, path: path(one.path, 'its path') })),
        outputs: reader.list(fields.outputs, 64, 'its outputs').map((one) => path(one, 'the path of an output')),
        priority: reader.oneOf(fields.priority, PRIORITIES, 'its priority'),
        queue: reader.flag(fields.queue, 'whether it waits'),
        restarts: reader.whole(fields.restarts, 0, 10, 'its restarts'),
      };
      const cpu = (max: number): { cpuPercent?: number } =>
        fields.cpuPercent === null ? {} : { cpuPercent: reader.whole(fields.cpuPercent, 1, max, 'its share') };
      if (kind !== 'container')
        return {
          kind,
          ...common,
          ...cpu(100),
          memoryBytes: reader.whole(fields.memoryBytes, 1024 ** 2, 4 * GIB - 65_536, 'its memory'),
          scratchBytesMax: reader.whole(fields.scratchBytesMax, 0, GIB / 4, 'its scratch space'),
        };
      const checked = health(fields.health);
      return {
        kind,
        ...common,
        ...cpu(25_600),
        memoryBytes: reader.whole(fields.memoryBytes, 8 * 1024 ** 2, 1024 * GIB, 'its memory'),
        scratchBytesMax: reader.whole(fields.scratchBytesMax, 0, 64 * GIB, 'its scratch space'),
        image: reader.text(fields.image, IMAGE, 'its image'),
        ...(fields.entrypoint !== null && { entrypoint: texts(fields.entrypoint, 32, ARGUMENT, 'its entrypoint') }),
        pidsMax: reader.whole(fields.pidsMax, 1, 4096, 'its processes'),
        network: reader.oneOf(fields.network, NETWORKS, 'its network'),
        ports: reader.list(fields.ports, 16, 'its ports').map((port) => reader.whole(port, 1, 65_535, 'a port')),
        gpu: reader.flag(fields.gpu, 'whether it has a card'),
        ...(checked !== undefined && { health: checked }),
      };
    },
  };
};
