import { assert, isNodeError, type Logger, type Outside } from '../../../base/index.ts';
import { readMessage, type Stream, writeMessage } from '../../../transport/stoq/index.ts';
import type { LeaseId, LeaseProvider, Leases, LentLease, Link, Links, ProvidedLease } from '../../leases/index.ts';
import {
  MEMORY_PROTOCOL,
  OPENING_BYTES_MAX,
  OPENING_DEADLINE_MS,
  OPENS_PER_TEN_SECONDS,
  STREAMS_MAX,
} from './constants.ts';
import type { MemoryMetrics } from './metrics.ts';
import { createPool } from './pool.ts';
import { decodeOpening, encodeOpeningAnswer, type Opening } from './protocol.ts';
import { beginSession, type Served, serveOperations } from './serve.ts';

export interface MemoryProviderComponents {
  outside: Outside;
  logger: Logger;
  /** Null: no metrics. */
  metrics: MemoryMetrics | null;
  links: Pick<Links, 'handle'>;
  leases: Pick<Leases, 'authorize'>;
}
export interface MemoryProviderInit {
  /** Most that the machine could give one lease now, in bytes; null: only level and book bound it. @default null */
  amountMax?: () => number | null;
}
/** Lends memory: kind `memory`, in bytes. Offers its protocol from the beginning on. */
export interface MemoryProvider extends LeaseProvider {
  /** Ends every lease that runs, and withdraws the protocol. May be called twice. */
  close(): Promise<void>;
}

/** Says no more than that: who guesses ids must not learn which of them are somebody's. */
const REFUSAL = {
  ok: false,
  code: 'NOT_YOURS',
  sentence: 'No lease of memory with this id runs for you here; it may have ended. Borrow again.',
} as const;

/**
 * Lends memory that is really reserved, docs/formats/far-memory.md. It cannot shrink without loss: an effective amount below the
 * lease's is told to be kept by ending the lease, which is the engine's; 0 means that the service pauses, and all bytes stay.
 */
export const createMemoryProvider = (
  components: MemoryProviderComponents,
  init: MemoryProviderInit = {},
): MemoryProvider => {
  const { outside, links, leases } = components;
  const logger = components.logger.child('memory');
  const { metrics } = components;
  const running = new Map<LeaseId, { served: Served; stop: () => Promise<void> }>();
  const tellLent = (): void => {
    let bytes = 0;
    for (const { served } of running.values()) bytes += served.pool.sizeBytes;
    metrics?.lentBytes.set(bytes);
  };

  const readOpening = async (stream: Stream): Promise<Opening | null> => {
    const cancel = outside.clock.after(OPENING_DEADLINE_MS, () => stream.reset());
    try {
      const message = await readMessage(stream, { bytesMax: OPENING_BYTES_MAX });
      return message === null ? null : decodeOpening(message);
    } finally {
      cancel();
    }
  };
  const servedFor = (link: Link, id: LeaseId): Served | null => {
    try {
      return running.get(leases.authorize(link, id).id)?.served ?? null;
    } catch (error) {
      if (!isNodeError(error)) throw error;
      return null;
    }
  };
  const serve = async (stream: Stream, link: Link): Promise<void> => {
    const opening = await readOpening(stream);
    if (opening === null) return stream.finish();
    const served = servedFor(link, opening.lease);
    if (served === null) {
      metrics?.refused.inc(1, { cause: 'opening' });
      await writeMessage(stream, encodeOpeningAnswer(REFUSAL));
      return stream.finish();
    }
    served.stream?.reset();
    served.stream = stream;
    beginSession(served, opening);
    try {
      await writeMessage(stream, encodeOpeningAnswer({ ok: true, sizeBytes: served.pool.sizeBytes }));
      await serveOperations(served, stream, metrics);
      await stream.finish();
    } catch (error) {
      if (isNodeError(error) && error.code === 'MALFORMED') metrics?.refused.inc(1, { cause: 'malformed' });
      throw error;
    } finally {
      if (served.stream === stream) served.stream = null;
    }
  };
  const withdraw = links.handle(
    {
      name: MEMORY_PROTOCOL,
      streamsMax: STREAMS_MAX,
      opensPerTenSeconds: OPENS_PER_TEN_SECONDS,
      bytesMax: null,
      deadlineMs: null,
    },
    serve,
  );

  const start = async (lease: LentLease): Promise<ProvidedLease> => {
    assert(!running.has(lease.id), 'A lease of memory must be started once.');
    const pool = await createPool(lease.amount);
    const served: Served = {
      id: lease.id,
      pool,
      effective: lease.amount,
      over: false,
      stream: null,
      session: '',
      swaps: new Map(),
      sentBytes: 0,
      receivedBytes: 0,
    };
    const stop = async (): Promise<void> => {
      if (!served.over) {
        served.over = true;
        running.delete(lease.id);
        served.stream?.reset();
        tellLent();
        logger.debug('Memory is given back', { bytes: pool.sizeBytes });
      }
      await pool.release();
    };
    running.set(lease.id, { served, stop });
    tellLent();
    logger.debug('Memory is lent', { bytes: pool.sizeBytes });
    return {
      setEffective: (amount) => {
        served.effective = amount;
      },
      use: () => ({
        used: served.over ? 0 : pool.sizeBytes,
        sentBytes: served.sentBytes,
        receivedBytes: served.receivedBytes,
      }),
      stop,
    };
  };
  return {
    kind: 'memory',
    survivesRestart: false,
    amountMax: init.amountMax ?? (() => null),
    start,
    close: async () => {
      withdraw();
      await Promise.all([...running.values()].map(({ stop }) => stop()));
    },
  };
};
