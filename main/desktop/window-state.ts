import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { theme } from '../../preload/contract/index.ts';
import { WINDOW_HEIGHT_DEFAULT, WINDOW_HEIGHT_MIN, WINDOW_WIDTH_DEFAULT, WINDOW_WIDTH_MIN } from './constants.ts';

/** A rectangle in device-independent pixels. */
export interface Bounds {
  x: number;
  y: number;
  width: number;
  height: number;
}

const windowState = z.strictObject({
  version: z.literal(1),
  bounds: z.strictObject({ x: z.int(), y: z.int(), width: z.int().min(1), height: z.int().min(1) }).nullable(),
  maximized: z.boolean(),
  /** Theme at the last run: the first colour of the window is right before the settings are read. */
  theme,
});
/** Where the window was, kept beside Chromium's profile. Losing it costs the owner nothing but a drag. */
export type WindowState = z.infer<typeof windowState>;

/** @returns what `path` holds, or the defaults for a file that is absent, damaged or from another version */
export const readWindowState = (path: string): WindowState => {
  try {
    return windowState.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return { version: 1, bounds: null, maximized: false, theme: 'system' };
  }
};

/** Writes beside the file and renames, so that a crash leaves the old one. @throws what the file system says */
export const writeWindowState = (path: string, state: WindowState): void => {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
};

/**
 * Keeps a remembered window reachable after a screen was taken away or made smaller.
 *
 * @param workAreas - free area of each screen, the primary one first; never empty
 * @returns bounds inside the screen that shares the largest area with `wanted`, or the middle of the primary one; never
 *   below the smallest size unless the screen itself is smaller
 */
export const clampBounds = (wanted: Bounds | null, workAreas: readonly [Bounds, ...Bounds[]]): Bounds => {
  const [primary] = workAreas;
  let area = primary;
  let sharedMax = 0;
  for (const candidate of wanted === null ? [] : workAreas) {
    const shared = overlap(wanted as Bounds, candidate);
    if (shared > sharedMax) {
      sharedMax = shared;
      area = candidate;
    }
  }
  const width = Math.min(Math.max(wanted?.width ?? WINDOW_WIDTH_DEFAULT, WINDOW_WIDTH_MIN), area.width);
  const height = Math.min(Math.max(wanted?.height ?? WINDOW_HEIGHT_DEFAULT, WINDOW_HEIGHT_MIN), area.height);
  if (wanted === null || sharedMax === 0) {
    return {
      x: area.x + Math.floor((area.width - width) / 2),
      y: area.y + Math.floor((area.height - height) / 2),
      width,
      height,
    };
  }
  return {
    x: Math.min(Math.max(wanted.x, area.x), area.x + area.width - width),
    y: Math.min(Math.max(wanted.y, area.y), area.y + area.height - height),
    width,
    height,
  };
};

const overlap = (a: Bounds, b: Bounds): number =>
  Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)) *
  Math.max(0, Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y));
