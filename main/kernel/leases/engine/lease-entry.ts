import { assert } from '../../../base/index.ts';
import type { SignerKeys } from '../../../base/crypto/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import type { AllocationType, CapacityUnit, LendingTerms, ResourceKey } from '../../../../preload/contract/index.ts';
import type { GlobalAddress, LeaseId, LeaseState } from '../interface.ts';
import type { RouteKind } from '../link.ts';

/** What is known of a lease beside its state; kept with it, docs/formats/lease-rows.md. */
export interface LeaseFacts {
  resource: ResourceKey;
  unit: CapacityUnit;
  amount: number;
  allocationType: AllocationType;
  /** Nothing is kept that names the borrower: a key of this lease alone signs. */
  anonymous: boolean;
  route: RouteKind;
  purpose: string;
  address: GlobalAddress | null;
  requestedAtMs: number;
  durationMs: number;
  startedAtMs: number | null;
  endsAtMs: number;
  tickMs: number;
  priceMicro: bigint;
  /** Why it is in this state; empty without a reason. */
  code: string;
  reason: string;
  /** The other one; null for a borrower of whom nothing is kept. */
  peerId: PeerId | null;
  /** Key id that the other one signs with; null once it is forgotten. */
  far: Uint8Array | null;
  /** Borrowed: the lender's keys. */
  farKeys: SignerKeys | null;
  /** Sha-256 of the records. */
  requestHash: Uint8Array | null;
  grantHash: Uint8Array | null;
  /** Lent: as they were when it was granted. */
  terms: LendingTerms | null;
}
/** Cumulative, by the last receipt that both signed. */
export interface Totals {
  sequence: number;
  unitSeconds: number;
  sentBytes: number;
  receivedBytes: number;
  owedMicro: bigint;
}
export const NO_USE: Totals = { sequence: 0, unitSeconds: 0, sentBytes: 0, receivedBytes: 0, owedMicro: 0n };

export interface LeaseEntry {
  readonly id: LeaseId;
  readonly side: 'lent' | 'borrowed';
  state: LeaseState;
  facts: LeaseFacts;
  totals: Totals;
  endedAtMs: number | null;
  /** Pays and gives back are done. */
  settled: boolean;
  /** One arrow at a time. Never held while the other side is asked, which may be waiting for us. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Every arrow of both sides; what is not here does not happen. */
const ARROWS: Readonly<Record<LeaseState, readonly LeaseState[]>> = {
  requested: ['proving', 'granted', 'ended', 'refused'],
  proving: ['granted', 'ended', 'refused'],
  granted: ['running', 'ending', 'ended'],
  running: ['ending', 'ended'],
  ending: ['ended'],
  ended: [],
  refused: [],
};
export const isOver = (state: LeaseState): boolean => state === 'ended' || state === 'refused';
/** @throws {AssertionError} for an arrow that is none: a bug of ours */
export const checkArrow = (from: LeaseState, to: LeaseState): void => {
  assert(ARROWS[from].includes(to), `A lease does not go from ${from} to ${to}.`);
};

export const createAlone = (): LeaseEntry['alone'] => {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
};
export const sameBytes = (one: Uint8Array | null, other: Uint8Array | null): boolean =>
  one !== null && other !== null && Buffer.compare(one, other) === 0;
