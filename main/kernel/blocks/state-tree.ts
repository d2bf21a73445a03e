import { assert, encodeCbor, sha256 } from '../../base/index.ts';
import { merkleLeaf, merkleNode } from '../../base/crypto/index.ts';
import { HASH_BYTES, STATE_ENTRIES_MAX, TREE_NODES_INLINE_MAX } from './constants.ts';
import type { Hash, LedgerState, StateUpdate } from './interface.ts';

/** Hash of one entry, a leaf of the state's tree. */
export const stateLeaf = (key: string, value: Uint8Array): Hash => merkleLeaf(encodeCbor([key, value]));

const nodeAt = (level: Uint8Array, index: number): Uint8Array =>
  level.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);

/** One node of the level above; a last one without a neighbour is the same above, as RFC 6962 has it. */
const parentOf = (level: Uint8Array, index: number): Uint8Array =>
  (2 * index + 1) * HASH_BYTES < level.length
    ? merkleNode(nodeAt(level, 2 * index), nodeAt(level, 2 * index + 1))
    : nodeAt(level, 2 * index);

/** All levels above the leaves, up to the root. @param leaves - 32 bytes each, in order */
export const levelsAbove = (leaves: Uint8Array): Uint8Array[] => {
  const levels: Uint8Array[] = [];
  for (let level = leaves; level.length > HASH_BYTES; ) {
    const above = new Uint8Array(Math.ceil(level.length / HASH_BYTES / 2) * HASH_BYTES);
    for (let i = 0; i * HASH_BYTES < above.length; i++) above.set(parentOf(level, i), i * HASH_BYTES);
    levels.push(above);
    level = above;
  }
  return levels;
};

/** Does {@link levelsAbove} elsewhere, where it takes long. */
export type HashLevels = (leaves: Uint8Array) => Promise<Uint8Array[]>;

/** Place of the first key that is not below. */
const placeOf = (keys: readonly string[], key: string): number => {
  let from = 0;
  let to = keys.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (keys[middle]! < key) from = middle + 1;
    else to = middle;
  }
  return from;
};

/**
 * The whole state of a ledger in memory, with the hash tree over its entries. A changed value costs one path of the
 * tree; an added or removed key everything right of it.
 */
export class StateTree implements LedgerState {
  #keys: string[] = [];
  readonly #values = new Map<string, Uint8Array>();
  #leaves: Uint8Array = new Uint8Array(0);
  /** Levels above the leaves, as they were when the root was last asked for. */
  #above: Uint8Array[] = [];
  /** Leaves that were set since. */
  #dirty = new Set<number>();
  /** First place that was taken or given up since; from there on all leaves have moved. */
  #changedFrom = Infinity;

  constructor(entries: Iterable<readonly [key: string, value: Uint8Array]> = []) {
    this.apply([...entries].map(([key, value]) => ({ key, value })));
  }

