import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findUntidy } from '../tidy/find-untidy.ts';

const root = join(import.meta.dirname, '../..');
const SOURCE = /\.(ts|tsx|mjs|cjs)$/;

const filesUnder = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && SOURCE.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.startsWith('test/fixtures/') && !path.startsWith('test/vectors/'));

describe('our own sources', () => {
  const paths = ['main', 'preload', 'renderer', 'scripts', 'packaging', 'test'].flatMap(filesUnder);

  it('are found at all', () => {
    expect(paths).toContain('main/base/ids.ts');
    expect(paths).toContain('test/unit/tidy.test.ts');
  });

  it('hold nothing that our rules forbid', () => {
    const untidy = paths.flatMap((path) =>
      findUntidy(path, readFileSync(join(root, path), 'utf8')).map(({ line, problem }) => `${path}:${line} ${problem}`),
    );
    expect(untidy).toEqual([]);
  });
});

describe('what is found in a layer', () => {
  const problems = (text: string, path = 'main/kernel/leases/book.ts'): string[] =>
    findUntidy(path, text).map(({ line, problem }) => `${line} ${problem.split(':')[0]}`);

  it.each([
    ['const a = Date.now();', 'Date.now'],
    ['const a = new Date();', 'new Date()'],
    ['const a = performance.now();', 'performance.now'],
    ['setTimeout(() => {}, 5);', 'setTimeout'],
    ['const later = setInterval;', 'setInterval'],
    ['globalThis.setTimeout(() => {}, 5);', 'setTimeout'],
    ['const a = Math.random();', 'Math.random'],
    ['const a = crypto.randomUUID();', 'crypto.randomUUID'],
    ["import { randomBytes } from 'node:crypto';", 'randomBytes of crypto'],
    ["import { setTimeout as sleep } from 'node:timers/promises';", 'setTimeout of timers/promises'],
    ["await fetch('http://[::1]/');", 'fetch'],
    ["console.log('hello');", 'console'],
    ['const a = process.env;', 'process.env'],
    ["const a = process.env['HOME'];", 'process.env'],
    ['const a = `${Date.now()}`;', 'Date.now'],
  ])('refuses %s', (text, use) => {
    expect(problems(`// A comment with ü before it.\n\n${text}\n`)).toEqual([`3 ${use}`]);
  });

  it('is not fooled by comments, texts, methods of the same name or an instant that is given', () => {
    const text = [
      '// Date.now() and console.log are forbidden',
      "const a = 'Math.random()';",
      'const b = repository.fetch(a);',
      'const c = new Date(clock.nowMs());',
      'const d = { fetch: () => b, console: 1 };',
      'class Repository { fetch(): void {} }',
      'interface Client { fetch(url: string): Promise<string>; setTimeout: number }',
    ].join('\n');
    expect(problems(text)).toEqual([]);
  });

  it('leaves the entries and the implementation of Outside alone', () => {
    for (const path of [
      'main/index.ts',
      'main/base/system-outside.ts',
      'main/base/outside/clock.ts',
      'main/kernel/runtime/host/main.ts',
      'main/base/store/worker.ts',
      'scripts/start.mjs',
    ]) {
      expect(problems('const a = Date.now();', path)).toEqual([]);
    }
  });
});

describe('what is found anywhere', () => {
  const problems = (path: string, text = ''): string[] => findUntidy(path, text).map(({ problem }) => problem);

  it('refuses file names that are not kebab-case, or say nothing', () => {
    expect(problems('renderer/components/WeekGrid.tsx')).toEqual(['"WeekGrid.tsx" is not kebab-case']);
    expect(problems('main/base/week_grid.ts')).toHaveLength(1);
    expect(problems('main/base/utils.ts')).toEqual(['"utils.ts" says nothing: name the thing in it']);
    expect(problems('main/base/store/migrations/0010-first.ts')).toEqual([]);
  });

  it('refuses notes of unfinished work and focused tests', () => {
    expect(problems('renderer/app.ts', ['// TO', 'DO: more'].join(''))).toHaveLength(1);
    expect(problems('test/unit/a.test.ts', ['it.on', "ly('x', () => {});"].join(''))).toHaveLength(1);
    expect(problems('test/unit/a.test.ts', "it('only(this)', () => {});")).toEqual([]);
  });
});
