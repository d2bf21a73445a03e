import { encodeCbor } from '../../main/base/index.ts';
import type {
  DrivenJob,
  JobListener,
  RuntimeDriver,
  StartedJob,
  WorkFolder,
} from '../../main/kernel/runtime/drivers/interface.ts';
import { RuntimeError } from '../../main/kernel/runtime/index.ts';
import type { ContainerSpec, JobEnd } from '../../preload/contract/index.ts';

/** One start of a job, in the hands of a test. */
export interface ScriptedRun {
  job: StartedJob;
  listener: JobListener;
  millicores: number;
  begun: boolean;
  /** It was asked to end. */
  asked: boolean;
  gone: boolean;
  released: boolean;
  files: Map<string, Uint8Array>;
  write(text: string): void;
  /** Ends by itself. */
  finish(end: JobEnd): void;
  exit(code: number): void;
}
export interface ScriptedDriver {
  driver: RuntimeDriver;
  /** Newest last. */
  runs: ScriptedRun[];
  /** Has `prepare` wait, and say so, until the returned function is called. */
  holdPrepare(sentence: string): () => void;
  /** Why nothing can be run; null where it can. */
  problem: string | null;
  /** What `adopt` finds: the runs of an earlier driver. */
  survivors: ScriptedRun[];
  swept: string[][];
}

/** A driver for containers without any: what runs and how it ends is up to the test. */
export const createScriptedDriver = (init: { memoryBytes?: number; slots?: number } = {}): ScriptedDriver => {
  const runs: ScriptedRun[] = [];
  let waiting: { sentence: string; released: Promise<void> } | null = null;

  const drive = (job: StartedJob, listener: JobListener, before: ScriptedRun | null): DrivenJob => {
    const files = before?.files ?? new Map<string, Uint8Array>();
    const goneOnce = (signal: string | null, exitCode: number | null): void => {
      if (run.gone) return;
      run.gone = true;
      listener.gone({ signal, exitCode, explanation: '' });
    };
    const run: ScriptedRun = {
      job,
      listener,
      millicores: job.millicores,
      begun: job.held !== true,
      asked: before?.asked ?? false,
      gone: false,
      released: false,
      files,
      write: (text) => listener.output('stdout', Buffer.from(text)),
      finish: (end) => {
        listener.ended(end);
        goneOnce(null, 0);
      },
      exit: (exitCode) => run.finish({ why: 'exited', exitCode }),
    };
    runs.push(run);
    const work: WorkFolder = {
      list: async () =>
        [...files].map(([path, { length }]) => ({
          path,
          kind: 'file' as const,
          bytes: length,
          executable: false,
          version: '1',
        })),
      read: async (path, offset, bytesMax) => (files.get(path) ?? new Uint8Array()).subarray(offset, offset + bytesMax),
      write: async (path, _offset, bytes) => void files.set(path, Uint8Array.from(bytes)),
      truncate: async () => undefined,
      makeFolder: async () => undefined,
      remove: async (path) => void files.delete(path),
    };
    return {
      heldBy: 'engine',
      setMillicores: (millicores) => {
        run.millicores = millicores;
      },
      measured: () => ({
        cpuMs: 10,
        memoryBytesNow: 1000,
        memoryBytesPeak: 2000,
        throttledMs: 0,
        pids: 1,
        readBytes: 0,
        writtenBytes: 0,
        sentBytes: 0,
        receivedBytes: 0,
        chargedBytes: null,
      }),
      begin: async () => {
        run.begun = true;
        listener.running();
      },
      pauseOutput: () => undefined,
      resumeOutput: () => undefined,
      stop: () => {
        run.asked = true;
        listener.output('stdout', Buffer.from('asked\n'));
        goneOnce('SIGTERM', null);
      },
      kill: () => queueMicrotask(() => goneOnce('SIGKILL', null)),
      work,
      connect: async (port) => {
        throw new RuntimeError({ code: 'PORT_CLOSED', port }, `Nothing listens on port ${port}.`);
      },
      release: async () => {
        run.released = true;
      },
    };
  };

  const scripted: ScriptedDriver = {
    runs,
    problem: null,
    survivors: [],
    swept: [],
    holdPrepare: (sentence) => {
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      waiting = { sentence, released };
      return () => {
        waiting = null;
        release();
      };
    },
    driver: {
      name: 'container',
      kinds: ['container'],
      start: async () => undefined,
      stop: async () => undefined,
      ready: () =>
        scripted.problem === null ? { ok: true } : { ok: false, code: 'ENGINE_MISSING', sentence: scripted.problem },
      prepare: async (spec, { progress }) => {
        const { image } = spec as ContainerSpec;
        if (waiting !== null) {
          progress(waiting.sentence);
          await waiting.released;
        }
        if (image === 'missing:1') throw new RuntimeError({ code: 'IMAGE_MISSING', image }, 'There is no such image.');
        return {
          identity: { sha256: 'ab'.repeat(32), bytes: 1234 },
          heldBy: 'engine',
          needs: [
            { resource: 'memory', amount: init.memoryBytes ?? spec.memoryBytes },
            ...(init.slots === undefined ? [] : [{ resource: 'container', amount: init.slots }]),
          ],
          start: async (job, listener) => {
            await listener.recorded(encodeCbor({ id: job.id }));
            const driven = drive(job, listener, null);
            if (job.held !== true) listener.running();
            return driven;
          },
          discard: () => undefined,
        };
      },
      adopt: async (job, _record, listener) => {
        const before = scripted.survivors.find((run) => run.job.id === job.id) ?? null;
        return before === null ? null : drive(job, listener, before);
      },
      sweep: async (live) => {
        scripted.swept.push([...live]);
        return 0;
      },
    },
  };
  return scripted;
};

export const containerSpec = (given: Partial<ContainerSpec> = {}): ContainerSpec => ({
  kind: 'container',
  name: 'test',
  image: 'test:1',
  args: [],
  stdin: '',
  env: {},
  cpuPercent: 100,
  memoryBytes: 64 * 1024 * 1024,
  scratchBytesMax: 1024 * 1024,
  timeMsMax: 60_000,
  outputBytesMax: 1024 * 1024,
  pidsMax: 16,
  network: 'none',
  ports: [],
  gpu: false,
  files: [],
  outputs: [],
  priority: 'normal',
  queue: false,
  restarts: 0,
  ...given,
});
