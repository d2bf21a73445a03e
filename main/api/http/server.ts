import type { AddressInfo } from 'node:net';
import websocket from '@fastify/websocket';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type Call, type CallDefinition, type Reply, calls } from '../../../preload/contract/index.ts';
import { type Logger, type MetricsRegistry, type Outside, type WorkerPool, assert } from '../../base/index.ts';
import { isNodeError, messageOf } from '../../base/errors.ts';
import { InternalError, RequestError, callErrorOf } from '../dispatcher/index.ts';
import { hasIpv6Loopback } from '../diagnostics/index.ts';
import type { Dispatcher } from '../interface.ts';
import { type ReadBody, readBody } from './body.ts';
import {
  BODY_BYTES_INLINE_MAX,
  BODY_BYTES_MAX,
  CONNECTIONS_MAX,
  KEEP_ALIVE_MS,
  MESSAGE_BYTES_MAX,
  REQUEST_MS_MAX,
  SOCKETS_MAX,
  SOCKET_PING_MS,
  SOCKET_UNKNOWN_BYTES_MAX,
} from './constants.ts';
import { HttpError } from './errors.ts';
import { Guard } from './guard.ts';
import { createHttpMetrics } from './metrics.ts';
import { openApiDocument } from './openapi.ts';
import { securityHeaders, sendPageFile } from './page.ts';
import { CLOSE, SocketSession } from './socket.ts';
import { statusOf } from './status-codes.ts';

/** Calls whose requests carry a module or a value. */
const CARRY_FILES: ReadonlySet<Call> = new Set<Call>(['job:start', 'memory:put']);

export interface HttpServerComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  dispatcher: Dispatcher;
  /** Where bodies too large for the main thread are read. */
  workers: Pick<WorkerPool, 'run'>;
}
export interface HttpServerInit {
  /** 0: any free port. */
  port: number;
  /** New at every start; 32 random bytes in base64url. */
  token: string;
  /** Folder of the built page. */
  pageFolder: string;
  version: string;
}

/** The local API: calls, pushes, page, metrics and its own description, on loopback alone. */
export interface HttpServer {
  /**
   * @returns the address with a `/` at its end
   * @throws {HttpError} `PORT_IN_USE` | `PORT_REFUSED`
   */
  start(): Promise<string>;
  /** Answers what is under way, tells sockets goodbye and closes. May be called twice. */
  stop(): Promise<void>;
}

const isApiPath = (path: string): boolean => path === '/v1' || path.startsWith('/v1/') || path === '/metrics';

