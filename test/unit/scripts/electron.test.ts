import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  canConnect,
  checkIntegrity,
  chooseElectron,
  executableName,
  REPUBLISHED,
} from '../../../scripts/setup/electron.mjs';

type Sources = Parameters<typeof chooseElectron>[0];

/** A world in which every source works, with a record of what was asked of it. */
const world = (changes: Partial<Sources> = {}): { sources: Sources; asked: string[]; said: string[] } => {
  const asked: string[] = [];
  const said: string[] = [];
  let installed = false;
  const sources: Sources = {
    version: REPUBLISHED.version,
    platform: REPUBLISHED.platform,
    override: undefined,
    inspect: () => ({ version: REPUBLISHED.version, republished: false }),
    officialInstalled: () => (installed ? '/official' : null),
    officialReachable: async () => {
      asked.push('reachable');
      return true;
    },
    officialInstall: async () => {
      asked.push('official');
      installed = true;
      return 'done';
    },
    republishedInstall: async () => {
      asked.push('republished');
      return '/republished';
    },
    say: (text) => said.push(text),
    ...changes,
  };
  return { sources, asked, said };
};

const development = { allowRepublished: true };
const release = { allowRepublished: false };
const unreachable = { officialReachable: async () => false };

describe('where Electron comes from', () => {
  it('takes the folder that the person names before anything else', async () => {
    const { sources, asked } = world({ override: '/mine' });
    expect(await chooseElectron(sources, development)).toEqual({ folder: '/mine', source: 'override' });
    expect(asked).toEqual([]);
  });

  it('takes an official download that is there without asking the network', async () => {
    const { sources, asked } = world({ officialInstalled: () => '/official' });
    expect(await chooseElectron(sources, release)).toEqual({ folder: '/official', source: 'official' });
    expect(asked).toEqual([]);
  });

  it('downloads the official one where its host answers', async () => {
    const { sources, asked, said } = world();
    expect(await chooseElectron(sources, development)).toEqual({ folder: '/official', source: 'official' });
    expect(asked).toEqual(['reachable', 'official']);
    expect(said).toEqual([]);
  });

  it('takes the republished one only where the host cannot be reached, and says so in one line', async () => {
    const { sources, asked, said } = world(unreachable);
    expect(await chooseElectron(sources, development)).toEqual({ folder: '/republished', source: 'republished' });
    expect(asked).toEqual(['republished']);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(REPUBLISHED.name);
    expect(said[0]).not.toContain('\n');
  });

  it('takes the republished one when the host is lost while downloading', async () => {
    const { sources } = world({ officialInstall: async () => 'unreachable' });
    expect((await chooseElectron(sources, development)).source).toBe('republished');
  });

  it('does not hide a download that went wrong in another way', async () => {
    const { sources, asked } = world({
      officialInstall: async () => {
        throw new Error('checksum mismatch');
      },
    });
    await expect(chooseElectron(sources, development)).rejects.toThrow('checksum mismatch');
    expect(asked).toEqual(['reachable']);
  });
});

describe('what is refused', () => {
  it.each([['linux-arm64'], ['darwin-arm64'], ['win32-x64']])(
    'the republished build on %s, which it is not for',
    async (platform) => {
      const { sources, asked } = world({ ...unreachable, platform });
      await expect(chooseElectron(sources, development)).rejects.toThrow('ELECTRON_OVERRIDE_DIST_PATH');
      expect(asked).toEqual([]);
    },
  );

  it('the republished build for another version than the one it was checked for', async () => {
    const { sources } = world({ ...unreachable, version: '43.0.0' });
    await expect(chooseElectron(sources, development)).rejects.toThrow('cannot be reached');
  });

  it('the republished build for a release', async () => {
    const { sources, asked } = world(unreachable);
    await expect(chooseElectron(sources, release)).rejects.toThrow('A release is built from the official Electron');
    expect(asked).toEqual([]);
  });

  it('the republished build for a release even when the person points at it', async () => {
    const { sources } = world({
      override: '/mine',
      inspect: () => ({ version: REPUBLISHED.version, republished: true }),
    });
    await expect(chooseElectron(sources, release)).rejects.toThrow('A release is built from the official Electron');
    expect((await chooseElectron(sources, development)).source).toBe('republished');
  });

  it('a folder without Electron, and one of another version', async () => {
    await expect(
      chooseElectron(world({ override: '/mine', inspect: () => null }).sources, development),
    ).rejects.toThrow('holds no Electron');
    const other = world({ override: '/mine', inspect: () => ({ version: '41.0.0', republished: false }) });
    await expect(chooseElectron(other.sources, development)).rejects.toThrow('holds Electron 41.0.0');
  });

  it('a download that leaves nothing behind', async () => {
    const { sources } = world({ officialInstalled: () => null });
    await expect(chooseElectron(sources, development)).rejects.toThrow('not complete');
  });
});

describe('the tarball', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hm-electron-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is taken when its SHA-512 is the pinned one', async () => {
    const path = join(folder, 'abc.tgz');
    writeFileSync(path, 'abc');
    // FIPS 180-2, example of SHA-512 for "abc".
    const digest =
      'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f';
    await checkIntegrity(path, `sha512-${Buffer.from(digest, 'hex').toString('base64')}`);
  });

  it('is refused when a single bit differs', async () => {
    const path = join(folder, 'abc.tgz');
    writeFileSync(path, 'abc');
    await expect(checkIntegrity(path, REPUBLISHED.integrity)).rejects.toThrow('nothing of it was used');
  });
});

describe('the probe', () => {
  it('sees a port that takes connections, and one that does not', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server listens nowhere');
    expect(await canConnect('127.0.0.1', address.port)).toBe(true);
    await new Promise((resolve) => {
      server.close(resolve);
    });
    expect(await canConnect('127.0.0.1', address.port)).toBe(false);
  });
});

it('knows the program of each system', () => {
  expect(executableName('linux')).toBe('electron');
  expect(executableName('win32')).toBe('electron.exe');
  expect(executableName('darwin')).toBe('Electron.app/Contents/MacOS/Electron');
});
