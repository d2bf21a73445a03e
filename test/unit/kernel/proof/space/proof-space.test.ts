import { readFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode } from '@ipld/dag-cbor';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPlots, verifyOpening, verifySpace } from '../../../../../main/kernel/proof/space/index.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { challengeOf, contextOf, inlineWorkers, never, noProgress, unlimitedPace } from '../../../../support/plots.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

// A second program for docs/formats/proof-space.md, from the page alone: slow, short, and with other SHA-256 and CBOR calls.

interface Vector {
  ownerHex: string;
  nonceHex: string;
  windowLabels: number;
  layers: number;
  windows: number;
  openings: number;
  answers: number;
  challengeHashHex: string;
  plotIdHex: string;
  rootsHex: string;
  rootHex: string;
  openingHashHex: string;
  openingHex: string;
  proofHex: string;
}
const text = readFileSync(new URL('../../../../vectors/proof-space/tiny.json', import.meta.url), 'utf8');
const vector = JSON.parse(text) as Vector;
const [owner, nonce, challenge] = [vector.ownerHex, vector.nonceHex, vector.challengeHashHex].map(hexToBytes) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const { windowLabels: N, layers: L, windows: W } = vector;

const u32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
const read = (bytes: Uint8Array, at: number, length: number): number =>
  bytes.slice(at, at + length).reduce((sum, byte) => sum * 256 + byte, 0);
const list = (...items: unknown[]): Uint8Array => sha256(encode(items));

const graph = (node: number, part: number): Uint8Array =>
  sha256(concatBytes(new TextEncoder().encode('hypermesh-space-graph'), u32(node), Uint8Array.of(part)));
const far = (node: number): number[] => [0, 1, 2, 3, 4, 5, 6, 7].map((s) => read(graph(node, 0), 4 * s, 4) % N);
const near = (node: number): number[] => {
  if (node === 0) return [];
  if (node === 1) return [0, 0, 0, 0, 0, 0];
  const drawn = graph(node, 1);
  const depth = Math.floor(Math.log2(node)) + 1;
  return [
    node - 1,
    ...[0, 1, 2, 3, 4].map((s) => {
      const scale = 1 + (read(drawn, 20 + 2 * s, 2) % depth);
      const shortest = Math.max(2, 2 ** (scale - 1));
      const longest = Math.min(node, 2 ** scale);
      return node - shortest - (read(drawn, 4 * s, 4) % (longest - shortest + 1));
    }),
  ];
};
const plotId = list('hypermesh-space-plot', 1, owner, nonce, N, L, W);

/** Layers of a window. */
const windowOf = (window: number): Uint8Array[][] => {
  const seed = list('hypermesh-space-window', 1, plotId, window);
  const layers: Uint8Array[][] = [];
  for (let layer = 1; layer <= L; layer++) {
    const own: Uint8Array[] = [];
    for (let node = 0; node < N; node++)
      own.push(
        sha256(
          concatBytes(
            seed,
            u32(layer),
            u32(node),
            ...(node === 0 ? [new Uint8Array(192)] : near(node).map((parent) => own[parent] as Uint8Array)),
            ...(layer === 1 ? [] : far(node).map((parent) => layers[layer - 2]?.[parent] as Uint8Array)),
          ),
        ),
      );
    layers.push(own);
  }
  return layers;
};
const leaf = (data: Uint8Array): Uint8Array => sha256(concatBytes(Uint8Array.of(0), data));
/** Levels of a tree, leaves first. */
const levelsOf = (leaves: Uint8Array[]): Uint8Array[][] => {
  const levels = [leaves];
  for (let level = leaves; level.length > 1; levels.push(level)) {
    const below = level;
    level = Array.from({ length: Math.ceil(below.length / 2) }, (_, pair) => {
      const [left, right] = [below[2 * pair] as Uint8Array, below[2 * pair + 1]];
      return right === undefined ? left : sha256(concatBytes(Uint8Array.of(1), left, right));
    });
  }
  return levels;
};
const rootOf = (levels: Uint8Array[][]): Uint8Array => levels.at(-1)?.[0] as Uint8Array;
/** The hashes that a reader cannot make from the leaves at these places. */
const pathOf = (levels: Uint8Array[][], places: number[]): Uint8Array => {
  const path: Uint8Array[] = [];
  let known = new Set(places);
  for (const level of levels.slice(0, -1)) {
    for (const place of [...known].toSorted((a, b) => a - b)) {
      const sibling = level[place ^ 1];
      if (!known.has(place ^ 1) && sibling !== undefined) path.push(sibling);
    }
    known = new Set([...known].map((place) => place >> 1));
  }
  return concatBytes(...path);
};
const ascending = (values: Iterable<number>): number[] => [...new Set(values)].toSorted((a, b) => a - b);
const drawsOf = (tag: string, count: number, ...parts: Uint8Array[]): Map<number, number[]> => {
  const draws = Array.from({ length: count }, (_, t) => list(tag, 1, ...parts, t)).map(
    (hash) => [read(hash, 0, 4) % W, read(hash, 4, 4) % N] as const,
  );
  return new Map(
    ascending(draws.map(([window]) => window)).map((window) => [
      window,
      ascending(draws.filter(([other]) => other === window).map(([, node]) => node)),
    ]),
  );
};

