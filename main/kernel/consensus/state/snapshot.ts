import { assert, encodeCbor } from '../../../base/index.ts';
import type { Hash, StateUpdate } from '../../blocks/index.ts';
import {
  BITS_MAX,
  CHUNK_BYTES_MAX,
  CHUNK_ITEMS_MAX,
  MANIFEST_BYTES_MAX,
  MANIFEST_ITEMS_MAX,
  STATE_VERSION,
} from './constants.ts';
import { StateError } from './errors.ts';
import type { SnapshotReader, StateSnapshot } from './interface.ts';
import { EMPTY_ROOT, Leaf, type Node, TreeBuilder, bytesOf, hashInner, hashOf, leavesOf } from './nodes.ts';
import { type Refuse, decode, readFields, readHash, readKey, readList, readNumber, readValue } from './strict.ts';
import { toBytes, toText } from './text.ts';

// The tree is cut into subtrees that are small enough; the manifest is what is left of it above the cuts. A chunk is one or more
// neighbouring subtrees. So a chunk needs nothing but the manifest to be checked, and the manifest nothing but the root.

/** @param root - null for a state without entries @param bytes - of one chunk, about; part of what the manifest depends on */
export const snapshotOf = (root: Node | null, rootHash: Hash, bytes: number): StateSnapshot => {
  assert(bytes > 0, 'A snapshot is cut at some size.');
  /** The tree above the cuts, each inner node before what is left below it and that before what is right. */
  const tree: (number | Uint8Array)[] = [];
  const chunks: Node[][] = [];
  let room = 0;
  const visit = (node: Node): void => {
    const size = bytesOf(node);
    if (size > bytes && !(node instanceof Leaf)) {
      tree.push(node.bit);
      visit(node.left);
      visit(node.right);
      return;
    }
    tree.push(toBytes(hashOf(node)));
    if (size > room) {
      chunks.push([]);
      room = bytes;
    }
    room -= size;
    chunks.at(-1)?.push(node);
  };
  if (root !== null) visit(root);
  return {
    root: rootHash,
    chunks: chunks.length,
    manifest: encodeCbor({ v: STATE_VERSION, tree, chunks: chunks.map((pieces) => pieces.length) }),
    chunk: (index) => {
      const pieces = chunks[index];
      assert(pieces !== undefined, `The snapshot has ${chunks.length} chunks, and no number ${index}.`);
      return encodeCbor(
        pieces.map((piece) => Array.from(leavesOf(piece), ({ key, value }) => [key, toBytes(value)]).flat()),
      );
    },
  };
};

const refuse: Refuse = (problem) =>
  new StateError(
    { code: 'MANIFEST_MALFORMED', problem, verdict: 'reject' },
    `This is no manifest of a snapshot (${problem}); take one from another node.`,
  );

/** Hash of the tree that a manifest begins with. @returns the hashes of its pieces, in order */
const readTree = (tree: readonly unknown[]): { root: string; pieces: string[] } => {
  const pieces: string[] = [];
  let place = 0;
  const node = (above: number): string => {
    const item = tree[place++];
    if (item === undefined) throw refuse('its tree is cut short');
    if (typeof item !== 'number') {
      const piece = toText(readHash(item, 'a part of its tree', refuse));
      pieces.push(piece);
      return piece;
    }
    // Bits rise on the way down, so it is never deeper than a key has bits.
    const bit = readNumber(item, above + 1, BITS_MAX - 1, 'a bit of its tree', refuse);
    const left = node(bit);
    return hashInner(bit, left, node(bit));
  };
  if (tree.length === 0) return { root: EMPTY_ROOT, pieces };
  const root = node(-1);
  if (place !== tree.length) throw refuse('there is something behind its tree');
  return { root, pieces };
};

/** @returns entries in order, and the hash of the tree that they make */
const readPiece = (items: readonly unknown[], wrong: Refuse): { updates: StateUpdate[]; hash: string } => {
  if (items.length === 0 || items.length % 2 !== 0) throw wrong('a part is not pairs of keys and values');
  const builder = new TreeBuilder({});
  const updates: StateUpdate[] = [];
  for (let i = 0; i < items.length; i += 2) {
    const key = readKey(items[i], wrong);
    const value = readValue(items[i + 1], wrong);
    if (!builder.push(key, toText(value))) throw wrong('its keys are out of order');
    updates.push({ key, value });
  }
  const root = builder.finish();
  assert(root !== null, 'A part has entries.');
  return { updates, hash: hashOf(root) };
};

/**
 * @param root - from a header that is known to be final
 * @throws {StateError} `MANIFEST_MALFORMED` | `MANIFEST_WRONG` | `VERSION_UNKNOWN`
 */
export const readSnapshot = (manifest: Uint8Array, root: Hash): SnapshotReader => {
  const fields = readFields(
    decode(manifest, MANIFEST_BYTES_MAX, MANIFEST_ITEMS_MAX, refuse),
    [['tree', 'chunks']],
    'manifest of a snapshot',
    refuse,
  );
  const tree = readTree(readList(fields['tree'], 'its tree', refuse));
  if (tree.root !== toText(root))
    throw new StateError(
      { code: 'MANIFEST_WRONG', verdict: 'reject' },
      'The manifest is of another state than the one that was asked for; take one from another node.',
    );
  let next = 0;
  const chunks = readList(fields['chunks'], 'its list of chunks', refuse).map((count) => {
    const first = next;
    next += readNumber(count, 1, tree.pieces.length - first, 'a number of parts', refuse);
    return tree.pieces.slice(first, next);
  });
  if (next !== tree.pieces.length) throw refuse('some parts are in no chunk');
  const missing = new Set(chunks.keys());

  return {
    chunks: chunks.length,
    get missing() {
      return [...missing];
    },
    take: (index, chunk) => {
      const wrong: Refuse = (problem) =>
        new StateError(
          { code: 'CHUNK_WRONG', index, problem, verdict: 'reject' },
          `Part ${index} of the snapshot is not what its manifest says (${problem}); take it from another node.`,
        );
      const hashes = chunks[index];
      if (hashes === undefined) throw wrong('there is no such part');
      const pieces = readList(decode(chunk, CHUNK_BYTES_MAX, CHUNK_ITEMS_MAX, wrong), 'it', wrong);
      if (pieces.length !== hashes.length) throw wrong('it has another number of parts');
      const updates = pieces.flatMap((items, piece) => {
        const read = readPiece(readList(items, 'a part', wrong), wrong);
        if (read.hash !== hashes[piece]) throw wrong('its entries are others');
        return read.updates;
      });
      missing.delete(index);
      return updates;
    },
  };
};
