import { open } from 'node:fs/promises';
import type Docker from 'dockerode';
import { assert, type JobId, type Logger, type MetricsRegistry, type Outside } from '../../../../base/index.ts';
import type { ContainerSpec, JobSpec } from '../../../../../preload/contract/index.ts';
import { type Engine, ENGINE_LABELS, engineMissing } from '../../engine/index.ts';
import { contentMissing, RuntimeError } from '../../errors.ts';
import type { Images } from '../../images/interface.ts';
import type { DrivenJob, JobListener, PreparedJob, RuntimeDriver, StartedJob } from '../interface.ts';
import { FILE_PIECE_BYTES, START_MILLICORES, STARTS_AT_ONCE_MAX, TEST_THINGS_MS_MAX } from './constants.ts';
import { type ContainerJob, createContainerJob } from './container-job.ts';
import { containerOptions, containerSlots, type ImageFacts, memoryOf, scratchOf } from './container-options.ts';
import { answered, engineFailed, isGone, removeContainer } from './engine-call.ts';
import type { Holder, Holders } from './holder/interface.ts';
import { createContainerDriverMetrics } from './metrics.ts';
import { type EngineNames, NAME_PREFIX, namesOf } from './names.ts';
import { abilitiesOf, type EngineAbilities, gpuMissing, hasInit, imageFacts } from './prepare-container.ts';
import { createReadyHolders } from './ready-holder.ts';
import { decodeRecord, encodeRecord } from './record.ts';

export interface ContainerDriverComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  engine: Engine;
  images: Pick<Images, 'ensure' | 'use'>;
  holders: Holders;
}
export interface ContainerDriverInit {
  /** Whether a holder is kept ready for the next job. @default true */
  keepReady?: boolean;
}

