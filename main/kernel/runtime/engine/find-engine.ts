import {
  containerInventoryOf,
  ENGINE_TIMEOUT_MS,
  NO_ENGINE_FOUND,
  parseEndpoint,
  refusalOf,
  socketProblem,
  usualEndpoints,
  type AdapterEnvironment,
  type EngineAddress,
} from '../../assets/index.ts';
import { askEngine, parseEvent } from './ask-engine.ts';
import type { EngineState } from './interface.ts';

export interface FoundEngine {
  state: EngineState;
  /** Null where none answered. */
  address: EngineAddress | null;
}

export interface FindEngineOptions {
  configured: string | null;
  env: AdapterEnvironment;
  defaultEndpoints: readonly string[] | undefined;
  signal: AbortSignal;
}

const missing = (sentence: string, endpoint: string | null): FoundEngine => ({
  state: {
    ok: false,
    sentence: `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`,
    endpoint,
    engine: null,
    version: null,
    apiVersion: null,
    cgroupVersion: null,
    rootless: false,
    userns: false,
  },
  address: null,
});

/** Looks for an engine where the owner said, where the environment says, or else in the usual places. Never throws. */
export const findEngine = async (options: FindEngineOptions): Promise<FoundEngine> => {
  const { configured, env } = options;
  // What the owner chose is what is used: another engine found by chance would be a surprise.
  const chosen = configured ?? (env.DOCKER_HOST === undefined || env.DOCKER_HOST === '' ? null : env.DOCKER_HOST);
  if (chosen !== null) return (await tryEndpoint(chosen, options)).found;
  let refusal: FoundEngine | null = null;
  for (const endpoint of options.defaultEndpoints ?? usualEndpoints(env)) {
    const { found, cause } = await tryEndpoint(endpoint, options);
    if (found.state.ok) return found;
    // One that is there and refuses tells more than the many that are not there.
    if (cause !== 'ENOENT') refusal ??= found;
  }
  return refusal ?? missing(NO_ENGINE_FOUND, null);
};

const tryEndpoint = async (
  endpoint: string,
  { signal }: FindEngineOptions,
): Promise<{ found: FoundEngine; cause: string }> => {
  const refused = (cause: string, message: string): { found: FoundEngine; cause: string } => ({
    found: missing(refusalOf(endpoint, cause, message), endpoint),
    cause,
  });
  const address = parseEndpoint(endpoint);
  if (address === null)
    return {
      found: missing(
        `the endpoint ${endpoint} of the container engine is not valid; write it like unix:///var/run/docker.sock or tcp://[::1]:2375`,
        endpoint,
      ),
      cause: 'ENDPOINT',
    };
  const problem =
    'socketPath' in address && process.platform !== 'win32' ? await socketProblem(address.socketPath) : null;
  if (problem !== null) return refused(problem, 'it is not a socket');
  const ask = { timeoutMs: ENGINE_TIMEOUT_MS, signal };
  const [version, info] = await Promise.all([askEngine(address, '/version', ask), askEngine(address, '/info', ask)]);
  if (!version.ok) return refused(version.cause, version.message);
  if (!info.ok) return refused(info.cause, info.message);
  const about = parseEvent(version.body);
  const how = parseEvent(info.body);
  if (about === null || how === null) return refused('ANSWER', 'its version or state is no JSON');
  const part = containerInventoryOf(endpoint, about, how);
  if (!part.known) return { found: missing(part.reason, endpoint), cause: 'ANSWER' };
  const { engine, apiVersion, cgroupVersion, rootless } = part.value;
  const options = Array.isArray(how['SecurityOptions']) ? (how['SecurityOptions'] as unknown[]) : [];
  return {
    found: {
      state: {
        ok: true,
        sentence: '',
        endpoint,
        engine: engine === 'Podman' ? 'Podman' : 'Docker',
        version: part.value.version,
        apiVersion,
        cgroupVersion: cgroupVersion === 'none' ? null : cgroupVersion,
        rootless,
        userns: options.some((option) => typeof option === 'string' && /name=userns/.test(option)),
      },
      address,
    },
    cause: '',
  };
};
