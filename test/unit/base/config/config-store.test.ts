import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConfigFormat, type ConfigStore, createConfigStore } from '../../../../main/base/index.ts';
import { parseConfig } from '../../../../main/base/config/create-config-store.ts';
import { canMount, mountTinyDisk } from '../../../support/tiny-disk.ts';

interface Example {
  version: number;
  port: number;
  name: string | null;
}
const format: ConfigFormat<Example> = {
  defaults: { version: 3, port: 9470, name: null },
  migrations: [
    // 1 had the port as text, 2 had `title` for `name`.
    { from: 1, up: ({ port, ...rest }) => ({ ...rest, ...(port === undefined ? {} : { port: Number(port) }) }) },
    { from: 2, up: ({ title, ...rest }) => ({ ...rest, ...(title === undefined ? {} : { name: title }) }) },
  ],
  findInvalid: ({ port, name }) =>
    typeof port !== 'number' || !(port >= 0 && port <= 65_535)
      ? { key: 'port', reason: 'it must be a port' }
      : name !== null && typeof name !== 'string'
        ? { key: 'name', reason: 'it must be text' }
        : null,
};
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hypermesh-config-'));
  path = join(folder, 'config.json');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});
const load = (): Promise<ConfigStore<Example>> => createConfigStore({}, { path, format });

const readOrRefuse = (text: string): string => {
  try {
    return `version ${parseConfig(text, '/x', format).version}`;
  } catch (error) {
    return (error as Error).name;
  }
};

describe('reading', () => {
  it('gives the defaults where there is no file, and writes none', async () => {
    expect((await load()).get()).toEqual(format.defaults);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('fills in what the file leaves out', async () => {
    writeFileSync(path, '\uFEFF{ "version": 3, "name": "ada" }');
    expect((await load()).get()).toEqual({ version: 3, port: 9470, name: 'ada' });
  });

  it('migrates every older version and leaves the file for the first change', async () => {
    const text = '{ "version": 1, "port": "80", "title": "old" }';
    writeFileSync(path, text);
    const config = await load();
    expect(config.get()).toEqual({ version: 3, port: 80, name: 'old' });
    expect(readFileSync(path, 'utf8')).toBe(text);
    await config.set({ port: 81 });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ version: 3, port: 81, name: 'old' });
    writeFileSync(path, '{ "version": 2, "title": "two" }');
    expect((await load()).get()).toEqual({ version: 3, port: 9470, name: 'two' });
  });
});

describe('refusals', () => {
  it.each([
    ['', 'CONFIG_MALFORMED', { line: 1 }],
    ['{\n  "version": 3,\n  "port": 80,\n}\n', 'CONFIG_MALFORMED', { line: 4 }],
    ['{\n"version": 3,\n"port": \n', 'CONFIG_MALFORMED', { line: 4 }],
    ['{ "version": 3 } x', 'CONFIG_MALFORMED', { line: 1 }],
    ['[]', 'CONFIG_MALFORMED', { line: 1 }],
    ['null', 'CONFIG_MALFORMED', { line: 1 }],
    ['{ "version": 3, "prot": 80 }', 'CONFIG_UNKNOWN_KEY', { key: 'prot' }],
    ['{ "version": 3, "__proto__": {} }', 'CONFIG_UNKNOWN_KEY', { key: '__proto__' }],
    ['{ "version": 3, "toString": 1 }', 'CONFIG_UNKNOWN_KEY', { key: 'toString' }],
    ['{ "version": 3, "port": 65536 }', 'CONFIG_INVALID', { key: 'port' }],
    ['{ "version": 3, "port": "80" }', 'CONFIG_INVALID', { key: 'port' }],
    ['{ "port": 80 }', 'CONFIG_INVALID', { key: 'version' }],
    ['{ "version": "3" }', 'CONFIG_INVALID', { key: 'version' }],
    ['{ "version": 0 }', 'CONFIG_INVALID', { key: 'version' }],
    // Whatever else a newer version holds is its own affair.
    ['{ "version": 4, "later": true }', 'CONFIG_NEWER', { foundVersion: 4, knownVersion: 3 }],
    [`{ "version": 3, "name": "${'x'.repeat(70_000)}" }`, 'CONFIG_UNREADABLE', {}],
  ])('of %.40j leave the file alone', async (text, code, data) => {
    writeFileSync(path, text);
    await expect(load()).rejects.toMatchObject({
      name: 'ConfigError',
      code,
      data: { path, ...data },
      message: expect.stringContaining(path) as string,
    });
    expect(readFileSync(path, 'utf8')).toBe(text);
    expect(readdirSync(folder)).toEqual(['config.json']);
  });

  it('of a folder in its place', async () => {
    mkdirSync(path);
    await expect(load()).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
  });

  it('of any text are a ConfigError, or the text is settings', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((value) => JSON.stringify({ version: 3, ...value })),
        ),
        (text) => {
          expect(readOrRefuse(text)).toMatch(/^(version 3|ConfigError)$/);
        },
      ),
    );
  });
});

