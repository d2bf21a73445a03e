import {
  Emitter,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Store,
  type WorkerPool,
  assert,
  sha256,
} from '../../base/index.ts';
import { type Opener, RecordError, type Signer, keyIdText } from '../../base/crypto/index.ts';
import type { BlockSummary, ChainHead } from '../../../preload/contract/index.ts';
import type { Attachments, CombinedProof } from '../proof/index.ts';
import { type ShelfInit, namesIn } from './attachments.ts';
import { type BlockLine, ChainStore } from './chain-store.ts';
import { ATTACHMENTS_CACHED_BYTES } from './constants.ts';
import { BlockError, BlockFormatError, findingOf } from './errors.ts';
import { readHeader } from './format/header.ts';
import { decodeSealed, unwrapContentKey } from './format/sealed.ts';
import { hex, same } from './format/strict.ts';
import type {
  BlockKeys,
  ChainEvents,
  ChainTip,
  LedgerModule,
  LedgerState,
  StateUpdate,
  VerifyProof,
} from './interface.ts';
import { LedgerRules, founderOf } from './ledger.ts';
import { type BlocksMetrics, createBlocksMetrics } from './metrics.ts';
import { StateTree } from './state-tree.ts';
import type { CheckInput, CheckItem, CheckOutput } from './task-types.ts';
import { type ChainItem, hashLevels } from './verify-blocks.ts';

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

/** The newest block, as everything here needs it. */
export interface Tip extends ChainTip {
  pruned: number;
}
export interface Keys {
  signer: Signer;
  opener: Opener;
}

const MISSING_SENTENCE = 'There is no identity yet; create or restore one first.';

/**
 * Where a chain stands, and how its blocks are opened: what all that is done with it shares. Whoever changes it does so in
 * its turn, one after the other.
 */
export class ChainCore {
  readonly components: ChainComponents;
  readonly readers: readonly Uint8Array[];
  readonly logger: Logger;
  readonly metrics: BlocksMetrics | null;
  readonly rows: ChainStore;
  readonly rules: LedgerRules;
  readonly events = new Emitter<ChainEvents>();
  readonly stopping = new AbortController();
  /** Ahead of the disk while a block is being stored. */
  state = new StateTree();
  /** What leads back from a state that is ahead of the disk, while a block is being stored. */
  back: StateUpdate[] = [];
  /** The state as of the head for those who read it; made when asked for. */
  snapshot: LedgerState | null = null;
  tip: Tip | null = null;
  totals = { storedBytes: 0, assets: 0 };
  /** The state on disk is not the one that the newest block names. */
  damaged = false;
  /** The owner has said that there is no chain to import. */
  isNew = false;
  /** The end of the verification that runs. */
  verifying: Promise<void> | null = null;

  constructor(components: ChainComponents, init: ChainInit) {
    this.components = components;
    this.readers = init.readers ?? [];
    this.logger = components.logger.child('blocks');
    this.metrics = createBlocksMetrics(components.metrics);
    this.rows = new ChainStore(components.store);
    this.rules = new LedgerRules(components.modules);
  }

  head(): ChainHead {
    const tip = this.tip;
    return {
      network: tip && hex(tip.network),
      height: tip && tip.height,
      hash: tip && hex(tip.hash),
      timeMs: tip && tip.timeMs,
      blocks: tip === null ? 0 : tip.height + 1,
      pruned: tip?.pruned ?? 0,
      ...this.totals,
      blocked: this.blocked()?.message ?? null,
      awaitsImport: this.blocked()?.code === 'CHAIN_AWAITED',
    };
  }

  /** State as of the head, which stays as it is while it is read. */
  settledState(): LedgerState {
    if (this.snapshot === null) {
      const copy = this.state.copy();
      copy.apply(this.back);
      this.snapshot = copy;
    }
    return this.snapshot;
  }

  /** What is on disk; what an import that was cut short has left there is deleted. */
  async load(): Promise<void> {
    this.snapshot = null;
    const found = await this.rows.head();
    await this.rows.sweep(found?.height ?? -1);
    if (found === null) {
      this.state = new StateTree();
      this.tip = null;
      this.totals = { storedBytes: 0, assets: 0 };
      return;
    }
    const [line] = await this.rows.lines(found.height + 1, 1);
    assert(line?.height === found.height, 'The head names a block that is there.');
    const { header, hash } = readHeader(line.header);
    this.state = new StateTree(await this.rows.state('ledger_state'));
    this.tip = { network: header.network, height: found.height, hash, timeMs: header.timeMs, pruned: found.pruned };
    this.totals = await this.rows.totals(found.height);
    this.damaged = !same(await this.state.root(hashLevels(this.components.workers)), header.stateRoot);
    if (this.damaged) this.logger.error('State of the ledger is not what the head names', { height: found.height });
    this.metrics?.height.set(found.height);
    this.metrics?.storedBytes.set(this.totals.storedBytes);
  }

