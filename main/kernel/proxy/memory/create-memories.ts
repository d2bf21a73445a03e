import { isNodeError, type Logger, messageOf, type Outside, type Settings } from '../../../base/index.ts';
import type { Borrowed, LeaseId, Leases, Link } from '../../leases/index.ts';
import type { KeyHolder } from '../../prover/index.ts';
import type { FarMemory, FarStore, Memories } from '../interface.ts';
import { createMemoryClient, type MemoryClient } from './client.ts';
import { CHECKPOINT_MS, MIRROR_DEADLINE_MS } from './constants.ts';
import { createBareMemory, createFarMemory, type MirroredMemory } from './create-far-memory.ts';
import { closedError, leaseOver, MemoryError } from './errors.ts';
import { forgetKept, type Keeper, openKeeper } from './keeper.ts';
import { measureStore } from './measure.ts';
import type { MemoryMetrics } from './metrics.ts';
import { createFarStore, type MeasuredStore } from './store/far-store.ts';

export interface MemoriesComponents {
  outside: Outside;
  logger: Logger;
  /** Null: no metrics. */
  metrics: MemoryMetrics | null;
  settings: Settings;
  keys: Pick<KeyHolder, 'node'>;
  leases: Pick<Leases, 'borrowed' | 'on'>;
}
export interface MemoriesInit {
  /** Whether new memory is sealed. What was begun one way goes on that way. @default true */
  sealed?: boolean;
  /** Bytes of one page of new memory: a power of two, 4 to 64 KiB. @default 8 KiB */
  pageBytes?: number;
  /** Bytes of values that are kept here for each lease. @default 16 MiB */
  cacheBytes?: number;
  /** Ms without any progress until an operation fails. @default 15 000 */
  deadlineMs?: number;
}
/** Borrowed memory by its lease. */
export interface MemoriesControl extends Memories {
  /**
   * Keeps everything of one lease at the lender of another one, too, from now on and after every restart. Resolves once it is there,
   * or once it is clear that the second lender does not answer now; it is then tried again. Null ends it.
   *
   * @throws {MemoryError} `MIRROR_INVALID` where the second lease is the same, smaller, or of the same lender
   */
  mirror(lease: LeaseId, second: LeaseId | null): Promise<void>;
}

interface Open {
  memory: FarMemory | MirroredMemory;
  keeper: Keeper;
  store: Promise<MeasuredStore> | null;
  stopSaving: () => void;
}

