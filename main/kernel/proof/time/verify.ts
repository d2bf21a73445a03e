import { hash } from 'node:crypto';
import { encodeCbor } from '../../../base/codec.ts';
import { keyIdText, verifyRecord } from '../../../base/crypto/index.ts';
import { figure, findingOf, held, refused } from '../finding.ts';
import type { ProofFinding, VerifyContext } from '../interface.ts';
import { STEPS_PER_MS_MAX } from './constants.ts';
import {
  CHECKPOINT_BYTES,
  TIME_START_LABEL,
  TIME_VERSION,
  type TimeProof,
  decodeTimeProof,
  decodeTimeStamp,
} from './format.ts';

// Hashes with the platform's SHA-256, the generator with one of its own: a fault of either shows.

const sha256Of = (...parts: readonly Uint8Array[]): Uint8Array =>
  hash('sha256', parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts), 'buffer');
const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

/**
 * Writes the SHA-256 of `data` to the beginning of `target`, which may be the same bytes. The platform gives a text nearly
 * three times as fast as a buffer, and a chain is checked by thousands of hashes.
 */
const hashInto = (target: Uint8Array, data: Uint8Array): void => {
  const text = hash('sha256', data, 'binary');
  for (let place = 0; place < text.length; place += 1) target[place] = text.charCodeAt(place);
};

/** One segment: from where it starts, where it must end. Plain data, so that it crosses into a worker. */
export interface TimeSegment {
  index: number;
  start: Uint8Array;
  checkpoint: Uint8Array;
}

/** Computes segments again. @returns the index of the first that does not end in its checkpoint; null when all do */
export const firstBrokenSegment = (segments: readonly TimeSegment[], checkpointSteps: number): number | null => {
  for (const { index, start, checkpoint } of segments) {
    const state = Uint8Array.from(start);
    for (let step = 0; step < checkpointSteps; step += 1) hashInto(state, state);
    if (!same(state.subarray(0, CHECKPOINT_BYTES), checkpoint)) return index;
  }
  return null;
};

/** Starts of all segments, each a hash over all checkpoints before it; and the chain's start and end. */
export const segmentsOf = (
  proof: TimeProof,
  challengeHash: Uint8Array,
  anchorHash: Uint8Array | null,
): { segments: TimeSegment[]; start: Uint8Array; end: Uint8Array } => {
  const { checkpoints, checkpointSteps, closing } = proof;
  const count = checkpoints.length / CHECKPOINT_BYTES;
  const start = sha256Of(
    encodeCbor([TIME_START_LABEL, TIME_VERSION, challengeHash, anchorHash, count * checkpointSteps, checkpointSteps]),
  );
  const segments: TimeSegment[] = [];
  // Thousands of hashes of 48 bytes: one buffer serves them all.
  const block = new Uint8Array(start.length + CHECKPOINT_BYTES);
  let transcript = start;
  block.set(start);
  for (let index = 0; index < count; index += 1) {
    const checkpoint = checkpoints.subarray(index * CHECKPOINT_BYTES, (index + 1) * CHECKPOINT_BYTES);
    segments.push({ index, start: index === count - 1 ? sha256Of(transcript, closing) : transcript, checkpoint });
    block.set(checkpoint, start.length);
    hashInto(block, block);
    transcript = block.slice(0, start.length);
  }
  return { segments, start, end: transcript };
};

/**
 * Places of a spot check, none twice: a Fisher–Yates draw from SHA-256 over the verifier's seed and a counter. 48 bits per
 * draw, so that the remainder favours no place by more than 2^-32.
 */
export const spotPlaces = (checkSeed: Uint8Array, count: number, wanted: number): number[] => {
  if (wanted >= count) return Array.from({ length: count }, (_unused, index) => index);
  const moved = new Map<number, number>();
  const places: number[] = [];
  for (let drawn = 0; drawn < wanted; drawn += 1) {
    const bytes = sha256Of(encodeCbor(['hypermesh-time-spots', checkSeed, drawn]));
    const other = drawn + (Buffer.from(bytes).readUIntBE(0, 6) % (count - drawn));
    places.push(moved.get(other) ?? other);
    moved.set(other, moved.get(drawn) ?? drawn);
  }
  return places.toSorted((one, two) => one - two);
};

