import type { AllocationType, ProofKind } from '../../../../preload/contract/index.ts';
import { encodeCbor } from '../../../base/codec.ts';
import { CLOCK_SKEW_MS_MAX } from '../challenge.ts';
import type { ProofRequirements } from '../interface.ts';
import { decodeStrict, fieldsOf, integerOf, listOf, malformed, textOf, versionOf } from '../strict.ts';
import { SPOT_SEGMENTS_DEFAULT } from '../time/constants.ts';

/** The four, in the order in which they are listed everywhere. */
export const PROOF_KINDS: readonly ProofKind[] = ['space', 'stake', 'work', 'time'];

/** Largest encoded requirements: all fields at their limits come to some 500 bytes. */
export const REQUIREMENTS_BYTES_MAX = 1024;
const REQUIREMENTS_VERSION = 1;
/** Sums of money have at most this many digits. */
const MICRO = /^(?:0|[1-9]\d{0,29})$/;
/** Largest number that is read where nothing smaller bounds it. */
const COUNT_MAX = Number.MAX_SAFE_INTEGER;

/**
 * What a proof must show where nobody asks for more: what this program makes by default, with room below for a machine
 * whose owner gives little. Smaller amounts are honest too, but the arguments of the format pages do not hold for them.
 */
export const DEFAULT_REQUIREMENTS: ProofRequirements = {
  kinds: PROOF_KINDS,
  maxAgeMs: null,
  space: {
    bytesMin: 1024 * 1024,
    windowLabelsMin: 2 ** 15,
    answersMin: 64,
    // As many as this program makes: with fewer, a false plot is found by trying in hours.
    openingsMin: 80,
    // By the asker's clock, with work, chain and signatures on the way at the owner's level.
    answerMsMax: 3_600_000,
  },
  stake: { certificate: 'any', stakeMicroMin: 0n },
  work: { multiplicationsMin: 2 ** 30, rowsMin: 32, multiplicationsPerSecondMin: 0 },
  time: { stepsMin: 2 ** 20, segments: SPOT_SEGMENTS_DEFAULT, skewMsMax: CLOCK_SKEW_MS_MAX },
};

/** A lease of type `Verified` counts on proofs of the same day. */
export const VERIFIED_MAX_AGE_MS = 24 * 3_600_000;

/** Parts of the requirements that one lease sets in its own way. */
export interface RequirementOverrides {
  maxAgeMs?: number | null;
  space?: Partial<ProofRequirements['space']>;
  stake?: Partial<ProofRequirements['stake']>;
  work?: Partial<ProofRequirements['work']>;
  time?: Partial<ProofRequirements['time']>;
}

/**
 * What an allocation demands. `Verified` asks for all four proofs of the last day, whatever else was asked for; every other
 * type for those that it names, of any age.
 *
 * @param requiredProofs - in any order, repeats allowed
 * @param overrides - win over the defaults; they cannot take a proof away from `Verified`
 */
export const requirementsFor = (
  allocationType: AllocationType,
  requiredProofs: readonly ProofKind[],
  overrides: RequirementOverrides = {},
): ProofRequirements => {
  const { maxAgeMs, space, stake, work, time } = DEFAULT_REQUIREMENTS;
  const isVerified = allocationType === 'Verified';
  const age = overrides.maxAgeMs === undefined ? (isVerified ? VERIFIED_MAX_AGE_MS : maxAgeMs) : overrides.maxAgeMs;
  return {
    kinds: PROOF_KINDS.filter((kind) => isVerified || requiredProofs.includes(kind)),
    maxAgeMs: age,
    space: { ...space, ...overrides.space },
    stake: { ...stake, ...overrides.stake },
    work: { ...work, ...overrides.work },
    time: { ...time, ...overrides.time },
  };
};

const CERTIFICATES = ['any', 'selfMade', 'issued'] as const;

