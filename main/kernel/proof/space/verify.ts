import { hash } from 'node:crypto';
import { decodeCbor, encodeCbor, sha256 } from '../../../base/codec.ts';
import { keyIdText, verifyRecord } from '../../../base/crypto/index.ts';
import { isNodeError } from '../../../base/errors.ts';
import { figure, findingOf, held, refused } from '../finding.ts';
import type { ProofFinding, ProofRequirements, VerifyContext } from '../interface.ts';
import { answerMsMaxOf } from './deadline.ts';
import type { SpaceCode } from './errors.ts';
import {
  decodeOpening,
  decodeSpaceProof,
  FAR_PARENTS,
  GRAPH_TAG,
  GRIND_BITS_EXTRA,
  LABEL_BYTES,
  NEAR_PARENTS,
  type NetworkPlace,
  type Opening,
  type PlotAnswer,
  type PlotDescription,
  plotBytes,
  SPACE_VERSION,
  TAGS,
} from './format.ts';

// Written from docs/formats/proof-space.md: shares numbers, names and encodings with the generator, and no code.

/** The first thing that is wrong; becomes the finding. */
class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: SpaceCode;
  constructor(code: SpaceCode, sentence: string) {
    super(sentence);
    this.code = code;
  }
}
const demand = (condition: boolean, code: SpaceCode, sentence: string): void => {
  if (!condition) throw new Refusal(code, sentence);
};
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const digest = (input: Uint8Array): Buffer => hash('sha256', input, 'buffer');
const listHash = (...items: readonly unknown[]): Buffer => digest(encodeCbor(items));
const leafHash = (data: Uint8Array): Buffer => digest(Buffer.concat([Buffer.of(0), data]));

/** The node's parents: in its layer, and in the layer below. */
const parentsOf = (node: number, windowLabels: number): { near: number[]; far: number[] } => {
  const stream = (part: number): DataView => {
    const input = new DataView(new ArrayBuffer(5));
    input.setUint32(0, node);
    input.setUint8(4, part);
    const bytes = digest(Buffer.concat([Buffer.from(GRAPH_TAG, 'ascii'), new Uint8Array(input.buffer)]));
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  };
  const evenly = stream(0);
  const far = Array.from({ length: FAR_PARENTS }, (_, slot) => evenly.getUint32(4 * slot) % windowLabels);
  if (node === 0) return { near: [], far };
  if (node === 1) return { near: Array.from({ length: NEAR_PARENTS }, () => 0), far };
  const draws = stream(1);
  const near = [node - 1];
  const depth = Math.floor(Math.log2(node)) + 1;
  for (let slot = 0; slot < NEAR_PARENTS - 1; slot++) {
    const scale = (draws.getUint16(20 + 2 * slot) % depth) + 1;
    const shortest = scale === 1 ? 2 : 1 << (scale - 1);
    const longest = Math.min(1 << scale, node);
    near.push(node - (shortest + (draws.getUint32(4 * slot) % (longest - shortest + 1))));
  }
  return { near, far };
};

/** Hands out the hashes of a path one by one. */
class PathReader {
  private readonly bytes: Uint8Array;
  private at = 0;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  next(): Uint8Array | null {
    if (this.at >= this.bytes.length) return null;
    this.at += LABEL_BYTES;
    return this.bytes.subarray(this.at - LABEL_BYTES, this.at);
  }
  get isSpent(): boolean {
    return this.at === this.bytes.length;
  }
}

/**
 * Root of an RFC 6962 tree of which some leaves are known and the other hashes come from a path.
 * @param leaves - hashes by place, ascending; at least one
 * @returns null when the path is not exactly as long as the places demand
 */
