import { newJobId, type Clock, type Random } from '../../../base/index.ts';
import type { ContainerSpec } from '../../../../preload/contract/index.ts';
import { containerOptions } from '../drivers/container/container-options.ts';
import { ENGINE_LABELS } from '../engine/index.ts';
import { AskError, objectOf, shownText, type Ask } from './ask-engine.ts';
import { OUTPUT_BYTES_MAX, TEST_MEMORY_BYTES, TEST_PIDS, TEST_TMP_BYTES, WORK_TIMEOUT_MS } from './constants.ts';
import { PROBE_PATH, PROBE_REPOSITORY, probeTag, tarOfProgram } from './probe-image.ts';

/** What a test container did. */
export interface ProbeRun {
  /** What it printed, by name; a name may come more than once. */
  printed: ReadonlyMap<string, readonly string[]>;
  exitCode: number | null;
  /** Whether the kernel ended it for its memory. */
  outOfMemory: boolean;
  /** From the request to make it until its program runs. */
  startMs: number;
}
/** Counters of the engine for one container at one moment. */
export interface ProbeCounters {
  cpuNs: number;
  /** When the engine read them, ms. */
  atMs: number;
}
export interface ProbeContext {
  ask: Ask;
  clock: Clock;
  random: Random;
  mark: string;
  podman: boolean;
  signal: AbortSignal;
}

/** Makes the test image, of our own program alone. Nothing is fetched from anywhere. @returns its name @throws {AskError} */
export const makeProbeImage = async (
  { ask, mark, signal }: Pick<ProbeContext, 'ask' | 'mark' | 'signal'>,
  program: Uint8Array,
): Promise<string> => {
  const tag = probeTag(program, mark);
  const changes = [
    `LABEL ${ENGINE_LABELS.node}=${mark}`,
    `LABEL ${ENGINE_LABELS.role}=test`,
    `ENTRYPOINT ["${PROBE_PATH}"]`,
  ];
  const query = new URLSearchParams([
    ['fromSrc', '-'],
    ['repo', PROBE_REPOSITORY],
    ['tag', tag],
    ...changes.map((change): [string, string] => ['changes', change]),
  ]);
  const answer = await ask(`/images/create?${query.toString()}`, {
    method: 'POST',
    body: tarOfProgram(program),
    timeoutMs: WORK_TIMEOUT_MS,
    signal,
  });
  const said = answer.body.toString();
  // The engine has said that all is well before it fails: the reason comes in the stream.
  const failure = /"error"\s*:\s*"([^"]{1,300})/.exec(said)?.[1];
  if (failure !== undefined) throw new AskError('IMPORT', shownText(failure));
  if (answer.status !== 200) objectOf(answer);
  return `${PROBE_REPOSITORY}:${tag}`;
};

export const removeImage = async (ask: Ask, name: string): Promise<void> => {
  await ask(`/images/${encodeURIComponent(name)}?force=true`, { method: 'DELETE', timeoutMs: WORK_TIMEOUT_MS });
};

/** What a job would ask for that is held to the test's limits. */
const specOf = (words: readonly string[], cpuPercent: number): ContainerSpec => ({
  kind: 'container',
  name: 'container-doctor',
  image: PROBE_REPOSITORY,
  args: [...words],
  env: {},
  stdin: '',
  cpuPercent,
  memoryBytes: TEST_MEMORY_BYTES - TEST_TMP_BYTES,
  scratchBytesMax: TEST_TMP_BYTES,
  pidsMax: TEST_PIDS,
  timeMsMax: WORK_TIMEOUT_MS,
  outputBytesMax: OUTPUT_BYTES_MAX,
  files: [],
  outputs: [],
  priority: 'normal',
  queue: false,
  restarts: 0,
  network: 'none',
  ports: [],
  gpu: false,
});

/**
 * Made by the driver's own hand, so that what is measured are the walls of real jobs. Only the holder is left out: what it lends is a
 * network space without a network, and that the test container has of its own.
 */
