import type { Logger, Outside } from '../../../base/index.ts';
import type { Signer, SignerKeys } from '../../../base/crypto/index.ts';
import type { PeerId } from '../../../transport/stoq/index.ts';
import type { LendingTerms, ResourceKey } from '../../../../preload/contract/index.ts';
import type { AllocationBook } from '../../assets/index.ts';
import type { KeyHolder, Prover } from '../../prover/index.ts';
import type { Admission } from '../admission.ts';
import type { LeaseProvider, Offer, Terms } from '../interface.ts';
import type { RecordOpener } from '../formats/index.ts';
import type { Links } from '../link.ts';
import type { LeaseMetrics } from '../metrics.ts';
import type { LeaseRows } from './lease-rows.ts';
import type { LeaseTable } from './lease-table.ts';

/** What this node offers under a hash, with the terms as they are now. */
export interface OwnOffer {
  offer: Offer;
  /** The signed record. */
  record: Uint8Array;
  terms: LendingTerms;
}
/** What another node offers, found before. */
export interface FoundOffer {
  offer: Offer;
  record: Uint8Array;
  /** Sha-256 of the record. */
  hash: Uint8Array;
  peerId: PeerId;
  keys: SignerKeys;
}
/** Why somebody gets nothing; the sentence is for the borrower. */
export interface Refusal {
  code: string;
  sentence: string;
}
export interface OfferSource {
  /** @param hash - sha-256 of the signed record. @returns null for what is not offered, or not any more */
  own(hash: Uint8Array): OwnOffer | null;
  /** @param id - hash in hex, or its beginning @throws {LeaseError} `OFFER_UNKNOWN` | `OFFER_AMBIGUOUS` */
  found(id: string): FoundOffer;
}

/** Whoever signs for a lease: this node, or keys that were made for that lease. */
export type LeaseSigner = Pick<Signer, 'keyIdBytes' | 'sign'>;

/** How long each state may last, and how often is metered; ms. */
export interface LeaseTimes {
  /** Receipts are due so often. @default 60 000 */
  tickMs: number;
  /** Borrower: until the lender has answered a request. @default 60 000 */
  requestedMs: number;
  /** Both: until the proofs are there. At a low level they take minutes. @default 900 000 */
  provingMs: number;
  /** Both: from the grant until the lease runs. @default 60 000 */
  grantedMs: number;
  /** Both: the same for a lease that costs something, which has to be set aside for good first. @default 300 000 */
  payingMs: number;
  /** Both: until the last receipt has two signatures. @default 60 000 */
  endingMs: number;
  /** Borrower: ticks without a word of the lender after which it counts as gone. @default 4 */
  silentTicks: number;
  /** One question and its answer. @default 10 000 */
  askMs: number;
  /** Between two tries of whatever did not work. @default 1 000 */
  retryMs: number;
}

/** What lender and borrower stand on. */
export interface EngineParts {
  outside: Outside;
  logger: Logger;
  metrics: LeaseMetrics | null;
  records: RecordOpener;
  links: Links;
  keys: KeyHolder;
  terms: Terms;
  prover: Pick<Prover, 'make' | 'file' | 'verify' | 'assets'>;
  allocations: AllocationBook;
  offers: OfferSource;
  admission: Pick<Admission, 'check'>;
  rows: LeaseRows;
  table: LeaseTable;
  times: LeaseTimes;
  provider(kind: LeaseProvider['kind']): LeaseProvider | null;
  /** A request for something that is offered was answered: with a refusal's code, `granted` or `prove`. */
  asked(resource: ResourceKey, code: string): void;
  /** What is held against a peer who sent what no honest program sends. */
  offend(peer: PeerId, offence: 'badRecord' | 'lied', detail: string): void;
  /** Signs for one lease alone, with keys made from 32 bytes. */
  freshSigner(entropy: Uint8Array): Promise<LeaseSigner>;
}
