import { access, constants, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isNodeError, type Logger, messageOf, type Outside, type WorkerPool } from '../../../base/index.ts';
import type { Inventory, Reading } from '../../../../preload/contract/index.ts';
import { known, mapReading, unknown } from '../../monitor/index.ts';
import type { AssetAdapter } from '../interface.ts';
import {
  CONTAINER_MEMORY_BYTES_MIN,
  CONTAINERS_PER_CPU,
  ENGINE_API_MIN,
  ENGINE_TIMEOUT_MS,
  ENGINE_USE_MAX_AGE_MS,
} from './constants.ts';
import { type EngineAddress, type EngineAnswer, readEngine } from './engine-task.ts';

type ContainerPart = Inventory['container'];
export type ContainerInventory = Extract<ContainerPart, { known: true }>['value'];

/** The few variables of the environment that tell where a container engine listens. */
export interface AdapterEnvironment {
  DOCKER_HOST?: string | undefined;
  XDG_RUNTIME_DIR?: string | undefined;
}

export interface ContainerAdapterComponents {
  outside: Outside;
  logger: Logger;
  workers?: WorkerPool | undefined;
  containerEndpoint: () => string | null;
  env: AdapterEnvironment;
}
export interface ContainerAdapterInit {
  /** Sockets that are tried after the configured one and the environment's. @default those of Docker and Podman on this system */
  defaultEndpoints?: readonly string[];
}

export const NO_ENGINE_FOUND =
  'no container engine was found; install Docker or Podman, or set its endpoint in the settings';

/** @returns the address that an endpoint such as `unix:///run/docker.sock`, `npipe://…` or `tcp://host:port` names, or null */
export const parseEndpoint = (endpoint: string): EngineAddress | null => {
  const path = /^(?:unix|npipe):\/\/(.+)$/.exec(endpoint)?.[1];
  if (path !== undefined) return { socketPath: path };
  if (!URL.canParse(endpoint)) return null;
  const url = new URL(endpoint);
  if (!['tcp:', 'http:', 'https:'].includes(url.protocol) || url.hostname === '') return null;
  const secure = url.protocol === 'https:';
  return {
    protocol: secure ? 'https' : 'http',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 2376 : 2375) : Number(url.port),
  };
};

/** Where engines listen by default, most usual first. */
export const usualEndpoints = (env: AdapterEnvironment): string[] => {
  if (process.platform === 'win32')
    return ['npipe:////./pipe/docker_engine', 'npipe:////./pipe/podman-machine-default'];
  const runtime = env.XDG_RUNTIME_DIR === undefined || env.XDG_RUNTIME_DIR === '' ? [] : [env.XDG_RUNTIME_DIR];
  return [
    '/var/run/docker.sock',
    ...runtime.map((folder) => `${folder}/docker.sock`),
    ...(process.platform === 'darwin' ? [`${homedir()}/.docker/run/docker.sock`] : []),
    ...runtime.map((folder) => `${folder}/podman/podman.sock`),
    '/run/podman/podman.sock',
  ].map((path) => `unix://${path}`);
};

/** What is wrong with an endpoint, in one sentence that says what to do. Causes are error codes of the system. */
export const refusalOf = (endpoint: string, cause: string, message: string): string => {
  switch (cause) {
    case 'ENOENT':
      return `there is no container engine at ${endpoint}; start it, or correct the endpoint in the settings`;
    case 'EACCES':
    case 'EPERM':
      return `this user may not use the container engine at ${endpoint}; add the user to the group docker and log in again`;
    case 'ECONNREFUSED':
    case 'ECONNRESET':
    case 'EPIPE':
      return `the container engine at ${endpoint} is not running; start it`;
    case 'ETIMEDOUT':
    case 'ESOCKETTIMEDOUT':
      return `the container engine at ${endpoint} did not answer within ${ENGINE_TIMEOUT_MS / 1000} s; restart it`;
    default:
      return `what listens at ${endpoint} did not answer like a container engine (${message.replaceAll(/\s+/g, ' ').slice(0, 160)}); check the endpoint in the settings`;
  }
};

