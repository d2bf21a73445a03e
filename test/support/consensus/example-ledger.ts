import { encodeCbor, type Random, sha256 } from '../../../main/base/index.ts';
import {
  ed25519PublicKey,
  keyIdBytesOf,
  keyIdText,
  type Signer,
  type SignerSecrets,
  signRecord,
} from '../../../main/base/crypto/index.ts';
import { encodeTransaction } from '../../../main/kernel/blocks/index.ts';
import {
  type Commit,
  type ConsensusParams,
  createBlock,
  createVoteSigner,
  type Genesis,
  type LedgerBlock,
  type LightBlock,
  networkOf,
  type Proposal,
  type ProposalContent,
  setHash,
  sortValidators,
  type Validator,
  type Vote,
  type VoteContent,
  type VoteSigner,
} from '../../../main/kernel/consensus/index.ts';
import type { LedgerTree } from '../../../main/kernel/consensus/state/index.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { fromHex, readVectors } from '../vectors.ts';

/** A Monday, 09:00 UTC. */
export const CREATED_MS = Date.UTC(2026, 0, 5, 9);
export const EXAMPLE_PARAMS: ConsensusParams = {
  blockBytesMax: 1_048_576,
  transactionsMax: 1024,
  heartbeatMs: 60_000,
  proposeMs: 3000,
  voteMs: 1000,
  growMs: 500,
  commitMs: 500,
  clockAheadMs: 10_000,
  evidenceBlocksMax: 100_000,
};

export interface ExampleSigner extends VoteSigner {
  signer: Signer;
  secrets: SignerSecrets;
}
const falconKeys = readVectors<Record<string, { public: string; secret: string }>>('consensus', 'keys.json');
/** Real keys of a number from 1 to 7, made once, and signatures that are the same at each run. */
export const exampleSigner = (number: number, random: Random = createSeededRandom(number)): ExampleSigner => {
  const seed = Uint8Array.from({ length: 48 }, () => number);
  const found = falconKeys[number];
  if (found === undefined) throw new Error(`keys.json has no keys of ${number}`);
  const falcon = { public: fromHex(found.public), secret: fromHex(found.secret) };
  const keys = { ed25519: ed25519PublicKey(seed.subarray(0, 32)), falcon1024: falcon.public };
  const secrets = { ed25519: seed.subarray(0, 32), falcon1024: falcon.secret };
  const keyIdBytes = keyIdBytesOf(keys);
  const signer: Signer = {
    keyId: keyIdText(keyIdBytes),
    keyIdBytes,
    keys,
    sign: (domain, payload) => Promise.resolve(signRecord(keys, secrets, domain, payload, random.bytes(48))),
  };
  return { ...createVoteSigner(signer), signer, secrets };
};

export const exampleSet = (signers: readonly VoteSigner[], powers: readonly number[] = []): Validator[] =>
  sortValidators(signers.map(({ id, keys }, i) => ({ id, keys, power: powers[i] ?? 1 })));
export const exampleGenesis = (validators: readonly Validator[]): Genesis => ({
  version: 1,
  name: 'example',
  nonce: Uint8Array.from({ length: 32 }, (_, i) => i),
  createdAtMs: CREATED_MS,
  validators,
  params: EXAMPLE_PARAMS,
  app: { accounts: [] },
});

export const signVote = async (by: VoteSigner, content: VoteContent): Promise<Vote> => ({
  ...content,
  validator: by.id,
  signature: await by.vote(content),
});
export const signProposal = async (by: VoteSigner, content: ProposalContent): Promise<Proposal> => ({
  ...content,
  proposer: by.id,
  signature: await by.propose(content),
});
/** Precommits of those given, each at its place in the set. */
export const signCommit = async (
  network: Uint8Array,
  block: LedgerBlock,
  validators: readonly Validator[],
  by: readonly VoteSigner[],
  round = 0,
): Promise<Commit> => {
  const { height } = block.header;
  const content: VoteContent = { network, kind: 'precommit', height, round, block: block.hash };
  const signatures = await Promise.all(
    validators.map(
      ({ id }) => by.find((one) => Buffer.compare(one.id, id) === 0)?.vote(content) ?? Promise.resolve(null),
    ),
  );
  return { height, round, block: block.hash, signatures };
};

export const exampleTransaction = (by: ExampleSigner, network: Uint8Array, nonce: number): Promise<Uint8Array> =>
  by.signer.sign(
    'transaction',
    encodeTransaction({
      version: 1,
      network,
      kind: 'example.note',
      asset: null,
      previous: null,
      atMs: CREATED_MS + nonce,
      data: { nonce, fee: 1000 },
    }),
  );

/** One block after another, whose sets may differ. */
export interface ExampleChain {
  network: Uint8Array;
  blocks: LedgerBlock[];
  light: LightBlock[];
  extend(next: {
    validators: readonly Validator[];
    nextValidators: readonly Validator[];
    by: readonly VoteSigner[];
    transactions?: readonly Uint8Array[];
    tree?: LedgerTree;
  }): Promise<LightBlock>;
}
export const exampleChain = (genesis: Genesis): ExampleChain => {
  const network = networkOf(genesis);
  const blocks: LedgerBlock[] = [];
  const light: LightBlock[] = [];
  return {
    network,
    blocks,
    light,
    extend: async ({ validators, nextValidators, by, transactions = [], tree }) => {
      const last = light.at(-1);
      const height = light.length + 1;
      const block = createBlock(
        {
          network,
          height,
          previous: blocks.at(-1)?.hash ?? network,
          timeMs: CREATED_MS + height * 1000,
          proposer: validators[0]!.id,
          stateRoot: tree?.root() ?? sha256(encodeCbor(['state', height])),
          validators: setHash(validators),
          nextValidators: setHash(nextValidators),
        },
        { transactions, evidence: [], lastCommit: last?.commit ?? null },
      );
      blocks.push(block);
      const commit = await signCommit(network, block, validators, by);
      const made = { header: block.header, commit, validators };
      light.push(made);
      return made;
    },
  };
};
