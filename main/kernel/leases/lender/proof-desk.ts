import type { Clock } from '../../../base/index.ts';
import type { KeyId } from '../../../base/crypto/index.ts';
import type { ProofKind } from '../../../../preload/contract/index.ts';
import type { Prover } from '../../prover/index.ts';
import { CLOCK_TOLERANCE_MS } from '../constants.ts';
import { createAlone } from '../engine/lease-entry.ts';
import type { Refusal } from '../engine/ports.ts';
import { PROOF_PURPOSE } from '../protocol.ts';

/** Proofs that wait: each is up to a megabyte, and takes a thread for some tenths of a second. */
const WAITING_MAX = 16;

/** Checks proofs of borrowers, one at a time. */
export interface ProofDesk {
  /**
   * @param asked.kinds - proofs that must pass
   * @param asked.prover - key id of the node that they must be of
   * @returns null when they all hold and answer this nonce, or why not; `BUSY` while too many wait
   */
  check(
    file: Uint8Array,
    asked: { nonce: Uint8Array; kinds: readonly ProofKind[]; prover: KeyId; ageMs: number },
  ): Promise<Refusal | null>;
}
const no = (code: string, sentence: string): Refusal => ({ code, sentence });

export const createProofDesk = ({ prover, clock }: { prover: Pick<Prover, 'verify'>; clock: Clock }): ProofDesk => {
  const alone = createAlone();
  let waiting = 0;
  return {
    check: async (file, { nonce, kinds, prover: keyId, ageMs }) => {
      if (waiting >= WAITING_MAX) return no('BUSY', 'The lender checks other proofs now; try again in a moment.');
      waiting += 1;
      try {
        const verdict = await alone(() => prover.verify(file, nonce));
        if (verdict.node !== keyId)
          return no('PROOFS_OF_ANOTHER', 'The proofs are those of another node; make them with the keys that asked.');
        if (verdict.purpose !== PROOF_PURPOSE)
          return no('PROOFS_FOR_ANOTHER_PURPOSE', 'The proofs were made for something else; make them for this lease.');
        // The nonce was drawn for this lease, so that they are no older; what they say of their time must agree with that.
        const nowMs = clock.nowMs();
        const { finishedAtMs, expiresAtMs } = verdict;
        if (nowMs - finishedAtMs > ageMs + CLOCK_TOLERANCE_MS || finishedAtMs > nowMs + CLOCK_TOLERANCE_MS)
          return no('PROOFS_STALE', 'The proofs are too old; make new ones.');
        if (nowMs > expiresAtMs + CLOCK_TOLERANCE_MS)
          return no('PROOFS_STALE', 'The proofs have run out; make new ones.');
        for (const kind of kinds) {
          const check = verdict.checks.find((one) => one.kind === kind);
          if (check?.passed !== true)
            return no('PROOFS_FAILED', `The proof of ${kind} does not hold: ${check?.reason ?? 'it is not there'}`);
        }
        return null;
      } catch {
        return no('PROOFS_FAILED', 'What was sent is no file of proofs.');
      } finally {
        waiting -= 1;
      }
    },
  };
};
