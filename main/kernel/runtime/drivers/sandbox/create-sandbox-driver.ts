import type { Clock, Logger, WorkerPool } from '../../../../base/index.ts';
import { assert, decodeCbor, encodeCbor } from '../../../../base/index.ts';
import type { Monitor } from '../../../monitor/index.ts';
import type { JobSpec, SandboxSpec } from '../../../../../preload/contract/index.ts';
import { INSPECT_INLINE_BYTES_MAX, MODULE_BYTES_MAX } from '../../constants.ts';
import { RuntimeError, moduleInvalid, moduleTooLarge } from '../../errors.ts';
import type { CpuGovernor, GovernorKind } from '../../governor/index.ts';
import { chooseGovernor } from '../../governor/index.ts';
import type { Inspection } from '../../inspect-module.ts';
import { inspectModule } from '../../inspect-module.ts';
import type { HostProgram } from '../../interface.ts';
import { findSetpriv, killGroup, processStarted } from '../../processes.ts';
import { sizeText } from '../../size-text.ts';
import type { DrivenJob, JobListener, PreparedJob, RuntimeDriver, StartedJob } from '../interface.ts';
import { createEngines } from './engines.ts';
import { JobProcess } from './job-process.ts';
import { allocatedMemoryBytes } from './memory.ts';
import { driveSandboxJob, orderOf } from './sandbox-job.ts';
import { createWarmHosts } from './warm-hosts.ts';

export interface SandboxDriverComponents {
  clock: Clock;
  logger: Logger;
  monitor: Pick<Monitor, 'countProcess'>;
  workers: WorkerPool;
  host: HostProgram;
}
export interface SandboxDriverInit {
  /** Ways of holding a share that may be tried. @default ['cgroup', 'duty-cycle'] */
  governors?: readonly GovernorKind[];
  /** Whether the system may be asked to end hosts with the node; otherwise each host watches its pipe. @default true */
  dieWithNode?: boolean;
  /** How long a host that has made Python ready waits for a job, ms; 0 has none wait. @default 120000 */
  warmMs?: number;
}

/**
 * Runs WebAssembly, JavaScript and Python, each job in a plain Node process without rights of its own (decision 0004). Needs nothing
 * that is not in the app.
 */
