import type { Clock } from '../../base/index.ts';
import type { KeyIdBytes } from '../../base/crypto/index.ts';
import { keyIdText } from '../../base/crypto/index.ts';
import type { LendingTerms, Level, ProofKind, ProofVerdict, ResourceKey } from '../../../preload/contract/index.ts';
import type { Assets } from '../assets/index.ts';
import type { PeerBook } from '../../transport/stoq/index.ts';
import { CLOCK_TOLERANCE_MS, PROOF_AGE_MS_MAX, PROOF_KINDS, UNIT_OF } from './constants.ts';
import { kindOfResource, sameBytes, sayPrice } from './formats/index.ts';
import type { AccessCheck, AdmissionStep, Privacy, Terms } from './interface.ts';
import type { Link } from './link.ts';
import { NOTHING_HERE, NOTHING_HERE_CODE } from './privacy.ts';

/** Purpose of the proofs that a borrower makes for a lender. */
export const LEASE_PROOF_PURPOSE = 'lease';

/** What somebody wants of one resource, as the request says it, from whoever is at the link. */
export interface Candidate {
  link: Pick<Link, 'party' | 'route'>;
  resource: ResourceKey;
  /** Who signed the request. */
  borrower: KeyIdBytes;
  amount: number;
  durationMs: number;
  priceMicroMax: bigint;
  /** Network whose ledger it pays on; null: it pays nothing. */
  ledger: Uint8Array | null;
  /** The proofs that were asked for: what this node found on checking them against its own nonce. Null before. */
  proofs: ProofVerdict | null;
}
export interface Refusal {
  step: AdmissionStep;
  /** Such as `PRICE_TOO_LOW`; the borrower sees it. */
  code: string;
  /** The borrower sees it: what is wrong and what it can do, and nothing else of this machine. */
  sentence: string;
}
export type Admitted =
  | { kind: 'admitted'; terms: LendingTerms; priceMicro: bigint }
  /** Nothing is wrong so far, but these are to be shown, made for a nonce of this node's. */
  | { kind: 'prove'; proofs: readonly ProofKind[]; maxAgeMs: number }
  | { kind: 'refused'; refusal: Refusal };

/** Whether somebody gets a lease, by the nine steps of `ADMISSION_STEPS` in their order. */
export interface Admission {
  /** Looks at the machine as it is now; sets nothing aside. */
  check(candidate: Candidate): Promise<Admitted>;
  /** What these terms ask to be proved. */
  proofsOf(terms: Pick<LendingTerms, 'allocationType' | 'requiredProofs'>): readonly ProofKind[];
}
export interface AdmissionComponents {
  assets: Pick<Assets, 'share' | 'levels' | 'allocations'>;
  privacy: Privacy;
  access: AccessCheck;
  terms: Terms;
  clock: Clock;
  /** Leases of a resource that are granted or run. */
  leasesOf: (resource: ResourceKey) => number;
  /** Most that one lease could have beside level and book; null: no bound. Undefined: nothing lends that resource. */
  amountMax: (resource: ResourceKey) => number | null | undefined;
}
export interface AdmissionInit {
  /** Age of proofs that still count as fresh, ms. @default 10 minutes */
  proofAgeMsMax?: number;
}

/** Everybody whom the owner of this node has not banned: the rule of a home that has no other. */
export const createHomeAccess = ({ book }: { book: Pick<PeerBook, 'isBanned'> }): AccessCheck => ({
  refusal: (party) =>
    Promise.resolve(
      party.kind === 'peer' && book.isBanned(party.peerId)
        ? 'The owner of that node has banned yours; ask them why, by another way.'
        : null,
    ),
});

/** All four where the owner lends only to the verified. */
export const requiredProofsOf = ({
  allocationType,
  requiredProofs,
}: Pick<LendingTerms, 'allocationType' | 'requiredProofs'>): readonly ProofKind[] =>
  allocationType === 'Verified' ? PROOF_KINDS : PROOF_KINDS.filter((kind) => requiredProofs.includes(kind));

