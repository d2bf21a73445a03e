import { hash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/codec.ts';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import {
  type Challenge,
  type CombinedVerdict,
  type ProofRequirements,
  type VerifyContext,
  challengeHashOf,
  encodeTimeStamp,
  notesFor,
  proveTime,
  verifyTime,
  verifyTimeWhole,
} from '../../../../../main/kernel/proof/index.ts';
import { type TimeProof, decodeTimeProof, encodeTimeProof } from '../../../../../main/kernel/proof/time/format.ts';
import { spotPlaces } from '../../../../../main/kernel/proof/time/verify.ts';
import {
  SMALL_REQUIREMENTS,
  type ProofNode,
  bytes32,
  challengeFor,
  createProofNode,
  createProofWorkers,
  freePace,
} from '../../../../support/proof.ts';

const { clock } = createSystemOutside();
const workers = createProofWorkers();
afterAll(() => workers.close());

const STEPS = 4096;
const CHECKPOINT_STEPS = 64;
const CHECKPOINT_BYTES = 16;
const COUNT = STEPS / CHECKPOINT_STEPS;
const closing = bytes32(7);
const signal = AbortSignal.timeout(60_000);

let node: ProofNode;
let challenge: Challenge;
let challengeHash: Uint8Array;
let made: Awaited<ReturnType<typeof proveTime>>;
let proof: TimeProof;

const requirements = (time: Partial<ProofRequirements['time']> = {}, maxAgeMs: number | null = null) => ({
  ...SMALL_REQUIREMENTS,
  maxAgeMs,
  time: { ...SMALL_REQUIREMENTS.time, ...time },
});
const context = (changes: Partial<VerifyContext> = {}): VerifyContext => ({
  challenge,
  challengeHash,
  attachments: new Map(),
  requirements: requirements({ segments: 'whole' }),
  nowMs: clock.nowMs(),
  checkSeed: bytes32(9),
  answeredAfterMs: null,
  anchorTimeMs: null,
  ...changes,
});
const prove = (of: Challenge, init = { steps: STEPS, checkpointSteps: CHECKPOINT_STEPS }) =>
  proveTime(
    { workers, clock, clockWatch: null },
    of,
    challengeHashOf(of),
    init,
    () => closing,
    freePace,
    () => undefined,
    signal,
  );
const altered = (changes: Partial<TimeProof>): Uint8Array => encodeTimeProof({ ...proof, ...changes });
const codeOf = (encoded: Uint8Array, changes: Partial<VerifyContext> = {}, over: Uint8Array | null = closing) =>
  verifyTime(encoded, context(changes), over).code;

beforeAll(async () => {
  node = createProofNode(1);
  challenge = challengeFor(clock, node.keyId);
  challengeHash = challengeHashOf(challenge);
  made = await prove(challenge);
  proof = decodeTimeProof(made.proof);
});

