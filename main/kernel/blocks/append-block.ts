import { type Statement, sha256 } from '../../base/index.ts';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, type Signer } from '../../base/crypto/index.ts';
import type { BlockSummary } from '../../../preload/contract/index.ts';
import type { Attachments, CombinedProof } from '../proof/index.ts';
import { attachmentsFor } from './attachments.ts';
import type { ChainCore } from './chain-core.ts';
import {
  type BlockRow,
  type EventRow,
  insertAttachment,
  insertBlock,
  insertEvent,
  moveHead,
  summaryOf,
  writeState,
} from './chain-store.ts';
import { BODY_BYTES_MAX, CLOCK_BEHIND_MS_MAX, GENESIS_KIND, NO_NETWORK } from './constants.ts';
import { BlockError } from './errors.ts';
import { proofId } from './format/body.ts';
import { same } from './format/strict.ts';
import { encodeTransaction, readTransaction } from './format/transaction.ts';
import type { BlockHeader, Draft, Hash, SignedTransaction, StateUpdate } from './interface.ts';
import { type BlockPlace, GENESIS_NONCE_BYTES, assetTipOf } from './ledger.ts';
import type { BuildInput, BuildOutput } from './task-types.ts';
import { hashLevels } from './verify-blocks.ts';

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

/** Strictly after the block before. Where the wall clock is a little behind, one millisecond after it. */
const nextTimeMs = (core: ChainCore, previousMs: number): number => {
  const nowMs = core.components.outside.clock.nowMs();
  if (nowMs > previousMs) return nowMs;
  if (previousMs - nowMs > CLOCK_BEHIND_MS_MAX)
    throw new BlockError(
      { code: 'CLOCK_BEFORE_HEAD', nowMs, headMs: previousMs },
      `The clock of this machine is ${Math.ceil((previousMs - nowMs) / 1000)} s behind the newest block, so no block can follow it; set the clock right, or wait so long.`,
    );
  return previousMs + 1;
};

/** Signs all drafts, side by side but for those of one asset, each of which names the one before. */
const sign = async (
  core: ChainCore,
  drafts: readonly Draft[],
  place: BlockPlace,
  signer: Signer,
): Promise<SignedTransaction[]> => {
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
        if (asset !== null) previous ??= assetTipOf(core.state, asset)?.hash ?? null;
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
};

/** Numbers of the events that these transactions are, on the state before them. */
const eventsOf = (core: ChainCore, transactions: readonly SignedTransaction[], height: number): EventRow[] => {
  const counts = new Map<string, number>();
  return transactions.flatMap(({ hash, transaction: { asset, kind, previous, atMs } }) => {
    if (asset === null) return [];
    const sequence = counts.get(asset) ?? assetTipOf(core.state, asset)?.events ?? 0;
    counts.set(asset, sequence + 1);
    return [{ asset, sequence, kind, hash, previous, height, atMs }];
  });
};

/** The block, and what brings it to disk in one transaction. */
const build = async (
  core: ChainCore,
  { transactions, place, proof, attachments, difficulty }: NewBlock,
  updates: StateUpdate[],
  events: EventRow[],
  stateRoot: Hash,
): Promise<Built> => {
  const { workers, outside } = core.components;
  const keys = core.keysOrThrow();
  const header: Omit<BlockHeader, 'merkleRoot'> = {
    version: 1,
    network: place.network,
    height: place.height,
    previous: core.tip?.hash ?? null,
    stateRoot,
    timeMs: place.timeMs,
    difficulty,
    proposer: keys.signer.keyIdBytes,
  };
  const readers = [keys.opener.publicKey, ...core.readers];
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
      moveHead(core.tip?.height ?? null, place.height),
      insertBlock(row),
      ...events.map(insertEvent),
      ...attachments.map((data) => insertAttachment(data, place.height)),
      ...updates.map((update) => writeState('ledger_state', update)),
    ],
  };
};

/** It is on disk: so it stands in memory, and everyone is told. */
const stored = (core: ChainCore, { row }: Built, place: BlockPlace, events: readonly EventRow[]): BlockSummary => {
  core.tip = {
    network: place.network,
    height: row.height,
    hash: row.hash,
    timeMs: row.timeMs,
    pruned: core.tip?.pruned ?? 0,
  };
  core.totals = {
    storedBytes: core.totals.storedBytes + row.header.length + row.sealedBytes,
    assets: core.totals.assets + events.filter(({ sequence }) => sequence === 0).length,
  };
  core.metrics?.height.set(row.height);
  core.metrics?.storedBytes.set(core.totals.storedBytes);
  core.logger.debug('Block stored', { height: row.height, transactions: row.summary.transactions });
  const summary = core.summaryOf({ ...row, pruned: false });
  core.events.emit('blockStored', summary);
  core.tellHead();
  return summary;
};

/** State, block and rows, all of them or none. */
const store = async (core: ChainCore, block: NewBlock): Promise<BlockSummary> => {
  const { transactions, place } = block;
  const facts = await core.rules.facts(transactions, core.components.workers);
  const updates = core.rules.apply(transactions, core.state, place, facts);
  const events = eventsOf(core, transactions, place.height);
  core.back = core.state.apply(updates);
  try {
    const stateRoot = await core.state.root(hashLevels(core.components.workers));
    const built = await build(core, block, updates, events, stateRoot);
    await core.rows.transaction('chain.append', built.statements);
    core.back = [];
    core.snapshot = null;
    return stored(core, built, place, events);
  } catch (error) {
    // Nothing of it is on disk, so nothing of it stays in memory.
    core.state.apply(core.back);
    core.back = [];
    throw error;
  }
};

/** Writes the first block: who founds the network, and a nonce that makes it one of its own. */
export const appendGenesis = async (core: ChainCore, signer: Signer): Promise<void> => {
  const { random } = core.components.outside;
  const timeMs = nextTimeMs(core, -1);
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
  await store(core, {
    transactions: [transaction],
    place: { height: 0, timeMs, network: transaction.hash, previousTimeMs: -1, proof: null },
    proof: null,
    attachments: [],
    difficulty: 0n,
  });
};

/** As `Chain.append` promises. Called in its turn. */
export const appendBlock = async (
  core: ChainCore,
  drafts: readonly Draft[],
  proof: CombinedProof,
  attachments: Attachments,
): Promise<BlockSummary> => {
  const keys = core.keysOrThrow();
  const tip = core.tip;
  if (tip === null) throw core.empty();
  const { anchor } = proof.challenge;
  if (anchor === null || anchor.height !== tip.height || !same(anchor.hash, tip.hash))
    throw new BlockError(
      { code: 'TIP_MOVED', height: tip.height },
      `The proof was begun at another block than the newest, of height ${tip.height}; make it again.`,
    );
  const timeMs = nextTimeMs(core, tip.timeMs);
  const known = await core.knownAttachments(proof, attachments, tip.height);
  const { verdict, difficulty } = await core.components.verifyProof(proof, attachmentsFor(proof, known.all), {
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
  const transactions = await sign(core, drafts, place, keys.signer);
  return store(core, { transactions, place, proof, attachments: known.fresh, difficulty });
};
