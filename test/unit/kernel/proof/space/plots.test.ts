import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { createSystemOutside, createWorkerPool, decodeCbor, encodeCbor } from '../../../../../main/base/index.ts';
import type { Pace } from '../../../../../main/kernel/proof/index.ts';
import { windowFileBytes } from '../../../../../main/kernel/proof/space/format.ts';
import { createPlots, type Plots, verifySpace } from '../../../../../main/kernel/proof/space/index.ts';
import { startChild } from '../../../../support/child.ts';
import {
  challengeOf,
  contextOf,
  keyOf,
  never,
  noProgress,
  plotBench,
  type PlotBench,
  proveWith,
  TINY,
  TINY_WINDOW_BYTES,
  unlimitedPace,
} from '../../../../support/plots.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { canMount, mountTinyDisk } from '../../../../support/tiny-disk.ts';

const owner = keyOf('owner');
const challenge = challengeOf(owner);
const made: PlotBench[] = [];
const begin = (...args: Parameters<typeof plotBench>): PlotBench => {
  const bench = plotBench(...args);
  made.push(bench);
  return bench;
};
afterEach(() => {
  for (const bench of made.splice(0)) bench.remove();
});
const setSize = (plots: Plots, windows: number, of = owner, signal = never()): ReturnType<Plots['setSize']> =>
  plots.setSize(windows * TINY_WINDOW_BYTES, of, unlimitedPace, noProgress, signal);
const holds = async (plots: Plots, of = owner): Promise<ReturnType<typeof verifySpace>> => {
  const asked = challengeOf(of);
  const { proof, attachments } = await proveWith(plots, asked);
  return verifySpace(proof, contextOf(asked, attachments));
};
/** Every file below a folder, by its path in it. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .toSorted();
const plotPath = (bench: PlotBench): string => join(bench.folder, bench.plots.list()[0]?.id as string);
/** Cancels after so many slices. */
const endingPace = (slices: number): { pace: Pace; signal: AbortSignal } => {
  const controller = new AbortController();
  let left = slices;
  return {
    signal: controller.signal,
    pace: {
      slice: (work) => {
        left -= 1;
        if (left < 0) controller.abort(new Error('enough'));
        controller.signal.throwIfAborted();
        return work();
      },
    },
  };
};