/** All that does not need the chain to be computed again. @returns what is wrong, or what goes on */
const checkStamps = (proof: TimeProof, context: VerifyContext): ProofFinding | null => {
  const { challenge, requirements, nowMs, anchorTimeMs } = context;
  const { skewMsMax, stepsMin } = requirements.time;
  const { startedAtMs, finishedAtMs, durationMs, clockEvents } = proof;
  const steps = (proof.checkpoints.length / CHECKPOINT_BYTES) * proof.checkpointSteps;
  if (steps < stepsMin)
    return refused(
      'time',
      'TOO_FEW_STEPS',
      `The chain has ${figure(steps)} steps, and ${figure(stepsMin)} are required.`,
    );
  if (startedAtMs > finishedAtMs)
    return refused('time', 'STAMPS_OUT_OF_ORDER', 'It says to have ended before it began.');
  if (startedAtMs + skewMsMax < challenge.issuedAtMs)
    return refused('time', 'STAMPS_OUT_OF_ORDER', 'It says to have begun before the challenge was issued.');
  if (finishedAtMs > nowMs + skewMsMax)
    return refused(
      'time',
      'FROM_THE_FUTURE',
      `It says to end ${figure(finishedAtMs - nowMs)} ms after the time that it is here.`,
    );
  if (finishedAtMs > challenge.expiresAtMs)
    return refused('time', 'EXPIRED', 'It was finished after the challenge had expired.');
  if (anchorTimeMs !== null && startedAtMs + skewMsMax < anchorTimeMs)
    return refused('time', 'BEFORE_ANCHOR', 'It says to have begun before the block at which it is anchored was made.');
  if (steps > (durationMs + 1) * STEPS_PER_MS_MAX)
    return refused(
      'time',
      'RATE_IMPLAUSIBLE',
      `It says to have done ${figure(steps)} steps in ${figure(durationMs)} ms, which no hardware can.`,
    );
  const jump = clockEvents.find(({ kind }) => kind !== 'slept');
  if (jump !== undefined)
    return refused('time', 'CLOCK_JUMPED', `Its clock was set by ${figure(jump.byMs)} ms while the chain ran.`);
  const sleptMs = clockEvents.reduce((sum, { byMs }) => sum + byMs, 0);
  // A monotonic clock that counts sleep differs by nothing, one that does not by the sleep.
  const apartMs = finishedAtMs - startedAtMs - durationMs;
  if (apartMs < -skewMsMax || apartMs > sleptMs + skewMsMax)
    return refused(
      'time',
      'CLOCK_INCONSISTENT',
      `Its wall clock and its monotonic clock differ by ${figure(Math.abs(apartMs))} ms over the chain.`,
    );
  const maxAgeMs = requirements.maxAgeMs;
  if (maxAgeMs !== null && nowMs - finishedAtMs > maxAgeMs)
    return refused(
      'time',
      'TOO_OLD',
      `It was finished ${figure(nowMs - finishedAtMs)} ms ago, and at most ${figure(maxAgeMs)} ms are allowed.`,
    );
  return null;
};

/** Stamps of peers: each must hold, be about this chain, be another's than the prover's, and tell the same time. */
const checkWitnesses = (
  proof: TimeProof,
  context: VerifyContext,
  ends: { start: Uint8Array; end: Uint8Array },
): ProofFinding | null => {
  const { skewMsMax } = context.requirements.time;
  const seen = new Set<string>();
  for (const witness of proof.witnesses) {
    const finding = findingOf('time', () => {
      const { payload, keyId, keyIdBytes } = verifyRecord(witness, { domain: 'proof-witness' });
      const stamp = decodeTimeStamp(payload);
      const name = `${keyId} ${stamp.moment}`;
      if (same(keyIdBytes, context.challenge.node))
        return refused('time', 'WITNESS_INVALID', 'A witness is the prover itself, which witnesses nothing.');
      if (seen.has(name)) return refused('time', 'WITNESS_INVALID', 'A witness has stamped the same moment twice.');
      seen.add(name);
      if (!same(stamp.subject, stamp.moment === 'began' ? ends.start : ends.end))
        return refused('time', 'WITNESS_INVALID', 'A witness has stamped another chain.');
      const saidMs = stamp.moment === 'began' ? proof.startedAtMs : proof.finishedAtMs;
      if (Math.abs(stamp.atMs - saidMs) > skewMsMax)
        return refused(
          'time',
          'WITNESS_DISAGREES',
          `By the clock of ${keyIdText(keyIdBytes)} it ${stamp.moment} ${figure(Math.abs(stamp.atMs - saidMs))} ms away from the time that it says.`,
        );
      return held('time', '', {});
    });
    if (!finding.passed)
      return finding.code?.startsWith('WITNESS') === true ? finding : { ...finding, code: 'WITNESS_INVALID' };
  }
  return null;
};

