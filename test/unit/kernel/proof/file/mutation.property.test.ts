import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import {
  type ProofFile,
  ProofFileError,
  type VerifyContext,
  challengeHashOf,
  decodeProofFile,
  encodeProofFile,
  partHashesOf,
  verifyProofFile,
  verifySpace,
  verifyStake,
  verifyTime,
  verifyWork,
} from '../../../../../main/kernel/proof/index.ts';
import {
  SMALL_REQUIREMENTS,
  challengeFor,
  createProofNode,
  createProofWorkers,
  createSmallPlots,
  makeSmallProof,
} from '../../../../support/proof.ts';

// All four real proofs at small parameters, and every byte of the file that holds them.

const { clock } = createSystemOutside();
const workers = createProofWorkers();
const checkSeed = new Uint8Array(32).fill(9);
let file: ProofFile;
let bytes: Uint8Array;
let nowMs: number;

/** What came of one changed file. A crash is what is neither a verdict nor the one typed error. */
const outcomeOf = (changed: Uint8Array): 'accepted' | 'refused' | 'unreadable' | `failed: ${string}` => {
  try {
    const verdict = verifyProofFile(changed, { nonce: null, nowMs, checkSeed, requirements: SMALL_REQUIREMENTS });
    const failed = verdict.checks.find(({ code }) => code === 'CHECK_FAILED');
    if (failed !== undefined) return `failed: ${failed.reason}`;
    return verdict.passed ? 'accepted' : 'refused';
  } catch (error) {
    if (error instanceof ProofFileError) return 'unreadable';
    return `failed: ${String(error)}`;
  }
};
const flipped = (place: number, mask: number): Uint8Array => {
  const changed = bytes.slice();
  changed[place] = (changed[place] ?? 0) ^ mask;
  return changed;
};
/** Where one part of the file lies in it. */
const rangeOf = (part: Uint8Array): { from: number; to: number } => {
  const from = Buffer.from(bytes).indexOf(part);
  expect(from).toBeGreaterThan(0);
  return { from, to: from + part.length };
};

beforeAll(async () => {
  const node = createProofNode(1);
  const { plots, close } = await createSmallPlots(workers, node.keyId);
  const made = await makeSmallProof(workers, plots, node, challengeFor(clock, node.keyId));
  file = { proof: made.proof, attachments: made.attachments };
  bytes = encodeProofFile(file);
  nowMs = clock.nowMs();
  await close();
});
afterAll(() => workers.close());

