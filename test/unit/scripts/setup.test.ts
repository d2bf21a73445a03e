import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDifferences, wronglyInstalled } from '../../../scripts/setup/dependencies.mjs';
import { withLock } from '../../../scripts/setup/lock.mjs';
import { createProgress } from '../../../scripts/setup/progress.mjs';
import { environmentInside, environmentOutside, sharedCacheFolder } from '../../../scripts/setup/project.mjs';
import { hashFiles, removeStamp, stampFits, writeWhole } from '../../../scripts/setup/stamp.mjs';
import {
  explainBlockedSandbox,
  missingPrograms,
  packagesOf,
  parseMissingLibraries,
  TEST_NEEDS,
} from '../../../scripts/setup/system-packages.mjs';
import { wantsWindow } from '../../../scripts/start.mjs';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hm-setup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('stamps', () => {
  const stamp = (): string => hashFiles(folder, ['src', 'package.json']);
  beforeEach(() => {
    mkdirSync(join(folder, 'src/inner'), { recursive: true });
    writeFileSync(join(folder, 'src/a.ts'), 'a');
    writeFileSync(join(folder, 'src/inner/b.ts'), 'b');
    writeFileSync(join(folder, 'package.json'), '{}');
  });

  it('stay the same while names and contents do', () => {
    const before = stamp();
    writeFileSync(join(folder, 'src/a.ts'), 'a');
    writeFileSync(join(folder, 'elsewhere.ts'), 'x');
    expect(stamp()).toBe(before);
  });

  it.each([
    ['a changed file', () => writeFileSync(join(folder, 'src/inner/b.ts'), 'B')],
    ['a new file', () => writeFileSync(join(folder, 'src/inner/c.ts'), '')],
    ['a file that is gone', () => rmSync(join(folder, 'src/a.ts'))],
    ['a renamed file', () => renameSync(join(folder, 'src/a.ts'), join(folder, 'src/z.ts'))],
    [
      'bytes that moved from one file to the next',
      () => (writeFileSync(join(folder, 'src/a.ts'), ''), writeFileSync(join(folder, 'src/inner/b.ts'), 'ab')),
    ],
    ['a whole folder that is gone', () => rmSync(join(folder, 'src'), { recursive: true })],
  ])('change with %s', (_what, change) => {
    const before = stamp();
    change();
    expect(stamp()).not.toBe(before);
  });

  it('depend on what else the result depends on', () => {
    expect(hashFiles(folder, ['src'], ['linux', 'x64'])).not.toBe(hashFiles(folder, ['src'], ['linux', 'arm64']));
    expect(hashFiles(folder, ['src'], ['ab', 'c'])).not.toBe(hashFiles(folder, ['src'], ['a', 'bc']));
  });

  it('fit only when whole and equal', () => {
    const path = join(folder, 'deep/stamp');
    expect(stampFits(path, 'abc')).toBe(false);
    writeWhole(path, 'abc\n');
    expect(stampFits(path, 'abc')).toBe(true);
    expect(stampFits(path, 'abd')).toBe(false);
    writeFileSync(path, 'ab');
    expect(stampFits(path, 'abc')).toBe(false);
    removeStamp(path);
    removeStamp(path);
    expect(existsSync(path)).toBe(false);
  });

  it('are written whole or not at all', () => {
    const path = join(folder, 'target');
    mkdirSync(path); // a folder in its place: the rename fails
    expect(() => writeWhole(path, 'x')).toThrow('EISDIR');
    expect(existsSync(`${path}.${process.pid}.tmp`)).toBe(false);
  });
});