/** Puts an engine's answers into the inventory's shape. */
export const containerInventoryOf = (
  endpoint: string,
  version: Record<string, unknown>,
  info: Record<string, unknown>,
): ContainerPart => {
  const text = (value: unknown): string | null =>
    typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
  const count = (value: unknown): number | null =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
  const apiVersion = text(version['ApiVersion']);
  const match = /^(\d{1,3})\.(\d{1,3})$/.exec(apiVersion ?? '');
  const cpus = count(info['NCPU']);
  const memoryBytes = count(info['MemTotal']);
  const images = count(info['Images']);
  const containersRunning = count(info['ContainersRunning']);
  if (
    apiVersion === null ||
    match === null ||
    cpus === null ||
    memoryBytes === null ||
    images === null ||
    containersRunning === null
  )
    return unknown(refusalOf(endpoint, 'ANSWER', 'its version or state is missing'));
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major < ENGINE_API_MIN[0] || (major === ENGINE_API_MIN[0] && minor < ENGINE_API_MIN[1]))
    return unknown(
      `the container engine at ${endpoint} is too old (API ${apiVersion}); update it to one with API ${ENGINE_API_MIN.join('.')} or newer, such as Docker 20.10`,
    );
  const components = Array.isArray(version['Components']) ? (version['Components'] as { Name?: unknown }[]) : [];
  const engine = components.some((component) => /podman/i.test(text(component?.Name) ?? '')) ? 'Podman' : 'Docker';
  const cgroup = text(info['CgroupVersion']);
  const options = Array.isArray(info['SecurityOptions']) ? info['SecurityOptions'] : [];
  const runtimes =
    typeof info['Runtimes'] === 'object' && info['Runtimes'] !== null ? Object.keys(info['Runtimes']).sort() : [];
  return known({
    engine,
    version: text(version['Version']) ?? text(info['ServerVersion']) ?? 'unknown',
    apiVersion,
    endpoint,
    storageDriver: text(info['Driver']) ?? 'unknown',
    cgroupVersion: cgroup === '1' || cgroup === '2' ? cgroup : 'none',
    cgroupDriver: text(info['CgroupDriver']) ?? 'none',
    cpus,
    memoryBytes,
    rootless: options.some((option) => typeof option === 'string' && /name=rootless/.test(option)),
    runtimes,
    images,
    containersRunning,
  });
};

/**
 * Capacity: as many containers as fit at a quarter of a core and 128 MiB each, `floor(min(cpus * 4, memory / 128 MiB))`.
 * Smaller ones do nothing useful, and the processor and memory that they take are allocated on their own.
 */
export const containerCapacity = (engine: Pick<ContainerInventory, 'cpus' | 'memoryBytes'>): number =>
  Math.floor(Math.min(engine.cpus * CONTAINERS_PER_CPU, engine.memoryBytes / CONTAINER_MEMORY_BYTES_MIN));

