import {
  Emitter,
  type EventSource,
  isNodeError,
  type Logger,
  messageOf,
  type Outside,
  type Startable,
  type Store,
  type WorkerPool,
} from '../../../base/index.ts';
import { type DerivedKeys, keyIdBytesOf } from '../../../base/crypto/index.ts';
import { type PeerBook, respond } from '../../../transport/stoq/index.ts';
import type { LeaseView, ResourceKey, ResourceKind } from '../../../../preload/contract/index.ts';
import type { AllocationBook } from '../../assets/index.ts';
import type { KeyHolder } from '../../prover/index.ts';
import type { Admission } from '../admission.ts';
import { createBorrower } from '../borrower/create-borrower.ts';
import { LeaseError } from '../errors.ts';
import {
  createRecordOpener,
  decodeReceipt,
  encodeLeaseFile,
  kindOfResource,
  type RecordOpener,
} from '../formats/index.ts';
import type { Borrowed, LeaseId, LeaseProvider, Leases, LeasesEvents, Terms } from '../interface.ts';
import { createLender } from '../lender/create-lender.ts';
import { createSessions } from '../lender/sessions.ts';
import type { Link, Links } from '../link.ts';
import type { LeaseMetrics } from '../metrics.ts';
import {
  decodeQuestion,
  encodeAnswer,
  type LeaseAnswer,
  type LeaseQuestion,
  leaseSpec,
  QUESTION_BYTES_MAX,
} from '../protocol.ts';
import { insideOf } from './inside.ts';
import { createJournal, totalsOf } from './journal.ts';
import { createAlone, isOver, type LeaseEntry, NO_USE } from './lease-entry.ts';
import { createLeaseRows, type LeaseRow } from './lease-rows.ts';
import { createLeaseTable, leaseUnknown } from './lease-table.ts';
import type { EngineParts, LeaseSigner, LeaseTimes, OfferSource } from './ports.ts';
import { createSettler } from './settler.ts';
import { viewOf } from './view.ts';

const NOT_HERE: LeaseAnswer = { kind: 'refused', code: 'LEASE_UNKNOWN', sentence: 'There is no such lease here.' };

/** Leases that are over and are kept; the oldest go first. */
const ENDED_KEPT_MAX = 5_000;

export const LEASE_TIMES: LeaseTimes = {
  tickMs: 60_000,
  requestedMs: 60_000,
  provingMs: 15 * 60_000,
  grantedMs: 60_000,
  payingMs: 300_000,
  endingMs: 60_000,
  silentTicks: 4,
  askMs: 10_000,
  retryMs: 1_000,
};
export interface EngineComponents {
  outside: Outside;
  logger: Logger;
  metrics: LeaseMetrics | null;
  workers: WorkerPool;
  store: Store;
  links: Links;
  keys: KeyHolder;
  book: Pick<PeerBook, 'get' | 'offend'>;
  terms: Terms;
  prover: EngineParts['prover'];
  allocations: AllocationBook;
  offers: OfferSource;
  admission: Pick<Admission, 'check'>;
  /** Shared with whoever else opens records. @default one of its own */
  records?: RecordOpener;
  /** @default keys that are derived in a worker, which takes it a second */
  freshSigner?: EngineParts['freshSigner'];
}
/** Leases that run, on both sides; what is offered and found is handed in. */
export interface LeaseEngine
  extends Startable,
    EventSource<Pick<LeasesEvents, 'leaseChanged' | 'asked'>>,
    Pick<
      Leases,
      'addProvider' | 'request' | 'settled' | 'list' | 'get' | 'find' | 'end' | 'file' | 'borrowed' | 'authorize'
    > {
  /** Most that one lease of a resource could have, by its provider; null: no bound. Undefined: nobody provides it. */
  amountMax(resource: ResourceKey): number | null | undefined;
  provides(kind: ResourceKind): boolean;
  /** Leases of a resource that are granted or run. */
  leasesOf(resource: ResourceKey): number;
}

const entryOf = ({ id, side, state, facts, endedAtMs, settled, receipts }: LeaseRow): LeaseEntry => {
  const signed = receipts.findLast(({ countersigned }) => countersigned !== null);
  return {
    id,
    side,
    state,
    facts,
    totals: signed === undefined ? NO_USE : totalsOf(decodeReceipt(insideOf(signed.receipt))),
    endedAtMs,
    settled,
    alone: createAlone(),
  };
};

