import type { JobSend, JobSpecInput, LanguageView, Priority } from '../../../preload/contract/index.ts';
import { microFromText } from '../share/share-text.ts';
import { splitArgs } from './job-text.ts';
import type { ModuleFile } from './module-file.ts';
import { filesOf, type Upload } from './use-uploads.ts';

const MIB = 1024 * 1024;
// Bounds of the contract's jobSpec, which a test compares; the page itself loads no schema.
const ARGS_MAX = 256;
const ENV_MAX = 64;
const OUTPUTS_MAX = 64;
const FILES_MAX = 256;
const PORTS_MAX = 16;
export const SANDBOX_MEMORY_MIB_MAX = 4095;
export const CONTAINER_MEMORY_MIB_MAX = 1024 * 1024;
export const SANDBOX_SCRATCH_MIB_MAX = 256;
export const CONTAINER_SCRATCH_MIB_MAX = 64 * 1024;
export const OUTPUT_MIB_MAX = 16;
export const PIDS_MAX = 4096;
export const RESTARTS_MAX = 10;
export const COPIES_MAX = 9;
const CONTAINER_CPU_PERCENT_MAX = 25_600;

/** All that the form for a new job holds, as it was typed. */
export interface JobDraft {
  program: 'file' | 'image';
  file: ModuleFile | null;
  /** A script whose language runs in an image: the key of its upload, and the language. */
  script: { key: number; language: LanguageView } | null;
  image: string;
  entrypoint: string;
  name: string;
  argsText: string;
  env: readonly { key: number; name: string; value: string }[];
  outputsText: string;
  /** Percent of a core, or of all cores of this machine for a container. */
  cpuLevel: number;
  memoryMib: number | string;
  timeMsMax: string;
  outputMib: number | string;
  scratchMib: number | string;
  pidsMax: number | string;
  network: 'none' | 'exit';
  portsText: string;
  gpu: boolean;
  priority: Priority;
  restarts: number | string;
  health: boolean;
  healthCommand: string;
  healthIntervalS: number | string;
  healthTimeoutS: number | string;
  queue: boolean;
  where: 'here' | 'any' | 'offer' | 'peer';
  offer: string | null;
  peer: string;
  copies: number | string;
  quorum: number | string;
  minutes: number | string;
  /** CAES per core, or per container, and hour. */
  price: string;
  anonymous: boolean;
}
export const emptyDraft: JobDraft = {
  program: 'file',
  file: null,
  script: null,
  image: '',
  entrypoint: '',
  name: '',
  argsText: '',
  env: [],
  outputsText: '',
  cpuLevel: 50,
  memoryMib: 128,
  timeMsMax: '3600000',
  outputMib: 1,
  scratchMib: 16,
  pidsMax: 256,
  network: 'none',
  portsText: '',
  gpu: false,
  priority: 'normal',
  restarts: 0,
  health: false,
  healthCommand: '',
  healthIntervalS: 10,
  healthTimeoutS: 3,
  queue: true,
  where: 'here',
  offer: null,
  peer: '',
  copies: 1,
  quorum: 1,
  minutes: 60,
  price: '0',
  anonymous: false,
};

/** Whether it will run in an image. */
export const isContainer = (draft: JobDraft): boolean => draft.program === 'image' || draft.script !== null;
/** Wanted share in percent of one core. @param threads - of this machine */
export const cpuPercentOf = (draft: JobDraft, threads: number): number =>
  isContainer(draft)
    ? Math.min(CONTAINER_CPU_PERCENT_MAX, Math.max(1, Math.round(draft.cpuLevel * threads)))
    : Math.max(1, draft.cpuLevel);

/** Whether a path stays beneath the work folder, as the contract's `workPath` has it. */
export const isWorkPath = (path: string): boolean =>
  path.length > 0 &&
  path.length <= 256 &&
  !path.startsWith('/') &&
  !/[\\\0]/.test(path) &&
  path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part.length <= 128);

export const outputsOf = (draft: JobDraft): string[] => [
  ...new Set(
    draft.outputsText
      .split('\n')
      .map((line) => line.trim().replace(/\/$/, ''))
      .filter((line) => line !== ''),
  ),
];
export const portsOf = (draft: JobDraft): number[] => [
  ...new Set(
    draft.portsText
      .split(/[\s,;]+/)
      .filter((part) => part !== '')
      .map(Number),
  ),
];

