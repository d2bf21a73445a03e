import { type IncomingMessage, type ServerResponse, request } from 'node:http';
import type { Pipe } from '../../interface.ts';
import { duplexOfPipe } from './pipe-duplex.ts';
import { HEAD_BYTES_MAX } from './constants.ts';
import { endToEnd, type RawHeaders } from './headers.ts';

export interface PassedRequest {
  path: string;
  /** Without those of one hop; `Host` among them. */
  headers: readonly string[];
  framing: 'none' | 'length' | 'chunked';
  /** What becomes of the answer's headers. @default as they are */
  mapHeaders?: (headers: RawHeaders) => readonly string[];
  counted(sentBytes: number, receivedBytes: number): void;
}

const withoutBody = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'DELETE']);

/**
 * Sends one request over a pipe of its own and brings back the answer, whatever it says: a redirect is the program's to follow.
 * Resolves when the answer is through.
 *
 * @throws {Error} where none came; nothing was written to the program then
 */
export const passRequest = (
  from: IncomingMessage,
  to: ServerResponse,
  far: Pipe,
  { path, headers, framing, mapHeaders = (all) => all, counted }: PassedRequest,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const method = from.method ?? 'GET';
    const framed =
      framing === 'chunked'
        ? ['Transfer-Encoding', 'chunked']
        : framing === 'none' && !withoutBody.has(method)
          ? ['Content-Length', '0']
          : [];
    const duplex = duplexOfPipe(far);
    const outgoing = request({
      createConnection: () => duplex,
      method,
      path,
      headers: [...headers, ...framed, 'Connection', 'close'],
      setHost: false,
      maxHeaderSize: HEAD_BYTES_MAX,
      insecureHTTPParser: false,
    });
    const fail = (error: Error): void => {
      outgoing.destroy();
      duplex.destroy();
      if (to.headersSent) {
        // It cannot be said any more that something is missing but by breaking off.
        to.destroy();
        resolve();
      } else reject(error);
    };
    outgoing.on('error', fail);
    // Nobody asked for another protocol.
    outgoing.on('upgrade', () => fail(new Error('the far side changes the protocol')));
    outgoing.once('response', (answer) => {
      answer.on('data', (chunk: Buffer) => counted(0, chunk.length));
      answer.on('error', fail);
      try {
        to.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', [
          ...mapHeaders(endToEnd(answer.rawHeaders)),
          'Connection',
          'close',
        ]);
      } catch (error) {
        fail(error as Error);
        return;
      }
      answer.pipe(to);
    });
    to.once('close', () => {
      outgoing.destroy();
      duplex.destroy();
      resolve();
    });
    from.on('data', (chunk: Buffer) => counted(chunk.length, 0));
    from.once('error', fail);
    from.pipe(outgoing);
  });
