import { open, rm } from 'node:fs/promises';
import {
  type AssetId,
  Emitter,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Statement,
  type Store,
  type WorkerPool,
  assert,
  isNodeError,
  messageOf,
  sha256,
  syncFolder,
} from '../../base/index.ts';
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  type Opener,
  RecordError,
  type Signer,
  keyIdText,
  merklePath,
} from '../../base/crypto/index.ts';
import { dirname } from 'node:path';
import type {
  AssetEvent,
  BlockSummary,
  BlockView,
  ChainHead,
  ChainVerification,
  ProofVerdict,
} from '../../../preload/contract/index.ts';
import type { Attachments, CombinedProof } from '../proof/index.ts';
import {
  type BlockLine,
  type BlockRow,
  ChainStore,
  type EventRow,
  insertAttachment,
  insertBlock,
  insertEvent,
  moveHead,
  summaryOf,
  writeState,
} from './chain-store.ts';
import {
  APPENDS_WAITING_MAX,
  ASSET_KEY_PREFIX,
  BODY_BYTES_MAX,
  CLOCK_BEHIND_MS_MAX,
  GENESIS_KIND,
  INCOMING_OFFSET,
  NO_NETWORK,
  PROGRESS_MS,
} from './constants.ts';
import { BlockError, BlockFormatError, findingOf } from './errors.ts';
import { proofId } from './format/body.ts';
import { type ChainFile, ChainFileWriter, openChainFile } from './format/block-file.ts';
import { readHeader } from './format/header.ts';
import { decodeSealed, unwrapContentKey } from './format/sealed.ts';
import { hex, same } from './format/strict.ts';
import { encodeTransaction, readTransaction } from './format/transaction.ts';
import type {
  BlockHeader,
  BlockKeys,
  Chain,
  ChainEvents,
  ChainTip,
  Draft,
  Hash,
  Ledger,
  LedgerModule,
  LedgerState,
  SignedTransaction,
  StateUpdate,
  VerifyProof,
} from './interface.ts';
import { GENESIS_NONCE_BYTES, LedgerRules, type BlockPlace, assetTipOf, founderOf } from './ledger.ts';
import { createBlocksMetrics, type BlocksMetrics } from './metrics.ts';
import { Staging } from './staging.ts';
import { StateTree } from './state-tree.ts';
import type { BuildInput, BuildOutput, CheckInput, CheckItem, CheckOutput, OpenedBody } from './task-types.ts';
import {
  type ChainItem,
  type VerifiedBlock,
  type VerifyResult,
  attachmentsFor,
  hashLevels,
  namesIn,
  verifyBlocks,
} from './verify-blocks.ts';
import { viewOf } from './view-block.ts';

export interface ChainComponents {
  outside: Outside;
  logger: Logger;
  /** Null: no metrics. */
  metrics: MetricsRegistry | null;
  store: Store;
  workers: WorkerPool;
  keys: BlockKeys;
  /** What kinds of transaction mean; `network.genesis` is known without. */
  modules: readonly LedgerModule[];
  verifyProof: VerifyProof;
}
export interface ChainInit {
  /** ML-KEM-1024 public keys that bodies are sealed for, besides this node's own. @default none */
  readers?: readonly Uint8Array[];
}

export const createChain = (components: ChainComponents, init: ChainInit = {}): Chain =>
  new HomeChain(components, init);

/** The newest block, as everything here needs it. */
interface Tip extends ChainTip {
  pruned: number;
}
interface Keys {
  signer: Signer;
  opener: Opener;
}
/** What the next block is made of. */
interface NewBlock {
  transactions: SignedTransaction[];
  place: BlockPlace;
  proof: CombinedProof | null;
  attachments: Uint8Array[];
  difficulty: bigint;
}
/** A block that was built and not yet stored. */
interface Built {
  row: BlockRow;
  statements: Statement[];
}

const invalid = (height: number | null, problem: string, reason: string): BlockError =>
  new BlockError(
    { code: 'CHAIN_INVALID', height, problem, reason },
    `The chain in the file does not hold${height === null ? '' : ` at height ${height}`}: ${reason} (${problem}). Nothing was taken over.`,
  );

const MISSING_SENTENCE = 'There is no identity yet; create or restore one first.';

class HomeChain implements Chain {
  readonly ledger: Ledger;
  readonly #components: ChainComponents;
  readonly #readers: readonly Uint8Array[];
  readonly #logger: Logger;
  readonly #metrics: BlocksMetrics | null;
  readonly #rows: ChainStore;
  readonly #rules: LedgerRules;
  readonly #events = new Emitter<ChainEvents>();
  readonly #stopping = new AbortController();
  #state = new StateTree();
  /** What leads back from a state that is ahead of the disk, while a block is being stored. */
  #back: StateUpdate[] = [];
  /** The state as of the head for those who read it; made when asked for. */
  #snapshot: LedgerState | null = null;
  #tip: Tip | null = null;
  #totals = { storedBytes: 0, assets: 0 };
  #damaged = false;
  #verification: ChainVerification = { status: 'never' };
  #verifying: { cancel: AbortController; done: Promise<void> } | null = null;
  /** Whatever changes the chain, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #stopKeys: (() => void) | null = null;
  /** The owner has said that there is no chain to import. */
  #isNew = false;

  constructor(components: ChainComponents, init: ChainInit) {
    this.#components = components;
    this.#readers = init.readers ?? [];
    this.#logger = components.logger.child('blocks');
    this.#metrics = createBlocksMetrics(components.metrics);
    this.#rows = new ChainStore(components.store);
    this.#rules = new LedgerRules(components.modules);
    const rules = this.#rules;
    this.ledger = {
      checkTx: (transaction, state) => rules.check(transaction, state),
      applyBlock: (transactions, state, block) =>
        rules.apply(transactions, state, {
          ...block,
          network: this.#tip?.network ?? NO_NETWORK,
          previousTimeMs: this.#tip?.timeMs ?? -1,
        }),
      query: (key) => this.#rows.stateValue(key),
    };
  }

