import { type AssetId, isNodeError } from '../../../base/index.ts';
import type { Prover } from '../../../kernel/prover/index.ts';
import { PROOF_AGE_MS_MAX, PROOF_BYTES_MAX } from '../ledger/constants.ts';

/** Proofs that are looked through, newest first. */
const LOOKED_MAX = 16;

/** A proof as a settlement carries it, docs/formats/proof-file.md. */
export interface ShownProof {
  id: string;
  bytes: Uint8Array;
}
/**
 * The newest proof of an asset that still says something of a lease which began then.
 *
 * @param bytesMax - room that a block has for it
 * @returns null where there is none: a lease is settled without one, for less
 */
export const proofFor = async (
  prover: Pick<Prover, 'list' | 'file'>,
  asset: AssetId,
  startsAtMs: number,
  bytesMax: number,
): Promise<ShownProof | null> => {
  for (const entry of await prover.list({ asset, limit: LOOKED_MAX })) {
    if (entry.verdict.finishedAtMs < startsAtMs - PROOF_AGE_MS_MAX) return null;
    try {
      const { bytes } = await prover.file(entry.id);
      if (bytes.length <= Math.min(bytesMax, PROOF_BYTES_MAX)) return { id: entry.id, bytes };
    } catch (error) {
      // Of older ones only the verdict is kept.
      if (!isNodeError(error)) throw error;
    }
  }
  return null;
};
