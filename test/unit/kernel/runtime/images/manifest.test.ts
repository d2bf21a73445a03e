import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/index.ts';
import { readConfig } from '../../../../../main/kernel/runtime/images/config.ts';
import { ImageError } from '../../../../../main/kernel/runtime/images/errors.ts';
import type { ImageManifest } from '../../../../../main/kernel/runtime/images/index.ts';
import { decodeManifest, encodeManifest, partsOf } from '../../../../../main/kernel/runtime/images/manifest.ts';
import {
  decodeImageAnswer,
  decodeImageQuestion,
  encodeImageMessage,
  type ImageAnswer,
  type ImageQuestion,
} from '../../../../../main/kernel/runtime/images/messages.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

const hex = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex);
const part = fc.record({ sha256: hex, bytes: fc.integer({ min: 1, max: 1_000_000 }) });
const manifest = fc
  .record({
    config: part,
    layers: fc.uniqueArray(part, { minLength: 1, maxLength: 128, selector: (one) => one.sha256 }),
  })
  .map(
    ({ config, layers }): ImageManifest => ({ id: `sha256:${config.sha256}`, references: ['tools:1'], config, layers }),
  );
const plain = (): Record<string, unknown> => ({
  v: 1,
  references: ['tools:1'],
  config: [new Uint8Array(32), 100],
  layers: [[new Uint8Array(32).fill(1), 1024]],
});
const refuses = (change: Record<string, unknown>): void => {
  expect(() => decodeManifest(encodeCbor({ ...plain(), ...change }))).toThrow(ImageError);
};

describe('a manifest', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(manifest, (one) => {
        expect(decodeManifest(encodeManifest(one))).toEqual(one);
      }),
    );
  });

  it('is what its page says', () => {
    const { manifests, messages, refused } = readVectors<{
      manifests: { manifest: ImageManifest; encoded: string }[];
      messages: { message: Record<string, unknown>; encoded: string }[];
      refused: { why: string; encoded: string }[];
    }>('image-manifest', 'manifests.json');
    for (const vector of manifests) {
      expect(toHex(encodeManifest(vector.manifest))).toBe(vector.encoded);
      expect(decodeManifest(fromHex(vector.encoded))).toEqual(vector.manifest);
    }
    for (const { message, encoded } of messages) {
      const bytes = Object.fromEntries(
        Object.entries(message).map(([key, value]) => [
          key,
          key === 'manifest' || key === 'config' ? fromHex(value as string) : value,
        ]),
      ) as unknown as ImageQuestion | ImageAnswer;
      expect(toHex(encodeImageMessage(bytes))).toBe(encoded);
      const isQuestion = ['want', 'offer', 'sent'].includes(bytes.kind);
      expect((isQuestion ? decodeImageQuestion : decodeImageAnswer)(fromHex(encoded))).toEqual(bytes);
    }
    for (const { why, encoded } of refused) expect(() => decodeManifest(fromHex(encoded)), why).toThrow(ImageError);
  });

  it('has these fields, of these kinds, within these bounds', () => {
    expect(decodeManifest(encodeCbor(plain())).layers).toHaveLength(1);
    const layer = [new Uint8Array(32).fill(1), 1024];
    for (const change of [
      { v: 2 },
      { more: 1 },
      { references: 'tools:1' },
      { references: ['tools:1', 'tools:1'] },
      { references: ['tools 1'] },
      { references: Array.from({ length: 17 }, (_, i) => `t:${i}`) },
      { config: [new Uint8Array(31), 100] },
      { config: [new Uint8Array(32), 0] },
      { config: [new Uint8Array(32), 2 ** 20 + 1] },
      { config: [new Uint8Array(32), 1.5] },
      { config: [new Uint8Array(32)] },
      { layers: [] },
      { layers: Array.from({ length: 129 }, () => layer) },
      { layers: [layer, [new Uint8Array(32).fill(1), 2048]] },
      { layers: [[new Uint8Array(32).fill(1), 2 ** 37]] },
      { layers: [{ sha256: new Uint8Array(32), bytes: 1 }] },
    ])
      refuses(change);
    expect(() => decodeManifest(new Uint8Array(64 * 1024 + 1))).toThrow('more than');
  });

  it('is refused whatever else it is, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        for (const decode of [decodeManifest, decodeImageQuestion, decodeImageAnswer])
          expect(() => decode(bytes)).toThrow(ImageError);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => decodeManifest(encodeCbor({ ...plain(), layers: value }))).toThrow(ImageError);
      }),
    );
  });

  it('counts a layer that stands twice once', () => {
    const one = { sha256: 'aa'.repeat(32), bytes: 7 };
    const config = { sha256: 'bb'.repeat(32), bytes: 3 };
    expect(partsOf({ id: `sha256:${config.sha256}`, references: [], config, layers: [one, one] })).toEqual([
      config,
      one,
    ]);
  });
});

describe('a configuration', () => {
  const good = {
    architecture: 'amd64',
    os: 'linux',
    config: { User: 'root' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${'a'.repeat(64)}`] },
  };
  const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

  it('is read for what counts', () => {
    expect(readConfig(json(good), 'x')).toEqual({ architecture: 'amd64', layers: ['a'.repeat(64)] });
    expect(readConfig(json({ ...good, config: null }), 'x').layers).toHaveLength(1);
  });

  it('is refused where it is none', () => {
    for (const wrong of [
      Buffer.from('{'),
      Buffer.from([0xff]),
      json([]),
      json(null),
      json({ ...good, os: 'windows' }),
      json({ ...good, architecture: 7 }),
      json({ ...good, config: 'sh' }),
      json({ ...good, rootfs: { type: 'files', diff_ids: good.rootfs.diff_ids } }),
      json({ ...good, rootfs: { type: 'layers', diff_ids: [] } }),
      json({ ...good, rootfs: { type: 'layers', diff_ids: ['sha256:x'] } }),
      json({
        ...good,
        rootfs: { type: 'layers', diff_ids: Array.from({ length: 129 }, () => good.rootfs.diff_ids[0]) },
      }),
      Buffer.alloc(1024 * 1024 + 1, 0x20),
      // A million layers have 75 MB.
      json({
        ...good,
        rootfs: { type: 'layers', diff_ids: Array.from({ length: 1_000_000 }, () => good.rootfs.diff_ids[0]) },
      }),
    ])
      expect(() => readConfig(wrong, 'x')).toThrow(ImageError);
  });
});
