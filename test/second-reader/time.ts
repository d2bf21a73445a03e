/** Proof of time, written from docs/formats/proof-time.md. */
import { hash as digest, randomInt } from 'node:crypto';
import { encode, type Value } from './cbor.ts';
import { Reader, readMap, readProof, same, sha256 } from './fields.ts';
import type { Challenge } from './proof.ts';
import { readWitness } from './record.ts';
import { demand } from './refusal.ts';

const malformed = 'PROOF_MALFORMED';
const latest = 253_402_300_799_999;
const names =
  'v kind challenge closing checkpointSteps checkpoints startedAtMs finishedAtMs durationMs clockEvents witnesses';

/** What a proof of time shows. */
export interface Time {
  readonly steps: number;
  readonly checkpointSteps: number;
  readonly start: Uint8Array;
  readonly beforeLast: Uint8Array;
  readonly end: Uint8Array;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

/** Whoever checks: its clock, how far clocks may differ, and how many segments it computes again. */
export interface Verifier {
  readonly nowMs: number;
  readonly skewMs: number;
  readonly segments: number | 'whole';
}

/** A verifier that computes every chain whole. */
export function verifierAt(nowMs: number, segments: number | 'whole' = 'whole'): Verifier {
  return { nowMs, skewMs: 60_000, segments };
}

/** Check a proof of time for a challenge and the closing of the proofs beside it. */
export function checkTime(bytes: Uint8Array, challenge: Challenge, closing: Uint8Array, verifier: Verifier): Time {
  const { nowMs, skewMs } = verifier;
  demand(bytes.length <= 1_085_440, 'PROOF_TOO_LARGE', 'time');
  const fields = readProof(bytes, names);
  fields.text('kind', /^time$/);
  demand(same(fields.bytes('challenge', 32), challenge.hash), 'CHALLENGE_MISMATCH', 'another challenge');
  demand(same(fields.bytes('closing', 32), closing), 'CLOSING_MISMATCH', 'another closing');
  const checkpointSteps = fields.whole('checkpointSteps', 16, 8192);
  const checkpoints = fields.bytes('checkpoints');
  const segments = checkpoints.length / 16;
  demand(Number.isInteger(segments) && segments >= 2 && segments <= 65_536, malformed, 'number of segments');
  const steps = segments * checkpointSteps;
  const [startedAtMs, finishedAtMs] = [fields.whole('startedAtMs', 0, latest), fields.whole('finishedAtMs', 0, latest)];
  const durationMs = fields.whole('durationMs', 0, 691_200_000);

  demand(startedAtMs <= finishedAtMs, 'STAMPS_OUT_OF_ORDER', 'ended before it began');
  demand(challenge.issuedAtMs <= startedAtMs + skewMs, 'STAMPS_OUT_OF_ORDER', 'began before it was asked');
  demand(finishedAtMs <= nowMs + skewMs, 'FROM_THE_FUTURE', 'ends after now');
  demand(finishedAtMs <= challenge.expiresAtMs, 'EXPIRED', 'ended after the challenge had expired');
  demand(steps <= 100_000 * (durationMs + 1), 'RATE_IMPLAUSIBLE', 'more than any processor can do');
  const slept = fields.list('clockEvents', 16).reduce<number>((sum, event) => sum + sleepOf(event), 0);
  const apart = finishedAtMs - startedAtMs - durationMs;
  demand(-skewMs <= apart && apart <= skewMs + slept, 'CLOCK_INCONSISTENT', 'the two clocks differ');

  const anchor = challenge.anchor?.hash ?? null;
  const start = sha256(encode(['hypermesh-time', 1, challenge.hash, anchor, steps, checkpointSteps]));
  let [transcript, beforeLast]: [Uint8Array, Uint8Array] = [start, start];
  const chosen = placesOf(segments, verifier.segments);
  for (let segment = 0; segment < segments; segment += 1) {
    beforeLast = transcript;
    const checkpoint = checkpoints.subarray(16 * segment, 16 * segment + 16);
    if (chosen === null || chosen.has(segment)) {
      let hash = segment === segments - 1 ? sha256(transcript, closing) : transcript;
      for (let step = 0; step < checkpointSteps; step += 1) hash = digest('sha256', hash, 'buffer');
      demand(same(hash.subarray(0, 16), checkpoint), 'CHAIN_BROKEN', `segment ${segment}`);
    }
    transcript = sha256(transcript, checkpoint);
  }
  const moments = { began: { subject: start, atMs: startedAtMs }, ended: { subject: transcript, atMs: finishedAtMs } };
  checkWitnesses(fields.list('witnesses', 4), challenge.node, moments, skewMs);
  return { steps, checkpointSteps, start, beforeLast, end: transcript, startedAtMs, finishedAtMs };
}

/** Places of a spot check, the last one always among them; null: all. */
function placesOf(segments: number, count: number | 'whole'): Set<number> | null {
  if (count === 'whole' || count + 1 >= segments) return null;
  const places = new Set([segments - 1]);
  while (places.size < count + 1) places.add(randomInt(segments - 1));
  return places;
}

function sleepOf(event: Value): number {
  const fields = new Reader(event, 'kind atMs byMs', malformed);
  const kind = fields.text('kind', /^(forward|backward|slept)$/);
  fields.whole('atMs', 0, latest);
  demand(kind === 'slept', 'CLOCK_JUMPED', kind);
  return fields.whole('byMs');
}

type Moments = Record<'began' | 'ended', { subject: Uint8Array; atMs: number }>;

function checkWitnesses(witnesses: Value[], node: Uint8Array, moments: Moments, skewMs: number): void {
  const seen = new Set<string>();
  const code = 'WITNESS_INVALID';
  for (const witness of witnesses) {
    const record = readWitness(witness);
    demand(record.payload.length <= 256, code, 'too large');
    const fields = readMap(record.payload, 'v kind moment subject atMs', code, code);
    fields.text('kind', /^time-stamp$/);
    const moment = fields.text('moment', /^(began|ended)$/) as 'began' | 'ended';
    const name = `${moment} ${Buffer.from(record.signer).toString('hex')}`;
    const fits =
      !same(record.signer, node) && !seen.has(name) && same(fields.bytes('subject', 32), moments[moment].subject);
    demand(fits, code, 'of another chain, by the prover, or twice');
    demand(Math.abs(fields.whole('atMs') - moments[moment].atMs) <= skewMs, 'WITNESS_DISAGREES', moment);
    seen.add(name);
  }
}