  /** Why no block can be added now; null when one can. */
  blocked(): BlockError | null {
    const keys = this.components.keys.node();
    if (keys === null) {
      const reason = this.components.keys.reason() ?? { code: 'IDENTITY_NONE' as const, sentence: MISSING_SENTENCE };
      return new BlockError({ code: reason.code }, reason.sentence);
    }
    // Two chains of one identity never become one again: none begins before its owner has said that there is no other.
    if (this.tip === null && !this.components.keys.createdHere() && !this.isNew)
      return new BlockError(
        { code: 'CHAIN_AWAITED' },
        'This identity was not created in this folder, so its chain may lie elsewhere: import it (Blocks, or `hypermesh chain import`), or, if there is none, begin a new one (`hypermesh chain begin`). Proofs wait until then.',
      );
    if (this.damaged && this.tip !== null)
      return new BlockError(
        { code: 'STATE_DAMAGED', height: this.tip.height },
        'The state on disk is not the one that the newest block names; bring back a copy of the data folder, or an exported chain.',
      );
    const founder = founderOf(this.state);
    if (founder !== null && !same(founder, keys.signer.keyIdBytes))
      return new BlockError(
        { code: 'NOT_OUR_CHAIN', founder: keyIdText(founder), ours: keys.signer.keyId },
        `The chain in this data folder was founded by ${keyIdText(founder)} and the identity is ${keys.signer.keyId}; restore the identity that it belongs to.`,
      );
    return null;
  }

  /** @throws {BlockError} why no block can be added */
  keysOrThrow(): Keys {
    const blocked = this.blocked();
    if (blocked !== null) throw blocked;
    const keys = this.components.keys.node();
    assert(keys !== null, 'A chain that is not blocked has keys.');
    return keys;
  }

  empty(): BlockError {
    return new BlockError(
      { code: 'CHAIN_EMPTY' },
      'The chain has no block yet; it begins when the first asset is registered.',
    );
  }

  /** What anyone sees of a block. */
  sealedSummary(line: BlockLine): BlockSummary {
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

  /** What whoever holds the keys sees of it. */
  summaryOf(line: BlockLine): BlockSummary {
    const summary = this.sealedSummary(line);
    // While locked nothing of a body is shown, even where it is remembered.
    if (line.pruned || this.components.keys.node() === null) return summary;
    return { ...summary, ...line.summary, body: 'readable' };
  }

  tellHead(): void {
    this.events.emit('headChanged', this.head());
  }

  /** Takes blocks apart in a thread. */
  check(items: CheckItem[], signatures: boolean): Promise<CheckOutput[]> {
    return this.components.workers.run<CheckInput, CheckOutput[]>('blocks.check', { items, signatures });
  }

  /** Null: pruned, or the keys at hand do not open it. */
  async contentKey(sealed: Uint8Array | null, payload: Uint8Array): Promise<Uint8Array | null> {
    const keys = this.components.keys.node();
    if (sealed === null || keys === null) return null;
    try {
      return await unwrapContentKey(decodeSealed(sealed), payload, (cipherText) => keys.opener.decapsulate(cipherText));
    } catch (error) {
      // Sealed for others, or locked in this very moment.
      if (error instanceof BlockFormatError || error instanceof RecordError) return null;
      throw error;
    }
  }

  /** The key of a body; a body that does not open although the keys are unlocked is a finding, not a sealed one. */
  async open(header: Uint8Array, sealed: Uint8Array | null): Promise<Pick<ChainItem, 'contentKey' | 'bodyFinding'>> {
    const keys = this.components.keys.node();
    if (sealed === null || keys === null) return { contentKey: null, bodyFinding: null };
    try {
      const { payload } = readHeader(header);
      const parts = decodeSealed(sealed);
      const contentKey = await unwrapContentKey(parts, payload, (cipherText) => keys.opener.decapsulate(cipherText));
      return { contentKey, bodyFinding: null };
    } catch (error) {
      if (this.components.keys.node() === null) return { contentKey: null, bodyFinding: null };
      const finding = findingOf(error);
      if (finding === null) throw error;
      return { contentKey: null, bodyFinding: finding };
    }
  }

  /** Rows of our own chain as a verification takes them. */
  async *items(from: number, to: number): AsyncGenerator<ChainItem> {
    for (let height = from; height <= to; height++) {
      const row = await this.rows.block(height);
      assert(row !== null, 'Every block up to the head has its row.');
      const opened = await this.open(row.header, row.sealed);
      yield { height, header: row.header, sealed: row.sealed, ...opened };
    }
  }

  /** Those of blocks up to a height, for a verification; their bytes come from the database when they are needed. */
  async attachmentsUpTo(height: number): Promise<ShelfInit> {
    return {
      held: [],
      names: height < 0 ? [] : await this.rows.attachmentNames(height),
      bytesMax: ATTACHMENTS_CACHED_BYTES,
      reload: (name) => this.rows.attachment(name),
    };
  }

  /** Of what was handed over: all that the proof may need, and what no block carries yet, in order. */
  async knownAttachments(
    proof: CombinedProof,
    given: Attachments,
    height: number,
  ): Promise<{ all: Map<string, Uint8Array>; fresh: Uint8Array[] }> {
    const carried = new Set(await this.rows.attachmentNames(height));
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
      const data = await this.rows.attachment(name);
      if (data !== null) all.set(name, data);
    }
    return { all, fresh: [...fresh].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, data]) => data) };
  }
}
