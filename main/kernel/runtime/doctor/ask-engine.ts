import { request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { messageOf, type Clock } from '../../../base/index.ts';
import type { EngineAddress } from '../../assets/index.ts';
import { ANSWER_BYTES_MAX, ASK_TIMEOUT_MS } from './constants.ts';

/** Why there was no answer: an error code of the system, or `TIMEOUT` | `TOO_LARGE` | `NOT_HTTP` | `NOT_JSON`. */
export class AskError extends Error {
  override readonly name = 'AskError';
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
export interface Answer {
  status: number;
  body: Buffer;
  tookMs: number;
}
export interface AskOptions {
  method?: 'GET' | 'POST' | 'DELETE';
  /** Sent as JSON, or a tar as it is. */
  body?: Record<string, unknown> | Uint8Array;
  /** @default {@link ASK_TIMEOUT_MS} for all of it, the last byte included */
  timeoutMs?: number;
  /** @default {@link ANSWER_BYTES_MAX} */
  bytesMax?: number;
  signal?: AbortSignal;
}
/** @throws {AskError} */
export type Ask = (path: string, options?: AskOptions) => Promise<Answer>;

/**
 * Asks whatever listens at an address, bounded in time and bytes. The client of the engine's own room is not used here: it waits for
 * the end of any body, and what is examined may be no engine at all.
 */
export const createAsk =
  (address: EngineAddress, clock: Clock): Ask =>
  (path, options = {}) =>
    new Promise((resolve, reject) => {
      const { method = 'GET', body, timeoutMs = ASK_TIMEOUT_MS, bytesMax = ANSWER_BYTES_MAX, signal } = options;
      const beginMs = clock.monotonicMs();
      const sent = body === undefined ? null : body instanceof Uint8Array ? body : Buffer.from(JSON.stringify(body));
      const asking = ('protocol' in address && address.protocol === 'https' ? requestSecure : requestPlain)({
        ...('socketPath' in address ? { socketPath: address.socketPath } : { host: address.host, port: address.port }),
        method,
        path,
        agent: false,
        headers: {
          host: 'engine',
          connection: 'close',
          ...(sent === null
            ? {}
            : {
                'content-type': body instanceof Uint8Array ? 'application/x-tar' : 'application/json',
                'content-length': sent.length,
              }),
        },
      });
      let over = false;
      const finish = (end: () => void): void => {
        if (over) return;
        over = true;
        stopTimer();
        signal?.removeEventListener('abort', abort);
        end();
        asking.destroy();
      };
      const fail = (cause: string, message: string): void => finish(() => reject(new AskError(cause, message)));
      const abort = (): void => fail('ABORTED', 'it was stopped');
      const stopTimer = clock.after(timeoutMs, () =>
        fail('TIMEOUT', `there was no whole answer within ${Math.round(timeoutMs / 1000)} s`),
      );
      asking.on('error', (error: NodeJS.ErrnoException) =>
        fail(error.code?.startsWith('HPE_') === true ? 'NOT_HTTP' : (error.code ?? 'UNKNOWN'), messageOf(error)),
      );
      asking.on('response', (response) => {
        const parts: Buffer[] = [];
        let bytes = 0;
        response.on('data', (part: Buffer) => {
          bytes += part.length;
          if (bytes > bytesMax) fail('TOO_LARGE', `the answer is larger than ${Math.round(bytesMax / 1024)} KiB`);
          else parts.push(part);
        });
        response.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'UNKNOWN', messageOf(error)));
        response.on('close', () => fail('ECONNRESET', 'the answer ended in the middle'));
        response.on('end', () =>
          finish(() =>
            resolve({
              status: response.statusCode ?? 0,
              body: Buffer.concat(parts),
              tookMs: clock.monotonicMs() - beginMs,
            }),
          ),
        );
      });
      if (signal?.aborted === true) abort();
      else {
        signal?.addEventListener('abort', abort, { once: true });
        asking.end(sent ?? undefined);
      }
    });

/** @throws {AskError} `NOT_JSON`, or `HTTP_<status>` with what the engine says */
export const objectOf = ({ status, body }: Answer): Record<string, unknown> => {
  let value: unknown;
  try {
    value = body.length === 0 ? {} : JSON.parse(body.toString());
  } catch {
    throw new AskError('NOT_JSON', `it answers ${shownText(body.toString('latin1', 0, 60))}`);
  }
  const object =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  if (status < 200 || status > 299) {
    const message = object === null ? '' : textOf(object['message']);
    throw new AskError(`HTTP_${status}`, message === '' ? `it answers with status ${status}` : message);
  }
  if (object === null) throw new AskError('NOT_JSON', `it answers ${shownText(body.toString('latin1', 0, 60))}`);
  return object;
};
/** @throws {AskError} as {@link objectOf} does */
export const listOf = (answer: Answer): Record<string, unknown>[] => {
  if (answer.status !== 200) objectOf(answer);
  try {
    const value: unknown = JSON.parse(answer.body.toString());
    // Podman says null for none.
    if (value === null) return [];
    if (Array.isArray(value))
      return value.filter((entry): entry is Record<string, unknown> => typeof entry === 'object' && entry !== null);
  } catch {
    // Told below.
  }
  throw new AskError('NOT_JSON', 'its list is none');
};

/** A word or sentence of somebody else, fit for a sentence of ours: one line, no control characters, bounded. */
export const shownText = (value: string): string =>
  value
    .replaceAll(/[^\x20-\x7e\u00a1-\ud7ff\uf900-\uffef]+/g, ' ')
    .trim()
    .slice(0, 160);
export const textOf = (value: unknown): string => (typeof value === 'string' ? shownText(value) : '');