/** Runs jobs in containers that are closed on every side; docs/formats/engine-objects.md says what is made in the engine. */
export const createContainerDriver = (
  components: ContainerDriverComponents,
  init: ContainerDriverInit = {},
): RuntimeDriver => {
  const { outside, engine, images, holders } = components;
  const { clock } = outside;
  const logger = components.logger.child('containers');
  const metrics = createContainerDriverMetrics(components.metrics);
  const ready = createReadyHolders({ outside, logger, holders });
  const keepReady = init.keepReady ?? true;
  /** What lives in the engine for jobs of this driver, from before it is made until it is removed. */
  const alive = new Map<JobId, { names: EngineNames; driven: ContainerJob | null }>();
  let abilities: { of: string; known: EngineAbilities } | null = null;
  const starting = createSlots(STARTS_AT_ONCE_MAX);
  let stopped = false;

  const isContainer = (spec: JobSpec): spec is ContainerSpec => spec.kind === 'container';
  const abilitiesNow = async (docker: Docker): Promise<EngineAbilities> => {
    const { endpoint, version } = engine.state();
    const of = `${endpoint ?? ''} ${version ?? ''}`;
    if (abilities?.of === of) return abilities.known;
    const info: unknown = await answered(clock, docker.info()).catch(fail('describe itself'));
    const isLocal = endpoint?.startsWith('unix:') === true;
    const known = abilitiesOf(info, await hasInit(info, isLocal));
    abilities = { of, known };
    return known;
  };
  const keep = (id: JobId, names: EngineNames): void => {
    assert(!alive.has(id), 'A job is started once.');
    alive.set(id, { names, driven: null });
    metrics?.running.set(alive.size);
  };
  const forget = (id: JobId): void => {
    alive.delete(id);
    metrics?.running.set(alive.size);
  };

  const drive = (
    job: StartedJob,
    spec: ContainerSpec,
    listener: JobListener,
    parts: { container: Docker.Container; holder: Holder; released(): void; began(): void },
  ): ContainerJob => {
    const driven = createContainerJob({
      engine,
      clock,
      logger,
      job,
      spec,
      listener,
      ...parts,
      released: () => {
        forget(job.id);
        parts.released();
      },
    });
    const entry = alive.get(job.id);
    if (entry !== undefined) entry.driven = driven;
    return driven;
  };

  const start = async (
    image: ImageFacts,
    job: StartedJob,
    spec: ContainerSpec,
    listener: JobListener,
    discard: () => void,
  ): Promise<DrivenJob> => {
    const scratch = scratchOf(spec);
    const taken = spec.network === 'none' ? ready.take(scratch) : null;
    metrics?.readyHolders.inc(1, { ready: taken === null ? 'no' : 'yes' });
    const names: EngineNames = { ...namesOf(job.id), ...taken?.names };
    keep(job.id, names);
    let holder: Holder | null = taken?.holder ?? null;
    let container: Docker.Container | null = null;
    const release = images.use(image.id);
    try {
      await listener.recorded(encodeRecord(names));
      const docker = await engine.client();
      const beganAtMs = clock.monotonicMs();
      const make = async (held: Holder): Promise<Docker.Container> =>
        answered(
          clock,
          docker.createContainer(
            containerOptions({
              mark: engine.mark,
              job: job.id,
              spec,
              image,
              holder: held.containerId,
              volume: held.volume,
              millicores: Math.max(job.millicores, START_MILLICORES),
              podman: engine.state().engine === 'Podman',
              init: abilities?.known.init ?? false,
            }),
          ),
        ).catch(fail('make a container'));
      holder ??= await holders.make({
        name: names.holder,
        volume: names.volume,
        job: job.id,
        workBytes: scratch,
        network: job.network,
      });
      const [made] = await Promise.all([make(holder), putFiles(holder, job)]);
      container = made;
      const driven = drive(job, spec, listener, {
        container,
        holder,
        released: release,
        began: () => {
          metrics?.started.inc();
          metrics?.startSeconds.observe((clock.monotonicMs() - beganAtMs) / 1000);
          if (keepReady && !stopped && spec.network === 'none') ready.refill(scratch);
        },
      });
      // Frozen from the first moment on: it is begun when it may run.
      if (job.held !== true) await driven.begin();
      return driven;
    } catch (error) {
      if (container !== null) await removeContainer(clock, container).catch(() => undefined);
      await holder?.remove().catch(() => undefined);
      forget(job.id);
      release();
      throw error;
    } finally {
      discard();
    }
  };

  return {
    name: 'container',
    kinds: ['container'],
    start: async () => undefined,
    stop: async () => {
      stopped = true;
      for (const { driven } of alive.values()) driven?.detach();
      await ready.stop();
    },
    ready: () => {
      const { ok, sentence } = engine.state();
      if (!ok) return { ok: false, code: 'ENGINE_MISSING', sentence };
      const problem = abilities?.known.problem ?? '';
      return problem === '' ? { ok: true } : { ok: false, code: 'ENGINE_MISSING', sentence: problem };
    },
    prepare: async (spec, { signal, progress, bringsImage }): Promise<PreparedJob> => {
      assert(isContainer(spec), 'This driver runs containers.');
      const docker = await engine.client();
      const { problem, gpu } = await abilitiesNow(docker);
      if (problem !== '') throw engineMissing(problem);
      if (spec.gpu && !gpu) throw gpuMissing();
      const found = await images.ensure(spec.image, { brought: bringsImage, signal, progress });
      let letGo: (() => void) | null = images.use(found.id);
      const discard = (): void => {
        letGo?.();
        letGo = null;
      };
      try {
        signal.throwIfAborted();
        const image = await imageFacts(docker, clock, spec, found);
        return {
          identity: { sha256: image.id.replace(/^sha256:/, ''), bytes: image.bytes },
          heldBy: 'engine',
          needs: [
            { resource: 'memory', amount: memoryOf(spec) },
            { resource: 'container', amount: containerSlots(spec) },
          ],
          start: async (job, listener) => starting(async () => start(image, job, spec, listener, discard)),
          discard,
        };
      } catch (error) {
        discard();
        throw error;
      }
    },
    adopt: async (job, record, listener) => {
      const { spec } = job;
      const names = decodeRecord(record);
      if (names === null || !isContainer(spec)) return null;
      keep(job.id, names);
      let holder: Holder | null = null;
      try {
        const docker = await engine.client();
        const container = docker.getContainer(names.container);
        const found = await ownContainer(docker, names.container, job.id);
        holder = await holders.adopt({
          name: names.holder,
          volume: names.volume,
          job: names.holderJob,
          network: job.network,
        });
        if (found === null || holder === null || found.State.Status === 'created') {
          if (found !== null) await removeContainer(clock, container);
          await holder?.remove();
          metrics?.adopted.inc(1, { found: 'no' });
          forget(job.id);
          return null;
        }
        const release = images.use(found.Image);
        const driven = drive(job, spec, listener, {
          container: docker.getContainer(found.Id),
          holder,
          released: release,
          began: () => undefined,
        });
        metrics?.adopted.inc(1, { found: 'yes' });
        await driven.takeUp(found);
        return driven;
      } catch (error) {
        // The engine is away: what is left of the job is swept when it is back.
        holder?.close();
        forget(job.id);
        throw error;
      }
    },
    sweep: async (live) => {
      const docker = await engine.client();
      const swept = await sweepEngine({ docker, clock, mark: engine.mark, live, keep: keptNames() });
      metrics?.swept.inc(swept);
      return swept;
    },
  };

  function keptNames(): Set<string> {
    return new Set([...[...alive.values()].flatMap(({ names }) => Object.values(names) as string[]), ...ready.names()]);
  }

  /** The container of that name, if it is this node's and this job's. */
  async function ownContainer(docker: Docker, name: string, job: JobId): Promise<Docker.ContainerInspectInfo | null> {
    try {
      const found = await answered(clock, docker.getContainer(name).inspect());
      const { [ENGINE_LABELS.node]: mark, [ENGINE_LABELS.job]: of } = found.Config.Labels;
      return mark === engine.mark && of === job ? found : null;
    } catch (error) {
      if (isGone(error)) return null;
      throw engineFailed('tell what became of a job', error);
    }
  }
};

