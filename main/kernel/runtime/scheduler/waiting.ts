import type { Resources, Waiting } from './interface.ts';

/** A waiting job with all that it is compared by. */
export interface Entry {
  readonly job: Waiting;
  /** Orders the jobs of a lane, ms: the smaller, the earlier. */
  readonly rank: number;
  /** Orders those of one rank: as they came. */
  readonly sequence: number;
  readonly millicores: number;
  readonly memoryBytes: number;
  readonly containers: number;
  /** Infinity when nothing is known. */
  readonly estimateMs: number;
}
/** What a job may need at most to be found. */
export interface Limit extends Resources {
  estimateMs: number;
}

/** Jobs beside each other in the order, with the least that any of them needs: where that is too much, nobody looks inside. */
interface Block {
  entries: Entry[];
  millicores: number;
  memoryBytes: number;
  containers: number;
  estimateMs: number;
}
/** A block is split above this. Of 10 000 jobs there are then some 150 blocks of some 64: both lists are gone through quickly. */
const BLOCK_ENTRIES_MAX = 128;

/** Jobs that wait in an order of their own: those of one `who`, or of all who had nothing lately. */
export interface Lane {
  readonly who: string;
  readonly size: number;
  /** The first of all; a lane without jobs is not kept. */
  readonly head: Entry;
  insert(entry: Entry): void;
  delete(entry: Entry): void;
  /** The first `count` that are within one of two limits, in order. */
  collect(one: Limit, other: Limit | null, count: number): Entry[];
  /** How many go before this place. */
  before(rank: number, sequence: number): number;
}

const isBefore = (a: Entry, b: Entry): boolean => a.rank < b.rank || (a.rank === b.rank && a.sequence < b.sequence);

const within = (of: Block | Entry, limit: Limit): boolean =>
  of.millicores <= limit.millicores &&
  of.memoryBytes <= limit.memoryBytes &&
  of.containers <= limit.containers &&
  of.estimateMs <= limit.estimateMs;

/** @returns the first index for which `isRight` holds, given that it holds for all behind it */
const firstIndex = (length: number, isRight: (index: number) => boolean): number => {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isRight(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
};

const blockOf = (entries: Entry[]): Block => {
  const block: Block = {
    entries,
    millicores: Number.POSITIVE_INFINITY,
    memoryBytes: Number.POSITIVE_INFINITY,
    containers: Number.POSITIVE_INFINITY,
    estimateMs: Number.POSITIVE_INFINITY,
  };
  for (const entry of entries) lower(block, entry);
  return block;
};
const lower = (block: Block, entry: Entry): void => {
  if (entry.millicores < block.millicores) block.millicores = entry.millicores;
  if (entry.memoryBytes < block.memoryBytes) block.memoryBytes = entry.memoryBytes;
  if (entry.containers < block.containers) block.containers = entry.containers;
  if (entry.estimateMs < block.estimateMs) block.estimateMs = entry.estimateMs;
};

export const createLane = (who: string): Lane => {
  const blocks: Block[] = [];
  let size = 0;
  /** The block in which a place lies: the last whose first entry is not behind it. */
  const blockIndexOf = (entry: Entry): number =>
    Math.max(
      0,
      firstIndex(blocks.length, (index) => isBefore(entry, (blocks[index] as Block).entries[0] as Entry)) - 1,
    );

  return {
    who,
    get size() {
      return size;
    },
    get head() {
      return (blocks[0] as Block).entries[0] as Entry;
    },
    insert: (entry) => {
      size += 1;
      const index = blockIndexOf(entry);
      const block = blocks[index];
      if (block === undefined) {
        blocks.push(blockOf([entry]));
        return;
      }
      const { entries } = block;
      entries.splice(
        firstIndex(entries.length, (at) => isBefore(entry, entries[at] as Entry)),
        0,
        entry,
      );
      lower(block, entry);
      if (entries.length > BLOCK_ENTRIES_MAX)
        blocks.splice(
          index,
          1,
          blockOf(entries.slice(0, entries.length >> 1)),
          blockOf(entries.slice(entries.length >> 1)),
        );
    },
    delete: (entry) => {
      const index = blockIndexOf(entry);
      const entries = (blocks[index] as Block).entries;
      entries.splice(entries.indexOf(entry), 1);
      size -= 1;
      if (entries.length === 0) blocks.splice(index, 1);
      else blocks[index] = blockOf(entries);
    },
    collect: (one, other, count) => {
      const found: Entry[] = [];
      for (const block of blocks) {
        if (!within(block, one) && (other === null || !within(block, other))) continue;
        for (const entry of block.entries) {
          if (!within(entry, one) && (other === null || !within(entry, other))) continue;
          found.push(entry);
          if (found.length === count) return found;
        }
      }
      return found;
    },
    before: (rank, sequence) => {
      let count = 0;
      for (const { entries } of blocks) {
        const last = entries[entries.length - 1] as Entry;
        if (last.rank < rank || (last.rank === rank && last.sequence < sequence)) {
          count += entries.length;
          continue;
        }
        return (
          count +
          firstIndex(entries.length, (at) => {
            const entry = entries[at] as Entry;
            return entry.rank > rank || (entry.rank === rank && entry.sequence >= sequence);
          })
        );
      }
      return count;
    },
  };
};
