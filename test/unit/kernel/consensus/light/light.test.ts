import { beforeAll, describe, expect, it } from 'vitest';
import { sha256, type WorkerPool } from '../../../../../main/base/index.ts';
import { consensusTasks } from '../../../../../main/kernel/consensus/tasks.ts';
import {
  buildLightPath,
  type Commit,
  createLightClient,
  createSignatureCheck,
  decodeLedgerProof,
  encodeLedgerProof,
  evidenceOfProposals,
  evidenceOfVotes,
  type Genesis,
  headerHash,
  type LightBlock,
  networkOf,
  type SignatureCheck,
  type Validator,
  verifyCommit,
  verifyEvidence,
  verifyLedgerProof,
} from '../../../../../main/kernel/consensus/index.ts';
import { createLedgerTree } from '../../../../../main/kernel/consensus/state/index.ts';
import {
  CREATED_MS,
  type ExampleChain,
  type ExampleSigner,
  exampleChain,
  exampleGenesis,
  exampleSet,
  exampleSigner,
  signProposal,
  signVote,
} from '../../../../support/consensus/example-ledger.ts';

const workers: WorkerPool = {
  size: 1,
  run: async (task, input) => (await consensusTasks[task]!(input, { report: () => undefined })) as never,
  close: () => Promise.resolve(),
};
const NOW = { nowMs: CREATED_MS + 60_000, trustMs: null };
const tree = createLedgerTree([
  ['account/a', new Uint8Array([1])],
  ['account/b', new Uint8Array([2])],
]);

let check: SignatureCheck;
let signers: ExampleSigner[];
let stranger: ExampleSigner;
/** A to D; then B to E, then E alone of the first five with two others. */
let sets: readonly (readonly Validator[])[];
let genesis: Genesis;
let chain: ExampleChain;
let last: LightBlock;

beforeAll(async () => {
  check = createSignatureCheck(workers);
  signers = [1, 2, 3, 4, 5, 6, 7].map((number) => exampleSigner(number));
  stranger = signers[6]!;
  sets = [exampleSet(signers.slice(0, 4)), exampleSet(signers.slice(1, 5)), exampleSet(signers.slice(3, 6))];
  genesis = exampleGenesis(sets[0]!);
  chain = exampleChain(genesis);
  const [one, two, three] = sets as [Validator[], Validator[], Validator[]];
  await chain.extend({ validators: one, nextValidators: one, by: signers });
  await chain.extend({ validators: one, nextValidators: two, by: signers.slice(0, 3) });
  await chain.extend({ validators: two, nextValidators: three, by: signers });
  await chain.extend({ validators: three, nextValidators: three, by: signers });
  last = await chain.extend({ validators: three, nextValidators: three, by: signers, tree });
});

const proofOf = async (block = last): Promise<Uint8Array> =>
  encodeLedgerProof({
    path: await buildLightPath(genesis, block, (height) => Promise.resolve(chain.light[height - 1] ?? null)),
    block,
    key: 'account/b',
    state: tree.prove('account/b'),
  });

describe('Commits', () => {
  const verify = (commit: Commit, validators: readonly Validator[] = sets[0]!): Promise<void> => {
    const { header } = chain.light[0]!;
    const expected = { network: chain.network, height: 1, block: headerHash(header), validators };
    return verifyCommit({ check }, commit, expected);
  };
  it('hold with more than two thirds, and not with two thirds or less', async () => {
    const { commit } = chain.light[0]!;
    await expect(verify(commit)).resolves.toBeUndefined();
    const without = (count: number): Commit => ({
      ...commit,
      signatures: commit.signatures.map((one, place) => (place < count ? null : one)),
    });
    await expect(verify(without(1))).resolves.toBeUndefined();
    await expect(verify(without(2))).rejects.toMatchObject({
      code: 'SIGNATURES_TOO_FEW',
      data: { power: 2, total: 4 },
    });
    // Three with two votes each, and one of them missing: exactly two thirds.
    const even = sets[0]!.slice(0, 3).map((one) => ({ ...one, power: 2 }));
    await expect(verify({ ...commit, signatures: without(1).signatures.slice(0, 3) }, even)).rejects.toMatchObject({
      code: 'SIGNATURES_TOO_FEW',
    });
  });
  it('count nobody twice, nobody in another place, and nobody from outside', async () => {
    const { commit } = chain.light[0]!;
    const first = commit.signatures[0]!;
    const put = (signatures: Commit['signatures']): Promise<void> => verify({ ...commit, signatures });
    await expect(put([first, first, first, first])).rejects.toMatchObject({ code: 'SIGNATURE_FORGED' });
    await expect(put(commit.signatures.toReversed())).rejects.toMatchObject({ code: 'SIGNATURE_FORGED' });
    await expect(put([...commit.signatures, first])).rejects.toMatchObject({ code: 'COMMIT_WRONG' });
    await expect(put(commit.signatures.slice(1))).rejects.toMatchObject({ code: 'COMMIT_WRONG' });
    const words = { network: chain.network, kind: 'precommit', height: 1, round: 0, block: commit.block } as const;
    const foreign = await stranger.vote(words);
    await expect(put([foreign, ...commit.signatures.slice(1)])).rejects.toMatchObject({ code: 'SIGNATURE_FORGED' });
    const prevote = await signers[0]!.vote({ ...words, kind: 'prevote' });
    await expect(put(commit.signatures.map((one, i) => (i === 0 ? prevote : one)))).rejects.toMatchObject({
      code: 'SIGNATURE_FORGED',
    });
  });
  it('are of that height, round and block', async () => {
    const { commit } = chain.light[0]!;
    await expect(verify({ ...commit, height: 2 })).rejects.toMatchObject({ code: 'COMMIT_WRONG' });
    await expect(verify({ ...commit, block: new Uint8Array(32) })).rejects.toMatchObject({ code: 'COMMIT_WRONG' });
    await expect(verify({ ...commit, round: 1 })).rejects.toMatchObject({ code: 'SIGNATURE_FORGED' });
  });
});

