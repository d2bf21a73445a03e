import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeCbor, sha256 } from '../../../../main/base/codec.ts';
import {
  DEFAULT_REQUIREMENTS,
  challengeHashOf,
  combinedId,
  decodeChallenge,
  decodeProofFile,
  decodeRequirements,
  encodeChallenge,
  encodeProofFile,
  encodeRequirements,
  requirementsFor,
  verifyProofFile,
  verifyTime,
} from '../../../../main/kernel/proof/index.ts';
import { decodeTimeProof, encodeTimeProof } from '../../../../main/kernel/proof/time/format.ts';
import { firstBrokenSegment, segmentsOf } from '../../../../main/kernel/proof/time/verify.ts';
import { SMALL_REQUIREMENTS } from '../../../support/proof.ts';

// The examples of docs/formats/proof.md, proof-time.md and proof-file.md: what they say once is so for ever.

const folder = join(import.meta.dirname, '../../../vectors');
const read = <T>(path: string): T => JSON.parse(readFileSync(join(folder, path), 'utf8')) as T;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

const proof = read<{
  challenges: { challenge: Record<string, unknown>; encoded: string; hash: string }[];
  combined: { space: string; stake: string; work: string; time: string; closing: string; id: string }[];
  requirements: { name: string; encoded: string }[];
}>('proof/proof.json');
const chains =
  read<
    {
      challenge: string;
      challengeHash: string;
      anchor: string | null;
      steps: number;
      checkpointSteps: number;
      closing: string;
      start: string;
      checkpoints: string;
      end: string;
      proof: string;
      finishedAtMs: number;
    }[]
  >('proof-time/chains.json');
const small = read<{
  bytes: number;
  sha256: string;
  nowMs: number;
  requirements: string;
  node: string;
  asset: string;
  purpose: string;
  nonce: string;
  challengeHash: string;
  combined: string;
  issuedAtMs: number;
  finishedAtMs: number;
  expiresAtMs: number;
  parts: Record<'space' | 'stake' | 'work' | 'time', { bytes: number; sha256: string }>;
  attachments: Record<string, number>;
}>('proof-file/small.json');
const file = new Uint8Array(readFileSync(join(folder, 'proof-file/small.hmproof')));

describe('vectors of challenges, combined proofs and requirements', () => {
  it('are there', () => {
    expect(proof.challenges.length).toBeGreaterThan(1);
    expect(proof.combined.length).toBeGreaterThan(0);
    expect(proof.requirements.length).toBeGreaterThan(1);
    expect(chains.length).toBeGreaterThan(1);
  });

  it.each(proof.challenges)('a challenge has its bytes and its hash: $hash', ({ challenge, encoded, hash }) => {
    const decoded = decodeChallenge(bytes(encoded));
    expect(hex(encodeChallenge(decoded))).toBe(encoded);
    expect(hex(challengeHashOf(decoded))).toBe(hash);
    expect(hex(decoded.nonce)).toBe(challenge['nonce']);
    expect(decoded.expiresAtMs).toBe(challenge['expiresAtMs']);
  });

  it.each(proof.combined)('a combined proof has its name: $id', ({ id, closing, ...parts }) => {
    const challenge = decodeChallenge(bytes(proof.challenges[0]!.encoded));
    const [space, stake, work, time] = [bytes(parts.space), bytes(parts.stake), bytes(parts.work), bytes(parts.time)];
    expect(hex(combinedId({ version: 1, challenge, space, stake, work, time }))).toBe(id);
    expect(hex(sha256(encodeCbor([sha256(space), sha256(work)])))).toBe(closing);
  });

  it('requirements are those that this program makes', () => {
    const [first, second] = proof.requirements;
    expect(hex(encodeRequirements(DEFAULT_REQUIREMENTS))).toBe(first?.encoded);
    const other = requirementsFor('Verified', [], {
      time: { segments: 'whole' },
      stake: { stakeMicroMin: 2_500_000n },
    });
    expect(decodeRequirements(bytes(second?.encoded ?? ''))).toEqual(other);
  });
});

describe('vectors of chains', () => {
  it.each(chains)('$steps steps from $start', (chain) => {
    const encoded = bytes(chain.proof);
    const decoded = decodeTimeProof(encoded);
    expect(hex(encodeTimeProof(decoded))).toBe(chain.proof);
    expect(hex(decoded.checkpoints)).toBe(chain.checkpoints);
    const anchor = chain.anchor === null ? null : bytes(chain.anchor);
    const { segments, start, end } = segmentsOf(decoded, bytes(chain.challengeHash), anchor);
    expect([hex(start), hex(end)]).toEqual([chain.start, chain.end]);
    expect(firstBrokenSegment(segments, chain.checkpointSteps)).toBeNull();
    const challenge = decodeChallenge(bytes(chain.challenge));
    const finding = verifyTime(
      encoded,
      {
        challenge,
        challengeHash: challengeHashOf(challenge),
        attachments: new Map(),
        requirements: { ...SMALL_REQUIREMENTS, time: { ...SMALL_REQUIREMENTS.time, segments: 'whole' } },
        nowMs: chain.finishedAtMs,
        checkSeed: new Uint8Array(32),
        answeredAfterMs: null,
        anchorTimeMs: null,
      },
      bytes(chain.closing),
    );
    expect(finding).toMatchObject({ passed: true, shown: { steps: chain.steps } });
  });
});

describe('the vector of a proof file', () => {
  it('holds what it is said to hold, and passes', () => {
    expect([file.length, hex(sha256(file))]).toEqual([small.bytes, small.sha256]);
    const opened = decodeProofFile(file);
    expect(hex(encodeProofFile(opened))).toBe(hex(file));
    expect(hex(challengeHashOf(opened.proof.challenge))).toBe(small.challengeHash);
    for (const kind of ['space', 'stake', 'work', 'time'] as const)
      expect([opened.proof[kind].length, hex(sha256(opened.proof[kind]))]).toEqual([
        small.parts[kind].bytes,
        small.parts[kind].sha256,
      ]);
    expect(Object.fromEntries([...opened.attachments].map(([name, held]) => [name, held.length]))).toEqual(
      small.attachments,
    );
    const verdict = verifyProofFile(file, {
      nonce: bytes(small.nonce),
      nowMs: small.nowMs,
      checkSeed: new Uint8Array(32).fill(7),
      requirements: decodeRequirements(bytes(small.requirements)),
    });
    const { node, asset, purpose, combined, issuedAtMs, finishedAtMs, expiresAtMs } = small;
    expect(verdict).toMatchObject({
      passed: true,
      node,
      asset,
      purpose,
      combined,
      issuedAtMs,
      finishedAtMs,
      expiresAtMs,
    });
    // By the defaults it is too small to show anything.
    const strict = verifyProofFile(file, { nonce: null, nowMs: small.nowMs, checkSeed: new Uint8Array(32) });
    expect(strict.passed).toBe(false);
  });
});