const rootFrom = (
  count: number,
  leaves: readonly (readonly [number, Uint8Array])[],
  path: Uint8Array,
): Uint8Array | null => {
  const reader = new PathReader(path);
  const pair = Buffer.alloc(1 + 2 * LABEL_BYTES, 1);
  let row = leaves;
  for (let width = count; width > 1; width = (width + 1) >> 1) {
    const above: (readonly [number, Uint8Array])[] = [];
    for (let at = 0; at < row.length; at++) {
      const [place, own] = row[at] as readonly [number, Uint8Array];
      const isRight = (place & 1) === 1;
      if (!isRight && place + 1 === width) {
        above.push([place >> 1, own]);
        continue;
      }
      let other: Uint8Array | null;
      const neighbour = row[at + 1];
      if (!isRight && neighbour !== undefined && neighbour[0] === place + 1) {
        other = neighbour[1];
        at++;
      } else other = reader.next();
      if (other === null) return null;
      pair.set(isRight ? other : own, 1);
      pair.set(isRight ? own : other, 1 + LABEL_BYTES);
      above.push([place >> 1, digest(pair)]);
    }
    row = above;
  }
  return reader.isSpent ? (row[0]?.[1] ?? null) : null;
};

/** Positions that were drawn, by window; both ascending, none twice. */
const drawn = (
  plot: PlotDescription,
  count: number,
  hashAt: (draw: number) => Buffer,
): { window: number; positions: number[] }[] => {
  const keys = new Set<number>();
  for (let draw = 0; draw < count; draw++) {
    const bytes = hashAt(draw);
    keys.add((bytes.readUInt32BE(0) % plot.windows) * plot.windowLabels + (bytes.readUInt32BE(4) % plot.windowLabels));
  }
  const groups: { window: number; positions: number[] }[] = [];
  for (const key of [...keys].toSorted((a, b) => a - b)) {
    const window = Math.floor(key / plot.windowLabels);
    const last = groups.at(-1);
    if (last?.window === window) last.positions.push(key % plot.windowLabels);
    else groups.push({ window, positions: [key % plot.windowLabels] });
  }
  return groups;
};

const identify = (plot: PlotDescription): Buffer =>
  listHash(TAGS.plot, SPACE_VERSION, plot.owner, plot.nonce, plot.windowLabels, plot.layers, plot.windows);

