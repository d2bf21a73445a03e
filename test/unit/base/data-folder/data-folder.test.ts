import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DataFolder, openDataFolder, readRunningNode, type RunningNode } from '../../../../main/base/index.ts';
import { type Child, startChild } from '../../../support/child.ts';
import { ORDINARY_UID, whyNoOrdinaryUser } from '../../../support/ordinary-user.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';
import { canMount, mountTinyDisk } from '../../../support/tiny-disk.ts';

const childEntry = join(import.meta.dirname, '../../../support/children/open-data-folder.ts');
const isRoot = process.getuid?.() === 0;
let around: string;
let path: string;
const opened: DataFolder[] = [];
const children: Child[] = [];
beforeEach(() => {
  around = mkdtempSync(join(tmpdir(), 'hypermesh-data-'));
  path = join(around, 'node');
});
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
  for (const folder of opened.splice(0)) await folder.release();
  rmSync(around, { recursive: true });
});
const open = async (): Promise<DataFolder> => {
  const folder = await openDataFolder({ logger: createSilentLogger() }, { path });
  opened.push(folder);
  return folder;
};
const startHolder = (...args: string[]): Child => {
  const child = startChild(childEntry, [path, ...args]);
  children.push(child);
  return child;
};
const running: RunningNode = {
  pid: process.pid,
  url: 'http://[::1]:9470/',
  token: 'secret',
  mode: 'headless',
  startedAtMs: 5,
  version: '0.1.0',
};
/** Every file with its content, to show that nothing was changed. */
const snapshot = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name), 'utf8')]),
  );

describe('a new folder', () => {
  it('is created for its owner alone, with its format', async () => {
    path = join(around, 'deep', 'er', 'node');
    const folder = await open();
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(path, 'format'), 'utf8')).toBe('hypermesh-data 1\n');
    expect(readdirSync(path).sort()).toEqual(['format', 'lock.db', 'logs', 'tmp']);
    expect(folder).toMatchObject({
      path,
      databasePath: join(path, 'hypermesh.db'),
      logsPath: join(path, 'logs'),
      configPath: join(path, 'config.json'),
      temporaryPath: join(path, 'tmp'),
    });
  });

  it('may exist and be empty, or hold what a cut-short start left', async () => {
    for (const left of [[], ['lock.db'], ['lock.db', 'format.new'], ['electron', 'tmp', 'logs']]) {
      mkdirSync(path);
      for (const name of left) {
        if (name.includes('.')) writeFileSync(join(path, name), '');
        else mkdirSync(join(path, name));
      }
      const folder = await openDataFolder({}, { path });
      expect(readFileSync(join(path, 'format'), 'utf8')).toBe('hypermesh-data 1\n');
      await folder.release();
      rmSync(path, { recursive: true });
    }
  });

  it('is closed to other users if it was open', async () => {
    mkdirSync(path, { mode: 0o755 });
    await open();
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });
});

describe('an existing folder', () => {
  it('keeps everything but its scratch space', async () => {
    const first = await open();
    writeFileSync(join(path, 'config.json'), '{}');
    mkdirSync(join(first.temporaryPath, 'a'));
    writeFileSync(join(first.temporaryPath, 'a', 'b'), '');
    await first.release();
    const second = await open();
    expect(readFileSync(second.configPath, 'utf8')).toBe('{}');
    expect(readdirSync(second.temporaryPath)).toEqual([]);
  });

  it('does not empty what a link in it points to', async () => {
    const elsewhere = join(around, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'precious'), '');
    const first = await open();
    await first.release();
    rmSync(first.temporaryPath, { recursive: true });
    symlinkSync(elsewhere, first.temporaryPath);
    await open();
    expect(existsSync(join(elsewhere, 'precious'))).toBe(true);
  });
});

