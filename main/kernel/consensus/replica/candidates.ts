import { hexOf } from '../formats/reader.ts';
import type { LedgerBlock } from '../interface.ts';
import { CANDIDATES_BYTES_MAX, CANDIDATES_MAX, CANDIDATES_PINNED } from './constants.ts';
import type { Executed, Refused } from './interface.ts';

/** A block that is, or may be, agreed on. */
export interface Candidate {
  readonly block: LedgerBlock;
  readonly encoded: Uint8Array;
  /** What carrying it out gives; begun once, when somebody wants to know. */
  outcome: Promise<Executed | Refused> | null;
}
/** Blocks of the height that is agreed on, by their hash. Bounded: the oldest goes. */
export interface Candidates {
  get(hash: Uint8Array): Candidate | undefined;
  add(block: LedgerBlock, encoded: Uint8Array): Candidate;
  /** Stays whatever else comes, the newest few of these: a lock rests on it, and perhaps nobody else has it. */
  pin(hash: Uint8Array): void;
  /** Another height begins. */
  clear(): void;
}

export const createCandidates = (): Candidates => {
  const byHash = new Map<string, Candidate>();
  const pinned: string[] = [];
  let bytes = 0;
  return {
    get: (hash) => byHash.get(hexOf(hash)),
    add: (block, encoded) => {
      const name = hexOf(block.hash);
      const known = byHash.get(name);
      if (known !== undefined) return known;
      const candidate: Candidate = { block, encoded, outcome: null };
      byHash.set(name, candidate);
      bytes += encoded.length;
      for (const [oldest, one] of byHash) {
        if (byHash.size <= CANDIDATES_MAX && bytes <= CANDIDATES_BYTES_MAX) break;
        if (oldest === name || pinned.includes(oldest)) continue;
        byHash.delete(oldest);
        bytes -= one.encoded.length;
      }
      return candidate;
    },
    pin: (hash) => {
      if (pinned.push(hexOf(hash)) > CANDIDATES_PINNED) pinned.shift();
    },
    clear: () => {
      pinned.length = 0;
      byHash.clear();
      bytes = 0;
    },
  };
};