/** What is wrong, by the field that it is said at. */
export type DraftProblems = Partial<
  Record<
    | 'program'
    | 'image'
    | 'argsText'
    | 'env'
    | 'files'
    | 'outputsText'
    | 'memoryMib'
    | 'outputMib'
    | 'scratchMib'
    | 'pidsMax'
    | 'portsText'
    | 'restarts'
    | 'healthCommand'
    | 'healthIntervalS'
    | 'healthTimeoutS'
    | 'peer'
    | 'offer'
    | 'copies'
    | 'quorum'
    | 'minutes'
    | 'price',
    string | undefined
  >
>;
const within = (value: number | string, min: number, max: number, unit: string): string | undefined => {
  const number = Number(value);
  return value === '' || !Number.isInteger(number) || number < min || number > max
    ? `Give a whole number from ${min} to ${max}${unit}.`
    : undefined;
};

const envProblem = (draft: JobDraft): string | undefined => {
  const rows = draft.env.filter(({ name, value }) => name !== '' || value !== '');
  if (rows.length > ENV_MAX) return `There are ${rows.length} variables; give at most ${ENV_MAX}.`;
  const wrong = rows.find(({ name }) => !/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name));
  if (wrong !== undefined)
    return wrong.name === ''
      ? 'A variable has a value but no name.'
      : `“${wrong.name}” is no name of a variable; use letters, digits and _, and no digit first.`;
  const long = rows.find(({ value }) => value.length > 8192);
  if (long !== undefined) return `The value of ${long.name} has more than 8192 characters; put it into a file.`;
  const names = rows.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  return twice === undefined ? undefined : `${twice} is there twice.`;
};
const filesProblem = (uploads: readonly Upload[]): string | undefined => {
  if (uploads.length > FILES_MAX) return `There are ${uploads.length} files; give at most ${FILES_MAX}.`;
  const failed = uploads.find(({ problem }) => problem !== '');
  if (failed !== undefined) return `${failed.path} did not get there; take it out or add it again.`;
  const wrong = uploads.find(({ path }) => !isWorkPath(path.trim()));
  if (wrong !== undefined)
    return `“${wrong.path}” is no path beneath the work folder; write one such as data/input.csv.`;
  const paths = uploads.map(({ path }) => path.trim());
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) return `Two files would be ${twice}; give one another path.`;
  return uploads.some(({ sha256 }) => sha256 === null) ? 'Not all files are there yet; wait a moment.' : undefined;
};
const outputsProblem = (draft: JobDraft): string | undefined => {
  const outputs = outputsOf(draft);
  if (outputs.length > OUTPUTS_MAX) return `There are ${outputs.length} lines; give at most ${OUTPUTS_MAX}.`;
  const wrong = outputs.find((path) => !isWorkPath(path));
  return wrong === undefined
    ? undefined
    : `“${wrong}” is no path beneath the work folder; write one such as results or out/summary.csv.`;
};
const argsProblem = (draft: JobDraft): string | undefined => {
  const args = splitArgs(draft.argsText);
  if (args.length > ARGS_MAX) return `There are ${args.length} arguments; give at most ${ARGS_MAX}.`;
  return args.some((arg) => arg.length > 4096)
    ? 'An argument has more than 4096 characters; put it into a file.'
    : undefined;
};

const containerProblems = (draft: JobDraft): DraftProblems => {
  const ports = portsOf(draft);
  const imageWrong = draft.program === 'image' && !/^[a-zA-Z0-9][a-zA-Z0-9._/:@-]{0,511}$/.test(draft.image.trim());
  return {
    image: imageWrong
      ? draft.image.trim() === ''
        ? 'Say which image, such as python:3.13-slim.'
        : 'Write it as name:tag or name@sha256:…, without spaces.'
      : undefined,
    memoryMib: within(draft.memoryMib, 8, CONTAINER_MEMORY_MIB_MAX, ' MiB'),
    scratchMib: within(draft.scratchMib, 0, CONTAINER_SCRATCH_MIB_MAX, ' MiB'),
    pidsMax: within(draft.pidsMax, 1, PIDS_MAX, ''),
    portsText: ports.some((port) => !Number.isInteger(port) || port < 1 || port > 65_535)
      ? 'Ports are whole numbers from 1 to 65535, with spaces or commas between them.'
      : ports.length > PORTS_MAX
        ? `There are ${ports.length} ports; give at most ${PORTS_MAX}.`
        : undefined,
    ...(draft.health && {
      healthCommand:
        draft.healthCommand.trim() === ''
          ? 'Say which command tells that it is well, or turn the check off.'
          : splitArgs(draft.healthCommand).length > 32
            ? 'Give at most 32 words; put more into a script.'
            : undefined,
      healthIntervalS: within(draft.healthIntervalS, 1, 3600, ' s'),
      healthTimeoutS: within(draft.healthTimeoutS, 1, 60, ' s'),
    }),
  };
};
const sandboxProblems = (draft: JobDraft): DraftProblems => ({
  program: draft.file === null ? 'Choose a program: a .wasm, .js or .py file, or a script with an image.' : undefined,
  memoryMib: within(draft.memoryMib, 1, SANDBOX_MEMORY_MIB_MAX, ' MiB'),
  scratchMib: within(draft.scratchMib, 0, SANDBOX_SCRATCH_MIB_MAX, ' MiB'),
});
const whereProblems = (draft: JobDraft): DraftProblems =>
  draft.where === 'here'
    ? {}
    : {
        peer: draft.where === 'peer' && draft.peer.trim() === '' ? 'Say which peer.' : undefined,
        offer: draft.where === 'offer' && draft.offer === null ? 'Choose an offer.' : undefined,
        copies: within(draft.copies, 1, COPIES_MAX, ''),
        quorum:
          Number(draft.copies) > 1
            ? within(draft.quorum, 1, Math.min(COPIES_MAX, Number(draft.copies)), ', the number of copies')
            : undefined,
        minutes: within(draft.minutes, 1, 525_600, ' min'),
        price:
          microFromText(draft.price) === null
            ? 'Write a price such as 0 or 0.25, with at most six digits after the point.'
            : undefined,
      };

