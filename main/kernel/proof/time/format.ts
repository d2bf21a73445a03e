import { encodeCbor } from '../../../base/codec.ts';
import { TIME_MS_MAX } from '../challenge.ts';
import {
  bytesOf,
  bytesUpTo,
  decodeStrict,
  fieldsOf,
  integerOf,
  listOf,
  literalOf,
  malformed,
  versionOf,
} from '../strict.ts';

// The format of docs/formats/proof-time.md: all that generator and verifier share.

export const TIME_VERSION = 1;
/** First element of the list that the chain starts from. */
export const TIME_START_LABEL = 'hypermesh-time';
/** Kind of what a peer signs, domain `proof-witness`. */
export const TIME_WITNESS_KIND = 'time-stamp';

/**
 * Bytes of a checkpoint: the first 16 of a segment's last hash. They are there to be compared: whoever has not computed the
 * segment guesses them with probability 2^-128. Nothing is gained from two segments with one checkpoint, as what follows
 * depends on all checkpoints before it and on nothing else of the segment.
 */
export const CHECKPOINT_BYTES = 16;
/** Steps from one checkpoint to the next: with more, a spot check of a proof that a stranger chose could take seconds. */
export const CHECKPOINT_STEPS_MIN = 16;
export const CHECKPOINT_STEPS_MAX = 8192;
/** The last segment absorbs the closing, so there is at least one before it. */
export const CHECKPOINTS_MIN = 2;
export const CHECKPOINTS_MAX = 65_536;
/** Each costs the verifier a FALCON signature. */
export const WITNESSES_MAX = 4;
/** A signed record around a stamp has 3.3 KiB. */
export const WITNESS_BYTES_MAX = 8192;
/** A clock that jumps more often than this while one chain runs stamps nothing. */
export const CLOCK_EVENTS_MAX = 16;
export const TIME_PROOF_BYTES_MAX = CHECKPOINTS_MAX * CHECKPOINT_BYTES + WITNESSES_MAX * WITNESS_BYTES_MAX + 4096;
/** Longest that a chain may say to have run, by any clock: the longest life of a challenge, and a day for clocks that differ. */
export const DURATION_MS_MAX = 8 * 24 * 3_600_000;

export const CLOCK_EVENT_KINDS = ['forward', 'backward', 'slept'] as const;

/** Something that the wall clock did while the chain ran. */
export interface TimeClockEvent {
  /** `forward`, `backward`: it was set. `slept`: the machine slept, and the clock is right. */
  kind: (typeof CLOCK_EVENT_KINDS)[number];
  /** Wall clock afterwards. */
  atMs: number;
  /** How far the wall clock went beyond, or stayed behind, the monotonic one. */
  byMs: number;
}

export interface TimeProof {
  challenge: Uint8Array;
  closing: Uint8Array;
  checkpointSteps: number;
  /** {@link CHECKPOINT_BYTES} of each segment, one after the other. */
  checkpoints: Uint8Array;
  /** Wall clock before the first step and after the last. */
  startedAtMs: number;
  finishedAtMs: number;
  /** The same by the monotonic clock, which may or may not count sleep. */
  durationMs: number;
  clockEvents: readonly TimeClockEvent[];
  /** Signed records of peers; see {@link TIME_WITNESS_KIND}. */
  witnesses: readonly Uint8Array[];
}

export const encodeTimeProof = (proof: TimeProof): Uint8Array =>
  encodeCbor({
    v: TIME_VERSION,
    kind: 'time',
    challenge: proof.challenge,
    closing: proof.closing,
    checkpointSteps: proof.checkpointSteps,
    checkpoints: proof.checkpoints,
    startedAtMs: proof.startedAtMs,
    finishedAtMs: proof.finishedAtMs,
    durationMs: proof.durationMs,
    clockEvents: proof.clockEvents.map(({ kind, atMs, byMs }) => ({ kind, atMs, byMs })),
    witnesses: proof.witnesses,
  });

