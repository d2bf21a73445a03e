import { Worker } from 'node:worker_threads';
import {
  assert,
  Emitter,
  type EventSource,
  type Logger,
  messageOf,
  type MetricsRegistry,
  type Outside,
} from '../../../base/index.ts';
import { LINK_DATAGRAM_BYTES_MAX } from '../constants.ts';
import type { DatagramLink, DatagramPort } from '../interface.ts';
import { RESTART_MS, RESTART_MS_MAX, SESSIONS_MAX, TO_SIDE_BYTES_MAX } from './constants.ts';
import { ReachError } from './errors.ts';
import type { SideSocket } from './interface.ts';
import { createSideMetrics } from './metrics.ts';
import type { FromSide, SideCounts, SideWorkerData, ToSide } from './side-messages.ts';
import type { UdpAddress } from './stun.ts';

/** Where the requests of {@link createSideSocket} go: a thread in the app, the same code inline in a simulation. */
export interface SideBackend {
  post(batch: readonly ToSide[]): void;
  stop(): Promise<void>;
}
/** @param onBatch - messages of the backend @param onEnd - it ended without being asked to */
export type OpenSideBackend = (
  data: SideWorkerData,
  onBatch: (batch: readonly FromSide[]) => void,
  onEnd: (reason: string) => void,
) => SideBackend;

export interface SideSocketComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
}
export interface SideSocketInit {
  /** UDP port; 0 for any. A crash keeps the port. */
  port: number;
  /** Entry of the thread (`ProgramPaths.sideWorker`), or another backend in tests. */
  backend: string | OpenSideBackend;
}

/** What two ends need for a hole between them. */
export interface PunchRequest {
  /** 16 bytes, equal at both ends and of this attempt alone. */
  id: Uint8Array;
  /** Keys of 32 bytes, fresh for each attempt: nonces count from zero. */
  sendKey: Uint8Array;
  receiveKey: Uint8Array;
  /** Whether this end decides which way is taken. */
  controlling: boolean;
  /** Where the other end may be, best first; at most 16 are tried. */
  candidates: readonly UdpAddress[];
  signal: AbortSignal;
}
/** A way through both NATs. */
export interface Hole {
  /** Where the other end is now. */
  readonly remote: UdpAddress;
  readonly rttMs: number;
  /** The address was learned from the other end's packets, not told by it: a NAT between that maps by destination. */
  readonly peerReflexive: boolean;
  /**
   * Makes a port on 127.0.0.1 that stands for the other end.
   *
   * @param quicPort - port on loopback of the QUIC endpoint that takes connections; null where ours dials the port that is returned
   * @throws {ReachError} `NOT_PUNCHED` when the hole is gone
   */
  openShim(quicPort: number | null): Promise<number>;
  /** Resolves once the hole is gone, with why. */
  readonly closed: Promise<string>;
  close(): void;
}

export interface SideSocketControl
  extends DatagramLink,
    Pick<SideSocket, 'stop'>,
    EventSource<{
      /** The thread crashed and its sessions are gone; `again`: it has been started once more, at the same port. */
      restarted: { reason: string };
      closed: { reason: string };
    }> {
  readonly port: number;
  /** Families of addresses that it has a socket for. */
  readonly families: readonly (4 | 6)[];
  /**
   * Asks an observer how it sees us.
   *
   * @throws {ReachError} `NO_ANSWER` after 3.5 s | `NO_SOCKET`; rejects with `signal.reason`
   */
  ask(observer: UdpAddress, signal: AbortSignal): Promise<UdpAddress>;
  /** @throws {ReachError} `NOT_PUNCHED` | `NO_SOCKET`; rejects with `signal.reason` */
  punch(request: PunchRequest): Promise<Hole>;
  /** Addresses of this machine changed. */
  wake(): void;
  counts(): SideCounts | null;
}

