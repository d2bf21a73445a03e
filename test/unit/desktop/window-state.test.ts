import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bounds, clampBounds, readWindowState, writeWindowState } from '../../../main/desktop/window-state.ts';

const screenA: Bounds = { x: 0, y: 0, width: 1920, height: 1080 };
const screenB: Bounds = { x: 1920, y: 200, width: 1280, height: 1024 };

describe('window state', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hypermesh-window-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('comes back as it was written, and leaves nothing half-written', () => {
    const state = {
      version: 1 as const,
      bounds: { x: -5, y: 7, width: 1000, height: 700 },
      maximized: true,
      theme: 'dark' as const,
    };
    writeWindowState(join(folder, 'sub', 'window.json'), state);
    expect(readWindowState(join(folder, 'sub', 'window.json'))).toEqual(state);
    expect(readdirSync(join(folder, 'sub'))).toEqual(['window.json']);
  });

  it.each([
    '',
    'not json',
    '{}',
    '{"version":2}',
    '{"version":1,"bounds":{"x":0,"y":0,"width":-1,"height":5},"maximized":false,"theme":"dark"}',
    '{"version":1,"bounds":null,"maximized":false,"theme":"pink"}',
  ])('starts afresh from %j', (text) => {
    writeFileSync(join(folder, 'window.json'), text);
    expect(readWindowState(join(folder, 'window.json'))).toEqual({
      version: 1,
      bounds: null,
      maximized: false,
      theme: 'system',
    });
  });
});

describe('bounds', () => {
  it('keeps a window that fits where it is', () => {
    const wanted = { x: 2000, y: 300, width: 1000, height: 700 };
    expect(clampBounds(wanted, [screenA, screenB])).toEqual(wanted);
  });

  it('pulls a window back that hangs over the edge', () => {
    expect(clampBounds({ x: 1500, y: 900, width: 1000, height: 700 }, [screenA])).toEqual({
      x: 920,
      y: 380,
      width: 1000,
      height: 700,
    });
  });

  it('centres on the primary screen when its own is gone', () => {
    expect(clampBounds({ x: 2000, y: 300, width: 1000, height: 700 }, [screenA])).toEqual({
      x: 460,
      y: 190,
      width: 1000,
      height: 700,
    });
  });

  it('always lies on one screen, and is no smaller than it may be where there is room', () => {
    const place = fc.integer({ min: -5000, max: 5000 });
    const size = fc.integer({ min: 1, max: 5000 });
    fc.assert(
      fc.property(fc.option(fc.record({ x: place, y: place, width: size, height: size })), (wanted) => {
        const got = clampBounds(wanted, [screenA, screenB]);
        const inside = [screenA, screenB].some(
          (area) =>
            got.x >= area.x &&
            got.y >= area.y &&
            got.x + got.width <= area.x + area.width &&
            got.y + got.height <= area.y + area.height,
        );
        expect(inside).toBe(true);
        expect(got.width).toBeGreaterThanOrEqual(900);
        expect(got.height).toBeGreaterThanOrEqual(600);
      }),
    );
  });
});