/** Looks for an engine at the configured endpoint, `DOCKER_HOST`, and the usual sockets of Docker and Podman, in this order. */
export const createContainerAdapter = (
  components: ContainerAdapterComponents,
  init: ContainerAdapterInit = {},
): AssetAdapter<ContainerPart> => {
  const { clock } = components.outside;
  let latest: {
    endpoint: string;
    address: EngineAddress;
    running: Reading<number>;
    capacity: number;
    atMs: number;
  } | null = null;
  let asking: Promise<void> | null = null;

  const ask = async (address: EngineAddress, signal?: AbortSignal): Promise<EngineAnswer> => {
    const asked =
      components.workers === undefined
        ? readEngine(address)
        : components.workers.run<EngineAddress, EngineAnswer>(
            'hardware.engine',
            address,
            signal === undefined ? {} : { signal },
          );
    try {
      const answer = await asked;
      signal?.throwIfAborted();
      return answer;
    } catch (error) {
      if (signal?.aborted === true || !isNodeError(error)) throw error;
      return { ok: false, cause: 'WORKER', message: messageOf(error) };
    }
  };

  const tryEndpoint = async (
    endpoint: string,
    signal?: AbortSignal,
  ): Promise<{ part: ContainerPart; cause: string | null }> => {
    const address = parseEndpoint(endpoint);
    if (address === null)
      return {
        part: unknown(
          `the endpoint ${endpoint} of the container engine is not valid; write it like unix:///var/run/docker.sock or tcp://[::1]:2375`,
        ),
        cause: 'ENDPOINT',
      };
    // A socket that is not there, or is not ours, needs no client to be loaded for.
    const cause =
      'socketPath' in address && process.platform !== 'win32' ? await socketProblem(address.socketPath) : null;
    if (cause !== null) return { part: unknown(refusalOf(endpoint, cause, 'it is not a socket')), cause };
    const answer = await ask(address, signal);
    if (!answer.ok) return { part: unknown(refusalOf(endpoint, answer.cause, answer.message)), cause: answer.cause };
    const part = containerInventoryOf(endpoint, answer.version, answer.info);
    if (part.known)
      latest = {
        endpoint,
        address,
        running: known(part.value.containersRunning),
        capacity: containerCapacity(part.value),
        atMs: clock.monotonicMs(),
      };
    return { part, cause: part.known ? null : 'ANSWER' };
  };

  const find = async (signal?: AbortSignal): Promise<ContainerPart> => {
    latest = null;
    const configured = components.containerEndpoint();
    // What the owner chose is what is used: another engine found by chance would be a surprise.
    if (configured !== null) return (await tryEndpoint(configured, signal)).part;
    const fromEnv = components.env.DOCKER_HOST;
    if (fromEnv !== undefined && fromEnv !== '') return (await tryEndpoint(fromEnv, signal)).part;
    let refusal: ContainerPart | null = null;
    for (const endpoint of init.defaultEndpoints ?? usualEndpoints(components.env)) {
      const { part, cause } = await tryEndpoint(endpoint, signal);
      signal?.throwIfAborted();
      if (part.known) return part;
      // One that is there and refuses tells more than the many that are not there.
      if (cause !== 'ENOENT') refusal ??= part;
    }
    return refusal ?? unknown(NO_ENGINE_FOUND);
  };

  const refresh = async (): Promise<void> => {
    const before = latest;
    if (before === null) return;
    const answer = await ask(before.address);
    if (latest !== before) return;
    const part = answer.ok
      ? containerInventoryOf(before.endpoint, answer.version, answer.info)
      : unknown(refusalOf(before.endpoint, answer.cause, answer.message));
    latest = { ...before, running: mapReading(part, (engine) => engine.containersRunning), atMs: clock.monotonicMs() };
  };

  return {
    kind: 'container',
    elasticity: 'space',
    detect: async (signal) => {
      signal?.throwIfAborted();
      const inventory = await find(signal);
      signal?.throwIfAborted();
      return {
        inventory,
        assets: [
          {
            resource: 'container',
            label: inventory.known ? `${inventory.value.engine} ${inventory.value.version}` : 'Containers',
            unit: 'containers',
            capacity: mapReading(inventory, containerCapacity),
            fingerprint: { kind: 'containers' },
          },
        ],
      };
    },
    measure: async () => {
      const temperatureCelsius = unknown('containers have no temperature of their own');
      if (latest === null) {
        const none = unknown('no container engine was found');
        return { usedPercent: none, used: none, temperatureCelsius };
      }
      // Answered from what is known; a fresh number is fetched behind it, so that no sample waits for the engine.
      if (clock.monotonicMs() - latest.atMs >= ENGINE_USE_MAX_AGE_MS)
        asking ??= refresh().finally(() => (asking = null));
      const { running, capacity } = latest;
      return {
        used: running,
        usedPercent:
          capacity > 0
            ? mapReading(running, (count) => Math.min(100, (count / capacity) * 100))
            : unknown('this engine is too small for a container'),
        temperatureCelsius,
      };
    },
    // Containers of ours are started and limited by the runtime, which tells the engine their share when it changes.
    allocate: async () => undefined,
    applyLevel: async () => undefined,
    release: async () => undefined,
  };
};

/** @returns the error code that stands in the way of connecting to a socket, or null */
export const socketProblem = async (path: string): Promise<string | null> => {
  try {
    const found = await stat(path);
    if (!found.isSocket()) return 'ENOTSOCK';
    await access(path, constants.R_OK | constants.W_OK);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'UNKNOWN';
  }
};
