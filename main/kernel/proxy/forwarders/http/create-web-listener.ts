import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { LocalProxy, TableCounters } from '../../interface.ts';
import {
  createListener,
  type ListenerComponents,
  type ListenerInit,
  type ProgramConnection,
} from '../program/create-listener.ts';
import { failureOf } from '../program/failure.ts';
import { answerOf, STATUS_OF } from './answer.ts';
import { HEAD_BYTES_MAX } from './constants.ts';
import { type Framing, framingOf, hostHeaderOf } from './headers.ts';

/** A request that can be read in one way only. */
export interface WebRequest {
  message: IncomingMessage;
  framing: Framing;
  /** The one `Host` header. */
  host: string;
}
/** Thrown by handlers: what the program is told, before anything else was. */
export class WebRefusal extends Error {
  readonly status: number;
  readonly headers: readonly string[];

  constructor(status: number, sentence: string, headers: readonly string[] = []) {
    super(sentence);
    this.status = status;
    this.headers = headers;
  }
}
export interface WebHandlers {
  request(request: WebRequest, response: ServerResponse): Promise<void>;
  /** The socket is a plain one from now on. Absent: such requests are refused. */
  connect?(request: WebRequest, socket: Socket, early: Buffer): Promise<void>;
  /** As `connect`. Absent: the wish is passed over, as RFC 9110, section 7.8 allows. */
  upgrade?(request: WebRequest, socket: Socket, early: Buffer): Promise<void>;
}

/**
 * Listens for HTTP/1.1 of programs of this machine. Every connection carries one request and ends: a second one could be meant for
 * somebody else, and on one machine a connection costs nothing.
 *
 * @throws {ProxyError} `PORT_IN_USE` | `PORT_REFUSED`
 */
export const createWebListener = async (
  components: ListenerComponents,
  { handlers, ...init }: Omit<ListenerInit, 'serve'> & { handlers: WebHandlers },
): Promise<LocalProxy & { counters: TableCounters }> => {
  const connections = new WeakMap<Duplex, ProgramConnection>();
  const started = new WeakSet<Duplex>();

  /** Says it and ends, once; what was begun is broken off. */
  const refuse = (socket: Duplex, error: unknown): void => {
    const connection = connections.get(socket);
    if (connection === undefined || socket.destroyed) return;
    connection.refused();
    const failure = failureOf(error);
    socket.write(
      error instanceof WebRefusal
        ? answerOf(error.status, error.message, error.headers)
        : answerOf(STATUS_OF[failure.kind], failure.sentence),
    );
    connection.end();
  };
  /** @returns null where it was refused */
  const open = (message: IncomingMessage): WebRequest | null => {
    const { socket } = message;
    if (started.has(socket)) {
      // Sent before the first was answered, or behind the end of it.
      socket.destroy();
      return null;
    }
    started.add(socket);
    connections.get(socket)?.opened();
    const framing = framingOf(message);
    const host = hostHeaderOf(message.rawHeaders);
    if (framing === null || host === null) {
      refuse(socket, new WebRefusal(400, 'This request could be read in more than one way.'));
      return null;
    }
    return { message, framing, host };
  };
  const run = (socket: Duplex, work: Promise<void>): void => {
    work.catch((error: unknown) => refuse(socket, error));
  };
  const server = createServer({
    insecureHTTPParser: false,
    requireHostHeader: false,
    maxHeaderSize: HEAD_BYTES_MAX,
    joinDuplicateHeaders: false,
    // Hurried by the listener, which knows who is silent.
    headersTimeout: 0,
    requestTimeout: 0,
    keepAliveTimeout: 0,
  });
  server.on('request', (message, response) => {
    const request = open(message);
    if (request === null) return;
    response.shouldKeepAlive = false;
    run(message.socket, handlers.request(request, response));
  });
  server.on('connect', (message: IncomingMessage, socket: Socket, early: Buffer) => {
    const request = open(message);
    if (request === null) return;
    if (handlers.connect === undefined)
      refuse(socket, new WebRefusal(405, 'Nothing is tunnelled here.', ['Allow: GET']));
    else run(socket, handlers.connect(request, socket, early));
  });
  const { upgrade } = handlers;
  if (upgrade !== undefined)
    server.on('upgrade', (message: IncomingMessage, socket: Socket, early: Buffer) => {
      const request = open(message);
      if (request !== null) run(socket, upgrade(request, socket, early));
    });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const large = error.code === 'HPE_HEADER_OVERFLOW';
    const broken = error.code === 'ECONNRESET' || !connections.has(socket) || started.has(socket);
    if (broken) socket.destroy();
    else refuse(socket, new WebRefusal(large ? 431 : 400, 'This is no HTTP request that can be read in one way only.'));
  });
  return createListener(components, {
    ...init,
    serve: (connection) => {
      connections.set(connection.socket, connection);
      server.emit('connection', connection.socket);
    },
  });
};
