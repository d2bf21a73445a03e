import type { AssetId, EventSource, Startable } from '../../base/index.ts';
import type { KeyId, KeyIdBytes, SignerKeys } from '../../base/crypto/index.ts';
import type { PeerId } from '../../transport/stoq/index.ts';
import type {
  AllocationType,
  CapacityUnit,
  LeaseVerdict,
  LeaseView,
  LendingTerms,
  OfferView,
  OwnOfferView,
  PrivacyPreview,
  ProofKind,
  ProvenCapacity,
  ResourceKey,
  ResourceKind,
} from '../../../preload/contract/index.ts';
import type { Link, Links, Party, RouteKind } from './link.ts';

/** `lease-` and 32 hexadecimal digits: 16 random bytes that the borrower draws. */
export type LeaseId = string & { readonly __brand: 'LeaseId' };
/** 128 bits in fd00::/8, written as RFC 5952 has it. */
export type GlobalAddress = string & { readonly __brand: 'GlobalAddress' };

// What is signed. Each has a page in docs/formats/; domains are listed in base/crypto's DOMAINS.

/** What an owner lends, docs/formats/lease-offer.md. Domain `lease-offer`. */
export interface Offer {
  asset: AssetId;
  kind: ResourceKind;
  resource: ResourceKey;
  unit: CapacityUnit;
  /** Most that one lease may have, in the unit. */
  amountMax: number;
  /** What the newest combined proof of the asset showed, null without one. */
  proven: ProvenCapacity | null;
  /** 168 percents, Monday 00:00 first, in the lender's local time. */
  grid: Uint8Array;
  /** Minutes east of UTC of that local time. */
  utcOffsetMinutes: number;
  allocationType: AllocationType;
  minutesMax: number;
  requiredProofs: readonly ProofKind[];
  relaysAllowed: boolean;
  /** Micro-CAES for an hour of the kind's `REFERENCE_AMOUNTS`, as every price; null: the market's, which without a ledger is 0. */
  priceMicro: bigint | null;
  /** Where leases of it can be reached: derived from the lender's keys and the asset id. */
  address: GlobalAddress;
  sequence: number;
  issuedAtMs: number;
  expiresAtMs: number;
}
/** What a borrower asks for, docs/formats/lease-request.md. Domain `lease-request`. */
export interface LeaseRequest {
  id: LeaseId;
  /** Sha-256 of the encoded offer record that it answers. */
  offer: Uint8Array;
  lender: KeyIdBytes;
  kind: ResourceKind;
  /** In the offer's unit, > 0. */
  amount: number;
  durationMs: number;
  /** Most that it pays, micro-CAES per reference amount and hour. */
  priceMicroMax: bigint;
  /** SHA-256 that names the network whose ledger it pays on; null: on none, so that it pays nothing. */
  ledger: Uint8Array | null;
  /** For the lender's eyes; at most 64 characters. */
  purpose: string;
  issuedAtMs: number;
  expiresAtMs: number;
}
/** What the lender promised, docs/formats/lease-grant.md. Domain `lease-grant`. */
export interface LeaseGrant {
  id: LeaseId;
  /** Sha-256 of the encoded request record. */
  request: Uint8Array;
  borrower: KeyIdBytes;
  amount: number;
  address: GlobalAddress;
  priceMicro: bigint;
  /** A receipt is due so often; whoever stops signing stops the service. */
  tickMs: number;
  startsAtMs: number;
  endsAtMs: number;
}
/** What was used so far, docs/formats/lease-receipt.md. Signed by the lender in `lease-receipt`, by the borrower in `lease-countersign`. */
export interface LeaseReceipt {
  id: LeaseId;
  /** Sha-256 of the encoded grant record. */
  grant: Uint8Array;
  /** From 1, without gaps. */
  sequence: number;
  /** All cumulative, never falling. Unit-seconds: amount × seconds in effect. */
  unitSeconds: number;
  sentBytes: number;
  receivedBytes: number;
  owedMicro: bigint;
  atMs: number;
  final: boolean;
}

// Admission

/** In this order; the first that fails is the reason. */
export const ADMISSION_STEPS = [
  'access',
  'privacy',
  'type',
  'proofs',
  'level',
  'capacity',
  'count',
  'length',
  'price',
] as const;
export type AdmissionStep = (typeof ADMISSION_STEPS)[number];

