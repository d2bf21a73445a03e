import { NodeError, type AssetId } from '../../base/index.ts';

/** A proof could not be made or found. */
export class ProverError extends NodeError<
  /** There is no identity to prove with. */
  | { code: 'IDENTITY_NONE' }
  /** The keys are locked. */
  | { code: 'IDENTITY_LOCKED' }
  | { code: 'ASSET_UNKNOWN'; asset: string }
  /** As many proofs are asked for already as may wait. */
  | { code: 'PROVER_BUSY'; waitingMax: number }
  /** Its owner, or the end of the node, stopped it. */
  | { code: 'PROOF_CANCELLED'; asset: AssetId }
  /** Nothing is plotted that could answer, and no room may be taken for it now. */
  | { code: 'NO_SPACE_PLOTTED'; reason: string }
  /** It could not be made, or the verifier refused what was made. */
  | { code: 'PROOF_FAILED'; asset: AssetId; reason: string }
  | { code: 'PROOF_UNKNOWN'; id: string }
> {
  override readonly name = 'ProverError';
}

export const proofCancelled = (asset: AssetId, why: string): ProverError =>
  new ProverError({ code: 'PROOF_CANCELLED', asset }, `The proof was stopped: ${why}. Ask for it again when it suits.`);
export const proofFailed = (asset: AssetId, reason: string, cause?: unknown): ProverError =>
  new ProverError(
    { code: 'PROOF_FAILED', asset, reason },
    `The proof of ${asset} was not made: ${reason} Try again; \`hypermesh logs\` tells more.`,
    cause === undefined ? {} : { cause },
  );