describe('plots', () => {
  it('grow and shrink by whole windows, for each owner apart', async () => {
    const { plots, again, folder } = begin();
    await plots.open();
    expect(plots.list()).toEqual([]);
    const progress: number[] = [];
    const [first] = await plots.setSize(
      3 * TINY_WINDOW_BYTES + 17,
      owner,
      unlimitedPace,
      (percent) => progress.push(percent),
      never(),
    );
    expect(first).toMatchObject({ bytes: 3 * TINY_WINDOW_BYTES, windows: 3, layers: TINY.layers, badWindows: [] });
    expect(progress.at(-1)).toBe(100);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(statSync(join(folder, first?.id as string, '00002.window')).size).toBe(windowFileBytes(TINY.windowLabels));
    // The same again changes nothing.
    const before = filesIn(folder);
    await setSize(plots, 3);
    expect(filesIn(folder)).toEqual(before);

    expect((await setSize(plots, 5)).map(({ windows }) => windows).toSorted((a, b) => a - b)).toEqual([2, 3]);
    expect((await setSize(plots, 1, keyOf('other')))[0]?.windows).toBe(1);
    expect(plots.list()).toHaveLength(3);
    expect((await holds(plots)).shown).toMatchObject({ bytes: 5 * TINY_WINDOW_BYTES, plots: 2 });
    expect((await holds(plots, keyOf('other'))).shown).toMatchObject({ bytes: TINY_WINDOW_BYTES });

    // One window less: the smallest plot that covers it goes, and what is then missing is plotted.
    expect((await setSize(plots, 4)).reduce((sum, { windows }) => sum + windows, 0)).toBe(4);
    expect(await setSize(plots, 0)).toEqual([]);
    await expect(holds(plots)).rejects.toMatchObject({ code: 'NO_SPACE_PLOTTED' });
    expect(plots.list()).toHaveLength(1);
    // What is left is read again after a restart.
    const later = again();
    await later.open();
    expect(later.list()).toEqual(plots.list());
    await later.remove(keyOf('other'));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('are few: many small ones become one, and never more than a proof may hold', async () => {
    const { plots } = begin();
    await plots.open();
    for (const windows of [1, 2, 3, 4, 5, 6]) await setSize(plots, windows);
    expect(plots.list().length).toBeLessThanOrEqual(4);
    expect((await holds(plots)).shown).toMatchObject({ bytes: 6 * TINY_WINDOW_BYTES, windows: 6 });
  });

  it('have smaller windows where little is given, and lose them when more is', async () => {
    const { plots } = begin({ windowLabels: 512, smallWindowLabels: 256 });
    await plots.open();
    const size = (bytes: number) => plots.setSize(bytes, owner, unlimitedPace, noProgress, never());
    expect(await size(256 * 32 - 1)).toEqual([]);
    expect(await size(256 * 32)).toMatchObject([{ windowLabels: 256, bytes: 256 * 32 }]);
    expect(await size(512 * 32 + 5)).toMatchObject([{ windowLabels: 512, bytes: 512 * 32 }]);
    await expect(size(-1)).rejects.toMatchObject({ code: 'SIZE_INVALID' });
    await expect(size(0.5)).rejects.toMatchObject({ code: 'SIZE_INVALID' });
    await expect(size(2 ** 50)).rejects.toMatchObject({ code: 'SIZE_INVALID' });
  });

  it('go on from their last window when cancelled or restarted', async () => {
    const { plots, again, folder } = begin();
    await plots.open();
    // Each window of this size takes 8 slices of labels, 2 of chunks and 2 of trees, after 1 for the graph.
    const { pace, signal } = endingPace(1 + 12 * 3 + 5);
    await expect(plots.setSize(6 * TINY_WINDOW_BYTES, owner, pace, noProgress, signal)).rejects.toThrow('enough');
    expect(plots.list()).toEqual([]);
    expect(plots.pendingBytes(owner)).toBe(6 * TINY_WINDOW_BYTES);
    const windows = filesIn(folder).filter((name) => name.endsWith('.window'));
    expect(windows).toHaveLength(3);
    const before = windows.map((name) => statSync(join(folder, name)).mtimeMs);

    const later = again();
    await later.open();
    expect(later.list()).toEqual([]);
    expect(later.pendingBytes(owner)).toBe(6 * TINY_WINDOW_BYTES);
    await setSize(later, 6);
    expect(windows.map((name) => statSync(join(folder, name)).mtimeMs)).toEqual(before);
    expect((await holds(later)).shown).toMatchObject({ windows: 6 });
    expect(filesIn(folder).filter((name) => /plan|new$/.test(name))).toEqual([]);
  });

  it('forget what was begun when another size is wanted', async () => {
    const { plots, folder } = begin();
    await plots.open();
    const { pace, signal } = endingPace(20);
    await expect(plots.setSize(6 * TINY_WINDOW_BYTES, owner, pace, noProgress, signal)).rejects.toThrow('enough');
    await setSize(plots, 2);
    expect(readdirSync(folder)).toHaveLength(1);
    expect(plots.pendingBytes(owner)).toBe(0);
  });

  it('do one change at a time, and none when closed', async () => {
    const { plots } = begin();
    await plots.open();
    const running = setSize(plots, 2);
    await expect(setSize(plots, 3)).rejects.toMatchObject({ code: 'PLOTS_BUSY' });
    await expect(plots.remove(owner)).rejects.toMatchObject({ code: 'PLOTS_BUSY' });
    await running;
    await plots.close();
    await plots.close();
    await expect(setSize(plots, 3)).rejects.toMatchObject({ code: 'PLOTS_CLOSED' });
    await expect(proveWith(plots, challenge)).rejects.toMatchObject({ code: 'PLOTS_CLOSED' });
  });

  it('are the same in threads of a real pool', async () => {
    const { folder, plots: inline } = begin({}, { seed: 5 });
    await inline.open();
    await setSize(inline, 2);
    const { clock } = createSystemOutside();
    const workers = createWorkerPool(
      { logger: createSilentLogger(), metrics: null, clock },
      { workerPath: fileURLToPath(new URL('../../../../support/space-worker.ts', import.meta.url)), size: 2 },
    );
    try {
      const threaded = createPlots(
        { outside: { clock, random: createSeededRandom(5) }, logger: createSilentLogger(), workers, metrics: null },
        { folder: join(folder, 'threads'), ...TINY, reserveBytes: 0 },
      );
      await threaded.open();
      await setSize(threaded, 2);
      expect(await threaded.commitments()).toEqual(await inline.commitments());
      expect((await holds(threaded)).passed).toBe(true);
    } finally {
      await workers.close();
    }
  });

  it('name what is to be registered', async () => {
    const { plots } = begin();
    await plots.open();
    const [view] = await setSize(plots, 2);
    const { attachments } = await proveWith(plots, challenge);
    const [found] = await plots.commitments();
    expect(found).toMatchObject({ owner, bytes: 2 * TINY_WINDOW_BYTES, root: view?.root });
    expect(attachments).toEqual(
      new Map([[Buffer.from(found?.openingHash as Uint8Array).toString('hex'), found?.opening]]),
    );
  });
});

describe('a folder that others have been in', () => {
  it('keeps what is no plot, and uses no plot that is newer or damaged', async () => {
    const bench = begin();
    const { plots, folder, again, logged } = bench;
    await plots.open();
    await setSize(plots, 1);
    await setSize(plots, 1, keyOf('other'));
    await setSize(plots, 1, keyOf('third'));
    const [newer, broken, good] = plots.list().map(({ id }) => id) as [string, string, string];
    const change = (name: string, to: (file: Record<string, unknown>) => Uint8Array): void => {
      const path = join(folder, name, 'plot.cbor');
      writeFileSync(path, to(decodeCbor(new Uint8Array(readFileSync(path))) as Record<string, unknown>));
    };
    change(newer, (file) => encodeCbor({ ...file, v: 2, more: true }));
    change(broken, (file) => encodeCbor(file).subarray(1));
    writeFileSync(join(folder, 'holiday.jpg'), 'x');
    mkdirSync(join(folder, 'b'.repeat(64)));
    writeFileSync(join(folder, 'b'.repeat(64), 'letter.txt'), 'x');
    mkdirSync(join(folder, 'a'.repeat(64)));
    writeFileSync(join(folder, 'a'.repeat(64), '00000.window.new'), 'x');
    writeFileSync(join(folder, good, '00000.window.new'), 'x');
    const later = again();
    await later.open();
    expect(later.list().map(({ id }) => id)).toEqual([good]);
    expect(existsSync(join(folder, 'holiday.jpg'))).toBe(true);
    expect(existsSync(join(folder, 'b'.repeat(64), 'letter.txt'))).toBe(true);
    // Left by a crash before its plan was written.
    expect(existsSync(join(folder, 'a'.repeat(64)))).toBe(false);
    expect(existsSync(join(folder, good, '00000.window.new'))).toBe(false);
    for (const name of [newer, broken]) expect(existsSync(join(folder, name, '00000.window'))).toBe(true);
    expect(logged.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['Plot of a newer version is left alone', 'Plot cannot be read and is left alone']),
    );
  });

  it('says so when it cannot be used', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hypermesh-plots-'));
    writeFileSync(join(folder, 'file'), 'x');
    const { plots, remove } = plotBench({}, { folder: join(folder, 'file') });
    await expect(plots.open()).rejects.toMatchObject({ code: 'PLOT_NOT_WRITTEN' });
    remove();
    await rm(folder, { recursive: true });
  });
});