const requestOf = (
  { mark, podman, random }: ProbeContext,
  image: string,
  words: readonly string[],
  cpuPercent: number,
): { name: string; body: Record<string, unknown> } => {
  const {
    name: _,
    HostConfig,
    ...options
  } = containerOptions({
    mark,
    job: newJobId(random),
    spec: specOf(words, cpuPercent),
    image: { id: image, bytes: 0, entrypoint: [PROBE_PATH], command: [], workFolder: '', volumes: [] },
    holder: '',
    volume: '',
    millicores: cpuPercent * 10,
    podman,
    init: false,
  });
  return {
    name: `${PROBE_REPOSITORY}-${Buffer.from(random.bytes(6)).toString('hex')}`,
    body: {
      ...options,
      Labels: { [ENGINE_LABELS.node]: mark, [ENGINE_LABELS.role]: 'test' },
      WorkingDir: '/',
      HostConfig: { ...HostConfig, NetworkMode: 'none', Mounts: [] },
    },
  };
};

/**
 * Runs the test program in a container under limits and removes it, whatever happens.
 *
 * @param during - done while it runs, with what reads its counters
 * @throws {AskError}
 */
export const runProbe = async (
  context: ProbeContext,
  image: string,
  words: readonly string[],
  options: {
    cpuPercent: number;
    during?: (counters: () => Promise<ProbeCounters | null>) => Promise<void>;
  },
): Promise<ProbeRun> => {
  const { ask, clock, signal } = context;
  const bounds = { timeoutMs: WORK_TIMEOUT_MS, signal };
  const beginMs = clock.monotonicMs();
  const { name, body } = requestOf(context, image, words, options.cpuPercent);
  const made = objectOf(await ask(`/containers/create?name=${name}`, { method: 'POST', body, ...bounds }));
  const id = made['Id'];
  if (typeof id !== 'string' || !/^[0-9a-f]{12,128}$/.test(id)) throw new AskError('ANSWER', 'it names no container');
  try {
    objectOf(await ask(`/containers/${id}/start`, { method: 'POST', ...bounds }));
    const startMs = clock.monotonicMs() - beginMs;
    await options.during?.(async () =>
      countersOf(objectOf(await ask(`/containers/${id}/stats?stream=false&one-shot=true`, bounds))),
    );
    const waited = objectOf(await ask(`/containers/${id}/wait`, { method: 'POST', ...bounds }));
    const [state, logs] = await Promise.all([
      ask(`/containers/${id}/json`, bounds).then(
        (answer) => objectOf(answer)['State'] as Record<string, unknown> | null,
      ),
      ask(`/containers/${id}/logs?stdout=true`, { ...bounds, bytesMax: OUTPUT_BYTES_MAX }),
    ]);
    const exitCode = waited['StatusCode'];
    return {
      printed: printedOf(logs.body),
      exitCode: typeof exitCode === 'number' ? exitCode : null,
      outOfMemory: state?.['OOMKilled'] === true,
      startMs,
    };
  } finally {
    // Not under the signal: what was made is removed above all when the examination is stopped.
    await ask(`/containers/${id}?force=true&v=true`, { method: 'DELETE', timeoutMs: WORK_TIMEOUT_MS }).catch(
      (error: unknown) => {
        if (!(error instanceof AskError)) throw error;
      },
    );
  }
};

const countersOf = (stats: Record<string, unknown>): ProbeCounters | null => {
  const cpu = stats['cpu_stats'] as { cpu_usage?: { total_usage?: unknown } } | undefined;
  const cpuNs = cpu?.cpu_usage?.total_usage;
  const atMs = timeOf(stats['read']);
  return typeof cpuNs === 'number' && atMs !== null ? { cpuNs, atMs } : null;
};
/** With more than three digits after the second, which a Date does not hold. */
const timeOf = (value: unknown): number | null => {
  const match = typeof value === 'string' ? /^(.{19})(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.exec(value) : null;
  const whole = match === null ? Number.NaN : Date.parse(`${match[1]}${match[3]}`);
  return Number.isFinite(whole) ? whole + Number(match?.[2] ?? 0) * 1000 : null;
};

/** Lines `name value` out of the frames of the log: 8 bytes with the length in the last four, then so many bytes. */
export const printedOf = (log: Buffer): Map<string, string[]> => {
  const parts: Buffer[] = [];
  for (let offset = 0; offset + 8 <= log.length; ) {
    const end = offset + 8 + log.readUInt32BE(offset + 4);
    parts.push(log.subarray(offset + 8, Math.min(end, log.length)));
    offset = end;
  }
  const printed = new Map<string, string[]>();
  for (const line of Buffer.concat(parts).toString('latin1').split('\n')) {
    const space = line.indexOf(' ');
    if (space <= 0) continue;
    const name = line.slice(0, space);
    const values = printed.get(name) ?? [];
    values.push(shownText(line.slice(space + 1)));
    printed.set(name, values);
  }
  return printed;
};
