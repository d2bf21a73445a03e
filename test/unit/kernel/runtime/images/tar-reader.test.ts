import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TAR_END, tarHeader, tarPadding } from '../../../../../main/base/index.ts';
import { readTar, TarError } from '../../../../../main/kernel/runtime/images/tar-reader.ts';
import { END, entry, inPieces, type MadeEntry, pax, tarOf } from '../../../../support/runtime/tar.ts';

interface Read {
  kind: string;
  path: string;
  linkPath: string;
  content: string;
}
const read = async (bytes: Uint8Array, size?: number): Promise<Read[]> => {
  const all: Read[] = [];
  for await (const { kind, path, linkPath, body } of readTar(inPieces(bytes, size))) {
    const parts: Uint8Array[] = [];
    for await (const piece of body()) parts.push(piece);
    all.push({ kind, path, linkPath, content: Buffer.concat(parts).toString('latin1') });
  }
  return all;
};
const refused = async (...entries: (Buffer | MadeEntry)[]): Promise<string> => {
  try {
    await read(tarOf(...entries));
    return 'taken';
  } catch (error) {
    expect(error).toBeInstanceOf(TarError);
    return (error as Error).message;
  }
};

const outcome = (bytes: Uint8Array, size?: number): Promise<string> =>
  read(bytes, size).then(
    () => 'taken',
    (error: unknown) => (error instanceof Error ? error.name : 'something'),
  );

describe('reading', () => {
  it('finds what is in archives of GNU tar, of every form that it has', async () => {
    const root = mkdtempSync(join(tmpdir(), 'hm-tar-'));
    try {
      const deep = 'd'.repeat(90);
      mkdirSync(join(root, deep, deep), { recursive: true });
      writeFileSync(join(root, deep, deep, 'file'), 'deep');
      writeFileSync(join(root, 'plain'), 'x'.repeat(1000));
      linkSync(join(root, 'plain'), join(root, 'same'));
      symlinkSync('t'.repeat(200), join(root, 'long-link'));
      symlinkSync('plain', join(root, 'short-link'));
      for (const form of ['gnu', 'pax', 'ustar']) {
        const names = form === 'ustar' ? ['plain', 'same', 'short-link', deep] : ['.'];
        const bytes = execFileSync('tar', ['-C', root, `--format=${form}`, '--sort=name', '-c', ...names]);
        for (const size of [1, 511, 700, 64 * 1024]) {
          const found = (await read(bytes, size)).map((one) => ({ ...one, path: one.path.replace('./', '') }));
          expect(found).toContainEqual({ kind: 'file', path: `${deep}/${deep}/file`, linkPath: '', content: 'deep' });
          expect(found).toContainEqual({ kind: 'folder', path: deep, linkPath: '', content: '' });
          expect(found).toContainEqual({ kind: 'symlink', path: 'short-link', linkPath: 'plain', content: '' });
          expect(found.find(({ kind }) => kind === 'hardlink')?.linkPath).toMatch(/plain$/);
          expect(found.find(({ path }) => path === 'plain')?.content).toBe('x'.repeat(1000));
          expect(found.some(({ linkPath }) => linkPath.length === 200)).toBe(form !== 'ustar');
        }
      }
    } finally {
      rmSync(root, { recursive: true });
    }
  });

  it('skips what nobody reads', async () => {
    const paths: string[] = [];
    for await (const { path } of readTar(
      inPieces(tarOf({ path: 'a', content: 'x'.repeat(5000) }, { path: 'b', content: 'y' }), 100),
    ))
      paths.push(path);
    expect(paths).toEqual(['a', 'b']);
  });

  it('reads what the writer wrote, as GNU tar does', async () => {
    const content = Buffer.from('z'.repeat(700));
    const bytes = Buffer.concat([tarHeader('manifest.json', 700), content, tarPadding(700), TAR_END]);
    expect(await read(bytes)).toEqual([
      { kind: 'file', path: 'manifest.json', linkPath: '', content: content.toString() },
    ]);
    expect(execFileSync('tar', ['-t'], { input: bytes }).toString()).toBe('manifest.json\n');
    // A length that octal digits cannot hold.
    for await (const { bytes: length } of readTar(inPieces(tarHeader('large', 2 ** 40)))) {
      expect(length).toBe(2 ** 40);
      break;
    }
  });

  it('takes an empty archive, one that ends without its end, and names of any bytes', async () => {
    expect(await read(END)).toEqual([]);
    expect(await read(entry({ path: 'a', content: 'b' }))).toHaveLength(1);
    const [odd] = await read(tarOf({ path: 'caf\xe9' }));
    expect(odd?.path).toBe('\uFFFFcaf\xe9');
  });
});

