import type { Clock, WorkerPool } from '../../base/index.ts';
import { type KeyIdBytes, keyIdText } from '../../base/crypto/index.ts';
import { AttachmentShelf, type ShelfInit } from './attachments.ts';
import { CHECK_BLOCKS_MAX, CHECK_BYTES_MAX, FOLLOWED_BYTES_MAX, FUTURE_MS_MAX, PROBLEMS_MAX } from './constants.ts';
import { BlockError } from './errors.ts';
import { proofId } from './format/body.ts';
import { hex, same } from './format/strict.ts';
import type { Hash, StateUpdate, VerifyProof } from './interface.ts';
import { type LedgerRules, founderOf } from './ledger.ts';
import type { HashLevels, StateTree } from './state-tree.ts';
import type { CheckInput, CheckItem, CheckOutput, CheckedHeader, Finding, OpenedBody } from './task-types.ts';

export interface ChainProblem {
  height: number | null;
  code: string;
  reason: string;
}

export interface VerifyComponents {
  workers: WorkerPool;
  clock: Clock;
  verifyProof: VerifyProof;
  rules: LedgerRules;
}

/** Where a verification begins. */
export interface VerifyStart {
  /** Null: whatever the first block says. */
  network: Hash | null;
  /** Block before the first; null at height 0, and where a file begins in the middle. */
  previous: { height: number; hash: Hash; timeMs: number } | null;
  /** State as of `stateHeight`. It is changed on the way and in the end the state of the last block. Null: not known. */
  state: StateTree | null;
  /** -1: before the genesis block. */
  stateHeight: number;
  /** What earlier blocks brought. */
  attachments: ShelfInit;
}

/** A block all of which holds. */
export interface VerifiedBlock {
  height: number;
  item: CheckItem;
  header: CheckedHeader;
  body: OpenedBody | null;
}

export interface VerifyHooks {
  signal?: AbortSignal | undefined;
  onChecked?: (count: number) => void;
  /** Called in order, for blocks without a problem so far; waited for. */
  onBlock?: (block: VerifiedBlock) => Promise<void>;
  /** Stop at the first problem, as an import does. @default false */
  stopAtProblem?: boolean;
}

export interface VerifyResult {
  blocks: number;
  headersOnly: number;
  transactions: number;
  proofs: number;
  problems: ChainProblem[];
  notes: string[];
  last: CheckedHeader | null;
  /** Null where the state could not be followed to the end. */
  state: StateTree | null;
  founder: KeyIdBytes | null;
}

export const hashLevels =
  (workers: WorkerPool, signal?: AbortSignal): HashLevels =>
  (leaves) =>
    workers.run<Uint8Array, Uint8Array[]>('blocks.levels', leaves, {
      transfer: [leaves.buffer as ArrayBuffer],
      ...(signal !== undefined && { signal }),
    });

const updatesDiffer = (one: readonly StateUpdate[], other: readonly StateUpdate[]): boolean =>
  one.length !== other.length ||
  one.some(({ key, value }, i) => {
    const against = other[i]!;
    return (
      key !== against.key ||
      (value === null ? against.value !== null : against.value === null || !same(value, against.value))
    );
  });

/** A block on its way through a verification. */
export interface ChainItem extends CheckItem {
  height: number;
  /** Why its body does not open, where it should have; null when it did, or nobody tried. */
  bodyFinding?: Finding | null;
}
type Item = ChainItem;
interface Batch {
  items: Item[];
  results: Promise<CheckOutput[]>;
}

/**
 * Checks blocks in order: each header's signatures and links, each body that can be opened with its Merkle root and the
 * signatures of its transactions, the state it leads to, the chains of its assets, and its combined proof. Signatures,
 * bodies and proofs go to several threads; what depends on the block before is done here, in order.
 *
 * @throws the signal's reason; `BlockError` of the source
 */
export const verifyBlocks = async (
  components: VerifyComponents,
  start: VerifyStart,
  items: AsyncIterable<Item>,
  hooks: VerifyHooks = {},
): Promise<VerifyResult> => new Verification(components, start, hooks).run(items);

