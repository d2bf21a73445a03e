import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor, sha256 } from '../../../../../main/base/codec.ts';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import {
  type ProofFile,
  ProofFileError,
  combinedId,
  decodeProofFile,
  encodeProofFile,
  verifyProofFile,
  verifyProofFileInWorkers,
} from '../../../../../main/kernel/proof/index.ts';
import { PROOF_FILE_BYTES_MAX, proofVerdict } from '../../../../../preload/contract/index.ts';
import {
  SMALL_REQUIREMENTS,
  type ProofNode,
  bytes32,
  challengeFor,
  createProofNode,
  createProofWorkers,
  createSmallPlots,
  makeSmallProof,
} from '../../../../support/proof.ts';

const { clock, random } = createSystemOutside();
const workers = createProofWorkers();
let node: ProofNode;
let file: ProofFile;
let bytes: Uint8Array;

const check = (changes: Partial<Parameters<typeof verifyProofFile>[1]> = {}) => ({
  nonce: null,
  nowMs: clock.nowMs(),
  checkSeed: random.bytes(32),
  requirements: SMALL_REQUIREMENTS,
  ...changes,
});
const rebuilt = (change: (fields: Record<string, unknown>) => object): Uint8Array =>
  encodeCbor({ ...(decodeCbor(bytes) as object), ...change(decodeCbor(bytes) as Record<string, unknown>) });

beforeAll(async () => {
  node = createProofNode(1);
  const { plots, close } = await createSmallPlots(workers, node.keyId);
  const { proof, attachments } = await makeSmallProof(workers, plots, node, challengeFor(clock, node.keyId));
  file = { proof, attachments };
  bytes = encodeProofFile(file);
  await close();
});
afterAll(() => workers.close());

describe('a proof file', () => {
  it('passes as the contract has it, and says what a check of bytes cannot know', () => {
    const verdict = verifyProofFile(bytes, check());
    expect(proofVerdict.parse(verdict)).toEqual(verdict);
    expect(verdict.passed).toBe(true);
    expect(verdict.combined).toBe(Buffer.from(combinedId(file.proof)).toString('hex'));
    expect(verdict.node).toBe(node.signer.keyId);
    const notes = verdict.notes.join(' ');
    expect(notes).toContain('The node chose the challenge itself');
    expect(notes).toContain('by the clock of the node that made it');
    expect(notes).toContain('anchored at no block');
    expect(notes).toContain('Nobody measured');
  });

  it('says the same from threads, and of the whole chain', async () => {
    const given = check();
    const { signal } = new AbortController();
    expect(await verifyProofFileInWorkers({ workers }, bytes, given, { signal })).toEqual(
      verifyProofFile(bytes, given),
    );
    const requirements = { ...SMALL_REQUIREMENTS, time: { ...SMALL_REQUIREMENTS.time, segments: 'whole' as const } };
    const whole = await verifyProofFileInWorkers({ workers }, bytes, { ...given, requirements }, { signal });
    expect(whole.passed).toBe(true);
    expect(whole.checks[3]?.reason).toContain('all of them computed again');
  });

  it('is held to the challenge that is given', () => {
    const verdict = verifyProofFile(bytes, check({ nonce: file.proof.challenge.nonce }));
    expect(verdict.passed).toBe(true);
    expect(verdict.notes.join(' ')).not.toContain('chose the challenge');
    const other = verifyProofFile(bytes, check({ nonce: bytes32(99) }));
    expect(other.passed).toBe(false);
    expect(other.checks.map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => 'CHALLENGE_MISMATCH'));
  });

  it('tells a year later what was so then, and says that', () => {
    const nowMs = clock.nowMs() + 365 * 24 * 3_600_000;
    const verdict = verifyProofFile(bytes, check({ nowMs }));
    expect(verdict.passed).toBe(true);
    expect(verdict.notes.join(' ')).toMatch(
      /The challenge expired at .*: this tells what was so at .*, and nothing of now\./,
    );
    const fresh = verifyProofFile(bytes, check({ nowMs, requirements: { ...SMALL_REQUIREMENTS, maxAgeMs: 60_000 } }));
    expect(fresh.passed).toBe(false);
    expect(fresh.checks[3]?.code).toBe('TOO_OLD');
  });

  it('is refused before its time', () => {
    expect(verifyProofFile(bytes, check({ nowMs: Date.UTC(2020, 0, 1) })).passed).toBe(false);
  });

  it('is held to the defaults where nothing else is asked for', () => {
    const { requirements: _small, ...given } = check();
    expect(verifyProofFile(bytes, given).passed).toBe(false);
  });

  it('comes back from its bytes', () => {
    const opened = decodeProofFile(bytes);
    expect(opened.proof).toEqual(file.proof);
    expect([...opened.attachments.keys()]).toEqual([...file.attachments.keys()]);
    expect(encodeProofFile(opened)).toEqual(bytes);
  });
});

describe('bytes that are no proof file', () => {
  const extra = new Uint8Array([1, 2, 3]);
  const extraName = Buffer.from(sha256(extra)).toString('hex');
  const cases: [string, () => Uint8Array][] = [
    ['nothing', () => new Uint8Array()],
    ['a text', () => Buffer.from('{"proof":1}')],
    ['half of one', () => bytes.subarray(0, bytes.length >> 1)],
    ['one with bytes after it', () => new Uint8Array([...bytes, 0])],
    ['one of another kind', () => rebuilt(() => ({ kind: 'hypermesh-chain' }))],
    ['one with a field too many', () => rebuilt(() => ({ more: 1 }))],
    ['one of a later version', () => rebuilt(() => ({ v: 2 }))],
    ['one with an attachment of another name', () => rebuilt(() => ({ attachments: { ['0'.repeat(64)]: extra } }))],
    [
      'one with an attachment that nothing names',
      () => rebuilt(({ attachments }) => ({ attachments: { ...(attachments as object), [extraName]: extra } })),
    ],
    ['one with a name in capitals', () => rebuilt(() => ({ attachments: { [extraName.toUpperCase()]: extra } }))],
    ['one with a list of attachments', () => rebuilt(() => ({ attachments: [extra] }))],
    [
      'one with no proof of work',
      () => rebuilt(({ proof }) => ({ proof: { ...(proof as object), work: new Uint8Array() } })),
    ],
    ['more than may be read', () => new Uint8Array(PROOF_FILE_BYTES_MAX + 1)],
  ];
  it.each(cases)('are refused with one code: %s', (_name, make) => {
    const refusal = (): unknown => verifyProofFile(make(), check());
    expect(refusal).toThrow(ProofFileError);
    expect(refusal).toThrow(expect.objectContaining({ code: 'PROOF_UNREADABLE' }));
  });

  it('are not written either', () => {
    expect(() => encodeProofFile({ ...file, attachments: new Map([[extraName, extra]]) })).toThrow(/no proof names/);
  });
});

it('has the limit that faces know', async () => {
  const { PROOF_FILE_BYTES_LIMIT } = await import('../../../../../main/kernel/proof/index.ts');
  expect(PROOF_FILE_BYTES_LIMIT).toBe(PROOF_FILE_BYTES_MAX);
});
