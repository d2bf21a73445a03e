import { mkdir, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, isNodeError, messageOf, sha256 } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import { ProofError, ProofFormatError } from '../errors.ts';
import type { Pace, Progress } from '../interface.ts';
import {
  ANSWERS_DEFAULT,
  GRIND_SLICE,
  LAYERS_DEFAULT,
  OPENINGS_DEFAULT,
  RESERVE_BYTES_DEFAULT,
  SMALL_WINDOW_LABELS,
  WINDOW_LABELS_DEFAULT,
} from './constants.ts';
import { SpaceError } from './errors.ts';
import {
  decodeOpening,
  decodePlan,
  decodePlotFile,
  encodeOpening,
  encodePlan,
  encodePlotFile,
  encodeSpaceProof,
  LABEL_BYTES,
  OPENING_BYTES_MAX,
  type OpenedWindow,
  PLOTS_MAX,
  type PlotAnswer,
  type PlotDescription,
  plotBytes,
  WINDOW_LABELS_MIN,
  WINDOWS_MAX,
  windowFileBytes,
  windowHeader,
} from './format.ts';
import { drawColumns, drawLabels, grindBitsOf, plotIdOf, plotRootOf, windowLevels } from './generate-draws.ts';
import { siblingsOf } from './generate-paths.ts';
import type { PlotCommitment, Plots, PlotsComponents, PlotsInit, PlotView } from './interface.ts';
import { PlotFolder } from './plot-folder.ts';
import { createWindowMaker, type WindowMaker } from './plot-window.ts';
import type { ReadAnswer, ReadAnswersInput } from './read-answers.ts';
import type { GrindInput } from './tasks.ts';

interface WholePlot {
  id: Uint8Array;
  name: string;
  plot: PlotDescription;
  /** 64 bytes a window. */
  roots: Uint8Array;
  root: Uint8Array;
  openingHash: Uint8Array;
  folder: PlotFolder;
  bad: Set<number>;
}
interface BegunPlot {
  id: Uint8Array;
  name: string;
  plot: PlotDescription;
  folder: PlotFolder;
}

const NAME = /^[0-9a-f]{64}$/;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const rootsOf = (roots: Uint8Array, window: number): Uint8Array =>
  roots.subarray(window * 2 * LABEL_BYTES, (window + 1) * 2 * LABEL_BYTES);
const plotRootFrom = (id: Uint8Array, roots: Uint8Array): Uint8Array =>
  plotRootOf(id, windowLevels(roots).at(-1)?.[0] as Uint8Array);
/** Siblings of the tree over windows. */
const windowPath = (roots: Uint8Array, windows: readonly number[]): Uint8Array => {
  const levels = windowLevels(roots);
  return siblingsOf(roots.length / (2 * LABEL_BYTES), windows, (level, index) => levels[level]?.[index] as Uint8Array);
};

