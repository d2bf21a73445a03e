import type { WebSocket } from '@fastify/websocket';
import { type Push, type Reply, isPush } from '../../../preload/contract/index.ts';
import type { Clock } from '../../base/index.ts';
import { isNodeError } from '../../base/errors.ts';
import { RequestError, callErrorOf } from '../dispatcher/index.ts';
import type { Dispatcher } from '../interface.ts';
import {
  SOCKET_CALLS_MAX,
  SOCKET_TOKEN_BYTES_MAX,
  SOCKET_TOKEN_MS_MAX,
  SOCKET_WAITING_BYTES_MAX,
  SOCKET_WAITING_BYTES_SLOW,
  SOCKET_WAITING_PUSHES_MAX,
} from './constants.ts';
import { HttpError } from './errors.ts';
import type { Guard } from './guard.ts';

export interface SocketComponents {
  clock: Clock;
  dispatcher: Dispatcher;
  guard: Guard;
  /** A push was replaced by a newer one before a slow client got it. */
  onCoalesced: () => void;
}

/** Pushes that state a whole: the newest says all that older ones said. */
const WHOLE: ReadonlySet<Push> = new Set<Push>([
  'node',
  'config',
  'live',
  'benchmark',
  'inventory',
  'share',
  'levels',
  'promises',
]);

/** Close codes of docs/formats/websocket.md. */
export const CLOSE = { goingAway: 1001, tooLarge: 1009, notAFrame: 4400, unauthorized: 4401, tooSlow: 4408 } as const;

const parseFrame = (text: string): { id: number; fields: Record<string, unknown> } | null => {
  try {
    const frame: unknown = JSON.parse(text);
    if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) return null;
    const { id, ...fields } = frame as Record<string, unknown>;
    return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? { id, fields } : null;
  } catch {
    return null;
  }
};

/** One client on a WebSocket, as docs/formats/websocket.md has it. Forgets everything when the socket closes. */
export class SocketSession {
  readonly #socket: WebSocket;
  readonly #components: SocketComponents;
  readonly #subscriptions = new Map<Push, () => void>();
  readonly #unanswered = new Set<number>();
  /** Pushes held back from a slow client: the newest of each whole, and the others in order. */
  readonly #wholes = new Map<Push, unknown>();
  #others: { push: Push; payload: unknown }[] = [];
  #known = false;
  #alive = true;
  readonly #forgetTimeout: () => void;

  constructor(socket: WebSocket, components: SocketComponents) {
    this.#socket = socket;
    this.#components = components;
    this.#forgetTimeout = components.clock.after(SOCKET_TOKEN_MS_MAX, () =>
      this.#socket.close(CLOSE.unauthorized, 'no token in time'),
    );
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    socket.on('pong', () => {
      this.#alive = true;
    });
    socket.on('close', () => this.#forget());
    // A broken connection closes too; what broke it is of no use to anyone.
    socket.on('error', () => socket.terminate());
  }

  /** Whether the client has shown the token. */
  get isKnown(): boolean {
    return this.#known;
  }

