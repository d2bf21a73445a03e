import { encodeCbor } from '../../../base/codec.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import {
  bytesOf,
  bytesUpTo,
  decodeStrict,
  fieldsOf,
  integerOf,
  listOf,
  literalOf,
  malformed,
  versionOf,
} from '../strict.ts';

// What generator and verifier of a proof of space share, and all that they share: numbers, names and encodings.
// docs/formats/proof-space.md

export const SPACE_VERSION = 1;
export const LABEL_BYTES = 32;
const HASH_BYTES = 32;

/** A leaf is proved by reading one block of a disk, 4096 bytes: the labels of one chunk. */
export const CHUNK_LABELS = 128;
/** Powers of two between them. Smallest: one chunk. Largest: 128 MiB, whose layers still fit into a server's memory. */
export const WINDOW_LABELS_MIN = 128;
export const WINDOW_LABELS_MAX = 2 ** 22;
/** Fewer do not force the sequential work that the proof rests on; more only cost. */
export const LAYERS_MIN = 8;
export const LAYERS_MAX = 16;
/** 256 GiB with windows of 8 MiB. */
export const WINDOWS_MAX = 2 ** 15;
export const OPENINGS_MAX = 256;
export const ANSWERS_MAX = 256;
/** Plots of one proof: with their openings they stay below what a proof file holds. */
export const PLOTS_MAX = 4;
/** In-layer parents: the label before, and five drawn as in DRSample. */
export const NEAR_PARENTS = 6;
/** Parents in the layer below, drawn evenly: the expander. */
export const FAR_PARENTS = 8;
/**
 * Zero bits that the opening's nonce must give, above log2 of a window's labels: one try to get better columns costs 64
 * hashes for each label of a window, as much as computing the window.
 */
export const GRIND_BITS_EXTRA = 6;

/** First element of what is hashed as a dag-cbor list, so that no hash stands for another. */
export const TAGS = {
  plot: 'hypermesh-space-plot',
  window: 'hypermesh-space-window',
  root: 'hypermesh-space-root',
  open: 'hypermesh-space-open',
  answer: 'hypermesh-space-answer',
} as const;
/** ASCII before the number of a node, in the hash that the node's parents are drawn from. */
export const GRAPH_TAG = 'hypermesh-space-graph';

export const OPENING_BYTES_MAX = 3 * 1024 * 1024;
export const SPACE_PROOF_BYTES_MAX = 1024 * 1024;
const PLAN_BYTES_MAX = 1024;
/** Roots of {@link WINDOWS_MAX} windows and an opening. */
const PLOT_FILE_BYTES_MAX = WINDOWS_MAX * 2 * HASH_BYTES + OPENING_BYTES_MAX + 4096;
export const ADDRESSES_MAX = 16;
export const WITNESSES_MAX = 8;
/** A signed record with both keys and signatures has some 4.5 KiB. */
const WITNESS_BYTES_MAX = 8 * 1024;
/** A multiaddr, or whatever else names a place, in visible ASCII. */
const ADDRESS = /^[\x21-\x7e]{1,256}$/;

/** What a plot is made from. Its labels follow from this and nothing else. */
export interface PlotDescription {
  owner: KeyIdBytes;
  /** 32 random bytes. */
  nonce: Uint8Array;
  windowLabels: number;
  layers: number;
  windows: number;
}

export interface OpenedWindow {
  /** All labels of each opened position, layer by layer, positions ascending. */
  columns: Uint8Array;
  /** Siblings of the tree over columns. */
  columnPath: Uint8Array;
  /** Siblings of the tree over the last layer. */
  lastPath: Uint8Array;
}
export interface Opening {
  plot: PlotDescription;
  /** Columns that were drawn. */
  openings: number;
  root: Uint8Array;
  grind: number;
  windows: readonly OpenedWindow[];
  /** Siblings of the tree over windows. */
  path: Uint8Array;
}
export interface AnsweredWindow {
  columnsRoot: Uint8Array;
  /** Last-layer labels of the drawn positions, ascending. */
  labels: Uint8Array;
  path: Uint8Array;
}
export interface PlotAnswer {
  /** SHA-256 of the encoded opening. */
  opening: Uint8Array;
  answers: number;
  windows: readonly AnsweredWindow[];
  path: Uint8Array;
}
/** Where the node says it is, and who measured how far away it is. */
export interface NetworkPlace {
  addresses: readonly string[];
  /** Signed records of peers, domain `proof-witness`. */
  witnesses: readonly Uint8Array[];
}
export interface SpaceProof {
  challenge: Uint8Array;
  plots: readonly PlotAnswer[];
  place: NetworkPlace;
}
/** What a plot's folder holds beside the windows, once the plot is whole. */
export interface PlotFile {
  plot: PlotDescription;
  /** Root over columns and root over the last layer, 64 bytes a window. */
  roots: Uint8Array;
  opening: Uint8Array;
}

