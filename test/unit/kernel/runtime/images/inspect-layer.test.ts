import { describe, expect, it } from 'vitest';
import { LAYER_LINK_CHARACTERS_MAX } from '../../../../../main/kernel/runtime/images/constants.ts';
import { inspectLayer } from '../../../../../main/kernel/runtime/images/inspect-layer.ts';
import { entry, inPieces, type MadeEntry, pax, tarOf } from '../../../../support/runtime/tar.ts';

const look = (...entries: (Buffer | MadeEntry)[]): Promise<number> => inspectLayer(inPieces(tarOf(...entries)));
const refused = (...entries: (Buffer | MadeEntry)[]): Promise<string> =>
  look(...entries).then(
    () => 'taken',
    (error: unknown) => (error as Error).message,
  );

describe('a layer', () => {
  it('is taken with all that real ones have', async () => {
    expect(
      await look(
        { path: './', flag: '5' },
        { path: 'bin/', flag: '5' },
        { path: 'bin/busybox', content: 'elf' },
        { path: 'bin/sh', flag: '2', link: '/bin/busybox' },
        { path: 'usr/lib/x', flag: '2', link: '../../lib/y' },
        { path: 'bin/ash', flag: '1', link: 'bin/busybox' },
        { path: 'etc/.wh.passwd' },
        { path: 'var/.wh..wh..opq' },
        pax({ path: `deep/${'n'.repeat(200)}`, 'SCHILY.xattr.security.capability': 'x' }),
        { path: 'short' },
        // Twice: what stands behind takes its place, a file that of a link too.
        { path: 'bin/sh', content: 'x' },
        { path: 'bin/sh', content: 'y' },
      ),
    ).toBe(11);
    expect(await look()).toBe(0);
  });

  it.each<[string, (Buffer | MadeEntry)[]]>([
    ['at an absolute path', [{ path: '/etc/passwd' }]],
    ['outside its root', [{ path: '../x' }]],
    ['outside its root', [{ path: 'a/../../x' }]],
    ['outside its root', [{ path: 'a/..', flag: '5' }]],
    ['outside its root', [pax({ path: '../../x' }), { path: 'x' }]],
    ['outside its root', [{ path: 'L', flag: 'L', content: '../../x\0' }, { path: 'x' }]],
    ['outside its root', [{ path: '..', prefix: 'a' }]],
    ['leads outside its root', [{ path: 'a/b', flag: '2', link: '../../etc' }]],
    ['leads outside its root', [{ path: 'a', flag: '2', link: 'b/../../etc/passwd' }]],
    ['leads outside its root', [{ path: 'a', flag: '2', link: '' }]],
    ['leads outside its root', [{ path: 'a', flag: '1', link: '../x' }]],
    ['leads outside its root', [{ path: 'a', flag: '1', link: '/etc/passwd' }]],
    ['leads outside its root', [pax({ linkpath: '../../x' }), { path: 'a', flag: '2', link: 'fine' }]],
    ['through a link', [{ path: 'a', flag: '2', link: '/etc' }, { path: 'a/passwd' }]],
    ['through a link', [{ path: './a/', flag: '2', link: '/' }, { path: 'a//./x' }]],
    ['through a link', [{ path: 'a', flag: '2', link: '/' }, { path: 'b', flag: '1', link: 'a' }, { path: 'b/x' }]],
    [
      'links through a link',
      [
        { path: 'a', flag: '2', link: '/' },
        { path: 'b', flag: '1', link: 'a/etc/passwd' },
      ],
    ],
    ['a device or a pipe', [{ path: 'dev/sda', flag: '4' }]],
    ['a device or a pipe', [{ path: 'dev/null', flag: '3' }]],
    ['a device or a pipe', [{ path: 'pipe', flag: '6' }]],
    ['in the place of its root', [{ path: '.', flag: '2', link: 'x' }]],
    ['too long', [{ path: 'L', flag: 'L', content: 'n'.repeat(256) }, { path: 'x' }]],
  ])('is refused that has something %s', async (why, entries) => {
    expect(await refused(...entries)).toMatch(why);
  });

  it('may have a folder where a link was', async () => {
    expect(await look({ path: 'a', flag: '2', link: '/etc' }, { path: 'a', flag: '5' }, { path: 'a/passwd' })).toBe(3);
  });

  it('has so many links and no more', async () => {
    const many = async function* (): AsyncGenerator<Uint8Array> {
      const folder = `${'n'.repeat(200)}/`.repeat(19);
      for (let count = 0; count * folder.length <= LAYER_LINK_CHARACTERS_MAX; count++)
        yield await Promise.resolve(
          Buffer.concat([pax({ path: `${folder}${count}` }), entry({ path: 'x', flag: '2', link: 'x' })]),
        );
    };
    await expect(inspectLayer(many())).rejects.toThrow('too many links');
  });
});
