import { AssertionError, isNodeError, type Logger, messageOf, type Outside } from '../../../base/index.ts';
import { type BlockAnswer, decodeBlockSteps, decodeCommit } from '../formats/index.ts';
import { sameBytes } from '../formats/reader.ts';
import { setHash } from '../formats/validators.ts';
import type { Commit, LedgerBlock, ReplicaNetwork, SyncState } from '../interface.ts';
import type { ConsensusMetrics } from '../metrics.ts';
import type { Turns } from '../turns.ts';
import { askPeer, createPauses } from './ask.ts';
import { BEHIND_GRACE_MS, LIAR_PAUSE_MS, SILENT_PAUSE_MS, SYNC_BLOCKS, SYNC_BYTES } from './constants.ts';
import { ReplicaError, syncRefused } from './errors.ts';
import type { PeerView } from './gossip.ts';
import type { Head } from './head.ts';
import type { SnapshotSync } from './snapshot-sync.ts';
import type { Verify } from './verify.ts';

/** Brings this node to where the others are. */
export interface Sync {
  /** Somebody may know more than this node. */
  poke(): void;
  state(): SyncState;
  stop(): void;
}
export interface SyncComponents {
  outside: Outside;
  logger: Logger;
  metrics: ConsensusMetrics | null;
  network: ReplicaNetwork;
  head: Head;
  turns: Turns;
  verify: Verify;
  snapshots: SnapshotSync;
  views(): ReadonlyMap<string, PeerView>;
  halted(): boolean;
  halt(reason: string): void;
  changed(): void;
}

interface Fetched {
  block: LedgerBlock;
  encoded: Uint8Array;
  commit: Uint8Array;
}

