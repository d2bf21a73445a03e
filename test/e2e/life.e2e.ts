import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from './fixtures.ts';
import { root } from './launch-app.ts';

test('a second start brings the window of the first back', async ({ account }) => {
  const app = await account.start('--hidden');
  await app.waitFor('node:ready');
  expect(await app.windows()).toHaveLength(0);
  const second = await account.runToEnd();
  expect(second.code).toBe(0);
  expect(second.stdout).toContain('HyperMesh runs already');
  await expect((await app.page()).getByRole('heading', { level: 1 })).toBeVisible();
  // A third finds the window there and makes no other.
  await account.runToEnd();
  expect(await app.windows()).toHaveLength(1);
});

test('the command line brings the window back, and stops the app', async ({ account }) => {
  const app = await account.start('--hidden');
  await app.waitFor('node:ready');
  expect((await account.cli('start')).code).toBe(0);
  await expect((await app.page()).getByRole('heading', { level: 1 })).toBeVisible();
  expect((await account.cli('stop')).code).toBe(0);
  expect(await app.ended).toBe(0);
});

// Source only: the sentence is a dialog of the system, which only the source build lets a test answer.
test('closing the window keeps the node running and says so once', { tag: '@source' }, async ({ account }) => {
  const app = await account.start();
  await app.waitFor('node:ready');
  await app.electron?.evaluate(({ dialog }) => {
    const said: string[] = [];
    Object.assign(globalThis, { said });
    dialog.showMessageBox = async (...args: unknown[]) => {
      said.push(JSON.stringify(args.at(-1)));
      return { response: 0, checkboxChecked: false };
    };
  });
  const said = (): Promise<string[]> =>
    app.electron?.evaluate(() => (globalThis as unknown as { said: string[] }).said) ?? Promise.resolve([]);
  const closeWindow = async (): Promise<void> => {
    const page = await app.page();
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await app.electron?.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close());
    await expect.poll(async () => (await app.windows()).length).toBe(0);
  };
  await closeWindow();
  expect(await said()).toHaveLength(1);
  expect((await said())[0]).toContain('keeps running');
  expect((await account.cli('status', '--json')).code).toBe(0);
  await account.runToEnd();
  await closeWindow();
  expect(await said()).toHaveLength(1);
  expect(JSON.parse((await account.cli('config', 'get', '--json')).stdout).closeHintShown).toBe(true);
});

test('start at login writes an entry that starts it hidden, and takes it away', async ({ account }) => {
  const app = await account.start('--hidden');
  await app.waitFor('node:ready');
  const entry = join(account.configHome, 'autostart', 'hypermesh.desktop');
  await account.cli('config', 'set', 'openAtLogin', 'true');
  await expect.poll(() => readFile(entry, 'utf8').catch(() => '')).toMatch(/^Exec=.* --hidden$/m);
  await account.cli('config', 'set', 'openAtLogin', 'false');
  await expect.poll(() => readFile(entry, 'utf8').catch(() => 'gone')).toBe('gone');
});

// Source only: the same code runs in the package, and here the test may write the files.
test('a data folder that is in use, foreign or damaged is left alone, with a sentence and a code', {
  tag: '@source',
}, async ({ account }) => {
  const refused = async (code: string, exitCode: number): Promise<void> => {
    const end = await account.runToEnd();
    expect(end.stderr).toContain(`(${code})`);
    expect(end.code).toBe(exitCode);
  };

  const headless = spawn(process.execPath, [join(root, 'out', 'main', 'cli.js'), 'start', '--headless'], {
    env: { ...process.env, HYPERMESH_DATA: account.dataFolder },
    stdio: 'ignore',
  });
  const gone = new Promise((resolve) => headless.once('exit', resolve));
  await expect
    .poll(() => readFile(join(account.dataFolder, 'node.json'), 'utf8').catch(() => ''))
    .toContain('headless');
  await refused('DATA_FOLDER_IN_USE', 4);
  expect((await account.cli('status')).code).toBe(0);
  headless.kill('SIGTERM');
  await gone;

  await writeFile(join(account.dataFolder, 'config.json'), '{"version":1,"unknownThing":true}');
  await refused('CONFIG_UNKNOWN_KEY', 1);
  expect(await readFile(join(account.dataFolder, 'config.json'), 'utf8')).toBe('{"version":1,"unknownThing":true}');

  await writeFile(join(account.dataFolder, 'config.json'), '{"version":99}');
  await refused('CONFIG_NEWER', 1);
  await writeFile(join(account.dataFolder, 'config.json'), '{"version":1}');

  await writeFile(
    join(account.dataFolder, 'hypermesh.db'),
    'this is no database, but it is long enough to look like a file that once was one',
  );
  const end = await account.runToEnd();
  expect(end.code).not.toBe(0);
  expect(end.stderr).toMatch(/\(DATABASE_[A-Z_]+\)/);
  expect(await readFile(join(account.dataFolder, 'hypermesh.db'), 'utf8')).toContain('this is no database');
});

test('the window is not for machines without a screen', async ({ account }) => {
  const end = await account.runToEnd('--headless');
  expect(end.code).toBe(2);
  expect(end.stderr).toContain('hypermesh start --headless');
});
