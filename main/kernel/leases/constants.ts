import type { AllocationType, CapacityUnit, ProofKind, ResourceKind } from '../../../preload/contract/index.ts';

const MINUTE_MS = 60_000;

// Words of the contract, from which main takes types only.

/** Unit in which each kind is lent. */
export const UNIT_OF: Readonly<Record<ResourceKind, CapacityUnit>> = {
  cpu: 'millicores',
  gpu: 'millicards',
  memory: 'bytes',
  storage: 'bytes',
  network: 'bytesPerSecond',
  container: 'containers',
  economic: 'microCaes',
};
export const RESOURCE_KINDS = Object.keys(UNIT_OF) as readonly ResourceKind[];
/** In the order in which faces list them, and in which offers do. */
export const PROOF_KINDS: readonly ProofKind[] = ['space', 'stake', 'work', 'time'];
export const ALLOCATION_TYPES: readonly AllocationType[] = ['Private', 'Public', 'Anonymous', 'Verified'];
export const GRID_CELLS = 168;

// Formats

/** A record of 3.3 KiB of keys and signatures around a payload; the largest, an offer, has below 1 KiB. */
export const LEASE_RECORD_BYTES_MAX = 8 * 1024;
/** Four or five records. */
export const LEASE_FILE_BYTES_MAX = 64 * 1024;
/** A year: the longest that an owner may allow. */
export const LEASE_MS_MAX = 525_600 * MINUTE_MS;
/** An offer is believed so long without being seen again: who sees a stale one asks in vain once. */
export const OFFER_LIFE_MS_MAX = 60 * MINUTE_MS;
/** A request waits no longer for an answer, so that one that was kept back cannot be shown days later. */
export const REQUEST_LIFE_MS_MAX = 15 * MINUTE_MS;
export const TICK_MS_MIN = 100;
export const TICK_MS_MAX = 60 * MINUTE_MS;
export const PURPOSE_CHARACTERS_MAX = 64;
/** Clocks of homes are wrong by this much and more; as STOQ has it for its records. */
export const CLOCK_TOLERANCE_MS = 3 * 60 * MINUTE_MS;

/** Proofs that a borrower makes for a lender take half a minute and more; older ones may be of another hour. */
export const PROOF_AGE_MS_MAX = 10 * MINUTE_MS;

// Address book and log

export const GROUPS_MAX = 64;
export const GROUP_PEERS_MAX = 256;
export const PRIVACY_LOG_MAX = 256;

// Offers

/** How long own offers are good for, and from when on they are made anew. */
export const OFFER_LIFE_MS = 30 * MINUTE_MS;
export const OFFER_RENEW_MS = 15 * MINUTE_MS;
/** Offers of one node: a machine with more cards than this shows the first ones. */
export const OFFERS_PER_PEER_MAX = 16;
