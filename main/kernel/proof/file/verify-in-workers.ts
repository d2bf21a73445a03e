import type { ProofVerdict } from '../../../../preload/contract/index.ts';
import type { WorkerPool } from '../../../base/index.ts';
import { type VerifyOptions, verifyCombinedInWorkers } from '../combined/verify-in-workers.ts';
import { decodeProofFile } from './format.ts';
import { type ProofFileCheck, contextOf, notesFor, toProofVerdict } from './verify.ts';

/**
 * Checks a proof file in threads of the pool; otherwise as `verifyProofFile`.
 *
 * @throws {ProofFileError} `PROOF_UNREADABLE`
 * @throws `signal.reason` when aborted
 */
export const verifyProofFileInWorkers = async (
  components: { workers: WorkerPool },
  encoded: Uint8Array,
  check: ProofFileCheck,
  options: VerifyOptions,
): Promise<ProofVerdict> => {
  const file = decodeProofFile(encoded);
  const verdict = await verifyCombinedInWorkers(components, file.proof, contextOf(file, check), options);
  return toProofVerdict(verdict, notesFor(verdict, check));
};
