/** Proof of space: openings of plots and answers, written from docs/formats/proof-space.md. */
import { encode, type Value } from './cbor.ts';
import { hex, Reader, readProof, same, sha256 } from './fields.ts';
import { leafOf, rootOf, rootOfLeaves } from './merkle.ts';
import { readWitness } from './record.ts';
import { demand } from './refusal.ts';

const malformed = 'PROOF_MALFORMED';
const shape = 'OPENING_SHAPE';

/** A plot as its opening tells it. */
export interface Plot {
  readonly owner: Uint8Array;
  readonly id: Uint8Array;
  readonly root: Uint8Array;
  readonly windowLabels: number;
  readonly layers: number;
  readonly windows: number;
  readonly bytes: number;
  readonly openings: number;
}

/** Name of a plot. */
export function plotIdOf(
  owner: Uint8Array,
  nonce: Uint8Array,
  windowLabels: number,
  layers: number,
  windows: number,
): Buffer {
  return sha256(encode(['hypermesh-space-plot', 1, owner, nonce, windowLabels, layers, windows]));
}

/** The six parents of a node in its own layer. */
export function nearOf(node: number): number[] {
  if (node < 2) return Array.from({ length: 6 }, () => 0);
  const drawn = sha256('hypermesh-space-graph', u32(node), Uint8Array.of(1));
  const depth = Math.floor(Math.log2(node)) + 1;
  const far = [0, 1, 2, 3, 4].map((at) => {
    const scale = 1 + (drawn.readUInt16BE(20 + 2 * at) % depth);
    const shortest = Math.max(2, 2 ** (scale - 1));
    const longest = Math.min(node, 2 ** scale);
    return node - shortest - (drawn.readUInt32BE(4 * at) % (longest - shortest + 1));
  });
  return [node - 1, ...far];
}

/** The eight parents of a node in the layer below. */
export function farOf(node: number, windowLabels: number): number[] {
  const drawn = sha256('hypermesh-space-graph', u32(node), Uint8Array.of(0));
  return [0, 1, 2, 3, 4, 5, 6, 7].map((at) => drawn.readUInt32BE(4 * at) % windowLabels);
}

/** A label from those of its parents; layers count from 1. */
export function labelOf(
  seed: Uint8Array,
  layer: number,
  node: number,
  label: (layer: number, node: number) => Uint8Array,
  windowLabels: number,
): Buffer {
  const near = node === 0 ? [Buffer.alloc(192)] : nearOf(node).map((parent) => label(layer, parent));
  const far = layer === 1 ? [] : farOf(node, windowLabels).map((parent) => label(layer - 1, parent));
  return sha256(seed, u32(layer), u32(node), ...near, ...far);
}

/** Seed of a window. */
export function windowSeedOf(plotId: Uint8Array, window: number): Buffer {
  return sha256(encode(['hypermesh-space-window', 1, plotId, window]));
}

/** Root of a plot over the roots of its windows. */
export function plotRootOf(plotId: Uint8Array, head: Uint8Array): Buffer {
  return sha256(encode(['hypermesh-space-root', 1, plotId, head]));
}

/** Columns root and last root of a window, computed from nothing; for tiny windows. */
export function rootsOfWindow(plotId: Uint8Array, window: number, windowLabels: number, layers: number): Uint8Array {
  const seed = windowSeedOf(plotId, window);
  const labels: Uint8Array[][] = Array.from({ length: layers + 1 }, () => []);
  for (let layer = 1; layer <= layers; layer += 1) {
    for (let node = 0; node < windowLabels; node += 1) {
      labels[layer]!.push(labelOf(seed, layer, node, (below, parent) => labels[below]![parent]!, windowLabels));
    }
  }
  const columns = labels[1]!.map((_, node) => leafOf(Buffer.concat(labels.slice(1).map((list) => list[node]!))));
  return Buffer.concat([rootOf(columns), rootOf(labels[layers]!.map(leafOf))]);
}

