import { isNodeError, messageOf, type Startable } from '../../../base/index.ts';
import { keyIdText } from '../../../base/crypto/index.ts';
import type { ResourceKey } from '../../../../preload/contract/index.ts';
import { dealOf } from '../engine/deal.ts';
import type { LeaseEntry } from '../engine/lease-entry.ts';
import type { LeaseRow } from '../engine/lease-rows.ts';
import { leaseUnknown } from '../engine/lease-table.ts';
import { afterLong } from '../engine/timer.ts';
import { LeaseError } from '../errors.ts';
import { kindOfResource } from '../formats/index.ts';
import type { LeaseId, LentLease } from '../interface.ts';
import type { Link } from '../link.ts';
import { allowsRoute } from '../privacy.ts';
import type { LeaseAnswer, LeaseQuestion } from '../protocol.ts';
import { AWAITS_PAYMENT, createGrantDesk, stateOf, UNKNOWN } from './grants.ts';
import { createLentBook, type LenderParts, type Lent, refused } from './lent-book.ts';
import { OFFER_GONE } from './read-request.ts';

const REPORT_MS = 1_000;
/** What is set aside for a running lease is looked at so often: a borrower may have it closed by an early receipt. */
const MONEY_MS = 10_000;
/** Receipts that are written when the node stops take so long at most; what is not written is lost to the lender, a tick at most. */
const STOP_NOTES_MS = 5_000;
const RESTARTED = 'The lender was started again, and this lease does not go on after that.';

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
export const createLender = (parts: LenderParts): Lender => {
  const { outside, rows, table, journal, sessions } = parts;
  const { clock } = outside;
  const logger = parts.logger.child('lender');
  const takenUp: { entry: LeaseEntry; row: LeaseRow }[] = [];
  let running = false;
  let stopReports = (): void => undefined;
  const book = createLentBook(parts);
  const { lives, open, drop, place, clearTimers, background, failed, beginEnd, finish, wind } = book;
  const grants = createGrantDesk(parts, book, () => running);

  const lentOf = ({ id, facts }: LeaseEntry): LentLease => {
    const { resource, amount, endsAtMs, far, anonymous, terms } = facts;
    if (far === null || terms === null) throw leaseUnknown(id);
    return { id, resource, amount, endsAtMs, borrower: keyIdText(far), anonymous, terms };
  };

  /** What the borrower is told while what the lease may cost is not set aside; null once nothing is in the way. */
  const owingOf = async ({ entry }: Lent): Promise<LeaseAnswer | null> => {
    if (entry.facts.priceMicro === 0n) return null;
    const deal = dealOf(entry, await rows.records(entry.id));
    if (deal === null) return UNKNOWN;
    const sentence = await parts.terms.secured(deal);
    if (sentence === null) return null;
    if (entry.facts.code !== AWAITS_PAYMENT || entry.facts.reason !== sentence)
      await journal.note(entry, { code: AWAITS_PAYMENT, reason: sentence });
    return refused({ code: AWAITS_PAYMENT, sentence });
  };
  const onStart = async (lent: Lent): Promise<LeaseAnswer> => {
    const { entry, process } = lent;
    if (entry.state !== 'granted') return stateOf(entry);
    const owing = await owingOf(lent);
    if (owing !== null) return owing;
    const provider = parts.provider(kindOfResource(entry.facts.resource));
    if (provider === null) {
      await beginEnd(lent, OFFER_GONE.code, OFFER_GONE.sentence);
      return stateOf(entry);
    }
    clearTimers(lent);
    await journal.move(entry, 'running', { startedAtMs: clock.nowMs(), code: '', reason: '' });
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
  /** Ends a lease whose money goes away while it runs: nothing of what is used afterwards would be paid. */
  const watchMoney = async (lent: Lent): Promise<void> => {
    const deal = dealOf(lent.entry, await rows.records(lent.entry.id));
    const sentence = deal === null ? null : await parts.terms.secured(deal);
    if (sentence !== null && lent.entry.state === 'running') await finish(lent, 'NOT_PAID', sentence);
  };
  /** Meters a running lease until its time is over: by the monotonic clock, whatever the wall clock does meanwhile. */
  const run = (lent: Lent): void => {
    const { endsAtMs, durationMs, tickMs, priceMicro } = lent.entry.facts;
    const leftMs = Math.min(durationMs, Math.max(0, endsAtMs - clock.nowMs()));
    lent.timers.push(
      clock.every(tickMs, () => {
        background(lent, 'A receipt could not be made', lent.account.tick());
      }),
      afterLong(clock, leftMs, () => {
        background(lent, 'A lease could not be ended', finish(lent, 'OVER', 'Its time is over.'));
      }),
    );
    if (priceMicro > 0n)
      lent.timers.push(
        clock.every(MONEY_MS, () => {
          background(lent, 'What is set aside for a lease could not be looked at', watchMoney(lent));
        }),
      );
    journal.changed(lent.entry);
  };

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
        return await entry.alone(() => grants.onProof(link, lent, question.file));
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
    place(lent, true);
    if (state === 'ending') {
      wind(lent);
      return;
    }
    const provider = parts.provider(kindOfResource(facts.resource));
    const goesOn = state === 'granted' || (provider?.survivesRestart === true && facts.endsAtMs > clock.nowMs());
    if (provider === null || !goesOn) {
      await beginEnd(lent, 'RESTARTED', RESTARTED);
      return;
    }
    try {
      await process.allocate();
      if (state === 'granted') {
        grants.awaitStart(lent);
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
          return await grants.onRequest(link, question.lease, question.record);
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
      const lent = lentOf(entry);
      if (!allowsRoute(link.route, lent.terms))
        throw new LeaseError(
          { code: 'NOT_YOURS', lease: id, verdict: 'ignore' },
          'Its owner lets nobody use it over this route; connect directly.',
        );
      return lent;
    },
    now: (entry) => {
      const process = lives.get(entry.id)?.process;
      if (process === undefined || entry.state !== 'running') return { effective: 0, used: null };
      return { effective: process.effective, used: process.use().used };
    },
    leasesOf: (resource) => book.leasesOf(resource),
    start: async () => {
      running = true;
      book.begin();
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
      book.halt();
      const notesUntilMs = clock.monotonicMs() + STOP_NOTES_MS;
      for (const lent of lives.values()) {
        const { entry, process, account } = lent;
        clearTimers(lent);
        // What was used so far is a row: the next run goes on from there, or ends with it.
        await entry
          .alone(async () => {
            if (entry.state === 'running' && clock.monotonicMs() < notesUntilMs) await account.note();
            await process.stop('The node is stopping.');
            await lent.stopped;
          })
          .catch((error: unknown) => {
            logger.warn('A lease could not be put down', { leaseId: entry.id, error: messageOf(error) });
          });
      }
      for (const lent of lives.values()) drop(lent);
    },
  };
};
