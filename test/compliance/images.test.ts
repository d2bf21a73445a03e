import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { KeyId } from '../../main/base/crypto/index.ts';
import type { Link } from '../../main/kernel/leases/index.ts';
import { encodeManifest, type ImageManifest } from '../../main/kernel/runtime/images/index.ts';
import { IMAGE_PROTOCOL, encodeImageMessage } from '../../main/kernel/runtime/images/messages.ts';
import { request } from '../../main/transport/stoq/index.ts';
import type { PeerId } from '../../main/transport/stoq/index.ts';
import type { ImageTransfer } from '../../preload/contract/index.ts';
import { engineMissing, startTestEngine, type TestEngine } from '../support/engine/docker-engine.ts';
import { createLinkNet, type LinkNet } from '../support/leases/fake-links.ts';
import { type ImageNode, startImageNode } from '../support/runtime/image-node.ts';
import { hashOf, inPieces, type MadeEntry, tarOf } from '../support/runtime/tar.ts';

// Images of real engines, between two nodes with an engine each: what one sends, the other can run, and nothing else gets in.

const signal = new AbortController().signal;
const silent = { signal, progress: () => undefined };

describe.skipIf(engineMissing !== null)(`images between two engines (${engineMissing ?? 'real'})`, () => {
  let nearEngine: TestEngine;
  let farEngine: TestEngine;
  let net: LinkNet;
  let near: ImageNode;
  let far: ImageNode;
  let link: Link;
  let mayGive: boolean;
  let mayTake: boolean;
  let image: string;
  /** Another on the same base: its lowest layer is that of `tools:1`. */
  let derived: string;

  const docker = (engine: TestEngine, ...args: string[]): string =>
    execFileSync('docker', ['-H', engine.endpoint, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
      .toString()
      .trim();
  const idsOf = async ({ client }: TestEngine): Promise<string[]> =>
    (await client.listImages()).map(({ Id }) => Id).toSorted();
  const ended = async (node: ImageNode, { id }: ImageTransfer): Promise<ImageTransfer> => {
    let found: ImageTransfer | undefined;
    await expect
      .poll(
        async () => {
          found = (await node.images.state()).transfers.find((one) => one.id === id);
          return found?.state;
        },
        { timeout: 30_000 },
      )
      .not.toBe('running');
    return found!;
  };
  const clear = async (engine: TestEngine, keep: readonly string[] = []): Promise<void> => {
    for (const { Id } of await engine.client.listImages())
      if (!keep.includes(Id)) await engine.client.getImage(Id).remove({ force: true });
  };

  beforeAll(async () => {
    [nearEngine, farEngine] = await Promise.all([startTestEngine(), startTestEngine()]);
    image = nearEngine.makeImage('tools:1', { 'data/file': { content: 'x'.repeat(500_000) } }, ['CMD ["sh"]']);
    const made = docker(nearEngine, 'create', '--network', 'none', 'tools:1', 'true');
    execFileSync('docker', ['-H', nearEngine.endpoint, 'cp', '-', `${made}:/data`], {
      input: tarOf({ path: 'more', content: 'y'.repeat(1000) }),
    });
    derived = docker(nearEngine, 'commit', made, 'derived:1');
    docker(nearEngine, 'rm', made);
  });
  afterAll(async () => {
    await Promise.all([nearEngine.stop(), farEngine.stop()]);
  });
  beforeEach(async () => {
    net = createLinkNet();
    mayGive = true;
    mayTake = true;
    const links = (name: string) => net.node(name, { peerId: name as PeerId, keyId: name as KeyId });
    const nearLinks = links('near');
    near = await startImageNode({ client: nearEngine.client, links: nearLinks });
    far = await startImageNode({
      client: farEngine.client,
      links: links('far'),
      mayGiveTo: () => mayGive,
      mayTakeFrom: () => mayTake,
    });
    link = await nearLinks.open({ peer: 'far' as PeerId, route: 'direct' });
  });
  afterEach(async () => {
    await near.stop();
    await far.stop();
    await clear(farEngine);
    await clear(nearEngine, [image, derived]);
  });

  it('pushes an image that runs there, and of a second only what is not there', async () => {
    const first = await ended(near, await near.images.push('tools:1', link, 'far'));
    expect(first).toMatchObject({ state: 'done', savedBytes: 0, what: 'push', with: 'far' });
    expect(await idsOf(farEngine)).toEqual([image]);
    expect(docker(farEngine, 'run', '--rm', '--network', 'none', 'tools:1', 'wc', '-c', '/data/file')).toMatch(
      '500000',
    );
    expect((await far.images.state()).images).toMatchObject([{ id: image, ours: true, layers: 1 }]);

    const second = await ended(near, await near.images.push('derived:1', link, 'far'));
    expect(second).toMatchObject({ state: 'done' });
    expect(second.savedBytes).toBeGreaterThan(500_000);
    expect(second.doneBytes).toBeLessThan(20_000);
    expect(docker(farEngine, 'run', '--rm', '--network', 'none', 'derived:1', 'wc', '-c', '/data/more')).toMatch(
      '1000',
    );

    const again = await ended(near, await near.images.push('tools:1', link, 'far'));
    expect(again).toMatchObject({ state: 'done', savedBytes: again.totalBytes });
    expect(net.failures).toEqual([]);
  });

  it('fetches an image under the name that was asked for, and leaves names alone that are taken', async () => {
    const own = farEngine.makeImage('tools:2', { own: { content: 'mine' } });
    const back = await net
      .node('far', { peerId: 'far' as PeerId, keyId: 'far' as KeyId })
      .open({ peer: 'near' as PeerId, route: 'direct' });
    docker(nearEngine, 'tag', 'tools:1', 'tools:2');
    for (const reference of ['tools:1', 'tools:2'])
      expect(await ended(far, await far.images.fetch(reference, back, 'near'))).toMatchObject({ state: 'done' });
    docker(nearEngine, 'rmi', 'tools:2');
    expect(
      await far.images.ensure('tools:1', { brought: false, ...silent }).catch((error: unknown) => error),
    ).toMatchObject({
      code: 'IMAGE_REFUSED',
    });
    expect(await far.images.ensure('tools:1', { brought: true, ...silent })).toMatchObject({ id: image });
    expect(await far.images.ensure('tools:2', { brought: true, ...silent })).toMatchObject({ id: own });
  });

  it('answers whoever may not as if it were not there', async () => {
    mayGive = false;
    mayTake = false;
    farEngine.makeImage('secret:1');
    for (const reference of ['secret:1', 'nothing:1'])
      expect(await ended(near, await near.images.fetch(reference, link, 'far'))).toMatchObject({
        state: 'failed',
        sentence: 'That node has no such image, or does not give it.',
      });
    expect(await ended(near, await near.images.push('tools:1', link, 'far'))).toMatchObject({ state: 'failed' });
    expect(far.content.usage().files).toBe(0);
  });

  it('takes the same from two at once', async () => {
    const both = await Promise.all([
      near.images.push('tools:1', link, 'far'),
      near.images.push('tools:1', link, 'far'),
    ]);
    const states = await Promise.all(both.map((one) => ended(near, one)));
    expect(states.map(({ state }) => state)).toContain('done');
    expect(await idsOf(farEngine)).toEqual([image]);
    const manifest = await near.images.export('derived:1', {});
    for (const part of [manifest.config, ...manifest.layers])
      await far.content.put(await near.content.open(part.sha256), { expected: part.sha256, bytesMax: part.bytes });
    const ids = await Promise.all([1, 2, 3].map(() => far.images.import(manifest, {})));
    expect(new Set(ids.map(({ id }) => id))).toEqual(new Set([derived]));
  });

  it('stops when it is cancelled, and goes on later', async () => {
    const { id } = await near.images.push('tools:1', link, 'far');
    near.images.cancel(id);
    expect(await ended(near, { id } as ImageTransfer)).toMatchObject({ state: 'cancelled' });
    expect(await idsOf(farEngine)).toEqual([]);
    expect(() => near.images.cancel('nothing')).toThrow('no such transfer');
    expect(await ended(near, await near.images.push('tools:1', link, 'far'))).toMatchObject({ state: 'done' });
  });

  describe('keeps what it brought within the quota', () => {
    it('and throws away what was used longest ago, never what is used or the owner has', async () => {
      const own = farEngine.makeImage('own:1', { own: { content: 'z'.repeat(50_000) } });
      for (const reference of ['tools:1', 'derived:1'])
        await ended(near, await near.images.push(reference, link, 'far'));
      const letGo = far.images.use(image);
      await far.images.setPolicy({ quotaBytes: 1000 });
      expect(await idsOf(farEngine)).toEqual([image, own].toSorted());
      letGo();
      const { policy } = await far.images.setPolicy({ quotaBytes: 0 });
      expect(policy.quotaBytes).toBe(0);
      expect(await idsOf(farEngine)).toEqual([own]);
      await expect(far.images.remove('own:1')).rejects.toMatchObject({ code: 'IMAGE_NOT_OURS' });
      const refused = await ended(near, await near.images.push('tools:1', link, 'far'));
      expect(refused).toMatchObject({ state: 'failed' });
      expect(refused.sentence).toMatch('does not fit');
      expect(await idsOf(farEngine)).toEqual([own]);
    });

    it('and leaves to the owner what got a name of the owner', async () => {
      await ended(near, await near.images.push('tools:1', link, 'far'));
      docker(farEngine, 'tag', 'tools:1', 'mine:1');
      await far.images.setPolicy({ quotaBytes: 0 });
      expect(await idsOf(farEngine)).toEqual([image]);
      expect((await far.images.state()).images).toMatchObject([{ references: ['mine:1'], ours: false }]);
    });

    it('and knows after a restart what is its own', async () => {
      await ended(near, await near.images.push('tools:1', link, 'far'));
      await far.restart();
      expect((await far.images.state()).images).toMatchObject([{ id: image, ours: true }]);
      await far.images.remove(image);
      expect(await idsOf(farEngine)).toEqual([]);
      expect(await far.store.all('test', 'SELECT * FROM images')).toEqual([]);
    });

    it('and does not take away what a container uses', async () => {
      await ended(near, await near.images.push('tools:1', link, 'far'));
      const made = docker(farEngine, 'create', '--network', 'none', 'tools:1', 'true');
      await expect(far.images.remove('tools:1')).rejects.toMatchObject({ code: 'IMAGE_IN_USE' });
      docker(farEngine, 'rm', made);
    });
  });

  describe('a hostile image', () => {
    /** Puts layers and a configuration of any kind into the far store, and asks for them to be taken in. */
    const bring = async (
      layers: readonly Uint8Array[],
      change: Record<string, unknown> = {},
      manifestChange: Partial<ImageManifest> = {},
    ): Promise<unknown> => {
      const config = Buffer.from(
        JSON.stringify({
          architecture: 'amd64',
          os: 'linux',
          config: {},
          rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${hashOf(layer)}`) },
          ...change,
        }),
      );
      for (const part of [config, ...layers])
        await far.content.put(inPieces(part), { expected: null, bytesMax: 2 ** 30 });
      const manifest: ImageManifest = {
        id: `sha256:${hashOf(config)}`,
        references: [],
        config: { sha256: hashOf(config), bytes: config.length },
        layers: layers.map((layer) => ({ sha256: hashOf(layer), bytes: layer.length })),
        ...manifestChange,
      };
      return await far.images.import(manifest, {}).catch((error: unknown) => error);
    };
    const good = tarOf({ path: 'a', content: 'b' });
    const refused = (reason: string) => ({ code: 'IMAGE_REFUSED', data: { reason: expect.stringContaining(reason) } });

    it.each<[string, string, (Buffer | MadeEntry)[]]>([
      ['unpacks outside its root', 'outside its root', [{ path: '../../../../tmp/escape' }]],
      ['unpacks to an absolute path', 'absolute path', [{ path: '/tmp/escape' }]],
      ['writes through a link', 'through a link', [{ path: 'a', flag: '2', link: '/tmp' }, { path: 'a/escape' }]],
      ['links out', 'outside its root', [{ path: 'a', flag: '2', link: '../../etc/shadow' }]],
      ['has a device', 'a device', [{ path: 'sda', flag: '4' }]],
    ])('%s and is refused', async (_, reason, entries) => {
      expect(await bring([good, tarOf(...entries)])).toMatchObject(refused(reason));
      expect(await idsOf(farEngine)).toEqual([]);
    });

    it('is cut short, or no archive, or a compressed one', async () => {
      expect(await bring([good.subarray(0, 700)])).toMatchObject(refused('cut short'));
      expect(await bring([Buffer.alloc(5000, 7)])).toMatchObject(refused('no number'));
      expect(await bring([gzipSync(Buffer.alloc(2 ** 24))])).toMatchObject({ code: 'IMAGE_REFUSED' });
    });

    it('has another configuration than its manifest, or another machine', async () => {
      expect(await bring([good], { rootfs: { type: 'layers', diff_ids: [`sha256:${'a'.repeat(64)}`] } })).toMatchObject(
        {
          code: 'DIGEST_MISMATCH',
        },
      );
      const ids = Array.from({ length: 10_000 }, () => `sha256:${hashOf(good)}`);
      expect(await bring([good], { rootfs: { type: 'layers', diff_ids: ids } })).toMatchObject(refused('layers'));
      expect(await bring([good], { architecture: 's390x' })).toMatchObject(refused('s390x'));
      expect(await bring([good], {}, { layers: [] })).toMatchObject({ code: 'IMAGE_MALFORMED' });
      expect(await bring([good], {}, { layers: [{ sha256: hashOf(good), bytes: 5 }] })).toMatchObject(
        refused('not as long'),
      );
      expect(await bring([good], {}, { id: `sha256:${'b'.repeat(64)}` })).toMatchObject({
        code: 'DIGEST_MISMATCH',
      });
      expect(await idsOf(farEngine)).toEqual([]);
    });

    it('was changed on the disk after it came', async () => {
      const other = tarOf({ path: 'a', content: 'c' });
      await far.content.put(inPieces(good), { expected: null, bytesMax: 2 ** 20 });
      writeFileSync(await far.content.diskPath(hashOf(good)), other);
      expect(await bring([good])).toMatchObject({ code: 'DIGEST_MISMATCH' });
      expect(await far.content.sizeOf(hashOf(good))).toBeNull();
    });

    it('is taken with a user who is root, whiteouts and a layer twice: the walls are the container’s', async () => {
      const layer = tarOf({ path: 'a', content: 'b' }, { path: '.wh.gone' });
      const { id } = (await bring([layer, layer], { config: { User: '0:0', Cmd: ['/a'] } })) as { id: string };
      expect(await idsOf(farEngine)).toEqual([id]);
    });

    it('has a file twice, which the engine does not take', async () => {
      const twice = tarOf({ path: 'a', content: 'b' }, { path: 'a', content: 'c' });
      expect(await bring([twice])).toMatchObject(refused('duplicates'));
      expect(await idsOf(farEngine)).toEqual([]);
      expect(await far.store.all('test', 'SELECT * FROM images')).toEqual([]);
    });

    it('has a manifest of 1 GB, which nobody reads', async () => {
      const stream = await link.openStream(IMAGE_PROTOCOL);
      const head = Buffer.alloc(36);
      head.writeUInt32BE(2 ** 30);
      await stream.write(head);
      await expect(stream.read()).rejects.toMatchObject({ code: 'RESET' });
      expect(net.failures.map(({ error }) => (error as { code: string }).code)).toEqual(['TOO_LARGE']);
    });

    it('is told off when its sender made it up, and was never offered', async () => {
      const sent = encodeImageMessage({ kind: 'sent', config: createHash('sha256').digest() });
      expect(Buffer.from(await request(link, IMAGE_PROTOCOL, sent)).toString()).toMatch('IMAGE_MISSING');
      const bad = {
        id: `sha256:${hashOf(good)}`,
        references: [],
        config: { sha256: hashOf(good), bytes: good.length },
      };
      const manifest = encodeManifest({ ...bad, layers: [{ sha256: hashOf(good), bytes: good.length }] });
      await request(link, IMAGE_PROTOCOL, encodeImageMessage({ kind: 'offer', manifest }));
      await far.content.put(inPieces(good), { expected: null, bytesMax: 2 ** 20 });
      const config = Buffer.from(hashOf(good), 'hex');
      const answer = await request(link, IMAGE_PROTOCOL, encodeImageMessage({ kind: 'sent', config }));
      expect(Buffer.from(answer).toString()).toMatch('IMAGE_REFUSED');
      await expect.poll(() => net.failures.length).toBe(1);
      expect(far.content.holders()).toEqual([]);
    });
  });

  it('says what is wrong when the engine goes in the middle, and goes on when it is back', async () => {
    const manifest = await near.images.export('tools:1', {});
    for (const part of [manifest.config, ...manifest.layers])
      await far.content.put(await near.content.open(part.sha256), { expected: part.sha256, bytesMax: part.bytes });
    const importing = far.images.import(manifest, {}).catch((error: unknown) => error);
    await farEngine.kill();
    far.engine.use(null);
    expect(await importing).toMatchObject({ code: expect.stringMatching(/^(ENGINE_MISSING|IMAGE_REFUSED)$/) });
    await expect(far.images.ensure('tools:1', { brought: true, ...silent })).rejects.toMatchObject({
      code: 'ENGINE_MISSING',
    });
    expect(await far.images.state()).toMatchObject({ images: [], problem: expect.stringContaining('engine') });
    await farEngine.start();
    far.engine.use(farEngine.client);
    expect(await far.images.import(manifest, {})).toEqual({ id: image });
    expect((await far.images.state()).images).toMatchObject([{ id: image, ours: true }]);
  });

  it('says why an image cannot be had', async () => {
    const missing = await near.images
      .ensure('registry.invalid/team/tool:1', { brought: true, ...silent })
      .catch((error: unknown) => error);
    expect(missing).toMatchObject({ code: 'IMAGE_MISSING', data: { why: 'offline' } });
    await expect(near.images.ensure('a'.repeat(64), { brought: true, ...silent })).rejects.toMatchObject({
      code: 'IMAGE_MISSING',
    });
    await near.images.setPolicy({ allowed: ['tools:*'], others: 'own' });
    expect(await near.images.ensure('tools:1', { brought: false, ...silent })).toMatchObject({ id: image });
    expect(await near.images.ensure(image, { brought: false, ...silent })).toMatchObject({ id: image });
    await expect(near.images.ensure('derived:1', { brought: false, ...silent })).rejects.toMatchObject({
      code: 'IMAGE_REFUSED',
    });
    await near.images.ensure('derived:1', { brought: true, ...silent });
    await near.images.setPolicy({ others: 'refused' });
    await expect(near.images.ensure('derived:1', { brought: true, ...silent })).rejects.toMatchObject({
      code: 'IMAGE_REFUSED',
    });
    await near.restart();
    expect((await near.images.state()).policy).toMatchObject({ allowed: ['tools:*'], others: 'refused' });
  });
});
