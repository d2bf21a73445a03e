import { NodeError, type Verdict } from '../../../base/index.ts';

/** Why a proof shows nothing, or why a part of a snapshot is not what belongs under the root. */
export class StateError extends NodeError<
  | { code: 'PROOF_MALFORMED'; problem: string; verdict: Verdict }
  /** Well made, and of another root or another key. */
  | { code: 'PROOF_WRONG'; key: string; verdict: Verdict }
  | { code: 'MANIFEST_MALFORMED'; problem: string; verdict: Verdict }
  /** Well made, and of another root. */
  | { code: 'MANIFEST_WRONG'; verdict: Verdict }
  | { code: 'CHUNK_WRONG'; index: number; problem: string; verdict: Verdict }
  /** Made by a newer version. */
  | { code: 'VERSION_UNKNOWN'; what: string; found: number; verdict: Verdict }
> {
  override readonly name = 'StateError';
}
