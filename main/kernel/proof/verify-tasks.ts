import { isNodeError } from '../../base/errors.ts';
import type { Task } from '../../base/workers/index.ts';
import { type CombinedContext, type CombinedVerdict, verifyCombined } from './combined/verify.ts';
import type { CombinedProof } from './interface.ts';
import { verifyOpening } from './space/verify.ts';

export interface VerifyInput {
  proof: CombinedProof | Uint8Array;
  context: CombinedContext;
}
export interface OpeningInput {
  opening: Uint8Array;
  wanted: Parameters<typeof verifyOpening>[1];
}
/** Typed errors do not cross from a thread as they are. */
export type VerifyOutput =
  | { readable: true; verdict: CombinedVerdict }
  | { readable: false; code: string; problem: string; message: string };

/** Checks in threads, so that the main thread is free meanwhile. */
export const proofVerifyTasks: Record<string, Task> = {
  /** Takes {@link VerifyInput}, gives {@link VerifyOutput}. */
  'proof.verify': (input): VerifyOutput => {
    const { proof, context } = input as VerifyInput;
    try {
      return { readable: true, verdict: verifyCombined(proof, context) };
    } catch (error) {
      if (!isNodeError(error)) throw error;
      const problem = 'problem' in error.data ? String(error.data.problem) : error.message;
      return { readable: false, code: error.code, problem, message: error.message };
    }
  },
  /** Takes {@link OpeningInput}, gives what `verifyOpening` does. */
  'proof.opening': (input) => {
    const { opening, wanted } = input as OpeningInput;
    return verifyOpening(opening, wanted);
  },
};
