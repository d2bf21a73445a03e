import http from 'node:http';
import https from 'node:https';
import type { EngineAddress } from '../../assets/index.ts';
import { ENGINE_ANSWER_BYTES_MAX, ENGINE_EVENT_BYTES_MAX } from './constants.ts';

// Looking for an engine and watching it takes plain HTTP only: the client, with all that it loads, is for nodes that run containers.

/** What came of a question. `cause` is an error code of the system, or `HTTP_<status>`. */
export type EngineReply = { ok: true; body: string } | { ok: false; cause: string; message: string };

const request = (address: EngineAddress, path: string, options: http.RequestOptions): http.ClientRequest =>
  'socketPath' in address
    ? http.request({ ...options, socketPath: address.socketPath, path, agent: false })
    : (address.protocol === 'https' ? https : http).request({
        ...options,
        host: address.host,
        port: address.port,
        path,
        agent: false,
      });

/** One GET. Never throws. */
export const askEngine = async (
  address: EngineAddress,
  path: string,
  options: { timeoutMs: number; signal: AbortSignal },
): Promise<EngineReply> =>
  new Promise((resolve) => {
    const fail = (cause: string, message: string): void => resolve({ ok: false, cause, message });
    const asked = request(address, path, { timeout: options.timeoutMs, signal: options.signal });
    asked.on('timeout', () => {
      fail('ETIMEDOUT', 'no answer');
      asked.destroy();
    });
    asked.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'UNKNOWN', error.message));
    asked.on('response', (answer) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      answer.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'UNKNOWN', error.message));
      answer.on('data', (piece: Buffer) => {
        bytes += piece.length;
        if (bytes > ENGINE_ANSWER_BYTES_MAX) {
          fail('ANSWER', 'its answer is too long');
          asked.destroy();
        } else pieces.push(piece);
      });
      answer.on('end', () => {
        const body = Buffer.concat(pieces).toString('utf8');
        if (answer.statusCode === 200) resolve({ ok: true, body });
        else fail(`HTTP_${answer.statusCode ?? 0}`, body);
      });
      answer.on('close', () => fail('ECONNRESET', 'the connection closed'));
    });
    asked.end();
  });

/**
 * Listens to what the engine tells, a JSON object a line. `closed` comes once, when the engine went down or says what is no event.
 *
 * @param path - of the events, with their filter
 * @returns what ends it
 */
export const listenToEngine = (
  address: EngineAddress,
  path: string,
  hear: { event(event: Record<string, unknown>): void; closed(): void },
): (() => void) => {
  let over = false;
  const asked = request(address, path, {});
  const close = (): void => {
    if (over) return;
    over = true;
    asked.destroy();
    hear.closed();
  };
  asked.on('error', close);
  asked.on('response', (answer) => {
    if (answer.statusCode !== 200) {
      close();
      return;
    }
    let rest = '';
    answer.setEncoding('utf8');
    answer.on('data', (text: string) => {
      rest += text;
      for (let end = rest.indexOf('\n'); end !== -1 && !over; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 1);
        const event = parseEvent(line);
        if (event !== null) hear.event(event);
        else if (line.trim() !== '') close();
      }
      if (rest.length > ENGINE_EVENT_BYTES_MAX) close();
    });
    answer.on('error', close);
    answer.on('close', close);
  });
  asked.on('close', close);
  asked.end();
  return () => {
    over = true;
    asked.destroy();
  };
};

/** @returns the object that a line holds, or null */
export const parseEvent = (line: string): Record<string, unknown> | null => {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
};
