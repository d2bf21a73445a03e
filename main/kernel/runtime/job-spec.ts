import type { ContainerSpec, JobSpec, SandboxSpec } from '../../../preload/contract/index.ts';

/** What of a request is kept: all but the program, which is in the content store while it may still be needed. */
export type KeptSpec = KeptSandboxSpec | ContainerSpec;
export type KeptSandboxSpec = Omit<SandboxSpec, 'module'>;

/** Thousandths of a core in one percent of a core. */
const MILLICORES_PER_PERCENT = 10;
export const millicoresOf = (cpuPercent: number): number => cpuPercent * MILLICORES_PER_PERCENT;
export const percentOf = (millicores: number): number => millicores / MILLICORES_PER_PERCENT;

/** The request without its program, as it is stored: no field that is not set, which dag-cbor has no word for. */
export const keptSpec = (spec: JobSpec, cpuPercent: number | undefined): KeptSpec => {
  const { cpuPercent: _, ...rest } = spec;
  const kept = Object.fromEntries(
    Object.entries({ ...rest, cpuPercent }).filter(([name, value]) => name !== 'module' && value !== undefined),
  );
  return kept as unknown as KeptSpec;
};

/** Rows of older versions lack what was not known then. */
const DEFAULTS = {
  args: [],
  stdin: '',
  env: {},
  files: [],
  outputs: [],
  priority: 'normal',
  queue: false,
  restarts: 0,
} as const;
const CONTAINER_DEFAULTS = { pidsMax: 256, network: 'none', ports: [], gpu: false } as const;

export const readKeptSpec = (stored: unknown): KeptSpec => {
  const spec = stored as KeptSpec;
  return {
    ...DEFAULTS,
    ...(spec.kind === 'container' ? CONTAINER_DEFAULTS : {}),
    ...spec,
  };
};

/** The whole request again, to be prepared. @param module - base64; empty for a container */
export const wholeSpec = (spec: KeptSpec, module: string): JobSpec =>
  spec.kind === 'container' ? spec : { ...spec, module };

/** What makes jobs alike for whoever estimates: `kind:program/shape of the arguments`. */
export const estimateKeyOf = (spec: KeptSpec, programSha256: string): string =>
  `${spec.kind}:${programSha256.slice(0, 16)}/${spec.args.map((arg) => arg.replace(/\d+/g, '0').slice(0, 32)).join(' ')}`;
