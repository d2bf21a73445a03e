import { afterEach, describe, expect, test } from 'vitest';
import {
  createBlock,
  encodeBlock,
  encodeMessage,
  type LedgerBlock,
  setHash,
} from '../../../../../main/kernel/consensus/index.ts';
import { proposerPlace } from '../../../../../main/kernel/consensus/core/proposer.ts';
import { createCandidates } from '../../../../../main/kernel/consensus/replica/candidates.ts';
import { CANDIDATES_MAX } from '../../../../../main/kernel/consensus/replica/constants.ts';
import { createLedgerTree } from '../../../../../main/kernel/consensus/state/index.ts';
import { createReplicaWorld, type ReplicaWorld } from '../../../../support/ledger/replica-world.ts';
import { keysOf, sealProposal } from '../../../../sim/keys.ts';

let world: ReplicaWorld | null = null;
afterEach(async () => {
  await world?.stop();
  world = null;
});
const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex');

const emptyBlock = ({ nodes, clock }: ReplicaWorld, proposer: Uint8Array): LedgerBlock => {
  const { replica } = nodes[0]!;
  const validators = setHash(replica.validators());
  return createBlock(
    {
      network: replica.network,
      height: 1,
      previous: replica.network,
      timeMs: clock.nowMs(),
      proposer,
      stateRoot: createLedgerTree(replica.state().entries('')).root(),
      validators,
      nextValidators: validators,
    },
    { transactions: [], evidence: [], lastCommit: null },
  );
};

describe('a proposer', () => {
  test.each(['proposer', 'other'] as const)('of a new block that names the %s as who made it', async (named) => {
    const of = (world = await createReplicaWorld({ validators: 4 }));
    const { replica } = of.nodes[0]!;
    const set = replica.validators();
    const liar = of.nodes.find(({ keys }) => hex(keys.id) === hex(set[proposerPlace(replica.network, 1, 0, set)]!.id))!;
    const others = of.nodes.filter((one) => one !== liar);
    await liar.stop();
    const block = emptyBlock(of, named === 'proposer' ? liar.keys.id : others[0]!.keys.id);
    const content = { network: replica.network, height: 1, round: 0, validRound: -1, block: block.hash };
    const proposal = { ...content, proposer: liar.keys.id, signature: sealProposal(keysOf(liar.name), content) };
    const peer = of.network.join('peer');
    peer.serve({ message: () => {}, answer: () => Promise.resolve(null), joined: () => {}, left: () => {} });
    for (const { name } of others)
      peer.send(name, encodeMessage({ type: 'proposal', proposal, block: encodeBlock(block) }));
    await of.reach(1, others);
    expect(hex(others[0]!.replica.status().hash) === hex(block.hash)).toBe(named === 'proposer');
  });

  test('cannot push out the block that a lock rests on with others', async () => {
    const of = (world = await createReplicaWorld({ validators: 1 }));
    const candidates = createCandidates();
    const blocks = Array.from({ length: 3 * CANDIDATES_MAX }, (_, i) => emptyBlock(of, new Uint8Array(32).fill(i)));
    const [first, locked] = [blocks[0]!, blocks[1]!];
    for (const block of blocks) {
      candidates.add(block, encodeBlock(block));
      if (block === locked) candidates.pin(locked.hash);
    }
    expect(candidates.get(first.hash)).toBeUndefined();
    expect(candidates.get(locked.hash)?.block).toBe(locked);
    expect(blocks.filter(({ hash }) => candidates.get(hash) !== undefined)).toHaveLength(CANDIDATES_MAX);
    candidates.clear();
    expect(candidates.get(locked.hash)).toBeUndefined();
  });
});