/** Opens borrowed memory when it is asked for first, keeps what a restart needs, and forgets what is over. */
export const createMemories = (components: MemoriesComponents, init: MemoriesInit = {}): MemoriesControl => {
  const { outside, settings, keys, leases } = components;
  const logger = components.logger.child('memory');
  const { metrics } = components;
  const opens = new Map<LeaseId, Promise<Open>>();
  let stopped = false;
  let stopListening: (() => void) | null = null;

  const borrowedMemory = (lease: LeaseId): Borrowed => {
    const borrowed = leases.borrowed(lease);
    if (borrowed.view.resource !== 'memory')
      throw new MemoryError(
        { code: 'LEASE_NOT_MEMORY' },
        `This lease is of ${borrowed.view.resource}, not of memory; name a lease of memory.`,
      );
    return borrowed;
  };
  /** Asked for anew each time: the lease may have ended meanwhile. */
  const openLink = (lease: LeaseId, options: { signal: AbortSignal }): Promise<Link> => {
    let borrowed: Borrowed;
    try {
      borrowed = leases.borrowed(lease);
    } catch (error) {
      if (!isNodeError(error)) throw error;
      return Promise.reject(leaseOver(error.message));
    }
    return borrowed.link(options);
  };
  const clientOf = (lease: LeaseId, deadlineMs: number | undefined): MemoryClient =>
    createMemoryClient(
      { outside, logger: components.logger, metrics, openLink: (options) => openLink(lease, options) },
      { lease, ...(deadlineMs !== undefined && { deadlineMs }) },
    );
  const save = async (lease: LeaseId, keeper: Keeper): Promise<void> => {
    try {
      await keeper.save();
    } catch (error) {
      logger.warn('What is known of borrowed memory could not be written down', { lease, problem: messageOf(error) });
    }
  };
  const mirrorOn = async (open: Open, second: LeaseId): Promise<void> => {
    const { memory } = open;
    if (!('mirror' in memory)) return;
    await memory.mirror(clientOf(second, init.deadlineMs ?? MIRROR_DEADLINE_MS));
  };
  const openLease = async (lease: LeaseId): Promise<Open> => {
    const borrowed = borrowedMemory(lease);
    const keeper = await openKeeper(
      { outside, settings, keys },
      {
        lease,
        bytes: borrowed.view.amount,
        ...(init.pageBytes !== undefined && { pageBytes: init.pageBytes }),
        ...(init.sealed !== undefined && { sealed: init.sealed }),
      },
    );
    const { key, table, pageBytes } = keeper;
    const client = clientOf(lease, init.deadlineMs ?? (keeper.mirror === null ? undefined : MIRROR_DEADLINE_MS));
    const memory = keeper.sealed
      ? createFarMemory({ outside, logger: components.logger, metrics, client }, { key, table, pageBytes })
      : createBareMemory(client, keeper.pages * pageBytes, pageBytes);
    const stopSaving = outside.clock.every(CHECKPOINT_MS, () => void save(lease, keeper));
    const open: Open = { memory, keeper, store: null, stopSaving };
    if (keeper.mirror !== null)
      mirrorOn(open, keeper.mirror).catch((error: unknown) =>
        logger.warn('The mirror of borrowed memory could not be taken up', { lease, problem: messageOf(error) }),
      );
    return open;
  };
  const openOf = (lease: LeaseId): Promise<Open> => {
    if (stopped) return Promise.reject(closedError());
    let open = opens.get(lease);
    if (open === undefined) {
      open = openLease(lease);
      opens.set(lease, open);
      // What could not be opened is tried anew by whoever asks next.
      open.catch(() => opens.delete(lease));
    }
    return open;
  };
  const storeOf = async (lease: LeaseId): Promise<MeasuredStore> => {
    const open = await openOf(lease);
    if (open.store === null) {
      const opening = createFarStore(
        { outside, memory: open.memory, metrics },
        init.cacheBytes === undefined ? {} : { cacheBytes: init.cacheBytes },
      );
      open.store = opening;
      opening.catch(() => {
        if (open.store === opening) open.store = null;
      });
    }
    return open.store;
  };
  const close = async (lease: LeaseId): Promise<void> => {
    const opening = opens.get(lease);
    if (opening === undefined) return;
    opens.delete(lease);
    try {
      const { memory, keeper, stopSaving } = await opening;
      stopSaving();
      await memory.close();
      await keeper.close();
    } catch (error) {
      logger.debug('Borrowed memory was not closed in order', { lease, problem: messageOf(error) });
    }
  };
  const sealedOf = async (lease: LeaseId): Promise<{ open: Open; memory: MirroredMemory }> => {
    const open = await openOf(lease);
    if (!('mirror' in open.memory))
      throw new MemoryError({ code: 'MIRROR_INVALID' }, 'Only memory that is sealed can have a mirror.');
    return { open, memory: open.memory };
  };

  return {
    start: () => {
      stopListening = leases.on('leaseChanged', ({ id, side, state, resource, amount }) => {
        if (side !== 'borrowed' || resource !== 'memory' || state !== 'ended') return;
        const lease = id as LeaseId;
        void close(lease)
          .then(() => forgetKept({ settings }, lease, amount))
          .catch((error: unknown) =>
            logger.warn('What was known of borrowed memory could not be forgotten', { problem: messageOf(error) }),
          );
      });
      return Promise.resolve();
    },
    stop: async () => {
      stopped = true;
      stopListening?.();
      await Promise.all([...opens.keys()].map(close));
    },
    store: (lease): Promise<FarStore> => storeOf(lease),
    memory: async (lease) => (await openOf(lease)).memory,
    stats: async (lease) => {
      const { memory, keeper } = await openOf(lease);
      const { keys: count, usedBytes, sizeBytes } = (await storeOf(lease)).stats();
      return {
        lease,
        sizeBytes,
        keys: count,
        usedBytes,
        mirrored: 'mirrored' in memory && memory.mirrored,
        encrypted: keeper.sealed,
      };
    },
    bench: async (lease, options = {}) => measureStore(outside, await storeOf(lease), options.signal),
    mirror: async (lease, second) => {
      const { open } = await sealedOf(lease);
      if (second === null) {
        await open.keeper.setMirror(null);
        await close(lease);
        return;
      }
      const [first, other] = [borrowedMemory(lease), borrowedMemory(second)];
      if (other.view.amount < first.view.amount || first.lender.peerId === other.lender.peerId)
        throw new MemoryError(
          { code: 'MIRROR_INVALID' },
          'A mirror is a lease of another lender with as many bytes or more; borrow one and name it.',
        );
      await open.keeper.setMirror(second);
      await mirrorOn(open, second);
    },
  };
};
