import { assert, decodeCbor, encodeCbor, type AssetId, type WorkerPool } from '../../base/index.ts';
import type { KeyIdBytes } from '../../base/crypto/index.ts';
import {
  ASSET_KEY_PREFIX,
  GENESIS_KEY,
  GENESIS_KIND,
  HASH_BYTES,
  NO_NETWORK,
  RESERVED_PREFIX,
  STATE_KEY,
  STATE_VALUE_BYTES_MAX,
} from './constants.ts';
import { BlockError } from './errors.ts';
import { hex, same } from './format/strict.ts';
import type {
  BlockContext,
  Hash,
  LedgerModule,
  LedgerState,
  SignedTransaction,
  StateUpdate,
  TransactionVerdict,
} from './interface.ts';
import { StateOverlay } from './state-tree.ts';

/** What the state says of an asset's own chain. */
export interface AssetTip {
  /** Events so far. */
  events: number;
  /** Hash of the last. */
  hash: Hash;
}

export const assetTipOf = (state: LedgerState, asset: AssetId): AssetTip | null => {
  const value = state.get(`${ASSET_KEY_PREFIX}${asset}`);
  return value === undefined ? null : (decodeCbor(value) as AssetTip);
};
/** Key id of whoever founded the network; null before the genesis block. */
export const founderOf = (state: LedgerState): KeyIdBytes | null => {
  const value = state.get(GENESIS_KEY);
  return value === undefined ? null : (decodeCbor(value) as { founder: KeyIdBytes }).founder;
};

const refuse = (code: string, reason: string): TransactionVerdict => ({ accepted: false, code, reason });

/** Where a block is known, what it follows; times of its transactions lie after it. */
export interface BlockPlace extends BlockContext {
  network: Hash;
  previousTimeMs: number;
}

/** What threads have found out of transactions, by the hash of each in hex. */
export type Facts = ReadonlyMap<string, unknown>;
const NO_FACTS: Facts = new Map();

/** The rules that hold for every kind, and the modules that know what each kind means. */
export class LedgerRules {
  readonly #modules = new Map<string, LedgerModule>();

