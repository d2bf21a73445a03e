import type { LeaseDeal, Settlement } from '../interface.ts';
import { decodeGrant, decodeOffer, decodeRequest, kindOfResource, mostFor } from '../formats/index.ts';
import { insideOf, recordParts } from './inside.ts';
import type { LeaseEntry } from './lease-entry.ts';
import type { LeaseRecords } from './lease-rows.ts';

/** @returns null for a lease that was never granted, or of which nothing signed is kept */
export const dealOf = ({ id, side, facts }: LeaseEntry, records: LeaseRecords | null): LeaseDeal | null => {
  if (records === null || records.offer === null || records.request === null || records.grant === null) return null;
  const offer = recordParts(records.offer);
  const { asset } = decodeOffer(offer.payload, offer.signer);
  const { lender, ledger } = decodeRequest(insideOf(records.request));
  const { borrower, amount, priceMicro, startsAtMs, endsAtMs } = decodeGrant(insideOf(records.grant));
  return {
    lease: id,
    side,
    resource: facts.resource,
    asset,
    lender,
    borrower,
    priceMicro,
    mostMicro: mostFor(kindOfResource(facts.resource), amount, endsAtMs - startsAtMs, priceMicro),
    endsAtMs,
    ledger,
    anonymous: facts.anonymous,
  };
};

/** @returns null where there is nothing to settle: it was never granted */
export const settlementOf = (entry: LeaseEntry, records: LeaseRecords | null): Settlement | null => {
  const deal = dealOf(entry, records);
  if (deal === null || records === null || records.grant === null) return null;
  const { grant, receipt, countersigned } = records;
  const isSigned = receipt !== null && countersigned !== null;
  return {
    ...deal,
    endedAtMs: entry.endedAtMs ?? deal.endsAtMs,
    grant,
    receipt: isSigned ? receipt : null,
    countersigned: isSigned ? countersigned : null,
  };
};
