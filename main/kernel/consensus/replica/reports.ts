import type { Clock } from '../../../base/index.ts';
import { bodyBytesOf } from '../formats/block.ts';
import { hexOf } from '../formats/reader.ts';
import type { LedgerBlock, Validator, ValidatorReport } from '../interface.ts';
import { REPORT_BLOCKS } from './constants.ts';
import type { Pool } from './pool.ts';

/** How validators have been doing, as this node sees it. */
export interface Reports {
  heard(validator: Uint8Array): void;
  missed(proposer: Uint8Array): void;
  /** A block is final. @param signers - the set of the block before, whose commit is in this one */
  block(block: LedgerBlock, signers: readonly Validator[], limits: { bytesMax: number; transactionsMax: number }): void;
  list(validators: readonly Validator[]): ValidatorReport[];
}
interface Known {
  missedProposals: number;
  lastHeardMs: number | null;
}
/** Validators that are remembered, present and past. */
const KNOWN_MAX = 1_024;

export const createReports = ({ clock, pool }: { clock: Clock; pool: Pool }): Reports => {
  const known = new Map<string, Known>();
  /** For each of the last blocks: who was to sign it, and who did. */
  const blocks: Map<string, boolean>[] = [];
  const knownOf = (validator: Uint8Array): Known => {
    const name = hexOf(validator);
    let found = known.get(name);
    if (found === undefined) {
      if (known.size >= KNOWN_MAX)
        for (const oldest of known.keys()) {
          known.delete(oldest);
          break;
        }
      known.set(name, (found = { missedProposals: 0, lastHeardMs: null }));
    }
    return found;
  };
  return {
    heard: (validator) => {
      knownOf(validator).lastHeardMs = clock.nowMs();
    },
    missed: (proposer) => {
      knownOf(proposer).missedProposals += 1;
    },
    block: (block, signers, limits) => {
      if (block.lastCommit !== null) {
        const { signatures } = block.lastCommit;
        blocks.push(new Map(signers.map(({ id }, place) => [hexOf(id), (signatures[place] ?? null) !== null])));
        if (blocks.length > REPORT_BLOCKS) blocks.shift();
      }
      if (block.transactions.length < limits.transactionsMax)
        pool.blame(hexOf(block.header.proposer), block.header.timeMs, limits.bytesMax - bodyBytesOf(block));
    },
    list: (validators) =>
      validators.map((validator) => {
        const name = hexOf(validator.id);
        const { missedProposals, lastHeardMs } = known.get(name) ?? { missedProposals: 0, lastHeardMs: null };
        const said = blocks.flatMap((one) => one.get(name) ?? []);
        return {
          validator,
          signed: said.filter(Boolean).length,
          blocks: said.length,
          missedProposals,
          leftOut: pool.leftOut(name),
          lastHeardMs,
        };
      }),
  };
};
