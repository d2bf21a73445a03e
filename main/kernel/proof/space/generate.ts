import { hash } from 'node:crypto';
import { CHUNK_LABELS, FAR_PARENTS, LABEL_BYTES, NEAR_PARENTS } from './format.ts';
import { PARENTS } from './generate-graph.ts';

// The heavy half of plotting, as slices of work over shared memory. Hashes cross from the platform as text of one byte a
// character: as buffers they take three times as long.

const WORDS = LABEL_BYTES / 4;
/** Levels of a chunk's tree, its leaves included: 128 labels, 64 nodes, … one root. */
const CHUNK_LEVELS = Math.log2(CHUNK_LABELS) + 1;
export const CHUNK_HEIGHT = CHUNK_LEVELS - 1;
/** Hashes of a whole chunk's tree. */
const CHUNK_NODES = CHUNK_LABELS * 2 - 1;

/** All layers of one window, and the parents of its nodes. */
export interface WindowMemory {
  windowLabels: number;
  layers: number;
  /** Labels, layer after layer. */
  labels: SharedArrayBuffer;
  /** Table of {@link PARENTS} 32-bit numbers a node. */
  parents: SharedArrayBuffer;
}

const putHash = (words: Int32Array, at: number, text: string): void => {
  for (let word = 0; word < WORDS; word++) {
    const from = word * 4;
    words[at + word] =
      text.charCodeAt(from) |
      (text.charCodeAt(from + 1) << 8) |
      (text.charCodeAt(from + 2) << 16) |
      (text.charCodeAt(from + 3) << 24);
  }
};
/** Copies one label. Unrolled: this and the hash itself are all that plotting is. */
const copyLabel = (to: Int32Array, at: number, from: Int32Array, start: number): void => {
  to[at] = from[start] as number;
  to[at + 1] = from[start + 1] as number;
  to[at + 2] = from[start + 2] as number;
  to[at + 3] = from[start + 3] as number;
  to[at + 4] = from[start + 4] as number;
  to[at + 5] = from[start + 5] as number;
  to[at + 6] = from[start + 6] as number;
  to[at + 7] = from[start + 7] as number;
};

/**
 * Computes labels `from` to `to` of one layer; those before, and the whole layer below, must be there.
 *
 * @param seed - 32 bytes of the window
 * @param layer - from 1
 */
export const fillLabels = (
  { windowLabels, labels, parents }: WindowMemory,
  seed: Uint8Array,
  layer: number,
  from: number,
  to: number,
): void => {
  const all = new Int32Array(labels);
  const table = new Uint32Array(parents);
  const parentCount = layer === 1 ? NEAR_PARENTS : NEAR_PARENTS + FAR_PARENTS;
  const head = LABEL_BYTES + 8;
  const words = new Int32Array((head + parentCount * LABEL_BYTES) / 4);
  const input = Buffer.from(words.buffer);
  input.set(seed);
  input.writeUInt32BE(layer, LABEL_BYTES);
  const ours = (layer - 1) * windowLabels * WORDS;
  const below = ours - windowLabels * WORDS;
  for (let node = from; node < to; node++) {
    input.writeUInt32BE(node, LABEL_BYTES + 4);
    let at = head / 4;
    const first = node * PARENTS;
    for (let slot = 0; slot < parentCount; slot++) {
      const parent = table[first + slot] as number;
      if (node === 0 && slot < NEAR_PARENTS) words.fill(0, at, at + WORDS);
      else copyLabel(words, at, all, (slot < NEAR_PARENTS ? ours : below) + parent * WORDS);
      at += WORDS;
    }
    putHash(all, ours + node * WORDS, hash('sha256', input, 'binary'));
  }
};

/**
 * Tree of one chunk, RFC 6962: 128 leaf hashes, then 64 nodes, … then its root.
 * @param leafBytes - bytes of one leaf's data
 * @param read - puts the data of one leaf where it is told
 */
