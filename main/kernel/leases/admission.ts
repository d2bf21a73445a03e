import type { LendingTerms, ProofKind } from '../../../preload/contract/index.ts';
import type { PeerBook } from '../../transport/stoq/index.ts';
import type { Assets } from '../assets/index.ts';
import { PROOF_KINDS } from './constants.ts';
import type { Asked } from './engine/ports.ts';
import type { AccessCheck, AdmissionStep, Privacy, Terms } from './interface.ts';
import { NOTHING_HERE, NOTHING_HERE_CODE } from './privacy.ts';

/** Why somebody does not get a lease. */
export interface AdmissionRefusal {
  /** The first of `ADMISSION_STEPS` that failed; for the owner. */
  step: AdmissionStep;
  /** Such as `PRICE_TOO_LOW`; the borrower sees it. */
  code: string;
  /** The borrower sees it: what is wrong and what it can do, and nothing else of this machine. */
  sentence: string;
}
export interface AdmissionComponents {
  assets: Pick<Assets, 'levels'>;
  privacy: Privacy;
  access: AccessCheck;
  terms: Pick<Terms, 'priceOf'>;
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

/** What a borrower has to prove: all four where the owner lends only to the verified. */
export const requiredProofsOf = ({
  allocationType,
  requiredProofs,
}: Pick<LendingTerms, 'allocationType' | 'requiredProofs'>): readonly ProofKind[] =>
  allocationType === 'Verified' ? PROOF_KINDS : PROOF_KINDS.filter((kind) => requiredProofs.includes(kind));

const minutes = (ms: number): string => {
  const count = Math.floor(ms / 60_000);
  return count === 1 ? '1 minute' : `${count} minutes`;
};
type Step = (asked: Asked) => Omit<AdmissionRefusal, 'step'> | null;

/**
 * Whether somebody gets a lease, by the steps of `ADMISSION_STEPS` in their order, as the machine is now. Sets nothing aside. What is
 * to be proved is asked for by the lender once nothing else is in the way; here it is only seen whether the borrower could.
 */
export const createAdmission = ({
  assets,
  privacy,
  access,
  terms,
}: AdmissionComponents): ((asked: Asked) => Promise<AdmissionRefusal | null>) => {
  /** Proofs name their node: who must not be known cannot show them. */
  const proofs: Step = ({ link, own }) =>
    link.party.kind === 'anonymous' && requiredProofsOf(own.terms).length > 0
      ? {
          code: 'PROOFS_IMPOSSIBLE',
          sentence: 'Its owner asks for proofs, which name the node that made them; ask over a direct connection.',
        }
      : null;
  const level: Step = ({ own }) =>
    (assets.levels().find(({ resource }) => resource === own.offer.resource)?.percent ?? 0) > 0
      ? null
      : // Why it lends nothing is the owner's business.
        { code: 'NOT_LENDING', sentence: 'Nothing of it is lent at this hour; ask again later.' };
  const capacity: Step = ({ request, free }) =>
    request.amount <= free
      ? null
      : {
          code: 'CAPACITY_EXCEEDED',
          sentence:
            free < 1
              ? 'All of it is lent at the moment; ask again later.'
              : `Only ${free} of it is free at the moment; ask for less, or again later.`,
        };
  const count: Step = ({ own, live }) =>
    live < own.terms.leasesMax
      ? null
      : {
          code: 'TOO_MANY_LEASES',
          sentence: 'As many leases of it run as its owner allows; ask again when one has ended.',
        };
  const length: Step = ({ request, own }) => {
    const longestMs = own.terms.leaseMinutesMax * 60_000;
    return request.durationMs <= longestMs
      ? null
      : {
          code: 'TOO_LONG',
          sentence: `It is lent for at most ${minutes(longestMs)} at a time; ask for a shorter lease.`,
        };
  };
  const price: Step = ({ request, own }) => {
    const priceMicro = terms.priceOf(own.offer.resource, own.terms.price);
    return request.priceMicroMax >= priceMicro
      ? null
      : {
          code: 'PRICE_TOO_LOW',
          sentence: `It costs ${priceMicro} micro-CAES per unit and hour; ask again with at least that.`,
        };
  };
  const later: readonly (readonly [AdmissionStep, Step])[] = [
    ['proofs', proofs],
    ['level', level],
    ['capacity', capacity],
    ['count', count],
    ['length', length],
    ['price', price],
  ];

  return async (asked) => {
    const { link, own } = asked;
    const mayKnow = privacy.refusal(link, 'discover', own.terms) === null;
    const hidden = (step: AdmissionStep): AdmissionRefusal => ({
      step,
      code: NOTHING_HERE_CODE,
      sentence: NOTHING_HERE,
    });
    const byAccess = await access.refusal(link.party, 'allocate', own.offer.resource);
    if (byAccess !== null)
      return mayKnow ? { step: 'access', code: 'ACCESS_REFUSED', sentence: byAccess } : hidden('access');
    const byPrivacy = privacy.refusal(link, 'allocate', own.terms);
    if (byPrivacy !== null) {
      if (!mayKnow) return hidden(byPrivacy.step);
      return { ...byPrivacy, code: byPrivacy.step === 'privacy' ? 'PRIVACY_REFUSED' : 'TYPE_REFUSED' };
    }
    for (const [step, check] of later) {
      const refusal = check(asked);
      if (refusal !== null) return { step, ...refusal };
    }
    return null;
  };
};
