import type Docker from 'dockerode';
import { expect, it } from 'vitest';
import { createEngineImages } from '../../../../../main/kernel/runtime/images/engine-images.ts';

it('knows what this program made for itself by its label, and nothing else by it', async () => {
  const listed = (id: string, Labels: Record<string, string> | null): object => ({
    Id: `sha256:${id.repeat(64)}`,
    RepoTags: [`${id}:1`],
    Size: 1,
    Created: 1_700_000_000,
    Labels,
  });
  const client = {
    listImages: () =>
      Promise.resolve([
        listed('a', { 'org.hypermesh.role': 'holder', 'org.hypermesh.node': 'one' }),
        listed('b', { 'org.hypermesh.node': 'one' }),
        listed('c', null),
      ]),
  } as unknown as Docker;
  const images = createEngineImages({
    engine: { client: () => Promise.resolve(client), refresh: () => Promise.reject(new Error('unused')) },
  });
  expect((await images.list()).map(({ references, helper }) => [references[0], helper])).toEqual([
    ['a:1', true],
    ['b:1', false],
    ['c:1', false],
  ]);
});