export const createHttpServer = (
  components: HttpServerComponents,
  { port, token, pageFolder, version }: HttpServerInit,
): HttpServer => {
  const { outside, logger, dispatcher, workers } = components;
  const metrics = components.metrics === null ? null : createHttpMetrics(components.metrics);
  const guard = new Guard(outside.clock, token);
  const sessions = new Set<SocketSession>();
  let app: FastifyInstance | null = null;
  let stopPinging: (() => void) | null = null;
  let url = '';

  const sendRefusal = (
    reply: FastifyReply,
    error: { name: string; code: string; message: string; data: object },
  ): FastifyReply => {
    metrics?.refusedTotal.inc(1, { reason: error.code });
    const status = statusOf(error.code);
    // Nothing reads from the connection of a refused upgrade any more, so it must not stay open.
    if (reply.request.headers.upgrade !== undefined)
      reply.raw.once('finish', () => reply.request.raw.socket.destroySoon());
    if (status === 401) void reply.header('www-authenticate', 'Bearer');
    return reply
      .code(status)
      .header('cache-control', 'no-store')
      .type('application/json; charset=utf-8')
      .send(JSON.stringify({ error: callErrorOf(error) }));
  };

  /** What fastify itself refuses, in our words; everything else is a bug. */
  const onError = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (isNodeError(error)) return sendRefusal(reply, error);
    const { code = '', statusCode } = error as { code?: string; statusCode?: number };
    if (code === 'FST_ERR_CTP_BODY_TOO_LARGE')
      return sendRefusal(
        reply,
        new HttpError(
          { code: 'TOO_LARGE', bytesMax: BODY_BYTES_MAX },
          "The body is larger than this call takes; a job's module may have 32 MiB, everything else 256 KiB.",
        ),
      );
    if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
      return sendRefusal(
        reply,
        new HttpError(
          { code: 'UNSUPPORTED_TYPE' },
          'The body must be JSON; send it with content-type application/json.',
        ),
      );
    if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
      return sendRefusal(
        reply,
        new HttpError(
          { code: 'BAD_REQUEST', field: '' },
          `The request cannot be read (${messageOf(error).slice(0, 200)}); correct it and ask again.`,
        ),
      );
    logger.error('Request failed', {
      path: request.routeOptions.url ?? '',
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return sendRefusal(
      reply,
      new InternalError(
        { code: 'INTERNAL' },
        'Something in HyperMesh itself failed; `hypermesh logs` says what, and `hypermesh bundle create` collects what a report needs.',
      ),
    );
  };

  const sendReply = (reply: FastifyReply, answer: Reply<unknown>): FastifyReply =>
    answer.ok
      ? reply
          .header('cache-control', 'no-store')
          .type('application/json; charset=utf-8')
          .send(JSON.stringify(answer.value))
      : reply
          .code(statusOf(answer.error.code))
          .header('cache-control', 'no-store')
          .type('application/json; charset=utf-8')
          .send(JSON.stringify({ error: answer.error }));

  /** @throws {HttpError} `BAD_REQUEST` */
  const fieldsOf = async (body: Buffer): Promise<Record<string, unknown>> => {
    const inline = body.length <= BODY_BYTES_INLINE_MAX;
    const read = inline
      ? readBody(body)
      : await workers.run<Uint8Array, ReadBody>(
          'http.readBody',
          new Uint8Array(body.buffer, body.byteOffset, body.length),
          {
            // Joined from many pieces, a body has its memory to itself. If it has not, it is copied.
            transfer: body.length === body.buffer.byteLength ? [body.buffer as ArrayBuffer] : [],
          },
        );
    if (!read.ok)
      throw new HttpError(
        { code: 'BAD_REQUEST', field: '' },
        read.fault === 'not-json'
          ? 'The body is not JSON; send one JSON object as application/json.'
          : 'The body is not a JSON object; send one as application/json.',
      );
    // Taking a large answer from the thread and sending its module to another are two turns of the event loop, not one.
    if (!inline) await outside.clock.sleep(0);
    return read.fields;
  };

  const addCall = (server: FastifyInstance, name: Call, call: CallDefinition): void => {
    const inQuery = call.method === 'GET' || call.method === 'DELETE';
    server.route({
      method: call.method,
      url: call.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      bodyLimit: CARRY_FILES.has(name) ? MESSAGE_BYTES_MAX : BODY_BYTES_MAX,
      handler: async (request, reply) => {
        const params = request.params as Record<string, string>;
        const fields = (inQuery ? request.query : (request.body ?? {})) as Record<string, unknown>;
        const twice = Object.keys(params).find((field) => Object.hasOwn(fields, field));
        if (twice !== undefined)
          throw new RequestError(
            { code: 'BAD_REQUEST', field: twice },
            `${name} was refused: \`${twice}\` stands in the path and may not be given again. Leave it out and ask again.`,
          );
        return sendReply(reply, await dispatcher.call(name, { ...fields, ...params }, { face: 'http' }));
      },
    });
  };

  const acceptSocket = (socket: import('@fastify/websocket').WebSocket, request: FastifyRequest): void => {
    const raw = request.raw.socket;
    const session = new SocketSession(socket, {
      clock: outside.clock,
      dispatcher,
      guard,
      onCoalesced: () => metrics?.coalescedTotal.inc(),
    });
    sessions.add(session);
    metrics?.sockets.set(sessions.size);
    // The frame parser collects up to a whole module; nobody may make it do so before the token is known.
    const readBefore = raw.bytesRead;
    const watch = (): void => {
      if (session.isKnown) raw.off('data', watch);
      else if (raw.bytesRead - readBefore > SOCKET_UNKNOWN_BYTES_MAX) raw.destroy();
    };
    raw.on('data', watch);
    socket.once('close', () => {
      sessions.delete(session);
      metrics?.sockets.set(sessions.size);
    });
  };

  const build = async (): Promise<FastifyInstance> => {
    const server = fastify({
      logger: false,
      bodyLimit: BODY_BYTES_MAX,
      requestTimeout: REQUEST_MS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      forceCloseConnections: 'idle',
      routerOptions: { maxParamLength: 128, caseSensitive: true },
      exposeHeadRoutes: false,
      return503OnClosing: true,
      frameworkErrors: (error, request, reply) => void onError(error, request as FastifyRequest, reply as FastifyReply),
    });
    server.server.maxConnections = CONNECTIONS_MAX;
    server.removeAllContentTypeParsers();
    server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request: FastifyRequest, body: Buffer) =>
      fieldsOf(body),
    );
    server.setErrorHandler(onError);
    server.addHook('onRequest', async (request, reply) => {
      const path = request.url.split('?', 1)[0] ?? '';
      void reply.headers(securityHeaders);
      guard.checkAddress(request.headers);
      // The socket gets its token in its first frame: a browser can send no header with an upgrade.
      if (path === '/v1/socket') {
        if (sessions.size >= SOCKETS_MAX)
          throw new HttpError(
            { code: 'TOO_MANY_CONNECTIONS' },
            `${SOCKETS_MAX} pages and programs are connected already; close some.`,
          );
        return;
      }
      if (isApiPath(path)) guard.checkAuthorization(request.headers.authorization);
    });
    // Not before the hooks: fastify runs for a route the hooks that are there when it is added.
    await server.register(websocket, { options: { maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false } });
    server.route({
      method: 'GET',
      url: '/v1/socket',
      handler: () => {
        throw new HttpError(
          { code: 'BAD_REQUEST', field: '' },
          'This address speaks WebSocket only; see docs/formats/websocket.md.',
        );
      },
      wsHandler: acceptSocket,
    });
    for (const [name, call] of Object.entries(calls) as [Call, CallDefinition][]) addCall(server, name, call);
    server.get('/metrics', async (_request, reply) =>
      reply.type('text/plain; version=0.0.4; charset=utf-8').send((await components.metrics?.text()) ?? ''),
    );
    server.get('/openapi.json', async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(JSON.stringify(openApiDocument(version, url))),
    );
    server.setNotFoundHandler(async (request, reply) => {
      const path = request.url.split('?', 1)[0] ?? '';
      if (isApiPath(path))
        throw new RequestError(
          { code: 'UNKNOWN_CALL' },
          'There is no such call with this method and path; /openapi.json lists them all.',
        );
      if (request.method !== 'GET' && request.method !== 'HEAD')
        throw new HttpError({ code: 'METHOD_NOT_ALLOWED' }, 'The page can only be read; calls are below /v1.');
      return await sendPageFile(pageFolder, path, reply);
    });
    return server;
  };

  return {
    start: async () => {
      assert(app === null, 'a server starts once');
      const host = (await hasIpv6Loopback()) ? '::1' : '127.0.0.1';
      app = await build();
      try {
        await app.listen({ host, port });
      } catch (error) {
        const code = (error as { code?: string }).code ?? '';
        await app.close();
        if (code === 'EADDRINUSE')
          throw new HttpError(
            { code: 'PORT_IN_USE', port },
            `Port ${port} is in use by another program; end it, or choose another with \`hypermesh config set apiPort ${port === 65535 ? 9470 : port + 1}\`.`,
            { cause: error },
          );
        if (code === 'EACCES' || code === 'EPERM' || code === 'EADDRNOTAVAIL')
          throw new HttpError(
            { code: 'PORT_REFUSED', port, cause: code },
            `The system does not let HyperMesh listen on port ${port} (${code}); choose one from 1024 up with \`hypermesh config set apiPort 9470\`.`,
            { cause: error },
          );
        throw error;
      }
      const address = app.server.address() as AddressInfo;
      guard.listensAt(address.port);
      url = `http://${host === '::1' ? '[::1]' : host}:${address.port}/`;
      stopPinging = outside.clock.every(SOCKET_PING_MS, () => {
        for (const session of sessions) session.ping();
      });
      return url;
    },
    stop: async () => {
      stopPinging?.();
      stopPinging = null;
      for (const session of sessions) session.close(CLOSE.goingAway, 'the node stops');
      const server = app;
      app = null;
      await server?.close();
    },
  };
};
