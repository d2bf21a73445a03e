import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeEntry } from '../../../main/kernel/consensus/core/entry.ts';
import {
  buildLightPath,
  encodeAnswer,
  encodeBlock,
  encodeCommit,
  encodeEvidence,
  encodeGenesis,
  encodeHeader,
  encodeLedgerProof,
  encodeLightBlock,
  encodeMessage,
  encodeProposal,
  encodeQuestion,
  encodeValidators,
  encodeVote,
  evidenceOfVotes,
  networkOf,
  proposalPayload,
  proposalRecord,
  setHash,
  votePayload,
  voteRecord,
} from '../../../main/kernel/consensus/index.ts';
import { createLedgerTree } from '../../../main/kernel/consensus/state/index.ts';
import {
  exampleChain,
  exampleGenesis,
  exampleSet,
  exampleSigner,
  exampleTransaction,
  signProposal,
  signVote,
} from '../consensus/example-ledger.ts';

// Makes the vectors of consensus anew. Run by hand when a format gets a new version. Argument: the folder test/vectors.
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const signers = [1, 2, 3, 4].map((number) => exampleSigner(number));
const set = exampleSet(signers, [4, 3, 2, 1]);
const genesis = exampleGenesis(set);
const network = networkOf(genesis);
const chain = exampleChain(genesis);
const tree = createLedgerTree([
  ['account/a', new Uint8Array([1])],
  ['account/b', new Uint8Array([2])],
]);
const by = signers.slice(0, 3);
await chain.extend({ validators: set, nextValidators: set, by: signers });
const last = await chain.extend({
  validators: set,
  nextValidators: set,
  by,
  transactions: [await exampleTransaction(signers[0]!, network, 1)],
  tree,
});
const block = chain.blocks.at(-1)!;
const content = { network, kind: 'prevote', height: 2, round: 0, block: block.hash } as const;
const vote = await signVote(signers[0]!, content);
const other = await signVote(signers[0]!, { ...content, block: null });
const evidence = evidenceOfVotes(vote, other)!;
const proposal = await signProposal(signers[1]!, { network, height: 2, round: 1, validRound: 0, block: block.hash });
const key = 'account/b';
const proof = encodeLedgerProof({
  path: await buildLightPath(genesis, last, () => Promise.resolve(null)),
  block: last,
  key,
  state: tree.prove(key),
});
const [header, commit] = [encodeHeader(block.header), encodeCommit(last.commit)];
const vectors = {
  genesis: hex(encodeGenesis(genesis)),
  network: hex(network),
  validators: hex(encodeValidators(set)),
  setHash: hex(setHash(set)),
  header: hex(header),
  headerHash: hex(block.hash),
  commit: hex(commit),
  block: hex(encodeBlock(block)),
  votePayload: hex(votePayload(vote)),
  voteRecord: hex(voteRecord(signers[0]!.keys, vote, vote.signature)),
  vote: hex(encodeVote(vote)),
  proposalPayload: hex(proposalPayload(proposal)),
  proposalRecord: hex(proposalRecord(signers[1]!.keys, proposal, proposal.signature)),
  proposal: hex(encodeProposal(proposal)),
  evidence: hex(encodeEvidence(evidence)),
  entry: hex(
    encodeEntry({
      self: signers[0]!.id,
      message: { kind: 'vote', content: { ...content, kind: 'precommit' } },
      locked: { round: 0, block: block.hash },
      valid: { round: 0, block: block.hash },
      proof: [vote],
    }),
  ),
  lightBlock: hex(encodeLightBlock(last)),
  ledgerProof: hex(proof),
  messages: [
    encodeMessage({ type: 'hello', network, height: 3, round: 0, oldest: 1 }),
    encodeMessage({ type: 'vote', vote }),
    encodeMessage({ type: 'proposal', proposal, block: encodeBlock(block) }),
    encodeMessage({ type: 'proposal', proposal, block: null }),
    encodeMessage({ type: 'transactions', transactions: block.transactions }),
    encodeMessage({ type: 'evidence', evidence: encodeEvidence(evidence) }),
  ].map(hex),
  exchanges: [
    [{ type: 'block', hash: block.hash }, encodeAnswer('block', encodeBlock(block))],
    [{ type: 'block', hash: network }, encodeAnswer('block', null)],
    [{ type: 'blocks', from: 2, limit: 16, bytes: 65_536 }, encodeAnswer('blocks', [{ header, commit, block: null }])],
    [{ type: 'votes', height: 2, round: 1 }, encodeAnswer('votes', { proposals: [proposal], votes: [vote] })],
    [
      { type: 'manifest' },
      encodeAnswer('manifest', {
        ...last,
        nextValidators: encodeValidators(set),
        manifest: tree.snapshot(65_536).manifest,
      }),
    ],
    [{ type: 'chunk', height: 2, index: 0 }, encodeAnswer('chunk', tree.snapshot(65_536).chunk(0))],
  ].map(([question, answer]) => ({
    question: hex(encodeQuestion(question as Parameters<typeof encodeQuestion>[0])),
    answer: hex(answer as Uint8Array),
  })),
};
writeFileSync(join(process.argv[2]!, 'consensus', 'ledger.json'), `${JSON.stringify(vectors, null, 2)}\n`);
