import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createStore, createSystemOutside, type Store } from '../../../../main/base/index.ts';
import { migrations } from '../../../../main/base/store/migrations/index.ts';
import { startChild } from '../../../support/child.ts';
import { ORDINARY_UID, whyNoOrdinaryUser } from '../../../support/ordinary-user.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';
import { canMount, mountTinyDisk } from '../../../support/tiny-disk.ts';

const workerPath = join(import.meta.dirname, '../../../../main/base/store/worker.ts');
const components = { logger: createSilentLogger(), metrics: null, clock: createSystemOutside().clock };
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hypermesh-refusals-'));
  path = join(folder, 'hypermesh.db');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const fill = async (rows: number): Promise<void> => {
  const store = await createStore(components, { path });
  const value = new Uint8Array(1000).fill(7);
  await store.transaction(
    'test.fill',
    Array.from({ length: rows }, (_, i) => ({
      sql: 'INSERT INTO settings (key, value, updated_at_ms) VALUES (?, ?, 0)',
      params: [`key-${i}`, value],
    })),
  );
  await store.close();
};
const files = (): Record<string, string> =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString('base64')]));

/** Both ways to hold a database refuse in the same words and leave the file as it is. */
const refused = async (code: string): Promise<Error> => {
  const errors: Error[] = [];
  for (const init of [{ path }, { path, workerPath }]) {
    const before = readFileSync(path).toString('base64');
    const error = await createStore(components, init).then(
      () => new Error('it was opened'),
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toMatchObject({ name: 'StoreError', code, data: { path } });
    expect(error.message).toContain(path);
    expect(readFileSync(path).toString('base64')).toBe(before);
    errors.push(error);
  }
  expect(errors[0]!.message).toBe(errors[1]!.message);
  return errors[0]!;
};

describe('opening refuses', () => {
  it.each([
    ['text', Buffer.from('This is no database.\n'.repeat(100))],
    ['a short text', Buffer.from('hello')],
    ['the head of a database alone', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(84)])],
    ['zeros', Buffer.alloc(8192)],
  ])('%s in place of a database', async (_name, content) => {
    writeFileSync(path, content);
    await refused('DATABASE_CORRUPT');
  });

  it('a damaged page in the middle', async () => {
    await fill(500);
    const bytes = readFileSync(path);
    bytes.fill(0x5a, 40 * 4096, 60 * 4096);
    writeFileSync(path, bytes);
    const error = await refused('DATABASE_CORRUPT');
    expect(error.message).not.toContain('\n');
    expect(error.message).toMatch(/nothing was changed.*put a copy of it back, or move it away/);
  });

  it('a file that was cut short', async () => {
    await fill(500);
    truncateSync(path, 50 * 4096);
    await refused('DATABASE_CORRUPT');
  });

  it('a schema of a newer version, even with its log of changes still there', async () => {
    await fill(1);
    const db = new Sqlite(path);
    db.pragma('user_version = 990');
    // Copied while it is open, as a crash leaves it: the newer version number is in the log only.
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, join(folder, `crashed.db${suffix}`));
    db.close();
    path = join(folder, 'crashed.db');
    const wal = readFileSync(`${path}-wal`).toString('base64');
    const error = await refused('DATABASE_NEWER');
    expect(error).toMatchObject({ data: { foundVersion: 990, knownVersion: migrations.at(-1)?.version } });
    expect(readFileSync(`${path}-wal`).toString('base64')).toBe(wal);
  });

  it('a database of another program, whether it has an application id or not', async () => {
    for (const applicationId of [0, 0x0f05_5112]) {
      const db = new Sqlite(path);
      db.exec('CREATE TABLE IF NOT EXISTS theirs (x)');
      db.pragma(`application_id = ${applicationId}`);
      db.close();
      expect(await refused('DATABASE_FOREIGN')).toMatchObject({ data: { applicationId } });
    }
  });

  it('a database that another program holds for itself', async () => {
    await fill(1);
    const db = new Sqlite(path);
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN IMMEDIATE; CREATE TABLE theirs (x)');
    try {
      await expect(createStore(components, { path, workerPath })).rejects.toMatchObject({ code: 'DATABASE_LOCKED' });
    } finally {
      db.close();
    }
    await (await createStore(components, { path })).close();
  });

  it.runIf(canMount)('a disk that is read-only', async () => {
    const disk = mountTinyDisk(2 * 1024 * 1024)!;
    try {
      path = join(disk.path, 'hypermesh.db');
      await fill(1);
      disk.makeReadOnly();
      await refused('DATABASE_READ_ONLY');
    } finally {
      disk.remove();
    }
  });

  it('a file that its user may not write to', async (context) => {
    const reason = whyNoOrdinaryUser();
    if (reason !== null) context.skip(reason);
    await fill(1);
    chmodSync(folder, 0o755);
    const inner = join(folder, 'inner');
    mkdirSync(inner);
    copyFileSync(path, join(inner, 'x.db'));
    for (const [name, mode] of [
      ['', 0o700],
      ['x.db', 0o400],
    ] as const) {
      chownSync(join(inner, name), ORDINARY_UID, ORDINARY_UID);
      chmodSync(join(inner, name), mode);
    }
    const child = startChild(
      join(import.meta.dirname, '../../../support/children/write-rows.ts'),
      [join(inner, 'x.db'), workerPath, '0'],
      { uid: ORDINARY_UID },
    );
    await expect(child.nextLine()).rejects.toThrow('DATABASE_READ_ONLY');
  });

  it('a folder in place of the file, and a folder that is not there', async () => {
    mkdirSync(path);
    await expect(createStore(components, { path })).rejects.toMatchObject({
      name: 'StoreError',
      code: 'DATABASE_READ_ONLY',
    });
    await expect(createStore(components, { path: join(folder, 'no', 'x.db') })).rejects.toMatchObject({
      code: 'DATABASE_READ_ONLY',
    });
  });

  it('a worker entry that is not there', async () => {
    await expect(createStore(components, { path, workerPath: '/nowhere/worker.js' })).rejects.toMatchObject({
      code: 'STORE_CLOSED',
    });
  });
});

