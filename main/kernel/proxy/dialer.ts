import { isNodeError, type Outside, type Startable } from '../../base/index.ts';
import { type PeerId, readMessage, type Stream, writeMessage } from '../../transport/stoq/index.ts';
import type { GlobalAddress, Leases, Link, Links, RouteKind } from '../leases/index.ts';
import {
  FORWARD_ANSWER_MS,
  FORWARD_MESSAGE_BYTES_MAX,
  FORWARD_PROTOCOL,
  FORWARD_STREAMS_OWN_MAX,
  LINK_IDLE_MS,
  LINKS_MAX,
} from './constants.ts';
import { createStreamDatagrams } from './datagram-pipe.ts';
import { type ForwardRefusal, ProxyError } from './errors.ts';
import {
  decodeAnswer,
  encodeOpening,
  type ForwardMode,
  type ForwardOpening,
  isForwardHost,
} from './forward-protocol.ts';
import type { ForwardService } from './forward-service.ts';
import type { DatagramPipe, Dialer, FarTarget, Pipe, Routes } from './interface.ts';

export interface DialerComponents {
  outside: Outside;
  links: Pick<Links, 'open'>;
  routes: Pick<Routes, 'resolve'>;
  leases: Pick<Leases, 'borrowed'>;
  /** Answers for addresses of this machine itself. */
  service: Pick<ForwardService, 'connectOwn' | 'associateOwn'>;
  /** This node; null while it has no keys. */
  self: () => PeerId | null;
}
export interface DialerInit {
  /** Ms that a whole opening may take, the far side's own dial included. @default 30 000 */
  answerMs?: number;
}
/** Beside {@link Dialer}, what the front door asks. */
export interface DialerControl extends Dialer, Startable {
  /** Whether this node would be let in now; nobody is dialled there. @throws as {@link Dialer.connect} */
  probe(
    target: FarTarget,
    mode: ForwardMode,
    options?: { signal?: AbortSignal },
  ): Promise<{ peer: PeerId; route: RouteKind }>;
  /** The link that traffic to an address takes, with its round trip. */
  look(
    target: { address: GlobalAddress; route: 'direct' | 'anonymous' },
    options?: { signal?: AbortSignal },
  ): Promise<{ peer: PeerId; route: RouteKind; rttMs: number }>;
}

/** A link in use, and how many streams of ours are on it. */
interface Pooled {
  link: Promise<Link>;
  streams: number;
  cancelIdle: () => void;
}

/** Errors after which another link may do what this one did not: nothing was said on it yet. */
const BROKEN = new Set(['CLOSED', 'RESET', 'DEADLINE']);

/** What a refusal means for who asked; the sentence is the far side's. */
const refusalOf = (code: ForwardRefusal, sentence: string, target: FarTarget): ProxyError => {
  const text = `The far side says: ${sentence}`;
  switch (code) {
    case 'unknown':
      return new ProxyError(
        { code: 'ADDRESS_UNKNOWN', address: target.kind === 'service' ? target.address : target.host },
        sentence,
      );
    case 'destination':
      return new ProxyError({ code: 'DESTINATION_REFUSED', rule: sentence }, text);
    case 'destinationUnknown':
      return new ProxyError({ code: 'DESTINATION_UNKNOWN', host: target.kind === 'exit' ? target.host : '' }, text);
    case 'away':
      return new ProxyError({ code: 'TARGET_AWAY', detail: sentence }, text);
    default:
      return new ProxyError({ code: 'REFUSED_THERE', reason: code }, text);
  }
};

