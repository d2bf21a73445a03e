import { type Socket, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { PayloadOf, Push, Reply } from '../../../../preload/contract/index.ts';
import { type Logger, createSystemOutside } from '../../../../main/base/index.ts';
import type { Dispatcher } from '../../../../main/api/interface.ts';
import { type HttpServer, createHttpServer } from '../../../../main/api/http/index.ts';

/** Answers what it was asked, late if asked to be, and pushes what a test emits. */
class EchoDispatcher implements Dispatcher {
  readonly listeners = new Map<Push, Set<(payload: never) => void>>();
  readonly held: (() => void)[] = [];
  hold = false;
  async call(name: string, request: unknown): Promise<never> {
    return (await this.callUnknown(name, request)) as never;
  }
  async callUnknown(name: unknown, request: unknown): Promise<Reply<unknown>> {
    if (this.hold) await new Promise<void>((resolve) => this.held.push(resolve));
    return { ok: true, value: { name, request } };
  }
  subscribe<P extends Push>(name: P, listener: (payload: PayloadOf<P>) => void): () => void {
    const set = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, set.add(listener));
    return () => set.delete(listener);
  }
  emit(name: Push, payload: unknown): void {
    for (const listener of this.listeners.get(name) ?? []) (listener as (payload: unknown) => void)(payload);
  }
  count(name: Push): number {
    return this.listeners.get(name)?.size ?? 0;
  }
}

const silent: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  child: () => silent,
};
/** No call over a socket, and no small body, is read by a thread. */
const noWorkers = { run: () => Promise.reject(new Error('a thread was asked')) };
const token = 'right-token';
let dispatcher: EchoDispatcher;
let server: HttpServer;
let url: string;
const open: WebSocket[] = [];

beforeEach(async () => {
  dispatcher = new EchoDispatcher();
  server = createHttpServer(
    { outside: createSystemOutside(), logger: silent, metrics: null, dispatcher, workers: noWorkers },
    { port: 0, token, pageFolder: '/nonexistent', version: '0.0.0' },
  );
  url = await server.start();
});
afterEach(async () => {
  for (const socket of open.splice(0)) socket.terminate();
  await server.stop();
});

/** A client that keeps frames until a test takes them. */
const dial = async (
  options: { headers?: Record<string, string> } = {},
): Promise<{
  socket: WebSocket;
  next: () => Promise<Record<string, unknown>>;
  closed: Promise<number>;
  send: (frame: unknown) => void;
}> => {
  const socket = new WebSocket(`${url.replace('http:', 'ws:')}v1/socket`, options);
  open.push(socket);
  const frames: Record<string, unknown>[] = [];
  const waiting: ((frame: Record<string, unknown>) => void)[] = [];
  socket.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString('utf8')) as Record<string, unknown>;
    const waiter = waiting.shift();
    if (waiter === undefined) frames.push(frame);
    else waiter(frame);
  });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return {
    socket,
    closed,
    send: (frame) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    next: () => {
      const frame = frames.shift();
      return frame === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(frame);
    },
  };
};
const dialKnown = async (): ReturnType<typeof dial> => {
  const client = await dial();
  client.send({ id: 0, token });
  expect(await client.next()).toEqual({ id: 0, reply: { ok: true, value: null } });
  return client;
};