describe('a file', () => {
  it('of no bytes is a new database', async () => {
    writeFileSync(path, '');
    const store = await createStore(components, { path });
    expect(await store.get('test', 'PRAGMA application_id')).toEqual({ application_id: 0x48_4d_73_68 });
    await store.close();
  });

  it('is one file again after closing, with everything in it', async () => {
    await fill(10);
    expect(Object.keys(files())).toEqual(['hypermesh.db']);
    const store = await createStore(components, { path, workerPath });
    expect(await store.get('test', 'SELECT count(*) AS n FROM settings')).toEqual({ n: 10 });
    expect(await store.get('test', 'PRAGMA journal_mode')).toEqual({ journal_mode: 'wal' });
    expect(await store.get('test', 'PRAGMA synchronous')).toEqual({ synchronous: 2 });
    expect(await store.get('test', 'PRAGMA foreign_keys')).toEqual({ foreign_keys: 1 });
    await store.close();
  });
});

describe('a full disk', () => {
  const putLarge = (store: Store, i: number): Promise<number> =>
    store.run('test.large', 'INSERT INTO settings (key, value, updated_at_ms) VALUES (?, ?, 0)', [
      `large-${i}`,
      new Uint8Array(50_000),
    ]);

  it.runIf(canMount).each(['inline', 'in a thread'])(
    'undoes what does not fit, keeps the rest, and goes on when there is room (%s)',
    async (how) => {
      const disk = mountTinyDisk(2 * 1024 * 1024)!;
      try {
        path = join(disk.path, 'hypermesh.db');
        writeFileSync(join(disk.path, 'filler'), new Uint8Array(600_000));
        const store = await createStore(components, how === 'inline' ? { path } : { path, workerPath });
        const outcomes: PromiseSettledResult<number>[] = [];
        // Some one by one and some together, as both ways of writing must undo.
        for (let i = 0; i < 10; i++) outcomes.push(...(await Promise.allSettled([putLarge(store, i)])));
        outcomes.push(...(await Promise.allSettled(Array.from({ length: 40 }, (_, i) => putLarge(store, 10 + i)))));
        const stored = outcomes.flatMap((outcome, i) => (outcome.status === 'fulfilled' ? [`large-${i}`] : []));
        const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
        expect(stored.length).toBeGreaterThan(0);
        expect(errors.length).toBeGreaterThan(0);
        for (const error of errors)
          expect(error).toMatchObject({ name: 'StoreError', code: 'DISK_FULL', data: { path } });
        const keys = async (): Promise<string[]> =>
          (await store.all<{ key: string }>('test.keys', 'SELECT key FROM settings')).map((row) => row.key);
        expect((await keys()).sort()).toEqual(stored.sort());
        rmSync(join(disk.path, 'filler'));
        await putLarge(store, 99);
        expect(await store.get('test.check', 'PRAGMA quick_check')).toEqual({ quick_check: 'ok' });
        await store.close();
        const again = await createStore(components, { path });
        expect(await again.get('test.count', 'SELECT count(*) AS n FROM settings')).toEqual({ n: stored.length + 1 });
        await again.close();
      } finally {
        disk.remove();
      }
    },
  );

  it.runIf(canMount)('at the first start is said, and with room it starts', async () => {
    // An empty database with its log has some hundred KiB: tables of every room.
    const disk = mountTinyDisk(2 * 1024 * 1024)!;
    try {
      path = join(disk.path, 'hypermesh.db');
      writeFileSync(join(disk.path, 'filler'), new Uint8Array(1992 * 1024));
      await expect(createStore(components, { path })).rejects.toMatchObject({ name: 'StoreError', code: 'DISK_FULL' });
      rmSync(join(disk.path, 'filler'));
      await (await createStore(components, { path })).close();
      expect(existsSync(path)).toBe(true);
    } finally {
      disk.remove();
    }
  });
});
