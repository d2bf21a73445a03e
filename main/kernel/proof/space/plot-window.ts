import type { WorkerPool } from '../../../base/index.ts';
import type { Pace } from '../interface.ts';
import { CHUNKS_SLICE, LABELS_SLICE, PARENTS_SLICE, TREES_SLICE } from './constants.ts';
import { CHUNK_LABELS, LABEL_BYTES, type OpenedWindow, type PlotDescription, windowTreeBytes } from './format.ts';
import { PARENTS } from './generate-graph.ts';
import { CHUNK_HEIGHT, treeOffset, type TreeKind, type WindowMemory } from './generate.ts';
import { windowSeedOf } from './generate-draws.ts';
import { siblingsOf } from './generate-paths.ts';
import type { ChunkRootsInput, ChunkTreesInput, FinishTreeInput, LabelsInput, ParentsInput } from './tasks.ts';

/** Computes windows of one size, one at a time, in memory that it keeps from one to the next. */
export interface WindowMaker {
  /** Computes all layers and both trees of a window. @param step - called after each slice with the share done, 0 to 1 */
  compute(plotId: Uint8Array, window: number, step: (share: number) => void): Promise<void>;
  /** Root over columns and root over the last layer of the window computed last, 64 bytes. */
  roots(): Uint8Array;
  /** Labels of the last layer, and the stored part of its tree. Views: they change with the next window. */
  content(): { labels: Uint8Array; tree: Uint8Array };
  /** Columns of the window computed last with all that leads to its roots. @param positions - ascending */
  open(positions: readonly number[]): Promise<OpenedWindow>;
}

export const createWindowMaker = (
  workers: WorkerPool,
  pace: Pace,
  { windowLabels, layers }: Pick<PlotDescription, 'windowLabels' | 'layers'>,
): WindowMaker => {
  const memory: WindowMemory = {
    windowLabels,
    layers,
    labels: new SharedArrayBuffer(windowLabels * layers * LABEL_BYTES),
    parents: new SharedArrayBuffer(windowLabels * PARENTS * 4),
  };
  const chunks = windowLabels / CHUNK_LABELS;
  const trees: Record<TreeKind, SharedArrayBuffer> = {
    columns: new SharedArrayBuffer(windowTreeBytes(windowLabels)),
    last: new SharedArrayBuffer(windowTreeBytes(windowLabels)),
  };
  let hasParents = false;
  /** Slices of one window: labels weigh most. */
  const slices = layers * Math.ceil(windowLabels / LABELS_SLICE) + 2 * Math.ceil(chunks / CHUNKS_SLICE);

  const inSlices = async (
    count: number,
    size: number,
    run: (from: number, to: number) => Promise<unknown>,
    done: () => void = () => undefined,
  ): Promise<void> => {
    for (let from = 0; from < count; from += size) {
      await pace.slice(() => run(from, Math.min(count, from + size)));
      done();
    }
  };
  const ensureParents = async (): Promise<void> => {
    if (hasParents) return;
    await inSlices(windowLabels, PARENTS_SLICE, (from, to) =>
      workers.run<ParentsInput, void>('space.parents', { parents: memory.parents, windowLabels, from, to }),
    );
    hasParents = true;
  };
  const rootOf = (kind: TreeKind): Uint8Array => new Uint8Array(trees[kind]).slice(-LABEL_BYTES);
  const nodesOf = (kind: TreeKind, chunkTrees: ReadonlyMap<number, Uint8Array>) => {
    const top = new Uint8Array(trees[kind]);
    return (level: number, index: number): Uint8Array => {
      if (level >= CHUNK_HEIGHT) {
        const at = treeOffset(chunks, level - CHUNK_HEIGHT, index);
        return top.slice(at, at + LABEL_BYTES);
      }
      const perChunk = CHUNK_LABELS / 2 ** level;
      const at = treeOffset(CHUNK_LABELS, level, index % perChunk);
      return (chunkTrees.get(Math.floor(index / perChunk)) as Uint8Array).subarray(at, at + LABEL_BYTES);
    };
  };
  const pathOf = async (kind: TreeKind, positions: readonly number[]): Promise<Uint8Array> => {
    const wanted = [...new Set(positions.map((position) => Math.floor(position / CHUNK_LABELS)))];
    const found = new Map<number, Uint8Array>();
    await inSlices(wanted.length, TREES_SLICE, async (from, to) => {
      const some = wanted.slice(from, to);
      const made = await workers.run<ChunkTreesInput, Uint8Array[]>('space.chunkTrees', { memory, kind, chunks: some });
      for (const [order, chunk] of some.entries()) found.set(chunk, made[order] as Uint8Array);
    });
    return siblingsOf(windowLabels, positions, nodesOf(kind, found));
  };

  return {
    compute: async (plotId, window, step) => {
      await ensureParents();
      const seed = windowSeedOf(plotId, window);
      let done = 0;
      const tell = (): void => {
        done += 1;
        step(Math.min(1, done / slices));
      };
      for (let layer = 1; layer <= layers; layer++)
        await inSlices(
          windowLabels,
          LABELS_SLICE,
          (from, to) => workers.run<LabelsInput, void>('space.labels', { memory, seed, layer, from, to }),
          tell,
        );
      for (const kind of ['columns', 'last'] as const) {
        const tree = trees[kind];
        await inSlices(
          chunks,
          CHUNKS_SLICE,
          (from, to) => workers.run<ChunkRootsInput, void>('space.chunkRoots', { memory, kind, tree, from, to }),
          tell,
        );
        await pace.slice(() => workers.run<FinishTreeInput, void>('space.finishTree', { tree, chunks }));
      }
    },
    roots: () => {
      const both = new Uint8Array(2 * LABEL_BYTES);
      both.set(rootOf('columns'));
      both.set(rootOf('last'), LABEL_BYTES);
      return both;
    },
    content: () => ({
      labels: new Uint8Array(memory.labels, (layers - 1) * windowLabels * LABEL_BYTES),
      tree: new Uint8Array(trees.last),
    }),
    open: async (positions) => {
      const parents = new Uint32Array(memory.parents);
      const needed = new Set(positions);
      for (const node of positions)
        for (let slot = 0; slot < PARENTS; slot++) {
          // Node 0 has no parents in its layer; the table's zeros for it name the node itself, which is there already.
          needed.add(parents[node * PARENTS + slot] as number);
        }
      const sorted = [...needed].toSorted((a, b) => a - b);
      const labels = new Uint8Array(memory.labels);
      const columns = new Uint8Array(sorted.length * layers * LABEL_BYTES);
      for (const [order, node] of sorted.entries())
        for (let layer = 0; layer < layers; layer++) {
          const from = (layer * windowLabels + node) * LABEL_BYTES;
          columns.set(labels.subarray(from, from + LABEL_BYTES), (order * layers + layer) * LABEL_BYTES);
        }
      return {
        columns,
        columnPath: await pathOf('columns', sorted),
        lastPath: await pathOf('last', positions),
      };
    },
  };
};
