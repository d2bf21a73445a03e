import { encodeCbor, sha256 } from '../../../base/codec.ts';
import { merkleLeaf, merkleNode } from '../../../base/crypto/index.ts';
import { GRIND_BITS_EXTRA, LABEL_BYTES, type PlotDescription, SPACE_VERSION, TAGS } from './format.ts';

/** 32 bytes that name a plot, and that its labels come from. */
export const plotIdOf = (plot: PlotDescription): Uint8Array =>
  sha256(encodeCbor([TAGS.plot, SPACE_VERSION, plot.owner, plot.nonce, plot.windowLabels, plot.layers, plot.windows]));
/** What the labels of one window come from. */
export const windowSeedOf = (plotId: Uint8Array, window: number): Uint8Array =>
  sha256(encodeCbor([TAGS.window, SPACE_VERSION, plotId, window]));
/** @param head - of the tree over windows */
export const plotRootOf = (plotId: Uint8Array, head: Uint8Array): Uint8Array =>
  sha256(encodeCbor([TAGS.root, SPACE_VERSION, plotId, head]));
export const grindBitsOf = (windowLabels: number): number => Math.log2(windowLabels) + GRIND_BITS_EXTRA;

/** Levels of the RFC 6962 tree over windows, leaves first. @param roots - 64 bytes a window */
export const windowLevels = (roots: Uint8Array): Uint8Array[][] => {
  let level: Uint8Array[] = [];
  for (let at = 0; at < roots.length; at += LABEL_BYTES * 2)
    level.push(merkleLeaf(roots.subarray(at, at + LABEL_BYTES * 2)));
  const levels = [level];
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const [left, right] = [level[at] as Uint8Array, level[at + 1]];
      above.push(right === undefined ? left : merkleNode(left, right));
    }
    level = above;
    levels.push(level);
  }
  return levels;
};

/** Drawn positions by window, both ascending. */
export type Draws = Map<number, number[]>;

const collect = (plot: PlotDescription, count: number, draw: (number: number) => Uint8Array): Draws => {
  const drawn = new Map<number, Set<number>>();
  for (let number = 0; number < count; number++) {
    const bytes = Buffer.from(draw(number));
    const window = bytes.readUInt32BE(0) % plot.windows;
    const positions = drawn.get(window) ?? new Set();
    positions.add(bytes.readUInt32BE(4) % plot.windowLabels);
    drawn.set(window, positions);
  }
  return new Map(
    [...drawn].toSorted(([a], [b]) => a - b).map(([window, set]) => [window, [...set].toSorted((a, b) => a - b)]),
  );
};

/** Columns that the opening shows. */
export const drawColumns = (plot: PlotDescription, openings: number, root: Uint8Array, grind: number): Draws => {
  const number = Buffer.alloc(8);
  number.writeUInt32BE(grind, 4);
  const seed = sha256(Buffer.concat([root, number]));
  return collect(plot, openings, (index) => sha256(encodeCbor([TAGS.open, SPACE_VERSION, seed, index])));
};
/** Labels that an answer shows. */
export const drawLabels = (
  plot: PlotDescription,
  answers: number,
  challengeHash: Uint8Array,
  root: Uint8Array,
): Draws =>
  collect(plot, answers, (index) => sha256(encodeCbor([TAGS.answer, SPACE_VERSION, challengeHash, root, index])));