describe('refusals', () => {
  const refused = async (code: string): Promise<Error> => {
    const before = existsSync(path) && statSync(path).isDirectory() ? snapshot(path) : null;
    const error = await open().then(
      () => new Error('it was opened'),
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toMatchObject({ name: 'DataFolderError', code });
    expect(error.message).toContain(path);
    if (before !== null) expect(snapshot(path)).toEqual(before);
    return error;
  };

  it('of a folder with files of somebody else', async () => {
    mkdirSync(path);
    writeFileSync(join(path, 'thesis.txt'), 'x');
    expect((await refused('DATA_FOLDER_FOREIGN')).message).toContain('thesis.txt');
    expect(readdirSync(path)).toEqual(['thesis.txt']);
  });

  it.each([
    '',
    'hypermesh-data\n',
    'hypermesh-data 1',
    'hypermesh-data -1\n',
    'hypermesh-data 1\nmore\n',
    'something else\n',
  ])('of the format file %j', async (text) => {
    mkdirSync(path);
    writeFileSync(join(path, 'format'), text);
    await refused('DATA_FOLDER_FOREIGN');
  });

  it('of a folder of a newer version', async () => {
    mkdirSync(path);
    writeFileSync(join(path, 'format'), 'hypermesh-data 2\n');
    expect(await refused('DATA_FOLDER_NEWER')).toMatchObject({ data: { foundVersion: 2, knownVersion: 1 } });
  });

  it('of a file, and of a path through a file', async () => {
    writeFileSync(path, '');
    await refused('DATA_FOLDER_FOREIGN');
    path = join(path, 'below');
    await refused('DATA_FOLDER_FOREIGN');
  });

  it('of a name that is too long', async () => {
    path = join(around, 'x'.repeat(300));
    await refused('DATA_FOLDER_READ_ONLY');
  });

  it.runIf(isRoot)('of a folder of another user', async () => {
    mkdirSync(path);
    chownSync(path, ORDINARY_UID, ORDINARY_UID);
    expect(await refused('DATA_FOLDER_NOT_OURS')).toMatchObject({ data: { ownerId: ORDINARY_UID, userId: 0 } });
  });

  it('of a folder that an ordinary user may not create', async (context) => {
    const reason = whyNoOrdinaryUser();
    if (reason !== null) context.skip(reason);
    chmodSync(around, 0o755);
    const child = startChild(childEntry, [path], { uid: ORDINARY_UID });
    children.push(child);
    expect(JSON.parse(await child.nextLine())).toMatchObject({
      ok: false,
      code: 'DATA_FOLDER_READ_ONLY',
      data: { reason: 'EACCES' },
    });
    expect(existsSync(path)).toBe(false);
  });

  it('of a folder that its owner may not write to', async (context) => {
    const reason = whyNoOrdinaryUser();
    if (reason !== null) context.skip(reason);
    chmodSync(around, 0o755);
    mkdirSync(path);
    chownSync(path, ORDINARY_UID, ORDINARY_UID);
    chmodSync(path, 0o500);
    const child = startChild(childEntry, [path], { uid: ORDINARY_UID });
    children.push(child);
    expect(JSON.parse(await child.nextLine())).toMatchObject({ ok: false, code: 'DATA_FOLDER_READ_ONLY' });
    expect(readdirSync(path)).toEqual([]);
  });

  it.runIf(canMount)('of a disk that is full, and of one that is read-only', async () => {
    const disk = mountTinyDisk(128 * 1024)!;
    try {
      path = join(disk.path, 'node');
      await refused('DISK_FULL');
      // Nothing holds the folder after the refusal, and with room it opens.
      rmSync(path, { recursive: true });
      disk.makeReadOnly();
      await refused('DATA_FOLDER_READ_ONLY');
    } finally {
      disk.remove();
    }
  });

  it('of clients where there is nothing', async () => {
    await expect(openDataFolder({}, { path, clientOnly: true })).rejects.toMatchObject({ code: 'DATA_FOLDER_MISSING' });
    expect(existsSync(path)).toBe(false);
    mkdirSync(path);
    await expect(openDataFolder({}, { path, clientOnly: true })).rejects.toMatchObject({ code: 'DATA_FOLDER_MISSING' });
    expect(readdirSync(path)).toEqual([]);
  });
});

describe('the lock', () => {
  it('keeps a second opening out, in the same process as well', async () => {
    const folder = await open();
    await folder.announce(running);
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_FOLDER_IN_USE',
      data: { path, pid: process.pid, url: 'http://[::1]:9470/', mode: 'headless' },
    });
    // The refusal left the lock in place.
    await expect(open()).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
    await folder.release();
    await folder.release();
    await open();
  });

  it('does not keep clients out', async () => {
    const folder = await open();
    const client = await openDataFolder({}, { path, clientOnly: true });
    await client.release();
    await expect(open()).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
    await expect(client.announce(running)).rejects.toMatchObject({ code: 'DATA_FOLDER_READ_ONLY' });
    await folder.release();
  });

  it('of another process keeps us out, says where it is, and ends when it is killed', async () => {
    const holder = startHolder('announce');
    expect(JSON.parse(await holder.nextLine())).toEqual({ ok: true });
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_FOLDER_IN_USE',
      data: { pid: holder.pid, url: 'http://[::1]:9470/', mode: 'headless' },
    });
    expect(await readRunningNode(path)).toMatchObject({ pid: holder.pid, token: 'secret-of-the-test' });
    await holder.kill();
    expect(existsSync(join(path, 'node.json'))).toBe(true);
    expect(await readRunningNode(path)).toBeNull();
    await open();
    expect(existsSync(join(path, 'node.json'))).toBe(false);
  });

  it('goes to one of two that start at the same moment', async () => {
    const [a, b] = [startHolder(), startHolder()];
    const outcomes = [JSON.parse(await a.nextLine()), JSON.parse(await b.nextLine())] as {
      ok: boolean;
      code?: string;
      data?: unknown;
    }[];
    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1);
    expect(outcomes.find((outcome) => !outcome.ok)).toMatchObject({
      code: 'DATA_FOLDER_IN_USE',
      data: { pid: null, url: null },
    });
  });
});