const fail =
  (what: string) =>
  (error: unknown): never => {
    if (error instanceof RuntimeError) throw error;
    throw /could not select device driver|nvidia|CDI/i.test(String((error as Error | null)?.message))
      ? gpuMissing()
      : engineFailed(what, error);
  };

/** Files that the job was given, in pieces, so that nothing waits for a large one. */
const putFiles = async (holder: Holder, { files }: StartedJob): Promise<void> => {
  for (const { path, bytes, executable, diskPath, sha256 } of files) {
    const file = await open(diskPath).catch(() => {
      throw contentMissing(sha256, path);
    });
    try {
      const piece = Buffer.alloc(Math.min(FILE_PIECE_BYTES, Math.max(1, bytes)));
      for (let at = 0; at < bytes; ) {
        const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, bytes - at), at);
        if (bytesRead === 0) throw contentMissing(sha256, path);
        await holder.work.write(path, at, Uint8Array.from(piece.subarray(0, bytesRead)));
        at += bytesRead;
      }
      await holder.work.truncate(path, bytes, executable);
    } finally {
      await file.close();
    }
  }
};

/** Lets so many run at once; the others wait in line. */
const createSlots = (most: number): (<T>(work: () => Promise<T>) => Promise<T>) => {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
};

/**
 * Removes what carries this node's mark and belongs to no job that lives. Whatever else is in the engine is not looked at.
 *
 * @returns how many containers and volumes
 */
const sweepEngine = async (parts: {
  docker: Docker;
  clock: Outside['clock'];
  mark: string;
  live: readonly JobId[];
  keep: ReadonlySet<string>;
}): Promise<number> => {
  const { docker, clock, mark, keep } = parts;
  const live = new Set<string>(parts.live);
  const filters = JSON.stringify({ label: [`${ENGINE_LABELS.node}=${mark}`] });
  let swept = 0;
  const containers = await answered(clock, docker.listContainers({ all: true, filters })).catch(
    fail('list its containers'),
  );
  const isKept = (names: readonly string[], labels: Record<string, string> | undefined, createdAtMs: number): boolean =>
    names.some((name) => keep.has(name)) ||
    // An image can carry labels of ours; it cannot choose the name of a container.
    names.every((name) => !name.startsWith(NAME_PREFIX)) ||
    live.has(labels?.[ENGINE_LABELS.job] ?? '') ||
    (labels?.[ENGINE_LABELS.role] === 'test' && clock.nowMs() - createdAtMs < TEST_THINGS_MS_MAX);
  // A holder goes after the job that stands on it.
  const roleOf = ({ Labels }: Docker.ContainerInfo): number => (Labels[ENGINE_LABELS.role] === 'holder' ? 1 : 0);
  for (const found of containers.sort((a, b) => roleOf(a) - roleOf(b))) {
    const names = found.Names.map((name) => name.replace(/^\//, ''));
    if (isKept(names, found.Labels, found.Created * 1000)) continue;
    await removeContainer(clock, docker.getContainer(found.Id)).catch(fail('remove a container'));
    swept++;
  }
  const { Volumes: volumes } = await answered(clock, docker.listVolumes({ filters })).catch(fail('list its volumes'));
  for (const { Name, Labels } of volumes ?? []) {
    if (isKept([Name], Labels, 0)) continue;
    try {
      await answered(clock, docker.getVolume(Name).remove());
      swept++;
    } catch (error) {
      // Still in use by a container that is being removed: the next sweep finds it.
      if (!isGone(error) && (error as { statusCode?: number }).statusCode !== 409) fail('remove a volume')(error);
    }
  }
  return swept;
};
