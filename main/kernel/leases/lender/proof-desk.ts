import type { ProofVerdict } from '../../../../preload/contract/index.ts';
import type { Prover } from '../../prover/index.ts';
import { createAlone } from '../engine/lease-entry.ts';

/** Proofs that wait: each is up to a megabyte, and takes a thread for some tenths of a second. */
const WAITING_MAX = 16;

/** Checks proofs of borrowers, one at a time. */
export interface ProofDesk {
  /** @returns what was found; `busy` while too many wait; `unreadable` for what is no file of proofs */
  check(file: Uint8Array, nonce: Uint8Array): Promise<ProofVerdict | 'busy' | 'unreadable'>;
}
export const createProofDesk = ({ prover }: { prover: Pick<Prover, 'verify'> }): ProofDesk => {
  const alone = createAlone();
  let waiting = 0;
  return {
    check: async (file, nonce) => {
      if (waiting >= WAITING_MAX) return 'busy';
      waiting += 1;
      try {
        return await alone(() => prover.verify(file, nonce));
      } catch {
        return 'unreadable';
      } finally {
        waiting -= 1;
      }
    },
  };
};