/** What the kernel asks of auth (services), until then of the home rule: whoever is not banned. */
export interface AccessCheck {
  /** @returns null when allowed, or a sentence that the borrower may see */
  refusal(party: Party, action: 'discover' | 'connect' | 'allocate', resource: ResourceKey): Promise<string | null>;
}
/** A granted lease, as far as paying for it goes: the same on both sides. */
export interface LeaseDeal {
  lease: LeaseId;
  side: 'lent' | 'borrowed';
  resource: ResourceKey;
  asset: AssetId;
  /** Who signs grant and receipts, and who countersigns those. */
  lender: KeyIdBytes;
  borrower: KeyIdBytes;
  /** Micro-CAES per reference amount and hour, and the most that it comes to. */
  priceMicro: bigint;
  mostMicro: bigint;
  /** By the lender's clock. */
  endsAtMs: number;
  /** Of the request: whose ledger it is paid on. */
  ledger: Uint8Array | null;
  /** A payment would tell who borrows. */
  anonymous: boolean;
}
/** A lease that is over, with what both signed. */
export interface Settlement extends LeaseDeal {
  endedAtMs: number;
  /** Signed records; the receipts are null where nothing was signed by both. */
  grant: Uint8Array;
  receipt: Uint8Array | null;
  countersigned: Uint8Array | null;
}
/** What the kernel asks of Caesar (apps): a home network without it lends for nothing. */
export interface Terms {
  /** The network that prices are in now; null: nothing costs anything. */
  ledger(): { id: Uint8Array; name: string } | null;
  /** Micro-CAES per reference amount and hour now. 0 without a ledger. */
  priceOf(resource: ResourceKey, price: LendingTerms['price']): bigint;
  /**
   * Borrower: sets aside what a lease may cost, and resolves once that cannot be undone. Idempotent by lease. Where it costs
   * nothing it never waits.
   *
   * @throws {LeaseError} `NOT_PAID` with the reason
   */
  escrow(deal: LeaseDeal, signal: AbortSignal): Promise<void>;
  /**
   * Lender: null once what a lease may cost is set aside for good, or a sentence for the borrower: what is waited for. Asked again
   * and again while the lease runs: a sentence then says why what is used from now on would not be paid.
   */
  secured(deal: LeaseDeal): Promise<string | null>;
  /**
   * Pays by the last countersigned receipt, and gives the rest back. Idempotent by lease.
   *
   * @returns whether that is final; where it is not, the same is asked again later
   */
  settle(settlement: Settlement): Promise<boolean>;
}
export const FREE_TERMS: Terms = {
  ledger: () => null,
  priceOf: () => 0n,
  escrow: async () => undefined,
  secured: () => Promise.resolve(null),
  settle: () => Promise.resolve(true),
};

// Privacy

/** Everybody that this node can meet, told apart as the privacy levels do. */
export const STRANGERS = ['own', 'trusted', 'member', 'publicMember', 'identified', 'anonymous'] as const;
/**
 * `own`: in the owner's group of own nodes. `trusted`: trusted by name, and named by the level where it names any. `member`: proved
 * to be in a private network that the level names. `publicMember`: proved to be in a public network that it names. `identified`:
 * any other verified peer. `anonymous`: behind a circuit. One party can be several; the best counts.
 */
export type Stranger = (typeof STRANGERS)[number];
export interface PrivacyRule {
  discover: boolean;
  connect: boolean;
  allocate: boolean;
  routes: readonly RouteKind[];
}
/** The owner's word for who may do what; one table, one place. */
export interface Privacy {
  /** Who somebody is for these terms. */
  standing(party: Party, terms: Pick<LendingTerms, 'privacyLevel' | 'privacyNames'>): readonly Stranger[];
  /** @returns null when allowed, or the sentence that says why not without telling more than that */
  refusal(
    link: Pick<Link, 'party' | 'route'>,
    action: 'discover' | 'connect' | 'allocate',
    terms: Pick<LendingTerms, 'privacyLevel' | 'privacyNames' | 'allocationType' | 'proxy'>,
  ): { step: 'privacy' | 'type'; sentence: string } | null;
}
/** Groups of peers that the owner made. `own` is always there: the owner's other nodes. */
export interface AddressBook extends EventSource<{ changed: null }> {
  groups(): readonly { name: string; peers: readonly PeerId[] }[];
  isIn(peer: PeerId, group: string): boolean;
  /** @throws {AddressBookError} `GROUP_INVALID` | `GROUPS_FULL` */
  set(name: string, peers: readonly PeerId[]): Promise<void>;
  remove(name: string): Promise<void>;
}

// Lending

/** What a lease is given to run on: a pool of memory, a forwarder, later a container. One per kind; higher rooms bring them. */
export interface LeaseProvider {
  readonly kind: ResourceKind;
  /** Whether it goes on where it was after this node was started again; what does not is ended with a receipt. */
  readonly survivesRestart: boolean;
  /** Most that one lease could have now beside level and book, in the unit; null: no bound of its own. */
  amountMax(): number | null;
  /** Really reserves it. @throws {NodeError} a sentence that the borrower may see */
  start(lease: LentLease): Promise<ProvidedLease>;
}
/** A lease as its provider sees it. */
export interface LentLease {
  readonly id: LeaseId;
  readonly resource: ResourceKey;
  readonly amount: number;
  readonly endsAtMs: number;
  readonly borrower: KeyId;
  readonly anonymous: boolean;
  readonly terms: LendingTerms;
}
export interface ProvidedLease {
  /** What it may take now, at most `amount`; told at once and whenever the level changes. Must hold within 1 s. */
  setEffective(amount: number): void;
  /** What it really takes now, in the unit, and bytes of its whole life so far. */
  use(): { used: number; sentBytes: number; receivedBytes: number };
  /** Gives everything back; bytes of the borrower are gone when it resolves. May be called twice. */
  stop(reason: string): Promise<void>;
}

