import { isNodeError } from '../../../base/index.ts';
import type { Admitted, Candidate } from '../admission.ts';
import { type LeaseEntry, sameBytes } from '../engine/lease-entry.ts';
import type { Refusal } from '../engine/ports.ts';
import { afterLong } from '../engine/timer.ts';
import { encodeGrant, hashOfRecord } from '../formats/index.ts';
import type { LeaseId } from '../interface.ts';
import type { Link } from '../link.ts';
import type { LeaseAnswer } from '../protocol.ts';
import { type Lent, type LenderParts, type LentBook, refused } from './lent-book.ts';
import { createProofDesk } from './proof-desk.ts';
import { lentEntryOf, type ReadRequest, readRequest } from './read-request.ts';

/** Leases that this node lends at once, of all kinds together. */
export const LENT_MAX = 10_000;
/** Requests that are looked at, of all together: each takes threads a few milliseconds. */
const REQUESTS_AT_ONCE = 64;
/**
 * Leases that wait for proofs, of all together and of one peer. They take a row and a quarter of an hour each and are none of the leases
 * that an owner counts: without a bound, one peer that never proves anything would fill the table for everybody.
 */
const PROVING_MAX = 256;
const PROVING_PER_PEER_MAX = 4;

export const UNKNOWN = refused({ code: 'LEASE_UNKNOWN', sentence: 'There is no such lease here.' });
const NOT_READY: Refusal = { code: 'NOT_RUNNING', sentence: 'The lender is not ready; try again in a minute.' };
const NOT_FREE: Refusal = {
  code: 'CAPACITY_EXCEEDED',
  sentence: 'So much of it is not free at the moment; ask for less, or again later.',
};
export const stateOf = ({ state, totals, facts: { code, reason } }: LeaseEntry): LeaseAnswer => ({
  kind: 'state',
  state,
  sequence: totals.sequence,
  code,
  reason,
});

/** Of a granted lease that costs something, until that is set aside for good. */
export const AWAITS_PAYMENT = 'AWAITS_PAYMENT';