describe('a proof file of all four proofs', () => {
  it('is accepted as it is', () => {
    expect(outcomeOf(bytes)).toBe('accepted');
  });

  it('is refused with any one byte changed, wherever it is, over ten thousand times', { timeout: 180_000 }, () => {
    const { proof, attachments } = file;
    const context: VerifyContext = {
      challenge: proof.challenge,
      challengeHash: challengeHashOf(proof.challenge),
      attachments,
      requirements: SMALL_REQUIREMENTS,
      nowMs,
      checkSeed,
      answeredAfterMs: null,
      anchorTimeMs: null,
    };
    const hashes = partHashesOf(proof);
    // A byte of one proof: its own verifier comes first, and the whole check only where that one is content, as a spot check
    // may be. The two whose checks are slow at every fourth and third byte (of signed records every byte has a test of its own), the
    // rest at every byte.
    const parts = [
      { step: 1, part: proof.space, verify: (part: Uint8Array) => verifySpace(part, context) },
      { step: 4, part: proof.stake, verify: (part: Uint8Array) => verifyStake(part, context, hashes) },
      { step: 3, part: proof.work, verify: (part: Uint8Array) => verifyWork(part, context) },
      { step: 1, part: proof.time, verify: (part: Uint8Array) => verifyTime(part, context) },
    ];
    const covered = new Uint8Array(bytes.length);
    const wrong: string[] = [];
    let changes = 0;
    let refusedByOthersOnly = 0;
    const whole = (place: number): void => {
      const outcome = outcomeOf(flipped(place, 1 << (place % 8)));
      if (outcome !== 'refused' && outcome !== 'unreadable') wrong.push(`byte ${place}: ${outcome}`);
    };
    for (const { step, part, verify } of parts) {
      const { from, to } = rangeOf(part);
      covered.fill(1, from, to);
      for (let place = 0; place < part.length; place += step) {
        const changed = part.slice();
        changed[place] = (changed[place] ?? 0) ^ (1 << (place % 8));
        changes += 1;
        const finding = verify(changed);
        if (finding.code === 'CHECK_FAILED') wrong.push(`byte ${place} of ${finding.kind}: ${finding.reason}`);
        if (!finding.passed) continue;
        refusedByOthersOnly += 1;
        whole(from + place);
      }
    }
    // Challenge, names and lengths at every byte; of attachments, which are named by their hash, so that one line of code
    // refuses any change, every fourth.
    const openings = [...attachments.values()].map(rangeOf);
    for (let place = 0; place < bytes.length; place += 1) {
      if (covered[place] === 1) continue;
      if (place % 4 !== 0 && openings.some(({ from, to }) => place >= from && place < to)) continue;
      changes += 1;
      whole(place);
    }
    expect(wrong).toEqual([]);
    expect(changes).toBeGreaterThan(10_000);
    // Hardly any byte depends on the signature over all proofs alone: stamps of time, within what clocks may differ.
    expect(refusedByOthersOnly).toBeLessThan(100);
  });

  it('is refused in a moment where it is a million values in a megabyte', () => {
    const count = 2 ** 20 - 3;
    const many = new Uint8Array(count + 5).fill(0xa0);
    many[0] = 0x9a;
    new DataView(many.buffer).setUint32(1, count);
    expect(() => decodeProofFile(many)).toThrow('too many values');
  });

  it('is refused with bytes cut out, put in, doubled, swapped or set at random', () => {
    const spot = fc.nat({ max: bytes.length - 1 });
    const mutation = fc.oneof(
      fc.record({ kind: fc.constant('cut' as const), at: spot, length: fc.integer({ min: 1, max: 64 }) }),
      fc.record({
        kind: fc.constant('insert' as const),
        at: spot,
        data: fc.uint8Array({ minLength: 1, maxLength: 64 }),
      }),
      fc.record({ kind: fc.constant('set' as const), at: spot, data: fc.uint8Array({ minLength: 1, maxLength: 8 }) }),
      fc.record({ kind: fc.constant('double' as const), at: spot, length: fc.integer({ min: 1, max: 64 }) }),
    );
    fc.assert(
      fc.property(mutation, (change) => {
        const head = bytes.subarray(0, change.at);
        const rest = (skip: number): Uint8Array => bytes.subarray(change.at + skip);
        const changed = {
          cut: () => [head, rest('length' in change ? change.length : 0)],
          insert: () => [head, 'data' in change ? change.data : head, rest(0)],
          set: () => [head, 'data' in change ? change.data : head, rest('data' in change ? change.data.length : 0)],
          double: () => [head, rest(0).subarray(0, 'length' in change ? change.length : 0), rest(0)],
        }[change.kind]();
        const result = new Uint8Array(Buffer.concat(changed));
        fc.pre(!Buffer.from(result).equals(bytes));
        expect(['refused', 'unreadable']).toContain(outcomeOf(result));
      }),
      { numRuns: 500 },
    );
  });

  it('is refused by its proofs and not only by its encoding', () => {
    // Changed inside of one proof, and put into a file that is in order again.
    fc.assert(
      fc.property(
        fc.constantFrom('space', 'stake', 'work', 'time'),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.integer({ min: 1, max: 255 }),
        (kind, where, mask) => {
          const part = file.proof[kind as 'space'].slice();
          const place = Math.floor(where * part.length);
          part[place] = (part[place] ?? 0) ^ mask;
          let rebuilt: Uint8Array;
          try {
            rebuilt = encodeProofFile({ ...file, proof: { ...file.proof, [kind]: part } });
          } catch {
            // The change hit the name of the opening, which no proof names any more.
            return;
          }
          expect(decodeProofFile(rebuilt)).toBeDefined();
          expect(outcomeOf(rebuilt)).toBe('refused');
        },
      ),
      { numRuns: 200 },
    );
  });
});