describe('refusing', () => {
  it('says why', async () => {
    expect(await refused({ path: 'a', breakChecksum: true })).toMatch('checksum');
    expect(await refused({ path: 'a', flag: 'S' })).toMatch('of kind');
    expect(await refused({ path: 'a', magic: 'ustar\x0001' })).toMatch('not known');
    expect(await refused({ path: 'a', flag: '1', link: 'b', bytes: 512 }, { path: 'c' })).toMatch('has a length');
    expect(await refused(pax({ path: 'a' }), pax({ path: 'b' }), { path: 'c' })).toMatch('two pax headers');
    expect(await refused(pax({ path: 'a' }, 'g'), { path: 'c' })).toMatch('for all files');
    expect(await refused(pax({ 'GNU.sparse.major': '1' }), { path: 'c' })).toMatch('sparse');
    expect(await refused(pax({ path: 'a' }), { path: 'L', flag: 'L', content: 'b' }, { path: 'c' })).toMatch(
      'two kinds',
    );
    expect(await refused(pax({ size: '-1' }), { path: 'c' })).toMatch('no number');
    expect(await refused(pax({ size: '99999999999999999999' }), { path: 'c' })).toMatch('no number');
    expect(await refused(pax({ path: 'a\0b' }), { path: 'c' })).toMatch('none');
    expect(await refused({ path: 'P', flag: 'x', content: '99 path=a\n' }, { path: 'c' })).toMatch('cut short');
    expect(await refused({ path: 'P', flag: 'x', content: 'path=a\n' }, { path: 'c' })).toMatch('no length');
    expect(await refused({ path: 'P', flag: 'x', bytes: 2 ** 30 })).toMatch('too long');
    expect(await refused({ path: 'L', flag: 'L', content: 'x'.repeat(5000) }, { path: 'c' })).toMatch('too long');
    expect(await refused(pax({ path: 'a' }))).toMatch('ends behind');
    expect(await refused(END, { path: 'a' })).toMatch('behind its end');
  });

  it('refuses every archive that is cut short within something', async () => {
    const whole = tarOf(pax({ path: 'long' }), { path: 'a', content: 'x'.repeat(600) }, { path: 'b', flag: '5' });
    for (let length = 1; length < whole.length - 1024; length += 37) {
      const cut = whole.subarray(0, length);
      // Only where one entry is over and the next has not begun.
      const isWhole = length === 2560;
      expect(
        await read(cut).then(
          () => true,
          () => false,
        ),
        `${length}`,
      ).toBe(isWhole);
    }
  });

  it('comes to an end with anything', async () => {
    const whole = tarOf(pax({ path: 'x' }), { path: 'a', content: 'yes' }, { path: 'l', flag: '2', link: '..' });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }),
        fc.integer({ min: 1, max: 2000 }),
        async (changes, size) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of changes) bytes[at] = value;
          expect(await outcome(bytes, size)).toMatch(/^(taken|TarError)$/);
        },
      ),
      { numRuns: 300 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (bytes) => {
        expect(await outcome(bytes)).toMatch(/^(taken|TarError)$/);
      }),
      { numRuns: 200 },
    );
  });
});