export const createLeaseEngine = (components: EngineComponents, init: Partial<LeaseTimes> = {}): LeaseEngine => {
  const { outside, metrics, workers, store, links, keys, book, terms } = components;
  const logger = components.logger.child('leases');
  const emitter = new Emitter<Pick<LeasesEvents, 'leaseChanged' | 'asked'>>();
  const table = createLeaseTable();
  const rows = createLeaseRows({ store });
  const records = components.records ?? createRecordOpener({ workers });
  const providers = new Map<ResourceKind, LeaseProvider>();
  let withdraw = (): void => undefined;
  let stopWaiting = (): void => undefined;

  const nameOf = ({ facts: { peerId } }: LeaseEntry): string => (peerId === null ? '' : (book.get(peerId)?.name ?? ''));
  const view = (entry: LeaseEntry): LeaseView => viewOf(entry, nowOf(entry), nameOf(entry));
  const nowOf = (entry: LeaseEntry): { effective: number; used: number | null } => {
    if (entry.side === 'lent') return lender.now(entry);
    return { effective: entry.state === 'running' ? entry.facts.amount : 0, used: null };
  };
  const trim = async (): Promise<void> => {
    const old = table.beyond(ENDED_KEPT_MAX).filter(({ settled }) => settled);
    if (old.length === 0) return;
    for (const { id } of old) table.remove(id);
    await rows.remove(old.map(({ id }) => id));
  };
  const journal = createJournal({
    outside,
    rows,
    table,
    onChanged: (entry) => {
      metrics?.live.set(entry.side === 'lent' ? table.liveLent : table.liveBorrowed, { side: entry.side });
      if (emitter.hasListeners('leaseChanged')) emitter.emit('leaseChanged', view(entry));
    },
    onOver: (entry) => {
      const cause = entry.facts.code === 'OVER' || entry.facts.code.startsWith('ENDED_') ? 'asked' : 'failed';
      metrics?.ended.inc(1, { side: entry.side, cause });
      trim().catch((error: unknown) => {
        logger.warn('Old leases could not be forgotten', { error: messageOf(error) });
      });
    },
  });
  const settler = createSettler({ clock: outside.clock, logger, terms, rows, journal });
  const sessions = createSessions({ records, own: () => keys.node()?.signer.keyIdBytes ?? null });
  const freshSigner = async (entropy: Uint8Array): Promise<LeaseSigner> => {
    const { node } = await workers.run<Uint8Array, DerivedKeys>('crypto.deriveKeys', entropy);
    return {
      keyIdBytes: keyIdBytesOf(node.public),
      sign: (domain, payload) =>
        workers.run('crypto.sign', { keys: node.public, secrets: node.secret, domain, payload }),
    };
  };
  const parts: EngineParts = {
    ...components,
    logger,
    records,
    rows,
    table,
    times: { ...LEASE_TIMES, ...init },
    provider: (kind) => providers.get(kind) ?? null,
    asked: (resource, code) => {
      emitter.emit('asked', { resource, code });
    },
    offend: (peer, offence, detail) => {
      book.offend(peer, offence, detail);
    },
    freshSigner: components.freshSigner ?? freshSigner,
  };
  const lender = createLender({ ...parts, journal, sessions, settler });
  const borrower = createBorrower({ ...parts, journal, settler });

  /** Whether the other end does not know who this node is: this one made the circuit. */
  const isHiddenHere = ({ route, party }: Link): boolean => route === 'anonymous' && party.kind === 'peer';
  const answer = async (link: Link, question: LeaseQuestion): Promise<LeaseAnswer> => {
    if (question.kind === 'receipt' || question.kind === 'ended') return await borrower.answer(link, question);
    // Whoever lends signs with its name, which would undo the circuit.
    return isHiddenHere(link) ? NOT_HERE : await lender.answer(link, question);
  };
  const known = (id: LeaseId): LeaseEntry => {
    const entry = table.get(id);
    if (entry === undefined) throw leaseUnknown(id);
    return entry;
  };
  const hasSettled = ({ state }: LeaseEntry): boolean => state === 'running' || state === 'ending' || isOver(state);

  return {
    on: (name, listener) => emitter.on(name, listener),
    addProvider: (provider) => {
      providers.set(provider.kind, provider);
    },
    amountMax: (resource) => {
      const provider = providers.get(kindOfResource(resource));
      return provider === undefined ? undefined : provider.amountMax();
    },
    provides: (kind) => providers.has(kind),
    leasesOf: (resource) => lender.leasesOf(resource),
    request: async (request) => view(await borrower.request(request)),
    settled: async (id, { signal } = {}) => {
      const entry = known(id);
      signal?.throwIfAborted();
      if (!hasSettled(entry)) {
        const done = Promise.withResolvers<void>();
        const abort = (): void => {
          done.reject(signal?.reason);
        };
        const end = emitter.on('leaseChanged', (changed) => {
          if (changed.id === id && hasSettled(entry)) done.resolve();
        });
        signal?.addEventListener('abort', abort, { once: true });
        try {
          await done.promise;
        } finally {
          end();
          signal?.removeEventListener('abort', abort);
        }
      }
      return view(entry);
    },
    list: (query) => Promise.resolve(table.list(query).map(view)),
    get: async (id) => await Promise.resolve(view(known(id))),
    find: async (text) => await Promise.resolve(table.find(text).id),
    end: async (id, reason) => {
      const entry = known(id);
      if (entry.side === 'lent') await lender.end(entry, 'ENDED_BY_LENDER', reason);
      else await borrower.end(entry, 'ENDED_BY_BORROWER', reason);
      return view(entry);
    },
    file: async (id) => {
      const kept = await rows.records(known(id).id);
      if (kept === null || kept.offer === null || kept.request === null || kept.grant === null)
        throw new LeaseError(
          { code: 'LEASE_UNKNOWN', lease: id },
          'Of this lease nothing is kept that was signed: it was never granted, or it was lent to nobody in particular.',
        );
      const { offer, request, grant, receipt, countersigned: countersign } = kept;
      const countersigned = receipt === null || countersign === null ? null : { receipt, countersign };
      return {
        fileName: `${id}.hmlease`,
        bytes: encodeLeaseFile({ offer, request, grant, countersigned, latest: null }),
      };
    },
    borrowed: (id): Borrowed => {
      const entry = table.get(id);
      if (entry === undefined || entry.side !== 'borrowed') throw leaseUnknown(id);
      const { peerId, farKeys } = entry.facts;
      if (entry.state !== 'running' || peerId === null || farKeys === null)
        throw new LeaseError(
          { code: 'NOT_RUNNING' },
          'This lease does not run; `hypermesh lease list` shows what became of it.',
        );
      return {
        id,
        get view() {
          return view(entry);
        },
        lender: { peerId, keys: farKeys },
        link: (options = {}) => borrower.link(entry, options.signal),
      };
    },
    authorize: (link, id) => lender.authorize(link, id),
    start: async () => {
      const { rows: kept, unread } = await rows.load();
      if (unread.length > 0)
        logger.error('Leases in the database cannot be read and are left as they are', { count: unread.length });
      for (const row of kept) {
        const entry = entryOf(row);
        table.add(entry);
        if (!isOver(row.state)) (row.side === 'lent' ? lender : borrower).takeUp(entry, row);
      }
      const begin = async (): Promise<void> => {
        stopWaiting();
        await lender.start();
        await borrower.start();
      };
      // Nothing can be signed before the identity is unlocked: leases of an earlier run wait for that.
      if (keys.node() !== null) await begin();
      else
        stopWaiting = keys.on('changed', () => {
          if (keys.node() === null) return;
          begin().catch((error: unknown) => {
            logger.error('Leases could not be taken up again', { error: messageOf(error) });
          });
        });
      withdraw = links.handle(leaseSpec, (stream, link) =>
        respond(stream, { bytesMax: QUESTION_BYTES_MAX }, async (bytes) => {
          try {
            return encodeAnswer(await answer(link, decodeQuestion(bytes)));
          } catch (error) {
            if (isNodeError(error)) logger.debug('A message about a lease was refused', { code: error.code });
            throw error;
          }
        }),
      );
      for (const { id } of kept) {
        const entry = table.get(id);
        if (entry !== undefined && isOver(entry.state) && !entry.settled) await settler.settle(entry);
      }
      await trim();
    },
    stop: async () => {
      stopWaiting();
      withdraw();
      withdraw = () => undefined;
      settler.stop();
      await borrower.stop();
      await lender.stop();
    },
  };
};
