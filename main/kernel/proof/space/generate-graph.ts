import { hash } from 'node:crypto';
import { FAR_PARENTS, GRAPH_TAG, NEAR_PARENTS } from './format.ts';

/** Parents of one node: six in its layer, eight in the layer below. */
export const PARENTS = NEAR_PARENTS + FAR_PARENTS;
const TAG_BYTES = GRAPH_TAG.length;

/** 32 bits, big endian, of a hash as text of one byte a character: as a buffer it takes three times as long. */
const wordAt = (text: string, at: number): number =>
  ((text.charCodeAt(at) << 24) |
    (text.charCodeAt(at + 1) << 16) |
    (text.charCodeAt(at + 2) << 8) |
    text.charCodeAt(at + 3)) >>>
  0;

/**
 * Writes the parents of nodes `from` to `to` into a table of {@link PARENTS} numbers a node. They are the same in all
 * layers, windows and plots of one size. Node 0 has no parents in its layer: its numbers there mean nothing.
 *
 * @see Alwen, Blocki, Harsha, "Practical Graphs for Optimal Side-Channel Resistant Memory-Hard Functions", CCS 2017
 */
export const fillParents = (table: Uint32Array, windowLabels: number, from: number, to: number): void => {
  const input = Buffer.alloc(TAG_BYTES + 5);
  input.write(GRAPH_TAG, 0, 'ascii');
  for (let node = from; node < to; node++) {
    input.writeUInt32BE(node, TAG_BYTES);
    const at = node * PARENTS;
    input[TAG_BYTES + 4] = 0;
    const far = hash('sha256', input, 'binary');
    for (let slot = 0; slot < FAR_PARENTS; slot++)
      table[at + NEAR_PARENTS + slot] = wordAt(far, slot * 4) % windowLabels;
    if (node < 2) {
      table.fill(0, at, at + NEAR_PARENTS);
      continue;
    }
    input[TAG_BYTES + 4] = 1;
    const near = hash('sha256', input, 'binary');
    const reaches = 32 - Math.clz32(node);
    table[at] = node - 1;
    for (let slot = 0; slot < NEAR_PARENTS - 1; slot++) {
      const reach = 1 + ((wordAt(near, 18 + slot * 2) & 0xffff) % reaches);
      const least = Math.max(2, 2 ** (reach - 1));
      const most = Math.min(node, 2 ** reach);
      table[at + 1 + slot] = node - least - (wordAt(near, slot * 4) % (most - least + 1));
    }
  }
};
