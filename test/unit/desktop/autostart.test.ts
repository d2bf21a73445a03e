import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AutostartInit, createAutostart, quoteExecArgument } from '../../../main/desktop/autostart.ts';
import { DesktopError } from '../../../main/desktop/errors.ts';

describe('start at login on Linux', () => {
  let configHome: string;
  let path: string;
  const create = (change: Partial<AutostartInit> = {}) =>
    createAutostart({
      platform: 'linux',
      command: ['/usr/bin/hypermesh-desktop', '--hidden'],
      configHome,
      setLoginItem: () => expect.unreachable('Electron does nothing on Linux'),
      ...change,
    });
  beforeEach(() => {
    configHome = mkdtempSync(join(tmpdir(), 'hypermesh-autostart-'));
    path = join(configHome, 'autostart', 'hypermesh.desktop');
  });
  afterEach(() => rmSync(configHome, { recursive: true }));

  it('writes an entry that starts the app hidden, and removes it', () => {
    create().apply(true);
    const lines = readFileSync(path, 'utf8').split('\n');
    expect(lines[0]).toBe('[Desktop Entry]');
    expect(lines).toContain('Exec=/usr/bin/hypermesh-desktop --hidden');
    expect(lines).toContain('TryExec=/usr/bin/hypermesh-desktop');
    expect(readdirSync(join(configHome, 'autostart'))).toEqual(['hypermesh.desktop']);
    create().apply(false);
    expect(existsSync(path)).toBe(false);
    create().apply(false);
  });

  it('corrects an entry that points at another place', () => {
    create({ command: ['/opt/old/hypermesh-desktop', '--hidden'] }).apply(true);
    create().apply(true);
    expect(readFileSync(path, 'utf8')).toContain('Exec=/usr/bin/hypermesh-desktop --hidden\n');
  });

  it.each(['Hidden=true', 'X-GNOME-Autostart-enabled=false'])(
    'leaves an entry alone that the desktop switched off with %s',
    (line) => {
      mkdirSync(join(configHome, 'autostart'));
      writeFileSync(path, `[Desktop Entry]\n${line}\n`);
      create().apply(true);
      expect(readFileSync(path, 'utf8')).toBe(`[Desktop Entry]\n${line}\n`);
    },
  );

  it('says what to do when it cannot write', () => {
    // A file where the folder should be stops even root.
    writeFileSync(join(configHome, 'autostart'), '');
    chmodSync(join(configHome, 'autostart'), 0o400);
    expect(() => create().apply(true)).toThrow(DesktopError);
    expect(() => create().apply(true)).toThrow(/could not be changed .* check that/);
  });

  it('quotes as the Desktop Entry Specification says', () => {
    expect(quoteExecArgument('/usr/bin/env')).toBe('/usr/bin/env');
    expect(quoteExecArgument('/my apps/x')).toBe('"/my apps/x"');
    expect(quoteExecArgument('100%')).toBe('"100%%"');
    expect(quoteExecArgument('a"b$c`d\\e')).toBe('"a\\\\"b\\\\$c\\\\`d\\\\\\\\e"');
  });
});

describe('start at login elsewhere', () => {
  it('leaves it to the system', () => {
    const told: boolean[] = [];
    const autostart = createAutostart({
      platform: 'darwin',
      command: ['/x'],
      configHome: '/nonexistent',
      setLoginItem: (openAtLogin) => told.push(openAtLogin),
    });
    autostart.apply(true);
    autostart.apply(false);
    expect(told).toEqual([true, false]);
  });
});