/** Check an opening: what is drawn, each label from its parents, and the paths to the root. */
export function checkOpening(bytes: Uint8Array): Plot {
  demand(bytes.length <= 3_145_728, 'PROOF_TOO_LARGE', 'opening');
  const fields = readProof(bytes, 'v kind plot openings root grind windows path');
  fields.text('kind', /^space-opening$/);
  const plot = new Reader(fields.value('plot'), 'owner nonce windowLabels layers windows', malformed);
  const [owner, nonce] = [plot.bytes('owner', 32), plot.bytes('nonce', 32)];
  const windowLabels = plot.whole('windowLabels', 128, 2 ** 22);
  demand(Number.isInteger(Math.log2(windowLabels)), malformed, 'no power of two');
  const [layers, windows] = [plot.whole('layers', 8, 16), plot.whole('windows', 1, 32_768)];
  const openings = fields.whole('openings', 1, 256);
  const [root, id] = [fields.bytes('root', 32), plotIdOf(owner, nonce, windowLabels, layers, windows)];
  const grind = Buffer.alloc(8);
  grind.writeBigUInt64BE(BigInt(fields.whole('grind', 0, 2 ** 32 - 1)));
  const seed = sha256(root, grind);
  const zeros = Math.log2(windowLabels) + 6;
  demand(seed.readUInt32BE(0) < 2 ** (32 - zeros), 'GRIND_INVALID', 'seed without its zero bits');

  const draws = Array.from({ length: openings }, (_, draw) => sha256(encode(['hypermesh-space-open', 1, seed, draw])));
  const drawn = sorted(draws, windows, windowLabels);
  const list = fields.list('windows');
  demand(list.length === drawn.length, shape, 'other windows than drawn');
  const heads = drawn.map(([window, nodes], index) => {
    const part = new Reader(list[index]!, 'columns columnPath lastPath', malformed);
    const known = ascending(nodes.flatMap((node) => [node, ...nearOf(node), ...farOf(node, windowLabels)]));
    const columns = part.bytes('columns', known.length * layers * 32);
    const places = new Map(known.map((node, place) => [node, place]));
    const columnAt = (node: number) => columns.subarray(places.get(node)! * layers * 32).subarray(0, layers * 32);
    const label = (layer: number, node: number) => columnAt(node).subarray(32 * layer - 32, 32 * layer);
    const windowSeed = windowSeedOf(id, window);
    for (const node of nodes) {
      for (let layer = 1; layer <= layers; layer += 1) {
        const made = labelOf(windowSeed, layer, node, label, windowLabels);
        demand(same(made, label(layer, node)), 'LABEL_WRONG', `label ${layer} ${node} of window ${window}`);
      }
    }
    const columnLeaves = known.map((node) => leafOf(columnAt(node)));
    const lastLeaves = nodes.map((node) => leafOf(label(layers, node)));
    return Buffer.concat([
      rootOfLeaves(known, columnLeaves, windowLabels, part.bytes('columnPath'), shape),
      rootOfLeaves(nodes, lastLeaves, windowLabels, part.bytes('lastPath'), shape),
    ]);
  });
  const places = drawn.map(([window]) => window);
  const head = rootOfLeaves(places, heads.map(leafOf), windows, fields.bytes('path'), shape);
  demand(same(plotRootOf(id, head), root), 'OPENING_ROOT', 'paths lead to another root');
  return { owner, id, root, windowLabels, layers, windows, bytes: 32 * windowLabels * windows, openings };
}

/** A plot that answered, and how many labels were drawn. */
export interface Answered extends Plot {
  readonly answers: number;
}

