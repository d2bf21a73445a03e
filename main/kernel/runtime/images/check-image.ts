import { createHash } from 'node:crypto';
import { countBuffer } from '../../../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import { type ImageConfig, readConfig } from './config.ts';
import { CONFIG_BYTES_MAX } from './constants.ts';
import { badImage, digestMismatch } from './errors.ts';
import { inspectLayer } from './inspect-layer.ts';
import type { ImageManifest } from './interface.ts';
import { TarError } from './tar-reader.ts';

/** What went by, hashed. */
async function* hashed(
  source: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    signal?.throwIfAborted();
    hash.update(piece);
    countBuffer(piece.length);
    yield piece;
  }
}

/**
 * Looks through everything of an image whose parts are in the content store, before an engine sees any of it: sizes, digests, that the
 * configuration names these layers and no others, and every entry of every layer. What is on the disk is hashed again.
 *
 * @param progress - told of bytes that were looked at
 * @throws {ImageError} `DIGEST_MISMATCH` | `IMAGE_REFUSED` {ContentError} `CONTENT_MISSING`
 */
export const checkImage = async (
  manifest: ImageManifest,
  content: ContentStore,
  options: { image: string; signal?: AbortSignal; progress?: (bytes: number) => void },
): Promise<ImageConfig> => {
  const { image, signal, progress } = options;
  if (manifest.id !== `sha256:${manifest.config.sha256}`) throw digestMismatch('configuration');
  if (manifest.config.bytes > CONFIG_BYTES_MAX) throw badImage(image, 'its configuration is too large');

  const hash = createHash('sha256');
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of hashed(await content.open(manifest.config.sha256), hash, signal)) {
    bytes += piece.length;
    if (bytes > manifest.config.bytes) throw badImage(image, 'its configuration is not as long as its manifest says');
    parts.push(piece);
  }
  if (bytes !== manifest.config.bytes) throw badImage(image, 'its configuration is not as long as its manifest says');
  if (hash.digest('hex') !== manifest.config.sha256) {
    await content.remove(manifest.config.sha256);
    throw digestMismatch('configuration');
  }
  const config = readConfig(Buffer.concat(parts), image);
  if (config.layers.length !== manifest.layers.length)
    throw badImage(image, 'its manifest has other layers than its configuration');
  for (const [place, layer] of manifest.layers.entries())
    if (config.layers[place] !== layer.sha256) throw digestMismatch(`layer ${place + 1}`);

  for (const layer of new Map(manifest.layers.map((one) => [one.sha256, one])).values()) {
    if ((await content.sizeOf(layer.sha256)) !== layer.bytes) {
      await content.open(layer.sha256).then((stream) => stream.destroy()); // Says that it is missing, where it is.
      throw badImage(image, 'a layer is not as long as its manifest says');
    }
    const digest = createHash('sha256');
    const pieces = hashed(await content.open(layer.sha256), digest, signal);
    try {
      await inspectLayer(
        (async function* () {
          for await (const piece of pieces) {
            progress?.(piece.length);
            yield piece;
          }
        })(),
      );
    } catch (error) {
      if (error instanceof TarError) throw badImage(image, error.message);
      throw error;
    }
    if (digest.digest('hex') !== layer.sha256) {
      await content.remove(layer.sha256);
      throw digestMismatch(`a layer of ${image}`);
    }
  }
  return config;
};
