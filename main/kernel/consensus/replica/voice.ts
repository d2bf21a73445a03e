import { sameBytes } from '../formats/reader.ts';
import type { Genesis, ReplicaStore, VoterRecord } from '../interface.ts';
import { LAUNCH_MS } from './constants.ts';
import type { Tip } from './interface.ts';

/**
 * Whether this node may sign at all. What it signs is written down first, so that it never contradicts itself; but a disk only knows
 * what was signed with it. An identity that was restored here, or a network that was joined anew, may have signed at the present height
 * elsewhere. So it speaks only where that cannot be:
 *
 * - a block is final that was made after these keys came to this disk: whatever they signed before was at that height or below;
 * - or the network is young and has no block yet: then everybody's disk is new, and somebody has to begin;
 * - or the owner says that it may. That is no knowledge: where these keys did sign at the present height, on a disk that is lost, the
 *   two signatures contradict each other as soon as they differ, and that costs stake.
 */
export interface Voice {
  load(record: VoterRecord | null): void;
  /** These keys are on this disk from now on, if they were not. Durable when it resolves. */
  note(id: Uint8Array): Promise<void>;
  /** Whether {@link note} has been told of them. */
  isNoted(id: Uint8Array): boolean;
  may(id: Uint8Array): boolean;
  /** Before the first signature: all that follow are on this disk. */
  speak(): Promise<void>;
  /** Somebody else signs with these keys. @returns whether that is news */
  doubt(): boolean;
  /** The owner says that nobody else does, and takes the risk of what a lost disk knew. */
  vouch(id: Uint8Array): Promise<void>;
  /** Why it signs nothing, a sentence; null where it may. */
  reason(id: Uint8Array): string | null;
}
export interface VoiceComponents {
  nowMs(): number;
  tip(): Tip;
  /** Durable when it resolves. */
  write(record: VoterRecord): ReturnType<ReplicaStore['voter']>;
}

export const createVoice = ({ nowMs, tip, write }: VoiceComponents, { genesis }: { genesis: Genesis }): Voice => {
  let known: VoterRecord | null = null;
  let isDoubted = false;
  const isNoted = (id: Uint8Array): boolean => known !== null && sameBytes(known.id, id);
  const set = async (record: VoterRecord): Promise<void> => {
    await write(record);
    known = record;
  };
  const holds = ({ sinceMs, vouched }: VoterRecord): boolean => {
    const { height, timeMs, params } = tip();
    if (vouched) return true;
    // Others vote for no block that is further ahead of their clocks than this: it was made later than `sinceMs`.
    return height === 0 ? sinceMs <= genesis.createdAtMs + LAUNCH_MS : timeMs > sinceMs + params.clockAheadMs;
  };
  const may = (id: Uint8Array): boolean => known !== null && isNoted(id) && !isDoubted && holds(known);
  return {
    load: (record) => {
      known = record;
    },
    isNoted,
    note: async (id) => {
      if (isNoted(id)) return;
      isDoubted = false;
      await set({ id, sinceMs: nowMs(), vouched: false });
    },
    may,
    speak: async () => {
      if (known !== null && !known.vouched) await set({ ...known, vouched: true });
    },
    doubt: () => {
      const isNews = !isDoubted;
      isDoubted = true;
      return isNews;
    },
    vouch: async (id) => {
      await set({ id, sinceMs: known !== null && isNoted(id) ? known.sinceMs : nowMs(), vouched: true });
      isDoubted = false;
    },
    reason: (id) => {
      if (may(id)) return null;
      return isDoubted
        ? 'Another machine signs with this node’s identity, so this one signs nothing any more: stop the other one, then run `hypermesh network vouch` here.'
        : 'This disk does not know what this identity has signed in the network before (it was restored here, or the network was joined anew), so this node signs nothing until the others have made one more block. Run `hypermesh network vouch` only where this identity signed nowhere else, or where the network stands still without it and the disk that had it before is gone: what that disk signed at the present height is not known here, and signing otherwise costs stake.';
    },
  };
};
