import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../main/base/index.ts';
import {
  type Challenge,
  type CombinedContext,
  type CombinedProof,
  type Plots,
  combinedId,
  decodeCombined,
  encodeCombined,
  makeCombinedProof,
  requirementsFor,
  verifyCombined,
  verifyCombinedInWorkers,
} from '../../../../../main/kernel/proof/index.ts';
import {
  SMALL_REQUIREMENTS,
  type ProofNode,
  bytes32,
  challengeFor,
  createProofNode,
  createProofWorkers,
  createSmallPlots,
  freePace,
  makeSmallProof,
} from '../../../../support/proof.ts';

const { clock } = createSystemOutside();
const workers = createProofWorkers();
const signal = AbortSignal.timeout(120_000);

let node: ProofNode;
let stranger: ProofNode;
let plots: Plots;
let closePlots: () => Promise<void>;
let challenge: Challenge;
let made: Awaited<ReturnType<typeof makeSmallProof>>;
/** Another run for the same challenge: all of its proofs hold, and none belongs to those of the first. */
let again: Awaited<ReturnType<typeof makeSmallProof>>;
/** Another challenge, answered by the same node. */
let other: Awaited<ReturnType<typeof makeSmallProof>>;

const context = (changes: Partial<CombinedContext> = {}): CombinedContext => ({
  attachments: made.attachments,
  requirements: SMALL_REQUIREMENTS,
  nowMs: clock.nowMs(),
  checkSeed: bytes32(9),
  answeredAfterMs: null,
  anchorTimeMs: null,
  expected: {},
  ...changes,
});
const codes = (proof: CombinedProof, changes: Partial<CombinedContext> = {}): (string | null)[] =>
  verifyCombined(proof, context(changes)).checks.map(({ code }) => code);

beforeAll(async () => {
  node = createProofNode(1);
  stranger = createProofNode(2);
  ({ plots, close: closePlots } = await createSmallPlots(workers, node.keyId));
  challenge = challengeFor(clock, node.keyId);
  made = await makeSmallProof(workers, plots, node, challenge);
  again = await makeSmallProof(workers, plots, node, challenge);
  other = await makeSmallProof(workers, plots, node, { ...challenge, nonce: bytes32(3) });
});
afterAll(async () => {
  await closePlots();
  await workers.close();
});

describe('a combined proof', () => {
  it('passes with four findings, in order, each with its figures', () => {
    const verdict = verifyCombined(made.proof, context());
    expect(verdict.checks.map(({ kind, passed, code }) => [kind, passed, code])).toEqual([
      ['space', true, null],
      ['stake', true, null],
      ['work', true, null],
      ['time', true, null],
    ]);
    expect(verdict.passed).toBe(true);
    expect(verdict.combined).toEqual(combinedId(made.proof));
    expect(verdict.finishedAtMs).toBe(made.facts.finishedAtMs);
    expect(verdict.sizes).toEqual([
      made.proof.space.length,
      made.proof.stake.length,
      made.proof.work.length,
      made.proof.time.length,
    ]);
    for (const { reason } of verdict.checks) expect(reason).toMatch(/\.$/);
  });

  it('says the same from bytes, from a thread, and with the whole chain', async () => {
    const quick = verifyCombined(made.proof, context());
    expect(verifyCombined(encodeCombined(made.proof), context())).toEqual(quick);
    expect(await verifyCombinedInWorkers({ workers }, encodeCombined(made.proof), context(), { signal })).toEqual(
      quick,
    );
    const whole = requirementsFor('Verified', [], { ...SMALL_REQUIREMENTS, time: { stepsMin: 1, segments: 'whole' } });
    const inThreads = await verifyCombinedInWorkers({ workers }, made.proof, context({ requirements: whole }), {
      signal,
    });
    expect(inThreads).toEqual(verifyCombined(made.proof, context({ requirements: whole })));
    expect(inThreads.passed).toBe(true);
    expect(inThreads.checks[3]?.reason).toContain('all of them computed again');
  });

  it('tells the facts of its making', () => {
    const { facts } = made;
    expect(facts.steps).toBe(4096);
    expect(facts.multiplications).toBe(64 * 1024 * 256);
    expect(facts.tookMs.all).toBeGreaterThanOrEqual(facts.tookMs.work);
    expect(facts.finishedAtMs).toBeGreaterThanOrEqual(facts.startedAtMs);
  });

  it('comes back from its bytes as it was, and has a name of its own', () => {
    expect(decodeCombined(encodeCombined(made.proof))).toEqual(made.proof);
    expect(combinedId(made.proof)).not.toEqual(combinedId(again.proof));
  });
});

