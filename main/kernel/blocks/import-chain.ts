import { type AssetId, sha256 } from '../../base/index.ts';
import type { ChainCore, Keys } from './chain-core.ts';
import { type EventRow, insertAttachment, insertBlock, insertEvent, moveHead, summaryOf } from './chain-store.ts';
import { ASSET_KEY_PREFIX, INCOMING_OFFSET } from './constants.ts';
import { BlockError, BlockFormatError } from './errors.ts';
import { type ChainFile, openChainFile } from './format/block-file.ts';
import { readHeader } from './format/header.ts';
import { hex, same } from './format/strict.ts';
import { assetTipOf, founderOf } from './ledger.ts';
import { Staging } from './staging.ts';
import { StateTree } from './state-tree.ts';
import { type ChainItem, type VerifiedBlock, type VerifyResult, verifyBlocks } from './verify-blocks.ts';

const invalid = (height: number | null, problem: string, reason: string): BlockError =>
  new BlockError(
    { code: 'CHAIN_INVALID', height, problem, reason },
    `The chain in the file does not hold${height === null ? '' : ` at height ${height}`}: ${reason} (${problem}). Nothing was taken over.`,
  );

/** @throws {BlockError} `CHAIN_DIVERGES` */
const compare = async (core: ChainCore, header: Uint8Array, height: number): Promise<void> => {
  const ours = await core.rows.hashAt(height);
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
};

/** Blocks of the file that are new here; those that are not must be the same. Bodies open with our own keys or not at all. */
async function* incoming(core: ChainCore, file: ChainFile, next: number): AsyncGenerator<ChainItem> {
  for await (const item of file.blocks()) {
    if (item.height < next) {
      await compare(core, item.header, item.height);
      continue;
    }
    // With the identity's own key and not with the one in the file: what this node cannot open later is not taken over.
    yield { ...item, ...(await core.open(item.header, item.sealed)) };
  }
}

/** The one transaction that makes what is staged the chain. */
const finishImport = async (
  core: ChainCore,
  result: VerifyResult,
  given: {
    head: ChainFile['head'];
    keys: Keys;
    staging: Staging;
    replaces: boolean;
    fresh: boolean;
    baseState: ChainFile['state'];
  },
): Promise<void> => {
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
  await core.rows.transaction('chain.import', [
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
    moveHead(replaces ? 0 : (core.tip?.height ?? null), head.to),
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
  await core.load();
  core.logger.info('Chain imported', { height: head.to });
  core.tellHead();
};

/** Checks the file block by block, each of which waits in staging until all of them hold. */
const takeOver = async (core: ChainCore, file: ChainFile, keys: Keys): Promise<void> => {
  const { head } = file;
  const tip = core.tip;
  const isOurs = tip !== null && same(tip.network, head.network);
  // A chain with nothing but its beginning loses nothing by giving way to what the same owner had before.
  const replaces = tip !== null && !isOurs && tip.height === 0 && core.blocked() === null;
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
    for await (const item of file.blocks()) await compare(core, item.header, item.height);
    return;
  }
  const offset = replaces ? INCOMING_OFFSET : 0;
  const staging = new Staging(core.rows, offset);
  const start = fresh
    ? {
        network: head.network,
        previous: null,
        state: new StateTree(head.base === null ? [] : file.state),
        stateHeight: head.base?.height ?? -1,
        attachments: {
          ...(await core.attachmentsUpTo(-1)),
          // They are in staging before the first block is looked at.
          names: file.attachments.map((data) => hex(sha256(data))),
        },
      }
    : {
        network: head.network,
        previous: { height: tip.height, hash: tip.hash, timeMs: tip.timeMs },
        state: core.state.copy(),
        stateHeight: tip.height,
        attachments: await core.attachmentsUpTo(tip.height),
      };
  if (fresh) {
    if (head.base !== null)
      for (const data of file.attachments) await staging.add([insertAttachment(data, offset)], data.length);
    // Verification reads them from there.
    await staging.flush();
  }
  // Events are numbered by the state before their block, which is one block behind the one that verification follows.
  const sequences = new Map<string, number>();
  const firstOf = (asset: AssetId): number => {
    const known = sequences.get(asset);
    if (known !== undefined) return known;
    return (fresh ? baseEvents.get(asset) : assetTipOf(core.state, asset)?.events) ?? 0;
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
      item.header.length +
        (item.sealed?.length ?? 0) +
        (body?.attachments ?? []).reduce((sum, { length }) => sum + length, 0),
    );
  };
  const result = await verifyBlocks(
    {
      workers: core.components.workers,
      clock: core.components.outside.clock,
      verifyProof: core.components.verifyProof,
      rules: core.rules,
    },
    start,
    incoming(core, file, next),
    { onBlock, stopAtProblem: true, signal: core.stopping.signal },
  );
  await finishImport(core, result, { head, keys, staging, replaces, fresh, baseState: file.state });
};

/** As `Chain.import` promises. Called in its turn. */
export const importChain = async (core: ChainCore, path: string): Promise<void> => {
  const keys = core.components.keys.node();
  if (keys === null) throw core.blocked()!;
  await core.verifying;
  const file = await openChainFile(path);
  try {
    await takeOver(core, file, keys);
  } catch (error) {
    await core.rows.sweep(core.tip?.height ?? -1);
    throw error;
  } finally {
    await file.close();
  }
};
