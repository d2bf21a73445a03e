import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { engineMissing, startTestEngine, type TestEngine } from '../../../../support/engine/docker-engine.ts';
import { type ImageNode, startImageNode } from '../../../../support/runtime/image-node.ts';

const signal = new AbortController().signal;
const silent = { signal, progress: () => undefined };

describe.skipIf(engineMissing !== null)(`images of a real engine (${engineMissing ?? 'here'})`, () => {
  let engine: TestEngine;
  let node: ImageNode;
  let image: string;
  beforeAll(async () => {
    engine = await startTestEngine();
    image = engine.makeImage('tools:1', { 'data/file': { content: 'x'.repeat(100_000) } }, ['CMD ["sh"]', 'USER root']);
  });
  afterAll(async () => {
    await engine.stop();
  });
  beforeEach(async () => {
    node = await startImageNode({ client: engine.client });
  });
  afterEach(async () => {
    await node.stop();
  });
  const here = async (reference: string): Promise<boolean> =>
    await engine.client
      .getImage(reference)
      .inspect()
      .then(
        () => true,
        () => false,
      );

  it('finds what is here by name and by id', async () => {
    for (const reference of ['tools:1', 'docker.io/library/tools:1', image, image.replace('sha256:', '')])
      expect(await node.images.ensure(reference, { brought: true, ...silent })).toMatchObject({
        id: image,
        entrypoint: [],
        command: ['sh'],
      });
  });

  it('goes out in parts and comes in again as the same', async () => {
    const manifest = await node.images.export('tools:1', { holder: 'job:a' });
    expect(manifest).toMatchObject({ id: image, references: ['tools:1'] });
    expect(node.content.holdsOf('job:a')).toHaveLength(2);
    expect(await node.content.sizeOf(manifest.layers[0]!.sha256)).toBe(manifest.layers[0]!.bytes);
    execFileSync('docker', ['-H', engine.endpoint, 'image', 'rm', 'tools:1']);
    expect(await here(image)).toBe(false);

    expect(await node.images.import(manifest, {})).toEqual({ id: image });
    const { images } = await node.images.state();
    expect(images).toMatchObject([
      { id: image, ours: true, references: [`hypermesh-image:${manifest.config.sha256}`] },
    ]);
    await node.images.remove(image);
    expect(await here(image)).toBe(false);
    image = engine.makeImage('tools:1', {}, ['CMD ["sh"]']);
  });

  it('lets a borrower bring what the owner allows, and nothing of what it only knows the id of', async () => {
    const manifest = await node.images.export('tools:1', { holder: 'job:b' });
    const liar = { ...manifest, layers: [manifest.config] };
    await expect(node.images.import(liar, { brought: true })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await node.images.setPolicy({ others: 'refused' });
    await expect(node.images.import(manifest, { brought: true })).rejects.toMatchObject({ code: 'IMAGE_REFUSED' });
    expect(await node.images.import(manifest, {})).toEqual({ id: image });
    await node.images.setPolicy({ allowed: ['tools:*'] });
    expect(await node.images.import(manifest, { brought: true })).toEqual({ id: image });
    await node.images.setPolicy({ allowed: [], others: 'all' });
  });
});
