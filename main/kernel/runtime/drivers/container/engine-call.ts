import type Docker from 'dockerode';
import { type Clock, messageOf } from '../../../../base/index.ts';
import { engineMissing } from '../../engine/index.ts';
import type { RuntimeError } from '../../errors.ts';
import { ENGINE_CALL_MS_MAX } from './constants.ts';

/** Status of the engine's answer, or null when it did not answer. */
export const statusOf = (error: unknown): number | null => {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : null;
};
export const isGone = (error: unknown): boolean => statusOf(error) === 404;

/** What the engine says is wrong, without the client's words around it, bounded. */
export const engineWords = (error: unknown): string => {
  const json = (error as { json?: { message?: unknown } | null } | null)?.json;
  const words = typeof json?.message === 'string' ? json.message : messageOf(error);
  return words.replaceAll(/\s+/g, ' ').trim().slice(0, 500);
};

/** The engine did not do what it was asked. */
export const engineFailed = (what: string, error: unknown): RuntimeError =>
  engineMissing(
    statusOf(error) === null
      ? `The container engine went away (${engineWords(error)}); start it, and the job after that.`
      : `The container engine could not ${what}: ${engineWords(error)}.`,
  );

/** @throws {RuntimeError} `ENGINE_MISSING` when there is no answer within 30 s */
export const answered = async <T>(clock: Clock, call: Promise<T>): Promise<T> => {
  const waiting = new AbortController();
  try {
    return await Promise.race([
      call,
      clock.sleep(ENGINE_CALL_MS_MAX, waiting.signal).then(() => {
        throw engineMissing(
          `The container engine did not answer within ${ENGINE_CALL_MS_MAX / 1000} s; restart it, or let the machine do less.`,
        );
      }),
    ]);
  } finally {
    waiting.abort();
    // Nobody waits for what comes later.
    call.catch(() => undefined);
  }
};

/** Removes a container, whatever it does. One that is gone is fine. */
export const removeContainer = async (clock: Clock, container: Docker.Container): Promise<void> => {
  try {
    await answered(clock, container.remove({ force: true, v: true }));
  } catch (error) {
    if (isGone(error)) return;
    // Its removal is under way already, by another request.
    if (statusOf(error) !== 409) throw error;
    await answered(clock, container.wait({ condition: 'removed' })).catch(() => undefined);
  }
};