export const createSync = (components: SyncComponents, init: { snapshotBehind: number }): Sync => {
  const { outside, logger, metrics, network, head, turns, verify, snapshots, views, halted, halt, changed } =
    components;
  const { clock } = outside;
  const pauses = createPauses(clock);
  const ending = new AbortController();
  let state: SyncState = { state: 'alone' };
  let isRunning = false;
  /** Since when somebody has been ahead, and at which height this node was then. */
  let behind: { height: number; sinceMs: number } | null = null;
  let cancelLook: (() => void) | null = null;

  const setState = (next: SyncState): void => {
    state = next;
    changed();
  };
  const target = (): number => Math.max(0, ...[...views().values()].map(({ height }) => height));
  const settled = (): SyncState => ({ state: network.peers().length === 0 ? 'alone' : 'current' });
  /** Peers that say to have the next block, in an order of their own each time. */
  const sources = (): string[] => {
    const here = network.peers().filter((peer) => (views().get(peer)?.height ?? 0) > head.tip().height);
    const open = here.filter((peer) => !pauses.isPaused(peer));
    for (let i = open.length - 1; i > 0; i--) {
      const j = outside.random.below(i + 1);
      [open[i], open[j]] = [open[j]!, open[i]!];
    }
    return open;
  };

  const look = (): void => {
    cancelLook?.();
    cancelLook = null;
    if (isRunning || ending.signal.aborted || halted()) return;
    const { height } = head.tip();
    const ahead = target() - height;
    if (ahead <= 0) {
      behind = null;
      const next = settled();
      if (next.state !== state.state) setState(next);
      return;
    }
    if (behind === null || behind.height !== height) behind = { height, sinceMs: clock.monotonicMs() };
    // The agreement brings the newest ones by itself, unless something was lost.
    const waitMs = ahead > 2 ? 0 : behind.sinceMs + BEHIND_GRACE_MS - clock.monotonicMs();
    if (waitMs > 0) cancelLook = clock.after(waitMs, look);
    else void run();
  };
  const run = async (): Promise<void> => {
    isRunning = true;
    try {
      while (!ending.signal.aborted && !halted() && target() > head.tip().height) {
        if (!(await step())) break;
      }
    } finally {
      isRunning = false;
      if (!ending.signal.aborted) {
        const next = settled();
        if (next.state !== state.state) setState(next);
        // Nobody could help now; somebody may later.
        if (!halted() && target() > head.tip().height) cancelLook ??= clock.after(SILENT_PAUSE_MS / 5, look);
      }
    }
  };
  /** One answer of one peer. @returns whether there is anybody to go on with */
  const step = async (): Promise<boolean> => {
    const { height } = head.tip();
    if (target() - height > init.snapshotBehind || (sources().length > 0 && whole().length === 0)) {
      if (await bySnapshot(sources())) return true;
      if (head.tip().height > height) return true;
    }
    // Who lied about the snapshot is not among them any more.
    const [source] = whole();
    if (source === undefined) return false;
    await byBlocks(source);
    return true;
  };
  /** Those that have the next block whole. */
  const whole = (): string[] => {
    const next = head.tip().height + 1;
    return sources().filter((peer) => {
      const oldest = views().get(peer)?.oldest ?? 0;
      return oldest !== 0 && oldest <= next;
    });
  };
  const bySnapshot = async (peers: readonly string[]): Promise<boolean> =>
    await snapshots.adopt(peers, {
      signal: ending.signal,
      progress: setState,
      lied: (peer, detail) => lied(peer, detail),
      silent: (peer) => pauses.pause(peer, SILENT_PAUSE_MS),
    });
  const lied = (peer: string, detail: string): void => {
    logger.warn('A peer told something wrong of the ledger', { peer, detail });
    pauses.pause(peer, LIAR_PAUSE_MS);
    network.offend(peer, 'forged', detail);
  };

  const byBlocks = async (peer: string): Promise<void> => {
    const { height } = head.tip();
    setState({ state: 'blocks', height, target: target(), fromPeer: peer });
    try {
      const answers = await askPeer(
        network,
        peer,
        { type: 'blocks', from: height + 1, limit: SYNC_BLOCKS, bytes: SYNC_BYTES },
        ending.signal,
      );
      const fetched = await take(answers, height + 1);
      if (fetched.length === 0) return pauses.pause(peer, SILENT_PAUSE_MS);
      await follow(fetched);
    } catch (error) {
      if (error instanceof AssertionError) throw error;
      if (ending.signal.aborted) return;
      if (error instanceof ReplicaError && error.code === 'SYNC_REFUSED') return lied(peer, error.message);
      if (isNodeError(error) && (error.data as { verdict?: string }).verdict === 'reject')
        return lied(peer, error.message);
      logger.debug('A peer did not help to catch up', { peer, reason: messageOf(error) });
      pauses.pause(peer, SILENT_PAUSE_MS);
    }
  };
  /** Whole blocks of consecutive heights. @throws for what is none */
  const take = async (answers: readonly BlockAnswer[], from: number): Promise<Fetched[]> => {
    const fetched: Fetched[] = [];
    for (const { block: encoded, commit } of answers) {
      if (encoded === null) break;
      const block = await turns.run(decodeBlockSteps(encoded), ending.signal);
      if (block.header.height !== from + fetched.length) throw syncRefused('its blocks are of other heights');
      const before = fetched.at(-1);
      if (before !== undefined && !sameBytes(block.header.previous, before.block.hash))
        throw syncRefused('its blocks do not follow each other');
      fetched.push({ block, encoded, commit });
    }
    return fetched;
  };

  /**
   * Carries them out. As long as the set stays the same, the commit of the last one vouches for all before it, by the hashes that
   * each header has of the one before; and what made those final stands in the block after each.
   */
  const follow = async (fetched: readonly Fetched[]): Promise<void> => {
    for (let from = 0; from < fetched.length; ) {
      const { validators, height } = head.tip();
      const set = setHash(validators);
      // The agreement may have been quicker.
      const first = fetched[from]!.block.header.height;
      if (first <= height) {
        from += 1;
        continue;
      }
      if (first > height + 1) return;
      let to = from;
      while (
        to + 1 < fetched.length &&
        sameBytes(fetched[to]!.block.header.nextValidators, set) &&
        sameBytes(fetched[to + 1]!.block.header.validators, set)
      )
        to += 1;
      const commit = await vouched(fetched[from]!, fetched[to]!);
      // One block after the other would leave the threads idle while the disk writes, and the disk while they check.
      verify.ahead(fetched.slice(from, to + 1).flatMap(({ block }) => block.transactions));
      for (let i = from; i <= to; i++) {
        const last = i === to ? commit : fetched[i + 1]!.block.lastCommit!;
        if (!(await carryOut(fetched[i]!, last))) return;
      }
      from = to + 1;
    }
  };
  /** The commit of the last one of a run, if it holds. @throws {ReplicaError} `SYNC_REFUSED` */
  const vouched = async (first: Fetched, last: Fetched): Promise<Commit> => {
    const at = head.tip();
    if (!sameBytes(first.block.header.previous, at.hash)) {
      await compare(first.block);
      throw syncRefused('its blocks do not follow the newest one here');
    }
    if (!sameBytes(last.block.header.validators, setHash(at.validators)))
      throw syncRefused('its blocks are of another set of validators');
    const commit = decodeCommit(last.commit);
    if (commit.height !== last.block.header.height || !sameBytes(commit.block, last.block.hash))
      throw syncRefused('its commit is of another block');
    const problem = await verify.commit(commit, at.validators);
    if (problem !== null) throw syncRefused(problem);
    return commit;
  };
  /** A block that follows another one than ours: either its sender lies, or more than a third of the validators do. */
  const compare = async ({ lastCommit }: LedgerBlock): Promise<void> => {
    const at = head.tip();
    if (lastCommit === null || lastCommit.height !== at.height || sameBytes(lastCommit.block, at.hash)) return;
    if ((await verify.commit(lastCommit, at.signers)) === null)
      halt(
        `Two different blocks of height ${at.height} were each signed by more than two thirds of the validators: more than a third of them lie. Ask the network’s keepers which one counts.`,
      );
  };
  /** @returns whether to go on */
  const carryOut = async ({ block, encoded }: Fetched, commit: Commit): Promise<boolean> => {
    if (ending.signal.aborted || halted()) return false;
    if (block.header.height <= head.tip().height) return true;
    const outcome = await head.execute(block, encoded, { vouched: true });
    if (!outcome.ok) {
      if (outcome.stale) return true;
      halt(
        `More than two thirds of the validators agreed on block ${block.header.height}, and here ${outcome.problem}; get the newest version of HyperMesh.`,
      );
      return false;
    }
    try {
      if (await head.append(outcome, commit)) metrics?.synced.inc(1, { kind: 'block' });
    } catch (error) {
      if (ending.signal.aborted || !isNodeError(error)) throw error;
      halt(`Block ${block.header.height} could not be written down: ${error.message}`);
      return false;
    }
    return true;
  };

  return {
    poke: look,
    state: () => state,
    stop: () => {
      ending.abort();
      cancelLook?.();
    },
  };
};
