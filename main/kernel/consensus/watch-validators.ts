import { peerIdOf } from '../../base/crypto/index.ts';
import type { Ledgers } from './ledgers-interface.ts';
import { stateOfValidator, type ValidatorState } from './validator-state.ts';

/** What cannot be proved, and so costs nothing on a ledger. */
export type Doubt = Exclude<ValidatorState['state'], 'signing' | 'out'>;

/** Between two looks at how validators are doing, and between two times that one pays for the same: reports are of 100 blocks. */
const BLOCKS_BETWEEN_LOOKS = 20;
const BLOCKS_BETWEEN_DOUBTS = 100;

/**
 * Lets the standing of validators fall that are silent, slow, or leave transactions out. Each node judges by what it saw itself: nobody
 * can have a validator put out for it, and whoever keeps doing it is avoided by those who notice.
 *
 * @returns what ends the watch
 */
export const watchValidators = (
  ledgers: Pick<Ledgers, 'on'>,
  { doubt }: { doubt(peerId: string, what: Doubt, sentence: string): void },
): (() => void) => {
  /** Height at which one was doubted last, by ledger and validator. */
  const doubted = new Map<string, Map<string, number>>();
  return ledgers.on('final', ({ ledger, block }) => {
    const { height } = block.block.header;
    const { replica, id } = ledger;
    // Whoever catches up sees blocks that were made long ago, and hears nobody meanwhile.
    if (height % BLOCKS_BETWEEN_LOOKS !== 0 || replica.status().sync.state !== 'current') return;
    const known = doubted.get(id) ?? new Map<string, number>();
    const next = new Map<string, number>();
    for (const report of replica.reports()) {
      const { keys, power } = report.validator;
      const peerId = peerIdOf(keys.ed25519);
      const lastHeight = known.get(peerId);
      const isSettled = lastHeight !== undefined && height - lastHeight < BLOCKS_BETWEEN_DOUBTS;
      if (isSettled) next.set(peerId, lastHeight);
      const { state, sentence } = stateOfValidator(report, { down: false, power });
      if (isSettled || state === 'signing' || state === 'out') continue;
      next.set(peerId, height);
      doubt(peerId, state, sentence);
    }
    doubted.set(id, next);
  });
};
