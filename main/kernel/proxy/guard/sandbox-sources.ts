import { type Clock, type JobId, messageOf } from '../../../base/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import type { JobView, SandboxSpec } from '../../../../preload/contract/index.ts';
import type { GuardAttempt, GuardProbeSource, GuardTarget } from '../interface.ts';
import { JOB_MS_MAX } from './constants.ts';
import { CONNECT_MODULE, PROBE_MODULE, PROBE_SOCKETS } from './probe-module.ts';
import { PROBE_SCRIPT } from './probe-script.ts';

export interface SandboxSourcesComponents {
  clock: Clock;
  runtime: Pick<Runtime, 'submit' | 'get' | 'cancel' | 'remove' | 'output' | 'on'>;
}

const MIB = 1024 * 1024;
const specOf = (
  given: Pick<SandboxSpec, 'name' | 'kind' | 'module'> & Partial<Omit<SandboxSpec, 'kind'>>,
): SandboxSpec => ({
  args: [],
  stdin: '',
  env: {},
  files: [],
  outputs: [],
  priority: 'normal',
  queue: false,
  restarts: 0,
  cpuPercent: 25,
  memoryBytes: 16 * MIB,
  timeMsMax: JOB_MS_MAX,
  outputBytesMax: MIB,
  scratchBytesMax: MIB,
  ...given,
});
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Runs a job to its end, and leaves nothing of it. @returns what it printed @throws {RuntimeError} {AllocationError} {Error} when it failed */
const runJob = async (
  { clock, runtime }: SandboxSourcesComponents,
  spec: SandboxSpec,
  signal: AbortSignal,
): Promise<string> => {
  signal.throwIfAborted();
  const id = (await runtime.submit(spec)).id as JobId;
  const onAbort = (): void => void runtime.cancel(id).catch(() => undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const ended = new Promise<JobView>((resolve) => {
      const stop = runtime.on('jobChanged', (view) => {
        if (view.id !== id || view.state !== 'ended') return;
        stop();
        resolve(view);
      });
    });
    const now = await runtime.get(id);
    const { end } = now.state === 'ended' ? now : await ended;
    signal.throwIfAborted();
    let text = '';
    for (let offset = 0; ; ) {
      const { chunks, nextOffset, ended: isAll } = await runtime.output(id, offset);
      for (const { stream, data } of chunks)
        if (stream === 'stdout') text += Buffer.from(data, 'base64').toString('utf8');
      offset = nextOffset;
      if (isAll) break;
      // The row of a job that has just ended is written a moment later.
      if (chunks.length === 0) await clock.sleep(20, signal);
    }
    if (end?.why !== 'exited' || end.exitCode !== 0)
      throw new Error(
        `The probe ended early (${end === null ? 'nobody knows why' : end.why}), so nothing more was tried.`,
      );
    return text;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await runtime.remove(id).catch(() => undefined);
  }
};

const inSandbox = (what: string): GuardAttempt => ({
  result: 'refused',
  sentence: `The sandbox has no way to ${what}.`,
});
const wayTo = ({ path }: GuardTarget): string => (path === null ? 'open a connection' : 'open a file of the machine');

const createScriptSource = (components: SandboxSourcesComponents): GuardProbeSource => ({
  name: 'JavaScript job',
  covers: () => true,
  attemptAll: async (targets, tell, signal) => {
    const lines = targets.map(({ host, port, path }) => JSON.stringify({ host, port, path })).join('\n');
    const text = await runJob(
      components,
      specOf({ name: 'Home guard', kind: 'javascript', module: base64(PROBE_SCRIPT), stdin: base64(`${lines}\n`) }),
      signal,
    );
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const { index, reached, how } = JSON.parse(line) as { index: number; reached: boolean; how: string };
      const target = targets[index];
      if (target === undefined) continue;
      tell(
        target,
        reached ? { result: 'reached', sentence: `The job got there by ${how}.` } : inSandbox(wayTo(target)),
      );
    }
  },
});

/** All that a path could be tried as, from whatever folder it is opened. */
const spellings = (path: string): string[] => [
  path,
  `${'../'.repeat(12)}${path.slice(1)}`,
  `a/${'../'.repeat(13)}${path.slice(1)}`,
  path.slice(1),
];

const createWasiSource = (components: SandboxSourcesComponents): GuardProbeSource => ({
  name: 'WASI job',
  covers: () => true,
  attemptAll: async (targets, tell, signal) => {
    const files = targets.filter(({ path }) => path !== null);
    const args = files.flatMap(({ path }) => spellings(path ?? ''));
    const text = await runJob(
      components,
      specOf({ name: 'Home guard', kind: 'wasm', module: PROBE_MODULE, args }),
      signal,
    );
    const answers = text.slice(0, text.length - PROBE_SOCKETS).slice(-args.length);
    if (answers.length !== args.length || !/^[Yn]*$/.test(text))
      throw new Error('The probe said something else than it should.');
    const each = spellings('/').length;
    for (const [index, target] of files.entries()) {
      const reached = answers.slice(index * each, (index + 1) * each).includes('Y');
      tell(target, reached ? { result: 'reached', sentence: 'The job opened the file.' } : inSandbox(wayTo(target)));
    }
    const hasSocket = text.slice(-PROBE_SOCKETS).includes('Y');
    const connects = await wantsToConnect(components, signal);
    for (const target of targets) {
      if (target.path !== null) continue;
      if (hasSocket) tell(target, { result: 'reached', sentence: 'The job was given a socket.' });
      else tell(target, connects ?? inSandbox(wayTo(target)));
    }
  },
});
/** @returns null where a program that imports a way to connect is not started, as it must be */
const wantsToConnect = async (
  components: SandboxSourcesComponents,
  signal: AbortSignal,
): Promise<GuardAttempt | null> => {
  try {
    await runJob(components, specOf({ name: 'Home guard', kind: 'wasm', module: CONNECT_MODULE }), signal);
  } catch (error) {
    signal.throwIfAborted();
    if ((error as { code?: unknown }).code === 'MODULE_INVALID') return null;
    return { result: 'notTried', sentence: messageOf(error) };
  }
  return { result: 'reached', sentence: 'A program with a function that opens connections was started.' };
};

/** Real jobs of each kind that this node runs for others. */
export const createSandboxSources = (components: SandboxSourcesComponents): GuardProbeSource[] => [
  createScriptSource(components),
  createWasiSource(components),
];