/** @see Plots */
export const createPlots = (
  { outside, logger, workers, metrics }: PlotsComponents,
  {
    folder,
    windowLabels: usualLabels = WINDOW_LABELS_DEFAULT,
    layers = LAYERS_DEFAULT,
    openings = OPENINGS_DEFAULT,
    answers = ANSWERS_DEFAULT,
    reserveBytes = RESERVE_BYTES_DEFAULT,
    smallWindowLabels = SMALL_WINDOW_LABELS,
  }: PlotsInit,
): Plots => {
  assert(
    usualLabels >= WINDOW_LABELS_MIN && Number.isInteger(Math.log2(usualLabels)),
    'the labels of a window are a power of two',
  );
  let whole = new Map<string, WholePlot>();
  let begun = new Map<string, BegunPlot>();
  let busy = false;
  let closed = false;

  const notWritten = (error: unknown): SpaceError =>
    new SpaceError(
      { code: 'PLOT_NOT_WRITTEN', reason: messageOf(error) },
      `The folder of plots could not be used (${messageOf(error)}); check its disk and its permissions.`,
      { cause: error },
    );
  /** Errors of the system become ours; ours, and the reason of a signal, stay. */
  const onDisk = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (isNodeError(error) || (error as NodeJS.ErrnoException | null)?.syscall === undefined) throw error;
      throw notWritten(error);
    }
  };
  const demandOpen = (): void => {
    if (closed)
      throw new SpaceError({ code: 'PLOTS_CLOSED' }, 'The node is stopping, so nothing is plotted or answered now.');
  };
  const exclusively = async <T>(work: () => Promise<T>): Promise<T> => {
    demandOpen();
    if (busy) throw new SpaceError({ code: 'PLOTS_BUSY' }, 'Space is being plotted already; wait for it or cancel it.');
    busy = true;
    try {
      return await onDisk(work);
    } finally {
      busy = false;
      metrics?.plottedBytes.set([...whole.values()].reduce((sum, { plot }) => sum + plotBytes(plot), 0));
    }
  };

  const readPlot = async (name: string): Promise<void> => {
    const place = new PlotFolder(join(folder, name));
    await place.sweep();
    const encoded = await place.readPlot();
    const plan = encoded === null ? await place.readPlan() : null;
    if (encoded === null && plan === null) {
      // A crash before the plan, or while the plot was being removed.
      if (!(await place.remove())) logger.warn('Folder of a plot holds what is not ours', { name });
      return;
    }
    if (encoded === null) {
      const plot = decodePlan(plan as Uint8Array);
      const id = plotIdOf(plot);
      if (hex(id) === name) begun.set(name, { id, name, plot, folder: place });
      else await place.remove();
      return;
    }
    const { plot, roots, opening } = decodePlotFile(encoded);
    const id = plotIdOf(plot);
    const root = plotRootFrom(id, roots);
    const { root: openedRoot } = decodeOpening(opening);
    if (hex(id) !== name || !same(root, openedRoot)) throw new Error('its parts do not belong together');
    await place.dropPlan();
    const bad = new Set<number>();
    for (let window = 0; window < plot.windows; window++)
      if (!(await place.hasWindow(window, plot.windowLabels))) bad.add(window);
    if (bad.size > 0) logger.error('Windows of a plot are missing', { plot: name, windows: bad.size });
    whole.set(name, { id, name, plot, roots, root, openingHash: sha256(opening), folder: place, bad });
  };

  const sorted = (): WholePlot[] => [...whole.values()].toSorted((a, b) => Buffer.compare(a.id, b.id));
  const ownedBy = (owner: KeyIdBytes): WholePlot[] => sorted().filter(({ plot }) => same(plot.owner, owner));
  const viewOf = ({ name, plot, root, bad }: WholePlot): PlotView => ({
    id: name,
    owner: plot.owner,
    bytes: plotBytes(plot),
    windows: plot.windows,
    windowLabels: plot.windowLabels,
    layers: plot.layers,
    root,
    badWindows: [...bad].toSorted((a, b) => a - b),
  });

  const demandRoom = async (neededBytes: number): Promise<void> => {
    const { bavail, bsize } = await statfs(folder);
    const freeBytes = bavail * bsize;
    if (freeBytes >= neededBytes + reserveBytes) return;
    throw new SpaceError(
      { code: 'DISK_FULL', neededBytes: neededBytes + reserveBytes, freeBytes },
      `The disk has ${Math.floor(freeBytes / 2 ** 20)} MiB free, and plotting needs ${Math.ceil((neededBytes + reserveBytes) / 2 ** 20)} MiB with what is kept free beside it; free some, or give proofs less space.`,
    );
  };
  /** A full disk leaves nothing half-made. */
  const unlessFull = async <T>(plot: BegunPlot, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException | null)?.code;
      if (code !== 'ENOSPC' && code !== 'EDQUOT' && code !== 'DISK_FULL') throw error;
      await plot.folder.remove();
      begun.delete(plot.name);
      if (error instanceof SpaceError) throw error;
      const { bavail, bsize } = await statfs(folder);
      throw new SpaceError(
        { code: 'DISK_FULL', neededBytes: windowFileBytes(plot.plot.windowLabels), freeBytes: bavail * bsize },
        'The disk became full while space was plotted, and what was half-made is removed; free some, or give proofs less space.',
        { cause: error },
      );
    }
  };
  const damaged = (window: number): SpaceError =>
    new SpaceError(
      { code: 'PLOT_DAMAGED', window },
      `Window ${window} came out other than before, which the memory or the disk of this machine must have done; test both.`,
    );

  const removePlot = async (plot: WholePlot | BegunPlot): Promise<void> => {
    whole.delete(plot.name);
    begun.delete(plot.name);
    if (!(await plot.folder.remove())) logger.warn('Folder of a plot holds what is not ours', { name: plot.name });
  };

  /** Makes damaged windows of a plot again: the same seed gives the same labels. */
  const repair = async (
    { id, plot, roots, folder: place, bad }: WholePlot,
    maker: WindowMaker,
    step: (share: number) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    for (const window of [...bad].toSorted((a, b) => a - b)) {
      signal.throwIfAborted();
      await demandRoom(windowFileBytes(plot.windowLabels));
      await maker.compute(id, window, step);
      const made = maker.roots();
      if (!same(made, rootsOf(roots, window))) throw damaged(window);
      await place.writeWindow(id, window, plot, maker.content(), made.subarray(0, LABEL_BYTES));
      bad.delete(window);
      metrics?.windows.inc();
      logger.info('Damaged window made again', { window });
    }
  };

  /** Looks for the number that makes columns be drawn, which costs about as much as a window. */
  const grind = async (root: Uint8Array, windowLabels: number, pace: Pace, signal: AbortSignal): Promise<number> => {
    const bits = grindBitsOf(windowLabels);
    for (let first = 0; first < 2 ** 32; first += GRIND_SLICE) {
      signal.throwIfAborted();
      const found = await pace.slice(() =>
        workers.run<GrindInput, number | null>('space.grind', { root, first, count: GRIND_SLICE, bits }),
      );
      if (found !== null) return found;
    }
    // At 28 bits, which the largest windows ask for, this happens once in e^16 roots.
    throw new Error('no number gives the zero bits; plot again');
  };

  const make = async (begunPlot: BegunPlot, pace: Pace, progress: Progress, signal: AbortSignal): Promise<void> => {
    const { id, name, plot, folder: place } = begunPlot;
    const maker = createWindowMaker(workers, pace, plot);
    const roots = new Uint8Array(plot.windows * 2 * LABEL_BYTES);
    // Windows that are drawn are computed a second time, as only their last layer was kept.
    const units = plot.windows + Math.min(plot.windows, openings);
    let done = 0;
    const step = (share: number): void => progress(Math.min(99, ((done + share) / units) * 100));
    let inMemory = -1;
    for (let window = 0; window < plot.windows; window++) {
      signal.throwIfAborted();
      const there = await place.windowEnds(id, window, plot);
      if (there === null) {
        await unlessFull(begunPlot, () => demandRoom(windowFileBytes(plot.windowLabels)));
        await maker.compute(id, window, step);
        inMemory = window;
        const made = maker.roots();
        roots.set(made, window * 2 * LABEL_BYTES);
        await unlessFull(begunPlot, () =>
          place.writeWindow(id, window, plot, maker.content(), made.subarray(0, LABEL_BYTES)),
        );
        metrics?.windows.inc();
      } else {
        roots.set(there.columnsRoot, window * 2 * LABEL_BYTES);
        roots.set(there.lastRoot, window * 2 * LABEL_BYTES + LABEL_BYTES);
      }
      done += 1;
      step(0);
    }
    const root = plotRootFrom(id, roots);
    const number = await grind(root, plot.windowLabels, pace, signal);
    const draws = drawColumns(plot, openings, root, number);
    const opened = new Map<number, OpenedWindow>();
    // The window that is still in memory first: it need not be computed again.
    for (const [window, positions] of [...draws].toSorted(
      ([a], [b]) => Number(b === inMemory) - Number(a === inMemory),
    )) {
      signal.throwIfAborted();
      if (window !== inMemory) {
        await maker.compute(id, window, step);
        inMemory = window;
      }
      if (!same(maker.roots(), rootsOf(roots, window))) {
        await place.setAside(window);
        throw damaged(window);
      }
      opened.set(window, await maker.open(positions));
      done += 1;
      step(0);
    }
    const windows = [...draws.keys()];
    const opening = encodeOpening({
      plot,
      openings,
      root,
      grind: number,
      windows: windows.map((window) => opened.get(window) as OpenedWindow),
      path: windowPath(roots, windows),
    });
    await unlessFull(begunPlot, () => place.commit(encodePlotFile({ plot, roots, opening })));
    begun.delete(name);
    whole.set(name, { id, name, plot, roots, root, openingHash: sha256(opening), folder: place, bad: new Set() });
    logger.info('Space plotted', { plot: name, bytes: plotBytes(plot), openingBytes: opening.length });
    progress(100);
  };

  /** Labels of a window where the owner gives so much; 0 when it is too little for any. */
  const labelsFor = (bytes: number): number => {
    const labels = 2 ** Math.floor(Math.log2(Math.max(1, bytes / LABEL_BYTES)));
    if (labels >= usualLabels) return usualLabels;
    return labels >= smallWindowLabels ? labels : 0;
  };

  const grow = async (
    windows: number,
    windowLabels: number,
    owner: KeyIdBytes,
    pace: Pace,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void> => {
    let target: BegunPlot | null = null;
    for (const candidate of begun.values()) {
      if (!same(candidate.plot.owner, owner)) continue;
      const { plot } = candidate;
      if (target === null && plot.windows === windows && plot.windowLabels === windowLabels && plot.layers === layers)
        target = candidate;
      else await removePlot(candidate);
    }
    if (target === null) {
      await demandRoom(windows * windowFileBytes(windowLabels) + OPENING_BYTES_MAX);
      const plot: PlotDescription = { owner, nonce: outside.random.bytes(32), windowLabels, layers, windows };
      const id = plotIdOf(plot);
      const fresh: BegunPlot = { id, name: hex(id), plot, folder: new PlotFolder(join(folder, hex(id))) };
      await unlessFull(fresh, () => fresh.folder.begin(encodePlan(plot)));
      begun.set(fresh.name, fresh);
      target = fresh;
    }
    await make(target, pace, progress, signal);
  };

  const sizeOf = (plots: readonly WholePlot[]): number => plots.reduce((sum, { plot }) => sum + plotBytes(plot), 0);

  const setSize: Plots['setSize'] = (bytes, owner, pace, progress, signal) =>
    exclusively(async () => {
      const bytesMax = PLOTS_MAX * WINDOWS_MAX * usualLabels * LABEL_BYTES;
      if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > bytesMax)
        throw new SpaceError(
          { code: 'SIZE_INVALID', bytes, bytesMax },
          `Proofs of space take a whole number of bytes, at most ${bytesMax}.`,
        );
      const windowLabels = labelsFor(bytes);
      const windowBytes = windowLabels * LABEL_BYTES;
      for (;;) {
        signal.throwIfAborted();
        const own = ownedBy(owner).toSorted((a, b) => plotBytes(a.plot) - plotBytes(b.plot));
        const excess = sizeOf(own) - bytes;
        // Windows that were small because little was given are not kept beside usual ones: they are computed too quickly.
        const small = own.find(({ plot }) => windowLabels > 0 && plot.windowLabels < windowLabels);
        if (excess > 0) {
          const least = own.find(({ plot }) => plotBytes(plot) >= excess) ?? own.at(-1);
          await removePlot(least as WholePlot);
          continue;
        }
        if (small !== undefined) {
          await removePlot(small);
          continue;
        }
        const missing = windowBytes === 0 ? 0 : Math.floor(-excess / windowBytes);
        if (missing === 0) break;
        if (own.length >= PLOTS_MAX) {
          // Many small plots become few large ones: each carries an opening.
          await removePlot(own[0] as WholePlot);
          continue;
        }
        await grow(Math.min(missing, WINDOWS_MAX), windowLabels, owner, pace, progress, signal);
      }
      for (const candidate of begun.values()) if (same(candidate.plot.owner, owner)) await removePlot(candidate);
      for (const plot of ownedBy(owner)) {
        if (plot.bad.size === 0) continue;
        const maker = createWindowMaker(workers, pace, plot.plot);
        await repair(plot, maker, (share) => progress(share * 100), signal);
      }
      return ownedBy(owner).map(viewOf);
    });

  const markBad = async ({ name, folder: place, bad }: WholePlot, window: number, reason: string): Promise<void> => {
    if (bad.has(window)) return;
    bad.add(window);
    metrics?.damaged.inc();
    logger.error('Window of a plot is damaged and does not answer until it is made again', {
      plot: name,
      window,
      reason,
    });
    await place.setAside(window).catch((error: unknown) => {
      logger.warn('Damaged window could not be set aside', { reason: messageOf(error) });
    });
  };

  /** @returns null, and says so, when the plot's file does not hold the opening any more */
  const openingOf = async ({ name, folder: place, openingHash }: WholePlot): Promise<Uint8Array | null> => {
    let reason = 'its opening is another';
    try {
      const encoded = await place.readPlot();
      const opening = encoded === null ? null : decodePlotFile(encoded).opening;
      if (opening !== null && same(sha256(opening), openingHash)) return opening;
    } catch (error) {
      if (!(error instanceof ProofFormatError)) throw error;
      reason = messageOf(error);
    }
    if (whole.has(name))
      logger.error('File of a plot is damaged; give its space anew to plot again', { plot: name, reason });
    return null;
  };

  const answer = async (of: WholePlot, challengeHash: Uint8Array, pace: Pace): Promise<PlotAnswer | null> => {
    const { id, plot, roots, root, openingHash, folder: place } = of;
    const draws = [...drawLabels(plot, answers, challengeHash, root)];
    const found = await pace.slice(() =>
      workers.run<ReadAnswersInput, ReadAnswer[]>('space.readAnswers', {
        windowLabels: plot.windowLabels,
        windows: draws.map(([window, positions]) => ({
          path: place.windowPath(window),
          positions,
          header: windowHeader(id, window, plot),
          lastRoot: rootsOf(roots, window).slice(LABEL_BYTES),
        })),
      }),
    );
    const windows: PlotAnswer['windows'][number][] = [];
    for (const [order, read] of found.entries()) {
      const window = draws[order]?.[0] as number;
      if (read.ok)
        windows.push({
          columnsRoot: rootsOf(roots, window).slice(0, LABEL_BYTES),
          labels: read.labels,
          path: read.path,
        });
      // A plot may have been removed while it was read: that is no damage.
      else if (whole.has(of.name)) await markBad(of, window, read.reason);
    }
    if (windows.length < draws.length) return null;
    return {
      opening: openingHash,
      answers,
      windows,
      path: windowPath(
        roots,
        draws.map(([window]) => window),
      ),
    };
  };

  const prove: Plots['prove'] = async (challenge, challengeHash, pace, progress, signal, place) => {
    demandOpen();
    const startedAtMs = outside.clock.monotonicMs();
    // More than are proved at once are there only where settings changed: the largest count.
    const usable = ownedBy(challenge.node)
      .filter(({ bad }) => bad.size === 0)
      .toSorted((a, b) => plotBytes(b.plot) - plotBytes(a.plot))
      .slice(0, PLOTS_MAX)
      .toSorted((a, b) => Buffer.compare(a.id, b.id));
    const plots: PlotAnswer[] = [];
    const attachments = new Map<string, Uint8Array>();
    for (const [order, plot] of usable.entries()) {
      signal.throwIfAborted();
      const made = await answer(plot, challengeHash, pace);
      const opening = made === null ? null : await onDisk(() => openingOf(plot));
      if (made !== null && opening !== null) {
        plots.push(made);
        attachments.set(hex(made.opening), opening);
      }
      progress(((order + 1) / usable.length) * 100);
    }
    if (plots.length === 0)
      throw new ProofError(
        { code: 'NO_SPACE_PLOTTED' },
        'No plotted space of this node can answer; let it plot some first, or plot damaged windows again.',
      );
    metrics?.answerSeconds.observe((outside.clock.monotonicMs() - startedAtMs) / 1000);
    return {
      proof: encodeSpaceProof({
        challenge: challengeHash,
        plots,
        place: place ?? { addresses: [], witnesses: [] },
      }),
      attachments,
    };
  };

  return {
    open: () =>
      exclusively(async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        whole = new Map();
        begun = new Map();
        for (const entry of await readdir(folder, { withFileTypes: true })) {
          if (!entry.isDirectory() || !NAME.test(entry.name)) {
            logger.warn('The folder of plots holds what is no plot; it is left alone', { name: entry.name });
            continue;
          }
          try {
            await readPlot(entry.name);
          } catch (error) {
            const newer = error instanceof ProofFormatError && error.code === 'PROOF_VERSION';
            if (!newer && (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
            logger.warn(newer ? 'Plot of a newer version is left alone' : 'Plot cannot be read and is left alone', {
              plot: entry.name,
              reason: messageOf(error),
            });
          }
        }
      }),
    list: () => sorted().map(viewOf),
    pendingBytes: (owner) =>
      [...begun.values()].reduce((sum, { plot }) => sum + (same(plot.owner, owner) ? plotBytes(plot) : 0), 0),
    setSize,
    remove: (owner) =>
      exclusively(async () => {
        for (const plot of [...whole.values(), ...begun.values()])
          if (same(plot.plot.owner, owner)) await removePlot(plot);
      }),
    prove,
    commitments: () =>
      onDisk(async () => {
        demandOpen();
        const found: PlotCommitment[] = [];
        for (const plot of sorted()) {
          const opening = await openingOf(plot);
          if (opening === null) continue;
          const { id, root, openingHash } = plot;
          found.push({ id, owner: plot.plot.owner, root, bytes: plotBytes(plot.plot), openingHash, opening });
        }
        return found;
      }),
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
};
