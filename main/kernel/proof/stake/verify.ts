import { hash } from 'node:crypto';
import { verifyRecord, verifySelfMadeCertificate } from '../../../base/crypto/index.ts';
import { findingOf, held, refused } from '../finding.ts';
import type { ProofFinding, VerifyContext } from '../interface.ts';
import { STAKE_PROOF_BYTES_MAX, decodeStakePayload } from './format.ts';

/** SHA-256 of the other proofs as they stand beside it. */
export interface PartHashes {
  space: Uint8Array;
  work: Uint8Array;
  time: Uint8Array;
}

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
/** Micro-Caesar as people read them. */
const caes = (micro: bigint): string =>
  `${micro / 1_000_000n}.${(micro % 1_000_000n).toString().padStart(6, '0')} CAES`;

/** SHA-256 of the proofs beside it, for {@link verifyStake}. */
export const partHashesOf = (parts: { space: Uint8Array; work: Uint8Array; time: Uint8Array }): PartHashes => ({
  space: hash('sha256', parts.space, 'buffer'),
  work: hash('sha256', parts.work, 'buffer'),
  time: hash('sha256', parts.time, 'buffer'),
});

/** Checks encoding, both signatures, signer, what was signed, and the certificate. Some ten milliseconds: three FALCON keys. */
export const verifyStake = (encoded: Uint8Array, context: VerifyContext, parts: PartHashes): ProofFinding =>
  findingOf('stake', () => {
    const { challenge, challengeHash, requirements, nowMs } = context;
    if (encoded.length > STAKE_PROOF_BYTES_MAX)
      return refused(
        'stake',
        'PROOF_TOO_LARGE',
        `It has ${encoded.length} bytes, and at most ${STAKE_PROOF_BYTES_MAX} are read.`,
      );
    const record = verifyRecord(encoded, { domain: 'proof-stake', signer: challenge.node });
    const payload = decodeStakePayload(record.payload);
    if (!same(payload.challenge, challengeHash))
      return refused('stake', 'CHALLENGE_MISMATCH', 'This proof of stake answers another challenge.');
    for (const kind of ['space', 'work', 'time'] as const)
      if (!same(payload[kind], parts[kind]))
        return refused(
          'stake',
          'PARTS_MISMATCH',
          `It was signed over another proof of ${kind} than the one beside it.`,
        );
    const { stake } = payload;
    if (!same(stake.network, challenge.network))
      return refused('stake', 'STAKE_IN_OTHER_NETWORK', 'Its stake lies in another network.');
    // Nothing below keeps stakes yet: whoever could look one up needs to know where.
    if (stake.micro > 0n && stake.height === null)
      return refused(
        'stake',
        'STAKE_UNFOUNDED',
        'It names a stake and no height of a ledger at which that could be looked up.',
      );
    if (stake.micro < requirements.stake.stakeMicroMin)
      return refused(
        'stake',
        'STAKE_TOO_LOW',
        `It stakes ${caes(stake.micro)}, and ${caes(requirements.stake.stakeMicroMin)} are required.`,
      );
    if (requirements.stake.stakeMicroMin > 0n)
      return refused(
        'stake',
        'STAKE_UNFOUNDED',
        `A stake is required, and ${caes(stake.micro)} are so by the signer’s own word alone: this program knows no ledger to look it up in.`,
      );
    if (requirements.stake.certificate === 'issued')
      return refused(
        'stake',
        'CERTIFICATE_NOT_ENOUGH',
        'A certificate that an authority issued is required, and this program knows only self-made ones.',
      );
    const certificate = verifySelfMadeCertificate(payload.certificate);
    if (!same(certificate.node.keyIdBytes, record.keyIdBytes))
      return refused('stake', 'CERTIFICATE_OF_OTHER_KEYS', 'Its certificate is of other keys than those that signed.');
    if (certificate.issuedAtMs > nowMs + requirements.time.skewMsMax)
      return refused('stake', 'CERTIFICATE_LATER', 'Its certificate was made later than the time that it is here.');
    const shown =
      stake.height === null
        ? 'stake 0, as a home network keeps none'
        : `stake ${caes(stake.micro)} by its own word, at height ${stake.height}`;
    return held(
      'stake',
      `Signed by the node with Ed25519 and FALCON-1024; certificate self-made, which no authority vouches for; ${shown}.`,
      { stakeMicro: Number(stake.micro) },
    );
  });
