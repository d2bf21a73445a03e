import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test as teardown } from '@playwright/test';
import { runAsUser, spawnAsUser, testHome, testUser } from './installed-user.ts';

const run = promisify(execFile);
const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

teardown('removing the package keeps data, purging it can remove them', async () => {
  const folder = join(testHome(), '.local', 'share', 'hypermesh');
  try {
    // A node that runs in the usual place when the package goes.
    const node = spawnAsUser(['hypermesh', 'start', '--headless', '--port', '0']);
    const ended = new Promise<void>((resolve) => node.once('exit', () => resolve()));
    await expect.poll(() => exists(join(folder, 'node.json')), { timeout: 30_000 }).toBe(true);
    const removed = await run('dpkg', ['--remove', 'hypermesh']);
    await ended;
    expect(removed.stdout).toContain(`The data of ${testUser()} stays in ${folder}`);
    expect(await exists(join(folder, 'hypermesh.db'))).toBe(true);
    expect(await exists('/usr/lib/hypermesh')).toBe(false);
    expect((await runAsUser(['sh', '-c', 'command -v hypermesh'])).code).not.toBe(0);

    await run('dpkg', ['--purge', 'hypermesh'], { env: { ...process.env, HYPERMESH_REMOVE_DATA: '1' } });
    expect(await exists(folder)).toBe(false);
  } finally {
    await run('dpkg', ['--purge', 'hypermesh']).catch(() => undefined);
    await run('userdel', ['--remove', testUser()]).catch(() => undefined);
  }
});
