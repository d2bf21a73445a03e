import { execFile } from 'node:child_process';
import { lstat, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test as setup } from '@playwright/test';
import { runAsUser, testUser } from './installed-user.ts';

const run = promisify(execFile);

setup('the package installs', async () => {
  const deb = process.env['HYPERMESH_TEST_DEB'];
  if (!deb) throw new Error('HYPERMESH_TEST_DEB must name the .deb to test');
  await run('dpkg', ['--install', deb]);
  await run('useradd', ['--create-home', '--shell', '/bin/bash', testUser()]);

  // The sandbox's helper is root's and setuid, or no ordinary user can start the window where namespaces are closed.
  const helper = await lstat('/usr/lib/hypermesh/chrome-sandbox');
  expect(helper.uid).toBe(0);
  expect(helper.mode & 0o7777).toBe(0o4755);
  expect((await runAsUser(['hypermesh', '--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(await readFile('/usr/share/applications/hypermesh.desktop', 'utf8')).toContain('Exec=hypermesh-desktop\n');
  await lstat('/usr/share/icons/hicolor/256x256/apps/hypermesh.png');
});

setup('the program is hardened', async () => {
  const { FuseState, FuseV1Options, getCurrentFuseWire } = await import('@electron/fuses');
  const fuses = await getCurrentFuseWire('/usr/lib/hypermesh/hypermesh-desktop');
  expect(fuses[FuseV1Options.RunAsNode]).toBe(FuseState.DISABLE);
  expect(fuses[FuseV1Options.EnableNodeOptionsEnvironmentVariable]).toBe(FuseState.DISABLE);
  expect(fuses[FuseV1Options.OnlyLoadAppFromAsar]).toBe(FuseState.ENABLE);
  expect(fuses[FuseV1Options.EnableCookieEncryption]).toBe(FuseState.ENABLE);
  expect(fuses[FuseV1Options.GrantFileProtocolExtraPrivileges]).toBe(FuseState.DISABLE);
});

setup('root is told to be somebody else', async () => {
  const failure = await run('hypermesh-desktop', []).then(
    () => null,
    (error: { code: number; stderr: string }) => error,
  );
  expect(failure?.code).toBe(77);
  expect(failure?.stderr).toContain('(ROOT_NEEDS_NO_SANDBOX)');
});