class Verification {
  readonly #components: VerifyComponents;
  readonly #hooks: VerifyHooks;
  readonly #problems: ChainProblem[] = [];
  readonly #notes = new Set<string>();
  readonly #attachments: AttachmentShelf;
  readonly #proofsRunning = new Set<Promise<void>>();
  #network: Hash | null;
  #previous: VerifyStart['previous'];
  #state: StateTree | null;
  #stateHeight: number;
  #founder: KeyIdBytes | null;
  #proposer: KeyIdBytes | null = null;
  #last: CheckedHeader | null = null;
  #failure: { error: unknown } | null = null;
  #blocks = 0;
  #headersOnly = 0;
  #transactions = 0;
  #proofs = 0;
  #checked = 0;

  constructor(components: VerifyComponents, start: VerifyStart, hooks: VerifyHooks) {
    this.#components = components;
    this.#hooks = hooks;
    this.#network = start.network;
    this.#previous = start.previous;
    this.#state = start.state;
    this.#stateHeight = start.stateHeight;
    this.#attachments = new AttachmentShelf(start.attachments);
    this.#founder = start.state === null ? null : founderOf(start.state);
  }

  async run(items: AsyncIterable<Item>): Promise<VerifyResult> {
    const window = this.#components.workers.size + 1;
    const waiting: Batch[] = [];
    const finish = async (): Promise<void> => {
      const batch = waiting.shift()!;
      let { items: rest } = batch;
      let results = await batch.results;
      for (;;) {
        for (const [i, result] of results.entries()) {
          await this.#block(rest[i]!, result);
          if (this.#done) return;
        }
        // A thread stops where bodies turn out larger than they looked; the rest goes there again.
        rest = rest.slice(results.length);
        if (rest.length === 0) return;
        results = await this.#check(rest);
      }
    };
    try {
      for await (const batch of batchesOf(items)) {
        this.#hooks.signal?.throwIfAborted();
        const results = this.#check(batch);
        // Looked at in order; one that fails meanwhile is no unhandled one.
        results.catch(() => undefined);
        waiting.push({ items: batch, results });
        if (waiting.length >= window) await finish();
        if (this.#done) break;
      }
      while (waiting.length > 0 && !this.#done) await finish();
    } finally {
      await Promise.allSettled([...this.#proofsRunning, ...waiting.map(({ results }) => results)]);
    }
    this.#hooks.signal?.throwIfAborted();
    if (this.#failure !== null) throw this.#failure.error;
    if (this.#problems.length >= PROBLEMS_MAX && this.#hooks.stopAtProblem !== true)
      this.#notes.add(`After ${PROBLEMS_MAX} problems nothing more was looked at.`);
    return {
      blocks: this.#blocks,
      headersOnly: this.#headersOnly,
      transactions: this.#transactions,
      proofs: this.#proofs,
      problems: this.#problems.sort((one, other) => (one.height ?? -1) - (other.height ?? -1)),
      notes: [...this.#notes],
      last: this.#last,
      state: this.#state,
      founder: this.#founder,
    };
  }

  #check(items: readonly Item[]): Promise<CheckOutput[]> {
    return this.#components.workers.run<CheckInput, CheckOutput[]>(
      'blocks.check',
      { items: items.map(({ header, sealed, contentKey }) => ({ header, sealed, contentKey })), signatures: true },
      this.#signalOption,
    );
  }

  get #done(): boolean {
    return this.#problems.length >= (this.#hooks.stopAtProblem === true ? 1 : PROBLEMS_MAX);
  }
  get #signalOption(): { signal?: AbortSignal } {
    return this.#hooks.signal === undefined ? {} : { signal: this.#hooks.signal };
  }

  #problem(height: number, code: string, reason: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push({ height, code, reason });
  }

  async #block(item: Item, result: CheckOutput): Promise<void> {
    const { height } = item;
    const before = this.#problems.length;
    this.#blocks += 1;
    if (result.header === null) {
      this.#problem(height, result.headerFinding.code, result.headerFinding.reason);
      this.#loseState();
      // The next header's link is compared with what this one would have been, which nobody knows.
      this.#previous = null;
    } else {
      this.#header(height, result.header);
      const finding = result.bodyFinding ?? item.bodyFinding ?? null;
      if (finding !== null) {
        this.#problem(height, finding.code, finding.reason);
        this.#loseState();
      } else await this.#body(item, result.header, result.body);
      const { header, hash } = result.header;
      this.#previous = { height, hash, timeMs: header.timeMs };
      this.#last = result.header;
      if (this.#hooks.onBlock !== undefined && this.#problems.length === before && !this.#done)
        await this.#hooks.onBlock({ height, item, header: result.header, body: result.body });
    }
    this.#checked += 1;
    this.#hooks.onChecked?.(this.#checked);
  }

  #header(height: number, { header }: CheckedHeader): void {
    this.#network ??= header.network;
    if (header.height !== height)
      this.#problem(height, 'HEIGHT_WRONG', `The header says height ${header.height} and stands at ${height}.`);
    if (!same(header.network, this.#network))
      this.#problem(height, 'NETWORK_WRONG', 'The block belongs to another network.');
    // Where the genesis block cannot be read, whoever made the first block is who must have made them all.
    this.#proposer ??= this.#founder ?? header.proposer;
    if (!same(header.proposer, this.#proposer))
      this.#problem(
        height,
        'PROPOSER_WRONG',
        'In a home network only its founder adds blocks, and this one is of another.',
      );
    const previous = this.#previous;
    if (previous !== null) {
      if (header.previous === null || !same(header.previous, previous.hash))
        this.#problem(
          height,
          'LINK_WRONG',
          'The block does not follow the one before it: the hash that it names is another.',
        );
      if (header.timeMs <= previous.timeMs)
        this.#problem(height, 'TIME_WRONG', 'The block’s time is not after the block before it.');
    }
    if (header.timeMs > this.#components.clock.nowMs() + FUTURE_MS_MAX)
      this.#problem(
        height,
        'FROM_THE_FUTURE',
        'The block’s time has not come yet; check the clock of this machine too.',
      );
  }

  async #body(item: Item, checked: CheckedHeader, body: OpenedBody | null): Promise<void> {
    const { height } = item;
    if (height === this.#stateHeight && this.#state !== null) {
      await this.#compareRoot(height, checked);
      // The snapshot stands for all up to here; a body that is there as well is checked for itself below.
    }
    if (body === null) {
      this.#headersOnly += 1;
      if (height > this.#stateHeight) this.#loseState();
      return;
    }
    this.#transactions += body.transactions.length;
    this.#structure(height, checked, body);
    // Without a proof nothing refers to them.
    for (const [i, data] of (body.proof === null ? [] : body.attachments).entries()) {
      const name = body.names[i]!;
      if (this.#attachments.has(name) && height > this.#stateHeight)
        this.#problem(height, 'ATTACHMENT_REPEATED', 'The block brings an attachment that an earlier one has brought.');
      this.#attachments.add(name, data, height);
    }
    if (height > this.#stateHeight) await this.#follow(height, checked, body);
    await this.#proof(height, checked, body);
  }

  /** What every body must be like, whatever the state. */
  #structure(height: number, { header }: CheckedHeader, body: OpenedBody): void {
    if (header.height === 0) {
      const [only] = body.transactions;
      if (body.transactions.length !== 1 || only === undefined || !same(only.hash, header.network))
        this.#problem(
          height,
          'GENESIS_WRONG',
          'The first block does not hold the one transaction that the network is named after.',
        );
      if (body.proof !== null || body.attachments.length > 0 || header.difficulty !== 0n)
        this.#problem(height, 'GENESIS_WRONG', 'The first block carries a proof, and cannot.');
      return;
    }
    if (body.transactions.length === 0) this.#problem(height, 'BLOCK_EMPTY', 'The block holds no transaction.');
    if (body.proof === null) this.#problem(height, 'PROOF_MISSING', 'The block carries no combined proof.');
  }

  async #follow(height: number, checked: CheckedHeader, body: OpenedBody): Promise<void> {
    if (this.#state === null) {
      this.#notes.add(
        'The state could not be followed through all blocks, since bodies before are missing or wrong; what depends on it was not checked there.',
      );
      return;
    }
    const { header } = checked;
    const { rules, workers } = this.#components;
    const facts = await rules.facts(body.transactions, workers, this.#hooks.signal);
    try {
      const place = {
        height,
        timeMs: header.timeMs,
        network: header.network,
        previousTimeMs: this.#previous?.timeMs ?? -1,
        proof: body.proof && {
          id: proofId(body.proof),
          asset: body.proof.challenge.asset,
          node: body.proof.challenge.node,
        },
      };
      const updates = rules.apply(body.transactions, this.#state, place, facts);
      if (updatesDiffer(updates, body.updates))
        this.#problem(height, 'STATE_UPDATES_WRONG', 'The state updates are not what the transactions lead to.');
      this.#state.apply(updates);
    } catch (error) {
      if (!(error instanceof BlockError) || error.code !== 'TRANSACTION_REFUSED') throw error;
      const { refusal } = error.data as { refusal: string };
      this.#problem(height, refusal, error.message);
      // What the block claims is followed, so that the blocks after it are still looked at; but not to whatever size.
      const bytes = body.updates.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
      if (bytes > FOLLOWED_BYTES_MAX) {
        this.#loseState();
        return;
      }
      this.#state.apply(body.updates);
    }
    await this.#compareRoot(height, checked);
    this.#stateHeight = height;
    if (this.#founder === null) {
      this.#founder = founderOf(this.#state);
      if (this.#founder !== null && !same(header.proposer, this.#founder))
        this.#problem(
          height,
          'PROPOSER_WRONG',
          'In a home network only its founder adds blocks, and this one is of another.',
        );
    }
  }

  async #compareRoot(height: number, { header }: CheckedHeader): Promise<void> {
    const root = await this.#state!.root(hashLevels(this.#components.workers, this.#hooks.signal));
    if (!same(root, header.stateRoot))
      this.#problem(height, 'STATE_ROOT_WRONG', 'The state after this block is not the one that its header names.');
  }

  async #proof(height: number, { header }: CheckedHeader, body: OpenedBody): Promise<void> {
    const { proof } = body;
    const previous = this.#previous;
    if (proof === null || header.height === 0) return;
    if (previous === null) {
      this.#notes.add('A proof whose block before is not known was not checked.');
      return;
    }
    // Each that runs holds what it names.
    while (this.#proofsRunning.size >= this.#components.workers.size + 1) await Promise.race(this.#proofsRunning);
    const named = await this.#attachments.for(proof, height);
    if (named === null) {
      this.#problem(height, 'ATTACHMENTS_TOO_LARGE', 'The proof names more bytes of attachments than any may.');
      return;
    }
    const check = async (): Promise<void> => {
      const { verdict, difficulty } = await this.#components.verifyProof(
        proof,
        named,
        {
          network: header.network,
          node: header.proposer,
          purpose: 'block',
          anchor: { height: previous.height, hash: previous.hash },
          anchorTimeMs: previous.timeMs,
          blockTimeMs: header.timeMs,
        },
        this.#signalOption,
      );
      this.#proofs += 1;
      if (!verdict.passed) {
        const failed = verdict.checks.find(({ passed }) => !passed);
        this.#problem(height, failed?.code ?? 'PROOF_REFUSED', failed?.reason ?? 'The combined proof does not hold.');
      } else if (difficulty !== header.difficulty)
        this.#problem(height, 'DIFFICULTY_WRONG', 'The header claims another difficulty than its proof shows.');
    };
    // An import takes a block over only with its proof; otherwise several are checked at once.
    if (this.#hooks.onBlock !== undefined) return check();
    const running = check().finally(() => this.#proofsRunning.delete(running));
    running.catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#proofsRunning.add(running);
  }

  #loseState(): void {
    this.#state = null;
  }
}

async function* batchesOf(items: AsyncIterable<Item>): AsyncGenerator<Item[]> {
  let batch: Item[] = [];
  let bytes = 0;
  for await (const item of items) {
    batch.push(item);
    bytes += item.header.length + (item.sealed?.length ?? 0);
    if (batch.length < CHECK_BLOCKS_MAX && bytes < CHECK_BYTES_MAX) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

/** What a stranger should know of who is behind a chain. @param proposer - of its blocks; null where none could be read */
export const networkNote = (network: Hash, founder: KeyIdBytes | null, proposer: KeyIdBytes | null): string => {
  if (founder !== null)
    return `The network is ${hex(network)}, founded by ${keyIdText(founder)}; compare both with what its owner told you.`;
  const unknown = `The network is ${hex(network)}; who founded it is not in what could be read.`;
  // Anyone can sign headers that name any network: only the key tells whose they are.
  return proposer === null
    ? unknown
    : `${unknown} The blocks are signed by ${keyIdText(proposer)}; compare both with what its owner told you.`;
};