describe('a proof of time', () => {
  it('passes whole, by spots and in threads, and says what it shows', async () => {
    const whole = verifyTime(made.proof, context(), closing);
    expect(whole).toMatchObject({
      kind: 'time',
      passed: true,
      code: null,
      shown: { steps: STEPS, segmentsChecked: COUNT },
    });
    expect(whole.reason).toContain('all of them computed again');
    const spots = verifyTime(made.proof, context({ requirements: requirements({ segments: 12 }) }), closing);
    expect(spots).toMatchObject({ passed: true, shown: { segmentsChecked: 13 } });
    expect(spots.reason).toContain('passes once in 32');
    const seen: number[] = [];
    const inThreads = await verifyTimeWhole({ workers }, made.proof, context(), closing, {
      signal,
      progress: (percent) => seen.push(percent),
    });
    expect(inThreads).toEqual(whole);
    expect(seen.at(-1)).toBe(100);
  });

  it('is the chain of its format page, computed here by other means', () => {
    const sha = (...parts: Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');
    let transcript = sha(encodeCbor(['hypermesh-time', 1, challengeHash, null, STEPS, CHECKPOINT_STEPS]));
    expect(Buffer.compare(made.start, transcript)).toBe(0);
    const checkpoints: Uint8Array[] = [];
    for (let segment = 0; segment < COUNT; segment += 1) {
      let state = segment === COUNT - 1 ? sha(transcript, closing) : transcript;
      for (let step = 0; step < CHECKPOINT_STEPS; step += 1) state = sha(state);
      checkpoints.push(state.subarray(0, CHECKPOINT_BYTES));
      transcript = sha(transcript, state.subarray(0, CHECKPOINT_BYTES));
    }
    expect(proof.checkpoints).toEqual(new Uint8Array(Buffer.concat(checkpoints)));
    expect(Buffer.compare(made.end, transcript)).toBe(0);
  });

  it('starts from the anchor of its challenge', async () => {
    const anchored = { ...challenge, anchor: { height: 3, hash: bytes32(5) } };
    const { proof: encoded } = await prove(anchored);
    const at = { challenge: anchored, challengeHash: challengeHashOf(anchored) };
    expect(codeOf(encoded, at)).toBeNull();
    expect(codeOf(encoded, { ...at, anchorTimeMs: proof.startedAtMs - 1000 })).toBeNull();
    expect(codeOf(encoded, { ...at, anchorTimeMs: clock.nowMs() + 120_000 })).toBe('BEFORE_ANCHOR');
    // The same chain does not serve another anchor, even where the hash of the challenge were the same.
    expect(codeOf(encoded, { ...at, challenge: { ...anchored, anchor: { height: 3, hash: bytes32(6) } } })).toBe(
      'CHAIN_BROKEN',
    );
  });

  it('asks for its closing once, when the chain is nearly done', async () => {
    let percent = 0;
    const askedAt: number[] = [];
    await proveTime(
      { workers, clock, clockWatch: null },
      challenge,
      challengeHash,
      { steps: STEPS, checkpointSteps: CHECKPOINT_STEPS },
      () => {
        askedAt.push(percent);
        return Promise.resolve(closing);
      },
      freePace,
      (now) => {
        percent = now;
      },
      signal,
    );
    expect(askedAt).toEqual([((COUNT - 1) / COUNT) * 100]);
    expect(percent).toBe(100);
  });

  it('stops when it is cancelled', async () => {
    const controller = new AbortController();
    const proving = proveTime(
      { workers, clock, clockWatch: null },
      challenge,
      challengeHash,
      { steps: 2 ** 23 },
      () => closing,
      freePace,
      () => {
        controller.abort(new Error('enough'));
      },
      controller.signal,
    );
    await expect(proving).rejects.toThrow('enough');
  });
});

describe('a chain that was not run as it says', () => {
  const slice = (from: number, to: number): Uint8Array =>
    proof.checkpoints.slice(from * CHECKPOINT_BYTES, to * CHECKPOINT_BYTES);

  it('fails with one step left out of one segment', () => {
    // Segment 20 stops one step early; everything after it is computed honestly from what it says.
    const sha = (...parts: Uint8Array[]): Buffer => hash('sha256', Buffer.concat(parts), 'buffer');
    let transcript: Uint8Array = made.start;
    const checkpoints: Uint8Array[] = [];
    for (let segment = 0; segment < COUNT; segment += 1) {
      let state: Uint8Array = segment === COUNT - 1 ? sha(transcript, closing) : transcript;
      const steps = segment === 20 ? CHECKPOINT_STEPS - 1 : CHECKPOINT_STEPS;
      for (let step = 0; step < steps; step += 1) state = sha(state);
      checkpoints.push(state.subarray(0, CHECKPOINT_BYTES));
      transcript = sha(transcript, state.subarray(0, CHECKPOINT_BYTES));
    }
    const short = altered({ checkpoints: new Uint8Array(Buffer.concat(checkpoints)) });
    const finding = verifyTime(short, context(), closing);
    expect(finding).toMatchObject({ passed: false, code: 'CHAIN_BROKEN' });
    expect(finding.reason).toContain('Segment 20 of 64');
    // A spot check finds it exactly when it looks there.
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const checkSeed = bytes32(seed);
      const code = codeOf(short, { checkSeed, requirements: requirements({ segments: 8 }) });
      expect(code).toBe(spotPlaces(checkSeed, COUNT - 1, 8).includes(20) ? 'CHAIN_BROKEN' : null);
    }
  });

  it('fails when it closes over proofs that were made after it, however few segments are computed again', () => {
    // The chain and its last checkpoint were there before: a witness may have stamped that end. Only the closing is another.
    const later = bytes32(8);
    const checkpoints = new Uint8Array(Buffer.concat([slice(0, COUNT - 1), new Uint8Array(CHECKPOINT_BYTES)]));
    for (const changes of [{ closing: later }, { closing: later, checkpoints }])
      for (let seed = 0; seed < 20; seed += 1)
        expect(
          codeOf(
            altered(changes),
            { checkSeed: bytes32(seed), requirements: requirements({ segments: seed % 3 }) },
            later,
          ),
        ).toBe('CHAIN_BROKEN');
  });

  it('fails with two checkpoints swapped, everywhere from there on', () => {
    const swapped = altered({
      checkpoints: new Uint8Array(Buffer.concat([slice(0, 10), slice(11, 12), slice(10, 11), slice(12, COUNT)])),
    });
    expect(codeOf(swapped)).toBe('CHAIN_BROKEN');
    // What follows depends on all checkpoints before it: even the last segment alone shows it.
    const places = Array.from({ length: 40 }, (_unused, seed) => seed).filter((seed) =>
      spotPlaces(bytes32(seed), COUNT - 1, 2).some((place) => place > 11),
    );
    for (const seed of places)
      expect(codeOf(swapped, { checkSeed: bytes32(seed), requirements: requirements({ segments: 2 }) })).toBe(
        'CHAIN_BROKEN',
      );
  });

  it('fails shortened, lengthened, and with other steps than it had', () => {
    expect(codeOf(altered({ checkpoints: slice(0, COUNT - 1) }))).toBe('CHAIN_BROKEN');
    expect(codeOf(altered({ checkpoints: slice(1, COUNT) }))).toBe('CHAIN_BROKEN');
    const longer = new Uint8Array(Buffer.concat([proof.checkpoints, slice(0, 1)]));
    expect(codeOf(altered({ checkpoints: longer }))).toBe('CHAIN_BROKEN');
    expect(codeOf(altered({ checkpointSteps: CHECKPOINT_STEPS * 2 }))).toBe('CHAIN_BROKEN');
    expect(codeOf(made.proof, { requirements: requirements({ stepsMin: STEPS + 1 }) })).toBe('TOO_FEW_STEPS');
  });

  it('is not told by another number of threads', async () => {
    const broken = proof.checkpoints.slice();
    broken[37 * CHECKPOINT_BYTES] = (broken[37 * CHECKPOINT_BYTES] ?? 0) ^ 1;
    const finding = await verifyTimeWhole({ workers }, altered({ checkpoints: broken }), context(), closing, {
      signal,
      threads: 2,
    });
    expect(finding).toMatchObject({ passed: false, code: 'CHAIN_BROKEN' });
    expect(finding.reason).toContain('Segment 37');
  });

  it('fails for another challenge, closing, purpose or asset', () => {
    expect(codeOf(made.proof, {}, bytes32(8))).toBe('CLOSING_MISMATCH');
    for (const change of [{ nonce: bytes32(3) }, { purpose: 'lease' }, { node: bytes32(4) }, { network: bytes32(5) }]) {
      const other = { ...challenge, ...change };
      expect(codeOf(made.proof, { challenge: other, challengeHash: challengeHashOf(other) })).toBe(
        'CHALLENGE_MISMATCH',
      );
      // Claimed for the other challenge, the chain itself is wrong.
      const claimed = altered({ challenge: challengeHashOf(other) });
      expect(codeOf(claimed, { challenge: other, challengeHash: challengeHashOf(other) })).toBe('CHAIN_BROKEN');
    }
    expect(codeOf(altered({ closing: bytes32(8) }), {}, bytes32(8))).toBe('CHAIN_BROKEN');
  });
});