/** @see Dialer */
export const createDialer = (components: DialerComponents, init: DialerInit = {}): DialerControl => {
  const { outside, links, routes, leases, service, self } = components;
  const { clock } = outside;
  const { answerMs = FORWARD_ANSWER_MS } = init;
  /** Anonymous links take round trips over several nodes to make; direct ones are the connection itself and cost nothing. */
  const pool = new Map<string, Pooled>();

  const drop = (key: string, pooled: Pooled): void => {
    if (pool.get(key) !== pooled) return;
    pool.delete(key);
    pooled.cancelIdle();
    // Ends once its last stream has: a link that is replaced still carries what runs on it.
    if (pooled.streams === 0) close(pooled);
  };
  const close = (pooled: Pooled): void => {
    pooled.link.then(
      (link) => link.close(),
      () => undefined,
    );
  };
  const pooledLink = (
    peer: PeerId,
    route: 'direct' | 'anonymous',
    signal?: AbortSignal,
  ): { key: string; pooled: Pooled } => {
    const key = `${route} ${peer}`;
    let pooled = pool.get(key);
    if (pooled === undefined) {
      if (pool.size >= LINKS_MAX)
        for (const [oldKey, old] of pool)
          if (old.streams === 0) {
            drop(oldKey, old);
            break;
          }
      if (pool.size >= LINKS_MAX) throw tooMany(LINKS_MAX);
      // Whoever asked first may give up; others who joined must not lose the link by that.
      pooled = { link: links.open({ peer, route }), streams: 0, cancelIdle: () => undefined };
      pool.set(key, pooled);
      const made = pooled;
      made.link.catch(() => drop(key, made));
    }
    signal?.throwIfAborted();
    return { key, pooled };
  };
  const tooMany = (max: number): ProxyError =>
    new ProxyError(
      { code: 'TOO_MANY_CONNECTIONS', max },
      `This node has ${max} connections to that one, which is as many as it opens; close some, or wait until others have ended.`,
    );
  const release = (key: string, pooled: Pooled): void => {
    pooled.streams -= 1;
    if (pooled.streams > 0) return;
    if (pool.get(key) !== pooled) {
      close(pooled);
      return;
    }
    pooled.cancelIdle();
    pooled.cancelIdle = clock.after(LINK_IDLE_MS, () => drop(key, pooled));
  };

  /** Opens a stream and reads the answer. The stream that comes back carries bytes from here on. */
  const open = async (
    link: Link,
    opening: ForwardOpening,
    target: FarTarget,
    signal: AbortSignal | undefined,
  ): Promise<Stream> => {
    const stream = await link.openStream(FORWARD_PROTOCOL);
    let late = false;
    const giveUp = (): void => stream.reset();
    const cancel = clock.after(answerMs, () => {
      late = true;
      stream.reset();
    });
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      signal?.throwIfAborted();
      await writeMessage(stream, encodeOpening(opening));
      const message = await readMessage(stream, { bytesMax: FORWARD_MESSAGE_BYTES_MAX * 2 });
      if (message === null)
        throw new ProxyError(
          { code: 'FORWARD_MALFORMED', problem: 'no answer came', verdict: 'ignore' },
          'The far side ended the connection without an answer; try again.',
        );
      const answer = decodeAnswer(message);
      if (!answer.ok) throw refusalOf(answer.code, answer.sentence, target);
      return stream;
    } catch (error) {
      stream.reset();
      signal?.throwIfAborted();
      if (late)
        throw new ProxyError(
          { code: 'TIMED_OUT', afterMs: answerMs },
          `The far side did not answer within ${Math.round(answerMs / 1000)} s; it may be asleep or overloaded, so try again later.`,
          { cause: error },
        );
      throw error;
    } finally {
      cancel();
      signal?.removeEventListener('abort', giveUp);
    }
  };
  /** A stream on the pooled link, on a fresh one where that turns out to be broken. */
  const openPooled = async (
    peer: PeerId,
    route: 'direct' | 'anonymous',
    opening: ForwardOpening,
    target: FarTarget,
    signal: AbortSignal | undefined,
  ): Promise<{ stream: Stream; link: Link; over: () => void }> => {
    for (let attempt = 0; ; attempt++) {
      const { key, pooled } = pooledLink(peer, route, signal);
      if (pooled.streams >= FORWARD_STREAMS_OWN_MAX) throw tooMany(FORWARD_STREAMS_OWN_MAX);
      pooled.cancelIdle();
      pooled.streams += 1;
      let over = false;
      const end = (): void => {
        if (over) return;
        over = true;
        release(key, pooled);
      };
      try {
        const link = await pooled.link;
        return { stream: await open(link, opening, target, signal), link, over: end };
      } catch (error) {
        end();
        const broken = isNodeError(error) && BROKEN.has(error.code);
        if (broken) drop(key, pooled);
        if (!broken || attempt > 0) throw error;
      }
    }
  };
  const openService = async (
    target: FarTarget & { kind: 'service' },
    mode: ForwardMode,
    probe: boolean,
    signal: AbortSignal | undefined,
  ) => {
    const { address, port, route } = target;
    const opening: ForwardOpening = { kind: 'service', address, port, mode, probe };
    const options = signal === undefined ? {} : { signal };
    const resolved = await routes.resolve(address, options);
    const { host: peer } = resolved.record;
    try {
      return { peer, ...(await openPooled(peer, route, opening, target, signal)) };
    } catch (error) {
      // What was cached may have been taken back meanwhile; who answers now knows. Errors of another kind stay as they are.
      if (!(error instanceof ProxyError && error.code === 'ADDRESS_UNKNOWN' && resolved.source === 'cache'))
        throw error;
      const { record } = await routes.resolve(address, { ...options, fresh: true });
      return { peer: record.host, ...(await openPooled(record.host, route, opening, target, signal)) };
    }
  };
  const openExit = async (
    target: FarTarget & { kind: 'exit' },
    mode: ForwardMode,
    probe: boolean,
    signal: AbortSignal | undefined,
  ) => {
    const { lease, host, port } = target;
    if (!isForwardHost(host))
      throw new ProxyError(
        { code: 'DESTINATION_UNKNOWN', host: host.slice(0, 64) },
        'That is neither a host name nor an address; check how it is written.',
      );
    const borrowed = leases.borrowed(lease);
    const link = await borrowed.link(signal === undefined ? {} : { signal });
    const opening: ForwardOpening = { kind: 'exit', lease, host, port, mode, probe };
    const stream = await open(link, opening, target, signal);
    return { peer: borrowed.lender.peerId, stream, link, over: (): void => undefined };
  };
  const openTarget = (target: FarTarget, mode: ForwardMode, probe: boolean, signal: AbortSignal | undefined) =>
    target.kind === 'service' ? openService(target, mode, probe, signal) : openExit(target, mode, probe, signal);

  const isOwn = async (target: FarTarget, signal: AbortSignal | undefined): Promise<PeerId | null> => {
    if (target.kind !== 'service' || target.route !== 'direct') return null;
    const { source } = await routes.resolve(target.address, signal === undefined ? {} : { signal });
    return source === 'own' ? self() : null;
  };
  /** Tells when both directions are over, so that a link is known to be idle. */
  const asPipe = (stream: Stream, over: () => void): Pipe => {
    let readDone = false;
    let writeDone = false;
    const settle = (): void => {
      if (readDone && writeDone) over();
    };
    const failed = (error: unknown): never => {
      over();
      throw error;
    };
    return {
      read: (maxBytes) =>
        stream.read(maxBytes).then((chunk) => {
          if (chunk === null) {
            readDone = true;
            settle();
          }
          return chunk;
        }, failed),
      write: (bytes) => stream.write(bytes),
      finish: () =>
        stream.finish().then(() => {
          writeDone = true;
          settle();
        }, failed),
      reset: () => {
        stream.reset();
        over();
      },
    };
  };

  return {
    start: async () => undefined,
    stop: async () => {
      for (const [key, pooled] of pool) drop(key, pooled);
    },
    connect: async (target, options = {}) => {
      const { signal } = options;
      const own = await isOwn(target, signal);
      if (own !== null && target.kind === 'service')
        return { ...(await service.connectOwn(target.address, target.port, signal)), peer: own, route: 'direct' };
      const { stream, link, peer, over } = await openTarget(target, 'stream', false, signal);
      return { ...asPipe(stream, over), peer, route: link.route };
    },
    associate: async (target, options = {}) => {
      const { signal } = options;
      const own = await isOwn(target, signal);
      if (own !== null && target.kind === 'service') return service.associateOwn(target.address, target.port);
      const { stream, over } = await openTarget(target, 'datagram', false, signal);
      const pipe: DatagramPipe = createStreamDatagrams(stream);
      void pipe.closed.then(over);
      return pipe;
    },
    probe: async (target, mode, options = {}) => {
      const { stream, link, peer, over } = await openTarget(target, mode, true, options.signal);
      stream.reset();
      over();
      return { peer, route: link.route };
    },
    look: async ({ address, route }, options = {}) => {
      const { record } = await routes.resolve(address, options);
      const { key, pooled } = pooledLink(record.host, route, options.signal);
      pooled.streams += 1;
      try {
        const link = await pooled.link;
        return { peer: record.host, route: link.route, rttMs: await link.ping(options) };
      } finally {
        release(key, pooled);
      }
    },
    ping: async (address, options = {}) => {
      const { record, source } = await routes.resolve(address, options);
      if (source === 'own') return 0;
      const { key, pooled } = pooledLink(record.host, 'direct', options.signal);
      pooled.streams += 1;
      try {
        return await (await pooled.link).ping(options);
      } finally {
        release(key, pooled);
      }
    },
  };
};