describe('the lock', () => {
  const path = (): string => join(folder, 'cache/lock');

  it('lets one work at a time, in the same process too', async () => {
    const seen: string[] = [];
    const work = (name: string) => async () => {
      seen.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${name} ends`);
    };
    await Promise.all([withLock(path(), work('one')), withLock(path(), work('two'))]);
    expect(seen).toEqual(['one begins', 'one ends', 'two begins', 'two ends']);
    expect(existsSync(path())).toBe(false);
  });

  it('is given back when the work fails', async () => {
    const failing = withLock(path(), async () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(existsSync(path())).toBe(false);
  });

  it('is taken over from a holder that died', async () => {
    mkdirSync(join(folder, 'cache'));
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(path(), `${pid}\n`);
    expect(await withLock(path(), async () => 'done')).toBe('done');
  });

  it('is taken over when it is torn', async () => {
    mkdirSync(join(folder, 'cache'));
    writeFileSync(path(), '');
    expect(await withLock(path(), async () => 'done')).toBe('done');
  });

  it('names the holder and what to do when it never comes free', async () => {
    mkdirSync(join(folder, 'cache'));
    writeFileSync(path(), `${process.pid}\n`);
    const said: string[] = [];
    await expect(
      withLock(path(), async () => 'done', { say: (text) => said.push(text), waitMsMax: 0 }),
    ).rejects.toThrow(`Process ${process.pid}`);
    expect(said).toHaveLength(1);
    expect(readFileSync(path(), 'utf8')).toBe(`${process.pid}\n`);
  });
});

describe('dependencies', () => {
  const manifest = { dependencies: { zod: '4.6.7' }, devDependencies: { node: '24.15.0' } };
  const lock = {
    packages: {
      '': structuredClone(manifest),
      'node_modules/zod': { version: '4.6.7' },
      'node_modules/node': { version: '24.15.0' },
    },
  };

  it('agree with the lock', () => expect(lockDifferences(manifest, lock)).toEqual([]));

  it('do not agree when one is added, removed or of another version', () => {
    expect(lockDifferences({ ...manifest, dependencies: { zod: '4.6.8' } }, lock)).toEqual([
      'zod: package.json has 4.6.8, package-lock.json has 4.6.7',
    ]);
    expect(lockDifferences({ ...manifest, dependencies: {} }, lock)).toEqual([
      'zod: package.json has none, package-lock.json has 4.6.7',
    ]);
    expect(lockDifferences({ ...manifest, devDependencies: { node: '24.15.0', ws: '8.0.0' } }, lock)).toHaveLength(1);
    expect(lockDifferences(manifest, {})).toHaveLength(1);
  });

  it('are seen to be missing or of the wrong version', () => {
    mkdirSync(join(folder, 'node_modules/zod'), { recursive: true });
    writeFileSync(join(folder, 'node_modules/zod/package.json'), '{"version":"4.6.6"}');
    expect(wronglyInstalled(manifest, lock, folder)).toEqual(['zod', 'node']);
    writeFileSync(join(folder, 'node_modules/zod/package.json'), '{"version":"4.6.7"}');
    expect(wronglyInstalled(manifest, lock, folder)).toEqual(['node']);
  });
});

describe('the environment of other programs', () => {
  it('leaves node_modules/.bin out, or puts it first', () => {
    const outside = environmentOutside({ PATH: '/a/node_modules/.bin:/usr/bin:/bin', HOME: '/home/a' });
    expect(outside).toEqual({ PATH: '/usr/bin:/bin', HOME: '/home/a' });
    expect(environmentInside(outside)['PATH']).toMatch(/node_modules\/\.bin:.*:\/usr\/bin:\/bin$/);
  });
});

describe('the shared cache', () => {
  it('follows the convention of each system', () => {
    expect(sharedCacheFolder({ XDG_CACHE_HOME: '/cache' }, 'linux')).toBe('/cache/hypermesh-dev');
    expect(sharedCacheFolder({ XDG_CACHE_HOME: 'relative' }, 'linux')).toMatch(/\/\.cache\/hypermesh-dev$/);
    expect(sharedCacheFolder({}, 'darwin')).toMatch(/Library\/Caches\/hypermesh-dev$/);
    expect(sharedCacheFolder({ LOCALAPPDATA: '/local' }, 'win32')).toBe('/local/hypermesh-dev');
  });
});

describe('the window', () => {
  it('opens where there is a screen, unless somebody asks to go without', () => {
    expect(wantsWindow([], { DISPLAY: ':0' }, 'linux')).toBe(true);
    expect(wantsWindow([], { WAYLAND_DISPLAY: 'wayland-0' }, 'linux')).toBe(true);
    expect(wantsWindow([], { DISPLAY: '' }, 'linux')).toBe(false);
    expect(wantsWindow([], {}, 'linux')).toBe(false);
    expect(wantsWindow([], {}, 'darwin')).toBe(true);
    expect(wantsWindow(['--headless'], { DISPLAY: ':0' }, 'linux')).toBe(false);
    expect(wantsWindow(['--headless'], {}, 'win32')).toBe(false);
  });
});

describe('system packages', () => {
  const ldd = [
    '\tlinux-vdso.so.1 (0x00007ffd)',
    '\tlibgtk-3.so.0 => not found',
    '\tlibasound.so.2 => not found',
    '\tlibc.so.6 => /lib/libc.so.6 (0x0)',
    '\tlibodd.so.9 => not found',
    '\tlibgtk-3.so.0 => not found',
  ].join('\n');

  it('are named for the libraries that ldd does not find', () => {
    const libraries = parseMissingLibraries(ldd);
    expect(libraries).toEqual(['libgtk-3.so.0', 'libasound.so.2', 'libodd.so.9']);
    expect(packagesOf(libraries)).toEqual({
      packages: ['libgtk-3-0t64|libgtk-3-0', 'libasound2t64|libasound2'],
      unknown: ['libodd.so.9'],
    });
    expect(parseMissingLibraries('\tstatically linked\n')).toEqual([]);
  });

  it('are met by any one of several programs, but by all that are needed', () => {
    const browser = TEST_NEEDS.find(({ name }) => name === 'browser');
    const docker = TEST_NEEDS.find(({ name }) => name === 'container engine');
    if (browser === undefined || docker === undefined) throw new Error('a need is gone');
    expect(missingPrograms(browser, (name) => (name === 'google-chrome' ? '/usr/bin/google-chrome' : null))).toEqual(
      [],
    );
    expect(missingPrograms(browser, () => null)).toHaveLength(1);
    expect(missingPrograms(docker, (name) => (name === 'dockerd' ? '/usr/sbin/dockerd' : null))).toEqual([
      'iptables',
      'busybox',
    ]);
  });

  it('say how to let the sandbox work where the system keeps it from working', () => {
    writeFileSync(join(folder, 'chrome-sandbox'), '');
    const restricted = (path: string): string | null =>
      path.endsWith('apparmor_restrict_unprivileged_userns') ? '1\n' : null;
    expect(explainBlockedSandbox(folder, restricted, false)).toContain('chmod 4755');
    expect(explainBlockedSandbox(folder, restricted, true)).toBeNull();
    expect(explainBlockedSandbox(folder, () => null, false)).toBeNull();
  });
});

describe('progress', () => {
  it('prints plain lines where there is no terminal', () => {
    const written: string[] = [];
    const progress = createProgress({ stream: { write: (text) => written.push(text) } });
    const stage = progress.stage('Build');
    stage.done('all of it');
    progress.stage('Other').failed('no');
    expect(written[0]).toBe('  … Build\n');
    expect(written[1]).toMatch(/^ {2}✓ Build: all of it \(\d+ s\)\n$/);
    expect(written[3]).toMatch(/^ {2}✗ Other: no/);
    expect(written.join('')).not.toContain('\x1b');
  });
});