describe('a socket', () => {
  it('carries calls, subscriptions and pushes as the format says', async () => {
    const client = await dialKnown();
    client.send({ id: 1, call: 'share:get', request: { a: 1 } });
    expect(await client.next()).toEqual({
      id: 1,
      reply: { ok: true, value: { name: 'share:get', request: { a: 1 } } },
    });
    client.send({ id: 2, call: 'share:get' });
    expect(await client.next()).toMatchObject({ id: 2, reply: { value: { request: {} } } });
    client.send({ id: 3, subscribe: 'levels' });
    client.send({ id: 4, subscribe: 'levels' });
    expect([await client.next(), await client.next()]).toEqual([
      { id: 3, reply: { ok: true, value: null } },
      { id: 4, reply: { ok: true, value: null } },
    ]);
    expect(dispatcher.count('levels')).toBe(1);
    dispatcher.emit('levels', [1]);
    expect(await client.next()).toEqual({ push: 'levels', payload: [1] });
    client.send({ id: 5, unsubscribe: 'levels' });
    expect(await client.next()).toMatchObject({ id: 5 });
    expect(dispatcher.count('levels')).toBe(0);
  });

  it('ends its subscriptions when it closes', async () => {
    const client = await dialKnown();
    client.send({ id: 1, subscribe: 'live' });
    await client.next();
    client.socket.terminate();
    await client.closed;
    await expect.poll(() => dispatcher.count('live')).toBe(0);
  });

  it.each<[string, unknown]>([
    ['a wrong token', { id: 0, token: 'wrong' }],
    ['no token', { id: 0 }],
    ['a call before the token', { id: 1, call: 'share:get' }],
    ['the token under another id', { id: 1, token }],
    ['a token that is no text', { id: 0, token: { length: 11 } }],
  ])('is closed with 4401 for %s', async (_name, frame) => {
    const client = await dial();
    client.send(frame);
    expect(await client.next()).toMatchObject({ reply: { ok: false, error: { code: 'UNAUTHORIZED' } } });
    expect(await client.closed).toBe(4401);
  });

  it('is closed with 4401 when no token comes', async () => {
    expect(await (await dial()).closed).toBe(4401);
  });

  it.each([
    'text',
    '[]',
    '1',
    'null',
    '{}',
    '{"id":-1}',
    '{"id":"1"}',
    '{"id":1.5}',
    '{"id":9007199254740993,"call":"x"}',
    '{"id":0',
  ])('is closed with 4400 for the frame %s', async (frame) => {
    const client = await dialKnown();
    client.send(frame);
    expect(await client.closed).toBe(4400);
  });
  it('is closed with 4400 for a binary frame', async () => {
    const client = await dialKnown();
    client.socket.send(Buffer.from('{"id":1,"call":"share:get"}'));
    expect(await client.closed).toBe(4400);
  });

  it.each<[unknown, string]>([
    [{ id: 1 }, 'BAD_REQUEST'],
    [{ id: 0, call: 'share:get' }, 'BAD_REQUEST'],
    [{ id: 1, call: 'a', subscribe: 'levels' }, 'BAD_REQUEST'],
    [{ id: 1, call: 'a', request: {}, extra: 1 }, 'BAD_REQUEST'],
    [{ id: 1, request: {} }, 'BAD_REQUEST'],
    [{ id: 1, subscribe: 'nonsense' }, 'UNKNOWN_PUSH'],
    [{ id: 1, subscribe: '__proto__' }, 'UNKNOWN_PUSH'],
    [{ id: 1, unsubscribe: 7 }, 'UNKNOWN_PUSH'],
  ])('answers %j with %s and stays open', async (frame, code) => {
    const client = await dialKnown();
    client.send(frame);
    expect(await client.next()).toMatchObject({ reply: { ok: false, error: { code } } });
    client.send({ id: 9, call: 'x' });
    expect(await client.next()).toMatchObject({ id: 9, reply: { ok: true } });
  });

  it('takes 64 calls at once and refuses one more', async () => {
    const client = await dialKnown();
    dispatcher.hold = true;
    for (let id = 1; id <= 65; id += 1) client.send({ id, call: 'x' });
    expect(await client.next()).toMatchObject({ id: 65, reply: { error: { code: 'TOO_MANY_CALLS' } } });
    client.send({ id: 1, call: 'x' });
    expect(await client.next()).toMatchObject({ id: 1, reply: { error: { code: 'BAD_REQUEST' } } });
    for (const release of dispatcher.held) release();
    expect(await client.next()).toMatchObject({ id: 1, reply: { ok: true } });
  });

  it('is refused to other origins and under other names', async () => {
    for (const headers of [{ origin: 'http://evil.example' }, { host: 'evil.example' }])
      await expect(dial({ headers })).rejects.toThrow(/Unexpected server response: (403|421)/);
  });

  it('does not collect a large frame of somebody without a token', async () => {
    const client = await dial();
    client.socket.on('error', () => undefined);
    client.send(JSON.stringify({ id: 0, token: 'x'.repeat(10 * 1024 * 1024) }));
    // Cut off: no goodbye.
    expect(await client.closed).toBe(1006);
  });
  it('refuses a first frame of more than 4 KiB', async () => {
    const client = await dial();
    client.send({ id: 0, token: 'x'.repeat(5_000) });
    expect(await client.closed).toBe(1009);
  });

  it('says goodbye when the node stops', async () => {
    const client = await dialKnown();
    await server.stop();
    expect(await client.closed).toBe(1001);
  });
});

describe('a client that reads too slowly', () => {
  /** Stops reading from the network: the system's buffers fill, then the node's. */
  const stall = (client: WebSocket): Socket => {
    const socket = (client as unknown as { _socket: Socket })._socket;
    socket.pause();
    return socket;
  };
  const large = 'x'.repeat(256 * 1024);

  it('gets the newest of what states a whole, once it reads again', async () => {
    const client = await dialKnown();
    client.send({ id: 1, subscribe: 'levels' });
    await client.next();
    const socket = stall(client.socket);
    const sent = 200;
    for (let number = 0; number < sent; number += 1) {
      dispatcher.emit('levels', { number, large });
      // Lets the node hand to the system what it takes.
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.resume();
    const numbers: number[] = [];
    do numbers.push(((await client.next()) as { payload: { number: number } }).payload.number);
    while (numbers.at(-1) !== sent - 1);
    expect(numbers.length).toBeLessThan(sent);
    expect(numbers).toEqual([...numbers].sort((one, other) => one - other));
  });

  it('is let go when pushes that each matter pile up', async () => {
    const client = await dialKnown();
    client.send({ id: 1, subscribe: 'jobOutput' });
    await client.next();
    const socket = stall(client.socket);
    for (let number = 0; number < 1_200 && dispatcher.count('jobOutput') > 0; number += 1) {
      dispatcher.emit('jobOutput', { number, large });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(dispatcher.count('jobOutput')).toBe(0);
    socket.resume();
    expect(await client.closed).toBe(4408);
  });
});

describe('listening', () => {
  it('says which port is in use and what to do', async () => {
    const { port } = new URL(url);
    const second = createHttpServer(
      { outside: createSystemOutside(), logger: silent, metrics: null, dispatcher, workers: noWorkers },
      { port: Number(port), token, pageFolder: '/nonexistent', version: '0.0.0' },
    );
    await expect(second.start()).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringMatching(new RegExp(`Port ${port} is in use .*hypermesh config set apiPort`)) as string,
    });
    await second.stop();
  });
  it('listens on loopback alone', async () => {
    const { hostname } = new URL(url);
    expect(['[::1]', '127.0.0.1']).toContain(hostname);
  });
  it('survives bytes that are no HTTP', async () => {
    const { hostname, port } = new URL(url);
    for (const junk of [
      '\0\0\0\0',
      'GET / HTTP/1.1\r\n\r\n',
      'x'.repeat(100_000),
      'POST /v1/share HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
    ]) {
      await new Promise<void>((resolve) => {
        const raw = connect({ host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port) }, () => raw.end(junk));
        raw.on('error', () => undefined);
        raw.on('data', () => undefined);
        raw.once('close', () => resolve());
      });
    }
    await dialKnown();
  });
});
