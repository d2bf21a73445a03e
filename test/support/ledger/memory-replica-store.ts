import type { StateUpdate } from '../../../main/kernel/blocks/index.ts';
import {
  decodeBlock,
  encodeHeader,
  type ReplicaStore,
  type StoredBlock,
  type VoterRecord,
} from '../../../main/kernel/consensus/index.ts';

/** A disk of one node in memory: what was written outlives the replica that wrote it. */
export interface MemoryReplicaStore extends ReplicaStore {
  /** Called before each write; what it throws, the write throws. */
  failing(fail: (() => void) | null): void;
}

export const createMemoryReplicaStore = (): MemoryReplicaStore => {
  let genesis: Uint8Array | null = null;
  let height = 0;
  let state = new Map<string, Uint8Array>();
  let remembered: Uint8Array[] = [];
  let voter: VoterRecord | null = null;
  const blocks = new Map<number, StoredBlock>();
  const sets = new Map<number, Uint8Array>();
  let fail: (() => void) | null = null;

  const write = (updates: readonly StateUpdate[]): void => {
    for (const { key, value } of updates) {
      if (value === null) state.delete(key);
      else state.set(key, value);
    }
  };
  async function* entries(): AsyncIterable<readonly StateUpdate[]> {
    yield [...state].sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, value]) => ({ key, value }));
  }
  return {
    failing: (next) => {
      fail = next;
    },
    load: () =>
      Promise.resolve(
        genesis === null ? null : { genesis, height, state: entries(), remembered: [...remembered], voter },
      ),
    begin: async (encoded, updates) => {
      fail?.();
      genesis = encoded;
      height = 0;
      state = new Map();
      remembered = [];
      voter = null;
      blocks.clear();
      sets.clear();
      write(updates);
    },
    remember: async (entry) => {
      fail?.();
      remembered.push(entry);
    },
    voter: async (record) => {
      fail?.();
      voter = record;
    },
    commit: async (change) => {
      fail?.();
      blocks.set(change.height, {
        height: change.height,
        hash: change.hash,
        block: change.block,
        header: encodeHeader(decodeBlock(change.block).header),
        commit: change.commit,
      });
      sets.set(change.height + 1, change.nextValidators);
      write(change.updates);
      height = change.height;
      remembered = [];
    },
    adopt: async (change) => {
      fail?.();
      const fresh: StateUpdate[] = [];
      for await (const piece of change.state) fresh.push(...piece);
      genesis = change.genesis;
      state = new Map();
      write(fresh);
      height = change.height;
      remembered = [];
      blocks.clear();
      sets.clear();
      blocks.set(height, {
        height,
        hash: change.hash,
        block: null,
        header: change.header,
        commit: change.commit,
      });
      sets.set(height, change.validators);
      sets.set(height + 1, change.nextValidators);
    },
    block: (at) => Promise.resolve(blocks.get(at) ?? null),
    blocks: (from, limit, bytesMax) => {
      const found: StoredBlock[] = [];
      let bytes = 0;
      for (let at = from; found.length < limit; at++) {
        const block = blocks.get(at);
        if (block === undefined) break;
        bytes += (block.block?.length ?? 0) + block.commit.length;
        if (found.length > 0 && bytes > bytesMax) break;
        found.push(block);
      }
      return Promise.resolve(found);
    },
    validators: (at) => Promise.resolve(sets.get(at) ?? null),
    prune: async (below) => {
      for (const [at, block] of blocks) if (at < below) blocks.set(at, { ...block, block: null });
    },
  };
};