describe('the format page of proofs of space', () => {
  const windows = Array.from({ length: W }, (_, window) => windowOf(window));
  const columnsOf = (layers: Uint8Array[][], node: number): Uint8Array =>
    concatBytes(...layers.map((layer) => layer[node] as Uint8Array));
  const columnTrees = windows.map((layers) =>
    levelsOf(Array.from({ length: N }, (_, i) => leaf(columnsOf(layers, i)))),
  );
  const lastTrees = windows.map((layers) => levelsOf((layers[L - 1] as Uint8Array[]).map(leaf)));
  const roots = windows.map((_, w) =>
    concatBytes(rootOf(columnTrees[w] as Uint8Array[][]), rootOf(lastTrees[w] as Uint8Array[][])),
  );
  const head = levelsOf(roots.map(leaf));
  const root = list('hypermesh-space-root', 1, plotId, rootOf(head));
  let made: { opening: Uint8Array; proof: Uint8Array };

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hypermesh-plots-'));
    const plots = createPlots(
      {
        outside: { clock: createManualClock(), random: { bytes: () => nonce, below: () => 0 } },
        logger: createSilentLogger(),
        workers: inlineWorkers(),
        metrics: null,
      },
      { folder, windowLabels: N, layers: L, openings: vector.openings, answers: vector.answers, reserveBytes: 0 },
    );
    try {
      await plots.open();
      await plots.setSize(W * N * 32, owner, unlimitedPace, noProgress, never());
      const place = { addresses: ['/ip4/192.0.2.1/udp/4001/quic-v1'], witnesses: [] };
      const { proof } = await plots.prove(challengeOf(owner), challenge, unlimitedPace, noProgress, never(), place);
      made = { proof, opening: (await plots.commitments())[0]?.opening as Uint8Array };
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('draws the parents of the worked example', () => {
    const page = readFileSync(new URL('../../../../../docs/formats/proof-space.md', import.meta.url), 'utf8');
    for (const node of [0, 1, 2, 3, 200]) {
      const line = page.split('\n').find((found) => found.startsWith(`parents of node ${node} `)) ?? '';
      expect(line.match(/near ([\d ]+?) +far/)?.[1] ?? '').toBe(near(node).join(' '));
      expect(line.match(/far +([\d ]+)$/)?.[1]).toBe(far(node).join(' '));
    }
    // What the page quotes is what the vector holds.
    for (const quoted of [vector.plotIdHex, vector.rootHex, vector.openingHashHex]) expect(page).toContain(quoted);
  });

  it('gives names and roots of the vector', () => {
    expect(bytesToHex(plotId)).toBe(vector.plotIdHex);
    expect(bytesToHex(concatBytes(...roots))).toBe(vector.rootsHex);
    expect(bytesToHex(root)).toBe(vector.rootHex);
  });

  it('gives the opening of the vector, byte by byte', () => {
    let grind = -1;
    let seed: Uint8Array;
    do {
      grind += 1;
      seed = sha256(concatBytes(root, u32(0), u32(grind)));
    } while (Math.clz32(read(seed, 0, 4)) < Math.log2(N) + 6);
    const drawn = drawsOf('hypermesh-space-open', vector.openings, seed);
    const opening = encode({
      v: 1,
      kind: 'space-opening',
      plot: { owner, nonce, windowLabels: N, layers: L, windows: W },
      openings: vector.openings,
      root,
      grind,
      windows: [...drawn].map(([window, nodes]) => {
        const layers = windows[window] as Uint8Array[][];
        const shown = ascending(nodes.flatMap((node) => [node, ...near(node), ...far(node)]));
        return {
          columns: concatBytes(...shown.map((node) => columnsOf(layers, node))),
          columnPath: pathOf(columnTrees[window] as Uint8Array[][], shown),
          lastPath: pathOf(lastTrees[window] as Uint8Array[][], nodes),
        };
      }),
      path: pathOf(head, [...drawn.keys()]),
    });
    expect(bytesToHex(opening)).toBe(vector.openingHex);
    expect(bytesToHex(sha256(opening))).toBe(vector.openingHashHex);
    expect(bytesToHex(made.opening)).toBe(vector.openingHex);
    expect(verifyOpening(opening, { windowLabelsMin: 1, openingsMin: 1 }).finding).toMatchObject({ passed: true });
  });

  it('gives the answer of the vector, byte by byte', () => {
    const drawn = drawsOf('hypermesh-space-answer', vector.answers, challenge, root);
    const proof = encode({
      v: 1,
      kind: 'space',
      challenge,
      plots: [
        {
          opening: hexToBytes(vector.openingHashHex),
          answers: vector.answers,
          windows: [...drawn].map(([window, nodes]) => ({
            columnsRoot: rootOf(columnTrees[window] as Uint8Array[][]),
            labels: concatBytes(...nodes.map((node) => windows[window]?.[L - 1]?.[node] as Uint8Array)),
            path: pathOf(lastTrees[window] as Uint8Array[][], nodes),
          })),
          path: pathOf(head, [...drawn.keys()]),
        },
      ],
      place: { addresses: ['/ip4/192.0.2.1/udp/4001/quic-v1'], witnesses: [] },
    });
    expect(bytesToHex(proof)).toBe(vector.proofHex);
    expect(bytesToHex(made.proof)).toBe(vector.proofHex);
    const context = contextOf(challengeOf(owner), new Map([[vector.openingHashHex, hexToBytes(vector.openingHex)]]));
    expect(verifySpace(proof, { ...context, challengeHash: challenge })).toMatchObject({
      passed: true,
      shown: { bytes: W * N * 32 },
    });
    expect(decode(proof)).toMatchObject({ kind: 'space' });
  });
});