export const createSandboxDriver = (
  components: SandboxDriverComponents,
  init: SandboxDriverInit = {},
): RuntimeDriver => {
  const { clock, monitor, workers, host } = components;
  const logger = components.logger.child('sandbox');
  const { platform } = process;
  const engines = createEngines();
  const running = new Set<JobProcess>();
  let governor: CpuGovernor | null = null;
  let setpriv: string | null = null;
  let stopped = false;
  const startHost = (memoryBytes: number): Promise<JobProcess> =>
    JobProcess.start({ host, setpriv, platform, memoryBytes });
  const warm = createWarmHosts({ clock, logger, engines, startHost, monitor }, { warmMs: init.warmMs });

  const inspect = async (spec: SandboxSpec): Promise<Extract<Inspection, { ok: true }>> => {
    if (spec.module.length > Math.ceil(MODULE_BYTES_MAX / 3) * 4) throw moduleTooLarge(MODULE_BYTES_MAX);
    const input = { kind: spec.kind, module: spec.module, memoryBytes: spec.memoryBytes };
    const small = spec.module.length <= INSPECT_INLINE_BYTES_MAX;
    const result = small
      ? inspectModule(input)
      : await workers.run<typeof input, Inspection>('runtime.inspectModule', input);
    if (result.ok) return result;
    throw result.code === 'MODULE_TOO_LARGE'
      ? moduleTooLarge(MODULE_BYTES_MAX)
      : moduleInvalid(result.reason, result.limit ?? undefined);
  };

  const start = async (
    spec: SandboxSpec,
    module: Uint8Array,
    job: StartedJob,
    listener: JobListener,
  ): Promise<DrivenJob> => {
    assert(governor !== null, 'The driver has started.');
    const ready = spec.kind === 'python' ? warm.take(spec.memoryBytes) : null;
    const engine = ready === null ? await engines.read(spec.kind) : new Uint8Array();
    const process = ready ?? (await startHost(spec.memoryBytes));
    running.add(process);
    if (spec.kind === 'python') warm.wanted(spec.memoryBytes);
    const driven = driveSandboxJob(
      {
        logger,
        monitor,
        governor,
        process,
        order: orderOf(spec, { module, engine }, job.files),
        over: () => running.delete(process),
      },
      job,
      listener,
    );
    // A host dies with the node; its number is kept for one that is stopped, or could not see the node die.
    void processStarted(process.pid, platform).then((started) =>
      process.closed ? undefined : listener.recorded(encodeCbor({ pid: process.pid, started })),
    );
    if (stopped) driven.kill();
    return driven;
  };

  return {
    name: 'sandbox',
    kinds: ['wasm', 'javascript', 'python'],
    ready: () => ({ ok: true }),

    start: async () => {
      assert(governor === null, 'The driver starts once.');
      if (init.dieWithNode ?? true) setpriv = await findSetpriv(platform);
      governor = await chooseGovernor({ clock, logger, platform }, init.governors ?? ['cgroup', 'duty-cycle']);
      logger.info('Sandboxes can run', { shareHeldBy: governor.kind, hostsEndWithNode: setpriv !== null });
    },

    stop: async () => {
      stopped = true;
      await warm.close();
      for (const one of running) one.kill();
      while (running.size > 0) await clock.sleep(5);
      governor?.close();
    },

    prepare: async (spec: JobSpec): Promise<PreparedJob> => {
      assert(governor !== null, 'The driver has started.');
      assert(spec.kind !== 'container', 'Containers have a driver of their own.');
      const { kind: heldBy } = governor;
      if (heldBy === 'none' && spec.cpuPercent !== undefined && spec.cpuPercent < 100) {
        throw new RuntimeError(
          { code: 'SHARE_NOT_HELD', cpuPercent: spec.cpuPercent },
          `This system cannot hold a job to ${spec.cpuPercent} % of a core; start it with 100 %.`,
        );
      }
      const fileBytes = spec.files.reduce((sum, { bytes }) => sum + bytes, 0);
      if (fileBytes > spec.scratchBytesMax) {
        throw new RuntimeError(
          { code: 'SCRATCH_FULL', bytesMax: spec.scratchBytesMax },
          `The job's files take ${sizeText(fileBytes)} and its work folder has ${sizeText(spec.scratchBytesMax)}; start it with more.`,
        );
      }
      const { bytes: module, sha256 } = await inspect(spec);
      return {
        identity: { sha256, bytes: module.length },
        heldBy,
        needs: [{ resource: 'memory', amount: allocatedMemoryBytes(spec, module.length) }],
        start: (job, listener) => start(spec, module, job, listener),
        discard: () => undefined,
      };
    },

    adopt: async (_job, record) => {
      // A host that lost its node has lost whoever took its output: what is left of it is ended.
      const { pid, started } = readRecord(record);
      if (pid !== null && started !== null && (await processStarted(pid, platform)) === started) {
        const survived = killGroup(pid, platform);
        logger.info('A sandbox of the last run was ended', { survived });
      }
      return null;
    },
    // Hosts die with the node, and the rest by their records: nothing else of ours is in the system.
    sweep: async () => 0,
  };
};

const readRecord = (record: Uint8Array): { pid: number | null; started: string | null } => {
  try {
    const { pid, started } = decodeCbor(record, 16) as Record<string, unknown>;
    return {
      pid: typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 1 ? pid : null,
      started: typeof started === 'string' ? started : null,
    };
  } catch {
    // No record of ours.
    return { pid: null, started: null };
  }
};