const PLOT_FIELDS = ['owner', 'nonce', 'windowLabels', 'layers', 'windows'] as const;
const isPowerOfTwo = (value: number): boolean => 2 ** Math.round(Math.log2(value)) === value;

const describe = (plot: PlotDescription): Record<string, unknown> => ({
  owner: plot.owner,
  nonce: plot.nonce,
  windowLabels: plot.windowLabels,
  layers: plot.layers,
  windows: plot.windows,
});
const parseDescription = (value: unknown): PlotDescription => {
  const fields = fieldsOf(value, PLOT_FIELDS, 'the plot');
  const windowLabels = integerOf(fields.windowLabels, WINDOW_LABELS_MIN, WINDOW_LABELS_MAX, 'labels of a window');
  if (!isPowerOfTwo(windowLabels)) throw malformed('the labels of a window are no power of two');
  return {
    owner: bytesOf(fields.owner, HASH_BYTES, 'the owner'),
    nonce: bytesOf(fields.nonce, HASH_BYTES, 'the nonce'),
    windowLabels,
    layers: integerOf(fields.layers, LAYERS_MIN, LAYERS_MAX, 'the number of layers'),
    windows: integerOf(fields.windows, 1, WINDOWS_MAX, 'the number of windows'),
  };
};
/** Hashes side by side. */
const hashesOf = (value: unknown, lengthMax: number, what: string): Uint8Array => {
  const bytes = bytesUpTo(value, lengthMax, what);
  if (bytes.length % HASH_BYTES !== 0) throw malformed(`${what} is not a whole number of hashes`);
  return bytes;
};

export const encodeOpening = (opening: Opening): Uint8Array =>
  encodeCbor({
    v: SPACE_VERSION,
    kind: 'space-opening',
    plot: describe(opening.plot),
    openings: opening.openings,
    root: opening.root,
    grind: opening.grind,
    windows: opening.windows.map(({ columns, columnPath, lastPath }) => ({ columns, columnPath, lastPath })),
    path: opening.path,
  });
/** @throws {ProofFormatError} */
export const decodeOpening = (encoded: Uint8Array): Opening => {
  const value = decodeStrict(encoded, OPENING_BYTES_MAX, 'The opening');
  const fields = fieldsOf(value, ['v', 'kind', 'plot', 'openings', 'root', 'grind', 'windows', 'path'], 'the opening');
  versionOf(fields.v, SPACE_VERSION, 'the opening');
  literalOf(fields.kind, 'space-opening', 'the kind of the opening');
  return {
    plot: parseDescription(fields.plot),
    openings: integerOf(fields.openings, 1, OPENINGS_MAX, 'the number of openings'),
    root: bytesOf(fields.root, HASH_BYTES, 'the root'),
    grind: integerOf(fields.grind, 0, 2 ** 32 - 1, 'the grind'),
    windows: listOf(fields.windows, OPENINGS_MAX, 'the opened windows').map((item) => {
      const window = fieldsOf(item, ['columns', 'columnPath', 'lastPath'], 'an opened window');
      return {
        columns: hashesOf(window.columns, OPENING_BYTES_MAX, 'the columns'),
        columnPath: hashesOf(window.columnPath, OPENING_BYTES_MAX, 'the path of the columns'),
        lastPath: hashesOf(window.lastPath, OPENING_BYTES_MAX, 'the path of the last layer'),
      };
    }),
    path: hashesOf(fields.path, OPENING_BYTES_MAX, 'the path of the windows'),
  };
};

export const encodeSpaceProof = (proof: SpaceProof): Uint8Array =>
  encodeCbor({
    v: SPACE_VERSION,
    kind: 'space',
    challenge: proof.challenge,
    plots: proof.plots.map(({ opening, answers, windows, path }) => ({
      opening,
      answers,
      windows: windows.map((window) => ({
        columnsRoot: window.columnsRoot,
        labels: window.labels,
        path: window.path,
      })),
      path,
    })),
    place: { addresses: proof.place.addresses, witnesses: proof.place.witnesses },
  });
