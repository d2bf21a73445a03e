import { readTransaction, type SignedTransaction } from '../../blocks/index.ts';
import { decodeBlockSteps, decodeCommit, decodeEvidence, decodeHeader, type LightBlock } from '../formats/index.ts';
import type { Genesis, Replica, ReplicaStore } from '../interface.ts';
import { buildLightPath, encodeLedgerProof } from '../light/index.ts';
import type { Steps, Turns } from '../turns.ts';
import { ReplicaError } from './errors.ts';
import type { Head } from './head.ts';

/** What is final, for whoever wants to see or show it. */
export type History = Pick<Replica, 'block' | 'prove'>;
export interface HistoryComponents {
  store: Pick<ReplicaStore, 'block'>;
  head: Pick<Head, 'tip' | 'validatorsAt'>;
  turns: Turns;
}

const readSteps = function* (encoded: readonly Uint8Array[]): Steps<SignedTransaction[]> {
  const read: SignedTransaction[] = [];
  for (const one of encoded) {
    read.push(readTransaction(one));
    yield;
  }
  return read;
};

export const createHistory = ({ store, head, turns }: HistoryComponents, init: { genesis: Genesis }): History => {
  /** A final block without its content. */
  const lightBlock = async (height: number): Promise<LightBlock | null> => {
    const [stored, validators] = await Promise.all([store.block(height), head.validatorsAt(height)]);
    return stored === null || validators === null
      ? null
      : { header: decodeHeader(stored.header), commit: decodeCommit(stored.commit), validators };
  };
  return {
    block: async (height) => {
      const stored = await store.block(height);
      if (stored === null || stored.block === null) return null;
      const block = await turns.run(decodeBlockSteps(stored.block));
      const set = await head.validatorsAt(stored.height);
      return {
        block,
        encoded: stored.block,
        commit: decodeCommit(stored.commit),
        transactions: await turns.run(readSteps(block.transactions)),
        evidence: block.evidence.map(decodeEvidence),
        updates: [],
        validators: set ?? [],
      };
    },
    prove: async (key) => {
      const { header, commit, signers, state } = head.tip();
      if (header === null || commit === null)
        throw new ReplicaError(
          { code: 'NO_BLOCK' },
          'Nothing can be proved before the first block is final; try again in a moment.',
        );
      const block = { header, commit, validators: signers };
      const proof = state.prove(key);
      const path = await buildLightPath(init.genesis, block, lightBlock);
      return encodeLedgerProof({ path, block, key, state: proof });
    },
  };
};