const parseEvent = (value: unknown): TimeClockEvent => {
  const fields = fieldsOf(value, ['kind', 'atMs', 'byMs'], 'a clock event');
  const kind = CLOCK_EVENT_KINDS.find((name) => name === fields.kind);
  if (kind === undefined) throw malformed('a clock event is of no known kind');
  return {
    kind,
    atMs: integerOf(fields.atMs, 0, TIME_MS_MAX, 'the time of a clock event'),
    byMs: integerOf(fields.byMs, 0, TIME_MS_MAX, 'the size of a clock event'),
  };
};

/** @throws {ProofFormatError} `PROOF_TOO_LARGE` | `PROOF_MALFORMED` | `PROOF_VERSION` */
export const decodeTimeProof = (encoded: Uint8Array): TimeProof => {
  const fields = fieldsOf(
    decodeStrict(encoded, TIME_PROOF_BYTES_MAX, 'The proof of time'),
    [
      'v',
      'kind',
      'challenge',
      'closing',
      'checkpointSteps',
      'checkpoints',
      'startedAtMs',
      'finishedAtMs',
      'durationMs',
      'clockEvents',
      'witnesses',
    ],
    'the proof of time',
  );
  literalOf(fields.kind, 'time', 'the kind of the proof of time');
  versionOf(fields.v, TIME_VERSION, 'The proof of time');
  const checkpoints = bytesUpTo(fields.checkpoints, CHECKPOINTS_MAX * CHECKPOINT_BYTES, 'the checkpoints');
  if (checkpoints.length % CHECKPOINT_BYTES !== 0 || checkpoints.length < CHECKPOINTS_MIN * CHECKPOINT_BYTES)
    throw malformed(`the checkpoints are not at least ${CHECKPOINTS_MIN} of ${CHECKPOINT_BYTES} bytes`);
  return {
    challenge: bytesOf(fields.challenge, 32, 'the challenge of the proof of time'),
    closing: bytesOf(fields.closing, 32, 'the closing'),
    checkpointSteps: integerOf(
      fields.checkpointSteps,
      CHECKPOINT_STEPS_MIN,
      CHECKPOINT_STEPS_MAX,
      'the steps of a segment',
    ),
    checkpoints,
    startedAtMs: integerOf(fields.startedAtMs, 0, TIME_MS_MAX, 'the start of the chain'),
    finishedAtMs: integerOf(fields.finishedAtMs, 0, TIME_MS_MAX, 'the end of the chain'),
    durationMs: integerOf(fields.durationMs, 0, DURATION_MS_MAX, 'the duration of the chain'),
    clockEvents: listOf(fields.clockEvents, CLOCK_EVENTS_MAX, 'the clock events').map(parseEvent),
    witnesses: listOf(fields.witnesses, WITNESSES_MAX, 'the witnesses').map((witness) =>
      bytesUpTo(witness, WITNESS_BYTES_MAX, 'a witness'),
    ),
  };
};

/** What a peer signs in the domain `proof-witness` when it was shown the start or the end of a chain. */
export interface TimeStamp {
  /** `began`: the subject is the chain's start. `ended`: it is the chain's end. */
  moment: 'began' | 'ended';
  subject: Uint8Array;
  /** The peer's wall clock. */
  atMs: number;
}

export const encodeTimeStamp = ({ moment, subject, atMs }: TimeStamp): Uint8Array =>
  encodeCbor({ v: TIME_VERSION, kind: TIME_WITNESS_KIND, moment, subject, atMs });

/** @throws {ProofFormatError} `PROOF_MALFORMED` | `PROOF_VERSION` */
export const decodeTimeStamp = (payload: Uint8Array): TimeStamp => {
  const fields = fieldsOf(
    decodeStrict(payload, 256, 'The stamp of a peer'),
    ['v', 'kind', 'moment', 'subject', 'atMs'],
    'the stamp of a peer',
  );
  literalOf(fields.kind, TIME_WITNESS_KIND, 'the kind of the stamp');
  versionOf(fields.v, TIME_VERSION, 'The stamp of a peer');
  if (fields.moment !== 'began' && fields.moment !== 'ended') throw malformed('a stamp is of no known moment');
  return {
    moment: fields.moment,
    subject: bytesOf(fields.subject, 32, 'the subject of a stamp'),
    atMs: integerOf(fields.atMs, 0, TIME_MS_MAX, 'the time of a stamp'),
  };
};