describe('a damaged window', () => {
  /** Plots one window, damages it, and asks. */
  const damage = async (change: (path: string) => void): Promise<PlotBench> => {
    // So many answers that the one chunk of the one window is read.
    const bench = begin({ answers: 8 });
    await bench.plots.open();
    await setSize(bench.plots, 1);
    expect((await holds(bench.plots)).passed).toBe(true);
    change(join(plotPath(bench), '00000.window'));
    return bench;
  };
  const flip = (at: number) => (path: string) => {
    const bytes = readFileSync(path);
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(path, bytes);
  };

  it.each([
    ['a label', flip(4096 + 77 * 32)],
    ['the header', flip(40)],
    ['the tree', flip(4096 + TINY_WINDOW_BYTES)],
    ['the length', (path: string) => truncateSync(path, 5000)],
  ])('is noticed, reported, answered without and made again: %s', async (_what, change) => {
    const { plots, logged, again } = await damage(change);
    await expect(holds(plots)).rejects.toMatchObject({ code: 'NO_SPACE_PLOTTED' });
    expect(plots.list()[0]?.badWindows).toEqual([0]);
    expect(logged.filter(({ level }) => level === 'error')).toHaveLength(1);
    // Noticed after a restart as well.
    const later = again();
    await later.open();
    expect(later.list()[0]?.badWindows).toEqual([0]);
    const [repaired] = await setSize(later, 1);
    expect(repaired?.badWindows).toEqual([]);
    expect((await holds(later)).passed).toBe(true);
    expect(readdirSync(join(made[0]?.folder as string, repaired?.id as string)).toSorted()).toEqual([
      '00000.window',
      'plot.cbor',
    ]);
  });

  it('is not the only thing that can be damaged: a plot without its opening does not answer', async () => {
    const bench = await damage(() => undefined);
    const path = join(plotPath(bench), 'plot.cbor');
    flip(2000)(path);
    await expect(holds(bench.plots)).rejects.toMatchObject({ code: 'NO_SPACE_PLOTTED' });
    expect(await bench.plots.commitments()).toEqual([]);
    expect(bench.logged.filter(({ level }) => level === 'error')).toHaveLength(2);
    truncateSync(path, 100);
    await expect(holds(bench.plots)).rejects.toMatchObject({ code: 'NO_SPACE_PLOTTED' });
  });

  it('does not keep other plots from answering', async () => {
    const bench = await damage(() => undefined);
    await setSize(bench.plots, 3);
    const [small] = bench.plots.list().filter(({ windows }) => windows === 1);
    flip(4096)(join(bench.folder, small?.id as string, '00000.window'));
    const tried = [];
    // Until a challenge draws from the damaged chunk, which the eight answers over one chunk always do.
    tried.push((await holds(bench.plots)).shown);
    expect(tried).toMatchObject([{ bytes: 2 * TINY_WINDOW_BYTES, plots: 1 }]);
  });
});