  on<K extends keyof ChainEvents>(name: K, listener: (payload: ChainEvents[K]) => void): () => void {
    return this.#events.on(name, listener);
  }

  async start(): Promise<void> {
    await this.#load();
    this.#stopKeys = this.#components.keys.on('changed', () => this.#tellHead());
  }
  async stop(): Promise<void> {
    this.#stopKeys?.();
    this.#stopKeys = null;
    this.#stopping.abort(new BlockError({ code: 'STOPPED' }, 'The node is stopping; start it again.'));
    this.#verifying?.cancel.abort(new Error('the node stops'));
    await this.#verifying?.done;
    await this.#turn.catch(() => undefined);
  }

  head(): ChainHead {
    const tip = this.#tip;
    return {
      network: tip && hex(tip.network),
      height: tip && tip.height,
      hash: tip && hex(tip.hash),
      timeMs: tip && tip.timeMs,
      blocks: tip === null ? 0 : tip.height + 1,
      pruned: tip?.pruned ?? 0,
      ...this.#totals,
      blocked: this.#blocked()?.message ?? null,
      awaitsImport: this.#blocked()?.code === 'CHAIN_AWAITED',
    };
  }
  tip(): ChainTip | null {
    if (this.#tip === null) return null;
    const { network, height, hash, timeMs } = this.#tip;
    return { network, height, hash, timeMs };
  }

  state(): LedgerState {
    if (this.#snapshot === null) {
      const copy = this.#state.copy();
      copy.apply(this.#back);
      this.#snapshot = copy;
    }
    return this.#snapshot;
  }

  begin({ isNew = false }: { isNew?: boolean } = {}): Promise<ChainTip> {
    return this.#inTurn(async () => {
      if (isNew) this.#isNew = true;
      const { signer } = this.#keysOrThrow();
      if (this.#tip === null) await this.#appendGenesis(signer);
      const tip = this.tip();
      assert(tip !== null, 'A chain that was begun has a tip.');
      return tip;
    });
  }

  async append(drafts: readonly Draft[], proof: CombinedProof, attachments: Attachments): Promise<BlockSummary> {
    const { clock } = this.#components.outside;
    const startMs = clock.monotonicMs();
    try {
      const summary = await this.#inTurn(() => this.#append(drafts, proof, attachments));
      this.#metrics?.appended.inc();
      this.#metrics?.appendSeconds.observe((clock.monotonicMs() - startMs) / 1000);
      return summary;
    } catch (error) {
      this.#metrics?.refused.inc(1, { code: isNodeError(error) ? error.code : 'INTERNAL' });
      throw error;
    }
  }

  async list(before: number | undefined, limit: number): Promise<BlockSummary[]> {
    if (this.#tip === null) return [];
    const below = Math.min(before ?? Infinity, this.#tip.height + 1);
    return (await this.#rows.lines(below, limit)).map((line) => this.#summaryOf(line));
  }

  async block(height: number): Promise<BlockView> {
    const row = this.#tip === null || height > this.#tip.height ? null : await this.#rows.block(height);
    if (row === null)
      throw new BlockError(
        { code: 'BLOCK_UNKNOWN', height },
        `There is no block of height ${height} here; \`hypermesh chain head\` tells the newest.`,
      );
    const line: BlockLine = { ...row, pruned: row.sealed === null };
    const { header, payload } = readHeader(row.header);
    const contentKey = await this.#contentKey(row.sealed, payload);
    const summary: BlockSummary =
      contentKey === null && row.sealed !== null ? this.#sealedSummary(line) : this.#summaryOf(line);
    const [result] = await this.#check([{ header: row.header, sealed: row.sealed, contentKey }], false);
    const body = result?.header === null ? null : (result?.body ?? null);
    return viewOf({
      summary,
      header,
      headerBytes: row.header.length,
      readers: row.sealed === null ? null : decodeSealed(row.sealed).readers.length,
      sealedBytes: row.sealedBytes,
      body,
      paths: body === null ? [] : body.transactions.map((_, i) => merklePath(body.leaves, i)),
      verdict: body === null ? null : await this.#verdictOf(header, body),
    });
  }

  async asset(asset: AssetId): Promise<AssetEvent[]> {
    const events = this.#tip === null ? [] : await this.#rows.events(asset, this.#tip.height);
    if (events.length === 0)
      throw new BlockError(
        { code: 'ASSET_UNKNOWN', asset },
        'No block is about this asset yet; `hypermesh hardware assets` lists those of this machine.',
      );
    return events;
  }

  verification(): ChainVerification {
    return this.#verification;
  }
  verify(): ChainVerification {
    const tip = this.#tip;
    if (this.#verifying !== null)
      throw new BlockError(
        { code: 'VERIFICATION_RUNNING' },
        'A verification runs already; wait for its end, or stop it first.',
      );
    if (tip === null) throw this.#empty();
    const cancel = new AbortController();
    const startedAtMs = this.#components.outside.clock.nowMs();
    const total = tip.height + 1;
    this.#setVerification({ status: 'running', startedAtMs, checked: 0, total, blocksPerSecond: 0 });
    const done = this.#verifyAll(tip, startedAtMs, cancel.signal).finally(() => {
      this.#verifying = null;
    });
    this.#verifying = { cancel, done };
    return this.#verification;
  }
  cancelVerification(): ChainVerification {
    if (this.#verifying !== null && this.#verification.status === 'running') {
      const { startedAtMs, checked, total } = this.#verification;
      this.#verifying.cancel.abort(new Error('the verification was cancelled'));
      this.#setVerification({ status: 'cancelled', startedAtMs, checked, total });
    }
    return this.#verification;
  }

  prune(keep: number): Promise<ChainHead> {
    return this.#inTurn(async () => {
      await this.#prune(keep);
      return this.head();
    });
  }

  export(
    range: { from: number; to?: number | undefined; readable: boolean },
    path: string,
  ): Promise<{ sizeBytes: number; blocks: number }> {
    return this.#inTurn(() => this.#export(range, path));
  }

  import(path: string): Promise<ChainHead> {
    return this.#inTurn(async () => {
      await this.#import(path);
      return this.head();
    });
  }

  // What is on disk

  async #load(): Promise<void> {
    this.#snapshot = null;
    const found = await this.#rows.head();
    await this.#rows.sweep(found?.height ?? -1);
    if (found === null) {
      this.#state = new StateTree();
      this.#tip = null;
      this.#totals = { storedBytes: 0, assets: 0 };
      return;
    }
    const [line] = await this.#rows.lines(found.height + 1, 1);
    assert(line?.height === found.height, 'The head names a block that is there.');
    const { header, hash } = readHeader(line.header);
    this.#state = new StateTree(await this.#rows.state('ledger_state'));
    this.#tip = { network: header.network, height: found.height, hash, timeMs: header.timeMs, pruned: found.pruned };
    this.#totals = await this.#rows.totals(found.height);
    this.#damaged = !same(await this.#state.root(hashLevels(this.#components.workers)), header.stateRoot);
    if (this.#damaged) this.#logger.error('State of the ledger is not what the head names', { height: found.height });
    this.#metrics?.height.set(found.height);
    this.#metrics?.storedBytes.set(this.#totals.storedBytes);
  }

  /** Runs when all before it has ended; at most so many wait. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#stopping.signal.aborted) return Promise.reject(this.#stopping.signal.reason as Error);
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
        this.#stopping.signal.throwIfAborted();
        return work();
      })
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#turn = run.catch(() => undefined);
    return run;
  }

  // Who may write

  /** Why no block can be added now; null when one can. */
  #blocked(): BlockError | null {
    const keys = this.#components.keys.node();
    if (keys === null) {
      const reason = this.#components.keys.reason() ?? { code: 'IDENTITY_NONE' as const, sentence: MISSING_SENTENCE };
      return new BlockError({ code: reason.code }, reason.sentence);
    }
    // Two chains of one identity never become one again: none begins before its owner has said that there is no other.
    if (this.#tip === null && !this.#components.keys.createdHere() && !this.#isNew)
      return new BlockError(
        { code: 'CHAIN_AWAITED' },
        'This identity was not created in this folder, so its chain may lie elsewhere: import it (Blocks, or `hypermesh chain import`), or, if there is none, begin a new one (`hypermesh chain begin`). Proofs wait until then.',
      );
    if (this.#damaged && this.#tip !== null)
      return new BlockError(
        { code: 'STATE_DAMAGED', height: this.#tip.height },
        'The state on disk is not the one that the newest block names; bring back a copy of the data folder, or an exported chain.',
      );
    const founder = founderOf(this.#state);
    if (founder !== null && !same(founder, keys.signer.keyIdBytes))
      return new BlockError(
        { code: 'NOT_OUR_CHAIN', founder: keyIdText(founder), ours: keys.signer.keyId },
        `The chain in this data folder was founded by ${keyIdText(founder)} and the identity is ${keys.signer.keyId}; restore the identity that it belongs to.`,
      );
    return null;
  }
  #keysOrThrow(): Keys {
    const blocked = this.#blocked();
    if (blocked !== null) throw blocked;
    const keys = this.#components.keys.node();
    assert(keys !== null, 'A chain that is not blocked has keys.');
    return keys;
  }
  #empty(): BlockError {
    return new BlockError(
      { code: 'CHAIN_EMPTY' },
      'The chain has no block yet; it begins when the first asset is registered.',
    );
  }

  /** Strictly after the block before. Where the wall clock is a little behind, one millisecond after it. */
  #nextTimeMs(previousMs: number): number {
    const nowMs = this.#components.outside.clock.nowMs();
    if (nowMs > previousMs) return nowMs;
    if (previousMs - nowMs > CLOCK_BEHIND_MS_MAX)
      throw new BlockError(
        { code: 'CLOCK_BEFORE_HEAD', nowMs, headMs: previousMs },
        `The clock of this machine is ${Math.ceil((previousMs - nowMs) / 1000)} s behind the newest block, so no block can follow it; set the clock right, or wait so long.`,
      );
    return previousMs + 1;
  }

  // Building and storing

  async #appendGenesis(signer: Signer): Promise<void> {
    const { random } = this.#components.outside;
    const timeMs = this.#nextTimeMs(-1);
    const encoded = await signer.sign(
      'transaction',
      encodeTransaction({
        version: 1,
        network: NO_NETWORK,
        kind: GENESIS_KIND,
        asset: null,
        previous: null,
        atMs: timeMs,
        data: { founder: signer.keyIdBytes, nonce: random.bytes(GENESIS_NONCE_BYTES) },
      }),
    );
    const transaction = readTransaction(encoded);
    await this.#store({
      transactions: [transaction],
      place: { height: 0, timeMs, network: transaction.hash, previousTimeMs: -1, proof: null },
      proof: null,
      attachments: [],
      difficulty: 0n,
    });
  }

  async #append(drafts: readonly Draft[], proof: CombinedProof, attachments: Attachments): Promise<BlockSummary> {
    const keys = this.#keysOrThrow();
    const tip = this.#tip;
    if (tip === null) throw this.#empty();
    const { anchor } = proof.challenge;
    if (anchor === null || anchor.height !== tip.height || !same(anchor.hash, tip.hash))
      throw new BlockError(
        { code: 'TIP_MOVED', height: tip.height },
        `The proof was begun at another block than the newest, of height ${tip.height}; make it again.`,
      );
    const timeMs = this.#nextTimeMs(tip.timeMs);
    const known = await this.#knownAttachments(proof, attachments, tip.height);
    const { verdict, difficulty } = await this.#components.verifyProof(proof, attachmentsFor(proof, known.all), {
      network: tip.network,
      node: keys.signer.keyIdBytes,
      purpose: 'block',
      anchor: { height: tip.height, hash: tip.hash },
      anchorTimeMs: tip.timeMs,
      blockTimeMs: timeMs,
    });
    if (!verdict.passed) {
      const reasons = verdict.checks.filter(({ passed }) => !passed).map(({ kind, reason }) => `${kind}: ${reason}`);
      throw new BlockError(
        { code: 'PROOF_REFUSED', reasons },
        `The combined proof does not hold, so no block was made of it: ${reasons.join(' ')}`,
      );
    }
    const place: BlockPlace = {
      height: tip.height + 1,
      timeMs,
      network: tip.network,
      previousTimeMs: tip.timeMs,
      proof: { id: proofId(proof), asset: proof.challenge.asset, node: proof.challenge.node },
    };
    const transactions = await this.#sign(drafts, place, keys.signer);
    return this.#store({ transactions, place, proof, attachments: known.fresh, difficulty });
  }

  /** Signs all drafts, side by side but for those of one asset, each of which names the one before. */
  async #sign(drafts: readonly Draft[], place: BlockPlace, signer: Signer): Promise<SignedTransaction[]> {
    const signed: SignedTransaction[] = [];
    const lines = new Map<string, number[]>();
    drafts.forEach(({ asset }, i) => {
      const line = asset ?? `#${i}`;
      lines.set(line, [...(lines.get(line) ?? []), i]);
    });
    await Promise.all(
      [...lines.values()].map(async (indexes) => {
        let previous: Hash | null = null;
        for (const i of indexes) {
          const { kind, asset, data } = drafts[i]!;
          if (asset !== null) previous ??= assetTipOf(this.#state, asset)?.hash ?? null;
          const payload = encodeTransaction({
            version: 1,
            network: place.network,
            kind,
            asset,
            previous,
            atMs: place.timeMs,
            data,
          });
          const transaction = readTransaction(await signer.sign('transaction', payload));
          signed[i] = transaction;
          previous = transaction.hash;
        }
      }),
    );
    return signed;
  }

  /** Of what was handed over: all that the proof may need, and what no block carries yet, in order. */
  async #knownAttachments(
    proof: CombinedProof,
    given: Attachments,
    height: number,
  ): Promise<{ all: Map<string, Uint8Array>; fresh: Uint8Array[] }> {
    const carried = new Set(await this.#rows.attachmentNames(height));
    const named = namesIn(proof);
    const all = new Map<string, Uint8Array>();
    const fresh = new Map<string, Uint8Array>();
    for (const data of given.values()) {
      const name = hex(sha256(data));
      if (!named.has(name)) continue;
      all.set(name, data);
      if (!carried.has(name)) fresh.set(name, data);
    }
    for (const name of named) {
      if (all.has(name) || !carried.has(name)) continue;
      const data = await this.#rows.attachment(name);
      if (data !== null) all.set(name, data);
    }
    return { all, fresh: [...fresh].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, data]) => data) };
  }

  async #store(block: NewBlock): Promise<BlockSummary> {
    const { transactions, place } = block;
    const facts = await this.#rules.facts(transactions, this.#components.workers);
    const updates = this.#rules.apply(transactions, this.#state, place, facts);
    const events = this.#eventsOf(transactions, place.height);
    this.#back = this.#state.apply(updates);
    try {
      const stateRoot = await this.#state.root(hashLevels(this.#components.workers));
      const built = await this.#build(block, updates, events, stateRoot);
      await this.#rows.transaction('chain.append', built.statements);
      this.#back = [];
      this.#snapshot = null;
      return this.#stored(built, place, events);
    } catch (error) {
      // Nothing of it is on disk, so nothing of it stays in memory.
      this.#state.apply(this.#back);
      this.#back = [];
      throw error;
    }
  }

  async #build(
    { transactions, place, proof, attachments, difficulty }: NewBlock,
    updates: StateUpdate[],
    events: EventRow[],
    stateRoot: Hash,
  ): Promise<Built> {
    const { workers, outside } = this.#components;
    const keys = this.#keysOrThrow();
    const header: Omit<BlockHeader, 'merkleRoot'> = {
      version: 1,
      network: place.network,
      height: place.height,
      previous: this.#tip?.hash ?? null,
      stateRoot,
      timeMs: place.timeMs,
      difficulty,
      proposer: keys.signer.keyIdBytes,
    };
    const readers = [keys.opener.publicKey, ...this.#readers];
    const built = await workers.run<BuildInput, BuildOutput>('blocks.build', {
      header,
      body: { transactions: transactions.map(({ encoded }) => encoded), updates, proof, attachments },
      readers,
      random: {
        contentKey: outside.random.bytes(AEAD_KEY_BYTES),
        nonce: outside.random.bytes(AEAD_NONCE_BYTES),
        encapsulation: readers.map(() => outside.random.bytes(32)),
      },
    });
    if (!built.ok)
      throw new BlockError(
        { code: 'BLOCK_TOO_LARGE', bytes: built.bytes, limit: BODY_BYTES_MAX },
        `The block would have ${built.bytes} bytes and may have ${BODY_BYTES_MAX}; put less into it.`,
      );
    const encoded = await keys.signer.sign('block', built.payload);
    const row: BlockRow = {
      height: place.height,
      hash: sha256(built.payload),
      timeMs: place.timeMs,
      header: encoded,
      sealed: built.sealed,
      sealedBytes: built.sealed.length,
      summary: summaryOf(transactions),
    };
    return {
      row,
      statements: [
        moveHead(this.#tip?.height ?? null, place.height),
        insertBlock(row),
        ...events.map(insertEvent),
        ...attachments.map((data) => insertAttachment(data, place.height)),
        ...updates.map((update) => writeState('ledger_state', update)),
      ],
    };
  }

  #stored({ row }: Built, place: BlockPlace, events: readonly EventRow[]): BlockSummary {
    this.#tip = {
      network: place.network,
      height: row.height,
      hash: row.hash,
      timeMs: row.timeMs,
      pruned: this.#tip?.pruned ?? 0,
    };
    this.#totals = {
      storedBytes: this.#totals.storedBytes + row.header.length + row.sealedBytes,
      assets: this.#totals.assets + events.filter(({ sequence }) => sequence === 0).length,
    };
    this.#metrics?.height.set(row.height);
    this.#metrics?.storedBytes.set(this.#totals.storedBytes);
    this.#logger.debug('Block stored', { height: row.height, transactions: row.summary.transactions });
    const summary = this.#summaryOf({ ...row, pruned: false });
    this.#events.emit('blockStored', summary);
    this.#tellHead();
    return summary;
  }

  /** Numbers of the events that these transactions are, on the state before them. */
  #eventsOf(transactions: readonly SignedTransaction[], height: number, state: StateTree = this.#state): EventRow[] {
    const counts = new Map<string, number>();
    return transactions.flatMap(({ hash, transaction: { asset, kind, previous, atMs } }) => {
      if (asset === null) return [];
      const sequence = counts.get(asset) ?? assetTipOf(state, asset)?.events ?? 0;
      counts.set(asset, sequence + 1);
      return [{ asset, sequence, kind, hash, previous, height, atMs }];
    });
  }

  // Opening and showing

  #check(items: CheckItem[], signatures: boolean): Promise<CheckOutput[]> {
    return this.#components.workers.run<CheckInput, CheckOutput[]>('blocks.check', { items, signatures });
  }

  /** Null: pruned, or the keys at hand do not open it. */
  async #contentKey(sealed: Uint8Array | null, payload: Uint8Array): Promise<Uint8Array | null> {
    const keys = this.#components.keys.node();
    if (sealed === null || keys === null) return null;
    try {
      return await unwrapContentKey(decodeSealed(sealed), payload, (cipherText) => keys.opener.decapsulate(cipherText));
    } catch (error) {
      // Sealed for others, or locked in this very moment.
      if (error instanceof BlockFormatError || error instanceof RecordError) return null;
      throw error;
    }
  }

  #sealedSummary(line: BlockLine): BlockSummary {
    const { header, hash } = readHeader(line.header);
    return {
      height: line.height,
      hash: hex(hash),
      previous: header.previous && hex(header.previous),
      timeMs: header.timeMs,
      proposer: keyIdText(header.proposer),
      transactions: null,
      kinds: [],
      asset: null,
      sealedBytes: line.sealedBytes,
      body: line.pruned ? 'pruned' : 'sealed',
    };
  }
  #summaryOf(line: BlockLine): BlockSummary {
    const summary = this.#sealedSummary(line);
    // While locked nothing of a body is shown, even where it is remembered.
    if (line.pruned || this.#components.keys.node() === null) return summary;
    return { ...summary, ...line.summary, body: 'readable' };
  }

  async #verdictOf(header: BlockHeader, body: OpenedBody): Promise<ProofVerdict | null> {
    if (body.proof === null || header.previous === null) return null;
    const [before] = await this.#rows.lines(header.height, 1);
    if (before === undefined) return null;
    const { all } = await this.#knownAttachments(body.proof, new Map(), header.height);
    const { verdict } = await this.#components.verifyProof(body.proof, all, {
      network: header.network,
      node: header.proposer,
      purpose: 'block',
      anchor: { height: before.height, hash: before.hash },
      anchorTimeMs: before.timeMs,
      blockTimeMs: header.timeMs,
    });
    return verdict;
  }

  #tellHead(): void {
    this.#events.emit('headChanged', this.head());
  }

  // Verifying

  #setVerification(verification: ChainVerification): void {
    this.#verification = verification;
    this.#events.emit('verificationChanged', verification);
  }

  /** The key of a body; a body that does not open although the keys are unlocked is a finding, not a sealed one. */
  async #open(header: Uint8Array, sealed: Uint8Array | null): Promise<Pick<ChainItem, 'contentKey' | 'bodyFinding'>> {
    const keys = this.#components.keys.node();
    if (sealed === null || keys === null) return { contentKey: null, bodyFinding: null };
    try {
      const { payload } = readHeader(header);
      const parts = decodeSealed(sealed);
      const contentKey = await unwrapContentKey(parts, payload, (cipherText) => keys.opener.decapsulate(cipherText));
      return { contentKey, bodyFinding: null };
    } catch (error) {
      if (this.#components.keys.node() === null) return { contentKey: null, bodyFinding: null };
      const finding = findingOf(error);
      if (finding === null) throw error;
      return { contentKey: null, bodyFinding: finding };
    }
  }

  /** Rows of our own chain as a verification takes them. */
  async *#items(from: number, to: number): AsyncGenerator<ChainItem> {
    for (let height = from; height <= to; height++) {
      const row = await this.#rows.block(height);
      assert(row !== null, 'Every block up to the head has its row.');
      const opened = await this.#open(row.header, row.sealed);
      yield { height, header: row.header, sealed: row.sealed, ...opened };
    }
  }

  async #attachmentsUpTo(height: number): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    if (height < 0) return found;
    for (const name of await this.#rows.attachmentNames(height)) {
      const data = await this.#rows.attachment(name);
      if (data !== null && hex(sha256(data)) === name) found.set(name, data);
    }
    return found;
  }

  async #verifyAll(tip: Tip, startedAtMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#components.outside;
    const startMs = clock.monotonicMs();
    const total = tip.height + 1;
    let checked = 0;
    let toldMs = startMs;
    try {
      const base = tip.pruned - 1;
      const result = await verifyBlocks(
        { workers: this.#components.workers, clock, verifyProof: this.#components.verifyProof, rules: this.#rules },
        {
          network: tip.network,
          previous: null,
          state: new StateTree(base < 0 ? [] : await this.#rows.state('ledger_base')),
          stateHeight: base,
          attachments: await this.#attachmentsUpTo(base),
        },
        this.#items(0, tip.height),
        {
          signal,
          onChecked: (count) => {
            checked = count;
            this.#metrics?.verifiedBlocks.inc();
            const nowMs = clock.monotonicMs();
            if (nowMs - toldMs < PROGRESS_MS || this.#verification.status !== 'running') return;
            toldMs = nowMs;
            const blocksPerSecond = checked / ((nowMs - startMs) / 1000);
            this.#setVerification({ status: 'running', startedAtMs, checked, total, blocksPerSecond });
          },
        },
      );
      this.#metrics?.problems.inc(result.problems.length);
      const notes = [...result.notes];
      if (this.#components.keys.node() === null && result.headersOnly > tip.pruned)
        notes.push('Bodies were left shut, since the keys are locked; unlock them and verify again.');
      if (tip.pruned > 0)
        notes.push(
          `The bodies of the oldest ${tip.pruned} blocks were pruned; the state that they led to was checked against the header of the last of them.`,
        );
      if (result.last !== null && !same(result.last.hash, tip.hash))
        result.problems.push({
          height: tip.height,
          code: 'HEAD_WRONG',
          reason: 'The newest block is not the one that the node took for it when it started.',
        });
      this.#setVerification({
        status: 'done',
        startedAtMs,
        tookMs: clock.monotonicMs() - startMs,
        holds: result.problems.length === 0,
        blocks: result.blocks,
        headersOnly: result.headersOnly,
        transactions: result.transactions,
        proofs: result.proofs,
        problems: result.problems,
        notes,
      });
    } catch (error) {
      if (!signal.aborted) this.#logger.error('Verification failed', { reason: messageOf(error) });
      // A cancel has said so already; anything else ends it as well, and nothing is claimed.
      if (this.#verification.status === 'running')
        this.#setVerification({ status: 'cancelled', startedAtMs, checked, total });
    }
  }

  // Pruning

  async #prune(keep: number): Promise<void> {
    this.#keysOrThrow();
    const tip = this.#tip;
    if (tip === null) throw this.#empty();
    await this.#verifying?.done;
    const last = tip.height - keep;
    if (last < tip.pruned) return;
    const base = new StateTree(tip.pruned === 0 ? [] : await this.#rows.state('ledger_base'));
    const changes = new Map<string, Uint8Array | null>();
    let freed = 0;
    for await (const item of this.#items(tip.pruned, last)) {
      const [result] = await this.#check([item], false);
      if (result?.header === null || result?.body == null)
        throw new BlockError(
          { code: 'CHAIN_INVALID', height: item.height, problem: 'BODY_UNREADABLE', reason: 'its body does not open' },
          `The body at height ${item.height} does not open with the keys at hand, so nothing was pruned; verify the chain.`,
        );
      base.apply(result.body.updates);
      for (const { key, value } of result.body.updates) changes.set(key, value);
      freed += item.sealed?.length ?? 0;
      if (
        item.height === last &&
        !same(await base.root(hashLevels(this.#components.workers)), result.header.header.stateRoot)
      )
        throw new BlockError(
          { code: 'CHAIN_INVALID', height: last, problem: 'STATE_ROOT_WRONG', reason: 'the state is another' },
          `The state after height ${last} is not the one that its header names, so nothing was pruned; verify the chain.`,
        );
    }
    await this.#rows.transaction('chain.prune', [
      {
        sql: 'UPDATE chain_head SET pruned = ? WHERE id = 1 AND height = ? AND pruned = ?',
        params: [last + 1, tip.height, tip.pruned],
        changes: 1,
      },
      { sql: 'UPDATE blocks SET sealed = NULL WHERE height BETWEEN ? AND ?', params: [tip.pruned, last] },
      ...[...changes].map(([key, value]) => writeState('ledger_base', { key, value })),
    ]);
    this.#tip = { ...tip, pruned: last + 1 };
    this.#totals = { ...this.#totals, storedBytes: this.#totals.storedBytes - freed };
    this.#metrics?.storedBytes.set(this.#totals.storedBytes);
    this.#logger.info('Bodies pruned', { upTo: last, freedBytes: freed });
    this.#tellHead();
  }

  // Files

  async #export(
    { from, to, readable }: { from: number; to?: number | undefined; readable: boolean },
    path: string,
  ): Promise<{ sizeBytes: number; blocks: number }> {
    const tip = this.#tip;
    if (tip === null) throw this.#empty();
    const last = to ?? tip.height;
    if (from > last || last > tip.height)
      throw new BlockError(
        { code: 'RANGE_INVALID', from, to: last },
        `There are no blocks from ${from} to ${last}; the chain goes from 0 to ${tip.height}.`,
      );
    // A stranger can follow the state only from a state that a header names: that of the block before the first body.
    const base = Math.max(from, tip.pruned) - 1;
    let state: StateTree | null = null;
    if (readable) {
      this.#keysOrThrow();
      if (base >= 0 && base < last) state = await this.#stateAt(base);
    }
    const first = state === null ? from : Math.min(from, base);
    const attachments = state === null ? [] : await this.#rows.attachmentNames(base);
    let file: Awaited<ReturnType<typeof open>> | null = null;
    try {
      file = await open(path, 'wx', 0o600);
      const writer = await ChainFileWriter.begin(file, {
        network: tip.network,
        from: first,
        to: last,
        readable,
        base: state && { height: base, entries: state.size, attachments: attachments.length },
      });
      if (state !== null) {
        await writer.state(state.entries(''));
        for (const name of attachments) {
          const data = await this.#rows.attachment(name);
          assert(data !== null, 'An attachment that is listed is there.');
          await writer.attachment(data);
        }
      }
      for await (const item of this.#items(first, last)) {
        this.#stopping.signal.throwIfAborted();
        const shut = state !== null && item.height <= base;
        await writer.block({
          header: item.header,
          sealed: shut ? null : item.sealed,
          contentKey: readable && !shut ? item.contentKey : null,
        });
      }
      const sizeBytes = await writer.end();
      await file.sync();
      await file.close();
      file = null;
      await syncFolder(dirname(path));
      return { sizeBytes, blocks: last - first + 1 };
    } catch (error) {
      const began = file !== null;
      await file?.close().catch(() => undefined);
      // Half a file is of no use; one that was there before is left as it is.
      if (began) await rm(path, { force: true }).catch(() => undefined);
      if (isNodeError(error) || (error as NodeJS.ErrnoException).code === undefined) throw error;
      throw new BlockError(
        { code: 'EXPORT_NOT_WRITTEN', reason: messageOf(error) },
        `The file could not be written (${messageOf(error)}); make room, or choose another name.`,
        { cause: error },
      );
    }
  }

  /** State as of a block: that of the last pruned one, and what the bodies since have changed. */
  async #stateAt(height: number): Promise<StateTree> {
    const tip = this.#tip!;
    const state = new StateTree(tip.pruned === 0 ? [] : await this.#rows.state('ledger_base'));
    for await (const item of this.#items(tip.pruned, height)) {
      const [result] = await this.#check([item], false);
      if (result?.header === null || result?.body == null)
        throw new BlockError(
          { code: 'CHAIN_INVALID', height: item.height, problem: 'BODY_UNREADABLE', reason: 'its body does not open' },
          `The body at height ${item.height} does not open with the keys at hand; verify the chain.`,
        );
      state.apply(result.body.updates);
    }
    return state;
  }

  async #import(path: string): Promise<void> {
    const keys = this.#components.keys.node();
    if (keys === null) throw this.#blocked()!;
    await this.#verifying?.done;
    const file = await openChainFile(path);
    try {
      await this.#takeOver(file, keys);
    } catch (error) {
      await this.#rows.sweep(this.#tip?.height ?? -1);
      throw error;
    } finally {
      await file.close();
    }
  }

  async #takeOver(file: ChainFile, keys: Keys): Promise<void> {
    const { head } = file;
    const tip = this.#tip;
    const isOurs = tip !== null && same(tip.network, head.network);
    // A chain with nothing but its beginning loses nothing by giving way to what the same owner had before.
    const replaces = tip !== null && !isOurs && tip.height === 0 && this.#blocked() === null;
    if (tip !== null && !isOurs && !replaces)
      throw new BlockError(
        { code: 'CHAIN_OF_ANOTHER_NETWORK', found: hex(head.network), ours: hex(tip.network) },
        'The file holds the chain of another network, and this node has one of its own; import it into an empty data folder after `hypermesh identity restore`.',
      );
    const fresh = tip === null || replaces;
    const next = fresh ? 0 : tip.height + 1;
    if (fresh ? head.from > 0 && head.base === null : head.from > next)
      throw new BlockError(
        { code: 'CHAIN_DIVERGES', height: head.from },
        fresh
          ? 'The file begins in the middle of a chain without the state before it; export it from height 0, or readable.'
          : `The file begins at height ${head.from} and the chain here ends at ${tip.height}; export it from ${next} or earlier.`,
      );
    if (!fresh && head.to <= tip.height) {
      // Nothing new; what is there must be the same all the same.
      for await (const item of file.blocks()) await this.#compare(item.header, item.height);
      return;
    }
    const offset = replaces ? INCOMING_OFFSET : 0;
    const staging = new Staging(this.#rows, offset);
    const start = fresh
      ? {
          network: head.network,
          previous: null,
          state: new StateTree(head.base === null ? [] : file.state),
          stateHeight: head.base?.height ?? -1,
          attachments: new Map(file.attachments.map((data) => [hex(sha256(data)), data] as const)),
        }
      : {
          network: head.network,
          previous: { height: tip.height, hash: tip.hash, timeMs: tip.timeMs },
          state: this.#state.copy(),
          stateHeight: tip.height,
          attachments: await this.#attachmentsUpTo(tip.height),
        };
    if (fresh) {
      if (head.base !== null) for (const data of file.attachments) await staging.add([insertAttachment(data, offset)]);
    }
    // Events are numbered by the state before their block, which is one block behind the one that verification follows.
    const sequences = new Map<string, number>();
    const firstOf = (asset: AssetId): number => {
      const known = sequences.get(asset);
      if (known !== undefined) return known;
      return (fresh ? baseEvents.get(asset) : assetTipOf(this.#state, asset)?.events) ?? 0;
    };
    const baseEvents = new Map<string, number>();
    if (fresh && head.base !== null)
      for (const [key] of start.state.entries(ASSET_KEY_PREFIX)) {
        const asset = key.slice(ASSET_KEY_PREFIX.length) as AssetId;
        baseEvents.set(asset, assetTipOf(start.state, asset)?.events ?? 0);
      }
    const onBlock = async ({ height, item, header, body }: VerifiedBlock): Promise<void> => {
      if (body === null && height > (fresh ? (head.base?.height ?? -1) : -1))
        throw invalid(height, 'BODY_UNREADABLE', 'its body is missing or does not open with the keys of this identity');
      const transactions = body?.transactions ?? [];
      const events = transactions.flatMap(({ hash, transaction: { asset, kind, previous, atMs } }): EventRow[] => {
        if (asset === null) return [];
        const sequence = firstOf(asset);
        sequences.set(asset, sequence + 1);
        return [{ asset, sequence, kind, hash, previous, height: height + offset, atMs }];
      });
      await staging.add(
        [
          insertBlock({
            height: height + offset,
            hash: header.hash,
            timeMs: header.header.timeMs,
            header: item.header,
            sealed: body === null ? null : item.sealed,
            sealedBytes: item.sealed?.length ?? 0,
            summary: summaryOf(transactions),
          }),
          // Events of a chain that gives way would be in the way of those that come: none, as it has no assets.
          ...events.map(insertEvent),
          ...(body?.attachments ?? []).map((data) => insertAttachment(data, height + offset)),
        ],
        item.header.length + (item.sealed?.length ?? 0),
      );
    };
    const result = await verifyBlocks(
      {
        workers: this.#components.workers,
        clock: this.#components.outside.clock,
        verifyProof: this.#components.verifyProof,
        rules: this.#rules,
      },
      start,
      this.#incoming(file, next),
      { onBlock, stopAtProblem: true, signal: this.#stopping.signal },
    );
    await this.#finishImport(result, { head, keys, staging, replaces, fresh, baseState: file.state });
  }

  /** Blocks of the file that are new here; those that are not must be the same. Bodies open with our own keys or not at all. */
  async *#incoming(file: ChainFile, next: number): AsyncGenerator<ChainItem> {
    for await (const item of file.blocks()) {
      if (item.height < next) {
        await this.#compare(item.header, item.height);
        continue;
      }
      // With the identity's own key and not with the one in the file: what this node cannot open later is not taken over.
      yield { ...item, ...(await this.#open(item.header, item.sealed)) };
    }
  }

  async #compare(header: Uint8Array, height: number): Promise<void> {
    const ours = await this.#rows.hashAt(height);
    let theirs: Uint8Array | null = null;
    try {
      theirs = readHeader(header).hash;
    } catch (error) {
      if (!(error instanceof BlockFormatError)) throw error;
    }
    if (ours === null || theirs === null || !same(ours, theirs))
      throw new BlockError(
        { code: 'CHAIN_DIVERGES', height },
        `The block of height ${height} in the file is another than the one here, so nothing was taken over; both cannot be of one chain.`,
      );
  }

  async #finishImport(
    result: VerifyResult,
    given: {
      head: ChainFile['head'];
      keys: Keys;
      staging: Staging;
      replaces: boolean;
      fresh: boolean;
      baseState: ChainFile['state'];
    },
  ): Promise<void> {
    const { head, keys, staging, replaces, fresh, baseState } = given;
    const [problem] = result.problems;
    if (problem !== undefined) throw invalid(problem.height, problem.code, problem.reason);
    if (result.state === null || result.last === null)
      throw invalid(null, 'STATE_UNKNOWN', 'its state cannot be followed to the end');
    const founder = founderOf(result.state);
    if (founder === null || !same(founder, keys.signer.keyIdBytes))
      throw new BlockError(
        { code: 'CHAIN_OF_ANOTHER_NETWORK', found: hex(head.network), ours: keys.signer.keyId },
        'The chain in the file was founded by another identity; restore that identity first.',
      );
    await staging.state(0, result.state.entries(''));
    const base = fresh && head.base !== null ? head.base.height : -1;
    if (base >= 0) await staging.state(1, baseState);
    await staging.flush();
    await this.#rows.transaction('chain.import', [
      ...(replaces
        ? [
            { sql: 'DELETE FROM blocks WHERE height < ?', params: [INCOMING_OFFSET] },
            { sql: 'DELETE FROM chain_attachments WHERE height < ?', params: [INCOMING_OFFSET] },
            { sql: 'DELETE FROM asset_events WHERE height < ?', params: [INCOMING_OFFSET] },
            { sql: 'UPDATE blocks SET height = height - ?', params: [INCOMING_OFFSET] },
            { sql: 'UPDATE chain_attachments SET height = height - ?', params: [INCOMING_OFFSET] },
            { sql: 'UPDATE asset_events SET height = height - ?', params: [INCOMING_OFFSET] },
          ]
        : []),
      moveHead(replaces ? 0 : (this.#tip?.height ?? null), head.to),
      ...(fresh ? [{ sql: 'UPDATE chain_head SET pruned = ? WHERE id = 1', params: [base + 1], changes: 1 }] : []),
      { sql: 'DELETE FROM ledger_state', params: [] },
      { sql: 'INSERT INTO ledger_state SELECT key, value FROM ledger_incoming WHERE base = 0', params: [] },
      ...(fresh
        ? [
            { sql: 'DELETE FROM ledger_base', params: [] },
            { sql: 'INSERT INTO ledger_base SELECT key, value FROM ledger_incoming WHERE base = 1', params: [] },
          ]
        : []),
      { sql: 'DELETE FROM ledger_incoming', params: [] },
    ]);
    await this.#load();
    this.#logger.info('Chain imported', { height: head.to });
    this.#tellHead();
  }
}
