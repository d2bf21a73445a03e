import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  CALL_TIME_MS_MAX,
  LONG_CALL_TIME_MS_MAX,
  CALLS_UNANSWERED_MAX,
  ConnectionLost,
  createWebSocketClient,
  OPEN_TIME_MS_MAX,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
  type Socket,
} from '../../../../renderer/state/websocket-client.ts';

class FakeSocket implements Socket {
  onopen: Socket['onopen'] = null;
  onclose: Socket['onclose'] = null;
  onmessage: Socket['onmessage'] = null;
  readonly sent: Record<string, unknown>[] = [];
  closedWith: number | undefined | null = null;
  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }
  close(code?: number): void {
    this.closedWith = code;
    this.drop(code ?? 1005);
  }
  receive(frame: unknown): void {
    this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
  }
  drop(code: number): void {
    this.onclose?.({ code });
  }
  /** Opens and lets the token be taken. */
  accept(): void {
    this.onopen?.();
    this.receive({ id: 0, reply: { ok: true, value: null } });
  }
}

const setUp = () => {
  const sockets: FakeSocket[] = [];
  const client = createWebSocketClient({
    url: 'ws://[::1]:9470/v1/socket',
    token: 'secret',
    open: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    random: () => 0,
  });
  return { client, sockets, last: () => sockets.at(-1)! };
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('createWebSocketClient', () => {
  it('sends the token first, and nothing else before it is taken', async () => {
    const { client, last } = setUp();
    client.subscribe('levels', () => {});
    last().onopen?.();
    expect(last().sent).toEqual([{ id: 0, token: 'secret' }]);
    await expect(client.call('share:get', {})).rejects.toBeInstanceOf(ConnectionLost);
    last().receive({ id: 0, reply: { ok: true, value: null } });
    expect(client.connection()).toEqual({ status: 'connected' });
    expect(last().sent[1]).toEqual({ id: expect.any(Number), subscribe: 'levels' });
  });

  it('gives each reply to the call that it answers, in any order', async () => {
    const { client, last } = setUp();
    last().accept();
    const first = client.call('share:resume', {});
    const second = client.call('config:get', {});
    const [, one, two] = last().sent;
    last().receive({
      id: two?.id,
      reply: { ok: false, error: { name: 'E', code: 'STOPPING', message: 'The node stops.' } },
    });
    last().receive({ id: one?.id, reply: { ok: true, value: { paused: false } } });
    expect(await first).toEqual({ ok: true, value: { paused: false } });
    expect(await second).toMatchObject({ ok: false, error: { code: 'STOPPING' } });
  });

  it('tells pushes to those who subscribed, and unsubscribes when the last one leaves', () => {
    const { client, last } = setUp();
    last().accept();
    const one = vi.fn();
    const two = vi.fn();
    const endOne = client.subscribe('levels', one);
    const endTwo = client.subscribe('levels', two);
    expect(last().sent.filter((frame) => 'subscribe' in frame)).toHaveLength(1);
    last().receive({ push: 'levels', payload: [] });
    expect(one).toHaveBeenCalledWith([]);
    endOne();
    endOne();
    expect(last().sent.some((frame) => 'unsubscribe' in frame)).toBe(false);
    endTwo();
    expect(last().sent.at(-1)).toMatchObject({ unsubscribe: 'levels' });
    last().receive({ push: 'levels', payload: [] });
    expect(two).toHaveBeenCalledTimes(1);
  });

  it('comes back after a loss with growing pauses, takes up subscriptions and rejects what was under way', async () => {
    const { client, sockets, last } = setUp();
    last().accept();
    client.subscribe('levels', () => {});
    const call = client.call('share:get', {});
    const lost = call.catch((error: unknown) => error);
    last().drop(1006);
    expect(await lost).toBeInstanceOf(ConnectionLost);
    expect(client.connection()).toMatchObject({ status: 'waiting', attempt: 1 });
    const pauses: number[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const before = sockets.length;
      let waited = 0;
      while (sockets.length === before) {
        vi.advanceTimersByTime(100);
        waited += 100;
      }
      pauses.push(waited);
      if (attempt < 7) last().drop(1006);
    }
    expect(pauses[0]).toBe(RETRY_MS_MIN);
    expect(pauses.toSorted((a, b) => a - b)).toEqual(pauses);
    expect(Math.max(...pauses)).toBe(RETRY_MS_MAX);
    last().accept();
    expect(client.connection()).toEqual({ status: 'connected' });
    expect(last().sent.at(-1)).toMatchObject({ subscribe: 'levels' });
    // The next loss begins with the shortest pause again.
    last().drop(1006);
    expect(client.connection()).toMatchObject({ status: 'waiting', attempt: 1 });
  });

  it('tries at once when asked', () => {
    const { client, sockets, last } = setUp();
    last().drop(1006);
    expect(sockets).toHaveLength(1);
    client.retryNow();
    expect(sockets).toHaveLength(2);
    last().accept();
    vi.advanceTimersByTime(RETRY_MS_MAX);
    expect(sockets).toHaveLength(2);
  });

  it('does not try again with a token that was refused', () => {
    const { client, sockets, last } = setUp();
    last().onopen?.();
    last().receive({
      id: 0,
      reply: { ok: false, error: { name: 'E', code: 'UNAUTHORIZED', message: 'Wrong token.' } },
    });
    last().drop(4401);
    expect(client.connection()).toEqual({ status: 'refused' });
    vi.advanceTimersByTime(10 * RETRY_MS_MAX);
    expect(sockets).toHaveLength(1);
  });

  it('gives up a connection that does not open, and a call that is not answered', async () => {
    const { client, last } = setUp();
    vi.advanceTimersByTime(OPEN_TIME_MS_MAX);
    expect(client.connection().status).toBe('waiting');
    client.retryNow();
    last().accept();
    const call = client.call('doctor:run', {}).catch((error: unknown) => error);
    vi.advanceTimersByTime(CALL_TIME_MS_MAX);
    expect(await call).toBeInstanceOf(ConnectionLost);
  });

  it('waits longer for a proof, which is made at the owner’s level', async () => {
    const { client, last } = setUp();
    last().accept();
    let ended = false;
    const call = client
      .call('proof:make', { asset: 'asset:cpu:b' })
      .catch((error: unknown) => error)
      .finally(() => {
        ended = true;
      });
    await vi.advanceTimersByTimeAsync(LONG_CALL_TIME_MS_MAX - 1);
    expect(ended).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await call).toBeInstanceOf(ConnectionLost);
  });

  it('bounds the calls under way', async () => {
    const { client, last } = setUp();
    last().accept();
    for (let count = 0; count < CALLS_UNANSWERED_MAX; count += 1) client.call('share:get', {}).catch(() => {});
    await expect(client.call('share:get', {})).rejects.toThrow(/Too many calls/);
    expect(last().sent).toHaveLength(1 + CALLS_UNANSWERED_MAX);
    client.close();
  });

  it('closes on bytes that are no frame, and lets frames pass that it does not know', () => {
    const { client, last } = setUp();
    last().accept();
    last().receive({ id: 99, reply: { ok: true, value: null } });
    last().receive({ push: 'levels', payload: [] });
    last().receive({ something: 'else' });
    expect(client.connection()).toEqual({ status: 'connected' });
    last().receive('not json');
    expect(last().closedWith).toBe(4400);
    expect(client.connection().status).toBe('waiting');
  });

  it('stays closed once closed', () => {
    const { client, sockets, last } = setUp();
    last().accept();
    client.close();
    vi.advanceTimersByTime(10 * RETRY_MS_MAX);
    expect(sockets).toHaveLength(1);
  });
});
