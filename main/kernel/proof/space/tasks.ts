import type { Task } from '../../../base/workers/index.ts';
import { sha256Search } from '../sha256/index.ts';
import { chunkTrees, fillChunkRoots, fillLabels, finishTree, type TreeKind, type WindowMemory } from './generate.ts';
import { fillParents } from './generate-graph.ts';
import { readAnswers, type ReadAnswersInput } from './read-answers.ts';

export interface ParentsInput {
  parents: SharedArrayBuffer;
  windowLabels: number;
  from: number;
  to: number;
}
export interface LabelsInput {
  memory: WindowMemory;
  seed: Uint8Array;
  layer: number;
  from: number;
  to: number;
}
export interface ChunkRootsInput {
  memory: WindowMemory;
  kind: TreeKind;
  tree: SharedArrayBuffer;
  from: number;
  to: number;
}
export interface FinishTreeInput {
  tree: SharedArrayBuffer;
  chunks: number;
}
export interface ChunkTreesInput {
  memory: WindowMemory;
  kind: TreeKind;
  chunks: readonly number[];
}
export interface GrindInput {
  root: Uint8Array;
  first: number;
  count: number;
  bits: number;
}

/** Slices of plotting and answering: each keeps one thread busy for tens of milliseconds. */
export const spaceTasks: Record<string, Task> = {
  /** Takes {@link ParentsInput}, fills the table. */
  'space.parents': (input) => {
    const { parents, windowLabels, from, to } = input as ParentsInput;
    fillParents(new Uint32Array(parents), windowLabels, from, to);
  },
  /** Takes {@link LabelsInput}, fills the labels. */
  'space.labels': (input) => {
    const { memory, seed, layer, from, to } = input as LabelsInput;
    fillLabels(memory, seed, layer, from, to);
  },
  /** Takes {@link ChunkRootsInput}, fills the tree's first level. */
  'space.chunkRoots': (input) => {
    const { memory, kind, tree, from, to } = input as ChunkRootsInput;
    fillChunkRoots(memory, kind, tree, from, to);
  },
  /** Takes {@link FinishTreeInput}, fills the other levels. */
  'space.finishTree': (input) => {
    const { tree, chunks } = input as FinishTreeInput;
    finishTree(tree, chunks);
  },
  /** Takes {@link ChunkTreesInput}, gives one tree a chunk. */
  'space.chunkTrees': (input) => {
    const { memory, kind, chunks } = input as ChunkTreesInput;
    return chunkTrees(memory, kind, chunks);
  },
  /** Takes {@link GrindInput}, gives the number or null. */
  'space.grind': (input) => {
    const { root, first, count, bits } = input as GrindInput;
    return sha256Search(root, first, count, bits);
  },
  /** Takes {@link ReadAnswersInput}, gives one answer a window. */
  'space.readAnswers': (input) => readAnswers(input as ReadAnswersInput),
};
