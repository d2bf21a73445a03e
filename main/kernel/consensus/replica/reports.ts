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
/** A block, and what led to it. */
interface Told {
  /** Who was to sign the one before, and who did; empty for the first. */
  signed: ReadonlyMap<string, boolean>;
  /** Rounds before it in which nobody heard a proposal in time, by who was to make one. */
  missed: ReadonlyMap<string, number>;
  proposer: string;
  /** What waited that its proposer had left out before. */
  leftOutBefore: number;
  /** Whether it had so much room that what else waited would have had a place. */
  isRoomy: boolean;
  /** Transactions that its proposer left out for the first time: known once the pool has taken out those that are in it. */
  leftOut: number;
}
/** Validators that are remembered, present and past. */
const KNOWN_MAX = 1_024;
/** A block with less room was made in a rush: what had not come to its proposer by then is no wonder. */
const MUCH_ROOM_PART = 2;

export const createReports = ({ clock, pool }: { clock: Clock; pool: Pool }): Reports => {
  /** Wall clock, by validator; the oldest first. */
  const heardMs = new Map<string, number>();
  /** The last ones: what was long ago says nothing of how somebody is doing. */
  const blocks: Told[] = [];
  /** Since the last block. */
  let missed = new Map<string, number>();
  const close = (told: Told | undefined): void => {
    if (told?.isRoomy === true) told.leftOut = Math.max(0, pool.leftOut(told.proposer) - told.leftOutBefore);
  };

  return {
    heard: (validator) => {
      const name = hexOf(validator);
      heardMs.delete(name);
      heardMs.set(name, clock.nowMs());
      const [oldest] = heardMs.keys();
      if (heardMs.size > KNOWN_MAX && oldest !== undefined) heardMs.delete(oldest);
    },
    missed: (proposer) => {
      const name = hexOf(proposer);
      missed.set(name, (missed.get(name) ?? 0) + 1);
    },
    block: (block, signers, limits) => {
      const { lastCommit, transactions, header } = block;
      const proposer = hexOf(header.proposer);
      const roomBytes = limits.bytesMax - bodyBytesOf(block);
      close(blocks.at(-1));
      const leftOutBefore = pool.leftOut(proposer);
      if (transactions.length < limits.transactionsMax) pool.blame(proposer, header.timeMs, roomBytes);
      blocks.push({
        signed: new Map(
          lastCommit === null
            ? []
            : signers.map(({ id }, place) => [hexOf(id), (lastCommit.signatures[place] ?? null) !== null]),
        ),
        missed,
        proposer,
        leftOutBefore,
        isRoomy:
          roomBytes * MUCH_ROOM_PART >= limits.bytesMax &&
          transactions.length * MUCH_ROOM_PART <= limits.transactionsMax,
        leftOut: 0,
      });
      missed = new Map();
      if (blocks.length > REPORT_BLOCKS) blocks.shift();
    },
    list: (validators) =>
      validators.map((validator) => {
        const name = hexOf(validator.id);
        const said = blocks.flatMap(({ signed }) => signed.get(name) ?? []);
        const leftOut = blocks.reduce((all, told) => all + (told.proposer === name ? told.leftOut : 0), 0);
        return {
          validator,
          signed: said.filter(Boolean).length,
          blocks: said.length,
          missedProposals: blocks.reduce((all, told) => all + (told.missed.get(name) ?? 0), missed.get(name) ?? 0),
          // What waits still counts as well, however full its blocks were.
          leftOut: Math.max(leftOut, pool.leftOut(name)),
          lastHeardMs: heardMs.get(name) ?? null,
        };
      }),
  };
};
