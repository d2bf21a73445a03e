import { beforeAll, describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/codec.ts';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import {
  type Challenge,
  type ProofRequirements,
  type VerifyContext,
  challengeHashOf,
  partHashesOf,
  proveStake,
  verifyStake,
} from '../../../../../main/kernel/proof/index.ts';
import {
  type StakePayload,
  decodeStakePayload,
  encodeStakePayload,
} from '../../../../../main/kernel/proof/stake/format.ts';
import {
  SMALL_REQUIREMENTS,
  type ProofNode,
  bytes32,
  challengeFor,
  createProofNode,
} from '../../../../support/proof.ts';

const { clock } = createSystemOutside();
const parts = { space: bytes32(11), work: bytes32(12), time: bytes32(13) };
const none = { micro: 0n, height: null, network: bytes32(1) };

let node: ProofNode;
let stranger: ProofNode;
let challenge: Challenge;
let proof: Uint8Array;

const context = (
  stake: Partial<ProofRequirements['stake']> = {},
  changes: Partial<VerifyContext> = {},
): VerifyContext => ({
  challenge,
  challengeHash: challengeHashOf(challenge),
  attachments: new Map(),
  requirements: { ...SMALL_REQUIREMENTS, stake: { ...SMALL_REQUIREMENTS.stake, ...stake } },
  nowMs: clock.nowMs(),
  checkSeed: bytes32(9),
  answeredAfterMs: null,
  anchorTimeMs: null,
  ...changes,
});
const codeOf = (encoded: Uint8Array, found = context(), beside = parts): string | null =>
  verifyStake(encoded, found, partHashesOf(beside)).code;
/** A payload with changes, signed properly. */
const signed = (changes: Partial<StakePayload>, by = node): Promise<Uint8Array> =>
  by.signer.sign(
    'proof-stake',
    encodeStakePayload({
      challenge: challengeHashOf(challenge),
      ...partHashesOf(parts),
      certificate: by.certificate,
      stake: none,
      ...changes,
    }),
  );

beforeAll(async () => {
  node = createProofNode(1);
  stranger = createProofNode(2);
  challenge = challengeFor(clock, node.keyId);
  proof = await proveStake(node, challengeHashOf(challenge), parts, none);
});

describe('a proof of stake', () => {
  it('passes, and says that a home network stakes nothing and that nobody vouches for the certificate', () => {
    const finding = verifyStake(proof, context(), partHashesOf(parts));
    expect(finding).toMatchObject({ kind: 'stake', passed: true, code: null });
    expect(finding.reason).toContain('stake 0, as a home network keeps none');
    expect(finding.reason).toContain('self-made');
    expect(codeOf(proof, context({ certificate: 'selfMade' }))).toBeNull();
  });

  it('fails over other proofs, another challenge and other keys', async () => {
    for (const kind of ['space', 'work', 'time'] as const)
      expect(codeOf(proof, context(), { ...parts, [kind]: bytes32(99) })).toBe('PARTS_MISMATCH');
    const other = { ...challenge, nonce: bytes32(77) };
    expect(codeOf(proof, context({}, { challenge: other, challengeHash: challengeHashOf(other) }))).toBe(
      'CHALLENGE_MISMATCH',
    );
    expect(codeOf(await signed({}, stranger))).toBe('SIGNER_MISMATCH');
    expect(codeOf(await signed({ certificate: stranger.certificate }))).toBe('CERTIFICATE_OF_OTHER_KEYS');
  });

  it('fails in another domain, and as a record of something else', async () => {
    const payload = encodeStakePayload({
      challenge: challengeHashOf(challenge),
      ...partHashesOf(parts),
      certificate: node.certificate,
      stake: none,
    });
    expect(codeOf(await node.signer.sign('probe', payload))).toBe('DOMAIN_MISMATCH');
    expect(codeOf(await node.signer.sign('proof-stake', encodeCbor({ v: 1, kind: 'stake' })))).toBe('PROOF_MALFORMED');
    expect(codeOf(node.certificate)).toBe('DOMAIN_MISMATCH');
  });

  it('fails with a stake that is too low, unfounded or elsewhere', async () => {
    expect(codeOf(proof, context({ stakeMicroMin: 1n }))).toBe('STAKE_TOO_LOW');
    expect(codeOf(await signed({ stake: { ...none, micro: 5n } }))).toBe('STAKE_UNFOUNDED');
    expect(codeOf(await signed({ stake: { ...none, network: bytes32(2) } }))).toBe('STAKE_IN_OTHER_NETWORK');
    const some = await signed({ stake: { ...none, micro: 2_500_000n, height: 4 } });
    // Its own word is no stake: whoever asks for one must be able to look it up.
    expect(codeOf(some, context({ stakeMicroMin: 2_500_000n }))).toBe('STAKE_UNFOUNDED');
    expect(codeOf(some, context({ stakeMicroMin: 2_500_001n }))).toBe('STAKE_TOO_LOW');
    expect(codeOf(some)).toBeNull();
    expect(verifyStake(some, context(), partHashesOf(parts)).reason).toContain(
      '2.500000 CAES by its own word, at height 4',
    );
  });

  it('fails with a certificate that is not enough, from later, changed or none', async () => {
    expect(codeOf(proof, context({ certificate: 'issued' }))).toBe('CERTIFICATE_NOT_ENOUGH');
    expect(codeOf(proof, context({}, { nowMs: Date.UTC(2025, 0, 1) }))).toBe('CERTIFICATE_LATER');
    const changed = node.certificate.slice();
    changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;
    expect(codeOf(await signed({ certificate: changed }))).not.toBeNull();
    expect(codeOf(await signed({ certificate: new Uint8Array() }))).not.toBeNull();
  });

  it('is refused when it is large, before anything is read', () => {
    expect(codeOf(new Uint8Array(30_000))).toBe('PROOF_TOO_LARGE');
  });

  it('keeps sums exact', () => {
    const payload = {
      challenge: bytes32(1),
      ...partHashesOf(parts),
      certificate: new Uint8Array(3),
      stake: { micro: 123_456_789_012_345_678_901_234_567_890n, height: 9, network: bytes32(1) },
    };
    expect(decodeStakePayload(encodeStakePayload(payload)).stake).toEqual(payload.stake);
  });
});

it('refuses a proof of stake with any byte changed', () => {
  // Every byte in turn, at the quick checks; the record's signatures see the rest.
  const refused = new Map<string, number>();
  for (let place = 0; place < proof.length; place += 7) {
    const changed = proof.slice();
    changed[place] = (changed[place] ?? 0) ^ (1 << (place % 8));
    const code = codeOf(changed);
    expect(code).not.toBeNull();
    refused.set(code!, (refused.get(code!) ?? 0) + 1);
  }
  expect(refused.get('CHECK_FAILED')).toBeUndefined();
});