describe('the running node', () => {
  it('is told to clients of the same user and to nobody else', async () => {
    const folder = await open();
    expect(await readRunningNode(path)).toBeNull();
    await folder.announce(running);
    expect(statSync(join(path, 'node.json')).mode & 0o777).toBe(0o600);
    expect(await readRunningNode(path)).toEqual(running);
    await folder.announce({ ...running, url: null });
    expect((await readRunningNode(path))?.url).toBeNull();
    await folder.release();
    expect(await readRunningNode(path)).toBeNull();
    expect(existsSync(join(path, 'node.json'))).toBe(false);
  });

  it('is not believed when others could have written or read the file', async () => {
    const folder = await open();
    await folder.announce(running);
    chmodSync(join(path, 'node.json'), 0o644);
    expect(await readRunningNode(path)).toBeNull();
  });

  it('is not believed when its process is gone or the folder is not locked', async () => {
    const gone = startHolder();
    await gone.nextLine();
    await gone.kill();
    const folder = await open();
    await folder.announce({ ...running, pid: gone.pid });
    expect(await readRunningNode(path)).toBeNull();
    await folder.announce(running);
    const text = readFileSync(join(path, 'node.json'));
    await folder.release();
    writeFileSync(join(path, 'node.json'), text, { mode: 0o600 });
    expect(await readRunningNode(path)).toBeNull();
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...running, pid: -1 }),
    JSON.stringify({ ...running, pid: 0 }),
    JSON.stringify({ ...running, pid: '1' }),
    JSON.stringify({ ...running, mode: 'other' }),
    JSON.stringify({ ...running, token: null }),
    JSON.stringify({ ...running, url: 5 }),
    JSON.stringify({ ...running, startedAtMs: 1.5 }),
    JSON.stringify({ ...running, token: 'x'.repeat(20_000) }),
  ])('is not made up from the file %.40s', async (text) => {
    await open();
    writeFileSync(join(path, 'node.json'), text, { mode: 0o600 });
    expect(await readRunningNode(path)).toBeNull();
  });

  it('may say more in a newer version', async () => {
    await open();
    writeFileSync(join(path, 'node.json'), JSON.stringify({ ...running, colour: 'green' }), { mode: 0o600 });
    expect(await readRunningNode(path)).toEqual(running);
  });
});
