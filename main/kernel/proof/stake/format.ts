import { encodeCbor } from '../../../base/codec.ts';
import { bytesOf, bytesUpTo, decodeStrict, fieldsOf, integerOf, literalOf, textOf, versionOf } from '../strict.ts';

// The format of docs/formats/proof-stake.md: all that generator and verifier share.

export const STAKE_VERSION = 1;
/** A self-made certificate has 8.3 KiB. */
export const STAKE_CERTIFICATE_BYTES_MAX = 16 * 1024;
/** The signed record: the payload, two keys and two signatures. */
export const STAKE_PROOF_BYTES_MAX = 24 * 1024;
/** Whole micro-Caesar as decimal text, without leading zeros: exact, at any size. */
const MICRO = /^(?:0|[1-9]\d{0,29})$/;

export interface Stake {
  micro: bigint;
  /** Height of the ledger at which it was read; null where there is no ledger that keeps stakes, and then it is 0. */
  height: number | null;
  /** Network whose ledger it is. 32 bytes. */
  network: Uint8Array;
}

/** Payload of the signed record, domain `proof-stake`. */
export interface StakePayload {
  challenge: Uint8Array;
  /** SHA-256 of the other three proofs, as encoded. */
  space: Uint8Array;
  work: Uint8Array;
  time: Uint8Array;
  certificate: Uint8Array;
  stake: Stake;
}

export const encodeStakePayload = (payload: StakePayload): Uint8Array =>
  encodeCbor({
    v: STAKE_VERSION,
    kind: 'stake',
    challenge: payload.challenge,
    space: payload.space,
    work: payload.work,
    time: payload.time,
    certificate: payload.certificate,
    stake: {
      micro: payload.stake.micro.toString(),
      height: payload.stake.height,
      network: payload.stake.network,
    },
  });

/** @throws {ProofFormatError} `PROOF_TOO_LARGE` | `PROOF_MALFORMED` | `PROOF_VERSION` */
export const decodeStakePayload = (encoded: Uint8Array): StakePayload => {
  const fields = fieldsOf(
    decodeStrict(encoded, STAKE_PROOF_BYTES_MAX, 'The payload of the proof of stake'),
    ['v', 'kind', 'challenge', 'space', 'work', 'time', 'certificate', 'stake'],
    'the proof of stake',
  );
  literalOf(fields.kind, 'stake', 'the kind of the proof of stake');
  versionOf(fields.v, STAKE_VERSION, 'The proof of stake');
  const stake = fieldsOf(fields.stake, ['micro', 'height', 'network'], 'the stake');
  return {
    challenge: bytesOf(fields.challenge, 32, 'the challenge of the proof of stake'),
    space: bytesOf(fields.space, 32, 'the hash of the proof of space'),
    work: bytesOf(fields.work, 32, 'the hash of the proof of work'),
    time: bytesOf(fields.time, 32, 'the hash of the proof of time'),
    certificate: bytesUpTo(fields.certificate, STAKE_CERTIFICATE_BYTES_MAX, 'the certificate'),
    stake: {
      micro: BigInt(textOf(stake.micro, MICRO, 'the amount of the stake')),
      height:
        stake.height === null ? null : integerOf(stake.height, 0, Number.MAX_SAFE_INTEGER, 'the height of the stake'),
      network: bytesOf(stake.network, 32, 'the network of the stake'),
    },
  };
};