/** @throws {ReachError} `NO_SOCKET` when the port cannot be had */
export const createSideSocket = async (
  { outside, logger: parentLogger, metrics: registry }: SideSocketComponents,
  init: SideSocketInit,
): Promise<SideSocketControl> => {
  const logger = parentLogger.child('stoq-side');
  const metrics = createSideMetrics(registry);
  const events = new Emitter<{ restarted: { reason: string }; closed: { reason: string } }>();
  const openBackend = typeof init.backend === 'string' ? threadBackend(init.backend) : init.backend;

  let port = init.port;
  let families: readonly (4 | 6)[] = [];
  let backend: SideBackend | null = null;
  let stopped = false;
  let restartMs = RESTART_MS;
  let cancelRestart = (): void => undefined;
  let next = 1;
  let outgoing: ToSide[] = [];
  /** Bytes of datagrams that the thread has not taken yet. */
  let untaken = 0;
  let lastCounts: SideCounts | null = null;

  interface OpenSession {
    onDatagram(payload: Uint8Array): void;
    onConfirmed(): void;
    onGone(): void;
  }
  const sessions = new Map<number, OpenSession>();
  const asks = new Map<number, (seen: UdpAddress | null, gone?: string) => void>();
  const holes = new Map<number, (message: FromSide | { kind: 'gone'; detail: string }) => void>();

  const post = (message: ToSide): void => {
    if (backend === null) return;
    if (outgoing.length === 0)
      queueMicrotask(() => {
        const batch = outgoing;
        outgoing = [];
        backend?.post(batch);
      });
    outgoing.push(message);
  };
  const noSocket = (detail: string): ReachError =>
    new ReachError(
      { code: 'NO_SOCKET', detail },
      `The socket for datagrams and holes in NATs is not there: ${detail}. Connections go on without it.`,
    );

  const onMessage = (message: FromSide): void => {
    switch (message.kind) {
      case 'datagram':
        sessions.get(message.session)?.onDatagram(message.payload);
        break;
      case 'confirmed':
        sessions.get(message.session)?.onConfirmed();
        break;
      case 'answered':
        asks.get(message.ask)?.(message.seen);
        break;
      case 'punched':
      case 'holeMoved':
      case 'holeLost':
      case 'shimOpened':
        holes.get(message.hole)?.(message);
        break;
      case 'took':
        untaken -= message.bytes;
        break;
      case 'counted':
        count(message.counts);
        break;
      case 'opened':
      case 'refused':
        break;
    }
  };
  const count = (counts: SideCounts): void => {
    const before = lastCounts;
    lastCounts = counts;
    if (metrics === null) return;
    metrics.sessions.set(sessions.size);
    for (const kind of PACKET_KINDS) {
      const by = counts[kind] - (before?.[kind] ?? 0);
      if (by > 0) metrics.packets.inc(by, { kind });
    }
    metrics.shimBytes.inc(counts.shimSentBytes - (before?.shimSentBytes ?? 0), { direction: 'sent' });
    metrics.shimBytes.inc(counts.shimReceivedBytes - (before?.shimReceivedBytes ?? 0), { direction: 'received' });
  };
  const takeBatch = (batch: readonly FromSide[]): void => {
    let bytes = 0;
    for (const message of batch) {
      if (message.kind === 'datagram') bytes += message.payload.length;
      onMessage(message);
    }
    if (bytes > 0) post({ kind: 'took', bytes });
  };

  const open = (): Promise<void> => {
    const opened = Promise.withResolvers<void>();
    let settled = false;
    const mine = openBackend(
      { port },
      (batch) => {
        for (const message of batch) {
          if (message.kind === 'opened') {
            settled = true;
            ({ port, families } = message);
            opened.resolve();
          } else if (message.kind === 'refused') {
            settled = true;
            opened.reject(noSocket(message.detail));
          }
        }
        takeBatch(batch);
      },
      (reason) => {
        if (!settled) {
          settled = true;
          opened.reject(noSocket(reason));
          return;
        }
        if (backend === mine) onCrash(reason);
      },
    );
    backend = mine;
    return opened.promise;
  };
  /** Nothing of a crashed thread is taken over: how far its nonces had counted is not known, and one used twice would open the seal. */
  const forgetAll = (reason: string): void => {
    backend = null;
    untaken = 0;
    outgoing = [];
    lastCounts = null;
    for (const session of sessions.values()) session.onGone();
    sessions.clear();
    for (const answer of asks.values()) answer(null, reason);
    for (const hole of holes.values()) hole({ kind: 'gone', detail: reason });
    holes.clear();
  };
  const onCrash = (reason: string): void => {
    forgetAll(reason);
    if (stopped) return;
    logger.error('The side socket crashed and is started again', { reason, afterMs: restartMs });
    cancelRestart = outside.clock.after(restartMs, () => {
      metrics?.restarts.inc();
      void open().then(
        () => {
          restartMs = RESTART_MS;
          events.emit('restarted', { reason });
        },
        (error: unknown) => {
          backend = null;
          restartMs = Math.min(restartMs * 2, RESTART_MS_MAX);
          onCrash(messageOf(error));
        },
      );
    });
  };

  const openSession: DatagramLink['open'] = (session) => {
    const stats = { sent: 0, received: 0, sentBytes: 0, receivedBytes: 0 };
    const number = next++;
    let live = backend !== null && sessions.size < SESSIONS_MAX;
    let confirmed = false;
    if (live) {
      sessions.set(number, {
        onDatagram: (payload) => {
          stats.received += 1;
          stats.receivedBytes += payload.length;
          session.onDatagram(payload);
        },
        onConfirmed: () => {
          confirmed = true;
        },
        onGone: () => {
          live = false;
          confirmed = false;
        },
      });
      const { id, sendKey, receiveKey, remote } = session;
      post({ kind: 'openSession', session: number, id, sendKey, receiveKey, remote });
    }
    const datagramPort: DatagramPort = {
      send: (payload) => {
        assert(payload.length <= LINK_DATAGRAM_BYTES_MAX, `A datagram holds at most ${LINK_DATAGRAM_BYTES_MAX} bytes.`);
        if (!live || untaken + payload.length > TO_SIDE_BYTES_MAX) return false;
        untaken += payload.length;
        stats.sent += 1;
        stats.sentBytes += payload.length;
        // A view would cross with the whole buffer that it looks into.
        const own = payload.byteLength === payload.buffer.byteLength ? payload : new Uint8Array(payload);
        post({ kind: 'send', session: number, payload: own });
        return true;
      },
      get confirmed() {
        return confirmed;
      },
      stats: () => ({ ...stats }),
      close: () => {
        if (live) post({ kind: 'closeSession', session: number });
        live = false;
        confirmed = false;
        sessions.delete(number);
      },
    };
    return datagramPort;
  };

  const ask: SideSocketControl['ask'] = (observer, signal) => {
    signal.throwIfAborted();
    if (backend === null) return Promise.reject(noSocket('it is being started again'));
    const number = next++;
    const answered = Promise.withResolvers<UdpAddress>();
    const onAbort = (): void => {
      asks.delete(number);
      answered.reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    asks.set(number, (seen, gone) => {
      asks.delete(number);
      signal.removeEventListener('abort', onAbort);
      if (seen !== null) answered.resolve(seen);
      else if (gone !== undefined) answered.reject(noSocket(gone));
      else
        answered.reject(
          new ReachError(
            { code: 'NO_ANSWER', ...observer },
            `${observer.host} port ${observer.port} did not say how it sees this node; UDP may be blocked on the way.`,
          ),
        );
    });
    post({ kind: 'ask', ask: number, target: observer });
    return answered.promise;
  };

  const punch: SideSocketControl['punch'] = ({ signal, ...request }) => {
    signal.throwIfAborted();
    if (backend === null) return Promise.reject(noSocket('it is being started again'));
    const number = next++;
    const punched = Promise.withResolvers<Hole>();
    const closed = Promise.withResolvers<string>();
    let shim: PromiseWithResolvers<number> | null = null;
    let made: { remote: UdpAddress } | null = null;
    const notPunched = (detail: string): ReachError =>
      new ReachError(
        { code: 'NOT_PUNCHED', detail },
        `There is no direct way to this peer: ${detail}. The connection stays on its relay.`,
      );
    const end = (detail: string): void => {
      holes.delete(number);
      signal.removeEventListener('abort', onAbort);
      shim?.reject(notPunched(detail));
      // Nobody may be waiting for the shim; then its rejection is nobody's.
      shim?.promise.catch(() => undefined);
      closed.resolve(detail);
    };
    const onAbort = (): void => {
      if (made !== null) return;
      post({ kind: 'closeHole', hole: number });
      end('it was given up');
      punched.reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    holes.set(number, (message) => {
      if (message.kind === 'punched') {
        metrics?.holes.inc(1, { result: message.peerReflexive ? 'peerReflexive' : 'told' });
        const state = { remote: message.remote };
        made = state;
        signal.removeEventListener('abort', onAbort);
        punched.resolve({
          get remote() {
            return state.remote;
          },
          rttMs: message.rttMs,
          peerReflexive: message.peerReflexive,
          openShim: (quicPort) => {
            if (!holes.has(number)) return Promise.reject(notPunched('the hole is gone'));
            assert(shim === null, 'A hole has one shim.');
            shim = Promise.withResolvers();
            post({ kind: 'openShim', hole: number, quicPort });
            return shim.promise;
          },
          closed: closed.promise,
          close: () => {
            if (!holes.has(number)) return;
            post({ kind: 'closeHole', hole: number });
            end('closed');
          },
        });
      } else if (message.kind === 'holeMoved') {
        if (made !== null) made.remote = message.remote;
      } else if (message.kind === 'shimOpened') shim?.resolve(message.port);
      else if (message.kind === 'holeLost' || message.kind === 'gone') {
        if (made === null) {
          metrics?.holes.inc(1, { result: 'failed' });
          punched.reject(notPunched(message.detail));
        }
        end(message.detail);
      }
    });
    post({ kind: 'punch', hole: number, ...request });
    return punched.promise;
  };

  try {
    await open();
  } catch (error) {
    await (backend as SideBackend | null)?.stop();
    throw error;
  }
  return {
    get port() {
      return port;
    },
    get families() {
      return families;
    },
    on: (name, listener) => events.on(name, listener),
    open: openSession,
    ask,
    punch,
    wake: () => post({ kind: 'wake' }),
    counts: () => lastCounts,
    stop: async () => {
      if (stopped) return;
      stopped = true;
      cancelRestart();
      const mine = backend;
      forgetAll('the node stops');
      await mine?.stop();
      events.emit('closed', { reason: 'stopped' });
    },
  };
};

const PACKET_KINDS = [
  'stunAnswered',
  'stunRefused',
  'datagramsSent',
  'datagramsReceived',
  'datagramsDropped',
  'checksSent',
  'checksReceived',
  'shimSentPackets',
  'shimReceivedPackets',
  'strange',
] as const satisfies readonly (keyof SideCounts)[];

const threadBackend =
  (path: string): OpenSideBackend =>
  (data, onBatch, onEnd) => {
    // Flags of the main program (a debugger's port, Electron's switches) are none of the thread's business.
    const worker = new Worker(path, { name: 'stoq-side', workerData: data, execArgv: [] });
    const exited = new Promise<void>((resolve) => {
      worker.on('exit', (code) => {
        onEnd(`the thread ended with code ${code}`);
        resolve();
      });
    });
    worker.on('message', onBatch);
    // An `exit` follows each error.
    let problem: string | null = null;
    worker.on('error', (error) => {
      problem = messageOf(error);
      onEnd(problem);
    });
    return {
      post: (batch) => worker.postMessage(batch),
      stop: async () => {
        worker.postMessage([{ kind: 'stop' } satisfies ToSide]);
        await exited;
      },
    };
  };
