import type { EventSource, Logger, Outside } from '../../../base/index.ts';
import type { SignedTransaction, StateUpdate } from '../../blocks/index.ts';
import type {
  Application,
  Commit,
  ConsensusParams,
  Evidence,
  Genesis,
  LedgerBlock,
  LedgerHeader,
  ReplicaNetwork,
  ReplicaStore,
  SignatureCheck,
  Validator,
  VoteSigner,
} from '../interface.ts';
import type { ConsensusMetrics } from '../metrics.ts';
import type { FrozenState, LedgerTree } from '../state/index.ts';
import type { Turns } from '../turns.ts';

/** Who votes for this node. */
export interface VoteKeys extends EventSource<{ changed: null }> {
  /** Null while the keys are locked: the node follows and does not vote. */
  voter(): VoteSigner | null;
}
export interface ReplicaComponents {
  outside: Outside;
  logger: Logger;
  metrics: ConsensusMetrics | null;
  store: ReplicaStore;
  network: ReplicaNetwork;
  check: SignatureCheck;
  app: Application;
  keys: VoteKeys;
  /** Puts a whole state in. Takes pauses, so that a large one holds nobody up. */
  createTree(state: AsyncIterable<readonly StateUpdate[]>): Promise<LedgerTree>;
  /** How work that takes longer than a few ms lets others go first. */
  turns: Turns;
}
export interface ReplicaInit {
  genesis: Genesis;
  /** Blocks older than this many are dropped from the disk; null keeps all. @default null */
  keepBlocks?: number | null;
  /** Further behind than this a snapshot is asked for instead of blocks. @default 500 */
  snapshotBehind?: number;
  /** States of heights that this divides are kept for those who catch up. The same on all nodes, so that several can help. @default 100 */
  snapshotEvery?: number;
}

/** The newest final block, and what follows from it. */
export interface Tip {
  /** 0 before the first block. */
  readonly height: number;
  /** The network's name before the first block. */
  readonly hash: Uint8Array;
  readonly header: LedgerHeader | null;
  readonly timeMs: number;
  /** What made it final. Null before the first block. */
  readonly commit: Commit | null;
  /** Who signed it, and who signs the next one; in the order of their ids. */
  readonly signers: readonly Validator[];
  readonly validators: readonly Validator[];
  readonly params: ConsensusParams;
  /** As of this block. */
  readonly state: FrozenState;
  /** Its encoding, for those who lack it; null after a start. */
  readonly encoded: Uint8Array | null;
}

/** What came of carrying out a block that may follow the newest one. */
export interface Executed {
  ok: true;
  /** Of the block that it follows: what was carried out on another state means nothing. */
  base: Uint8Array;
  block: LedgerBlock;
  encoded: Uint8Array;
  transactions: readonly SignedTransaction[];
  evidence: readonly Evidence[];
  updates: readonly StateUpdate[];
  /** The state after it. */
  tree: LedgerTree;
  nextValidators: readonly Validator[];
  nextParams: ConsensusParams;
}
export interface Refused {
  ok: false;
  /** What is wrong with it. */
  problem: string;
  /** Nothing is wrong with it: the newest block is another one by now. */
  stale: boolean;
}
