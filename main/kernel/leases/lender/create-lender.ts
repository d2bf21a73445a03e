import { isNodeError, messageOf, type Startable } from '../../../base/index.ts';
import { keyIdText } from '../../../base/crypto/index.ts';
import { PeerError, StreamError } from '../../../transport/stoq/index.ts';
import type { ProofKind, ResourceKey, ResourceKind } from '../../../../preload/contract/index.ts';
import { requiredProofsOf } from '../admission.ts';
import { ask } from '../engine/ask.ts';
import type { Journal } from '../engine/journal.ts';
import { isOver, type LeaseEntry, sameBytes } from '../engine/lease-entry.ts';
import type { LeaseRow } from '../engine/lease-rows.ts';
import { leaseUnknown } from '../engine/lease-table.ts';
import type { Asked, EngineParts, Refusal } from '../engine/ports.ts';
import type { Settler } from '../engine/settler.ts';
import { afterLong } from '../engine/timer.ts';
import { LeaseError } from '../errors.ts';
import { encodeGrant, hashOfRecord } from '../formats/index.ts';
import type { LeaseId, LentLease } from '../interface.ts';
import type { Link } from '../link.ts';
import type { LeaseAnswer, LeaseQuestion } from '../protocol.ts';
import { type Account, createAccount, keptAccount } from './accounts.ts';
import { createLentProcess, type LentProcess } from './lent-process.ts';
import { createProofDesk } from './proof-desk.ts';
import { lentEntryOf, OFFER_GONE, type ReadRequest, readRequest } from './read-request.ts';
import type { Sessions } from './sessions.ts';

/** Leases that this node lends at once, of all kinds together. */
export const LENT_MAX = 10_000;
/** Requests that are looked at, of all together: each takes threads a few milliseconds. */
const REQUESTS_AT_ONCE = 64;
const REPORT_MS = 1_000;

/** The side that lends: one method per arrow, each idempotent. */
export interface Lender extends Startable {
  answer(link: Link, question: LeaseQuestion): Promise<LeaseAnswer>;
  /** Goes on with a lease of an earlier run. Before `start`. */
  takeUp(entry: LeaseEntry, row: LeaseRow): void;
  /** Resolves when it has ended. */
  end(entry: LeaseEntry, code: string, reason: string): Promise<void>;
  /** @throws {LeaseError} `NOT_YOURS` */
  authorize(link: Link, id: LeaseId): LentLease;
  /** What may be taken now, and what is. */
  now(entry: LeaseEntry): { effective: number; used: number | null };
  /** Leases of a resource that were admitted and have not ended. */
  leasesOf(resource: ResourceKey): number;
}
/** A lease that was admitted, with all that it takes of this machine. */
interface Lent {
  readonly entry: LeaseEntry;
  readonly process: LentProcess;
  readonly account: Account;
  /** What it is judged by again once its proofs are there, and what those must answer. */
  proving: { asked: Asked; nonce: Uint8Array; proofs: readonly ProofKind[]; maxAgeMs: number } | null;
  /** Where its borrower was seen last. */
  link: Link | null;
  readonly timers: (() => void)[];
  readonly ended: PromiseWithResolvers<void>;
  /** Resolves once everything was given back. */
  stopped: Promise<void>;
}
const refused = ({ code, sentence }: Refusal): LeaseAnswer => ({ kind: 'refused', code, sentence });
const UNKNOWN = refused({ code: 'LEASE_UNKNOWN', sentence: 'There is no such lease here.' });
const NOT_READY: Refusal = { code: 'NOT_RUNNING', sentence: 'The lender is not ready; try again in a minute.' };
const RESTARTED = 'The lender was started again, and this lease does not go on after that.';
const stateOf = ({ state, totals, facts: { code, reason } }: LeaseEntry): LeaseAnswer => ({
  kind: 'state',
  state,
  sequence: totals.sequence,
  code,
  reason,
});
const kindOf = (resource: ResourceKey): ResourceKind => resource.split(':')[0] as ResourceKind;

