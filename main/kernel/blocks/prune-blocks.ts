import type { ChainCore } from './chain-core.ts';
import { writeState } from './chain-store.ts';
import { BlockError } from './errors.ts';
import { same } from './format/strict.ts';
import { StateTree } from './state-tree.ts';
import { hashLevels } from './verify-blocks.ts';

/** As `Chain.prune` promises: nothing is dropped before the state that is kept was compared with its header. Called in its turn. */
export const pruneBlocks = async (core: ChainCore, keep: number): Promise<void> => {
  core.keysOrThrow();
  const tip = core.tip;
  if (tip === null) throw core.empty();
  await core.verifying;
  const last = tip.height - keep;
  if (last < tip.pruned) return;
  const base = new StateTree(tip.pruned === 0 ? [] : await core.rows.state('ledger_base'));
  const changes = new Map<string, Uint8Array | null>();
  let freed = 0;
  for await (const item of core.items(tip.pruned, last)) {
    const [result] = await core.check([item], false);
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
      !same(await base.root(hashLevels(core.components.workers)), result.header.header.stateRoot)
    )
      throw new BlockError(
        { code: 'CHAIN_INVALID', height: last, problem: 'STATE_ROOT_WRONG', reason: 'the state is another' },
        `The state after height ${last} is not the one that its header names, so nothing was pruned; verify the chain.`,
      );
  }
  await core.rows.transaction('chain.prune', [
    {
      sql: 'UPDATE chain_head SET pruned = ? WHERE id = 1 AND height = ? AND pruned = ?',
      params: [last + 1, tip.height, tip.pruned],
      changes: 1,
    },
    { sql: 'UPDATE blocks SET sealed = NULL WHERE height BETWEEN ? AND ?', params: [tip.pruned, last] },
    ...[...changes].map(([key, value]) => writeState('ledger_base', { key, value })),
  ]);
  core.tip = { ...tip, pruned: last + 1 };
  core.totals = { ...core.totals, storedBytes: core.totals.storedBytes - freed };
  core.metrics?.storedBytes.set(core.totals.storedBytes);
  core.logger.info('Bodies pruned', { upTo: last, freedBytes: freed });
  core.tellHead();
};