describe('stamps', () => {
  it('must be in order', () => {
    const { startedAtMs, finishedAtMs } = proof;
    expect(codeOf(altered({ startedAtMs: finishedAtMs + 1 }))).toBe('STAMPS_OUT_OF_ORDER');
    expect(codeOf(altered({ startedAtMs: challenge.issuedAtMs - 60_001 }))).toBe('STAMPS_OUT_OF_ORDER');
    expect(codeOf(altered({ finishedAtMs: challenge.expiresAtMs + 1 }), { nowMs: challenge.expiresAtMs + 10 })).toBe(
      'EXPIRED',
    );
    expect(codeOf(made.proof, { nowMs: finishedAtMs - 60_001 })).toBe('FROM_THE_FUTURE');
    expect(codeOf(made.proof, { nowMs: finishedAtMs - 59_999 })).toBeNull();
    expect(startedAtMs).toBeGreaterThanOrEqual(challenge.issuedAtMs);
  });

  it('grow old only where an age is asked for', () => {
    const year = proof.finishedAtMs + 365 * 24 * 3_600_000;
    expect(codeOf(made.proof, { nowMs: year })).toBeNull();
    expect(codeOf(made.proof, { nowMs: year, requirements: requirements({}, 24 * 3_600_000) })).toBe('TOO_OLD');
  });

  it('cannot claim more steps than hardware can do', () => {
    const big = altered({ checkpointSteps: 8192, checkpoints: new Uint8Array(4096 * 16), durationMs: 335 });
    expect(codeOf(big)).toBe('CHAIN_BROKEN');
    expect(codeOf(altered({ checkpointSteps: 8192, checkpoints: new Uint8Array(4096 * 16), durationMs: 334 }))).toBe(
      'RATE_IMPLAUSIBLE',
    );
  });

  it('must agree with the monotonic clock, sleep allowed for', () => {
    expect(codeOf(altered({ durationMs: 120_000 }))).toBe('CLOCK_INCONSISTENT');
    const hour = 3_600_000;
    const late = { finishedAtMs: proof.finishedAtMs + hour - 1000 };
    const nowMs = proof.finishedAtMs + 2 * hour;
    const at = { nowMs, challenge: { ...challenge, expiresAtMs: nowMs } };
    expect(codeOf(altered(late), at)).toBe('CLOCK_INCONSISTENT');
    const slept = { kind: 'slept' as const, atMs: proof.finishedAtMs, byMs: hour };
    expect(codeOf(altered({ ...late, clockEvents: [slept] }), at)).toBeNull();
    expect(codeOf(altered({ clockEvents: [{ ...slept, kind: 'backward' }] }))).toBe('CLOCK_JUMPED');
    expect(codeOf(altered({ clockEvents: [{ ...slept, kind: 'forward' }] }))).toBe('CLOCK_JUMPED');
  });
});