/** Checks that the labels of a plot were computed as they must be. */
const checkOpening = (opening: Opening, id: Uint8Array): void => {
  const { plot, root, grind } = opening;
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(grind));
  const seed = digest(Buffer.concat([root, number]));
  const zeroBits = Math.clz32(seed.readUInt32BE(0));
  demand(
    zeroBits >= Math.log2(plot.windowLabels) + GRIND_BITS_EXTRA,
    'GRIND_INVALID',
    'The opening’s nonce has not cost what it must cost, so its columns could have been chosen.',
  );
  const groups = drawn(plot, opening.openings, (draw) => listHash(TAGS.open, SPACE_VERSION, seed, draw));
  const shape = (holds: boolean): void =>
    demand(holds, 'OPENING_SHAPE', 'The opening does not hold exactly the columns that its root draws.');
  shape(groups.length === opening.windows.length);
  const columnBytes = plot.layers * LABEL_BYTES;
  const heads: [number, Uint8Array][] = [];
  for (const [order, { window, positions }] of groups.entries()) {
    const shown = opening.windows[order] as Opening['windows'][number];
    const parents = new Map(positions.map((node) => [node, parentsOf(node, plot.windowLabels)]));
    const needed = [...new Set([...parents].flatMap(([node, { near, far }]) => [node, ...near, ...far]))].toSorted(
      (a, b) => a - b,
    );
    shape(shown.columns.length === needed.length * columnBytes);
    const columns = new Map(
      needed.map((node, at) => [node, shown.columns.subarray(at * columnBytes, (at + 1) * columnBytes)]),
    );
    const label = (layer: number, node: number): Uint8Array =>
      (columns.get(node) as Uint8Array).subarray((layer - 1) * LABEL_BYTES, layer * LABEL_BYTES);
    const windowSeed = listHash(TAGS.window, SPACE_VERSION, id, window);
    for (const [node, { near, far }] of parents) {
      for (let layer = 1; layer <= plot.layers; layer++) {
        const place = Buffer.alloc(8);
        place.writeUInt32BE(layer, 0);
        place.writeUInt32BE(node, 4);
        const inputs = [
          windowSeed,
          place,
          ...(node === 0 ? [Buffer.alloc(NEAR_PARENTS * LABEL_BYTES)] : near.map((parent) => label(layer, parent))),
          ...(layer === 1 ? [] : far.map((parent) => label(layer - 1, parent))),
        ];
        demand(
          same(digest(Buffer.concat(inputs)), label(layer, node)),
          'LABEL_WRONG',
          `A label of the plot (window ${window}, layer ${layer}, node ${node}) was not computed from its parents: the plot is not what it claims to be.`,
        );
      }
    }
    const columnsRoot = rootFrom(
      plot.windowLabels,
      needed.map((node) => [node, leafHash(columns.get(node) as Uint8Array)]),
      shown.columnPath,
    );
    const lastRoot = rootFrom(
      plot.windowLabels,
      positions.map((node) => [node, leafHash(label(plot.layers, node))]),
      shown.lastPath,
    );
    shape(columnsRoot !== null && lastRoot !== null);
    heads.push([window, leafHash(Buffer.concat([columnsRoot as Uint8Array, lastRoot as Uint8Array]))]);
  }
  const head = rootFrom(plot.windows, heads, opening.path);
  shape(head !== null);
  demand(
    same(listHash(TAGS.root, SPACE_VERSION, id, head), root),
    'OPENING_ROOT',
    'The opened columns do not lead to the plot’s root.',
  );
};

/** Checks that the drawn labels are there. */
const checkAnswer = (answer: PlotAnswer, opening: Opening, id: Uint8Array, challengeHash: Uint8Array): void => {
  const { plot, root } = opening;
  const groups = drawn(plot, answer.answers, (draw) => listHash(TAGS.answer, SPACE_VERSION, challengeHash, root, draw));
  const shape = (holds: boolean): void =>
    demand(holds, 'ANSWER_SHAPE', 'The answer does not hold exactly the labels that the challenge draws.');
  shape(groups.length === answer.windows.length);
  const heads = groups.map(({ window, positions }, order): [number, Uint8Array] => {
    const shown = answer.windows[order] as PlotAnswer['windows'][number];
    shape(shown.labels.length === positions.length * LABEL_BYTES);
    const lastRoot = rootFrom(
      plot.windowLabels,
      positions.map((node, at) => [node, leafHash(shown.labels.subarray(at * LABEL_BYTES, (at + 1) * LABEL_BYTES))]),
      shown.path,
    );
    shape(lastRoot !== null);
    return [window, leafHash(Buffer.concat([shown.columnsRoot, lastRoot as Uint8Array]))];
  });
  const head = rootFrom(plot.windows, heads, answer.path);
  shape(head !== null);
  demand(
    same(listHash(TAGS.root, SPACE_VERSION, id, head), root),
    'ANSWER_ROOT',
    'The answered labels do not lead to the plot’s root: the space is not there as it was plotted.',
  );
};

