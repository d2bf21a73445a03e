import { mkdir, open, readFile, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder, writeFileAtomically } from '../../../base/index.ts';
import { LABEL_BYTES, type PlotDescription, WINDOW_HEADER_BYTES, windowFileBytes, windowHeader } from './format.ts';

/** What a window's file says at its two ends. */
export interface WindowEnds {
  columnsRoot: Uint8Array;
  lastRoot: Uint8Array;
}

const PLAN = 'plan.cbor';
const PLOT = 'plot.cbor';
const OURS = /^(?:plan\.cbor|plot\.cbor|\d{5}\.window(?:\.bad)?)(?:\.new)?$/;
/** Written at once: large enough for any disk, small enough to be cancelled soon. */
const WRITE_BYTES = 1024 * 1024;

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';
const readOrNull = async (path: string): Promise<Uint8Array | null> => {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
};

/** Files of one plot: a plan while it is being made, windows, and at last what makes it a plot. */
export class PlotFolder {
  readonly path: string;
  constructor(path: string) {
    this.path = path;
  }
  private at(name: string): string {
    return join(this.path, name);
  }
  windowPath(window: number): string {
    return this.at(`${String(window).padStart(5, '0')}.window`);
  }
  readPlan(): Promise<Uint8Array | null> {
    return readOrNull(this.at(PLAN));
  }
  readPlot(): Promise<Uint8Array | null> {
    return readOrNull(this.at(PLOT));
  }
  /** Begins a plot. */
  async begin(plan: Uint8Array): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    await writeFileAtomically(this.at(PLAN), plan);
    await syncFolder(join(this.path, '..'));
  }
  /** From here on it is a plot. */
  async commit(plot: Uint8Array): Promise<void> {
    await writeFileAtomically(this.at(PLOT), plot);
    await this.dropPlan();
  }
  dropPlan(): Promise<void> {
    return rm(this.at(PLAN), { force: true });
  }
  /** Whole or not at all, and on disk when this resolves. */
  async writeWindow(
    plotId: Uint8Array,
    window: number,
    plot: PlotDescription,
    content: { labels: Uint8Array; tree: Uint8Array },
    columnsRoot: Uint8Array,
  ): Promise<void> {
    const path = this.windowPath(window);
    const temporary = `${path}.new`;
    await rm(temporary, { force: true });
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        for (const part of [windowHeader(plotId, window, plot), content.labels, content.tree, columnsRoot])
          for (let from = 0; from < part.length; from += WRITE_BYTES)
            await file.writeFile(part.subarray(from, from + WRITE_BYTES));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
    await syncFolder(this.path);
    await rm(`${path}.bad`, { force: true });
  }
  /** @returns null when there is no such window, or it is not whole, or of another plot */
  async windowEnds(plotId: Uint8Array, window: number, plot: PlotDescription): Promise<WindowEnds | null> {
    try {
      const file = await open(this.windowPath(window), 'r');
      try {
        const { size } = await file.stat();
        if (size !== windowFileBytes(plot.windowLabels)) return null;
        const header = new Uint8Array(WINDOW_HEADER_BYTES);
        await file.read(header, 0, header.length, 0);
        if (Buffer.compare(header, windowHeader(plotId, window, plot)) !== 0) return null;
        const ends = new Uint8Array(2 * LABEL_BYTES);
        await file.read(ends, 0, ends.length, size - ends.length);
        return { lastRoot: ends.slice(0, LABEL_BYTES), columnsRoot: ends.slice(LABEL_BYTES) };
      } finally {
        await file.close();
      }
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }
  /** Whether the window's file is there in its full size; what is in it shows when it answers. */
  async hasWindow(window: number, windowLabels: number): Promise<boolean> {
    try {
      return (await stat(this.windowPath(window))).size === windowFileBytes(windowLabels);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }
  /** Takes a window out of use; its bytes stay until it is made again. */
  async setAside(window: number): Promise<void> {
    const path = this.windowPath(window);
    await rename(path, `${path}.bad`).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });
  }
  /** Removes what a crash left of files that were being written. */
  async sweep(): Promise<void> {
    for (const name of await readdir(this.path))
      if (OURS.test(name) && name.endsWith('.new')) await rm(this.at(name), { force: true });
  }
  /**
   * Removes the plot. What makes it a plot goes first, so that a crash in between leaves nothing that counts.
   * @returns whether the folder is gone; it stays where it holds what is not ours
   */
  async remove(): Promise<boolean> {
    await rm(this.at(PLOT), { force: true });
    await this.dropPlan();
    try {
      for (const name of await readdir(this.path)) if (OURS.test(name)) await rm(this.at(name), { force: true });
      await rmdir(this.path);
    } catch (error) {
      if (isMissing(error)) return true;
      if ((error as NodeJS.ErrnoException).code === 'ENOTEMPTY') return false;
      throw error;
    }
    return true;
  }
}
