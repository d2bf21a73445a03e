import { afterAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../main/base/index.ts';
import { createBlockProofCheck } from '../../../../main/kernel/prover/index.ts';
import { bytes32, challengeFor, createProofWorkers } from '../../../support/proof.ts';

const { clock, random } = createSystemOutside();
const workers = createProofWorkers(1);
afterAll(() => workers.close());

describe('the proof of a block', () => {
  it('is refused, and no failure of the check, where it is none', async () => {
    // Blocks let any times through; a challenge that lives for a year is none, as proofs have it.
    const made = challengeFor(clock, bytes32(1));
    const challenge = { ...made, expiresAtMs: made.issuedAtMs + 366 * 24 * 3_600_000 };
    const part = Uint8Array.of(0xa0);
    const { verdict, difficulty } = await createBlockProofCheck({ workers, random })(
      { version: 1, challenge, space: part, stake: part, work: part, time: part },
      new Map(),
      {
        network: challenge.network,
        node: challenge.node,
        purpose: 'block',
        anchor: { height: 0, hash: bytes32(2) },
        anchorTimeMs: made.issuedAtMs,
        blockTimeMs: made.issuedAtMs + 1,
      },
    );
    expect(verdict).toMatchObject({ passed: false, node: expect.stringMatching(/^key:/) as string });
    expect(verdict.checks.map(({ kind, code }) => `${kind} ${code}`)).toEqual(
      ['space', 'stake', 'work', 'time'].map((kind) => `${kind} PROOF_MALFORMED`),
    );
    expect(difficulty).toBe(0n);
  });
});
