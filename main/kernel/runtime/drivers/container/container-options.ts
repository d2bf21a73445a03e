import type Docker from 'dockerode';
import type { JobId } from '../../../../base/index.ts';
import type { ContainerSpec } from '../../../../../preload/contract/index.ts';
import { ENGINE_LABELS } from '../../engine/index.ts';
import {
  BLKIO_WEIGHT,
  CPU_PERIOD_US,
  CPU_PERIOD_US_MAX,
  CPU_QUOTA_US_MIN,
  CPU_SHARES,
  IMAGE_VOLUME_BYTES,
  JOB_USER,
  LOG_BYTES_MIN,
  LOG_FILES_MAX,
  NOFILE_MAX,
  OOM_SCORE,
  SCRATCH_BYTES_MIN,
  SHM_BYTES_MAX,
  SLOT_CPU_PERCENT,
  SLOT_MEMORY_BYTES,
  TMP_FILES_MAX,
  TMP_PATH,
  WORK_PATH,
} from './constants.ts';
import { HOLDER_UID, networkEnvironment } from './holder/interface.ts';
import { namesOf } from './names.ts';

/** What of an image decides how a container is made. */
export interface ImageFacts {
  /** `sha256:…`: what a name points to may change between looking and starting. */
  id: string;
  bytes: number;
  entrypoint: readonly string[];
  command: readonly string[];
  /** Empty where the image names none. */
  workFolder: string;
  /** Folders that it declares as volumes. */
  volumes: readonly string[];
}

export interface ContainerPlan {
  mark: string;
  job: JobId;
  spec: ContainerSpec;
  image: ImageFacts;
  /** Id or name of the holder's container. */
  holder: string;
  volume: string;
  /** Quota that it is made with. */
  millicores: number;
  /** Whether the engine is Podman, which has another log driver and names devices in another way. */
  podman: boolean;
  /** Whether the engine has a first process of its own, which hands on signals and buries children. */
  init: boolean;
}

/** Quota and period of a share. @param millicores - above 0 */
export const quotaOf = (millicores: number): { CpuPeriod: number; CpuQuota: number } => {
  const period = millicores * CPU_PERIOD_US < CPU_QUOTA_US_MIN * 1000 ? CPU_PERIOD_US_MAX : CPU_PERIOD_US;
  return { CpuPeriod: period, CpuQuota: Math.max(CPU_QUOTA_US_MIN, Math.round((millicores * period) / 1000)) };
};

/** Size of the work folder, and of /tmp. */
export const scratchOf = (spec: ContainerSpec): number => Math.max(SCRATCH_BYTES_MIN, spec.scratchBytesMax);

/** Memory that a job is held to: its own and the files in memory, which are charged to whoever writes them. */
export const memoryOf = (spec: ContainerSpec): number => spec.memoryBytes + spec.scratchBytesMax;

/** How many lendable containers a job takes. @param cpuPercent - what it gets, where the request leaves it open */
export const containerSlots = (spec: ContainerSpec, cpuPercent = spec.cpuPercent ?? 100): number =>
  Math.max(1, Math.ceil(cpuPercent / SLOT_CPU_PERCENT), Math.ceil(memoryOf(spec) / SLOT_MEMORY_BYTES));

/** What is run: the request's entrypoint or the image's, and the request's arguments or the image's. */
export const commandOf = (spec: ContainerSpec, image: ImageFacts): { entrypoint: string[]; command: string[] } => ({
  entrypoint: [...(spec.entrypoint ?? image.entrypoint)],
  // The image's arguments belong to the image's entrypoint.
  command: spec.args.length > 0 || spec.entrypoint !== undefined ? [...spec.args] : [...image.command],
});

