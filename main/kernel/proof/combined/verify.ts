import { hash } from 'node:crypto';
import type { ProofKind } from '../../../../preload/contract/index.ts';
import { encodeCbor } from '../../../base/codec.ts';
import { challengeHashOf } from '../challenge.ts';
import { figure, findingOf } from '../finding.ts';
import type {
  Attachments,
  Challenge,
  CombinedProof,
  ProofFinding,
  ProofRequirements,
  VerifyContext,
} from '../interface.ts';
import { verifySpace } from '../space/verify.ts';
import { partHashesOf, verifyStake } from '../stake/verify.ts';
import { decodeTimeProof } from '../time/format.ts';
import { verifyTime } from '../time/verify.ts';
import { verifyWork } from '../work/verify.ts';
import { combinedId, decodeCombined } from './format.ts';

/** What the challenge must be, as far as the verifier knows it; what is left out may be anything. */
export interface ExpectedChallenge {
  network?: Uint8Array;
  node?: Uint8Array;
  asset?: string;
  purpose?: string;
  nonce?: Uint8Array;
  issuer?: Uint8Array;
  /** The block that it must be anchored at; null: at none. */
  anchor?: { height: number; hash: Uint8Array } | null;
}

/** What a combined proof is checked against. Plain data, so that it crosses into a worker. */
export interface CombinedContext {
  attachments: Attachments;
  requirements: ProofRequirements;
  /** The verifier's clock. */
  nowMs: number;
  /** 32 bytes that the prover could not know. */
  checkSeed: Uint8Array;
  /** How long after the challenge the proof of space arrived, by the clock of whoever asked; null where the verifier did not ask. */
  answeredAfterMs: number | null;
  /** Time of the block that the challenge is anchored at, where the verifier has that block. */
  anchorTimeMs: number | null;
  expected: ExpectedChallenge;
}

export interface CombinedVerdict {
  /** The challenge is the expected one, and all required proofs have passed. */
  passed: boolean;
  /** {@link combinedId}. */
  combined: Uint8Array;
  challenge: Challenge;
  /** Always four: space, stake, work, time. */
  checks: readonly ProofFinding[];
  /** Bytes of each, in the same order. */
  sizes: readonly number[];
  /** By the prover's clock; those of the challenge where the proof of time cannot be read. */
  startedAtMs: number;
  finishedAtMs: number;
  /** Stamps of other nodes in the proof of time. */
  witnesses: number;
}

const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

/** What is wrong with the challenge itself, whatever the proofs say. */
const challengeProblem = (
  challenge: Challenge,
  { expected, nowMs, requirements, answeredAfterMs }: CombinedContext,
): { code: string; reason: string } | null => {
  const problem = (code: string, reason: string): { code: string; reason: string } => ({ code, reason });
  if (expected.network !== undefined && !same(expected.network, challenge.network))
    return problem('NETWORK_MISMATCH', 'It was made for another network.');
  if (expected.node !== undefined && !same(expected.node, challenge.node))
    return problem('NODE_MISMATCH', 'It was made for another node.');
  if (expected.asset !== undefined && expected.asset !== challenge.asset)
    return problem('ASSET_MISMATCH', `It was made for another asset: ${challenge.asset}.`);
  if (expected.purpose !== undefined && expected.purpose !== challenge.purpose)
    return problem('PURPOSE_MISMATCH', `It was made for another purpose: ${challenge.purpose}.`);
  if (expected.nonce !== undefined && !same(expected.nonce, challenge.nonce))
    return problem('CHALLENGE_MISMATCH', 'It answers another challenge than the one that was given.');
  if (expected.issuer !== undefined && !same(expected.issuer, challenge.issuer))
    return problem('ISSUER_MISMATCH', 'It answers somebody else.');
  if (expected.anchor !== undefined) {
    const { anchor } = challenge;
    const holds =
      expected.anchor === null || anchor === null
        ? expected.anchor === anchor
        : expected.anchor.height === anchor.height && same(expected.anchor.hash, anchor.hash);
    if (!holds) return problem('ANCHOR_MISMATCH', 'It is anchored at another block.');
  }
  if (challenge.issuedAtMs > nowMs + requirements.time.skewMsMax)
    return problem(
      'FROM_THE_FUTURE',
      `Its challenge was issued ${figure(challenge.issuedAtMs - nowMs)} ms after the time that it is here.`,
    );
  // Whoever asked waits no longer than it said. Anyone else reads what was so when it was finished.
  if (answeredAfterMs !== null && nowMs > challenge.expiresAtMs)
    return problem('EXPIRED', 'It arrived after the challenge had expired.');
  return null;
};

/**
 * Checks all four proofs and their challenge, in this thread. Every check runs, even if one before it has failed.
 *
 * @throws {ProofFormatError} when the bytes are no combined proof at all
 */
export const verifyCombined = (encoded: CombinedProof | Uint8Array, context: CombinedContext): CombinedVerdict => {
  const proof = encoded instanceof Uint8Array ? decodeCombined(encoded) : encoded;
  const { challenge, space, stake, work, time } = proof;
  const { attachments, requirements, nowMs, checkSeed, answeredAfterMs, anchorTimeMs } = context;
  const verifyContext: VerifyContext = {
    challenge,
    challengeHash: challengeHashOf(challenge),
    attachments,
    requirements,
    nowMs,
    checkSeed,
    answeredAfterMs,
    anchorTimeMs,
  };
  const parts = partHashesOf(proof);
  const closing = hash('sha256', encodeCbor([parts.space, parts.work]), 'buffer');
  const found: Record<ProofKind, ProofFinding> = {
    space: findingOf('space', () => verifySpace(space, verifyContext)),
    stake: findingOf('stake', () => verifyStake(stake, verifyContext, parts)),
    work: findingOf('work', () => verifyWork(work, verifyContext)),
    time: findingOf('time', () => verifyTime(time, verifyContext, closing)),
  };
  const problem = challengeProblem(challenge, context);
  // A proof that holds and answers the wrong question shows nothing: its check fails for that reason.
  const checks = [found.space, found.stake, found.work, found.time].map((finding) =>
    problem === null || !finding.passed ? finding : { ...finding, ...problem, passed: false, shown: {} },
  );
  const stamps = stampsOf(proof);
  return {
    passed:
      problem === null &&
      requirements.kinds.every((kind) => checks.some((finding) => finding.kind === kind && finding.passed)),
    combined: combinedId(proof),
    challenge,
    checks,
    sizes: [space.length, stake.length, work.length, time.length],
    ...stamps,
  };
};

const stampsOf = ({
  challenge,
  time,
}: CombinedProof): { startedAtMs: number; finishedAtMs: number; witnesses: number } => {
  try {
    const { startedAtMs, finishedAtMs, witnesses } = decodeTimeProof(time);
    return { startedAtMs, finishedAtMs, witnesses: witnesses.length };
  } catch {
    return { startedAtMs: challenge.issuedAtMs, finishedAtMs: challenge.issuedAtMs, witnesses: 0 };
  }
};

/** SHA-256 over what the chain of a combined proof must close over, for a check of the whole chain. */
export const closingOfProof = (proof: CombinedProof): Uint8Array => {
  const { space, work } = partHashesOf(proof);
  return hash('sha256', encodeCbor([space, work]), 'buffer');
};
