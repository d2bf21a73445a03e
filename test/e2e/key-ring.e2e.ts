import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from './fixtures.ts';

// A real key ring on a session bus of its own. Reaches into the environment of the app, so it runs from the source only.

const missing = ['dbus-daemon', 'dbus-send', 'gnome-keyring-daemon'].filter(
  (name) => spawnSync('which', [name]).status !== 0,
);

interface KeyRing {
  /** What the app must be given to find it. */
  env: Record<string, string>;
  end(): void;
}
const startKeyRing = async (home: string): Promise<KeyRing> => {
  const bus = spawn('dbus-daemon', ['--session', '--nofork', '--nopidfile', '--print-address=1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = (await once(bus.stdout, 'data')) as [Buffer];
  const env = { DBUS_SESSION_BUS_ADDRESS: line.toString().trim(), XDG_CURRENT_DESKTOP: 'GNOME' };
  // The password of the ring that it makes, as a log-in would give it.
  const ring: ChildProcess = spawn('gnome-keyring-daemon', ['--foreground', '--unlock', '--components=secrets'], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, ...env, HOME: home, XDG_DATA_HOME: join(home, 'data'), XDG_RUNTIME_DIR: home },
  });
  ring.stdin?.end('ring-password');
  const question = 'org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets';
  const asked = `--session --print-reply --dest=org.freedesktop.DBus / ${question}`.split(' ');
  await expect
    .poll(() => spawnSync('dbus-send', asked, { env: { ...process.env, ...env } }).stdout.toString())
    .toContain('boolean true');
  return {
    env,
    end: () => {
      ring.kill('SIGKILL');
      bus.kill('SIGKILL');
    },
  };
};

test('@source keys under the key ring unlock with the session, and stay locked without it', async ({ account }) => {
  test.skip(
    missing.length > 0,
    `${missing.join(' and ')} is missing; apt-get install gnome-keyring dbus brings a key ring`,
  );
  const home = mkdtempSync(join(tmpdir(), 'hypermesh-ring-'));
  const before = { ...process.env };
  const ring = await startKeyRing(home);
  const ringArgs = ['--hidden', '--password-store=gnome-libsecret'];
  const show = async () =>
    JSON.parse((await account.cli('identity', 'show', '--json')).stdout) as Record<string, unknown>;
  try {
    Object.assign(process.env, ring.env);
    const first = await account.start(...ringArgs);
    await first.waitFor('node:ready');
    expect(await show()).toMatchObject({ status: 'none', keyStore: { available: true, name: 'GNOME Keyring' } });
    const words = join(home, 'words');
    const made = await account.cli('identity', 'create', '--key-store', '--phrase-file', words);
    expect(made.stderr).toContain('The 24 words are in');
    expect(await show()).toMatchObject({ status: 'unlocked', sealedBy: 'keyStore' });
    expect(await first.stop()).toBe(0);

    // Nothing to type: the session is open.
    const second = await account.start(...ringArgs);
    await second.waitFor('node:ready');
    await expect.poll(async () => (await show())['status']).toBe('unlocked');
    expect(await second.stop()).toBe(0);

    // Another session, without the ring.
    ring.end();
    const third = await account.start(...ringArgs);
    await third.waitFor('node:ready');
    const locked = await show();
    expect(locked).toMatchObject({ status: 'locked', sealedBy: 'keyStore', keyStore: { available: false } });
    expect(locked['lockedReason']).toMatch(/GNOME Keyring.*recovery phrase/);
    expect((await account.cli('identity', 'unlock')).stderr).toContain('(KEY_STORE_UNAVAILABLE)');
    // The way out that it names.
    const passphrase = join(home, 'passphrase');
    writeFileSync(passphrase, 'a passphrase in its place', { mode: 0o600 });
    const restore = ['identity', 'restore', '--replace-sealing', '--phrase-file', words];
    const restored = await account.cli(...restore, '--passphrase-file', passphrase);
    expect(restored.code, restored.stderr).toBe(0);
    expect(await show()).toMatchObject({ status: 'unlocked', sealedBy: 'passphrase' });
    expect(await third.stop()).toBe(0);
  } finally {
    ring.end();
    for (const name of Object.keys(ring.env)) {
      delete process.env[name];
      if (before[name] !== undefined) process.env[name] = before[name];
    }
    rmSync(home, { recursive: true, force: true });
  }
});
