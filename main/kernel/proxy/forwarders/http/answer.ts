import { STATUS_CODES } from 'node:http';
import type { Failure } from '../program/failure.ts';

export const STATUS_OF: Readonly<Record<Failure['kind'], number>> = {
  refused: 403,
  unknown: 502,
  away: 502,
  late: 504,
  offline: 503,
  other: 502,
};
/** A whole answer of ours in plain text, after which the connection ends. */
export const answerOf = (status: number, sentence: string, headers: readonly string[] = []): string => {
  const body = `${sentence}\n`;
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...headers,
    'Content-Type: text/plain; charset=utf-8',
    // No page can take it for something else, or show it in a frame.
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
};