export const LEASE_STATES = ['requested', 'proving', 'granted', 'running', 'ending', 'ended', 'refused'] as const;
export type LeaseState = (typeof LEASE_STATES)[number];

export interface BorrowRequest {
  /** As `search` gave it. */
  offer: string;
  amount: number;
  minutes: number;
  priceMicroMax: bigint;
  route: 'direct' | 'anonymous';
  purpose: string;
}
export interface OfferQuery {
  kind: ResourceKind | null;
  amountMin: number;
  priceMicroMax: bigint | null;
  trustedOnly: boolean;
  /** Ask again those who were asked within the last minute. */
  fresh: boolean;
}
/** A lease that this node has from another. */
export interface Borrowed {
  readonly id: LeaseId;
  readonly view: LeaseView;
  readonly lender: { peerId: PeerId; keys: SignerKeys };
  /** To the lender, made again when it broke; whoever the lender takes us for has been shown on it. @throws {PeerError} {LeaseError} */
  link(options?: { signal?: AbortSignal }): Promise<Link>;
}
export interface LeasesEvents {
  /** Something in the view of a lease is different. */
  leaseChanged: LeaseView;
  offersChanged: OwnOfferView[];
  /** Somebody asked for a lease of what is offered here. `code`: `granted`, `prove`, or that of the refusal. */
  asked: { resource: ResourceKey; code: string };
}
/** Front of `kernel/leases`: what is lent and borrowed. */
export interface Leases extends Startable, EventSource<LeasesEvents> {
  readonly links: Links;
  readonly privacy: Privacy;
  readonly addressBook: AddressBook;
  /** Before `start`. */
  addProvider(provider: LeaseProvider): void;
  ownOffers(): OwnOfferView[];
  /** What peers would see, which ports open, what may connect and where, before and after a change of terms. */
  previewTerms(resource: ResourceKey, change: Partial<LendingTerms>): PrivacyPreview;
  privacyLog(): Promise<PrivacyLogEntry[]>;

  search(
    query: OfferQuery,
    options?: { signal?: AbortSignal },
  ): Promise<{ offers: OfferView[]; asked: number; silent: number }>;
  /** Resolves once the lease is a row here; what becomes of it is told by `leaseChanged`. @throws {LeaseError} `OFFER_UNKNOWN` | `NOT_RUNNING` | `TOO_MANY_LEASES` */
  request(request: BorrowRequest): Promise<LeaseView>;
  /** Resolves when it runs, or has failed. */
  settled(id: LeaseId, options?: { signal?: AbortSignal }): Promise<LeaseView>;
  list(query: { side: 'lent' | 'borrowed' | 'all'; live: boolean | null; after: string | null }): Promise<LeaseView[]>;
  /** @param text - a lease id, or the beginning of one @throws {LeaseError} `LEASE_UNKNOWN` | `LEASE_AMBIGUOUS` */
  find(text: string): Promise<LeaseId>;
  /** Of live ones and those over. @throws {LeaseError} `LEASE_UNKNOWN` */
  get(id: LeaseId): Promise<LeaseView>;
  /** Either side may. Resolves when it has ended. @throws {LeaseError} `LEASE_UNKNOWN` */
  end(id: LeaseId, reason: string): Promise<LeaseView>;
  /** Offer, request, grant and the last countersigned receipt, to be checked by anybody; docs/formats/lease-file.md. */
  file(id: LeaseId): Promise<{ fileName: string; bytes: Uint8Array }>;
  /** Checks a file of anybody's lease. @throws {LeaseFormatError} when it is none */
  verifyFile(file: Uint8Array): Promise<LeaseVerdict>;
  /** @throws {LeaseError} `LEASE_UNKNOWN` | `NOT_RUNNING` */
  borrowed(id: LeaseId): Borrowed;
  /** For the data plane at the lender: the running lease, if whoever is at the link is its borrower. @throws {LeaseError} `NOT_YOURS` */
  authorize(link: Link, id: LeaseId): LentLease;
}
export interface PrivacyLogEntry {
  atMs: number;
  resource: ResourceKey;
  before: string;
  after: string;
  /** What was seen once the change was in force, one sentence each. */
  seen: string[];
}
