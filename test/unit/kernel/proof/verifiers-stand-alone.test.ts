import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

// A verifier that ran the generator's code would share its faults, and would accept whatever they make.

const room = join(import.meta.dirname, '../../../../main/kernel/proof');
const KINDS = ['space', 'stake', 'work', 'time'] as const;

/** Files that code is loaded from; types leave nothing behind. */
const importsOf = (path: string): string[] => {
  const text = readFileSync(path, 'utf8');
  const statements = text.matchAll(
    /^(?:import|export)\b(?!\s+type\b)[^;]*?\bfrom\s+'(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm,
  );
  return [...statements].map((match) => resolve(dirname(path), match[1] ?? match[2] ?? ''));
};
/** All files of the room that `start` loads, with the way that leads there. */
const reachedFrom = (start: string): Map<string, string> => {
  const ways = new Map([[start, relative(room, start)]]);
  const waiting = [start];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop())
    for (const next of importsOf(path)) {
      expect(existsSync(next), `${path} imports ${next}`).toBe(true);
      if (ways.has(next) || relative(room, next).startsWith('..')) continue;
      ways.set(next, `${ways.get(path) ?? ''} → ${relative(room, next)}`);
      waiting.push(next);
    }
  return ways;
};
const isGenerator = (path: string): boolean =>
  /(^|\/)generate[^/]*\.ts$/.test(path) ||
  /(^|\/)(create-plots|plot-[^/]*)\.ts$/.test(path) ||
  path.startsWith('sha256/');

describe('the verifiers', () => {
  it.each(KINDS)('of %s load nothing of any generator', (kind) => {
    const ways = reachedFrom(join(room, kind, 'verify.ts'));
    expect(ways.size).toBeGreaterThan(2);
    expect([...ways].filter(([path]) => isGenerator(relative(room, path))).map(([, way]) => way)).toEqual([]);
  });

  it.each([
    ['combined/verify.ts', KINDS],
    ['file/verify.ts', KINDS],
    ['verify-tasks.ts', KINDS],
    // What it has done in threads is in verify-tasks.ts; it spreads the chain itself.
    ['combined/verify-in-workers.ts', ['time']],
  ] as const)('together load nothing of any generator: %s', (path, kinds) => {
    const ways = reachedFrom(join(room, path));
    const reached = kinds.filter((kind) => [...ways.keys()].some((found) => found.startsWith(join(room, kind))));
    expect(reached).toEqual(kinds);
    expect([...ways].filter(([found]) => isGenerator(relative(room, found))).map(([, way]) => way)).toEqual([]);
  });

  it('are told from generators by names that exist', () => {
    const files = readdirSync(room, { recursive: true }).map(String);
    for (const kind of KINDS)
      expect(
        files.some((path) => path.startsWith(`${kind}/generate`)),
        kind,
      ).toBe(true);
    expect(isGenerator('time/generate.ts')).toBe(true);
    expect(isGenerator('work/generate-kernel.ts')).toBe(true);
    expect(isGenerator('space/verify.ts')).toBe(false);
  });

  it('would be found out', () => {
    // The front door of each room leads to both.
    for (const kind of KINDS) {
      const ways = reachedFrom(join(room, kind, 'index.ts'));
      expect(
        [...ways.keys()].some((path) => isGenerator(relative(room, path))),
        kind,
      ).toBe(true);
    }
  });
});
