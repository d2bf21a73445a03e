import type { AssetId } from '../../base/index.ts';
import { merklePath } from '../../base/crypto/index.ts';
import type { AssetEvent, BlockSummary, BlockView, ProofVerdict } from '../../../preload/contract/index.ts';
import type { ChainCore } from './chain-core.ts';
import type { BlockLine } from './chain-store.ts';
import { BlockError } from './errors.ts';
import { readHeader } from './format/header.ts';
import { decodeSealed } from './format/sealed.ts';
import type { BlockHeader } from './interface.ts';
import type { OpenedBody } from './task-types.ts';
import { viewOf } from './view-block.ts';

/** Its proof, checked anew as it was at the block's time; null where there is none. */
const verdictOf = async (core: ChainCore, header: BlockHeader, body: OpenedBody): Promise<ProofVerdict | null> => {
  if (body.proof === null || header.previous === null) return null;
  const [before] = await core.rows.lines(header.height, 1);
  if (before === undefined) return null;
  const { all } = await core.knownAttachments(body.proof, new Map(), header.height);
  const { verdict } = await core.components.verifyProof(body.proof, all, {
    network: header.network,
    node: header.proposer,
    purpose: 'block',
    anchor: { height: before.height, hash: before.hash },
    anchorTimeMs: before.timeMs,
    blockTimeMs: header.timeMs,
  });
  return verdict;
};

/** Newest first, below a height. */
export const listBlocks = async (
  core: ChainCore,
  before: number | undefined,
  limit: number,
): Promise<BlockSummary[]> => {
  if (core.tip === null) return [];
  const below = Math.min(before ?? Infinity, core.tip.height + 1);
  return (await core.rows.lines(below, limit)).map((line) => core.summaryOf(line));
};

/** One block taken apart. @throws {BlockError} `BLOCK_UNKNOWN` */
export const readBlock = async (core: ChainCore, height: number): Promise<BlockView> => {
  const row = core.tip === null || height > core.tip.height ? null : await core.rows.block(height);
  if (row === null)
    throw new BlockError(
      { code: 'BLOCK_UNKNOWN', height },
      `There is no block of height ${height} here; \`hypermesh chain head\` tells the newest.`,
    );
  const line: BlockLine = { ...row, pruned: row.sealed === null };
  const { header, payload } = readHeader(row.header);
  const contentKey = await core.contentKey(row.sealed, payload);
  const summary: BlockSummary =
    contentKey === null && row.sealed !== null ? core.sealedSummary(line) : core.summaryOf(line);
  const [result] = await core.check([{ header: row.header, sealed: row.sealed, contentKey }], false);
  const body = result?.header === null ? null : (result?.body ?? null);
  return viewOf({
    summary,
    header,
    headerBytes: row.header.length,
    readers: row.sealed === null ? null : decodeSealed(row.sealed).readers.length,
    sealedBytes: row.sealedBytes,
    body,
    paths: body === null ? [] : body.transactions.map((_, i) => merklePath(body.leaves, i)),
    verdict: body === null ? null : await verdictOf(core, header, body),
  });
};

/** Oldest first. @throws {BlockError} `ASSET_UNKNOWN` */
export const eventsOfAsset = async (core: ChainCore, asset: AssetId): Promise<AssetEvent[]> => {
  const events = core.tip === null ? [] : await core.rows.events(asset, core.tip.height);
  if (events.length === 0)
    throw new BlockError(
      { code: 'ASSET_UNKNOWN', asset },
      'No block is about this asset yet; `hypermesh hardware assets` lists those of this machine.',
    );
  return events;
};