/** Everything that is wrong with a draft; no key where nothing is. */
export const problemsOf = (draft: JobDraft, uploads: readonly Upload[]): DraftProblems => {
  const all: DraftProblems = {
    argsText: argsProblem(draft),
    env: envProblem(draft),
    files: filesProblem(uploads),
    outputsText: outputsProblem(draft),
    outputMib: within(draft.outputMib, 1, OUTPUT_MIB_MAX, ' MiB'),
    restarts: within(draft.restarts, 0, RESTARTS_MAX, ''),
    ...(isContainer(draft) ? containerProblems(draft) : sandboxProblems(draft)),
    ...whereProblems(draft),
  };
  return Object.fromEntries(Object.entries(all).filter(([, problem]) => problem !== undefined));
};

/** The draft as the node takes it. Only for one in which {@link problemsOf} finds nothing. */
export const specOf = (draft: JobDraft, uploads: readonly Upload[], threads: number): JobSpecInput => {
  const script = draft.script === null ? undefined : uploads.find(({ key }) => key === draft.script?.key);
  const plainName = draft.file?.name ?? script?.path ?? draft.image.trim();
  const common = {
    name: (draft.name.trim() || plainName).slice(0, 128),
    args: splitArgs(draft.argsText),
    env: Object.fromEntries(draft.env.filter(({ name }) => name !== '').map(({ name, value }) => [name, value])),
    timeMsMax: Number(draft.timeMsMax),
    outputBytesMax: Number(draft.outputMib) * MIB,
    files: filesOf(uploads),
    outputs: outputsOf(draft),
    priority: draft.priority,
    queue: draft.where === 'here' && draft.queue,
    restarts: Number(draft.restarts),
    cpuPercent: cpuPercentOf(draft, threads),
    memoryBytes: Number(draft.memoryMib) * MIB,
    scratchBytesMax: Number(draft.scratchMib) * MIB,
  };
  if (!isContainer(draft) && draft.file !== null)
    return { ...common, kind: draft.file.kind, module: draft.file.base64 };
  const entrypoint = draft.script === null ? splitArgs(draft.entrypoint) : draft.script.language.command;
  return {
    ...common,
    kind: 'container',
    image: draft.script === null ? draft.image.trim() : draft.script.language.image,
    // The file's own name comes after the language's command and before what was typed.
    args: script === undefined ? common.args : [`/work/${script.path.trim()}`, ...common.args],
    ...(entrypoint.length > 0 && { entrypoint: [...entrypoint] }),
    pidsMax: Number(draft.pidsMax),
    network: draft.network,
    ports: portsOf(draft),
    gpu: draft.gpu,
    ...(draft.health && {
      health: {
        command: splitArgs(draft.healthCommand),
        intervalMs: Number(draft.healthIntervalS) * 1000,
        timeoutMs: Number(draft.healthTimeoutS) * 1000,
      },
    }),
  };
};

/** Where a draft goes that does not run here. */
export const sendOf = (draft: JobDraft): Omit<JobSend, 'spec'> => ({
  to: draft.where === 'peer' ? draft.peer.trim() : draft.where === 'offer' ? (draft.offer ?? 'any') : 'any',
  copies: Number(draft.copies),
  quorum: Number(draft.copies) > 1 ? Number(draft.quorum) : 1,
  minutes: Number(draft.minutes),
  priceMicroMax: microFromText(draft.price) ?? '0',
  route: draft.anonymous ? 'anonymous' : 'direct',
});