/** Everything but the segments, and which segments are to be computed. */
export type TimePlan =
  | { done: true; finding: ProofFinding }
  | {
      done: false;
      proof: TimeProof;
      segments: readonly TimeSegment[];
      /** Segments that were drawn beside the last one; null: all are computed. */
      drawn: number | null;
    };

/**
 * Checks all that is quick, and says which segments are to be computed again.
 *
 * @param closing - what the chain must close over; null where the proofs beside it are not at hand
 */
export const planTimeCheck = (encoded: Uint8Array, context: VerifyContext, closing: Uint8Array | null): TimePlan => {
  const proof = decodeTimeProof(encoded);
  const stop = (finding: ProofFinding): TimePlan => ({ done: true, finding });
  if (!same(proof.challenge, context.challengeHash))
    return stop(refused('time', 'CHALLENGE_MISMATCH', 'This proof of time answers another challenge.'));
  if (closing !== null && !same(proof.closing, closing))
    return stop(
      refused('time', 'CLOSING_MISMATCH', 'The chain closes over other proofs of space and work than these.'),
    );
  const wrong = checkStamps(proof, context);
  if (wrong !== null) return stop(wrong);
  const { segments, start, end } = segmentsOf(proof, context.challengeHash, context.challenge.anchor?.hash ?? null);
  const disagreeing = checkWitnesses(proof, context, { start, end });
  if (disagreeing !== null) return stop(disagreeing);
  const wanted = context.requirements.time.segments;
  const last = segments.length - 1;
  if (wanted === 'whole' || wanted >= last) return { done: false, proof, segments, drawn: null };
  // The last one always: nothing else holds the closing, so that whoever makes it up may close over anything, at any time.
  const places = [...spotPlaces(context.checkSeed, last, wanted), last];
  return { done: false, proof, segments: places.map((place) => segments[place] as TimeSegment), drawn: wanted };
};

/** What the check has shown, once its segments were computed. @param broken - index of a segment that does not hold */
export const concludeTimeCheck = (
  { proof, segments, drawn }: Extract<TimePlan, { done: false }>,
  broken: number | null,
): ProofFinding => {
  const count = proof.checkpoints.length / CHECKPOINT_BYTES;
  const steps = count * proof.checkpointSteps;
  if (broken !== null)
    return refused(
      'time',
      'CHAIN_BROKEN',
      `Segment ${figure(broken)} of ${figure(count)} does not end in its checkpoint: steps were left out, or the proof was changed.`,
    );
  // Whoever left out a quarter of the segments passes a spot check of k with probability 0.75^k.
  const extent =
    drawn === null
      ? 'all of them computed again'
      : `${segments.length} of ${figure(count)} segments computed again, which a chain with a quarter left out passes once in ${figure(1 / 0.75 ** drawn)}`;
  const by =
    proof.witnesses.length === 0 ? 'by its own clock' : `with ${proof.witnesses.length} stamps under other keys`;
  return held(
    'time',
    `${figure(steps)} hashes one after another in ${(proof.durationMs / 1000).toFixed(1)} s, ${by}; ${extent}.`,
    {
      steps,
      durationMs: proof.durationMs,
      startedAtMs: proof.startedAtMs,
      finishedAtMs: proof.finishedAtMs,
      segmentsChecked: segments.length,
      witnesses: proof.witnesses.length,
    },
  );
};

/**
 * Checks a proof of time in this thread, with as many segments as the requirements ask for.
 *
 * @param closing - what it must close over: SHA-256(dag-cbor([SHA-256(space), SHA-256(work)])); null: not checked
 */
export const verifyTime = (
  encoded: Uint8Array,
  context: VerifyContext,
  closing: Uint8Array | null = null,
): ProofFinding =>
  findingOf('time', () => {
    const plan = planTimeCheck(encoded, context, closing);
    if (plan.done) return plan.finding;
    return concludeTimeCheck(plan, firstBrokenSegment(plan.segments, plan.proof.checkpointSteps));
  });