describe('Evidence', () => {
  const content = {
    network: new Uint8Array(32),
    kind: 'precommit',
    height: 2,
    round: 0,
    block: new Uint8Array(32),
  } as const;
  const components = (): Parameters<typeof verifyEvidence>[0] => ({
    check,
    network: content.network,
    setAt: (height) => Promise.resolve(height > 100 ? null : sets[0]!),
  });
  it('accuses a validator of that height who signed both', async () => {
    const [liar, honest] = [signers[0]!, signers[1]!];
    const one = await signVote(liar, content);
    const votes = evidenceOfVotes(one, await signVote(liar, { ...content, block: null }))!;
    await expect(verifyEvidence(components(), votes)).resolves.toMatchObject({ id: liar.id, power: 1 });
    const proposed = { network: content.network, height: 2, round: 0, validRound: -1, block: content.block };
    const proposals = evidenceOfProposals(
      await signProposal(liar, proposed),
      await signProposal(liar, { ...proposed, block: sha256(new Uint8Array()) }),
    )!;
    await expect(verifyEvidence(components(), proposals)).resolves.toMatchObject({ id: liar.id });

    // One half is made up.
    const framed = { ...(await signVote(liar, { ...content, block: null })), validator: honest.id };
    const forged = evidenceOfVotes(await signVote(honest, content), framed)!;
    await expect(verifyEvidence(components(), forged)).rejects.toMatchObject({ code: 'SIGNATURE_FORGED' });
    const outside = evidenceOfVotes(
      await signVote(stranger, content),
      await signVote(stranger, { ...content, block: null }),
    )!;
    await expect(verifyEvidence(components(), outside)).rejects.toMatchObject({ code: 'EVIDENCE_WRONG' });
    await expect(verifyEvidence({ ...components(), network: chain.network }, votes)).rejects.toMatchObject({
      code: 'NETWORK_WRONG',
    });
    await expect(verifyEvidence(components(), { ...votes, height: 3 })).rejects.toMatchObject({
      code: 'EVIDENCE_WRONG',
    });
    await expect(verifyEvidence({ ...components(), setAt: () => Promise.resolve(null) }, votes)).rejects.toMatchObject({
      code: 'SET_WRONG',
      data: { verdict: 'ignore' },
    });
    await expect(
      verifyEvidence(components(), { ...votes, kind: 'votes', first: one, second: one }),
    ).rejects.toMatchObject({ code: 'CONSENSUS_MALFORMED' });
  });
});