/** requested -> (proving ->) granted | refused */
export interface GrantDesk {
  onRequest(link: Link, id: LeaseId, record: Uint8Array): Promise<LeaseAnswer>;
  /** Within `alone`. */
  onProof(link: Link, lent: Lent, file: Uint8Array): Promise<LeaseAnswer>;
  /** Ends a granted lease that its borrower does not begin. */
  awaitStart(lent: Lent): void;
}
export const createGrantDesk = (
  parts: LenderParts,
  book: LentBook,
  /** Whether anybody gets anything now. */
  isRunning: () => boolean,
): GrantDesk => {
  const { outside, metrics, keys, prover, admission, rows, table, times, journal, sessions } = parts;
  const { clock } = outside;
  const { lives, open, drop, place, leasesOf, clearTimers, background, refuse, finish } = book;
  const desk = createProofDesk({ prover });
  let looking = 0;
  /** Leases that wait for proofs, with whom they wait for. Looked through before one is added; others are over. */
  const waits = new Map<LeaseId, string>();
  const mayProve = (link: Link, { id }: LeaseEntry): boolean => {
    const peer = link.party.kind === 'peer' ? link.party.peerId : '';
    let ofPeer = 0;
    for (const [waiting, who] of waits) {
      const state = table.get(waiting)?.state;
      if (state !== 'requested' && state !== 'proving') waits.delete(waiting);
      else if (who === peer) ofPeer += 1;
    }
    if (waits.size >= PROVING_MAX || ofPeer >= PROVING_PER_PEER_MAX) return false;
    waits.set(id, peer);
    return true;
  };

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
    if (known?.side === 'lent') return await known.alone(() => answerAgain(link, known, record));
    if (!isRunning() || keys.node() === null) return refused(NOT_READY);
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
        const first = table.get(id);
        // One that this node borrows, from whoever asks, maybe, without a name: told as late and as little as can be.
        if (first?.side === 'borrowed') return await refuseAsFull(link, read);
        // The same request came a second time while the first was read.
        return first === undefined ? UNKNOWN : await first.alone(() => answerAgain(link, first, record));
      }
      const answer = await entry.alone(() => admit(link, entry, read));
      metrics?.requests.inc(1, { outcome: answer.kind });
      parts.asked(read.own.offer.resource, answer.kind === 'refused' ? answer.code : answer.kind);
      if (answer.kind === 'granted') metrics?.grantSeconds.observe((clock.monotonicMs() - startedAtMs) / 1000);
      return answer;
    } finally {
      looking -= 1;
    }
  };
  const candidateOf = (link: Link, { request, own, far }: ReadRequest): Candidate => ({
    link,
    resource: own.offer.resource,
    borrower: far,
    amount: request.amount,
    durationMs: request.durationMs,
    priceMicroMax: request.priceMicroMax,
    ledger: request.ledger,
    proofs: null,
  });
  const refuseAsFull = async (link: Link, read: ReadRequest): Promise<LeaseAnswer> => {
    const admitted = await admission.check(candidateOf(link, read));
    return refused(admitted.kind === 'refused' ? admitted.refusal : NOT_FREE);
  };
  /** Within `alone`. What is refused leaves nothing behind: a stranger could fill the disk with it. */
  const admit = async (link: Link, entry: LeaseEntry, read: ReadRequest): Promise<LeaseAnswer> => {
    const { own, record } = read;
    const candidate = candidateOf(link, read);
    let lent: Lent;
    try {
      const admitted = await admission.check(candidate);
      if (admitted.kind === 'refused') {
        table.remove(entry.id);
        return refused(admitted.refusal);
      }
      if (admitted.kind === 'prove' && !mayProve(link, entry)) {
        table.remove(entry.id);
        return refused({
          code: 'BUSY',
          sentence: 'The lender waits for as many proofs as it can; show those that it waits for, or try again later.',
        });
      }
      await rows.insert(entry, { offer: own.record, request: record, secret: null });
      lent = open(entry, link, null);
      journal.changed(entry);
      if (admitted.kind === 'admitted') return await grant(lent, admitted);
      const { proofs, maxAgeMs } = admitted;
      lent.proving = { candidate, nonce: outside.random.bytes(32), proofs, maxAgeMs };
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
  const proveAnswer = ({ nonce, proofs, maxAgeMs }: NonNullable<Lent['proving']>): LeaseAnswer => ({
    kind: 'prove',
    nonce,
    proofs,
    maxAgeMs,
  });

  /** requested | proving -> granted. Allocates first, so that nothing is promised that is not there. */
  const grant = async (
    lent: Lent,
    { terms, priceMicro }: Extract<Admitted, { kind: 'admitted' }>,
  ): Promise<LeaseAnswer> => {
    const { entry, process } = lent;
    const { facts } = entry;
    // Others were granted while this one was looked at: nothing comes between this and taking the place.
    if (leasesOf(facts.resource) >= terms.leasesMax)
      return await refuse(lent, {
        code: 'TOO_MANY_LEASES',
        sentence: 'As many leases of it run as its owner allows; ask again when one has ended.',
      });
    place(lent, true);
    const signer = keys.node()?.signer;
    if (signer === undefined || facts.requestHash === null || facts.far === null || facts.address === null)
      return await refuse(lent, NOT_READY);
    try {
      await process.allocate();
    } catch (error) {
      if (!isNodeError(error)) throw error;
      // What exactly is free is the owner's business.
      return await refuse(lent, NOT_FREE);
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
        priceMicro,
        tickMs: facts.tickMs,
        startsAtMs,
        endsAtMs,
      }),
    );
    await journal.move(
      entry,
      'granted',
      { terms, priceMicro, endsAtMs, grantHash: hashOfRecord(record) },
      { grant: record },
    );
    lent.proving = null;
    awaitStart(lent);
    return { kind: 'granted', record };
  };
  const awaitStart = (lent: Lent): void => {
    clearTimers(lent);
    lent.timers.push(
      afterLong(clock, lent.entry.facts.priceMicro > 0n ? times.payingMs : times.grantedMs, () => {
        const { code, reason } = lent.entry.facts;
        background(
          lent,
          'A lease could not be ended',
          code === AWAITS_PAYMENT
            ? finish(lent, 'NOT_PAID', `What it may cost was not set aside in time. ${reason}`)
            : finish(lent, 'NOT_STARTED', 'The borrower did not begin in time.'),
        );
      }),
    );
  };
  const onProof = async (link: Link, lent: Lent, file: Uint8Array): Promise<LeaseAnswer> => {
    const { entry, proving } = lent;
    if (entry.state !== 'proving' || proving === null) return await grantedAgain(entry);
    const found = await desk.check(file, proving.nonce);
    if (found === 'busy')
      return refused({ code: 'BUSY', sentence: 'The lender checks other proofs now; try again in a moment.' });
    if (found === 'unreadable')
      return await refuse(lent, { code: 'PROOFS_FAILED', sentence: 'What was sent is no file of proofs.' });
    // By what is so now: proofs take minutes.
    const admitted = await admission.check({ ...proving.candidate, link, proofs: found });
    if (admitted.kind === 'admitted') return await grant(lent, admitted);
    return await refuse(
      lent,
      admitted.kind === 'refused'
        ? admitted.refusal
        : { code: 'PROOFS_FAILED', sentence: 'Its owner asks for other proofs now; ask again.' },
    );
  };

  return { onRequest, onProof, awaitStart };
};