describe('stamps of peers', () => {
  let peer: ProofNode;
  beforeAll(() => {
    peer = createProofNode(2);
  });
  const stamped = async (
    by: ProofNode,
    change: { moment?: 'began' | 'ended'; subject?: Uint8Array; atMs?: number } = {},
  ): Promise<Uint8Array> =>
    by.signer.sign(
      'proof-witness',
      encodeTimeStamp({ moment: 'ended', subject: made.end, atMs: proof.finishedAtMs + 50, ...change }),
    );

  it('are checked and counted', async () => {
    const began = await stamped(peer, { moment: 'began', subject: made.start, atMs: proof.startedAtMs });
    const finding = verifyTime(altered({ witnesses: [began, await stamped(peer)] }), context(), closing);
    expect(finding).toMatchObject({ passed: true, shown: { witnesses: 2 } });
    expect(finding.reason).toContain('with 2 stamps under other keys');
    // A key is no node: the one that proves can make any number of them.
    const file = { nonce: null, nowMs: clock.nowMs(), checkSeed: bytes32(9) };
    const verdict = { challenge, finishedAtMs: proof.finishedAtMs, witnesses: 2 } as CombinedVerdict;
    expect(notesFor(verdict, file).join(' ')).toContain('anyone can make such keys');
    expect(notesFor({ ...verdict, witnesses: 0 }, file).join(' ')).toContain('no other node has stamped');
  });

  it('are refused when they are the prover’s own, of another chain, twice, wrong or changed', async () => {
    const good = await stamped(peer);
    const bad = good.slice();
    bad[200] = (bad[200] ?? 0) ^ 1;
    const otherDomain = await peer.signer.sign(
      'probe',
      encodeTimeStamp({ moment: 'ended', subject: made.end, atMs: proof.finishedAtMs }),
    );
    const otherKind = await peer.signer.sign('proof-witness', encodeCbor({ v: 1, kind: 'round-trip' }));
    for (const witnesses of [
      [await stamped(node)],
      [await stamped(peer, { subject: bytes32(3) })],
      [await stamped(peer, { moment: 'began' })],
      [good, good],
      [bad],
      [otherDomain],
      [otherKind],
      [new Uint8Array()],
    ])
      expect(codeOf(altered({ witnesses }))).toBe('WITNESS_INVALID');
    const late = await stamped(peer, { atMs: proof.finishedAtMs + 60_001 });
    expect(codeOf(altered({ witnesses: [late] }))).toBe('WITNESS_DISAGREES');
  });
});

