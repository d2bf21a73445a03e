import { hash } from 'node:crypto';
import { assert } from '../../../base/index.ts';
import { STATE_VALUE_BYTES_MAX } from '../../blocks/index.ts';
import { EMPTY_PREFIX, ENTRY_BYTES, HASH_BYTES, INNER_PREFIX, KEY_BYTES_MAX, LEAF_PREFIX } from './constants.ts';

// A crit-bit tree (also: compressed binary trie) over the keys: an inner node names the first bit in which the keys below it
// differ, those with a zero there are on the left. Its shape follows from the keys alone, reading it from left to right gives
// them in order, and a path is as long as there are such bits: for random keys little more than log2 of their number. Hashing
// keys first would make paths even for keys that somebody chose, at the price of a second, ordered index and of snapshots that
// no prefix can be read from; a chosen key can lengthen the paths of its own neighbours only, by one step for each entry that
// somebody pays for, and by no more than a key has bits.

/** One entry. Never changed but for the hash, which is found out when it is first asked for. */
export class Leaf {
  readonly key: string;
  /** One character for each byte. */
  readonly value: string;
  /** 32 characters; '' while not known. */
  hash: string = '';

  constructor(key: string, value: string) {
    this.key = key;
    this.value = value;
  }
}

/** Whose nodes may be changed in place: all others may be part of a frozen state. */
export type Owner = object;

export class Inner {
  /** The first bit in which keys below differ, from the most significant one of the first byte. */
  readonly bit: number;
  left: Node;
  right: Node;
  /** 32 characters; '' while not known. */
  hash: string = '';
  /** Of all entries below, as a snapshot counts them. */
  bytes: number;
  readonly owner: Owner;

  constructor(bit: number, left: Node, right: Node, owner: Owner) {
    this.bit = bit;
    this.left = left;
    this.right = right;
    this.bytes = bytesOf(left) + bytesOf(right);
    this.owner = owner;
  }
}
export type Node = Leaf | Inner;

export const bytesOf = (node: Node): number =>
  node instanceof Leaf ? node.key.length + node.value.length + ENTRY_BYTES : node.bytes;

/** A key ends with a zero byte that is not written: so none is the beginning of another. */
export const bitOf = (key: string, bit: number): 0 | 1 => {
  const place = bit >>> 3;
  return place < key.length ? (((key.charCodeAt(place) >> (7 - (bit & 7))) & 1) as 0 | 1) : 0;
};

/** The first bit in which two different keys differ. */
export const criticalBit = (one: string, other: string): number => {
  let place = 0;
  const shorter = Math.min(one.length, other.length);
  while (place < shorter && one.charCodeAt(place) === other.charCodeAt(place)) place += 1;
  const differing =
    (place < one.length ? one.charCodeAt(place) : 0) ^ (place < other.length ? other.charCodeAt(place) : 0);
  return place * 8 + Math.clz32(differing) - 24;
};

/** Every inner node has the same number of bytes: one buffer for all, used up before the next is hashed. */
const innerBytes = Buffer.alloc(3 + 2 * HASH_BYTES);
innerBytes[0] = INNER_PREFIX;
const leafBytes = Buffer.alloc(3 + KEY_BYTES_MAX + HASH_BYTES);
leafBytes[0] = LEAF_PREFIX;
const valueBytes = Buffer.alloc(STATE_VALUE_BYTES_MAX);

const SHORT_BYTES = 1024;
/** Beginnings of a buffer, the short ones made once: two for each entry would be most of what the collector has to do. */
const beginningsOf = (buffer: Buffer): ((length: number) => Uint8Array) => {
  const made: Uint8Array[] = Array.from({ length: SHORT_BYTES + 1 }, (_, length) => buffer.subarray(0, length));
  return (length) => made[length] ?? buffer.subarray(0, length);
};
const leafBeginning = beginningsOf(leafBytes);
const valueBeginning = beginningsOf(valueBytes);

const sha256Text = (bytes: Uint8Array): string => hash('sha256', bytes, 'binary');

/** Root of no entries. */
export const EMPTY_ROOT = sha256Text(Uint8Array.of(EMPTY_PREFIX));

