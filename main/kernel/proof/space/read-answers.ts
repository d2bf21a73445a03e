import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { LABEL_BYTES, CHUNK_LABELS, WINDOW_HEADER_BYTES, windowFileBytes, windowTreeBytes } from './format.ts';
import { CHUNK_HEIGHT, chunkTreeOf, treeOffset } from './generate.ts';
import { siblingsOf } from './generate-paths.ts';

export interface ReadAnswersInput {
  windowLabels: number;
  windows: readonly {
    path: string;
    positions: readonly number[];
    /** First bytes that the file must have. */
    header: Uint8Array;
    /** Root over the last layer that the file must have. */
    lastRoot: Uint8Array;
  }[];
}
/** One of each window: labels with their siblings, or why the window cannot answer. */
export type ReadAnswer = { ok: true; labels: Uint8Array; path: Uint8Array } | { ok: false; reason: string };

const CHUNK_BYTES = CHUNK_LABELS * LABEL_BYTES;

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a.buffer, a.byteOffset, a.length).equals(b);

const readWindow = (
  windowLabels: number,
  { path, positions, header, lastRoot }: ReadAnswersInput['windows'][number],
): ReadAnswer => {
  const file = openSync(path, 'r');
  try {
    if (fstatSync(file).size !== windowFileBytes(windowLabels)) return { ok: false, reason: 'it has another size' };
    const read = (bytes: number, at: number): Uint8Array => {
      const into = new Uint8Array(bytes);
      let done = 0;
      while (done < bytes) {
        const got = readSync(file, into, done, bytes - done, at + done);
        if (got === 0) throw new Error('it ends in the middle');
        done += got;
      }
      return into;
    };
    if (!same(read(header.length, 0), header)) return { ok: false, reason: 'it belongs to another window' };
    const chunks = windowLabels / CHUNK_LABELS;
    const tree = read(windowTreeBytes(windowLabels), WINDOW_HEADER_BYTES + windowLabels * LABEL_BYTES);
    const stored = (level: number, index: number): Uint8Array => {
      const at = treeOffset(chunks, level - CHUNK_HEIGHT, index);
      return tree.subarray(at, at + LABEL_BYTES);
    };
    const height = Math.log2(windowLabels);
    if (!same(stored(height, 0), lastRoot)) return { ok: false, reason: 'its root is another' };
    const labels = new Uint8Array(positions.length * LABEL_BYTES);
    const trees = new Map<number, Uint8Array>();
    for (const [order, position] of positions.entries()) {
      const chunk = Math.floor(position / CHUNK_LABELS);
      const bytes = read(CHUNK_BYTES, WINDOW_HEADER_BYTES + chunk * CHUNK_BYTES);
      const at = (position % CHUNK_LABELS) * LABEL_BYTES;
      labels.set(bytes.subarray(at, at + LABEL_BYTES), order * LABEL_BYTES);
      if (!trees.has(chunk)) trees.set(chunk, chunkTreeOf(bytes));
      const root = (trees.get(chunk) as Uint8Array).subarray(-LABEL_BYTES);
      if (!same(root, stored(CHUNK_HEIGHT, chunk)))
        return { ok: false, reason: `its labels near ${position} were changed` };
    }
    const nodeAt = (level: number, index: number): Uint8Array => {
      if (level >= CHUNK_HEIGHT) return stored(level, index);
      const perChunk = CHUNK_LABELS / 2 ** level;
      const at = treeOffset(CHUNK_LABELS, level, index % perChunk);
      return (trees.get(Math.floor(index / perChunk)) as Uint8Array).subarray(at, at + LABEL_BYTES);
    };
    return { ok: true, labels, path: siblingsOf(windowLabels, positions, nodeAt) };
  } finally {
    closeSync(file);
  }
};

/** Reads what an answer needs, and believes nothing that does not lead to the root. Runs in a worker: it waits for the disk. */
export const readAnswers = ({ windowLabels, windows }: ReadAnswersInput): ReadAnswer[] =>
  windows.map((window) => {
    try {
      return readWindow(windowLabels, window);
    } catch (error) {
      return { ok: false, reason: error instanceof Error ? error.message : String(error) };
    }
  });