  /** Asks for a sign of life; ends the connection when the one before was not given. */
  ping(): void {
    if (!this.#alive) return this.#socket.terminate();
    this.#alive = false;
    this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  #forget(): void {
    this.#forgetTimeout();
    for (const end of this.#subscriptions.values()) end();
    this.#subscriptions.clear();
    this.#wholes.clear();
    this.#others = [];
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (!this.#known && data.length > SOCKET_TOKEN_BYTES_MAX)
      return this.#socket.close(CLOSE.tooLarge, 'the token comes first');
    const frame = isBinary ? null : parseFrame(data.toString('utf8'));
    if (frame === null) return this.#socket.close(CLOSE.notAFrame, 'not a frame');
    if (!this.#known) return this.#authorize(frame.id, frame.fields);
    const { id, fields } = frame;
    if (id === 0 || this.#unanswered.has(id))
      return this.#refuse(
        id,
        new RequestError(
          { code: 'BAD_REQUEST', field: 'id' },
          'The id of a frame must be above 0 and not in use; give each frame its own.',
        ),
      );
    const keys = Object.keys(fields).sort().join(' ');
    if (keys === 'call' || keys === 'call request') return void this.#call(id, fields['call'], fields['request'] ?? {});
    if (keys === 'subscribe') return this.#subscribe(id, fields['subscribe']);
    if (keys === 'unsubscribe') return this.#unsubscribe(id, fields['unsubscribe']);
    this.#refuse(
      id,
      new RequestError(
        { code: 'BAD_REQUEST', field: '' },
        'A frame holds an id and one of call (with request), subscribe or unsubscribe; see docs/formats/websocket.md.',
      ),
    );
  }

  #authorize(id: number, fields: Record<string, unknown>): void {
    const { token } = fields;
    try {
      this.#components.guard.checkToken(id === 0 && typeof token === 'string' ? token : undefined);
    } catch (error) {
      if (!isNodeError(error)) throw error;
      this.#refuse(id, error);
      return this.#socket.close(CLOSE.unauthorized, 'wrong token');
    }
    this.#known = true;
    this.#forgetTimeout();
    this.#reply(0, { ok: true, value: null });
  }

  async #call(id: number, name: unknown, request: unknown): Promise<void> {
    if (this.#unanswered.size >= SOCKET_CALLS_MAX)
      return this.#refuse(
        id,
        new HttpError(
          { code: 'TOO_MANY_CALLS' },
          `${SOCKET_CALLS_MAX} calls of this connection are unanswered; wait for replies before asking more.`,
        ),
      );
    this.#unanswered.add(id);
    const reply = await this.#components.dispatcher.callUnknown(name, request, { face: 'websocket' });
    this.#unanswered.delete(id);
    this.#reply(id, reply);
  }

  #subscribe(id: number, name: unknown): void {
    if (!isPush(name)) return this.#refuseUnknown(id);
    if (!this.#subscriptions.has(name))
      this.#subscriptions.set(
        name,
        this.#components.dispatcher.subscribe(name, (payload) => this.#push(name, payload)),
      );
    this.#reply(id, { ok: true, value: null });
  }

  #unsubscribe(id: number, name: unknown): void {
    if (!isPush(name)) return this.#refuseUnknown(id);
    this.#subscriptions.get(name)?.();
    this.#subscriptions.delete(name);
    this.#wholes.delete(name);
    this.#reply(id, { ok: true, value: null });
  }

  #refuseUnknown(id: number): void {
    this.#refuse(
      id,
      new RequestError(
        { code: 'UNKNOWN_PUSH' },
        'There is no such push in this version; /openapi.json lists them all.',
      ),
    );
  }

  #refuse(id: number, error: { name: string; code: string; message: string; data: object }): void {
    this.#reply(id, { ok: false, error: callErrorOf(error) });
  }

  #reply(id: number, reply: Reply<unknown>): void {
    this.#send(JSON.stringify({ id, reply }));
  }

  #push(push: Push, payload: unknown): void {
    if (this.#socket.bufferedAmount < SOCKET_WAITING_BYTES_SLOW && this.#others.length === 0 && this.#wholes.size === 0)
      return this.#send(JSON.stringify({ push, payload }));
    if (WHOLE.has(push)) {
      if (this.#wholes.has(push)) this.#components.onCoalesced();
      this.#wholes.set(push, payload);
      return;
    }
    if (this.#others.length >= SOCKET_WAITING_PUSHES_MAX) return this.#giveUp();
    this.#others.push({ push, payload });
  }

  #send(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    // Called once the bytes have left for the system: the moment to see whether a slow client has caught up.
    this.#socket.send(text, () => this.#flush());
    if (this.#socket.bufferedAmount > SOCKET_WAITING_BYTES_MAX) this.#giveUp();
  }

  #flush(): void {
    while (this.#socket.readyState === this.#socket.OPEN && this.#socket.bufferedAmount < SOCKET_WAITING_BYTES_SLOW) {
      const other = this.#others.shift();
      if (other !== undefined) {
        this.#send(JSON.stringify(other));
        continue;
      }
      const [whole] = this.#wholes;
      if (whole === undefined) return;
      this.#wholes.delete(whole[0]);
      this.#send(JSON.stringify({ push: whole[0], payload: whole[1] }));
    }
  }

  #giveUp(): void {
    this.#forget();
    this.#socket.close(CLOSE.tooSlow, 'too slow');
    // A client that reads nothing does not read the goodbye either.
    this.#components.clock.after(SOCKET_TOKEN_MS_MAX, () => this.#socket.terminate());
  }
}
