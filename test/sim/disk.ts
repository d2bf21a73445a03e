import type {
  AdoptedState,
  ReplicaRecord,
  ReplicaStore,
  StoredBlock,
  VoterRecord,
} from '../../main/kernel/consensus/interface.ts';
import type { StateUpdate } from '../../main/kernel/blocks/index.ts';
import type { Draw } from './draw.ts';
import type { VirtualTime } from './virtual-time.ts';

/** What lies on a disk when no process looks at it. Never changed in place by a write that did not reach it. */
interface Image {
  genesis: Uint8Array | null;
  height: number;
  state: Map<string, Uint8Array>;
  blocks: Map<number, StoredBlock>;
  validators: Map<number, Uint8Array>;
  remembered: Uint8Array[];
  voter: VoterRecord | null;
}

export interface DiskHabits {
  writeMs: readonly [from: number, to: number];
  isFull: boolean;
}

/** The disk of one computer, over all lives of its process. */
export interface SimDisk {
  readonly habits: DiskHabits;
  /** A store for a new life of the process. Of the life before, the write under way has reached the disk or not. */
  open(isAlive: () => boolean): ReplicaStore;
  /** The power fails. */
  crash(): void;
  /** All is gone. */
  wipe(): void;
  /** What was remembered is gone, and nothing else: a liar's disk. */
  forget(): void;
  readonly height: number;
  block(height: number): StoredBlock | undefined;
}

export interface SimDiskComponents {
  time: VirtualTime;
  draw: Draw;
  note(what: string, bytes: number): void;
  /** As this room's store refuses when a disk has no space left. */
  diskFull(): Error;
  /** Header bytes of an encoded block. */
  headerOf(block: Uint8Array): Uint8Array;
}

interface Write {
  what: string;
  bytes: number;
  reach(): void;
  resolve(): void;
  reject(error: Error): void;
}

export const createSimDisk = ({ time, draw, note, diskFull, headerOf }: SimDiskComponents): SimDisk => {
  const habits: DiskHabits = { writeMs: [0, 2], isFull: false };
  const empty = (): Image => ({
    genesis: null,
    height: 0,
    state: new Map(),
    blocks: new Map(),
    validators: new Map(),
    remembered: [],
    voter: null,
  });
  let image = empty();
  /** One write at a time, in order; the first is under way. */
  let queue: Write[] = [];
  let generation = 0;

  const next = (): void => {
    const write = queue[0];
    if (write === undefined) return;
    const born = generation;
    time.after(draw.between(habits.writeMs[0], habits.writeMs[1]) + draw.below(100) / 100, () => {
      if (born !== generation) return;
      queue.shift();
      if (habits.isFull) write.reject(diskFull());
      else {
        write.reach();
        note(write.what, write.bytes);
        write.resolve();
      }
      next();
    });
  };
  const apply = (updates: readonly StateUpdate[]): void => {
    for (const { key, value } of updates)
      if (value === null) image.state.delete(key);
      else image.state.set(key, value);
  };

  return {
    habits,
    get height() {
      return image.height;
    },
    block: (height) => image.blocks.get(height),
    wipe: () => {
      image = empty();
    },
    forget: () => {
      image = { ...image, remembered: [] };
    },
    crash: () => {
      generation += 1;
      const [under] = queue;
      queue = [];
      // Torn: the disk had it already, only nobody was told; or it had not.
      if (under !== undefined && !habits.isFull && draw.chance(500)) {
        under.reach();
        note(`${under.what} torn`, under.bytes);
      }
    },
    open: (isAlive) => {
      const born = generation;
      const write = (what: string, bytes: number, reach: () => void): Promise<void> =>
        new Promise((resolve, reject) => {
          // A dead process asks for nothing; what it asked for is never answered.
          if (born !== generation || !isAlive()) return;
          queue.push({ what, bytes, reach, resolve, reject });
          if (queue.length === 1) next();
        });
      /** Reads see what was written, not what is about to be. */
      const read = <T>(value: () => T): Promise<T> =>
        new Promise((resolve) => {
          time.after(draw.below(100) / 100, () => {
            if (born === generation && isAlive()) resolve(value());
          });
        });
      return {
        load: () =>
          read((): ReplicaRecord | null => {
            if (image.genesis === null) return null;
            const entries = [...image.state];
            return {
              genesis: image.genesis,
              height: image.height,
              remembered: [...image.remembered],
              voter: image.voter,
              state: (async function* () {
                for (let i = 0; i < entries.length; i += 256)
                  yield entries.slice(i, i + 256).map(([key, value]) => ({ key, value }));
              })(),
            };
          }),
        begin: (genesis, state) =>
          write('begin', genesis.length, () => {
            image = { ...empty(), genesis };
            apply(state);
          }),
        remember: (entry) => write('remember', entry.length, () => void image.remembered.push(entry)),
        voter: (record) =>
          write('voter', record.id.length, () => {
            image.voter = record;
          }),
        commit: ({ block, hash, height, commit, updates, nextValidators }) =>
          write('commit', block.length, () => {
            image.blocks.set(height, { height, hash, block, header: headerOf(block), commit });
            image.validators.set(height + 1, nextValidators);
            image.height = height;
            image.remembered = [];
            apply(updates);
          }),
        adopt: async (change: AdoptedState) => {
          const updates: StateUpdate[] = [];
          for await (const piece of change.state) updates.push(...piece);
          const { genesis, height, header, hash, commit, validators, nextValidators } = change;
          await write('adopt', updates.length, () => {
            image = { ...empty(), genesis, height, voter: image.voter };
            apply(updates);
            image.blocks.set(height, { height, hash, block: null, header, commit });
            image.validators.set(height, validators);
            image.validators.set(height + 1, nextValidators);
          });
        },
        block: (height) => read(() => image.blocks.get(height) ?? null),
        blocks: (from, limit, bytesMax) =>
          read(() => {
            const found: StoredBlock[] = [];
            let bytes = 0;
            for (let height = from; found.length < limit; height++) {
              const block = image.blocks.get(height);
              bytes += (block?.block?.length ?? 0) + (block?.commit.length ?? 0);
              if (block === undefined || (found.length > 0 && bytes > bytesMax)) break;
              found.push(block);
            }
            return found;
          }),
        validators: (height) => read(() => image.validators.get(height) ?? null),
        prune: (below) =>
          write('prune', 0, () => {
            for (const [height, block] of image.blocks)
              if (height < below) image.blocks.set(height, { ...block, block: null });
          }),
      };
    },
  };
};