const toFields = ({ kinds, maxAgeMs, space, stake, work, time }: ProofRequirements): Record<string, unknown> => ({
  v: REQUIREMENTS_VERSION,
  kinds: PROOF_KINDS.filter((kind) => kinds.includes(kind)),
  maxAgeMs,
  space: { ...space },
  stake: { certificate: stake.certificate, stakeMicroMin: stake.stakeMicroMin.toString() },
  work: { ...work },
  time: { ...time },
});

const parse = (value: unknown): ProofRequirements => {
  const what = 'the requirements';
  const fields = fieldsOf(value, ['v', 'kinds', 'maxAgeMs', 'space', 'stake', 'work', 'time'], what);
  versionOf(fields.v, REQUIREMENTS_VERSION, 'The requirements');
  const kinds = listOf(fields.kinds, PROOF_KINDS.length, 'the required proofs').map((kind) => {
    const known = PROOF_KINDS.find((name) => name === kind);
    if (known === undefined) throw malformed('a required proof is of no known kind');
    return known;
  });
  if (kinds.some((kind, index) => index > 0 && PROOF_KINDS.indexOf(kinds[index - 1]!) >= PROOF_KINDS.indexOf(kind)))
    throw malformed('the required proofs are not in their order');
  const space = fieldsOf(
    fields.space,
    ['bytesMin', 'windowLabelsMin', 'answersMin', 'openingsMin', 'answerMsMax'],
    'the required space',
  );
  const stake = fieldsOf(fields.stake, ['certificate', 'stakeMicroMin'], 'the required stake');
  const work = fieldsOf(
    fields.work,
    ['multiplicationsMin', 'rowsMin', 'multiplicationsPerSecondMin'],
    'the required work',
  );
  const time = fieldsOf(fields.time, ['stepsMin', 'segments', 'skewMsMax'], 'the required time');
  const certificate = CERTIFICATES.find((name) => name === stake.certificate);
  if (certificate === undefined) throw malformed('the required certificate is of no known kind');
  const count = (found: unknown, name: string): number => integerOf(found, 0, COUNT_MAX, name);
  return {
    kinds,
    maxAgeMs: fields.maxAgeMs === null ? null : count(fields.maxAgeMs, 'the greatest age'),
    space: {
      bytesMin: count(space.bytesMin, 'the required space'),
      windowLabelsMin: count(space.windowLabelsMin, 'the labels of a window'),
      answersMin: count(space.answersMin, 'the answers'),
      openingsMin: count(space.openingsMin, 'the openings'),
      answerMsMax: count(space.answerMsMax, 'the deadline'),
    },
    stake: { certificate, stakeMicroMin: BigInt(textOf(stake.stakeMicroMin, MICRO, 'the required stake')) },
    work: {
      multiplicationsMin: count(work.multiplicationsMin, 'the multiplications'),
      rowsMin: count(work.rowsMin, 'the rows'),
      multiplicationsPerSecondMin: count(work.multiplicationsPerSecondMin, 'the rate'),
    },
    time: {
      stepsMin: count(time.stepsMin, 'the steps'),
      segments: time.segments === 'whole' ? 'whole' : count(time.segments, 'the segments'),
      skewMsMax: count(time.skewMsMax, 'the difference of clocks'),
    },
  };
};

/** Canonical dag-cbor; docs/formats/proof.md. @throws {ProofFormatError} `PROOF_MALFORMED` when a field breaks a limit */
export const encodeRequirements = (requirements: ProofRequirements): Uint8Array => {
  const fields = toFields(requirements);
  parse(fields);
  return encodeCbor(fields);
};

/** @throws {ProofFormatError} `PROOF_TOO_LARGE` | `PROOF_MALFORMED` | `PROOF_VERSION` */
export const decodeRequirements = (encoded: Uint8Array): ProofRequirements =>
  parse(decodeStrict(encoded, REQUIREMENTS_BYTES_MAX, 'The requirements'));
