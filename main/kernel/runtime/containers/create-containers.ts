import type Docker from 'dockerode';
import { isNodeError } from '../../../base/index.ts';
import type { ContainerView, JobView } from '../../../../preload/contract/index.ts';
import { type Engine, ENGINE_LABELS } from '../engine/index.ts';
import type { Runtime } from '../interface.ts';

/** What this node has in the container engine, for its owner to see. */
export interface Containers {
  /** `problem`: why there are none to see; empty where the engine answers. */
  list(): Promise<{ containers: ContainerView[]; problem: string }>;
  /** Removes what belongs to no live job. @throws {RuntimeError} `ENGINE_MISSING` */
  clean(): Promise<{ containers: number; volumes: number; networks: number }>;
}
export interface ContainersComponents {
  engine: Engine;
  runtime: Pick<Runtime, 'list'>;
  /** The drivers' own way of removing what belongs to no live job. @returns how many things */
  sweep: () => Promise<number>;
}

const ROLES = ['job', 'holder', 'test'] as const;
const STATES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'] as const;
const oneOf = <T extends string>(known: readonly T[], value: unknown, otherwise: T): T =>
  known.find((each) => each === value) ?? otherwise;
const CPU_PERIOD_US = 100_000;

/** How a container is walled off, read back from the engine: what is not so is not said. */
export const wallsOf = ({ Config, HostConfig, Mounts }: Docker.ContainerInspectInfo): string[] => {
  const walls: string[] = [];
  const { ReadonlyRootfs, CapDrop, SecurityOpt, NetworkMode, Privileged, Devices, DeviceRequests } = HostConfig;
  if (ReadonlyRootfs === true) walls.push('cannot change its image');
  if (Privileged !== true && CapDrop?.some((name: string) => /^(CAP_)?ALL$/i.test(name)) === true)
    walls.push('has no capabilities');
  if (SecurityOpt?.some((option: string) => /^no-new-privileges(:true)?$/.test(option)) === true)
    walls.push('gains no rights by any program');
  if (SecurityOpt?.some((option: string) => /^seccomp[=:]unconfined$/.test(option)) !== true)
    walls.push("behind the engine's filter of system calls");
  if (Config.User !== '' && Config.User !== '0' && Config.User !== 'root' && !Config.User.startsWith('0:'))
    walls.push(`runs as user ${Config.User.split(':')[0] ?? ''}`);
  if (NetworkMode === 'none') walls.push('has no network');
  else if (NetworkMode?.startsWith('container:') === true) walls.push("has no network but its holder's proxy");
  if (!Mounts.some(({ Type }) => Type === 'bind')) walls.push('sees no folder of this machine');
  if ((Devices ?? []).length === 0 && (DeviceRequests ?? []).length === 0) walls.push('has no device');
  return walls;
};

export const createContainers = ({ engine, runtime, sweep }: ContainersComponents): Containers => {
  const ours = (): { filters: string } => ({
    filters: JSON.stringify({ label: [`${ENGINE_LABELS.node}=${engine.mark}`] }),
  });
  const view = (found: Docker.ContainerInspectInfo, job: JobView | undefined): ContainerView => {
    const { Config, HostConfig, State } = found;
    const role = oneOf(ROLES, Config.Labels[ENGINE_LABELS.role], 'job');
    const state = oneOf(STATES, State.Status, 'dead');
    const isRunning = role === 'job' && (state === 'running' || state === 'paused');
    const quota = HostConfig.CpuQuota ?? 0;
    const positive = (value: number | undefined): number | null => (value === undefined || value <= 0 ? null : value);
    return {
      id: found.Id,
      role,
      job: job?.id ?? null,
      jobName: job?.name ?? '',
      image: Config.Image,
      state,
      createdAtMs: Math.max(0, Date.parse(found.Created) || 0),
      cpuPercentNow: isRunning ? (job?.measured.cpuPercentNow ?? null) : null,
      cpuPercentMax: quota > 0 ? (quota / (HostConfig.CpuPeriod || CPU_PERIOD_US)) * 100 : null,
      memoryBytes: isRunning ? (job?.measured.memoryBytesNow ?? null) : null,
      memoryBytesMax: positive(HostConfig.Memory),
      pids: isRunning ? (job?.measured.pids ?? null) : null,
      pidsMax: positive(HostConfig.PidsLimit ?? undefined),
      walls: wallsOf(found),
    };
  };
  return {
    list: async () => {
      try {
        const client = await engine.client();
        const [found, jobs] = await Promise.all([client.listContainers({ all: true, ...ours() }), runtime.list()]);
        const byId = new Map(jobs.map((job) => [job.id, job]));
        const containers = await Promise.all(
          found.map(async ({ Id }) => {
            // It may be gone by now.
            const details = await client
              .getContainer(Id)
              .inspect()
              .catch(() => null);
            return details === null ? null : view(details, byId.get(details.Config.Labels[ENGINE_LABELS.job] ?? ''));
          }),
        );
        return {
          containers: containers
            .filter((container) => container !== null)
            .sort((a, b) => b.createdAtMs - a.createdAtMs || a.id.localeCompare(b.id)),
          problem: '',
        };
      } catch (error) {
        if (isNodeError(error)) return { containers: [], problem: error.message };
        throw error;
      }
    },
    clean: async () => {
      const client = await engine.client();
      const count = async () => {
        const [containers, volumes, networks] = await Promise.all([
          client.listContainers({ all: true, ...ours() }),
          client.listVolumes(ours()),
          client.listNetworks(ours()),
        ]);
        return { containers: containers.length, volumes: volumes.Volumes?.length ?? 0, networks: networks.length };
      };
      const before = await count();
      await sweep();
      const after = await count();
      const fewer = (name: keyof typeof before): number => Math.max(0, before[name] - after[name]);
      return { containers: fewer('containers'), volumes: fewer('volumes'), networks: fewer('networks') };
    },
  };
};
