import type { Clock, WorkerPool } from '../../base/index.ts';
import { sha256 } from '../../base/index.ts';
import type { ChainVerification } from '../../../preload/contract/index.ts';
import { ATTACHMENTS_BYTES_MAX } from './constants.ts';
import { openChainFile } from './format/block-file.ts';
import { hex } from './format/strict.ts';
import type { LedgerModule, VerifyProof } from './interface.ts';
import { LedgerRules } from './ledger.ts';
import { StateTree } from './state-tree.ts';
import { networkNote, verifyBlocks } from './verify-blocks.ts';

export interface VerifyFileComponents {
  clock: Clock;
  workers: WorkerPool;
  modules: readonly LedgerModule[];
  verifyProof: VerifyProof;
}

/** How a verification of a file ended. */
export type FileVerification = Extract<ChainVerification, { status: 'done' }>;

/**
 * Checks a chain file with nothing but the file: no node, no keys, no database.
 *
 * @param onProgress - blocks looked at so far
 * @throws {BlockError} `CHAIN_FILE_UNREADABLE` (cut short or damaged, with the height) | `CHAIN_FILE_NEWER` |
 *   `CHAIN_FILE_TOO_LARGE`: more attachments than are held in memory
 */
export const verifyChainFile = async (
  components: VerifyFileComponents,
  path: string,
  options: { signal?: AbortSignal; onProgress?: (checked: number, total: number) => void } = {},
): Promise<FileVerification> => {
  const { clock, workers, verifyProof, modules } = components;
  const startedAtMs = clock.nowMs();
  const startMs = clock.monotonicMs();
  const file = await openChainFile(path, ATTACHMENTS_BYTES_MAX);
  try {
    const { head } = file;
    const total = head.to - head.from + 1;
    const result = await verifyBlocks(
      { workers, clock, verifyProof, rules: new LedgerRules(modules) },
      {
        network: head.network,
        previous: null,
        state: head.base !== null ? new StateTree(file.state) : head.from === 0 ? new StateTree() : null,
        stateHeight: head.base?.height ?? head.from - 1,
        attachments: {
          held: file.attachments.map((data) => [hex(sha256(data)), data] as const),
          bytesMax: ATTACHMENTS_BYTES_MAX,
          reload: null,
        },
      },
      file.blocks(),
      { ...options, onChecked: (checked) => options.onProgress?.(checked, total) },
    );
    const notes = [networkNote(head.network, result.founder, result.last?.header.proposer ?? null), ...result.notes];
    if (head.base !== null)
      notes.push(
        `The state up to height ${head.base.height} was taken from the file and compared with the header of that block; what led to it was not checked.`,
      );
    else if (head.from > 0) notes.push(`The file begins at height ${head.from}: what came before it was not checked.`);
    if (!head.readable)
      notes.push('The file holds no keys, so only headers could be checked: signatures, links, order and times.');
    return {
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
    };
  } finally {
    await file.close();
  }
};
