import { isNodeError, messageOf, type Startable } from '../../../base/index.ts';
import { keyIdBytesOf, parseKeyId } from '../../../base/crypto/index.ts';
import { PeerError } from '../../../transport/stoq/index.ts';
import { LEASE_PROOF_PURPOSE } from '../admission.ts';
import { REQUEST_LIFE_MS_MAX } from '../constants.ts';
import { dealOf } from '../engine/deal.ts';
import type { Journal } from '../engine/journal.ts';
import { createAlone, isOver, type LeaseEntry, NO_USE, sameBytes } from '../engine/lease-entry.ts';
import type { LeaseRow } from '../engine/lease-rows.ts';
import { leaseUnknown } from '../engine/lease-table.ts';
import type { EngineParts, FoundOffer } from '../engine/ports.ts';
import type { Settler } from '../engine/settler.ts';
import { afterLong } from '../engine/timer.ts';
import { LeaseError } from '../errors.ts';
import { decodeGrant, decodeReceipt, decodeRequest, encodeRequest, hashOfRecord } from '../formats/index.ts';
import type { BorrowRequest, LeaseId, LeaseRequest } from '../interface.ts';
import type { Link } from '../link.ts';
import { newLeaseId } from '../names.ts';
import type { LeaseAnswer, LeaseQuestion } from '../protocol.ts';
import { problemOfGrant } from './check-grant.ts';
import { createLenderAccess, type Loan } from './loan.ts';
import { createReceiptDesk } from './receipts.ts';
import { insideOf } from '../engine/inside.ts';

/** Leases that this node has from others at once. */
export const BORROWED_MAX = 1_000;
/** Codes with which a lender asks to be asked again. */
const AGAIN: ReadonlySet<string> = new Set(['BUSY', 'NOT_RUNNING', 'AWAITS_PAYMENT']);

/** The side that borrows: one method per arrow, each idempotent. */
export interface Borrower extends Startable {
  /** Resolves once it is a row. @throws {LeaseError} `OFFER_UNKNOWN` | `OFFER_AMBIGUOUS` | `NOT_RUNNING` | `TOO_MANY_LEASES` */
  request(request: BorrowRequest): Promise<LeaseEntry>;
  /** Receipts and ends, as lenders send them. */
  answer(link: Link, question: Extract<LeaseQuestion, { kind: 'receipt' | 'ended' }>): Promise<LeaseAnswer>;
  takeUp(entry: LeaseEntry, row: LeaseRow): void;
  end(entry: LeaseEntry, code: string, reason: string): Promise<void>;
  /** @throws {PeerError} {LeaseError} `NOT_RUNNING` when it has ended */
  link(entry: LeaseEntry, signal?: AbortSignal): Promise<Link>;
}
const UNKNOWN: LeaseAnswer = { kind: 'refused', code: 'LEASE_UNKNOWN', sentence: 'There is no such lease here.' };