export const createLender = (
  parts: EngineParts & { journal: Journal; sessions: Sessions; settler: Settler },
): Lender => {
  const { outside, metrics, records, links, keys, prover, allocations, admit: judge, rows, table, times } = parts;
  const { journal, sessions, settler } = parts;
  const { clock } = outside;
  const logger = parts.logger.child('lender');
  const lives = new Map<LeaseId, Lent>();
  const places = new Map<ResourceKey, number>();
  const desk = createProofDesk({ prover, clock });
  const takenUp: { entry: LeaseEntry; row: LeaseRow }[] = [];
  let life = new AbortController();
  let looking = 0;
  let running = false;
  let stopReports = (): void => undefined;

  const failed = (what: string, entry: LeaseEntry, error: unknown): void => {
    if (running) logger.warn(what, { leaseId: entry.id, error: messageOf(error) });
  };
  /** Runs what nobody waits for. */
  const background = ({ entry }: Lent, what: string, work: Promise<unknown>): void => {
    work.catch((error: unknown) => {
      failed(what, entry, error);
    });
  };
  const clearTimers = ({ timers }: Lent): void => {
    for (const cancel of timers.splice(0)) cancel();
  };
  const place = ({ facts: { resource } }: LeaseEntry, by: 1 | -1): void => {
    places.set(resource, (places.get(resource) ?? 0) + by);
  };
  const askBorrower = async ({ entry: { facts }, link: seen }: Lent, question: LeaseQuestion): Promise<LeaseAnswer> => {
    // By its peer id it is found wherever it is now; of whom nothing is kept can only come back by itself.
    const link =
      facts.peerId === null || facts.route === 'anonymous'
        ? seen
        : await links.open({ peer: facts.peerId, route: 'direct' }, { signal: life.signal });
    if (link === null) throw new StreamError({ code: 'CLOSED' }, 'The borrower is not connected.');
    return await ask(link, question, { deadlineMs: times.askMs, signal: life.signal });
  };

  /** Adds a lease to those that take something of this machine. */
  const open = (entry: LeaseEntry, link: Link | null, row: LeaseRow | null): Lent => {
    const { made, counted } = keptAccount(row?.receipts ?? []);
    const process = createLentProcess(
      {
        clock,
        allocations,
        entry,
        onEvicted: (reason) => {
          background(lent, 'A lease could not be evicted', finish(lent, 'EVICTED', reason));
        },
        onEffective: () => {
          if (!isOver(entry.state)) journal.changed(entry);
        },
        onError: (error) => {
          failed('A provider did not give everything back', entry, error);
        },
      },
      counted ?? entry.totals,
    );
    const account = createAccount(
      {
        outside,
        metrics,
        records,
        keys,
        journal,
        entry,
        process,
        tell: (question) => askBorrower(lent, question),
        onRefused: (code, reason) => {
          background(lent, 'A lease could not be ended', finish(lent, code, reason));
        },
        onDone: () => {
          background(
            lent,
            'A lease could not be closed',
            entry.alone(() => close(lent)),
          );
        },
        onOffence: (detail) => {
          if (lent.link?.party.kind === 'peer') parts.offend(lent.link.party.peerId, 'badRecord', detail);
        },
      },
      made,
    );
    const lent: Lent = {
      entry,
      process,
      account,
      proving: null,
      link,
      timers: [],
      ended: Promise.withResolvers(),
      stopped: Promise.resolve(),
    };
    lives.set(entry.id, lent);
    place(entry, 1);
    return lent;
  };
  const lentOf = ({ id, facts }: LeaseEntry): LentLease => {
    const { resource, amount, endsAtMs, far, anonymous, terms } = facts;
    if (far === null || terms === null) throw leaseUnknown(id);
    return { id, resource, amount, endsAtMs, borrower: keyIdText(far), anonymous, terms };
  };

  // requested -> (proving ->) granted | refused

  /** What a request that was answered before is answered again. */
  const answerAgain = async (link: Link, entry: LeaseEntry, record: Uint8Array): Promise<LeaseAnswer> => {
    const { far, requestHash } = entry.facts;
    if (entry.side !== 'lent' || far === null || !sessions.shows(link, far)) return UNKNOWN;
    if (!sameBytes(requestHash, hashOfRecord(record)))
      return refused({ code: 'LEASE_CONFLICT', sentence: 'A lease of this id was asked for with other words.' });
    const lent = lives.get(entry.id);
    if (lent !== undefined) lent.link = link;
    if (entry.state === 'proving' && lent !== undefined && lent.proving !== null) return proveAnswer(lent.proving);
    return await grantedAgain(entry);
  };
  const grantedAgain = async (entry: LeaseEntry): Promise<LeaseAnswer> => {
    if (entry.state !== 'granted' && entry.state !== 'running') return stateOf(entry);
    const record = (await rows.records(entry.id))?.grant ?? null;
    return record === null ? stateOf(entry) : { kind: 'granted', record };
  };

  const onRequest = async (link: Link, id: LeaseId, record: Uint8Array): Promise<LeaseAnswer> => {
    const known = table.get(id);
    if (known !== undefined) return await known.alone(() => answerAgain(link, known, record));
    if (!running || keys.node() === null) return refused(NOT_READY);
    if (looking >= REQUESTS_AT_ONCE)
      return refused({ code: 'BUSY', sentence: 'The lender looks at other requests now; try again in a moment.' });
    if (table.liveLent >= LENT_MAX)
      return refused({ code: 'BUSY', sentence: 'The lender has as many leases as it can keep; try again later.' });
    looking += 1;
    const startedAtMs = clock.monotonicMs();
    try {
      const read = await readRequest(parts, link, id, record);
      if ('refusal' in read) return refused(read.refusal);
      const entry = lentEntryOf(parts, link, read);
      if (!table.add(entry)) {
        // The same request came a second time while the first was read.
        const first = table.get(id);
        return first === undefined ? UNKNOWN : await first.alone(() => answerAgain(link, first, record));
      }
      const answer = await entry.alone(() => admit(link, entry, read));
      metrics?.requests.inc(1, { outcome: answer.kind });
      if (answer.kind === 'granted') metrics?.grantSeconds.observe((clock.monotonicMs() - startedAtMs) / 1000);
      return answer;
    } finally {
      looking -= 1;
    }
  };
  /** Within `alone`. What is refused leaves nothing behind: a stranger could fill the disk with it. */
  const admit = async (link: Link, entry: LeaseEntry, read: ReadRequest): Promise<LeaseAnswer> => {
    const { request, own, record } = read;
    let lent: Lent;
    try {
      const asked: Asked = { link, request, own, live: leasesOf(own.offer.resource), free: freeOf(own.offer.resource) };
      const refusal = (await judge(asked)) ?? tooMany(asked);
      if (refusal !== null) {
        table.remove(entry.id);
        return refused(refusal);
      }
      lent = open(entry, link, null);
      await rows.insert(entry, { offer: own.record, request: record, secret: null });
      journal.changed(entry);
      const proofs = requiredProofsOf(own.terms);
      if (proofs.length === 0) return await grant(lent);
      lent.proving = { asked, nonce: outside.random.bytes(32), proofs, maxAgeMs: times.proofAgeMs };
      await journal.move(entry, 'proving');
    } catch (error) {
      // A row that was written is taken away at the next start; the borrower asks again.
      const begun = lives.get(entry.id);
      if (begun !== undefined) {
        drop(begun);
        await begun.process.stop('The lender could not write it down.');
      }
      table.remove(entry.id);
      throw error;
    }
    lent.timers.push(
      afterLong(clock, times.provingMs, () => {
        background(
          lent,
          'A lease could not be refused',
          finish(lent, 'PROOFS_LATE', 'The proofs did not come in time; ask again.'),
        );
      }),
    );
    return proveAnswer(lent.proving);
  };
  const leasesOf = (resource: ResourceKey): number => places.get(resource) ?? 0;
  const freeOf = (resource: ResourceKey): number => {
    const provider = parts.provider(kindOf(resource));
    return provider === null
      ? 0
      : Math.min(allocations.free(resource), provider.amountMax() ?? Number.MAX_SAFE_INTEGER);
  };
  /** Others were admitted while one was looked at: nothing comes between this and taking the place. */
  const tooMany = ({ own }: Asked): Refusal | null =>
    leasesOf(own.offer.resource) < own.terms.leasesMax
      ? null
      : {
          code: 'TOO_MANY_LEASES',
          sentence: 'As many leases of it run as its owner allows; ask again when one has ended.',
        };
  const proveAnswer = ({ nonce, proofs, maxAgeMs }: NonNullable<Lent['proving']>): LeaseAnswer => ({
    kind: 'prove',
    nonce,
    proofs,
    maxAgeMs,
  });

  /** requested | proving -> granted. Allocates first, so that nothing is promised that is not there. */
  const grant = async (lent: Lent): Promise<LeaseAnswer> => {
    const { entry, process } = lent;
    const { facts } = entry;
    const signer = keys.node()?.signer;
    if (signer === undefined || facts.requestHash === null || facts.far === null || facts.address === null)
      return await refuse(lent, NOT_READY);
    try {
      await process.allocate();
    } catch (error) {
      if (!isNodeError(error)) throw error;
      // What exactly is free is the owner's business.
      return await refuse(lent, {
        code: 'CAPACITY_EXCEEDED',
        sentence: 'So much of it is not free at the moment; ask for less, or again later.',
      });
    }
    const startsAtMs = clock.nowMs();
    const endsAtMs = startsAtMs + facts.durationMs;
    const record = await signer.sign(
      'lease-grant',
      encodeGrant({
        id: entry.id,
        request: facts.requestHash,
        borrower: facts.far,
        amount: facts.amount,
        address: facts.address,
        priceMicro: facts.priceMicro,
        tickMs: facts.tickMs,
        startsAtMs,
        endsAtMs,
      }),
    );
    await journal.move(entry, 'granted', { endsAtMs, grantHash: hashOfRecord(record) }, { grant: record });
    lent.proving = null;
    awaitStart(lent);
    return { kind: 'granted', record };
  };
  const awaitStart = (lent: Lent): void => {
    clearTimers(lent);
    lent.timers.push(
      afterLong(clock, times.grantedMs, () => {
        background(
          lent,
          'A lease could not be ended',
          finish(lent, 'NOT_STARTED', 'The borrower did not begin in time.'),
        );
      }),
    );
  };
  /** requested | proving -> refused, with nothing taken. Within `alone`. */
  const refuse = async (lent: Lent, { code, sentence }: Refusal): Promise<LeaseAnswer> => {
    await lent.process.stop(sentence);
    await journal.move(lent.entry, 'refused', { code, reason: sentence });
    await close(lent);
    return refused({ code, sentence });
  };
  const onProof = async (link: Link, lent: Lent, file: Uint8Array): Promise<LeaseAnswer> => {
    const { entry, proving } = lent;
    if (entry.state !== 'proving' || proving === null) return await grantedAgain(entry);
    const { party } = link;
    if (party.kind === 'anonymous')
      return await refuse(lent, {
        code: 'PROOFS_IMPOSSIBLE',
        sentence: 'Proofs name their node; ask over a direct connection.',
      });
    const { nonce, proofs: kinds, maxAgeMs: ageMs, asked } = proving;
    const refusal = await desk.check(file, { nonce, kinds, prover: party.keyId, ageMs });
    if (refusal !== null) return refusal.code === 'BUSY' ? refused(refusal) : await refuse(lent, refusal);
    // As things are now: proofs take minutes, and this one has its place already.
    const { resource } = entry.facts;
    const since = await judge({ ...asked, link, live: leasesOf(resource) - 1, free: freeOf(resource) });
    return since === null ? await grant(lent) : await refuse(lent, since);
  };

  // granted -> running

  const onStart = async (lent: Lent): Promise<LeaseAnswer> => {
    const { entry, process } = lent;
    if (entry.state !== 'granted') return stateOf(entry);
    const provider = parts.provider(kindOf(entry.facts.resource));
    if (provider === null) {
      await beginEnd(lent, OFFER_GONE.code, OFFER_GONE.sentence);
      return stateOf(entry);
    }
    clearTimers(lent);
    await journal.move(entry, 'running', { startedAtMs: clock.nowMs() });
    try {
      await process.start(provider, lentOf(entry));
    } catch (error) {
      if (!isNodeError(error)) failed('A provider could not start a lease', entry, error);
      await beginEnd(
        lent,
        'PROVIDER_FAILED',
        isNodeError(error) ? error.message : 'The lender could not set it up; ask another one.',
      );
      return stateOf(entry);
    }
    run(lent);
    return stateOf(entry);
  };
  /** Meters a running lease until its time is over: by the monotonic clock, whatever the wall clock does meanwhile. */
  const run = (lent: Lent): void => {
    const { endsAtMs, durationMs, tickMs } = lent.entry.facts;
    const leftMs = Math.min(durationMs, Math.max(0, endsAtMs - clock.nowMs()));
    lent.timers.push(
      clock.every(tickMs, () => {
        background(lent, 'A receipt could not be made', lent.account.tick());
      }),
      afterLong(clock, leftMs, () => {
        background(lent, 'A lease could not be ended', finish(lent, 'OVER', 'Its time is over.'));
      }),
    );
    journal.changed(lent.entry);
  };

  // -> ending -> ended

  const finish = (lent: Lent, code: string, reason: string): Promise<void> =>
    lent.entry.alone(() => beginEnd(lent, code, reason));
  /** Within `alone`. */
  const beginEnd = async (lent: Lent, code: string, reason: string): Promise<void> => {
    const { entry, process, account } = lent;
    if (entry.state === 'ending' || isOver(entry.state)) return;
    clearTimers(lent);
    if (entry.state === 'requested' || entry.state === 'proving') {
      await refuse(lent, { code, sentence: reason });
      return;
    }
    lent.stopped = process.stop(reason).catch((error: unknown) => {
      failed('What a lease took could not be given back', entry, error);
    });
    if (entry.state === 'granted') {
      // Nothing ran, so there is nothing to sign.
      await lent.stopped;
      await journal.move(entry, 'ended', { code, reason });
      background(lent, 'The borrower could not be told', account.tellEnd());
      await close(lent);
      return;
    }
    await account.finish(code, reason);
    wind(lent);
  };
  /** A lease in `ending`: the last receipt is sent until it has two signatures, or time is up. */
  const wind = (lent: Lent): void => {
    const send = (): void => {
      background(lent, 'The last receipt could not be sent', lent.account.deliver());
    };
    lent.timers.push(
      clock.every(times.retryMs, send),
      afterLong(clock, times.endingMs, () => {
        background(
          lent,
          'A lease could not be closed',
          lent.entry.alone(() => close(lent)),
        );
      }),
    );
    send();
  };
  const drop = (lent: Lent): void => {
    clearTimers(lent);
    if (lives.delete(lent.entry.id)) place(lent.entry, -1);
  };
  /** ending -> ended, and settles. Within `alone`. */
  const close = async (lent: Lent): Promise<void> => {
    const { entry } = lent;
    if (lives.get(entry.id) !== lent) return;
    await lent.stopped;
    if (!isOver(entry.state)) await journal.move(entry, 'ended');
    drop(lent);
    await settler.settle(entry);
    lent.ended.resolve();
  };

  // Questions about leases that there are

  const onKnown = async (
    link: Link,
    question: Extract<LeaseQuestion, { kind: 'proof' | 'start' | 'status' | 'end' }>,
  ): Promise<LeaseAnswer> => {
    const entry = table.get(question.lease);
    const far = entry?.facts.far ?? null;
    // Whoever is not its borrower hears what it hears of one that there never was.
    if (entry === undefined || entry.side !== 'lent' || far === null || !sessions.shows(link, far)) return UNKNOWN;
    const lent = lives.get(entry.id);
    if (lent === undefined) return stateOf(entry);
    lent.link = link;
    switch (question.kind) {
      case 'proof':
        return await entry.alone(() => onProof(link, lent, question.file));
      case 'start':
        return await entry.alone(() => onStart(lent));
      case 'status':
        // Whoever comes back gets what waits for its signature.
        background(lent, 'A receipt could not be sent', lent.account.deliver());
        return stateOf(entry);
      case 'end':
        await finish(lent, 'ENDED_BY_BORROWER', question.reason);
        return stateOf(entry);
    }
  };

  /** Goes on where another run was cut off. Within `alone`. */
  const resume = async (lent: Lent): Promise<void> => {
    const { entry, process } = lent;
    const { state, facts } = entry;
    if (state === 'requested' || state === 'proving') {
      // The borrower asks again with the same words, as if for the first time.
      drop(lent);
      table.remove(entry.id);
      await rows.remove([entry.id]);
      return;
    }
    if (state === 'ending') {
      wind(lent);
      return;
    }
    const provider = parts.provider(kindOf(facts.resource));
    const goesOn = state === 'granted' || (provider?.survivesRestart === true && facts.endsAtMs > clock.nowMs());
    if (provider === null || !goesOn) {
      await beginEnd(lent, 'RESTARTED', RESTARTED);
      return;
    }
    try {
      await process.allocate();
      if (state === 'granted') {
        awaitStart(lent);
        return;
      }
      await process.start(provider, lentOf(entry));
    } catch (error) {
      if (!isNodeError(error)) failed('A lease could not be taken up again', entry, error);
      await beginEnd(lent, 'RESTARTED', RESTARTED);
      return;
    }
    run(lent);
  };

  return {
    answer: async (link, question) => {
      switch (question.kind) {
        case 'session':
          await sessions.show(link, question.record);
          return { kind: 'ok' };
        case 'request':
          return await onRequest(link, question.lease, question.record);
        case 'proof':
        case 'start':
        case 'status':
        case 'end':
          return await onKnown(link, question);
        default:
          return UNKNOWN;
      }
    },
    takeUp: (entry, row) => {
      takenUp.push({ entry, row });
    },
    end: async (entry, code, reason) => {
      const lent = lives.get(entry.id);
      if (lent === undefined) return;
      await finish(lent, code, reason);
      await lent.ended.promise;
    },
    authorize: (link, id) => {
      const entry = table.get(id);
      const far = entry?.facts.far ?? null;
      if (entry?.side !== 'lent' || entry.state !== 'running' || far === null || !sessions.shows(link, far))
        throw new LeaseError(
          { code: 'NOT_YOURS', lease: id, verdict: 'ignore' },
          'There is no running lease of this id for whoever asks.',
        );
      return lentOf(entry);
    },
    now: (entry) => {
      const process = lives.get(entry.id)?.process;
      if (process === undefined || entry.state !== 'running') return { effective: 0, used: null };
      return { effective: process.effective, used: process.use().used };
    },
    leasesOf,
    start: async () => {
      running = true;
      life = new AbortController();
      const resumed = takenUp.splice(0).map(({ entry, row }) => open(entry, null, row));
      for (const lent of resumed) {
        await lent.entry
          .alone(() => resume(lent))
          .catch((error: unknown) => {
            failed('A lease could not be taken up again', lent.entry, error);
          });
      }
      stopReports = clock.every(REPORT_MS, () => {
        for (const { process } of lives.values()) process.report();
      });
    },
    stop: async () => {
      if (!running) return;
      running = false;
      stopReports();
      life.abort(new PeerError({ code: 'NOT_RUNNING' }, 'The node is stopping.'));
      for (const lent of lives.values()) {
        const { entry, process, account } = lent;
        clearTimers(lent);
        // What was used so far is a row: the next run goes on from there, or ends with it.
        await entry
          .alone(async () => {
            if (entry.state === 'running') await account.note();
            await process.stop('The node is stopping.');
            await lent.stopped;
          })
          .catch((error: unknown) => {
            logger.warn('A lease could not be put down', { leaseId: entry.id, error: messageOf(error) });
          });
      }
      lives.clear();
      places.clear();
    },
  };
};
