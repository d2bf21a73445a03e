import { type AssetId, assert, isNodeError } from '../../base/index.ts';
import type {
  AssetEvent,
  BlockSummary,
  BlockView,
  ChainHead,
  ChainVerification,
} from '../../../preload/contract/index.ts';
import type { Attachments, CombinedProof } from '../proof/index.ts';
import { appendBlock, appendGenesis } from './append-block.ts';
import { type ChainComponents, ChainCore, type ChainInit } from './chain-core.ts';
import { ChainVerifier } from './chain-verifier.ts';
import { APPENDS_WAITING_MAX, NO_NETWORK } from './constants.ts';
import { BlockError } from './errors.ts';
import { exportChain } from './export-chain.ts';
import { importChain } from './import-chain.ts';
import type { Chain, ChainEvents, ChainTip, Draft, Ledger, LedgerState } from './interface.ts';
import { pruneBlocks } from './prune-blocks.ts';
import { eventsOfAsset, listBlocks, readBlock } from './read-blocks.ts';

export const createChain = (components: ChainComponents, init: ChainInit = {}): Chain =>
  new HomeChain(components, init);

/** The chain as others see it: what changes it waits for its turn here, and is done in a file of its own. */
class HomeChain implements Chain {
  readonly ledger: Ledger;
  readonly #core: ChainCore;
  readonly #verifier: ChainVerifier;
  /** Whatever changes the chain, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #stopKeys: (() => void) | null = null;

  constructor(components: ChainComponents, init: ChainInit) {
    const core = new ChainCore(components, init);
    this.#core = core;
    this.#verifier = new ChainVerifier(core);
    this.ledger = {
      checkTx: (transaction, state) => core.rules.check(transaction, state),
      applyBlock: (transactions, state, block) =>
        core.rules.apply(transactions, state, {
          ...block,
          network: core.tip?.network ?? NO_NETWORK,
          previousTimeMs: core.tip?.timeMs ?? -1,
        }),
      query: (key) => core.rows.stateValue(key),
    };
  }

  on<K extends keyof ChainEvents>(name: K, listener: (payload: ChainEvents[K]) => void): () => void {
    return this.#core.events.on(name, listener);
  }

  async start(): Promise<void> {
    await this.#core.load();
    this.#stopKeys = this.#core.components.keys.on('changed', () => this.#core.tellHead());
  }
  async stop(): Promise<void> {
    this.#stopKeys?.();
    this.#stopKeys = null;
    this.#core.stopping.abort(new BlockError({ code: 'STOPPED' }, 'The node is stopping; start it again.'));
    await this.#verifier.stop();
    await this.#turn.catch(() => undefined);
  }

  head(): ChainHead {
    return this.#core.head();
  }
  tip(): ChainTip | null {
    if (this.#core.tip === null) return null;
    const { network, height, hash, timeMs } = this.#core.tip;
    return { network, height, hash, timeMs };
  }
  state(): LedgerState {
    return this.#core.settledState();
  }

  begin({ isNew = false }: { isNew?: boolean } = {}): Promise<ChainTip> {
    return this.#inTurn(async () => {
      if (isNew) this.#core.isNew = true;
      const { signer } = this.#core.keysOrThrow();
      if (this.#core.tip === null) await appendGenesis(this.#core, signer);
      const tip = this.tip();
      assert(tip !== null, 'A chain that was begun has a tip.');
      return tip;
    });
  }

  async append(drafts: readonly Draft[], proof: CombinedProof, attachments: Attachments): Promise<BlockSummary> {
    const { clock } = this.#core.components.outside;
    const startMs = clock.monotonicMs();
    try {
      const summary = await this.#inTurn(() => appendBlock(this.#core, drafts, proof, attachments));
      this.#core.metrics?.appended.inc();
      this.#core.metrics?.appendSeconds.observe((clock.monotonicMs() - startMs) / 1000);
      return summary;
    } catch (error) {
      this.#core.metrics?.refused.inc(1, { code: isNodeError(error) ? error.code : 'INTERNAL' });
      throw error;
    }
  }

  list(before: number | undefined, limit: number): Promise<BlockSummary[]> {
    return listBlocks(this.#core, before, limit);
  }
  block(height: number): Promise<BlockView> {
    return readBlock(this.#core, height);
  }
  asset(asset: AssetId): Promise<AssetEvent[]> {
    return eventsOfAsset(this.#core, asset);
  }

  verification(): ChainVerification {
    return this.#verifier.state();
  }
  verify(): ChainVerification {
    return this.#verifier.verify();
  }
  cancelVerification(): ChainVerification {
    return this.#verifier.cancel();
  }

  prune(keep: number): Promise<ChainHead> {
    return this.#inTurn(async () => {
      await pruneBlocks(this.#core, keep);
      return this.head();
    });
  }

  export(
    range: { from: number; to?: number | undefined; readable: boolean },
    path: string,
  ): Promise<{ sizeBytes: number; blocks: number }> {
    return this.#inTurn(() => exportChain(this.#core, range, path));
  }

  import(path: string): Promise<ChainHead> {
    return this.#inTurn(async () => {
      await importChain(this.#core, path);
      return this.head();
    });
  }

  /** Runs when all before it has ended; at most so many wait. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#core.stopping.signal.aborted) return Promise.reject(this.#core.stopping.signal.reason as Error);
    if (this.#waiting >= APPENDS_WAITING_MAX)
      return Promise.reject(
        new BlockError(
          { code: 'TOO_MANY_APPENDS', limit: APPENDS_WAITING_MAX },
          `${APPENDS_WAITING_MAX} changes to the chain wait already; try again when some of them are done.`,
        ),
      );
    this.#waiting += 1;
    const run = this.#turn
      .catch(() => undefined)
      .then(async () => {
        this.#core.stopping.signal.throwIfAborted();
        return work();
      })
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#turn = run.catch(() => undefined);
    return run;
  }
}