export const createBorrower = (parts: EngineParts & { journal: Journal; settler: Settler }): Borrower => {
  const { outside, records, keys, terms, prover, offers, rows, table, times, journal, settler } = parts;
  const { clock } = outside;
  const logger = parts.logger.child('borrower');
  const access = createLenderAccess(parts);
  const desk = createReceiptDesk({ ...parts, access });
  const loans = new Map<LeaseId, Loan>();
  const takenUp: { entry: LeaseEntry; row: LeaseRow }[] = [];
  let running = false;

  const background = ({ entry, life }: Loan, what: string, work: Promise<unknown>): void => {
    work.catch((error: unknown) => {
      if (!life.signal.aborted) logger.warn(what, { leaseId: entry.id, error: messageOf(error) });
    });
  };
  const clearTimers = ({ timers }: Loan): void => {
    for (const cancel of timers.splice(0)) cancel();
  };
  const open = (entry: LeaseEntry, secret: Uint8Array | null): Loan => {
    const loan: Loan = {
      entry,
      secret,
      signer: null,
      grant: null,
      last: null,
      link: null,
      heardAtMs: clock.monotonicMs(),
      beganAtMs: null,
      timers: [],
      life: new AbortController(),
      ended: Promise.withResolvers(),
    };
    loans.set(entry.id, loan);
    return loan;
  };

  // -> ended | refused

  /** Within `alone`. */
  const conclude = async (loan: Loan, state: 'ended' | 'refused', code: string, reason: string): Promise<void> => {
    const { entry } = loan;
    if (loans.get(entry.id) !== loan || isOver(entry.state)) return;
    clearTimers(loan);
    // Why this side ended it stays, whatever the other says afterwards.
    const why = entry.state === 'ending' ? {} : { code, reason };
    await journal.move(entry, state, why);
    loans.delete(entry.id);
    loan.life.abort(new LeaseError({ code: 'NOT_RUNNING' }, 'The lease has ended.'));
    if (entry.facts.route === 'anonymous') void loan.link?.close();
    await settler.settle(entry);
    loan.ended.resolve();
  };
  const over = (loan: Loan, code: string, reason: string): Promise<void> =>
    loan.entry.alone(() => conclude(loan, 'ended', code, reason));
  /** What the lender says of a lease that does not run with it. */
  const overThere = async (loan: Loan, answer: LeaseAnswer): Promise<void> => {
    if (answer.kind === 'refused') {
      await over(loan, answer.code === 'LEASE_UNKNOWN' ? 'LENDER_FORGOT' : answer.code, answer.sentence);
      return;
    }
    if (answer.kind === 'state') await over(loan, answer.code === '' ? 'OVER' : answer.code, answer.reason);
    else await over(loan, 'LENDER_BROKEN', 'The lender answered what this protocol does not know; ask another one.');
  };

  // requested -> (proving ->) granted

  /** Asks until there is an answer that stands, or the time of the state is up. @returns null when it is up or the lease is over */
  const askUntil = async (
    loan: Loan,
    question: () => LeaseQuestion,
    untilMs: () => number,
  ): Promise<LeaseAnswer | null> => {
    const { signal } = loan.life;
    let problem = 'The lender cannot be reached.';
    while (!signal.aborted) {
      try {
        const answer = await access.ask(loan, question());
        loan.heardAtMs = clock.monotonicMs();
        if (answer.kind !== 'refused' || !AGAIN.has(answer.code)) return answer;
        problem = answer.sentence;
      } catch (error) {
        if (signal.aborted) return null;
        if (!isNodeError(error)) throw error;
        problem = error.message;
      }
      if (clock.monotonicMs() >= untilMs()) {
        await over(loan, 'UNREACHABLE', problem);
        return null;
      }
      await clock.sleep(times.retryMs, signal).catch(() => undefined);
    }
    return null;
  };
  const prove = async (nonce: Uint8Array): Promise<Uint8Array> => {
    const assets = prover.assets().filter(({ present }) => present);
    const asset = assets.find(({ kind }) => kind === 'cpu') ?? assets[0];
    if (asset === undefined)
      throw new LeaseError({ code: 'NOT_RUNNING' }, 'This node has no hardware that it could prove.');
    const made = await prover.make({
      asset: asset.asset as Parameters<typeof prover.make>[0]['asset'],
      purpose: LEASE_PROOF_PURPOSE,
      nonce,
    });
    return (await prover.file(made.id)).bytes;
  };
  const obtain = async (loan: Loan): Promise<void> => {
    const { entry } = loan;
    const requested = (await rows.records(entry.id))?.request;
    if (requested === undefined || requested === null) throw leaseUnknown(entry.id);
    let untilMs = clock.monotonicMs() + times.requestedMs;
    let proof: { nonce: Uint8Array; file: Uint8Array } | null = null;
    const question = (): LeaseQuestion =>
      proof === null
        ? { kind: 'request', lease: entry.id, record: requested }
        : { kind: 'proof', lease: entry.id, file: proof.file };
    while (entry.state === 'requested' || entry.state === 'proving') {
      const answer = await askUntil(loan, question, () => untilMs);
      if (answer === null) return;
      if (answer.kind === 'granted') {
        await entry.alone(() => accept(loan, answer.record, decodeRequest(insideOf(requested))));
        break;
      }
      if (answer.kind === 'prove') {
        // The same nonce again: what was sent did not do.
        if (entry.state === 'requested') {
          untilMs = clock.monotonicMs() + times.provingMs;
          await entry.alone(() => moveIf(loan, 'requested', 'proving'));
        } else if (clock.monotonicMs() >= untilMs) {
          await over(loan, 'PROOFS_LATE', 'The proofs could not be made in time.');
          return;
        }
        try {
          proof = { nonce: answer.nonce, file: await prove(answer.nonce) };
        } catch (error) {
          if (!isNodeError(error)) throw error;
          await over(loan, 'PROOFS_FAILED', `This node could not make the proofs: ${error.message}`);
          return;
        }
        continue;
      }
      // The lender was started again meanwhile and knows nothing of it: the request counts as before.
      if (proof !== null && answer.kind === 'refused' && answer.code === 'LEASE_UNKNOWN') {
        proof = null;
        continue;
      }
      if (answer.kind === 'refused') await entry.alone(() => conclude(loan, 'refused', answer.code, answer.sentence));
      else await overThere(loan, answer);
      return;
    }
    if (entry.state === 'granted') await begin(loan);
  };
  const moveIf = async (loan: Loan, from: LeaseEntry['state'], to: LeaseEntry['state']): Promise<void> => {
    if (loan.entry.state === from) await journal.move(loan.entry, to);
  };
  /** requested | proving -> granted. Within `alone`. */
  const accept = async (loan: Loan, record: Uint8Array, request: LeaseRequest): Promise<void> => {
    const { entry } = loan;
    const { facts } = entry;
    if (entry.state !== 'requested' && entry.state !== 'proving') return;
    let problem: string | null;
    try {
      const { payload, keyIdBytes } = await records.open('lease-grant', record);
      const grant = decodeGrant(payload);
      const borrower = (await access.signer(loan)).keyIdBytes;
      problem = sameBytes(keyIdBytes, facts.far)
        ? problemOfGrant(
            grant,
            { ...request, requestHash: facts.requestHash, borrower, address: facts.address },
            clock.nowMs(),
          )
        : 'it was signed by another';
      if (problem === null) {
        const route = facts.route === 'anonymous' ? facts.route : (loan.link?.route ?? facts.route);
        await journal.move(
          entry,
          'granted',
          {
            address: grant.address,
            priceMicro: grant.priceMicro,
            tickMs: grant.tickMs,
            endsAtMs: clock.nowMs() + (grant.endsAtMs - grant.startsAtMs),
            grantHash: hashOfRecord(record),
            route,
          },
          { grant: record },
        );
        loan.grant = grant;
        return;
      }
    } catch (error) {
      if (!isNodeError(error)) throw error;
      problem = error.message;
    }
    offend(loan, `a grant that counts for nothing: ${problem}`);
    await conclude(loan, 'ended', 'GRANT_INVALID', `The grant of the lender counts for nothing: ${problem}.`);
  };
  const offend = ({ entry }: Loan, detail: string): void => {
    if (entry.facts.peerId !== null) parts.offend(entry.facts.peerId, 'lied', detail);
  };

  // granted -> running

  /** @returns whether what the lease may cost is set aside; where it is not, the lease is over */
  const pay = async (loan: Loan): Promise<boolean> => {
    const { entry, life } = loan;
    const deal = dealOf(entry, await rows.records(entry.id));
    if (deal === null) throw leaseUnknown(entry.id);
    try {
      if (deal.priceMicro > 0n)
        await entry.alone(async () => {
          const reason = 'What it may cost is being set aside on the ledger.';
          if (entry.state === 'granted') await journal.note(entry, { code: 'AWAITS_PAYMENT', reason });
        });
      await terms.escrow(deal, life.signal);
      return entry.state === 'granted';
    } catch (error) {
      if (life.signal.aborted) return false;
      if (!isNodeError(error)) throw error;
      const { code, message } = error;
      await entry.alone(() => beginEnd(loan, code, message));
      return false;
    }
  };
  const begin = async (loan: Loan): Promise<void> => {
    const { entry } = loan;
    const { facts } = entry;
    if (!(await pay(loan))) return;
    // Kept before the lender is asked: from then on it may count.
    if (facts.startedAtMs === null)
      await entry.alone(async () => {
        if (entry.state === 'granted') await journal.note(entry, { startedAtMs: clock.nowMs() });
      });
    loan.beganAtMs ??= clock.monotonicMs() - Math.max(0, clock.nowMs() - (entry.facts.startedAtMs ?? clock.nowMs()));
    const untilMs = clock.monotonicMs() + (facts.priceMicro > 0n ? times.payingMs : times.grantedMs);
    const answer = await askUntil(
      loan,
      () => ({ kind: 'start', lease: entry.id }),
      () => untilMs,
    );
    if (answer === null) return;
    if (answer.kind === 'state' && answer.state === 'running') await entry.alone(() => runs(loan));
    else if (answer.kind === 'state' && answer.state === 'ending') await entry.alone(() => runs(loan));
    else await overThere(loan, answer);
  };
  const tellEnd = async (loan: Loan, reason: string): Promise<void> => {
    await access.ask(loan, { kind: 'end', lease: loan.entry.id, reason }).catch((error: unknown) => {
      if (!isNodeError(error)) throw error;
    });
  };
  /** granted -> running. Within `alone`. */
  const runs = async (loan: Loan): Promise<void> => {
    if (loan.entry.state !== 'granted') return;
    await journal.move(loan.entry, 'running', { code: '', reason: '' });
    watch(loan);
  };
  /** Asks after a lender that is silent: it may have been started again, or be elsewhere now. */
  const watch = (loan: Loan): void => {
    const { entry } = loan;
    const { tickMs } = entry.facts;
    let asking = false;
    const look = async (): Promise<void> => {
      const silentMs = clock.monotonicMs() - loan.heardAtMs;
      if (asking || silentMs < 1.5 * tickMs || entry.state !== 'running') return;
      asking = true;
      try {
        await status(loan);
      } catch (error) {
        if (!isNodeError(error)) throw error;
        if (clock.monotonicMs() - loan.heardAtMs > times.silentTicks * tickMs)
          await over(loan, 'LENDER_AWAY', 'The lender is gone.');
      } finally {
        asking = false;
      }
    };
    loan.timers.push(
      clock.every(Math.max(1, tickMs / 2), () => {
        background(loan, 'The lender could not be asked after a lease', look());
      }),
      // The lender ends it in time. Who does not is not waited for.
      afterLong(clock, Math.max(0, entry.facts.endsAtMs - clock.nowMs()) + times.endingMs, () => {
        background(loan, 'A lease could not be ended', over(loan, 'OVER', 'Its time is over.'));
      }),
    );
  };
  const status = async (loan: Loan): Promise<void> => {
    const answer = await access.ask(loan, { kind: 'status', lease: loan.entry.id });
    loan.heardAtMs = clock.monotonicMs();
    // `ending`: the last receipt is on its way.
    if (answer.kind === 'state' && (answer.state === 'running' || answer.state === 'ending')) return;
    await overThere(loan, answer);
  };

  // -> ending

  const windUp = (loan: Loan): void => {
    const { entry } = loan;
    const say = async (): Promise<void> => {
      const answer = await access.ask(loan, { kind: 'end', lease: entry.id, reason: entry.facts.reason });
      // `ending` there: its last receipt comes, and with it the end.
      if (answer.kind === 'state' && (answer.state === 'ending' || answer.state === 'running')) return;
      await overThere(loan, answer);
    };
    let asking = false;
    const again = (): void => {
      if (asking) return;
      asking = true;
      say()
        .catch((error: unknown) => {
          if (!isNodeError(error)) throw error;
        })
        .finally(() => {
          asking = false;
        });
    };
    loan.timers.push(
      clock.every(times.retryMs, again),
      afterLong(clock, times.endingMs, () => {
        background(loan, 'A lease could not be closed', over(loan, 'OVER', entry.facts.reason));
      }),
    );
    again();
  };
  const beginEnd = async (loan: Loan, code: string, reason: string): Promise<void> => {
    const { entry } = loan;
    if (entry.state === 'ending' || isOver(entry.state)) return;
    clearTimers(loan);
    if (entry.state === 'requested' || entry.state === 'proving') {
      // Maybe it has granted meanwhile; if this does not reach it, it ends what nobody begins.
      background(loan, 'The lender could not be told', tellEnd(loan, reason));
      await conclude(loan, 'ended', code, reason);
      return;
    }
    await journal.move(entry, 'ending', { code, reason });
    windUp(loan);
  };

  const countersignAgain = async (entry: LeaseEntry, record: Uint8Array): Promise<LeaseAnswer> => {
    const kept = await rows.records(entry.id);
    return kept !== null && kept.countersigned !== null && sameBytes(kept.receipt, record)
      ? { kind: 'countersigned', record: kept.countersigned }
      : UNKNOWN;
  };
  const onReceipt = async (loan: Loan, record: Uint8Array): Promise<LeaseAnswer> => {
    const taken = await desk.take(loan, record, false);
    if (taken.kind === 'signed') {
      loan.heardAtMs = clock.monotonicMs();
      // Its answer to our question was lost, but it runs: otherwise there were no receipt.
      await runs(loan);
    } else if (taken.lie !== null) {
      offend(loan, taken.lie);
      await beginEnd(loan, 'LENDER_LIED', `The lender sent a receipt that cannot be right: ${taken.lie}.`);
    }
    return taken.answer;
  };
  const onEnded = async (
    loan: Loan,
    link: Link,
    { code, reason, record }: Extract<LeaseQuestion, { kind: 'ended' }>,
  ): Promise<LeaseAnswer> => {
    const { entry } = loan;
    if (record === null) {
      const isLender =
        link === loan.link || (link.party.kind === 'peer' && sameBytes(parseKeyId(link.party.keyId), entry.facts.far));
      if (!isLender) return UNKNOWN;
      await conclude(loan, 'ended', code, reason);
      return { kind: 'ok' };
    }
    const taken = await desk.take(loan, record, true);
    if (taken.kind === 'signed') await conclude(loan, 'ended', code, reason);
    else if (taken.lie !== null) {
      offend(loan, taken.lie);
      await conclude(loan, 'ended', 'LENDER_LIED', `The last receipt of the lender cannot be right: ${taken.lie}.`);
    }
    return taken.answer;
  };

  /** Goes on where another run was cut off. */
  const resume = async (loan: Loan, { receipts }: LeaseRow): Promise<void> => {
    const { entry } = loan;
    const { facts } = entry;
    const kept = await rows.records(entry.id);
    if (kept?.grant !== null && kept !== null) loan.grant = decodeGrant(insideOf(kept.grant));
    const signed = receipts.findLast(({ countersigned }) => countersigned !== null);
    if (signed?.countersigned !== null && signed !== undefined)
      loan.last = {
        receipt: decodeReceipt(insideOf(signed.receipt)),
        record: signed.receipt,
        countersigned: signed.countersigned,
      };
    if (facts.startedAtMs !== null) {
      // By the wall clock, which is all that is left of the time before; never less than what was signed for.
      const byWallMs = Math.max(0, clock.nowMs() - facts.startedAtMs);
      const signedMs = ((loan.last?.receipt.unitSeconds ?? 0) / Math.max(1, facts.amount)) * 1000;
      loan.beganAtMs = clock.monotonicMs() - Math.min(facts.durationMs, Math.max(byWallMs, signedMs));
    }
    switch (entry.state) {
      case 'requested':
      case 'proving':
        await obtain(loan);
        return;
      case 'granted':
        await begin(loan);
        return;
      case 'running':
        watch(loan);
        await status(loan).catch((error: unknown) => {
          if (!isNodeError(error)) throw error;
        });
        return;
      default:
        windUp(loan);
    }
  };

  const entryOf = (found: FoundOffer, request: BorrowRequest, record: Uint8Array, asked: LeaseRequest): LeaseEntry => {
    const { offer } = found;
    return {
      id: asked.id,
      side: 'borrowed',
      state: 'requested',
      facts: {
        resource: offer.resource,
        unit: offer.unit,
        amount: asked.amount,
        allocationType: offer.allocationType,
        anonymous: offer.allocationType === 'Anonymous' || request.route === 'anonymous',
        route: request.route,
        purpose: asked.purpose,
        address: offer.address,
        requestedAtMs: asked.issuedAtMs,
        durationMs: asked.durationMs,
        startedAtMs: null,
        endsAtMs: asked.issuedAtMs + asked.durationMs,
        tickMs: times.tickMs,
        priceMicro: asked.priceMicroMax,
        code: '',
        reason: '',
        peerId: found.peerId,
        far: keyIdBytesOf(found.keys),
        farKeys: found.keys,
        requestHash: hashOfRecord(record),
        grantHash: null,
        terms: null,
      },
      totals: NO_USE,
      endedAtMs: null,
      settled: false,
      alone: createAlone(),
    };
  };

  return {
    request: async (request) => {
      const node = keys.node();
      if (!running || node === null)
        throw new LeaseError(
          { code: 'NOT_RUNNING' },
          'This node does not run, or its keys are locked; unlock them and try again.',
        );
      if (table.liveBorrowed >= BORROWED_MAX)
        throw new LeaseError(
          { code: 'TOO_MANY_LEASES', limit: BORROWED_MAX },
          `This node has ${BORROWED_MAX} leases already, the most that it keeps; end some of them first.`,
        );
      const found = offers.found(request.offer);
      const secret =
        found.offer.allocationType === 'Anonymous' || request.route === 'anonymous' ? outside.random.bytes(32) : null;
      const signer = secret === null ? null : parts.freshSigner(secret);
      const nowMs = clock.nowMs();
      const asked: LeaseRequest = {
        id: newLeaseId(outside.random),
        offer: found.hash,
        lender: keyIdBytesOf(found.keys),
        kind: found.offer.kind,
        amount: request.amount,
        durationMs: Math.round(request.minutes * 60_000),
        // A payment would name whoever is not to be known.
        priceMicroMax: secret === null ? request.priceMicroMax : 0n,
        // Named only by who would pay: nodes of an earlier version read such a request as one of a newer version.
        ledger: secret === null && request.priceMicroMax > 0n ? (terms.ledger()?.id ?? null) : null,
        purpose: request.purpose,
        issuedAtMs: nowMs,
        expiresAtMs: nowMs + REQUEST_LIFE_MS_MAX,
      };
      const record = await ((await signer) ?? node.signer).sign('lease-request', encodeRequest(asked));
      const entry = entryOf(found, request, record, asked);
      await rows.insert(entry, { offer: found.record, request: record, secret });
      table.add(entry);
      const loan = open(entry, secret);
      loan.signer = signer;
      journal.changed(entry);
      background(loan, 'A lease could not be had', obtain(loan));
      return entry;
    },
    answer: async (link, question) => {
      const entry = table.get(question.lease);
      if (entry === undefined || entry.side !== 'borrowed') return UNKNOWN;
      // A receipt signed on another link would tell the lender that both are of one borrower, and so would waiting for its turn.
      const isHidden = (): boolean =>
        (entry.facts.route === 'anonymous' || link.route === 'anonymous') && loans.get(entry.id)?.link !== link;
      if (isHidden()) return UNKNOWN;
      return await entry.alone(async () => {
        const loan = loans.get(entry.id);
        if (isHidden()) return UNKNOWN;
        if (loan === undefined)
          return question.record === null ? UNKNOWN : await countersignAgain(entry, question.record);
        return question.kind === 'receipt'
          ? await onReceipt(loan, question.record)
          : await onEnded(loan, link, question);
      });
    },
    takeUp: (entry, row) => {
      takenUp.push({ entry, row });
    },
    end: async (entry, code, reason) => {
      const loan = loans.get(entry.id);
      if (loan === undefined) return;
      await entry.alone(() => beginEnd(loan, code, reason));
      await loan.ended.promise;
    },
    link: async (entry, signal) => {
      const loan = loans.get(entry.id);
      if (loan === undefined)
        throw new LeaseError({ code: 'NOT_RUNNING' }, 'This lease has ended; ask for another one.');
      return await access.link(loan, signal);
    },
    start: async () => {
      running = true;
      for (const { entry, row } of takenUp.splice(0)) {
        const loan = open(entry, row.secret);
        background(loan, 'A lease could not be taken up again', resume(loan, row));
      }
      await Promise.resolve();
    },
    stop: async () => {
      running = false;
      for (const loan of loans.values()) {
        clearTimers(loan);
        loan.life.abort(new PeerError({ code: 'NOT_RUNNING' }, 'The node is stopping.'));
        // Whatever is being written is.
        await loan.entry.alone(() => Promise.resolve());
      }
      loans.clear();
    },
  };
};
