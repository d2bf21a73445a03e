import { Agent, request } from 'node:http';
import { z } from 'zod';
import {
  type Call,
  type CallDefinition,
  type PayloadOf,
  type Push,
  type Reply,
  type RequestInputOf,
  type ResponseOf,
  callError,
  calls,
} from '../../../preload/contract/index.ts';
import { messageOf } from '../../base/errors.ts';
import { ClientError } from './errors.ts';
import type { HttpClient, NodeAddress } from './interface.ts';

/** A node that is there begins to answer at once; looking at the hardware and checking take seconds. */
const ANSWER_MS_MAX = 120_000;
/**
 * Answered when the work is done, however long the owner's level makes it take: these have no limit here. A node that
 * goes away closes the connection.
 */
const LONG_CALLS: ReadonlySet<Call> = new Set<Call>(['proof:make']);
/** The largest answer is a job's output: 16 MiB in base64, and some. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

const gone = (cause: unknown): ClientError =>
  new ClientError(
    { code: 'NODE_GONE', cause: messageOf(cause) },
    'The node does not answer any more; see `hypermesh status`, and start it again with `hypermesh start`.',
    { cause },
  );

/** Fields of paths and queries are flat by the contract; anything else travels as JSON and is refused by the node. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** A path has no room for what is left out: what the contract puts in its place. */
const defaultOf = ({ request: shape }: CallDefinition, field: string): unknown =>
  shape instanceof z.ZodObject ? (shape.shape[field] as z.ZodType | undefined)?.safeParse(undefined).data : undefined;

/** Method, path with fields filled in, and body of one call. */
const wireOf = (
  call: CallDefinition,
  fields: Record<string, unknown>,
): { method: string; path: string; body: string | null } => {
  const rest = { ...fields };
  const path = call.path.replaceAll(/\{(\w+)\}/g, (_match, field: string) => {
    const value = rest[field] ?? defaultOf(call, field);
    delete rest[field];
    // An empty part would make another path of it; a space is refused by the contract with the field's name.
    return encodeURIComponent(value === undefined || value === '' ? ' ' : textOf(value));
  });
  if (call.method !== 'GET' && call.method !== 'DELETE')
    return { method: call.method, path, body: JSON.stringify(rest) };
  const query = new URLSearchParams(
    Object.entries(rest).flatMap(([field, value]): [string, string][] =>
      value === undefined ? [] : [[field, textOf(value)]],
    ),
  ).toString();
  return { method: call.method, path: query === '' ? path : `${path}?${query}`, body: null };
};

/** The typed client of a node of the same user, such as the command line's. */
export const createHttpClient = ({ url, token }: NodeAddress): HttpClient => {
  const agent = new Agent({ keepAlive: true });
  const { hostname, port } = new URL(url);
  const listeners = new Map<Push, Set<(payload: never) => void>>();
  const closed = Promise.withResolvers<void>();
  let socket: WebSocket | null = null;
  let nextId = 1;
  /** Frames that wait for their reply. */
  const waiting = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  let confirmed: Promise<unknown> = Promise.resolve();

  const call = async <C extends Call>(name: C, fields: RequestInputOf<C>): Promise<Reply<ResponseOf<C>>> => {
    const { method, path, body } = wireOf(calls[name], fields);
    const { status, text } = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const asked = request(
        {
          host: hostname.replaceAll(/[[\]]/g, ''),
          port,
          // As it is: a URL would take `..` in a field for the folder above.
          path,
          method,
          agent,
          timeout: LONG_CALLS.has(name) ? 0 : ANSWER_MS_MAX,
          headers: {
            authorization: `Bearer ${token}`,
            ...(body !== null && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
          },
        },
        (answer) => {
          const parts: Buffer[] = [];
          let size = 0;
          answer.on('data', (part: Buffer) => {
            size += part.length;
            if (size > ANSWER_BYTES_MAX) asked.destroy(new Error('the answer is too large'));
            else parts.push(part);
          });
          answer.once('end', () =>
            resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }),
          );
          answer.once('error', (error) => reject(gone(error)));
        },
      );
      asked.once('timeout', () => asked.destroy(new Error('no answer in time')));
      asked.once('error', (error) => reject(gone(error)));
      asked.end(body);
    });
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      answer = undefined;
    }
    if (status === 200 && answer !== undefined) return { ok: true, value: answer as ResponseOf<C> };
    const refusal = callError.safeParse((answer as { error?: unknown } | null | undefined)?.error);
    if (!refusal.success)
      throw new ClientError(
        { code: 'NODE_STRANGE', status },
        `What answers at ${url} is no node of this version (status ${status}); stop it and start HyperMesh again.`,
      );
    return { ok: false, error: refusal.data };
  };

  const sendFrame = (open: WebSocket, id: number, frame: object): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      open.send(JSON.stringify({ id, ...frame }));
    });

  const receive = (text: string): void => {
    const frame = JSON.parse(text) as { id: number; reply: Reply<unknown> } | { push: Push; payload: never };
    if ('push' in frame) {
      for (const listener of listeners.get(frame.push) ?? []) listener(frame.payload);
      return;
    }
    const waiter = waiting.get(frame.id);
    waiting.delete(frame.id);
    if (frame.reply.ok) waiter?.resolve();
    else waiter?.reject(gone(frame.reply.error.message));
  };

  const openSocket = (): Promise<WebSocket> => {
    const address = new URL('v1/socket', url);
    address.protocol = 'ws:';
    const opened = new WebSocket(address);
    socket = opened;
    return new Promise((resolve, reject) => {
      opened.addEventListener('message', ({ data }) => receive(String(data)));
      opened.addEventListener('open', () => void sendFrame(opened, 0, { token }).then(() => resolve(opened), reject));
      opened.addEventListener('close', ({ reason }) => {
        const error = gone(reason === '' ? 'the connection was closed' : reason);
        reject(error);
        for (const { reject: refuse } of waiting.values()) refuse(error);
        waiting.clear();
        closed.resolve();
      });
    });
  };
  let opening: Promise<WebSocket> | null = null;

  /** After what was asked before, so that `subscribed` waits for all of it. */
  const ask = (frame: object): void => {
    const before = confirmed;
    confirmed = (async () => {
      await before;
      opening ??= openSocket();
      const id = nextId;
      nextId += 1;
      await sendFrame(await opening, id, frame);
    })();
    // Told to whoever awaits `subscribed`, and by `closed`.
    confirmed.catch(() => undefined);
  };

  return {
    call,
    subscribe: <P extends Push>(name: P, listener: (payload: PayloadOf<P>) => void) => {
      let set = listeners.get(name);
      if (set === undefined) listeners.set(name, (set = new Set()));
      if (set.size === 0) ask({ subscribe: name });
      const own = (payload: PayloadOf<P>): void => listener(payload);
      set.add(own);
      return () => {
        if (set.delete(own) && set.size === 0 && socket?.readyState === WebSocket.OPEN) ask({ unsubscribe: name });
      };
    },
    subscribed: async () => {
      await confirmed;
    },
    closed: closed.promise,
    close: () => {
      socket?.close();
      agent.destroy();
    },
  };
};