const chunkTree = (leafBytes: number, read: (leaf: number, into: Int32Array, at: number) => void): Int32Array => {
  const tree = new Int32Array(CHUNK_NODES * WORDS);
  // One byte of prefix before data that begins at a whole word.
  const leafWords = new Int32Array(1 + leafBytes / 4);
  const leafInput = new Uint8Array(leafWords.buffer, 3);
  leafInput[0] = 0;
  for (let leaf = 0; leaf < CHUNK_LABELS; leaf++) {
    read(leaf, leafWords, 1);
    putHash(tree, leaf * WORDS, hash('sha256', leafInput, 'binary'));
  }
  raise(tree, 0, CHUNK_LABELS);
  return tree;
};
/** Adds all levels above the one that begins at `start` with `count` hashes, a power of two. */
const raise = (tree: Int32Array, start: number, count: number): void => {
  const words = new Int32Array(1 + WORDS * 2);
  const input = new Uint8Array(words.buffer, 3);
  input[0] = 1;
  let from = start;
  let to = start + count;
  for (let size = count; size > 1; size /= 2) {
    for (let pair = 0; pair < size / 2; pair++) {
      copyLabel(words, 1, tree, (from + pair * 2) * WORDS);
      copyLabel(words, 1 + WORDS, tree, (from + pair * 2 + 1) * WORDS);
      putHash(tree, (to + pair) * WORDS, hash('sha256', input, 'binary'));
    }
    from = to;
    to += size / 2;
  }
};

/** Which of a window's two trees. */
export type TreeKind = 'columns' | 'last';

const treeOfChunk = (memory: WindowMemory, kind: TreeKind, chunk: number): Int32Array => {
  const { windowLabels, layers, labels } = memory;
  const all = new Int32Array(labels);
  const first = chunk * CHUNK_LABELS;
  if (kind === 'last') {
    const base = ((layers - 1) * windowLabels + first) * WORDS;
    return chunkTree(LABEL_BYTES, (leaf, into, at) => copyLabel(into, at, all, base + leaf * WORDS));
  }
  return chunkTree(layers * LABEL_BYTES, (leaf, into, at) => {
    for (let layer = 0; layer < layers; layer++)
      copyLabel(into, at + layer * WORDS, all, (layer * windowLabels + first + leaf) * WORDS);
  });
};

/** Computes the roots of chunks `from` to `to` into the first level of the window's stored tree. */
export const fillChunkRoots = (
  memory: WindowMemory,
  kind: TreeKind,
  tree: SharedArrayBuffer,
  from: number,
  to: number,
): void => {
  const words = new Int32Array(tree);
  for (let chunk = from; chunk < to; chunk++) {
    const own = treeOfChunk(memory, kind, chunk);
    copyLabel(words, chunk * WORDS, own, (CHUNK_NODES - 1) * WORDS);
  }
};
/** Computes what is above the chunks' roots. */
export const finishTree = (tree: SharedArrayBuffer, chunks: number): void => raise(new Int32Array(tree), 0, chunks);

/** Whole trees of some chunks, for siblings below the chunks' roots. */
export const chunkTrees = (memory: WindowMemory, kind: TreeKind, chunks: readonly number[]): Uint8Array[] =>
  chunks.map((chunk) => new Uint8Array(treeOfChunk(memory, kind, chunk).buffer));

/** Whole tree of a chunk that was read from disk. @param bytes - {@link CHUNK_LABELS} labels */
export const chunkTreeOf = (bytes: Uint8Array): Uint8Array => {
  const words = new Int32Array(Uint8Array.from(bytes).buffer);
  return new Uint8Array(chunkTree(LABEL_BYTES, (leaf, into, at) => copyLabel(into, at, words, leaf * WORDS)).buffer);
};

/** Where the hash of a node is, in a tree whose levels lie one after the other. @param leaves - a power of two */
export const treeOffset = (leaves: number, level: number, index: number): number =>
  (leaves * 2 - (leaves * 2) / 2 ** level + index) * LABEL_BYTES;
