import { LABEL_BYTES } from './format.ts';

/**
 * The siblings that lead from some leaves of an RFC 6962 tree to its root, level by level, left to right; those that
 * follow from the leaves themselves are left out. A last node without a sibling stands in the level above as it is.
 *
 * @param count - leaves of the tree
 * @param places - leaves that are shown, ascending, each once
 * @param nodeAt - hash of a node; level 0 are the leaves
 * @returns hashes side by side
 */
export const siblingsOf = (
  count: number,
  places: readonly number[],
  nodeAt: (level: number, index: number) => Uint8Array,
): Uint8Array => {
  const found: Uint8Array[] = [];
  let shown = places;
  for (let level = 0, size = count; size > 1; level++, size = Math.ceil(size / 2)) {
    const above: number[] = [];
    for (let at = 0; at < shown.length; at++) {
      const index = shown[at] as number;
      const sibling = index % 2 === 0 ? index + 1 : index - 1;
      if (shown[at + 1] === sibling) at++;
      else if (sibling < size) found.push(nodeAt(level, sibling));
      above.push(Math.floor(index / 2));
    }
    shown = above;
  }
  const joined = new Uint8Array(found.length * LABEL_BYTES);
  for (const [index, hash] of found.entries()) joined.set(hash, index * LABEL_BYTES);
  return joined;
};
