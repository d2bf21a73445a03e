import { assert, isNodeError, type Logger, messageOf, type Outside } from '../../../base/index.ts';
import { type LedgerState, type SignedTransaction, StateOverlay, type StateUpdate } from '../../blocks/index.ts';
import { createBlockSteps, encodeBlock } from '../formats/block.ts';
import { decodeCommit, encodeCommit } from '../formats/commit.ts';
import { encodeEvidence } from '../formats/evidence.ts';
import { encodeGenesis } from '../formats/genesis.ts';
import { decodeHeader } from '../formats/header.ts';
import { sameBytes } from '../formats/reader.ts';
import { decodeValidators, encodeValidators, setHash, sortValidators } from '../formats/validators.ts';
import type {
  AdoptedState,
  Application,
  ApplyInput,
  ApplyOutput,
  Commit,
  Evidence,
  Genesis,
  LedgerBlock,
  ReplicaRecord,
  ReplicaStore,
  Validator,
} from '../interface.ts';
import type { ConsensusMetrics } from '../metrics.ts';
import type { LedgerTree } from '../state/interface.ts';
import type { Steps, Turns } from '../turns.ts';
import { createBlockChecks } from './block-checks.ts';
import { DISK_PAUSE_MS } from './constants.ts';
import { ReplicaError } from './errors.ts';
import type { Executed, Refused, Tip } from './interface.ts';
import type { OpenTransactions } from './open-transactions.ts';
import type { Verify } from './verify.ts';

/** What a block is checked against besides its own content. */
export interface CheckOptions {
  /** A commit vouches for its header: time and the commit in it were judged by more than two thirds. */
  vouched: boolean;
}
/** The newest final block, the state after it, and what may follow. One at a time changes it. */
export interface Head {
  tip(): Tip;
  tree(): LedgerTree;
  /** What was remembered before a crash, and of whom. */
  load(): Promise<Pick<ReplicaRecord, 'remembered' | 'voter'>>;
  /** Carries a block out on the state after the newest one, which stays as it is. Never throws for what is wrong with the block. */
  execute(block: LedgerBlock, encoded: Uint8Array, options: CheckOptions): Promise<Executed | Refused>;
  /** Makes a block of what may stand in it. Null: something else became final meanwhile. */
  build(input: BuildInput): Promise<Executed | null>;
  /** Writes it down, then applies it. @returns false when another one of that height was first */
  append(executed: Executed, commit: Commit): Promise<boolean>;
  /** Takes over the state of a height that a commit vouches for. */
  adopt(change: AdoptedState): Promise<void>;
  /** The set that signs the block of that height, where it is known. */
  validatorsAt(height: number): Promise<readonly Validator[] | null>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  /** Writes again and again while the disk is full; says so meanwhile. @throws what else goes wrong */
  writing<T>(write: () => Promise<T>): Promise<T>;
}
export interface BuildInput {
  proposer: Uint8Array;
  transactions: readonly SignedTransaction[];
  evidence: readonly Evidence[];
  /** Commit of the newest block with all that came in since; null where what is on disk has to do. */
  lastCommit: Commit | null;
}
export interface HeadComponents {
  outside: Outside;
  logger: Logger;
  metrics: ConsensusMetrics | null;
  store: ReplicaStore;
  app: Application;
  turns: Turns;
  verify: Verify;
  createTree(state: AsyncIterable<readonly StateUpdate[]>): Promise<LedgerTree>;
  open: OpenTransactions;
  /** Told what it waits for, and null when it goes on. */
  stall(reason: string | null): void;
  /** A block is on disk and applied. */
  advanced(executed: Executed, commit: Commit): void;
  stopped: AbortSignal;
}

async function* pieces(updates: readonly StateUpdate[]): AsyncIterable<readonly StateUpdate[]> {
  yield updates;
}