/** @returns the shortest round trip that was witnessed, ms; null without witnesses */
const checkPlace = (place: NetworkPlace, challengeHash: Uint8Array, node: Uint8Array): number | null => {
  const seen = new Set<string>();
  let shortest: number | null = null;
  const invalid = (why: string): Refusal =>
    new Refusal('WITNESS_INVALID', `A witness of the network place does not hold: ${why}.`);
  for (const record of place.witnesses) {
    try {
      const { payload, keyIdBytes } = verifyRecord(record, { domain: 'proof-witness' });
      const said = decodeCbor(payload);
      if (typeof said !== 'object' || said === null || !same(encodeCbor(said), payload))
        throw invalid('it is malformed');
      const { challenge, rttMs, atMs } = said as Record<string, unknown>;
      if (
        Object.keys(said).length !== 3 ||
        !(challenge instanceof Uint8Array) ||
        typeof rttMs !== 'number' ||
        !(rttMs >= 0) ||
        typeof atMs !== 'number' ||
        !Number.isSafeInteger(atMs)
      )
        throw invalid('it is malformed');
      if (!same(challenge, challengeHash)) throw invalid('it is about another challenge');
      if (same(keyIdBytes, node)) throw invalid('the node has signed it itself');
      const witness = keyIdText(keyIdBytes);
      if (seen.has(witness)) throw invalid('one witness is there twice');
      seen.add(witness);
      shortest = shortest === null ? rttMs : Math.min(shortest, rttMs);
    } catch (error) {
      throw error instanceof Refusal ? error : invalid(isNodeError(error) ? error.code : 'it is malformed');
    }
  }
  return shortest;
};

/** Size in the unit that people use. */
const sizeOf = (bytes: number): string =>
  bytes >= 2 ** 20 ? `${figure(bytes / 2 ** 20)} MiB` : `${figure(bytes / 2 ** 10)} KiB`;

const checkAmounts = (
  { plot, openings }: Opening,
  { windowLabelsMin, openingsMin }: Pick<ProofRequirements['space'], 'windowLabelsMin' | 'openingsMin'>,
): void => {
  demand(
    plot.windowLabels >= windowLabelsMin,
    'WINDOW_TOO_SMALL',
    `A window has ${figure(plot.windowLabels)} labels, and ${figure(windowLabelsMin)} are required: smaller ones are computed too quickly.`,
  );
  demand(
    openings >= openingsMin,
    'TOO_FEW_OPENINGS',
    `A plot opens ${openings} columns, and ${openingsMin} are required.`,
  );
};

const checkPlot = (
  answer: PlotAnswer,
  context: VerifyContext,
  wanted: ProofRequirements['space'],
): { id: Buffer; opening: Opening } => {
  const name = Buffer.from(answer.opening).toString('hex');
  const encoded = context.attachments.get(name);
  if (encoded === undefined)
    throw new Refusal('OPENING_MISSING', 'The opening of a plot is not there; ask for the proof with its attachments.');
  demand(
    same(sha256(encoded), answer.opening),
    'OPENING_HASH',
    'An attached opening is not the one that the proof names.',
  );
  const opening = decodeOpening(encoded);
  const { plot } = opening;
  demand(
    same(plot.owner, context.challenge.node),
    'PLOT_FOREIGN',
    'A plot was made for another owner than the node that answers, so its space counts for nothing here.',
  );
  checkAmounts(opening, wanted);
  demand(
    answer.answers >= wanted.answersMin,
    'TOO_FEW_ANSWERS',
    `${answer.answers} labels of a plot are answered, and ${wanted.answersMin} are required.`,
  );
  const id = identify(plot);
  // The answer is checked first: it is cheaper by far, and fails where space is missing.
  checkAnswer(answer, opening, id, context.challengeHash);
  checkOpening(opening, id);
  return { id, opening };
};

/**
 * Checks a proof of space: that its plots were computed for this node, that the labels which this challenge draws are
 * there, and how much space that is. Everything is drawn from the challenge or from roots that cost as much to change as a
 * window, so `checkSeed` is not needed: nothing is left out. Takes some tens of milliseconds a plot.
 *
 * @returns codes of {@link SPACE_CODES}, of the challenge and of the format; never throws. `shown`: `bytes`, `plots`,
 * `windows`, `answerMsLimit` (see {@link answerMsMaxOf}, of the smallest window), and `roundTripMs` where witnessed
 */