  get size(): number {
    return this.#keys.length;
  }
  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }
  *entries(prefix: string): Iterable<readonly [key: string, value: Uint8Array]> {
    for (let i = placeOf(this.#keys, prefix); i < this.#keys.length; i++) {
      const key = this.#keys[i]!;
      if (!key.startsWith(prefix)) return;
      yield [key, this.#values.get(key)!];
    }
  }
  /** A second one that changes by itself. */
  copy(): StateTree {
    const other = new StateTree();
    other.#keys = [...this.#keys];
    for (const [key, value] of this.#values) other.#values.set(key, value);
    other.#leaves = this.#leaves.slice();
    other.#above = this.#above.map((level) => level.slice());
    other.#dirty = new Set(this.#dirty);
    other.#changedFrom = this.#changedFrom;
    return other;
  }

  /** @returns the updates that lead back */
  apply(updates: readonly StateUpdate[]): StateUpdate[] {
    // The last word on a key counts.
    const last = new Map(updates.map(({ key, value }) => [key, value]));
    const back: StateUpdate[] = [];
    const added: string[] = [];
    const removed = new Set<string>();
    for (const [key, value] of last) {
      const before = this.#values.get(key);
      back.push({ key, value: before ?? null });
      if (value === null) {
        if (this.#values.delete(key)) removed.add(key);
        continue;
      }
      this.#values.set(key, value);
      if (before === undefined) added.push(key);
      else this.#set(key, value);
    }
    if (added.length > 0 || removed.size > 0) this.#restructure(added.sort(), removed);
    assert(this.#keys.length === this.#values.size, 'Every key of the state has one place.');
    assert(this.#keys.length <= STATE_ENTRIES_MAX, `The state holds at most ${STATE_ENTRIES_MAX} entries.`);
    return back;
  }

  #set(key: string, value: Uint8Array): void {
    const place = placeOf(this.#keys, key);
    this.#leaves.set(stateLeaf(key, value), place * HASH_BYTES);
    this.#dirty.add(place);
  }

  /** Merges new keys in and leaves removed ones out: one pass, however many they are. */
  #restructure(fresh: readonly string[], removed: ReadonlySet<string>): void {
    const keys: string[] = [];
    const leaves = new Uint8Array((this.#keys.length - removed.size + fresh.length) * HASH_BYTES);
    let next = 0;
    let first = Infinity;
    const push = (key: string, leaf: Uint8Array): void => {
      leaves.set(leaf, keys.length * HASH_BYTES);
      keys.push(key);
    };
    const pushFresh = (): void => {
      first = Math.min(first, keys.length);
      const key = fresh[next++]!;
      push(key, stateLeaf(key, this.#values.get(key)!));
    };
    this.#keys.forEach((key, i) => {
      while (next < fresh.length && fresh[next]! < key) pushFresh();
      if (removed.has(key)) first = Math.min(first, keys.length);
      else push(key, nodeAt(this.#leaves, i));
    });
    while (next < fresh.length) pushFresh();
    this.#keys = keys;
    this.#leaves = leaves;
    this.#changedFrom = Math.min(this.#changedFrom, first);
    this.#dirty = new Set([...this.#dirty].filter((place) => place < this.#changedFrom));
  }

  /** RFC 6962 root over all entries; of none, SHA-256 of nothing. @param elsewhere - where many nodes are hashed */
  async root(elsewhere: HashLevels): Promise<Hash> {
    const count = this.#keys.length;
    if (count === 0) return sha256(new Uint8Array(0));
    const nodes = count - this.#changedFrom + this.#dirty.size * Math.ceil(Math.log2(count + 1));
    if (nodes > TREE_NODES_INLINE_MAX) this.#above = await elsewhere(this.#leaves.slice());
    else this.#rehash();
    this.#dirty = new Set();
    this.#changedFrom = Infinity;
    return (this.#above.at(-1) ?? this.#leaves).slice(0, HASH_BYTES);
  }

  #rehash(): void {
    let level = this.#leaves;
    let dirty: ReadonlySet<number> = this.#dirty;
    // Where the number of leaves changed, the right edge of every level is another, if only by its last node.
    let from = Math.min(this.#changedFrom, level.length / HASH_BYTES - 1);
    const moved = Number.isFinite(this.#changedFrom);
    const above: Uint8Array[] = [];
    for (let depth = 0; level.length > HASH_BYTES; depth++) {
      const length = Math.ceil(level.length / HASH_BYTES / 2) * HASH_BYTES;
      const before = this.#above[depth];
      const next = moved ? new Uint8Array(length) : before!;
      if (moved && before !== undefined) next.set(before.subarray(0, length));
      from = moved ? Math.floor(from / 2) : length / HASH_BYTES;
      const parents = new Set<number>();
      for (const place of dirty) parents.add(place >> 1);
      for (const place of parents) if (place < from) next.set(parentOf(level, place), place * HASH_BYTES);
      for (let place = from; place * HASH_BYTES < length; place++) next.set(parentOf(level, place), place * HASH_BYTES);
      dirty = parents;
      above.push(next);
      level = next;
    }
    this.#above = above;
  }
}

/** A state with changes on top that it does not know of yet. */
export class StateOverlay implements LedgerState {
  readonly #below: LedgerState;
  readonly #changes = new Map<string, Uint8Array | null>();

  constructor(below: LedgerState) {
    this.#below = below;
  }

  get(key: string): Uint8Array | undefined {
    const changed = this.#changes.get(key);
    return changed === undefined ? this.#below.get(key) : (changed ?? undefined);
  }
  *entries(prefix: string): Iterable<readonly [key: string, value: Uint8Array]> {
    const own = [...this.#changes].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
    let next = 0;
    for (const [key, value] of this.#below.entries(prefix)) {
      for (; next < own.length && own[next]![0] < key; next++)
        if (own[next]![1] !== null) yield own[next] as [string, Uint8Array];
      if (next < own.length && own[next]![0] === key) {
        const changed = own[next++]![1];
        if (changed !== null) yield [key, changed];
      } else yield [key, value];
    }
    for (; next < own.length; next++) if (own[next]![1] !== null) yield own[next] as [string, Uint8Array];
  }
  set(updates: readonly StateUpdate[]): void {
    for (const { key, value } of updates) this.#changes.set(key, value);
  }
  /** What is different from the state below, in the order of the keys; nothing that only says what was so already. */
  difference(): StateUpdate[] {
    return [...this.#changes]
      .filter(([key, value]) => {
        const before = this.#below.get(key);
        return value === null ? before !== undefined : before === undefined || Buffer.compare(before, value) !== 0;
      })
      .map(([key, value]) => ({ key, value }))
      .sort((one, other) => (one.key < other.key ? -1 : 1));
  }
}