describe('changes', () => {
  it('are written before they take effect, for the owner alone, and told', async () => {
    const config = await load();
    const heard: [Example, string][] = [];
    const stop = config.onChange((now) => heard.push([now, readFileSync(path, 'utf8')]));
    expect(await config.set({ port: 80, name: undefined })).toEqual({ version: 3, port: 80, name: null });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(heard).toEqual([
      [{ version: 3, port: 80, name: null }, '{\n  "version": 3,\n  "port": 80,\n  "name": null\n}\n'],
    ]);
    stop();
    await config.set({ port: 81 });
    expect(heard).toHaveLength(1);
    expect((await load()).get()).toEqual(config.get());
    expect(readdirSync(folder)).toEqual(['config.json']);
  });

  it('that change nothing write nothing', async () => {
    const config = await load();
    await config.set({ port: 9470 });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('made at once all take effect, in order', async () => {
    const config = await load();
    await Promise.all([config.set({ port: 1 }), config.set({ name: 'a' }), config.set({ port: 2 })]);
    expect(config.get()).toEqual({ version: 3, port: 2, name: 'a' });
    const outcomes = await Promise.allSettled(Array.from({ length: 80 }, (_, i) => config.set({ port: i })));
    expect(outcomes.filter((outcome) => outcome.status === 'rejected')).toHaveLength(16);
    expect(config.get().port).toBe(63);
  });

  it('that are wrong are refused as a whole, and the next one goes on', async () => {
    const config = await load();
    await expect(config.set({ name: 'a', port: -1 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      data: { key: 'port' },
    });
    await expect(config.set({ colour: 'green' } as never)).rejects.toMatchObject({
      code: 'CONFIG_UNKNOWN_KEY',
      data: { key: 'colour' },
    });
    expect(config.get()).toEqual(format.defaults);
    await config.set({ name: 'b' });
    expect(config.get().name).toBe('b');
  });

  it('cannot set the version', async () => {
    const config = await load();
    await config.set({ version: 9, port: 5 } as never);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ version: 3, port: 5 });
  });

  it.runIf(canMount)('that find no room leave file and settings as they were', async () => {
    const disk = mountTinyDisk(64 * 1024)!;
    try {
      path = join(disk.path, 'config.json');
      const config = await load();
      await config.set({ port: 80 });
      const text = readFileSync(path, 'utf8');
      expect(() => {
        writeFileSync(join(disk.path, 'filler'), new Uint8Array(128 * 1024));
      }).toThrow('ENOSPC');
      await expect(config.set({ name: 'long '.repeat(2000) })).rejects.toMatchObject({
        code: 'CONFIG_NOT_WRITTEN',
        data: { path },
      });
      expect(config.get()).toEqual({ version: 3, port: 80, name: null });
      expect(readFileSync(path, 'utf8')).toBe(text);
      expect(readdirSync(disk.path).sort()).toEqual(['config.json', 'filler']);
      rmSync(join(disk.path, 'filler'));
      disk.makeReadOnly();
      await expect(config.set({ port: 81 })).rejects.toMatchObject({ code: 'CONFIG_NOT_WRITTEN' });
    } finally {
      disk.remove();
    }
  });

  it('to a folder that has gone are refused', async () => {
    path = join(folder, 'gone', 'config.json');
    const config = await load();
    await expect(config.set({ port: 80 })).rejects.toMatchObject({ code: 'CONFIG_NOT_WRITTEN' });
    expect(config.get()).toEqual(format.defaults);
  });
});