/** Check an answer with the openings that it names. */
export function checkSpace(
  bytes: Uint8Array,
  challenge: Uint8Array,
  node: Uint8Array,
  attachments: Uint8Array[],
): Answered[] {
  demand(bytes.length <= 1_048_576, 'PROOF_TOO_LARGE', 'space');
  const fields = readProof(bytes, 'v kind challenge plots place');
  fields.text('kind', /^space$/);
  demand(same(fields.bytes('challenge', 32), challenge), 'CHALLENGE_MISMATCH', 'another challenge');
  const list = fields.list('plots', 4);
  demand(list.length > 0, 'NO_PLOTS', 'no plot');
  let before: Uint8Array | null = null;
  const answered: Answered[] = [];
  for (const value of list) {
    const part = new Reader(value, 'opening answers windows path', malformed);
    const name = part.bytes('opening', 32);
    const opening = attachments.find((attachment) => same(sha256(attachment), name));
    demand(opening !== undefined, 'OPENING_MISSING', 'no attachment of that name');
    const plot = checkOpening(opening);
    demand(same(plot.owner, node), 'PLOT_FOREIGN', 'a plot of another node');
    demand(before === null || Buffer.compare(before, plot.id) < 0, 'PLOT_REPEATED', 'plots out of order');
    answered.push({ ...plot, answers: checkAnswers(part, plot, challenge) });
    before = plot.id;
  }
  checkPlace(fields.value('place'), challenge, node);
  return answered;
}

function checkAnswers(part: Reader, plot: Plot, challenge: Uint8Array): number {
  const code = 'ANSWER_SHAPE';
  const answers = Array.from({ length: part.whole('answers', 1, 256) }, (_, draw) =>
    sha256(encode(['hypermesh-space-answer', 1, challenge, plot.root, draw])),
  );
  const drawn = sorted(answers, plot.windows, plot.windowLabels);
  const list = part.list('windows');
  demand(list.length === drawn.length, code, 'other windows than drawn');
  const heads = drawn.map(([, nodes], index) => {
    const window = new Reader(list[index]!, 'columnsRoot labels path', malformed);
    const labels = window.bytes('labels', 32 * nodes.length);
    const leaves = nodes.map((_, at) => leafOf(labels.subarray(32 * at, 32 * at + 32)));
    const last = rootOfLeaves(nodes, leaves, plot.windowLabels, window.bytes('path'), code);
    return leafOf(Buffer.concat([window.bytes('columnsRoot', 32), last]));
  });
  const places = drawn.map(([window]) => window);
  const head = rootOfLeaves(places, heads, plot.windows, part.bytes('path'), code);
  demand(same(plotRootOf(plot.id, head), plot.root), 'ANSWER_ROOT', 'paths lead to another root');
  return answers.length;
}

function checkPlace(value: Value, challenge: Uint8Array, node: Uint8Array): void {
  const place = new Reader(value, 'addresses witnesses', malformed);
  const isAddress = (address: Value) => typeof address === 'string' && /^[\x21-\x7e]{1,256}$/.test(address);
  demand(place.list('addresses', 16).every(isAddress), malformed, 'address');
  const seen = new Set([hex(node)]);
  for (const witness of place.list('witnesses', 8)) {
    const record = readWitness(witness);
    const fields = new Reader(record.value, 'challenge rttMs atMs', 'WITNESS_INVALID');
    const rtt = fields.value('rttMs');
    fields.whole('atMs');
    const fits = same(fields.bytes('challenge', 32), challenge) && typeof rtt === 'number' && rtt >= 0;
    demand(fits && !seen.has(hex(record.signer)), 'WITNESS_INVALID', 'another challenge, by the node, or twice');
    seen.add(hex(record.signer));
  }
}

/** Draws as windows with their nodes, all ascending and each once. */
function sorted(draws: Buffer[], windows: number, windowLabels: number): [window: number, nodes: number[]][] {
  const found = new Map<number, number[]>();
  for (const draw of draws) {
    const window = draw.readUInt32BE(0) % windows;
    found.set(window, [...(found.get(window) ?? []), draw.readUInt32BE(4) % windowLabels]);
  }
  return [...found].sort(([left], [right]) => left - right).map(([window, nodes]) => [window, ascending(nodes)]);
}

function ascending(numbers: number[]): number[] {
  return [...new Set(numbers)].sort((left, right) => left - right);
}

function u32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}
