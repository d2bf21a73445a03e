import { timingSafeEqual } from 'node:crypto';
import { encodeCbor, type Random } from '../../../base/index.ts';
import { MAC_BYTES, NETWORKS_MAX } from './constants.ts';
import type { NetworkMembership } from './interface.ts';
import { macOf, type Role } from './key-schedule.ts';

/** Bytes that hold the proofs of one side: always sixteen of them, those that are none being random. */
export const PROOFS_BYTES = NETWORKS_MAX * MAC_BYTES;
/** Where there is no network, so that the time taken does not tell how many there are. */
const NO_KEY = new Uint8Array(32);

/** Who proves: a side of the handshake, or of docs/formats/stoq-membership.md. No proof can be sent back to its maker. */
type Prover = Role | 'asker' | 'answerer';
/** What the key of each network is put to. */
const provedBy = (role: Prover, hash: Uint8Array): Uint8Array => encodeCbor(['hypermesh stoq network', role, hash]);

/**
 * @param memberships - at most {@link NETWORKS_MAX}
 * @param hash - what the proofs hold for, and nothing else: it covers the channel or session and something fresh of the prover's
 * @returns 512 bytes, for all who do not hold a key no different from random ones
 */
export const makeNetworkProofs = (
  memberships: readonly NetworkMembership[],
  role: Prover,
  hash: Uint8Array,
  random: Random,
): Uint8Array => {
  const proofs = random.bytes(PROOFS_BYTES);
  // A member of one network sees where its proof lies; in a fixed order that would tell how many others there are.
  const places = Array.from({ length: NETWORKS_MAX }, (_, place) => place);
  for (let last = NETWORKS_MAX - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [places[last], places[other]] = [places[other] as number, places[last] as number];
  }
  const message = provedBy(role, hash);
  for (let n = 0; n < NETWORKS_MAX; n++) {
    const membership = memberships[n];
    const proof = macOf(membership?.key ?? NO_KEY, message);
    if (membership !== undefined) proofs.set(proof, (places[n] as number) * MAC_BYTES);
  }
  return proofs;
};

/** @returns those networks that the other side proved to be in. Takes as long for none as for sixteen. */
export const checkNetworkProofs = <M extends Pick<NetworkMembership, 'key'>>(
  memberships: readonly M[],
  role: Prover,
  hash: Uint8Array,
  proofs: Uint8Array,
): M[] => {
  const proved: M[] = [];
  const message = provedBy(role, hash);
  for (let n = 0; n < NETWORKS_MAX; n++) {
    const membership = memberships[n];
    const expected = macOf(membership?.key ?? NO_KEY, message);
    let found = false;
    for (let place = 0; place < NETWORKS_MAX; place++)
      if (timingSafeEqual(expected, proofs.subarray(place * MAC_BYTES, (place + 1) * MAC_BYTES))) found = true;
    if (found && membership !== undefined) proved.push(membership);
  }
  return proved;
};
