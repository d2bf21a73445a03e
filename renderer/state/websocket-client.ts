import type {
  Call,
  NodeClient,
  PayloadOf,
  Push,
  Reply,
  RequestInputOf,
  ResponseOf,
} from '../../preload/contract/index.ts';
import type { ConnectedClient, Connection } from './connection.ts';

/** The node takes 64 unanswered calls per connection (docs/formats/websocket.md); we stay well below. */
export const CALLS_UNANSWERED_MAX = 48;
/** A call that gets no answer for this long is given up: the slowest call, a support bundle, takes a few seconds. */
export const CALL_TIME_MS_MAX = 60_000;
/** A proof is made at the owner's level, which may be low; a chain file is checked block by block. */
export const LONG_CALL_TIME_MS_MAX = 60 * 60_000;
const LONG_CALLS: ReadonlySet<Call> = new Set<Call>(['proof:make', 'chain:export', 'chain:import', 'chain:prune']);
/** The node closes after 5 s without a token; a connection that takes longer to open than this is as good as lost. */
export const OPEN_TIME_MS_MAX = 8_000;
/** First wait after a lost connection: a node that restarts is back in about a second. */
export const RETRY_MS_MIN = 500;
/** Longest wait: a person who started the node again should not have to reach for the button. */
export const RETRY_MS_MAX = 15_000;
/** Close code of a token that is missing, late or wrong. */
const CLOSE_UNAUTHORIZED = 4401;

