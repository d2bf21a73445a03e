import type { ProofVerdict } from '../../../../preload/contract/index.ts';
import { keyIdText } from '../../../base/crypto/index.ts';
import {
  type CombinedContext,
  type CombinedVerdict,
  type ExpectedChallenge,
  verifyCombined,
} from '../combined/verify.ts';
import type { ProofFinding, ProofRequirements } from '../interface.ts';
import { DEFAULT_REQUIREMENTS } from '../requirements/requirements.ts';
import { type ProofFile, decodeProofFile } from './format.ts';

/** How a proof file is checked. Plain data, so that it crosses into a worker. */
export interface ProofFileCheck {
  /** What the file must answer; null: whatever it answers. 32 bytes. */
  nonce: Uint8Array | null;
  /** The reader's clock. */
  nowMs: number;
  /** 32 random bytes of the reader. */
  checkSeed: Uint8Array;
  /** @default {@link DEFAULT_REQUIREMENTS}: all four proofs, of any age */
  requirements?: ProofRequirements;
  /** What else the reader knows of the challenge. */
  expected?: Omit<ExpectedChallenge, 'nonce'>;
  /** Time of the block that the challenge is anchored at, where the reader has it. */
  anchorTimeMs?: number | null;
}

const instant = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');

/** What a check of bytes alone cannot know, so that nobody takes a verdict for more than it is. */
export const notesFor = (verdict: CombinedVerdict, { nonce, nowMs, anchorTimeMs = null }: ProofFileCheck): string[] => {
  const { challenge, finishedAtMs, witnesses } = verdict;
  const { anchor } = challenge;
  const asksItself = Buffer.from(challenge.issuer).equals(challenge.node);
  const notes: string[] = [];
  if (nonce === null)
    notes.push(
      asksItself
        ? 'The node chose the challenge itself, so this shows what it could do, and not that it did it for you; give it a challenge of yours to know that.'
        : 'No challenge was given to this check, so it cannot tell whether the proof was made for you.',
    );
  notes.push(
    nowMs > challenge.expiresAtMs
      ? `The challenge expired at ${instant(challenge.expiresAtMs)}: this tells what was so at ${instant(finishedAtMs)}, and nothing of now.`
      : `This tells what was so at ${instant(finishedAtMs)}.`,
  );
  if (witnesses === 0)
    notes.push('All times are by the clock of the node that made it: no other node has stamped them.');
  else
    notes.push(
      'Its times are stamped with keys that this check knows nothing of: anyone can make such keys, the node itself too.',
    );
  if (anchorTimeMs === null)
    notes.push(
      anchor === null
        ? 'It is anchored at no block, so nothing shows that it was not begun earlier, or made later and dated back.'
        : `It is anchored at block ${anchor.height} of its network, which this check does not have, so the time of that block was not compared.`,
    );
  notes.push(
    'Nobody measured how long the answer took: that the space lay on the disk, and how fast the work was done, is the node’s own word.',
  );
  return notes;
};

/** The words of the contract for what was found. */
export const toProofVerdict = (verdict: CombinedVerdict, notes: readonly string[]): ProofVerdict => ({
  passed: verdict.passed,
  combined: Buffer.from(verdict.combined).toString('hex'),
  checks: verdict.checks.map(({ kind, passed, code, reason }: ProofFinding, index) => ({
    kind,
    passed,
    code,
    reason,
    sizeBytes: verdict.sizes[index] ?? 0,
  })),
  asset: verdict.challenge.asset,
  node: keyIdText(verdict.challenge.node),
  purpose: verdict.challenge.purpose,
  issuedAtMs: verdict.challenge.issuedAtMs,
  finishedAtMs: verdict.finishedAtMs,
  expiresAtMs: verdict.challenge.expiresAtMs,
  notes: [...notes],
});

/** What the combined proof in a file is checked against. */
export const contextOf = (file: ProofFile, check: ProofFileCheck): CombinedContext => {
  const { nonce, nowMs, checkSeed, requirements = DEFAULT_REQUIREMENTS, expected = {}, anchorTimeMs = null } = check;
  return {
    attachments: file.attachments,
    requirements,
    nowMs,
    checkSeed,
    answeredAfterMs: null,
    anchorTimeMs,
    expected: nonce === null ? expected : { ...expected, nonce },
  };
};

/**
 * Checks a proof file in this thread: what it shows, and what it does not. `passed` says that everything required was so when
 * the proof was finished. A challenge that has expired since does not undo that; a note says so.
 *
 * @throws {ProofFileError} `PROOF_UNREADABLE`
 */
export const verifyProofFile = (encoded: Uint8Array, check: ProofFileCheck): ProofVerdict => {
  const file = decodeProofFile(encoded);
  const verdict = verifyCombined(file.proof, contextOf(file, check));
  return toProofVerdict(verdict, notesFor(verdict, check));
};
