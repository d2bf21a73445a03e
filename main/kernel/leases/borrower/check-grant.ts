import type { LeaseGrant } from '../interface.ts';
import { CLOCK_TOLERANCE_MS } from '../constants.ts';
import { sameBytes } from '../engine/lease-entry.ts';

/** What a grant must answer. */
export interface Expected {
  id: string;
  requestHash: Uint8Array | null;
  borrower: Uint8Array;
  amount: number;
  durationMs: number;
  priceMicroMax: bigint;
  address: string | null;
}
/** @returns what is wrong with a grant whose signatures hold, for a sentence; null when it is what was asked for */
export const problemOfGrant = (grant: LeaseGrant, expected: Expected, nowMs: number): string | null => {
  if (grant.id !== expected.id) return 'it is for another lease';
  if (!sameBytes(grant.request, expected.requestHash)) return 'it answers another request';
  if (!sameBytes(grant.borrower, expected.borrower)) return 'it is for another borrower';
  if (grant.amount !== expected.amount) return 'it is for another amount';
  if (grant.priceMicro > expected.priceMicroMax) return 'it costs more than was agreed to';
  if (grant.endsAtMs - grant.startsAtMs > expected.durationMs) return 'it is for longer than was asked for';
  if (expected.address !== null && grant.address !== expected.address)
    return 'it is at another address than was offered';
  if (grant.endsAtMs + CLOCK_TOLERANCE_MS < nowMs) return 'it has run out';
  if (grant.startsAtMs - CLOCK_TOLERANCE_MS > nowMs) return 'it begins ahead of time';
  return null;
};