/** The part of a browser's `WebSocket` that is used here, so that a test can bring its own. */
export interface Socket {
  send(data: string): void;
  close(code?: number): void;
  onopen: (() => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
}

export interface WebSocketClientInit {
  /** Such as `ws://[::1]:9470/v1/socket`. */
  url: string;
  token: string;
  /** @default a browser's WebSocket */
  open?: (url: string) => Socket;
  /** Uniform in [0, 1), spreads the retries of several tabs. @default Math.random */
  random?: () => number;
}

interface Waiting {
  settle(reply: Reply<unknown>): void;
  fail(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

/** A call could not be made because there is no connection. The store turns it into the code `NOT_CONNECTED`. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Speaks docs/formats/websocket.md, version 1: token first, then calls and subscriptions on one connection. A lost
 * connection is opened again with growing pauses (0.5 s doubling up to 15 s, with up to a quarter of chance) and all
 * subscriptions are taken up again; calls that were under way reject, since nobody knows whether they were carried out.
 */
export const createWebSocketClient = ({
  url,
  token,
  open = (address) => new WebSocket(address) as unknown as Socket,
  random = Math.random,
}: WebSocketClientInit): ConnectedClient => {
  let connection: Connection = { status: 'connecting' };
  let socket: Socket | null = null;
  let nextId = 1;
  let attempt = 0;
  let closed = false;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let openTimer: ReturnType<typeof setTimeout> | undefined;
  const waiting = new Map<number, Waiting>();
  const connectionListeners = new Set<(connection: Connection) => void>();
  const listeners = new Map<Push, Set<(payload: never) => void>>();

  const become = (next: Connection): void => {
    connection = next;
    for (const listener of connectionListeners) listener(next);
  };

  const failAll = (why: string): void => {
    for (const [id, entry] of waiting) {
      waiting.delete(id);
      clearTimeout(entry.timer);
      entry.fail(new ConnectionLost(why));
    }
  };

  const sendFrame = (
    target: Socket,
    frame: Record<string, unknown>,
    timeMs = CALL_TIME_MS_MAX,
  ): Promise<Reply<unknown>> => {
    if (waiting.size >= CALLS_UNANSWERED_MAX)
      return Promise.reject(new ConnectionLost('Too many calls wait for an answer; try again in a moment.'));
    const id = nextId++;
    return new Promise((settle, fail) => {
      const timer = setTimeout(() => {
        waiting.delete(id);
        fail(new ConnectionLost('The node did not answer in time; see whether it still runs with `hypermesh status`.'));
      }, timeMs);
      waiting.set(id, { settle, fail, timer });
      target.send(JSON.stringify({ id, ...frame }));
    });
  };

  /** Sends a subscription whose answer nobody needs: a refusal shows as a push that never comes, and is a bug. */
  const sendSubscription = (kind: 'subscribe' | 'unsubscribe', name: Push): void => {
    if (connection.status !== 'connected' || socket === null) return;
    sendFrame(socket, { [kind]: name }).catch(() => {
      // The connection is gone, and with it the subscription; it is taken up again with the next one.
    });
  };

  const retryLater = (): void => {
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(attempt, 10)) * (1 - random() / 4);
    attempt += 1;
    become({ status: 'waiting', retryAtMs: Date.now() + pauseMs, attempt });
    retryTimer = setTimeout(connect, pauseMs);
  };

  const onFrame = (target: Socket, data: unknown): void => {
    let frame: unknown;
    try {
      frame = typeof data === 'string' ? JSON.parse(data) : null;
    } catch {
      frame = null;
    }
    if (!isRecord(frame)) {
      target.close(4400);
      return;
    }
    if (typeof frame.push === 'string') {
      for (const listener of listeners.get(frame.push as Push) ?? []) listener(frame.payload as never);
      return;
    }
    if (typeof frame.id !== 'number' || !isRecord(frame.reply)) return;
    const reply = frame.reply as unknown as Reply<unknown>;
    if (frame.id === 0) {
      // A refusal is followed by close code 4401, which is where it is dealt with.
      if (!reply.ok) return;
      clearTimeout(openTimer);
      attempt = 0;
      become({ status: 'connected' });
      for (const name of listeners.keys()) sendSubscription('subscribe', name);
      return;
    }
    const entry = waiting.get(frame.id);
    if (entry === undefined) return;
    waiting.delete(frame.id);
    clearTimeout(entry.timer);
    entry.settle(reply);
  };

  function connect(): void {
    clearTimeout(retryTimer);
    become({ status: 'connecting' });
    const target = open(url);
    socket = target;
    openTimer = setTimeout(() => target.close(), OPEN_TIME_MS_MAX);
    target.onopen = () => target.send(JSON.stringify({ id: 0, token }));
    target.onmessage = (event) => {
      if (socket === target) onFrame(target, event.data);
    };
    target.onclose = (event) => {
      if (socket !== target) return;
      clearTimeout(openTimer);
      socket = null;
      failAll('The connection to the node was lost; whether the change was made shows when it is back.');
      if (closed) return;
      if (event.code === CLOSE_UNAUTHORIZED) become({ status: 'refused' });
      else retryLater();
    };
  }

  const call = async <C extends Call>(name: C, request: RequestInputOf<C>): Promise<Reply<ResponseOf<C>>> => {
    if (connection.status !== 'connected' || socket === null) throw new ConnectionLost('The node is not connected.');
    const timeMs = LONG_CALLS.has(name) ? LONG_CALL_TIME_MS_MAX : CALL_TIME_MS_MAX;
    return (await sendFrame(socket, { call: name, request }, timeMs)) as Reply<ResponseOf<C>>;
  };

  const subscribe: NodeClient['subscribe'] = <P extends Push>(name: P, listener: (payload: PayloadOf<P>) => void) => {
    const entry = listener as (payload: never) => void;
    const set = listeners.get(name) ?? new Set();
    if (set.size === 0) {
      listeners.set(name, set);
      sendSubscription('subscribe', name);
    }
    set.add(entry);
    return () => {
      if (!set.delete(entry) || set.size > 0) return;
      listeners.delete(name);
      sendSubscription('unsubscribe', name);
    };
  };

  connect();
  return {
    call,
    subscribe,
    connection: () => connection,
    onConnection: (listener) => {
      connectionListeners.add(listener);
      return () => connectionListeners.delete(listener);
    },
    retryNow: () => {
      if (connection.status === 'waiting') connect();
    },
    close: () => {
      closed = true;
      clearTimeout(retryTimer);
      clearTimeout(openTimer);
      socket?.close(1000);
    },
  };
};
