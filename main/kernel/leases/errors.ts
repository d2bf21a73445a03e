import { NodeError, type Verdict } from '../../base/index.ts';

/** Bytes that somebody sent or kept and that are no offer, request, grant, receipt, session or lease file as its page has it. */
export class LeaseFormatError extends NodeError<
  | { code: 'LEASE_RECORD_MALFORMED'; what: string; problem: string; verdict: Verdict }
  /** Made by a newer version of the program. */
  | { code: 'LEASE_RECORD_VERSION'; what: string; found: number; verdict: Verdict }
  /** Its signatures do not hold, or it is signed for another purpose. */
  | { code: 'LEASE_RECORD_FORGED'; what: string; problem: string; verdict: Verdict }
  /** Not in force: run out, or from ahead of our clock. */
  | { code: 'LEASE_RECORD_OUT_OF_TIME'; what: string; verdict: Verdict }
> {
  override readonly name = 'LeaseFormatError';
}

/** What the front of leases refuses. */
export class LeaseError extends NodeError<
  /** Nobody offers it, or not to this node: the two are never told apart. */
  | { code: 'OFFER_UNKNOWN'; offer: string }
  | { code: 'OFFER_AMBIGUOUS'; offer: string; matches: number }
  | { code: 'LEASE_UNKNOWN'; lease: string }
  | { code: 'LEASE_AMBIGUOUS'; lease: string; matches: number }
  | { code: 'TOO_MANY_LEASES'; limit: number }
  /** No network, no identity, or a locked one. */
  | { code: 'NOT_RUNNING' }
  /** Whoever is at the link is not the borrower of that lease. */
  | { code: 'NOT_YOURS'; lease: string; verdict: Verdict }
  | { code: 'NOT_PAID'; lease: string }
  /** A lease of that name was asked for with other words. */
  | { code: 'LEASE_CONFLICT'; lease: string; verdict: Verdict }
> {
  override readonly name = 'LeaseError';
}

export class AddressBookError extends NodeError<
  | { code: 'GROUP_INVALID'; group: string; problem: string }
  | { code: 'GROUPS_FULL'; limit: number }
  /** What is stored is damaged or newer; it is left as it is. */
  | { code: 'GROUPS_UNREADABLE'; problem: string }
> {
  override readonly name = 'AddressBookError';
}
