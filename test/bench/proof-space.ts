import { hash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { createSystemOutside, createWorkerPool } from '../../main/base/index.ts';
import { challengeHashOf, DEFAULT_REQUIREMENTS, type Pace } from '../../main/kernel/proof/index.ts';
import { LAYERS_DEFAULT, WINDOW_LABELS_DEFAULT } from '../../main/kernel/proof/space/constants.ts';
import { windowCompressions } from '../../main/kernel/proof/space/deadline.ts';
import { NEAR_PARENTS } from '../../main/kernel/proof/space/format.ts';
import { fillParents, PARENTS } from '../../main/kernel/proof/space/generate-graph.ts';
import { answerMsMaxOf, createPlots, verifySpace } from '../../main/kernel/proof/space/index.ts';
import { createWindowMaker } from '../../main/kernel/proof/space/plot-window.ts';
import { createSha256Engine } from '../../main/kernel/proof/sha256/index.ts';
import { challengeOf, contextOf, keyOf, never, noProgress } from '../support/plots.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { type Figure, percentile } from './figure.ts';

const MIB = 1024 * 1024;
const ROUNDS = 15;

/** Makes reads go to the disk. @returns false where this user may not */
const dropCaches = async (): Promise<boolean> => {
  try {
    await writeFile('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
};
/** Shortest of several runs, in ns an item. */
const bestNs = (rounds: number, items: number, run: () => void): number => {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now();
    run();
    best = Math.min(best, ((performance.now() - startMs) * 1e6) / items);
  }
  return best;
};
/** Processor time of this process, ms: what a busy machine does not lengthen. */
const processorMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
/** What an attacker has: the platform's SHA-256 over one long message, ns for 64 bytes. */
const compressionNs = (): number => {
  const message = new Uint8Array(4 * MIB);
  return bestNs(10, message.length / 64, () => hash('sha256', message, 'buffer'));
};

/** Sequential hashing: what a chain of time and a plot are made of. */
export const benchSequentialHash = (): Promise<readonly Figure[]> => {
  const engine = createSha256Engine();
  const start = new Uint8Array(32);
  const ours = bestNs(40, 20_000, () => engine.chain(start, 20_000)) / 1000;
  const platform =
    bestNs(40, 5000, () => {
      let state: Uint8Array = start;
      for (let step = 0; step < 5000; step++) state = hash('sha256', state, 'buffer');
    }) / 1000;
  const attacker = compressionNs() / 1000;
  return Promise.resolve([
    {
      name: 'sequential SHA-256, one step, against node:crypto',
      unit: 'us',
      value: ours,
      peer: { name: 'node:crypto hash', value: platform },
      ratio: ours / platform,
      target: 'quicker than calls of the platform',
      reached: ours < platform,
    },
    {
      name: 'sequential SHA-256, one step, against the processor’s instructions',
      unit: 'us',
      value: ours,
      peer: { name: 'OpenSSL over one long message', value: attacker },
      ratio: ours / attacker,
      target: 'information: how much quicker an attacker’s own program can be',
    },
  ]);
};

/** Share of a window's labels that must be computed for one label, when only `keeps` are stored. */
const shareToCompute = (
  parents: Uint32Array,
  windowLabels: number,
  layers: number,
  wanted: number,
  keeps: (layer: number, node: number) => boolean,
): number => {
  let needed = new Uint8Array(windowLabels);
  needed[wanted] = 1;
  let computed = 0;
  for (let layer = layers; layer >= 1; layer--) {
    const below = new Uint8Array(windowLabels);
    for (let node = windowLabels - 1; node >= 0; node--) {
      if (needed[node] === 0 || keeps(layer, node)) continue;
      computed += 1;
      for (let slot = 0; slot < PARENTS; slot++) {
        const parent = parents[node * PARENTS + slot] as number;
        if (slot >= NEAR_PARENTS) below[parent] = 1;
        else if (node > 0) needed[parent] = 1;
      }
    }
    needed = below;
  }
  return computed / (windowLabels * layers);
};

/** Plotting, answering, checking; and computing instead of reading. */
export const benchSpace = async (): Promise<readonly Figure[]> => {
  const windowLabels = WINDOW_LABELS_DEFAULT;
  const layers = LAYERS_DEFAULT;
  const windowBytes = windowLabels * 32;
  const { clock, random } = createSystemOutside();
  const logger = createSilentLogger();
  const workers = createWorkerPool(
    { logger, metrics: null, clock },
    { workerPath: fileURLToPath(new URL('../support/space-worker.ts', import.meta.url)), size: 1 },
  );
  const folder = await mkdtemp(join(tmpdir(), 'hypermesh-bench-space-'));
  let slices: { wallMs: number; processorMs: number }[] = [];
  const pace: Pace = {
    slice: async (work) => {
      const startMs = performance.now();
      const before = processorMs();
      const result = await work();
      slices.push({ wallMs: performance.now() - startMs, processorMs: processorMs() - before });
      return result;
    },
  };
  try {
    const plots = createPlots({ outside: { clock, random }, logger, workers, metrics: null }, { folder });
    await plots.open();
    const owner = keyOf('bench');
    // Two windows, so that one is computed again for the opening, as in any larger plot.
    const before = processorMs();
    await plots.setSize(2 * windowBytes, owner, pace, noProgress, never());
    const plotMs = processorMs() - before;
    const sliceMs = percentile(
      slices.map((slice) => slice.processorMs),
      0.99,
    );
    const maker = createWindowMaker(workers, pace, { windowLabels, layers });
    await maker.compute(owner, 0, noProgress);
    const computeBefore = processorMs();
    // The graph is there by now, as it is for whoever computes windows all day.
    await maker.compute(owner, 1, noProgress);
    const regenerateMs = processorMs() - computeBefore;

    const cold = await dropCaches();
    const answerMs: number[] = [];
    const verifyMs: number[] = [];
    let sizes = { opening: 0, answer: 0 };
    for (let round = 0; round < ROUNDS; round++) {
      const challenge = challengeOf(owner, { nonce: random.bytes(32) });
      if (cold) await dropCaches();
      slices = [];
      const { proof, attachments } = await plots.prove(
        challenge,
        challengeHashOf(challenge),
        pace,
        noProgress,
        never(),
      );
      answerMs.push(slices.reduce((sum, { wallMs }) => sum + wallMs, 0));
      const context = { ...contextOf(challenge, attachments), requirements: DEFAULT_REQUIREMENTS };
      const checkMs = processorMs();
      const finding = verifySpace(proof, context);
      verifyMs.push(processorMs() - checkMs);
      if (!finding.passed) throw new Error(finding.reason);
      sizes = { opening: [...attachments.values()].reduce((sum, { length }) => sum + length, 0), answer: proof.length };
    }
    const answer = percentile(answerMs, 0.5);
    const leaf = answer / 64;

    // The strongest attacker here: a program without any overhead, on the processor's own instructions.
    const nativeMs = (windowCompressions(windowLabels, layers) * compressionNs()) / 1e6;
    const parents = new Uint32Array(windowLabels * PARENTS);
    fillParents(parents, windowLabels, 0, windowLabels);
    const wanted = windowLabels - 1 - 2 * Math.floor(windowLabels / 5);
    const share = (keeps: (layer: number, node: number) => boolean): number =>
      shareToCompute(parents, windowLabels, layers, wanted, keeps);
    const attackers: [string, number][] = [
      ['half of the labels', share((layer, node) => layer === layers && node % 2 === 0 && node !== wanted)],
      ['nine tenths of the labels', share((layer, node) => layer === layers && node % 10 !== 0 && node !== wanted)],
      ['nine tenths of the layer below', share((layer, node) => layer === layers - 1 && node % 10 !== 0)],
    ];
    const from = cold ? 'from disk, caches dropped' : 'from the page cache';
    return [
      {
        name: 'space plotted per second of a processor, its opening included',
        unit: 'MiB',
        value: (2 * windowBytes) / MIB / (plotMs / 1000),
        target: 'information',
      },
      {
        name: 'space, slice of plotting, processor time, p99',
        unit: 'ms',
        value: sliceMs,
        target: 'at most 100',
        reached: sliceMs <= 100,
      },
      {
        name: `space, answer of 64 labels ${from}`,
        unit: 'ms',
        value: answer,
        peer: { name: 'computing one window in the app, processor time', value: regenerateMs },
        ratio: regenerateMs / answer,
        target: 'computing takes 100 times as long or more',
        reached: regenerateMs / answer >= 100,
      },
      {
        name: `space, one label ${from}`,
        unit: 'ms',
        value: leaf,
        peer: { name: 'computing its window on bare SHA instructions', value: nativeMs },
        ratio: nativeMs / leaf,
        target: 'computing takes 100 times as long or more',
        reached: nativeMs / leaf >= 100,
      },
      ...attackers.map(
        ([kept, part]): Figure => ({
          name: `space, one missing label on bare SHA instructions, keeping ${kept}`,
          unit: 'ms',
          value: nativeMs * part,
          peer: { name: `one label ${from}`, value: leaf },
          ratio: (nativeMs * part) / leaf,
          target: 'reading is 100 times quicker or more',
          reached: (nativeMs * part) / leaf >= 100,
        }),
      ),
      {
        name: 'space, deadline of an answer at the usual sizes',
        unit: 'ms',
        value: answerMsMaxOf(windowLabels, layers),
        peer: { name: `answer ${from}, p99`, value: percentile(answerMs, 0.99) },
        target: 'above the answer, below the computing',
        reached:
          percentile(answerMs, 0.99) < answerMsMaxOf(windowLabels, layers) &&
          answerMsMaxOf(windowLabels, layers) < nativeMs,
      },
      {
        name: 'space, check of a proof, processor time, p50',
        unit: 'ms',
        value: percentile(verifyMs, 0.5),
        target: 'below 60',
        reached: percentile(verifyMs, 0.5) < 60,
      },
      { name: 'space, bytes of an answer', unit: 'count', value: sizes.answer, target: 'information' },
      {
        name: 'space, bytes of an opening',
        unit: 'count',
        value: sizes.opening,
        target: 'below a megabyte',
        reached: sizes.opening < 1e6,
      },
    ];
  } finally {
    await workers.close();
    await rm(folder, { recursive: true });
  }
};
