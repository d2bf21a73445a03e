// Not through the front door: a thread loads what its tasks need and no more.
import { assert } from '../../../base/errors.ts';
import { ENGINE_TIMEOUT_MS } from './constants.ts';

/** Where an engine listens: a Unix socket or Windows pipe, or TCP. */
export type EngineAddress = { socketPath: string } | { protocol: 'http' | 'https'; host: string; port: number };

/** What was asked for and could be read; the fields of Docker's own answers, unchecked. */
export type EngineAnswer =
  | { ok: true; version: Record<string, unknown>; info: Record<string, unknown> }
  | { ok: false; cause: string; message: string };

/**
 * Asks an engine for its version and state. `dockerode` takes 150 ms and 30 MB to load, so this runs in a thread.
 *
 * @param input - an {@link EngineAddress}
 */
export const readEngine = async (input: unknown): Promise<EngineAnswer> => {
  assert(
    typeof input === 'object' && input !== null && ('socketPath' in input || 'host' in input),
    'An engine is asked at an address.',
  );
  const address = input as EngineAddress;
  try {
    const { default: Docker } = await import('dockerode');
    const engine = new Docker({ ...address, timeout: ENGINE_TIMEOUT_MS });
    const [version, info] = await Promise.all([engine.version(), engine.info() as Promise<unknown>]);
    return { ok: true, version: { ...version }, info: { ...(info as Record<string, unknown>) } };
  } catch (error) {
    const { code, statusCode, message } = error as { code?: string; statusCode?: number; message?: string };
    return {
      ok: false,
      cause: code ?? (statusCode === undefined ? 'UNKNOWN' : `HTTP_${statusCode}`),
      message: String(message ?? error).slice(0, 300),
    };
  }
};
