import { encodeCbor, sha256 } from '../../../base/codec.ts';
import { challengeFields, parseChallenge } from '../challenge.ts';
import type { CombinedProof } from '../interface.ts';
import { bytesUpTo, decodeStrict, fieldsOf, malformed, versionOf } from '../strict.ts';

// The format of docs/formats/proof.md.

export const COMBINED_VERSION = 1;
/** One of the four: the largest is a chain of 65 536 checkpoints, with 1.03 MiB. */
export const PART_BYTES_MAX = 1_310_720;
export const COMBINED_BYTES_MAX = 3 * 1024 * 1024;

/** The combined proof as it is encoded, for formats that hold it inside. */
export const combinedFields = (proof: CombinedProof): Record<string, unknown> => ({
  v: COMBINED_VERSION,
  challenge: challengeFields(proof.challenge),
  space: proof.space,
  stake: proof.stake,
  work: proof.work,
  time: proof.time,
});

/** @throws {ProofFormatError} `PROOF_MALFORMED` | `PROOF_VERSION` */
export const parseCombined = (value: unknown): CombinedProof => {
  const fields = fieldsOf(value, ['v', 'challenge', 'space', 'stake', 'work', 'time'], 'the combined proof');
  versionOf(fields.v, COMBINED_VERSION, 'The combined proof');
  const part = (found: unknown, what: string): Uint8Array => {
    const bytes = bytesUpTo(found, PART_BYTES_MAX, what);
    if (bytes.length === 0) throw malformed(`${what} is empty`);
    return bytes;
  };
  return {
    version: 1,
    challenge: parseChallenge(fields.challenge),
    space: part(fields.space, 'the proof of space'),
    stake: part(fields.stake, 'the proof of stake'),
    work: part(fields.work, 'the proof of work'),
    time: part(fields.time, 'the proof of time'),
  };
};

/** Canonical dag-cbor. @throws {ProofFormatError} `PROOF_MALFORMED` when a field breaks a limit */
export const encodeCombined = (proof: CombinedProof): Uint8Array => {
  const fields = combinedFields(proof);
  parseCombined(fields);
  return encodeCbor(fields);
};

/** @throws {ProofFormatError} `PROOF_TOO_LARGE` | `PROOF_MALFORMED` | `PROOF_VERSION` */
export const decodeCombined = (encoded: Uint8Array): CombinedProof =>
  parseCombined(decodeStrict(encoded, COMBINED_BYTES_MAX, 'The combined proof'));

/** Names a combined proof: SHA-256 over the dag-cbor list of the four encoded proofs, each of which names the challenge. 32 bytes. */
export const combinedId = ({ space, stake, work, time }: CombinedProof): Uint8Array =>
  new Uint8Array(sha256(encodeCbor([space, stake, work, time])));