describe('a combined proof shown for something else', () => {
  it.each([
    ['CHALLENGE_MISMATCH', { nonce: bytes32(50) }],
    ['NODE_MISMATCH', { node: bytes32(50) }],
    ['ASSET_MISMATCH', { asset: 'asset:gpu:other' }],
    ['PURPOSE_MISMATCH', { purpose: 'lease' }],
    ['NETWORK_MISMATCH', { network: bytes32(50) }],
    ['ISSUER_MISMATCH', { issuer: bytes32(50) }],
    ['ANCHOR_MISMATCH', { anchor: { height: 1, hash: bytes32(1) } }],
  ])('is refused with %s', (code, expected) => {
    const verdict = verifyCombined(made.proof, context({ expected }));
    expect(verdict.passed).toBe(false);
    expect(verdict.checks.map((check) => check.code)).toEqual([code, code, code, code]);
    // Also where no proof is required at all.
    const none = { ...SMALL_REQUIREMENTS, kinds: [] };
    expect(verifyCombined(made.proof, context({ expected, requirements: none })).passed).toBe(false);
  });

  it('passes where it is what was asked for', () => {
    const { network, node: of, asset, purpose, nonce, issuer, anchor } = challenge;
    const expected = { network, node: of, asset, purpose, nonce, issuer, anchor };
    expect(verifyCombined(made.proof, context({ expected })).passed).toBe(true);
  });

  it.each<[string, Partial<Challenge>]>([
    ['another nonce', { nonce: bytes32(60) }],
    [
      'another asset',
      { asset: 'asset:gpu:bafyreievcpmaufnmrerasm7zocwhdihv6qq77evtjkzbes2y7q7yuuqsci' as Challenge['asset'] },
    ],
    ['another purpose', { purpose: 'lease' }],
    ['another network', { network: bytes32(60) }],
    ['another issuer', { issuer: bytes32(60) }],
    ['a later end', { expiresAtMs: Date.UTC(2030, 0, 1) }],
    ['an anchor', { anchor: { height: 0, hash: bytes32(60) } }],
  ])('fails in every proof with %s written into its challenge', (_name, change) => {
    const expiresAtMs = challenge.issuedAtMs + 7_200_000;
    const forged = {
      ...made.proof,
      challenge: { ...challenge, ...change, ...('expiresAtMs' in change ? { expiresAtMs } : {}) },
    };
    expect(codes(forged)).toEqual(Array.from({ length: 4 }, () => 'CHALLENGE_MISMATCH'));
  });

  it('fails for another node, whoever signs', async () => {
    const forged = { ...made.proof, challenge: { ...challenge, node: stranger.keyId } };
    const found = codes(forged);
    expect(found).not.toContain(null);
    expect(found[1]).toBe('SIGNER_MISMATCH');
  });
});

describe('proofs of two runs mixed', () => {
  it.each(['work', 'time'] as const)('are noticed by the signature when %s is exchanged', (kind) => {
    const verdict = verifyCombined({ ...made.proof, [kind]: again.proof[kind] }, context());
    expect(verdict.passed).toBe(false);
    expect(verdict.checks[1]?.code).toBe('PARTS_MISMATCH');
  });

  it('have the same proof of space, which answers one challenge in one way', () => {
    expect(Buffer.compare(made.proof.space, again.proof.space)).toBe(0);
  });

  it('are noticed by the chain as well', () => {
    expect(codes({ ...made.proof, work: again.proof.work })[3]).toBe('CLOSING_MISMATCH');
  });

  it('fail when the signature is the other run’s', () => {
    expect(codes({ ...made.proof, stake: again.proof.stake })[1]).toBe('PARTS_MISMATCH');
  });

  it.each(['space', 'stake', 'work', 'time'] as const)(
    'fail with the %s of another challenge, and the rest is still checked',
    (kind) => {
      const verdict = verifyCombined(
        { ...made.proof, [kind]: other.proof[kind] },
        context({ attachments: new Map([...made.attachments, ...other.attachments]) }),
      );
      expect(verdict.passed).toBe(false);
      const place = ['space', 'stake', 'work', 'time'].indexOf(kind);
      expect(verdict.checks[place]?.code).toBe('CHALLENGE_MISMATCH');
      expect(verdict.checks).toHaveLength(4);
    },
  );
});