export const createHead = (components: HeadComponents, init: { genesis: Genesis; network: Uint8Array }): Head => {
  const { outside, logger, metrics, store, app, turns, verify, createTree, open, stall, advanced, stopped } =
    components;
  const { genesis, network } = init;
  let tree: LedgerTree | null = null;
  let tip: Tip | null = null;
  let line: Promise<unknown> = Promise.resolve();

  const treeNow = (): LedgerTree => {
    assert(tree !== null, 'The ledger is looked at before it has started.');
    return tree;
  };
  const tipNow = (): Tip => {
    assert(tip !== null, 'The ledger is looked at before it has started.');
    return tip;
  };
  /** One after the other. */
  const serial = <T>(work: () => Promise<T>): Promise<T> => {
    const done = line.then(work);
    line = done.catch(() => undefined);
    return done;
  };

  const writing = async <T>(write: () => Promise<T>): Promise<T> => {
    for (let waited = false; ; waited = true) {
      try {
        const result = await write();
        if (waited) stall(null);
        return result;
      } catch (error) {
        if (!isNodeError(error) || error.code !== 'DISK_FULL') {
          if (waited) stall(null);
          throw error;
        }
        if (!waited) logger.error('The disk is full; the ledger waits for room', { height: tip?.height ?? 0 });
        stall('The disk has no room for the next block; make room, and it goes on by itself.');
        await outside.clock.sleep(DISK_PAUSE_MS, stopped);
      }
    }
  };

  const validatorsOf = (state: LedgerState): readonly Validator[] => sortValidators(app.validators(state));
  const begin = async (): Promise<void> => {
    const updates = app.genesis(genesis);
    const encoded = encodeGenesis(genesis);
    await writing(() => store.begin(encoded, updates));
    tree = await createTree(pieces(updates));
    tipAtGenesis();
  };
  const tipAtGenesis = (): void => {
    const state = treeNow().frozen();
    tip = {
      height: 0,
      hash: network,
      header: null,
      timeMs: genesis.createdAtMs,
      commit: null,
      signers: [],
      validators: validatorsOf(state),
      params: app.params(state),
      state,
      encoded: null,
    };
  };
  const resume = async (record: ReplicaRecord): Promise<void> => {
    if (!sameBytes(record.genesis, encodeGenesis(genesis)))
      throw new ReplicaError(
        { code: 'GENESIS_OTHER' },
        'The disk holds the ledger of another network under this name; give this one a place of its own.',
      );
    tree = await createTree(record.state);
    if (record.height === 0) return tipAtGenesis();
    const [stored, signers] = await Promise.all([store.block(record.height), validatorsAt(record.height)]);
    const state = tree.frozen();
    const header = stored === null ? null : decodeHeader(stored.header);
    const validators = validatorsOf(state);
    if (
      stored === null ||
      signers === null ||
      header === null ||
      !sameBytes(header.stateRoot, tree.root()) ||
      !sameBytes(header.nextValidators, setHash(validators))
    )
      throw new ReplicaError(
        { code: 'STATE_DAMAGED', height: record.height },
        `The state on disk is not the one that block ${record.height} names; remove this network’s data and let it catch up again.`,
      );
    tip = {
      height: record.height,
      hash: stored.hash,
      header,
      timeMs: header.timeMs,
      commit: decodeCommit(stored.commit),
      signers,
      validators,
      params: app.params(state),
      state,
      encoded: stored.block,
    };
  };

  const signersOf = (
    lastCommit: Commit | null,
    signers: readonly Validator[],
  ): { validator: Uint8Array; signed: boolean }[] =>
    signers.map(({ id }, place) => ({ validator: id, signed: (lastCommit?.signatures[place] ?? null) !== null }));

  /** The state after changes, hashes included, with pauses: a block may change tens of thousands of entries. */
  const treeAfter = async (before: LedgerTree, updates: readonly StateUpdate[]): Promise<LedgerTree> => {
    await before.applyInTurns(updates);
    await before.rootInTurns();
    return before;
  };
  const stateAfter = (at: Tip, updates: readonly StateUpdate[]): StateOverlay => {
    const overlay = new StateOverlay(at.state);
    overlay.set(updates);
    return overlay;
  };

  const validatorsAt = async (height: number): Promise<readonly Validator[] | null> => {
    if (height === 1) return sortValidators(genesis.validators);
    const encoded = await store.validators(height);
    return encoded === null ? null : decodeValidators(encoded);
  };
  const checks = createBlockChecks({ clock: outside.clock, verify, validatorsAt }, { network });

  const refused = (problem: string): Refused => ({ ok: false, problem, stale: false });
  const isStale = (at: Tip): boolean => tipNow().height !== at.height;
  const STALE: Refused = { ok: false, problem: 'another block became final', stale: true };

  /** As long as nothing else becomes final. Null: something has, and nobody asks any more what comes of it. */
  const whileNewest = function* <T>(at: Tip, steps: Steps<T>): Steps<T | null> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      yield;
      if (isStale(at)) return null;
    }
  };
  /** What the application says of a block on the state of `at`, which nobody changes; null where another one was final first. */
  const applyInTurns = async (at: Tip, input: ApplyInput): Promise<ApplyOutput | null> => {
    const output = await turns.run(whileNewest(at, app.apply(input, at.state)), stopped);
    return isStale(at) ? null : output;
  };

  const execute = async (
    block: LedgerBlock,
    encoded: Uint8Array,
    options: CheckOptions,
  ): Promise<Executed | Refused> => {
    const at = tipNow();
    const problem = checks.header(block, at, options.vouched);
    if (problem !== null) return refused(problem);
    if (block.lastCommit !== null && !options.vouched) {
      const wrong = await verify.commit(block.lastCommit, at.signers);
      if (wrong !== null) return refused(wrong);
    }
    if (block.lastCommit !== null && block.lastCommit.signatures.length !== at.signers.length)
      return refused('its commit is of another set');
    const transactions = await open(block.transactions);
    if (transactions === null) return refused('a transaction of it does not hold');
    const evidence = await checks.evidence(block, at);
    if (typeof evidence === 'string') return refused(evidence);
    const facts = await app.facts(transactions);
    await turns.pause();
    if (isStale(at)) return STALE;
    const beganMs = outside.clock.monotonicMs();
    const output = await applyInTurns(at, {
      network,
      height: block.header.height,
      timeMs: block.header.timeMs,
      previousTimeMs: at.timeMs,
      proposer: block.header.proposer,
      transactions,
      evidence,
      signers: signersOf(block.lastCommit, at.signers),
      pick: false,
      bytesMax: at.params.blockBytesMax,
      facts,
    });
    if (output === null) return STALE;
    if (!output.ok) return refused(`its transaction ${output.index} does not hold: ${output.reason} (${output.code})`);
    const after = await treeAfter(treeNow().fork(), output.updates);
    if (isStale(at)) return STALE;
    if (!sameBytes(after.root(), block.header.stateRoot)) return refused('it leads to another state');
    const next = stateAfter(at, output.updates);
    const nextValidators = validatorsOf(next);
    if (nextValidators.length === 0 || !sameBytes(setHash(nextValidators), block.header.nextValidators))
      return refused('it leads to another set of validators');
    metrics?.executeSeconds.observe((outside.clock.monotonicMs() - beganMs) / 1000);
    return {
      ok: true,
      base: at.hash,
      block,
      encoded,
      transactions,
      evidence,
      updates: output.updates,
      tree: after,
      nextValidators,
      nextParams: app.params(next),
    };
  };

  const build = async (input: BuildInput): Promise<Executed | null> => {
    const at = tipNow();
    const encodedEvidence = input.evidence.map(encodeEvidence);
    const evidenceBytes = encodedEvidence.reduce((sum, { length }) => sum + length, 0);
    const facts = await app.facts(input.transactions);
    await turns.pause();
    if (isStale(at)) return null;
    const place = {
      network,
      height: at.height + 1,
      timeMs: Math.max(outside.clock.nowMs(), at.timeMs + 1),
      proposer: input.proposer,
    };
    const lastCommit = input.lastCommit?.height === at.height ? input.lastCommit : at.commit;
    const output = await applyInTurns(at, {
      ...place,
      previousTimeMs: at.timeMs,
      transactions: input.transactions,
      evidence: input.evidence,
      signers: signersOf(lastCommit, at.signers),
      pick: true,
      bytesMax: at.params.blockBytesMax - evidenceBytes,
      facts,
    });
    if (output === null) return null;
    if (!output.ok) {
      logger.warn('No block could be built', { height: place.height, code: output.code, reason: output.reason });
      return null;
    }
    const next = stateAfter(at, output.updates);
    const nextValidators = validatorsOf(next);
    if (nextValidators.length === 0) {
      logger.error('No block can follow: no validator would be left', { height: place.height });
      return null;
    }
    const after = await treeAfter(treeNow().fork(), output.updates);
    const steps = createBlockSteps(
      {
        network,
        height: place.height,
        previous: at.hash,
        timeMs: place.timeMs,
        proposer: place.proposer,
        stateRoot: after.root(),
        validators: setHash(at.validators),
        nextValidators: setHash(nextValidators),
      },
      { transactions: output.taken.map(({ encoded }) => encoded), evidence: encodedEvidence, lastCommit },
    );
    const block = await turns.run(steps, stopped);
    if (isStale(at)) return null;
    return {
      ok: true,
      base: at.hash,
      block,
      encoded: encodeBlock(block),
      transactions: output.taken,
      evidence: input.evidence,
      updates: output.updates,
      tree: after,
      nextValidators,
      nextParams: app.params(next),
    };
  };

  const append = (executed: Executed, commit: Commit): Promise<boolean> =>
    serial(async () => {
      const at = tipNow();
      if (!sameBytes(executed.base, at.hash)) return false;
      const { block, encoded, updates, nextValidators } = executed;
      assert(sameBytes(commit.block, block.hash), 'A commit makes the block final that it names.');
      await writing(() =>
        store.commit({
          block: encoded,
          hash: block.hash,
          height: block.header.height,
          commit: encodeCommit(commit),
          updates,
          nextValidators: encodeValidators(nextValidators),
        }),
      );
      tree = executed.tree;
      const now = treeNow();
      assert(sameBytes(now.root(), block.header.stateRoot), 'The state after a block is the one that it names.');
      tip = {
        height: block.header.height,
        hash: block.hash,
        header: block.header,
        timeMs: block.header.timeMs,
        commit,
        signers: at.validators,
        validators: nextValidators,
        params: executed.nextParams,
        state: now.frozen(),
        encoded,
      };
      advanced(executed, commit);
      return true;
    });

  return {
    tip: tipNow,
    tree: treeNow,
    load: async () => {
      const record = await store.load();
      if (record === null) {
        await begin();
        return { remembered: [], voter: null };
      }
      await resume(record);
      return record;
    },
    execute: async (block, encoded, options) => {
      try {
        return await execute(block, encoded, options);
      } catch (error) {
        if (stopped.aborted) return STALE;
        // What a peer made must not end the node, even where it finds a bug of an application; nobody votes for it.
        logger.error('A block could not be carried out', { height: block.header.height, error: messageOf(error) });
        return refused(`carrying it out failed: ${messageOf(error)}`);
      }
    },
    build: async (input) => {
      try {
        return await build(input);
      } catch (error) {
        if (stopped.aborted) return null;
        throw error;
      }
    },
    append,
    adopt: (change) =>
      serial(async () => {
        await store.adopt(change);
        const record = await store.load();
        assert(record !== null && record.height === change.height, 'What was taken over is on disk.');
        await resume(record);
      }),
    validatorsAt,
    idle: async () => {
      await line;
    },
    writing,
  };
};
