import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert } from '../../../base/index.ts';
import { type Hash, STATE_KEY, STATE_VALUE_BYTES_MAX, type StateUpdate } from '../../blocks/index.ts';
import { ENTRIES_PER_TURN, HASHES_PER_TURN } from './constants.ts';
import type { FrozenState, LedgerTree, StateProof, StateSnapshot } from './interface.ts';
import {
  EMPTY_ROOT,
  Inner,
  Leaf,
  type Node,
  type Owner,
  TreeBuilder,
  bitOf,
  bytesOf,
  candidate,
  criticalBit,
  hashOf,
  hashSome,
  leavesOf,
  nodeOfPrefix,
} from './nodes.ts';
import { proofOf } from './proof.ts';
import { snapshotOf } from './snapshot.ts';
import { toBytes, toText } from './text.ts';

/** What can be read of a tree whose nodes do not change any more. */
class Frozen implements FrozenState {
  readonly #root: Node | null;
  readonly size: number;

  constructor(root: Node | null, size: number) {
    this.#root = root;
    this.size = size;
  }

  get(key: string): Uint8Array | undefined {
    if (this.#root === null) return undefined;
    const leaf = candidate(this.#root, key);
    return leaf.key === key ? toBytes(leaf.value) : undefined;
  }
  *entries(prefix: string): Generator<readonly [key: string, value: Uint8Array], void> {
    const node = this.#root === null ? null : nodeOfPrefix(this.#root, prefix);
    if (node !== null) for (const { key, value } of leavesOf(node)) yield [key, toBytes(value)];
  }
  root(): Hash {
    return toBytes(this.#root === null ? EMPTY_ROOT : hashOf(this.#root));
  }
  prove(key: string): StateProof {
    return proofOf(this.#root, key);
  }
  snapshot(bytes: number): StateSnapshot {
    return snapshotOf(this.#root, this.root(), bytes);
  }
}

// Sentences are made only where they are needed: a million entries go through here.
const checkKey = (key: string): void => {
  if (!STATE_KEY.test(key)) assert(false, `A key of the state is none: ${key.slice(0, 80)}.`);
};
const checkValue = (key: string, value: Uint8Array): void => {
  if (value.length > STATE_VALUE_BYTES_MAX) assert(false, `The value of ${key} in the state is too large.`);
};

class Tree implements LedgerTree {
  #root: Node | null;
  #size: number;
  /** Nodes of any other owner are part of a frozen state: copied, not changed. */
  #owner: Owner;

  constructor(root: Node | null, size: number, owner: Owner) {
    this.#root = root;
    this.#size = size;
    this.#owner = owner;
  }

  get size(): number {
    return this.#size;
  }
  get(key: string): Uint8Array | undefined {
    if (this.#root === null) return undefined;
    const leaf = candidate(this.#root, key);
    return leaf.key === key ? toBytes(leaf.value) : undefined;
  }
  entries(prefix: string): Iterable<readonly [key: string, value: Uint8Array]> {
    // Whoever reads slowly reads what was there when it began.
    return this.frozen().entries(prefix);
  }
  root(): Hash {
    return toBytes(this.#root === null ? EMPTY_ROOT : hashOf(this.#root));
  }
  async rootInTurns(): Promise<Hash> {
    while (this.#root !== null && hashSome(this.#root, HASHES_PER_TURN) <= 0) await nextTurn();
    return this.root();
  }
  prove(key: string): StateProof {
    return proofOf(this.#root, key);
  }
  frozen(): FrozenState {
    this.#owner = {};
    return new Frozen(this.#root, this.#size);
  }
  fork(): LedgerTree {
    this.#owner = {};
    return new Tree(this.#root, this.#size, {});
  }
  async applyInTurns(updates: readonly StateUpdate[]): Promise<void> {
    for (let from = 0; from < updates.length; from += ENTRIES_PER_TURN) {
      if (from > 0) await nextTurn();
      this.apply(updates.slice(from, from + ENTRIES_PER_TURN));
    }
  }
  snapshot(bytes: number): StateSnapshot {
    return this.frozen().snapshot(bytes);
  }

  apply(updates: readonly StateUpdate[]): StateUpdate[] {
    const last = new Map<string, Uint8Array | null>();
    for (const { key, value } of updates) {
      checkKey(key);
      if (value !== null) checkValue(key, value);
      last.set(key, value);
    }
    const back: StateUpdate[] = [];
    for (const [key, value] of last) {
      const before = value === null ? this.#remove(key) : this.#set(key, toText(value));
      back.push({ key, value: before === null ? null : toBytes(before) });
    }
    return back;
  }

  /** @returns the value before; null where there was none */
  #set(key: string, value: string): string | null {
    if (this.#root === null) {
      this.#root = new Leaf(key, value);
      this.#size = 1;
      return null;
    }
    const near = candidate(this.#root, key);
    if (near.key === key) {
      if (near.value !== value) this.#replace(this.#pathTo(key, Infinity), key, new Leaf(key, value));
      return near.value;
    }
    const bit = criticalBit(near.key, key);
    const path = this.#pathTo(key, bit);
    const below = this.#below(path, key);
    const leaf = new Leaf(key, value);
    this.#replace(
      path,
      key,
      bitOf(key, bit) === 0 ? new Inner(bit, leaf, below, this.#owner) : new Inner(bit, below, leaf, this.#owner),
    );
    this.#size += 1;
    return null;
  }

  /** @returns the value before; null where there was none */
  #remove(key: string): string | null {
    if (this.#root === null) return null;
    const near = candidate(this.#root, key);
    if (near.key !== key) return null;
    this.#size -= 1;
    const path = this.#pathTo(key, Infinity);
    const parent = path.pop();
    if (parent === undefined) this.#root = null;
    else this.#replace(path, key, bitOf(key, parent.bit) === 0 ? parent.right : parent.left);
    return near.value;
  }

  /** Inner nodes from the top on the way to a key, as far as their bits are below `bit`. */
  #pathTo(key: string, bit: number): Inner[] {
    const path: Inner[] = [];
    let node = this.#root;
    while (node instanceof Inner && node.bit < bit) {
      path.push(node);
      node = bitOf(key, node.bit) === 0 ? node.left : node.right;
    }
    return path;
  }
  /** Where a path ends. */
  #below(path: readonly Inner[], key: string): Node {
    const last = path.at(-1);
    if (last !== undefined) return bitOf(key, last.bit) === 0 ? last.left : last.right;
    assert(this.#root !== null, 'A path leads through a tree that has entries.');
    return this.#root;
  }
  /** Puts a node where a path to a key ends. */
  #replace(path: readonly Inner[], key: string, fresh: Node): void {
    let child = fresh;
    for (let depth = path.length - 1; depth >= 0; depth--) {
      const node = path[depth] as Inner;
      const isLeft = bitOf(key, node.bit) === 0;
      if (node.owner !== this.#owner) {
        child = isLeft
          ? new Inner(node.bit, child, node.right, this.#owner)
          : new Inner(node.bit, node.left, child, this.#owner);
        continue;
      }
      if (isLeft) node.left = child;
      else node.right = child;
      node.bytes = bytesOf(node.left) + bytesOf(node.right);
      node.hash = '';
      child = node;
    }
    this.#root = child;
  }
}

/** For few entries: all of them are put in before it returns. @param entries - no key twice */
export const createLedgerTree = (entries: Iterable<readonly [key: string, value: Uint8Array]> = []): LedgerTree => {
  const tree = new Tree(null, 0, {});
  tree.apply(Array.from(entries, ([key, value]) => ({ key, value })));
  return tree;
};

/**
 * For many: with a pause for others every few ms, and a fourth of the time where they come in the order of the keys, as a store
 * and a snapshot give them.
 */
export const loadLedgerTree = async (pieces: AsyncIterable<readonly StateUpdate[]>): Promise<LedgerTree> => {
  const owner: Owner = {};
  const builder = new TreeBuilder(owner);
  /** Once something came out of order. */
  let tree: Tree | null = null;
  let pushed = 0;
  for await (const piece of pieces)
    for (const update of piece) {
      const { key, value } = update;
      if (tree === null && value !== null) {
        checkKey(key);
        checkValue(key, value);
        if (!builder.push(key, toText(value))) tree = new Tree(builder.finish(), builder.size, owner);
      } else tree ??= new Tree(builder.finish(), builder.size, owner);
      tree?.apply([update]);
      pushed += 1;
      if (pushed % ENTRIES_PER_TURN === 0) await nextTurn();
    }
  tree ??= new Tree(builder.finish(), builder.size, owner);
  await tree.rootInTurns();
  return tree;
};
