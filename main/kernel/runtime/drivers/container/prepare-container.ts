import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import type Docker from 'dockerode';
import type { Clock } from '../../../../base/index.ts';
import type { ContainerSpec } from '../../../../../preload/contract/index.ts';
import type { Images } from '../../images/interface.ts';
import { moduleInvalid, RuntimeError } from '../../errors.ts';
import { ENV_BYTES_MAX, IMAGE_VOLUMES_MAX } from './constants.ts';
import { commandOf, type ImageFacts } from './container-options.ts';
import { answered, engineFailed, isGone } from './engine-call.ts';

/** What an engine can hold a job to. */
export interface EngineAbilities {
  /** What it cannot, one sentence; empty where it can all. */
  problem: string;
  gpu: boolean;
  /** It has a first process of its own for containers. */
  init: boolean;
}

/** Where packages put the engine's first process for containers: an engine that lacks it fails to start what asks for it. */
const INIT_FOLDERS = [
  '/usr/bin',
  '/usr/local/bin',
  '/usr/libexec/docker',
  '/usr/local/libexec/docker',
  '/usr/sbin',
  '/bin',
];

/** @param local - whether the engine is on this machine, as far as can be told */
export const hasInit = async (info: unknown, local: boolean): Promise<boolean> => {
  const { InitBinary: name, InitCommit: commit } = (info ?? {}) as {
    InitBinary?: unknown;
    InitCommit?: { ID?: unknown };
  };
  if (typeof commit?.ID === 'string' && /^[0-9a-f]{6,}$/.test(commit.ID)) return true;
  if (!local || typeof name !== 'string' || !/^[a-z0-9-]{1,64}$/.test(name)) return false;
  const found = await Promise.all(
    INIT_FOLDERS.map(async (folder) =>
      access(join(folder, name), constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found.includes(true);
};

/** @param info - the engine's own description. @param init - of {@link hasInit} */
export const abilitiesOf = (info: unknown, init: boolean): EngineAbilities => {
  const about = (typeof info === 'object' && info !== null ? info : {}) as Record<string, unknown>;
  const missing = [
    about['CpuCfsQuota'] === false || about['CpuCfsPeriod'] === false ? 'a share of the processor' : '',
    about['MemoryLimit'] === false ? 'memory' : '',
    about['PidsLimit'] === false ? 'a number of processes' : '',
  ].filter((name) => name !== '');
  const runtimes =
    typeof about['Runtimes'] === 'object' && about['Runtimes'] !== null ? Object.keys(about['Runtimes']) : [];
  const devices = Array.isArray(about['DiscoveredDevices']) ? about['DiscoveredDevices'] : [];
  return {
    init,
    problem:
      missing.length === 0
        ? ''
        : `The container engine cannot hold a job to ${missing.join(', nor to ')}; let it use cgroup v2 with these controllers, or run it as root.`,
    gpu:
      runtimes.some((name) => /nvidia/i.test(name)) ||
      devices.some((device) => /gpu/i.test(String((device as { ID?: unknown } | null)?.ID))),
  };
};

export const gpuMissing = (): RuntimeError =>
  new RuntimeError(
    { code: 'GPU_MISSING' },
    'The container engine cannot hand a graphics card to a job; install the NVIDIA container toolkit and restart the engine, or ask for no card.',
  );

/** @param words - what is wrong with it, after its name. @param fix - what to do */
export const imageRefused = (image: string, words: string): RuntimeError =>
  new RuntimeError({ code: 'IMAGE_REFUSED', image }, `The image ${image} ${words}.`);

/**
 * What of an image decides how its container is made. Whatever it says comes from whoever made it.
 *
 * @throws {RuntimeError} `IMAGE_MISSING` | `IMAGE_REFUSED` | `MODULE_INVALID` | `ENGINE_MISSING`
 */
export const imageFacts = async (
  docker: Docker,
  clock: Clock,
  spec: ContainerSpec,
  found: Awaited<ReturnType<Images['ensure']>>,
): Promise<ImageFacts> => {
  let image: Docker.ImageInspectInfo;
  try {
    image = await answered(clock, docker.getImage(found.id).inspect());
  } catch (error) {
    if (isGone(error))
      throw new RuntimeError(
        { code: 'IMAGE_MISSING', image: spec.image },
        `The image ${spec.image} was removed from the engine just now; fetch it again.`,
      );
    throw engineFailed('look at an image', error);
  }
  // Podman and newer engines leave out what is empty.
  const config = (image.Config ?? {}) as Partial<Docker.ImageInspectInfo['Config']>;
  const volumes = Object.keys(config.Volumes ?? {});
  if (volumes.length > IMAGE_VOLUMES_MAX)
    throw imageRefused(
      spec.image,
      `declares ${volumes.length} volumes, more than the ${IMAGE_VOLUMES_MAX} that are given to a job`,
    );
  if (
    volumes.some(
      (path) => !path.startsWith('/') || path.length > 256 || path.split('/').includes('..') || /[:,\0]/.test(path),
    )
  )
    throw imageRefused(spec.image, 'declares a volume at a path that is none');
  if ((config.Env ?? []).join('').length > ENV_BYTES_MAX)
    throw imageRefused(spec.image, 'brings more environment than a program can be given');
  const facts: ImageFacts = { ...found, workFolder: config.WorkingDir ?? '', volumes };
  const { entrypoint, command } = commandOf(spec, facts);
  if (entrypoint.length + command.length === 0)
    throw moduleInvalid(`The image ${spec.image} names no program; say what is to be run in it.`);
  return facts;
};
