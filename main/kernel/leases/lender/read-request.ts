import { createAlone, type LeaseEntry, NO_USE, sameBytes } from '../engine/lease-entry.ts';
import type { EngineParts, OwnOffer, Refusal } from '../engine/ports.ts';
import { CLOCK_TOLERANCE_MS, TICK_MS_MAX } from '../constants.ts';
import { decodeRequest, hashOfRecord } from '../formats/index.ts';
import type { LeaseId, LeaseRequest } from '../interface.ts';
import type { Link } from '../link.ts';
import { NOTHING_HERE, NOTHING_HERE_CODE } from '../privacy.ts';
import type { Sessions } from './sessions.ts';

/** A request whose signatures hold, by somebody who may make it, for something that is offered. */
export interface ReadRequest {
  request: LeaseRequest;
  own: OwnOffer;
  /** Key id of the borrower. */
  far: Uint8Array;
  record: Uint8Array;
}
/** What is not offered, and what is offered to others only: nobody can tell the two apart. */
export const OFFER_GONE: Refusal = { code: NOTHING_HERE_CODE, sentence: NOTHING_HERE };
const foreign = (sentence: string): Refusal => ({ code: 'REQUEST_FOREIGN', sentence });

/** @returns the request, or why it counts for nothing here @throws {LeaseFormatError} */
export const readRequest = async (
  {
    outside,
    records,
    keys,
    offers,
    sessions,
  }: Pick<EngineParts, 'outside' | 'records' | 'keys' | 'offers'> & { sessions: Sessions },
  link: Link,
  id: LeaseId,
  record: Uint8Array,
): Promise<ReadRequest | { refusal: Refusal }> => {
  const { payload, keyIdBytes: far } = await records.open('lease-request', record);
  const request = decodeRequest(payload);
  const nowMs = outside.clock.nowMs();
  if (request.id !== id) return { refusal: foreign('The request is for another lease than it is sent for.') };
  if (!sameBytes(request.lender, keys.node()?.signer.keyIdBytes ?? null))
    return { refusal: foreign('The request is for another lender.') };
  if (!sessions.shows(link, far)) return { refusal: foreign('Whoever signed the request is not who sends it.') };
  if (request.expiresAtMs + CLOCK_TOLERANCE_MS < nowMs || request.issuedAtMs - CLOCK_TOLERANCE_MS > nowMs)
    return {
      refusal: { code: 'REQUEST_EXPIRED', sentence: 'The request is out of date; set both clocks and ask again.' },
    };
  const own = offers.own(request.offer);
  if (own === null || own.offer.kind !== request.kind) return { refusal: OFFER_GONE };
  return { request, own, far, record };
};

/**
 * Leases that are metered as often as was set. A receipt takes some 20 ms of a thread, so that so many at a tick of a minute take a
 * sixth of a core; beyond, ticks are longer, and metering takes no more.
 */
const LEASES_PER_TICK = 500;

/** The lease that a request would become. */
export const lentEntryOf = (
  { outside, table, terms, times }: Pick<EngineParts, 'outside' | 'table' | 'terms' | 'times'>,
  link: Link,
  { request, own, far, record }: ReadRequest,
): LeaseEntry => {
  const nowMs = outside.clock.nowMs();
  const { resource, unit, allocationType } = own.offer;
  const anonymous = link.party.kind === 'anonymous' || allocationType === 'Anonymous';
  return {
    id: request.id,
    side: 'lent',
    state: 'requested',
    facts: {
      resource,
      unit,
      amount: request.amount,
      allocationType,
      anonymous,
      route: link.route,
      purpose: request.purpose,
      address: own.offer.address,
      requestedAtMs: nowMs,
      durationMs: request.durationMs,
      startedAtMs: null,
      endsAtMs: nowMs + request.durationMs,
      tickMs: Math.min(TICK_MS_MAX, times.tickMs * (1 + Math.floor(table.liveLent / LEASES_PER_TICK))),
      priceMicro: terms.priceOf(resource, own.terms.price),
      code: '',
      reason: '',
      peerId: link.party.kind === 'anonymous' || anonymous ? null : link.party.peerId,
      far,
      farKeys: null,
      requestHash: hashOfRecord(record),
      grantHash: null,
      terms: own.terms,
    },
    totals: NO_USE,
    endedAtMs: null,
    settled: false,
    alone: createAlone(),
  };
};
