import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { assert, isNodeError, messageOf, syncFolder } from '../../base/index.ts';
import type { ChainCore } from './chain-core.ts';
import { BlockError } from './errors.ts';
import { ChainFileWriter } from './format/block-file.ts';
import { StateTree } from './state-tree.ts';

const shut = (height: number): BlockError =>
  new BlockError(
    { code: 'CHAIN_INVALID', height, problem: 'BODY_UNREADABLE', reason: 'its body does not open' },
    `The body at height ${height} does not open with the keys at hand; verify the chain.`,
  );

/** State as of a block: that of the last pruned one, and what the bodies since have changed. */
const stateAt = async (core: ChainCore, height: number): Promise<StateTree> => {
  const tip = core.tip!;
  const state = new StateTree(tip.pruned === 0 ? [] : await core.rows.state('ledger_base'));
  for await (const item of core.items(tip.pruned, height)) {
    const [result] = await core.check([item], false);
    if (result?.header === null || result?.body == null) throw shut(item.height);
    state.apply(result.body.updates);
  }
  return state;
};

/** As `Chain.export` promises. Called in its turn, so that the head stays where it is. */
export const exportChain = async (
  core: ChainCore,
  { from, to, readable }: { from: number; to?: number | undefined; readable: boolean },
  path: string,
): Promise<{ sizeBytes: number; blocks: number }> => {
  const tip = core.tip;
  if (tip === null) throw core.empty();
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
    core.keysOrThrow();
    if (base >= 0 && base < last) state = await stateAt(core, base);
  }
  const first = state === null ? from : Math.min(from, base);
  const attachments = state === null ? [] : await core.rows.attachmentNames(base);
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
        const data = await core.rows.attachment(name);
        assert(data !== null, 'An attachment that is listed is there.');
        await writer.attachment(data);
      }
    }
    for await (const item of core.items(first, last)) {
      core.stopping.signal.throwIfAborted();
      const isBefore = state !== null && item.height <= base;
      // A readable file has the key of each body: one that does not open cannot be in it.
      if (readable && !isBefore && item.sealed !== null && item.contentKey === null) throw shut(item.height);
      await writer.block({
        header: item.header,
        sealed: isBefore ? null : item.sealed,
        contentKey: readable && !isBefore ? item.contentKey : null,
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
};
