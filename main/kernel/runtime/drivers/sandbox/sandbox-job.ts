import { messageOf, type Logger } from '../../../../base/index.ts';
import type { Monitor } from '../../../monitor/index.ts';
import type { SandboxSpec } from '../../../../../preload/contract/index.ts';
import { RuntimeError } from '../../errors.ts';
import { CpuMeter } from '../../governor/cpu-meter.ts';
import type { CpuGovernor } from '../../governor/index.ts';
import { residentMemory } from '../../processes.ts';
import type { DrivenJob, JobListener, Measured, StartedJob } from '../interface.ts';
import { NOTHING_COUNTED } from '../nothing-counted.ts';
import { createHeldFiles } from './held-files.ts';
import type { HostOrder, JobProcess } from './job-process.ts';

export interface SandboxJobParts {
  logger: Logger;
  monitor: Pick<Monitor, 'countProcess'>;
  governor: CpuGovernor;
  process: JobProcess;
  order: HostOrder;
  /** The process is gone. */
  over(): void;
}

/** A host's words that mean that V8 got no more memory. */
const OUT_OF_MEMORY = /heap out of memory|allocation failed|out of memory/i;

/** One program in one host process, its share held by the governor. */
export const driveSandboxJob = (
  { logger, monitor, governor, process, order, over }: SandboxJobParts,
  { id, millicores }: StartedJob,
  listener: JobListener,
): DrivenJob => {
  const hold = governor.govern(process, millicores);
  const meter = new CpuMeter(process.pid);
  const uncount = monitor.countProcess(process.pid);
  const files = createHeldFiles(id);
  const now: Measured = { ...NOTHING_COUNTED, sentBytes: 0, receivedBytes: 0 };
  /** Resident memory of the host before the program's first instruction; null until then. */
  let before: number | null = null;
  let residentPeak = 0;
  let told = false;
  let gone = false;
  let starved: string | null = null;

  const measure = (): void => {
    if (gone) return;
    const cpuMs = meter.read();
    if (cpuMs !== null) now.cpuMs = Math.max(cpuMs, now.cpuMs ?? 0);
    const resident = residentMemory(process.pid);
    if (resident === null) return;
    now.chargedBytes = resident.ownBytes;
    // Before the program runs, all of it is the host's own doing.
    if (before === null) return;
    residentPeak = Math.max(residentPeak, resident.nowBytes);
    now.memoryBytesNow = Math.max(0, resident.nowBytes - before);
    now.memoryBytesPeak = Math.max(0, residentPeak - before);
  };
  const kill = (): void => {
    hold.release();
    process.kill();
  };

  process.listen({
    running: ({ residentBytes }) => {
      before = residentBytes;
      residentPeak = residentBytes;
      measure();
      hold.begin();
      listener.running();
    },
    output: (stream, bytes) => listener.output(stream, bytes),
    file: (path, piece) => files.add(path, piece),
    ended: ({ end, cpuMs, residentBytesPeak }) => {
      now.cpuMs = Math.max(cpuMs, now.cpuMs ?? 0);
      residentPeak = Math.max(residentPeak, residentBytesPeak);
      if (before !== null) now.memoryBytesPeak = Math.max(0, Math.round(residentPeak - before));
      told = true;
      listener.ended(end);
    },
    refused: (reason) => {
      told = true;
      listener.refused(reason);
    },
    closed: (how) => {
      measure();
      gone = true;
      hold.release();
      meter.close();
      uncount();
      over();
      if (!told && OUT_OF_MEMORY.test(how.explanation))
        listener.ended({
          why: 'limit',
          limit: 'memory',
          message: "The job's process ran out of memory; start it with more.",
        });
      listener.gone(starved === null ? how : { ...how, explanation: starved });
    },
  });
  process.order(order).catch((error: unknown) => {
    starved = `Its files could not be read: ${messageOf(error)}`;
    logger.warn('A job was not given its files', { job: id, reason: messageOf(error) });
    kill();
  });

  return {
    get heldBy() {
      return hold.kind;
    },
    setMillicores: (amount) => hold.setMillicores(amount),
    measured: () => {
      measure();
      return { ...now };
    },
    pauseOutput: () => process.pauseOutput(),
    resumeOutput: () => process.resumeOutput(),
    // A sandbox has no signals: there is nobody to ask.
    stop: kill,
    kill,
    get work() {
      return gone ? files : null;
    },
    connect: async (port) => {
      throw new RuntimeError(
        { code: 'PORT_CLOSED', port },
        `Nothing listens on port ${port}: a sandbox has no network; run it in a container.`,
      );
    },
    release: async () => files.clear(),
  };
};

/** What the host is told of a job. */
export const orderOf = (
  spec: SandboxSpec,
  parts: { module: Uint8Array; engine: Uint8Array },
  files: StartedJob['files'],
): HostOrder => ({
  header: {
    warm: false,
    kind: spec.kind,
    // The first argument of a WASI program is its own name; a script gets none.
    args: spec.kind === 'wasm' ? [spec.name, ...spec.args] : spec.args,
    env: spec.env,
    scratchBytesMax: spec.scratchBytesMax,
    outputs: spec.outputs,
  },
  ...parts,
  stdin: Buffer.from(spec.stdin, 'base64'),
  files: files.map(({ path, bytes, diskPath }) => ({ path, bytes, diskPath })),
});