  constructor(modules: readonly LedgerModule[]) {
    for (const module of [genesisModule, ...modules])
      for (const kind of module.kinds) {
        assert(!this.#modules.has(kind), `Two modules answer for transactions of kind ${kind}.`);
        this.#modules.set(kind, module);
      }
  }

  /** Has threads find out what modules want to know beforehand; no more at a time than there are threads. */
  async facts(transactions: readonly SignedTransaction[], workers: WorkerPool, signal?: AbortSignal): Promise<Facts> {
    const facts = new Map<string, unknown>();
    const wanted = transactions.flatMap((signed) => {
      const wants = this.#modules.get(signed.transaction.kind)?.factTask?.(signed) ?? null;
      return wants === null ? [] : [{ ...wants, name: hex(signed.hash) }];
    });
    const work = async (): Promise<void> => {
      for (let next = wanted.pop(); next !== undefined; next = wanted.pop())
        facts.set(next.name, await workers.run(next.task, next.input, { ...(signal !== undefined && { signal }) }));
    };
    await Promise.all(Array.from({ length: Math.min(workers.size, wanted.length) }, work));
    return facts;
  }

  /** @param place - of the block that it stands in; without one only what the state tells is checked */
  check(signed: SignedTransaction, state: LedgerState, place?: BlockPlace, facts = NO_FACTS): TransactionVerdict {
    const { transaction } = signed;
    const module = this.#modules.get(transaction.kind);
    if (module === undefined)
      return refuse('KIND_UNKNOWN', `Nobody here knows transactions of kind ${transaction.kind}.`);
    const isGenesis = transaction.kind === GENESIS_KIND;
    if (isGenesis !== same(transaction.network, NO_NETWORK))
      return refuse(
        'NETWORK_WRONG',
        'The network of a transaction is left out in the genesis transaction, and only there.',
      );
    if (place !== undefined) {
      if (!isGenesis && !same(transaction.network, place.network))
        return refuse('NETWORK_WRONG', 'The transaction was signed for another network.');
      if (transaction.atMs <= place.previousTimeMs || transaction.atMs > place.timeMs)
        return refuse('TIME_WRONG', 'The transaction’s time is not after the block before and up to its own block.');
    }
    if (transaction.asset !== null) {
      const tip = assetTipOf(state, transaction.asset);
      if (
        tip === null
          ? transaction.previous !== null
          : transaction.previous === null || !same(tip.hash, transaction.previous)
      )
        return refuse(
          'EVENT_BEFORE_WRONG',
          'The transaction does not name the last event of its asset as the one before it.',
        );
    }
    return module.check(signed, state, place, facts.get(hex(signed.hash)));
  }

  /** @throws {BlockError} `TRANSACTION_REFUSED` */
  apply(
    transactions: readonly SignedTransaction[],
    state: LedgerState,
    place: BlockPlace,
    facts: Facts = NO_FACTS,
  ): StateUpdate[] {
    const overlay = new StateOverlay(state);
    for (const signed of transactions) {
      const { kind, asset } = signed.transaction;
      const verdict = this.check(signed, overlay, place, facts);
      if (!verdict.accepted)
        throw new BlockError(
          { code: 'TRANSACTION_REFUSED', kind, reason: verdict.reason, refusal: verdict.code },
          `The transaction ${kind} cannot stand in the next block: ${verdict.reason} (${verdict.code})`,
        );
      const module = this.#modules.get(kind)!;
      const updates = module.apply(signed, overlay, place, facts.get(hex(signed.hash)));
      for (const { key, value } of updates) {
        assert(
          STATE_KEY.test(key),
          `The module for ${kind} names a key of the state that is none: ${key.slice(0, 80)}.`,
        );
        assert(
          module === genesisModule || !key.startsWith(RESERVED_PREFIX),
          `The module for ${kind} writes to ${key}, which is the ledger’s own.`,
        );
        assert((value?.length ?? 0) <= STATE_VALUE_BYTES_MAX, `The module for ${kind} makes ${key} too large.`);
      }
      overlay.set(updates);
      if (asset !== null)
        overlay.set([
          {
            key: `${ASSET_KEY_PREFIX}${asset}`,
            value: encodeCbor({ events: (assetTipOf(overlay, asset)?.events ?? 0) + 1, hash: signed.hash }),
          },
        ]);
    }
    return overlay.difference();
  }
}

/** Data of the genesis transaction. `nonce` makes two networks of one founder different. */
export interface GenesisData {
  founder: KeyIdBytes;
  nonce: Uint8Array;
}
export const GENESIS_NONCE_BYTES = 32;

const isGenesisData = (data: unknown): data is GenesisData => {
  if (typeof data !== 'object' || data === null || Object.keys(data).length !== 2) return false;
  const { founder, nonce } = data as Partial<Record<keyof GenesisData, unknown>>;
  return (
    founder instanceof Uint8Array &&
    founder.length === HASH_BYTES &&
    nonce instanceof Uint8Array &&
    nonce.length === GENESIS_NONCE_BYTES
  );
};

/** `network.genesis`: who founded the network. Stands alone, once, at height 0. */
const genesisModule: LedgerModule = {
  kinds: [GENESIS_KIND],
  check: ({ transaction, signerBytes }, state, block) => {
    if (state.get(GENESIS_KEY) !== undefined || (block !== undefined && block.height !== 0))
      return refuse('NETWORK_BEGUN', 'The network has begun already.');
    if (transaction.asset !== null || !isGenesisData(transaction.data))
      return refuse('GENESIS_MALFORMED', 'The genesis transaction does not have exactly its fields.');
    return same(transaction.data.founder, signerBytes)
      ? { accepted: true }
      : refuse('FOUNDER_WRONG', 'The genesis transaction is not signed by the founder that it names.');
  },
  apply: ({ hash, transaction }) => [
    {
      key: GENESIS_KEY,
      value: encodeCbor({ founder: (transaction.data as GenesisData).founder, network: hash, atMs: transaction.atMs }),
    },
  ],
};