describe('time', () => {
  it('refuses a challenge from the future', () => {
    const nowMs = challenge.issuedAtMs - 60_001;
    // The proof of work finds by itself that nobody can have worked since.
    expect(codes(made.proof, { nowMs })).toEqual([
      'FROM_THE_FUTURE',
      'FROM_THE_FUTURE',
      'TIME_IMPOSSIBLE',
      'FROM_THE_FUTURE',
    ]);
  });

  it('refuses an answer after the end to whoever asked, and lets others read what was so', () => {
    const nowMs = challenge.expiresAtMs + 1;
    expect(codes(made.proof, { nowMs })).toEqual([null, null, null, null]);
    const late = verifyCombined(made.proof, context({ nowMs, answeredAfterMs: 10 }));
    expect(late.passed).toBe(false);
    expect(late.checks[1]?.code).toBe('EXPIRED');
  });

  it('refuses what is older than a Verified allocation allows', () => {
    const requirements = { ...requirementsFor('Verified', []), ...SMALL_REQUIREMENTS, maxAgeMs: 24 * 3_600_000 };
    expect(verifyCombined(made.proof, context({ requirements })).passed).toBe(true);
    const nowMs = made.facts.finishedAtMs + 24 * 3_600_000 + 1;
    expect(codes(made.proof, { requirements, nowMs })).toEqual([null, null, null, 'TOO_OLD']);
  });
});

describe('requirements', () => {
  it('decide which proofs count; all are checked', () => {
    const bad = { ...made.proof, time: other.proof.time, stake: other.proof.stake };
    const only = (kinds: CombinedContext['requirements']['kinds']) =>
      verifyCombined(bad, context({ requirements: { ...SMALL_REQUIREMENTS, kinds } }));
    expect(only(['space', 'work'])).toMatchObject({ passed: true });
    expect(only(['space', 'work']).checks.map(({ passed }) => passed)).toEqual([true, false, true, false]);
    expect(only(['space', 'work', 'time']).passed).toBe(false);
  });

  it('are not met by small proofs where the defaults hold', () => {
    const verdict = verifyCombined(made.proof, context({ requirements: requirementsFor('Verified', []) }));
    expect(verdict.passed).toBe(false);
    expect(verdict.checks.map(({ passed }) => passed)).toEqual([false, true, false, false]);
    expect(verdict.checks[3]?.code).toBe('TOO_FEW_STEPS');
  });
});

describe('attachments', () => {
  it('that are missing or changed fail the proof of space and nothing else', () => {
    const [name, opening] = [...made.attachments][0]!;
    const changed = opening.slice();
    changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1;
    for (const attachments of [new Map(), new Map([[name, changed]])]) {
      const found = codes(made.proof, { attachments });
      expect(found[0]).not.toBeNull();
      expect(found.slice(1)).toEqual([null, null, null]);
    }
  });
});

describe('making', () => {
  const attempt = (changes: { plots?: Plots | null; challenge?: Challenge; signal?: AbortSignal } = {}) =>
    makeCombinedProof(
      {
        workers,
        clock,
        clockWatch: null,
        plots: changes.plots === undefined ? plots : changes.plots,
        signer: node.signer,
        certificate: node.certificate,
        metrics: null,
      },
      { challenge: changes.challenge ?? challenge, work: { rows: 64, openings: 8 }, time: { steps: 4096 } },
      freePace,
      () => undefined,
      changes.signal ?? signal,
    );

  it('is refused without plotted space, for another node, and outside of the challenge’s time', async () => {
    await expect(attempt({ plots: null })).rejects.toMatchObject({ code: 'NO_SPACE_PLOTTED' });
    await expect(attempt({ challenge: { ...challenge, node: stranger.keyId } })).rejects.toMatchObject({
      code: 'CHALLENGE_UNFIT',
    });
    const issuedAtMs = clock.nowMs() - 7_200_000;
    await expect(
      attempt({ challenge: { ...challenge, issuedAtMs, expiresAtMs: issuedAtMs + 3_600_000 } }),
    ).rejects.toMatchObject({ code: 'CHALLENGE_UNFIT' });
  });

  it('stops when it is cancelled', async () => {
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    await expect(attempt({ signal: controller.signal })).rejects.toThrow('enough');
  });

  it('goes through its steps in order and to the end', async () => {
    const seen: string[] = [];
    let last = 0;
    await makeCombinedProof(
      { workers, clock, clockWatch: null, plots, signer: node.signer, certificate: node.certificate, metrics: null },
      { challenge, work: { rows: 64, openings: 8 }, time: { steps: 4096 } },
      freePace,
      (step, percent) => {
        if (seen.at(-1) !== step) seen.push(step);
        last = percent;
      },
      signal,
    );
    expect(seen).toEqual(['space', 'work', 'time', 'stake']);
    expect(last).toBe(100);
  });
});