const minutes = (ms: number): string => {
  const count = Math.floor(ms / 60_000);
  return count === 1 ? '1 minute' : `${count} minutes`;
};

export const createAdmission = (components: AdmissionComponents, init: AdmissionInit = {}): Admission => {
  const { assets, privacy, access, clock } = components;
  const { proofAgeMsMax = PROOF_AGE_MS_MAX } = init;

  /** What the owner's terms and the machine say of one resource, null where there is nothing to lend. */
  const find = (resource: ResourceKey): { terms: LendingTerms; level: Level; amountMax: number | null } | null => {
    const share = assets.share().resources.find((one) => one.resource === resource);
    const level = assets.levels().find((one) => one.resource === resource);
    const amountMax = components.amountMax(resource);
    return share === undefined || level === undefined || amountMax === undefined
      ? null
      : { terms: share.terms, level, amountMax };
  };

  const accessStep = async ({ link, resource }: Candidate): Promise<Refusal | null> => {
    const sentence = await access.refusal(link.party, 'allocate', resource);
    return sentence === null ? null : { step: 'access', code: 'ACCESS_REFUSED', sentence };
  };
  const privacyStep = ({ link }: Candidate, terms: LendingTerms): Refusal | null => {
    const found = privacy.refusal(link, 'allocate', terms);
    if (found === null) return null;
    return { ...found, code: found.step === 'privacy' ? 'PRIVACY_REFUSED' : 'TYPE_REFUSED' };
  };
  /** Proofs tell who somebody is: who must not be known cannot show them. */
  const typeStep = ({ link }: Candidate, proofs: readonly ProofKind[]): Refusal | null =>
    link.party.kind === 'anonymous' && proofs.length > 0
      ? {
          step: 'type',
          code: 'TYPE_REFUSED',
          sentence: 'Its owner asks for proofs, which tell who made them; ask over a direct connection.',
        }
      : null;

  const proofsStep = ({ proofs, borrower }: Candidate, wanted: readonly ProofKind[]): Refusal | null => {
    if (proofs === null || wanted.length === 0) return null;
    const refuse = (code: string, sentence: string): Refusal => ({ step: 'proofs', code, sentence });
    if (proofs.node !== keyIdText(borrower))
      return refuse('PROOFS_OF_ANOTHER', 'The proofs are those of another node; make them with the keys that asked.');
    if (proofs.purpose !== LEASE_PROOF_PURPOSE)
      return refuse('PROOFS_FOR_ANOTHER_PURPOSE', 'The proofs were made for something else; make them for this lease.');
    // They answer a nonce that was drawn for this lease, so that they cannot be older than it; what they say of their time must agree,
    // as far as clocks do.
    const nowMs = clock.nowMs();
    const { finishedAtMs } = proofs;
    if (finishedAtMs < nowMs - proofAgeMsMax - CLOCK_TOLERANCE_MS || finishedAtMs > nowMs + CLOCK_TOLERANCE_MS)
      return refuse('PROOFS_STALE', `The proofs are older than ${minutes(proofAgeMsMax)}; make new ones.`);
    const failed = wanted.find((kind) => proofs.checks.find((check) => check.kind === kind)?.passed !== true);
    if (failed !== undefined) {
      const reason = proofs.checks.find((check) => check.kind === failed)?.reason ?? 'it is not there';
      return refuse('PROOFS_FAILED', `The proof of ${failed} does not hold: ${reason}`);
    }
    return null;
  };

  /** Capacity as it is free now: levels, promises of others and what the provider has. */
  const roomStep = (candidate: Candidate, level: Level, amountMax: number | null): Refusal | null => {
    const { resource, amount } = candidate;
    // Why it lends nothing is the owner's business.
    if (level.percent === 0)
      return { step: 'level', code: 'NOT_LENDING', sentence: 'Nothing of it is lent at this hour; ask again later.' };
    const free = Math.min(assets.allocations.free(resource), amountMax ?? Number.MAX_SAFE_INTEGER);
    if (!Number.isSafeInteger(amount) || amount < 1 || amount > free)
      return {
        step: 'capacity',
        code: 'CAPACITY_EXCEEDED',
        sentence:
          free < 1
            ? 'All of it is lent at the moment; ask again later.'
            : `Only ${free} of it is free at the moment; ask for less, or again later.`,
      };
    return null;
  };
  const countStep = ({ resource }: Candidate, terms: LendingTerms): Refusal | null =>
    components.leasesOf(resource) >= terms.leasesMax
      ? {
          step: 'count',
          code: 'TOO_MANY_LEASES',
          sentence: 'As many leases of it run as its owner allows; ask again when one has ended.',
        }
      : null;
  const lengthStep = ({ durationMs }: Candidate, terms: LendingTerms): Refusal | null => {
    const longestMs = terms.leaseMinutesMax * 60_000;
    return durationMs >= 1 && durationMs <= longestMs
      ? null
      : {
          step: 'length',
          code: 'TOO_LONG',
          sentence: `It is lent for at most ${minutes(longestMs)} at a time; ask for a shorter lease.`,
        };
  };
  const priceStep = (
    { link, resource, priceMicroMax, ledger }: Candidate,
    { allocationType }: Pick<LendingTerms, 'allocationType'>,
    priceMicro: bigint,
  ): Refusal | null => {
    if (priceMicro === 0n) return null;
    const refuse = (code: string, sentence: string): Refusal => ({ step: 'price', code, sentence });
    if (link.party.kind === 'anonymous' || allocationType === 'Anonymous')
      return refuse(
        'ANONYMOUS_COSTS',
        'It costs something, and a payment would tell who borrows; ask over a direct connection, or for one that costs nothing.',
      );
    if (priceMicroMax < priceMicro)
      return refuse(
        'PRICE_TOO_LOW',
        `It costs ${sayPrice(priceMicro, UNIT_OF[kindOfResource(resource)])}; ask again with at least that.`,
      );
    const own = components.terms.ledger();
    if (own === null || ledger === null || !sameBytes(own.id, ledger))
      return refuse(
        'OTHER_LEDGER',
        own === null
          ? 'Its owner takes no payments now; ask again later.'
          : `It is paid for on the network ${own.name}, and you pay on another; join that one with its genesis file and make it your current one.`,
      );
    return null;
  };

  const check = async (candidate: Candidate): Promise<Admitted> => {
    const refused = (refusal: Refusal): Admitted => ({ kind: 'refused', refusal });
    // Asked whether there is something to lend or not: who must not know cannot tell by the time it takes.
    const byAccess = await accessStep(candidate);
    const found = find(candidate.resource);
    if (found === null)
      return refused({
        step: byAccess === null ? 'privacy' : 'access',
        code: NOTHING_HERE_CODE,
        sentence: NOTHING_HERE,
      });
    const { terms, level, amountMax } = found;
    const first = byAccess ?? privacyStep(candidate, terms);
    if (first !== null)
      return refused(
        privacy.refusal(candidate.link, 'discover', terms) === null
          ? first
          : { step: first.step, code: NOTHING_HERE_CODE, sentence: NOTHING_HERE },
      );
    const wanted = requiredProofsOf(terms);
    const priceMicro = components.terms.priceOf(candidate.resource, terms.price);
    const early = typeStep(candidate, wanted) ?? proofsStep(candidate, wanted);
    if (early !== null) return refused(early);
    // Before anything is told of what is free here: an owner who asks for proofs wants to know first who asks.
    if (candidate.proofs === null && wanted.length > 0)
      return { kind: 'prove', proofs: wanted, maxAgeMs: proofAgeMsMax };
    const late =
      roomStep(candidate, level, amountMax) ??
      countStep(candidate, terms) ??
      lengthStep(candidate, terms) ??
      priceStep(candidate, terms, priceMicro);
    if (late !== null) return refused(late);
    return { kind: 'admitted', terms, priceMicro };
  };
  return { check, proofsOf: requiredProofsOf };
};