export const hashValue = (value: string): string => {
  valueBytes.write(value, 0, 'latin1');
  return sha256Text(valueBeginning(value.length));
};
/** @param valueHash - as {@link hashValue} gives it */
export const hashLeaf = (key: string, valueHash: string): string => {
  leafBytes.writeUInt16BE(key.length, 1);
  leafBytes.write(key, 3, 'latin1');
  leafBytes.write(valueHash, 3 + key.length, 'latin1');
  return sha256Text(leafBeginning(3 + key.length + HASH_BYTES));
};
export const hashInner = (bit: number, left: string, right: string): string => {
  innerBytes.writeUInt16BE(bit, 1);
  innerBytes.write(left, 3, 'latin1');
  innerBytes.write(right, 3 + HASH_BYTES, 'latin1');
  return sha256Text(innerBytes);
};

/** As deep as bits may be: 2056 calls inside each other at most. */
export const hashOf = (node: Node): string => {
  if (node.hash === '')
    node.hash =
      node instanceof Leaf
        ? hashLeaf(node.key, hashValue(node.value))
        : hashInner(node.bit, hashOf(node.left), hashOf(node.right));
  return node.hash;
};

/** Finds out hashes from the bottom, at most so many. @returns what is left of `budget`; 0 or below: there may be more to do */
export const hashSome = (node: Node, budget: number): number => {
  if (node.hash !== '' || budget <= 0) return budget;
  let left = budget;
  if (node instanceof Inner) {
    left = hashSome(node.right, hashSome(node.left, left));
    if (left <= 0) return left;
  }
  hashOf(node);
  return left - 1;
};

/** The only entry that a key can be. */
export const candidate = (root: Node, key: string): Leaf => {
  let node = root;
  while (node instanceof Inner) node = bitOf(key, node.bit) === 0 ? node.left : node.right;
  return node;
};

/** Entries below a node in the order of the keys. The tree must not change meanwhile. */
export function* leavesOf(root: Node): Generator<Leaf, void> {
  const waiting: Node[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    while (node instanceof Inner) {
      waiting.push(node.right);
      node = node.left;
    }
    yield node;
  }
}

/** The node below which all keys with a prefix are, and nothing else; null when there are none. */
export const nodeOfPrefix = (root: Node, prefix: string): Node | null => {
  let node = root;
  while (node instanceof Inner && node.bit < 8 * prefix.length)
    node = bitOf(prefix, node.bit) === 0 ? node.left : node.right;
  return candidate(node, prefix).key.startsWith(prefix) ? node : null;
};

/**
 * Makes a tree of entries in the order of their keys, each in constant time, hashes included: what comes can follow over many
 * turns, and nothing is left to be done at the end.
 */
export class TreeBuilder {
  readonly #owner: Owner;
  /** The right edge, from the top: inner nodes whose right side is not finished. */
  readonly #edge: { bit: number; left: Node }[] = [];
  #last: Node | null = null;
  #lastKey = '';
  size = 0;

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  /** @returns false when the key does not come after the one before; nothing was done */
  push(key: string, value: string): boolean {
    const leaf = new Leaf(key, value);
    if (this.#last !== null) {
      if (key <= this.#lastKey) return false;
      const bit = criticalBit(this.#lastKey, key);
      this.#edge.push({ bit, left: this.#closeAbove(this.#last, bit) });
    }
    hashOf(leaf);
    this.#last = leaf;
    this.#lastKey = key;
    this.size += 1;
    return true;
  }

  /** Null for no entries. Nothing may be pushed afterwards. */
  finish(): Node | null {
    return this.#last === null ? null : this.#closeAbove(this.#last, -1);
  }

  /** Nodes of bits beyond `bit` are finished. */
  #closeAbove(last: Node, bit: number): Node {
    let node = last;
    for (let top = this.#edge.at(-1); top !== undefined && top.bit > bit; top = this.#edge.at(-1)) {
      this.#edge.pop();
      node = new Inner(top.bit, top.left, node, this.#owner);
      hashOf(node);
    }
    assert(this.#edge.at(-1)?.bit !== bit, 'Each bit stands once on a path of the tree.');
    return node;
  }
}