describe('Light client', () => {
  it('follows block by block from the genesis, also where the set changes', async () => {
    const client = createLightClient({ genesis, check }, { trustMs: null });
    for (const block of chain.light) await client.follow(block, NOW.nowMs);
    expect(client.trusted()).toMatchObject({ height: 5, hash: headerHash(last.header) });
    await expect(client.follow(chain.light[2]!, NOW.nowMs)).rejects.toMatchObject({ code: 'HEADER_WRONG' });
  });
  it('skips as far as enough of those it trusts have signed', async () => {
    const client = createLightClient({ genesis, check }, { trustMs: 10_000 });
    // One of the first four is left.
    await expect(client.follow(last, CREATED_MS)).rejects.toMatchObject({
      code: 'NOT_TRUSTED',
      data: { verdict: 'ignore' },
    });
    // Three of them are; but what is trusted is too old.
    await expect(client.follow(chain.light[2]!, NOW.nowMs)).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    await client.follow(chain.light[2]!, CREATED_MS);
    await client.follow(last, CREATED_MS);
    expect(client.trusted().height).toBe(5);
  });
  it('refuses what was changed, and what others signed', async () => {
    const client = createLightClient({ genesis, check }, { trustMs: null });
    const first = chain.light[0]!;
    const follow = (change: Partial<LightBlock>): Promise<unknown> => client.follow({ ...first, ...change }, NOW.nowMs);
    const header = { ...first.header, stateRoot: new Uint8Array(32) };
    await expect(follow({ header })).rejects.toMatchObject({ code: 'COMMIT_WRONG' });
    await expect(follow({ header, commit: { ...first.commit, block: headerHash(header) } })).rejects.toMatchObject({
      code: 'SIGNATURE_FORGED',
    });
    await expect(follow({ validators: sets[1]! })).rejects.toMatchObject({ code: 'SET_WRONG' });
    const elsewhere = exampleChain({ ...genesis, name: 'other' });
    const foreign = await elsewhere.extend({ validators: sets[0]!, nextValidators: sets[0]!, by: signers });
    await expect(client.follow(foreign, NOW.nowMs)).rejects.toMatchObject({ code: 'NETWORK_WRONG' });
    // A whole chain of strangers under the name of this network.
    const strangers = exampleSet([stranger]);
    const made = exampleChain(genesis);
    const lie = await made.extend({ validators: strangers, nextValidators: strangers, by: [stranger] });
    const next = await made.extend({ validators: strangers, nextValidators: strangers, by: [stranger] });
    await expect(client.follow(lie, NOW.nowMs)).rejects.toMatchObject({ code: 'HEADER_WRONG' });
    await expect(client.follow(next, NOW.nowMs)).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    expect(client.trusted()).toMatchObject({ height: 0, hash: networkOf(genesis) });
  });
});

describe('Proofs about the ledger', () => {
  it('convince whoever has the genesis, over sets that have changed', async () => {
    const proof = await proofOf();
    expect(decodeLedgerProof(proof).path.map(({ header }) => header.height)).toEqual([2, 3]);
    const reading = await verifyLedgerProof({ genesis, check }, proof, NOW);
    expect(reading).toMatchObject({ key: 'account/b', value: new Uint8Array([2]), total: 3, header: { height: 5 } });
    expect(reading.signers).toHaveLength(3);
    const absent = encodeLedgerProof({ ...decodeLedgerProof(proof), key: 'account/c', state: tree.prove('account/c') });
    await expect(verifyLedgerProof({ genesis, check }, absent, NOW)).resolves.toMatchObject({ value: null });
  });
  it('are read as well by who has followed further', async () => {
    const client = createLightClient({ genesis, check }, { trustMs: null });
    for (const block of chain.light) await client.follow(block, NOW.nowMs);
    await expect(client.read(await proofOf(), NOW.nowMs)).resolves.toMatchObject({ value: new Uint8Array([2]) });
  });
  it('are refused when anything of them was changed', async () => {
    const proof = decodeLedgerProof(await proofOf());
    const read = (change: Partial<typeof proof>): Promise<unknown> =>
      verifyLedgerProof({ genesis, check }, encodeLedgerProof({ ...proof, ...change }), NOW);
    await expect(read({ key: 'account/a' })).rejects.toMatchObject({ name: 'StateError' });
    const other = createLedgerTree([['account/b', new Uint8Array([200])]]);
    await expect(read({ state: other.prove('account/b') })).rejects.toMatchObject({ name: 'StateError' });
    await expect(read({ path: [] })).rejects.toMatchObject({ code: 'NOT_TRUSTED' });
    const header = { ...last.header, stateRoot: other.root() };
    const commit = { ...last.commit, block: headerHash(header) };
    await expect(read({ block: { ...last, header, commit }, state: other.prove('account/b') })).rejects.toMatchObject({
      code: 'SIGNATURE_FORGED',
    });
    const signatures = last.commit.signatures.map((one, place) => (place === 0 ? one : null));
    await expect(read({ block: { ...last, commit: { ...last.commit, signatures } } })).rejects.toMatchObject({
      code: 'SIGNATURES_TOO_FEW',
    });
    await expect(
      verifyLedgerProof({ genesis: { ...genesis, name: 'other' }, check }, encodeLedgerProof(proof), NOW),
    ).rejects.toMatchObject({ code: 'NETWORK_WRONG' });
  });
});