/** @throws {ProofFormatError} */
export const decodeSpaceProof = (encoded: Uint8Array): SpaceProof => {
  const value = decodeStrict(encoded, SPACE_PROOF_BYTES_MAX, 'The proof of space');
  const fields = fieldsOf(value, ['v', 'kind', 'challenge', 'plots', 'place'], 'the proof of space');
  versionOf(fields.v, SPACE_VERSION, 'the proof of space');
  literalOf(fields.kind, 'space', 'the kind of the proof');
  const place = fieldsOf(fields.place, ['addresses', 'witnesses'], 'the place');
  return {
    challenge: bytesOf(fields.challenge, HASH_BYTES, 'the challenge'),
    plots: listOf(fields.plots, PLOTS_MAX, 'the plots').map((item) => {
      const plot = fieldsOf(item, ['opening', 'answers', 'windows', 'path'], 'a plot');
      return {
        opening: bytesOf(plot.opening, HASH_BYTES, 'the opening'),
        answers: integerOf(plot.answers, 1, ANSWERS_MAX, 'the number of answers'),
        windows: listOf(plot.windows, ANSWERS_MAX, 'the answered windows').map((entry) => {
          const window = fieldsOf(entry, ['columnsRoot', 'labels', 'path'], 'an answered window');
          return {
            columnsRoot: bytesOf(window.columnsRoot, HASH_BYTES, 'the root of the columns'),
            labels: hashesOf(window.labels, ANSWERS_MAX * LABEL_BYTES, 'the labels'),
            path: hashesOf(window.path, SPACE_PROOF_BYTES_MAX, 'the path of the labels'),
          };
        }),
        path: hashesOf(plot.path, SPACE_PROOF_BYTES_MAX, 'the path of the windows'),
      };
    }),
    place: {
      addresses: listOf(place.addresses, ADDRESSES_MAX, 'the addresses').map((address) => {
        if (typeof address !== 'string' || !ADDRESS.test(address)) throw malformed('an address is not visible ASCII');
        return address;
      }),
      witnesses: listOf(place.witnesses, WITNESSES_MAX, 'the witnesses').map((record) =>
        bytesUpTo(record, WITNESS_BYTES_MAX, 'a witness'),
      ),
    },
  };
};

/** What is on disk while a plot is being made. */
export const encodePlan = (plot: PlotDescription): Uint8Array =>
  encodeCbor({ v: SPACE_VERSION, kind: 'space-plan', plot: describe(plot) });
/** @throws {ProofFormatError} */
export const decodePlan = (encoded: Uint8Array): PlotDescription => {
  const fields = fieldsOf(decodeStrict(encoded, PLAN_BYTES_MAX, 'The plan'), ['v', 'kind', 'plot'], 'the plan');
  versionOf(fields.v, SPACE_VERSION, 'the plan');
  literalOf(fields.kind, 'space-plan', 'the kind of the plan');
  return parseDescription(fields.plot);
};

export const encodePlotFile = ({ plot, roots, opening }: PlotFile): Uint8Array =>
  encodeCbor({ v: SPACE_VERSION, kind: 'space-plot', plot: describe(plot), roots, opening });
/** @throws {ProofFormatError} */
export const decodePlotFile = (encoded: Uint8Array): PlotFile => {
  const value = decodeStrict(encoded, PLOT_FILE_BYTES_MAX, 'The plot');
  // A newer version may have other fields, so it is looked at before they are.
  if (typeof value === 'object' && value !== null && 'v' in value) versionOf(value.v, SPACE_VERSION, 'the plot');
  const fields = fieldsOf(value, ['v', 'kind', 'plot', 'roots', 'opening'], 'the plot');
  literalOf(fields.kind, 'space-plot', 'the kind of the plot');
  const plot = parseDescription(fields.plot);
  return {
    plot,
    roots: bytesOf(fields.roots, plot.windows * 2 * HASH_BYTES, 'the roots'),
    opening: bytesUpTo(fields.opening, OPENING_BYTES_MAX, 'the opening'),
  };
};

/** First bytes of a window's file. */
const WINDOW_MAGIC = 'hypermesh-window';
/** Labels begin at a block of the disk, and each chunk of them is one. */
export const WINDOW_HEADER_BYTES = 4096;
/** Bytes of a window's stored tree: from the chunks' roots up to the root. */
export const windowTreeBytes = (windowLabels: number): number => ((windowLabels / CHUNK_LABELS) * 2 - 1) * HASH_BYTES;
export const windowFileBytes = (windowLabels: number): number =>
  WINDOW_HEADER_BYTES + windowLabels * LABEL_BYTES + windowTreeBytes(windowLabels) + HASH_BYTES;
/** Space that a plot counts for: its last-layer labels, without what lies beside them. */
export const plotBytes = (plot: PlotDescription): number => plot.windows * plot.windowLabels * LABEL_BYTES;

/** @param plotId - 32 bytes */
export const windowHeader = (plotId: Uint8Array, window: number, plot: PlotDescription): Uint8Array => {
  const header = Buffer.alloc(WINDOW_HEADER_BYTES);
  header.write(WINDOW_MAGIC, 0, 'ascii');
  header.writeUInt32BE(SPACE_VERSION, 16);
  header.writeUInt32BE(window, 20);
  header.writeUInt32BE(plot.windowLabels, 24);
  header.writeUInt32BE(plot.layers, 28);
  header.set(plotId, 32);
  return header;
};