describe('a disk that is full', () => {
  it('is noticed before anything is written', async () => {
    const { plots, folder } = begin({ reserveBytes: 2 ** 52 });
    await plots.open();
    await expect(setSize(plots, 1)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it.runIf(canMount)('is noticed on its way, and nothing half-made is left', async () => {
    const disk = mountTinyDisk(8 * 1024 * 1024);
    if (disk === null) throw new Error('a disk can be mounted');
    try {
      // Room for the plot when it is begun; then something else fills the disk.
      const bench = plotBench({}, { folder: join(disk.path, 'plots') });
      await bench.plots.open();
      await setSize(bench.plots, 1);
      const whole = filesIn(bench.folder);
      let slices = 0;
      const filling: Pace = {
        slice: (work) => {
          slices += 1;
          // Before the second window: all that is left, up to the last block.
          if (slices === 20)
            try {
              for (let file = 0; ; file++) writeFileSync(join(disk.path, `filler${file}`), new Uint8Array(256 * 1024));
            } catch {
              // Now it is full.
            }
          return work();
        },
      };
      await expect(
        bench.plots.setSize(5 * TINY_WINDOW_BYTES, owner, filling, noProgress, never()),
      ).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(bench.plots.list()).toHaveLength(1);
      expect(filesIn(bench.folder)).toEqual(whole);
      expect(bench.plots.pendingBytes(owner)).toBe(0);
      expect((await holds(bench.plots)).passed).toBe(true);
    } finally {
      disk.remove();
    }
  });
});

describe('a process that is killed while it plots', () => {
  it('leaves whole plots, and one begun that goes on', async () => {
    const bench = begin();
    const entry = fileURLToPath(new URL('../../../../support/children/plot-space.ts', import.meta.url));
    const random = createSeededRandom(11);
    let resumed = 0;
    for (let round = 0; round < 5; round++) {
      const child = startChild(entry, [bench.folder, '60']);
      await child.nextLine();
      // Killed by how far it has come and not by the clock: machines differ, and each round goes on where the last one ended.
      const windows = (round * 60) / 5 + random.below(12);
      const written = (): number =>
        readdirSync(bench.folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.window'))
          .length;
      for (let look = 0; look < 2_000 && written() < windows; look++)
        await new Promise((resolve) => setTimeout(resolve, 5));
      await child.kill();
      const after = bench.again();
      await after.open();
      for (const view of after.list()) expect(view.badWindows).toEqual([]);
      if (after.pendingBytes(owner) > 0) resumed += 1;
      const answers = after.list().length === 0 || (await holds(after)).passed;
      expect(answers).toBe(true);
    }
    expect(resumed).toBeGreaterThan(0);
    const last = bench.again();
    await last.open();
    await setSize(last, 60);
    expect((await holds(last)).shown).toMatchObject({ windows: 60 });
    expect(filesIn(bench.folder).filter((name) => /new$|plan/.test(name))).toEqual([]);
  }, 180_000);
});
