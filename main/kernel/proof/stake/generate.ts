import { sha256 } from '../../../base/codec.ts';
import type { Signer } from '../../../base/crypto/index.ts';
import { type Stake, encodeStakePayload } from './format.ts';

export interface ProveStakeComponents {
  /** The node's unlocked keys. */
  signer: Signer;
  /** The node's certificate, docs/formats/certificate.md. */
  certificate: Uint8Array;
}

/**
 * Signs what the node stands for: the challenge and the other three proofs. Comes last, so that nothing can be exchanged
 * afterwards. One task of a worker, some tens of milliseconds.
 *
 * @throws {RecordError} `LOCKED` when the keys were locked meanwhile
 */
export const proveStake = (
  { signer, certificate }: ProveStakeComponents,
  challengeHash: Uint8Array,
  parts: { space: Uint8Array; work: Uint8Array; time: Uint8Array },
  stake: Stake,
): Promise<Uint8Array> =>
  signer.sign(
    'proof-stake',
    encodeStakePayload({
      challenge: challengeHash,
      space: sha256(parts.space),
      work: sha256(parts.work),
      time: sha256(parts.time),
      certificate,
      stake,
    }),
  );
