import { NodeError, type Verdict } from '../../../base/index.ts';

/** What goes wrong between a replica, its peers and its disk; `ConsensusError` is what its users meet. */
export class ReplicaError extends NodeError<
  /** What a peer answered while this node caught up does not hold. */
  | { code: 'SYNC_REFUSED'; problem: string; verdict: Verdict }
  /** The disk holds another network than the one asked for, or a state that its newest header does not name. */
  | { code: 'GENESIS_OTHER' }
  | { code: 'STATE_DAMAGED'; height: number }
  /** There is no block yet that anything could be shown by. */
  | { code: 'NO_BLOCK' }
  | { code: 'STOPPED' }
> {
  override readonly name = 'ReplicaError';
}

export const syncRefused = (problem: string): ReplicaError =>
  new ReplicaError(
    { code: 'SYNC_REFUSED', problem, verdict: 'reject' },
    `What a peer told of the ledger does not hold: ${problem}.`,
  );
export const stopped = (): ReplicaError =>
  new ReplicaError({ code: 'STOPPED' }, 'The ledger is stopping; start the node again.');