describe('bytes that are no proof of time', () => {
  it('are refused with a code, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(verifyTime(bytes, context(), closing)).toMatchObject({ passed: false, code: 'PROOF_MALFORMED' });
      }),
      { numRuns: 300 },
    );
  });

  it('are refused beyond the limits of the format', () => {
    for (const change of [
      { checkpointSteps: 15 },
      { checkpointSteps: 8193 },
      { checkpoints: proof.checkpoints.slice(0, 16) },
      { checkpoints: proof.checkpoints.slice(0, 40) },
      { checkpoints: new Uint8Array() },
      { closing: bytes32(1).subarray(1) },
      { durationMs: -1 },
      { finishedAtMs: 2 ** 53 - 1 },
      { witnesses: Array.from({ length: 5 }, () => bytes32(1)) },
      { witnesses: [new Uint8Array(8193)] },
    ])
      expect(codeOf(altered(change))).toBe('PROOF_MALFORMED');
    expect(codeOf(altered({ checkpoints: new Uint8Array(2_000_000) }))).toBe('PROOF_TOO_LARGE');
  });

  it('pass in no second encoding', () => {
    const trailing = new Uint8Array([...made.proof, 0]);
    expect(codeOf(trailing)).toBe('PROOF_MALFORMED');
  });
});

describe('places of a spot check', () => {
  it('are distinct, in order, within the chain, and follow the seed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.integer({ min: 1, max: 5000 }),
        fc.integer({ min: 0, max: 40 }),
        (seed, count, wanted) => {
          const places = spotPlaces(seed, count, wanted);
          expect(places).toHaveLength(Math.min(count, wanted));
          expect(new Set(places).size).toBe(places.length);
          expect(places).toEqual(places.toSorted((one, two) => one - two));
          expect(places.every((place) => place >= 0 && place < count)).toBe(true);
          expect(spotPlaces(seed, count, wanted)).toEqual(places);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('spread evenly over the chain', () => {
    const hits = Array.from({ length: 16 }, () => 0);
    for (let seed = 0; seed < 2000; seed += 1)
      for (const place of spotPlaces(hash('sha256', Buffer.from(String(seed)), 'buffer'), 16, 4)) hits[place]! += 1;
    // 500 of each; 5 standard deviations are 97.
    for (const count of hits) expect(Math.abs(count - 500)).toBeLessThan(97);
  });
});