/** How the container of a job is made: everything closed, and of the machine no more than was asked for. */
export const containerOptions = (plan: ContainerPlan): Docker.ContainerCreateOptions => {
  const { spec, image, job } = plan;
  const { entrypoint, command } = commandOf(spec, image);
  const memory = memoryOf(spec);
  const scratch = scratchOf(spec);
  const env = {
    HOME: WORK_PATH,
    HYPERMESH_JOB: job,
    ...(spec.network === 'exit' ? networkEnvironment() : {}),
    ...spec.env,
  };
  // Files that the image wants to keep lie in memory, small: a volume of the engine would be unbounded and on the disk.
  const volumes = image.volumes.filter((path) => path !== WORK_PATH && path !== TMP_PATH);
  // Owned by the job: the system gives such a folder the rights of the image's, whose owner is another.
  const tmpfs = (bytes: number): string =>
    `rw,nosuid,nodev,size=${bytes},nr_inodes=${TMP_FILES_MAX},mode=1777,uid=${HOLDER_UID},gid=${HOLDER_UID}`;
  const hasStdin = spec.stdin !== '';
  return {
    name: namesOf(job).container,
    Image: image.id,
    Labels: {
      [ENGINE_LABELS.node]: plan.mark,
      [ENGINE_LABELS.job]: job,
      [ENGINE_LABELS.role]: 'job',
    },
    // An empty list would leave the image's.
    Entrypoint: entrypoint.length === 0 ? [''] : entrypoint,
    Cmd: command,
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    User: JOB_USER,
    WorkingDir: image.workFolder === '' || image.workFolder === '/' ? WORK_PATH : image.workFolder,
    Tty: false,
    AttachStdin: hasStdin,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: hasStdin,
    StdinOnce: hasStdin,
    StopSignal: 'SIGTERM',
    // The image's own check would be run by the engine, at the image's pace.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ReadonlyRootfs: true,
      Privileged: false,
      CapDrop: ['ALL'],
      CapAdd: [],
      SecurityOpt: ['no-new-privileges'],
      // A loopback interface that leads nowhere: the holder has no other.
      NetworkMode: `container:${plan.holder}`,
      IpcMode: 'private',
      PidMode: '',
      UTSMode: '',
      PublishAllPorts: false,
      Binds: [],
      Devices: [],
      Mounts: [
        {
          Type: 'volume',
          Source: plan.volume,
          Target: WORK_PATH,
          ReadOnly: false,
          VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: '', Options: {} } },
        },
      ],
      Tmpfs: {
        [TMP_PATH]: tmpfs(scratch),
        ...Object.fromEntries(volumes.map((path) => [path, tmpfs(IMAGE_VOLUME_BYTES)])),
      },
      ShmSize: Math.min(SHM_BYTES_MAX, spec.memoryBytes),
      Memory: memory,
      // Together with swap: none of it.
      MemorySwap: memory,
      OomScoreAdj: OOM_SCORE,
      OomKillDisable: false,
      // The first process of a container hears no TERM that it does not ask for, and keeps the dead of others: few programs are made
      // to be one.
      Init: plan.init,
      PidsLimit: spec.pidsMax + (plan.init ? 1 : 0),
      ...quotaOf(plan.millicores),
      CpuShares: CPU_SHARES,
      BlkioWeight: BLKIO_WEIGHT,
      Ulimits: [
        { Name: 'core', Soft: 0, Hard: 0 },
        { Name: 'nofile', Soft: NOFILE_MAX, Hard: NOFILE_MAX },
      ],
      RestartPolicy: { Name: '' },
      AutoRemove: false,
      // What is attached is what counts; this is for a node that went down, and bounded on the disk.
      LogConfig: plan.podman
        ? { Type: 'k8s-file', Config: { 'max-size': `${logBytes(spec)}` } }
        : {
            Type: 'local',
            Config: { 'max-size': `${logBytes(spec)}`, 'max-file': `${LOG_FILES_MAX}`, compress: 'false' },
          },
      ...(spec.gpu
        ? { DeviceRequests: [{ Driver: '', Count: -1, DeviceIDs: [], Capabilities: [['gpu']], Options: {} }] }
        : {}),
    },
  };
};

/** Enough for all output that a job may write, with what the engine adds to each line. */
const logBytes = (spec: ContainerSpec): number => Math.max(LOG_BYTES_MIN, spec.outputBytesMax * 2);