export const verifySpace = (encoded: Uint8Array, context: VerifyContext): ProofFinding =>
  findingOf('space', () => {
    try {
      const proof = decodeSpaceProof(encoded);
      const wanted = context.requirements.space;
      if (!same(proof.challenge, context.challengeHash))
        return refused('space', 'CHALLENGE_MISMATCH', 'The proof of space answers another challenge.');
      demand(proof.plots.length > 0, 'NO_PLOTS', 'The proof of space names no plot.');
      demand(
        context.answeredAfterMs === null || context.answeredAfterMs <= wanted.answerMsMax,
        'TOO_LATE',
        `The answer took ${figure(context.answeredAfterMs ?? 0)} ms and may take ${figure(wanted.answerMsMax)}.`,
      );
      let bytes = 0;
      let windows = 0;
      let limitMs = Number.POSITIVE_INFINITY;
      let before: Uint8Array | null = null;
      for (const answer of proof.plots) {
        const { id, opening } = checkPlot(answer, context, wanted);
        demand(
          before === null || Buffer.compare(before, id) < 0,
          'PLOT_REPEATED',
          'A plot is there twice, or the plots are not in the order of their ids.',
        );
        before = id;
        bytes += plotBytes(opening.plot);
        windows += opening.plot.windows;
        limitMs = Math.min(limitMs, answerMsMaxOf(opening.plot.windowLabels, opening.plot.layers));
      }
      demand(
        bytes >= wanted.bytesMin,
        'TOO_LITTLE_SPACE',
        `${sizeOf(bytes)} are shown, and ${sizeOf(wanted.bytesMin)} are required.`,
      );
      const roundTripMs = checkPlace(proof.place, context.challengeHash, context.challenge.node);
      const answered = context.answeredAfterMs;
      const time =
        answered === null
          ? 'Nobody timed the answer.'
          : answered <= limitMs
            ? `It came in ${figure(answered)} ms, sooner than a window can be computed.`
            : `It came after ${figure(answered)} ms, in which it could also have been computed.`;
      const network =
        roundTripMs === null
          ? 'No peer has witnessed the network place.'
          : `${proof.place.witnesses.length} other keys, of whomever, witnessed the network place, the nearest at ${figure(roundTripMs)} ms.`;
      return held(
        'space',
        `${sizeOf(bytes)} in ${proof.plots.length} ${proof.plots.length === 1 ? 'plot' : 'plots'} answered this challenge. ${time} ${network}`,
        {
          bytes,
          plots: proof.plots.length,
          windows,
          answerMsLimit: limitMs,
          ...(roundTripMs === null ? {} : { roundTripMs }),
        },
      );
    } catch (error) {
      if (error instanceof Refusal) return refused('space', error.code, error.message);
      throw error;
    }
  });

/**
 * Checks the opening of a plot by itself, as a ledger does that registers plots. Pure: same bytes, same answer.
 *
 * @param wanted - small windows and few openings are what the plot's maker chooses, and show next to nothing
 * @returns what the finding says, and what was opened when it holds
 */
export const verifyOpening = (
  encoded: Uint8Array,
  wanted: Pick<ProofRequirements['space'], 'windowLabelsMin' | 'openingsMin'>,
): { finding: ProofFinding; plot: (PlotDescription & { root: Uint8Array; bytes: number }) | null } => {
  let plot: (PlotDescription & { root: Uint8Array; bytes: number }) | null = null;
  const finding = findingOf('space', () => {
    try {
      const opening = decodeOpening(encoded);
      checkAmounts(opening, wanted);
      checkOpening(opening, identify(opening.plot));
      const bytes = plotBytes(opening.plot);
      plot = { ...opening.plot, root: opening.root, bytes };
      return held('space', `A plot of ${sizeOf(bytes)} was computed as it must be.`, { bytes });
    } catch (error) {
      if (error instanceof Refusal) return refused('space', error.code, error.message);
      throw error;
    }
  });
  return { finding, plot };
};
