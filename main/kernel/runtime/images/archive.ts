import { Buffer } from 'node:buffer';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { countBuffer, TAR_END, tarHeader, tarPadding } from '../../../base/index.ts';
import type { ContentStore } from '../content/index.ts';
import { readConfig } from './config.ts';
import { ARCHIVE_ENTRIES_MAX, ARCHIVE_INDEX_BYTES_MAX, CONFIG_BYTES_MAX, IMAGE_BYTES_MAX } from './constants.ts';
import { badImage, digestMismatch } from './errors.ts';
import type { ImageManifest } from './interface.ts';
import { readTar, TarError } from './tar-reader.ts';

/** Looks at the first bytes, then gives everything: plain, or as it is once inflated. */
async function* inflated(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const all = async function* (): AsyncGenerator<Uint8Array> {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  };
  const start = head.subarray(0, 4).toString('hex');
  const unpack = start.startsWith('1f8b') ? createGunzip() : start === '28b52ffd' ? createZstdDecompress() : null;
  if (unpack === null) yield* all();
  else {
    const packed = Readable.from(all(), { objectMode: false });
    packed.once('error', (error) => unpack.destroy(error));
    // Asks for no more than it gives on: what swells is stopped by whoever bounds its bytes.
    yield* packed.pipe(unpack) as AsyncIterable<Uint8Array>;
  }
}

interface ArchiveIndex {
  config: string;
  layers: readonly string[];
}
/** `manifest.json` of an archive with one image, as Docker since 1.10 writes it and newer ones beside their OCI layout. */
const readIndex = (bytes: Uint8Array, image: string): ArchiveIndex => {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw badImage(image, 'the engine gave out an archive whose index is no JSON', 'ignore');
  }
  const [entry, ...others] = Array.isArray(value) ? (value as unknown[]) : [];
  const { Config: config, Layers: layers } = (entry ?? {}) as Record<string, unknown>;
  if (others.length > 0 || typeof config !== 'string' || !Array.isArray(layers))
    throw badImage(image, 'the engine gave out an archive whose index is of another kind', 'ignore');
  return {
    config: posix.normalize(config),
    layers: layers.map((layer) => posix.normalize(String(layer))),
  };
};
const collect = async (source: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> => {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of source) {
    bytes += part.length;
    if (bytes > bytesMax) throw new TarError('a small file is too large');
    parts.push(new Uint8Array(part));
  }
  return Buffer.concat(parts);
};

/**
 * Takes an archive of one image, as an engine gives it out (a docker-archive, or the OCI layout of newer ones), apart into the content
 * store while it comes. Every layer is checked against the configuration.
 *
 * @param keep - told of everything that was put into the store, before the next is: so that it stays
 * @throws {ImageError} {ContentError}
 */
export const splitArchive = async (
  source: AsyncIterable<Uint8Array>,
  content: ContentStore,
  init: { image: string; signal?: AbortSignal; keep: (sha256: string) => Promise<void> },
): Promise<Omit<ImageManifest, 'references'>> => {
  const { image, keep, signal } = init;
  const parts = new Map<string, { sha256: string; bytes: number }>();
  const links = new Map<string, string>();
  let index: ArchiveIndex | null = null;
  let entries = 0;
  try {
    for await (const entry of readTar(source)) {
      signal?.throwIfAborted();
      entries += 1;
      if (entries > ARCHIVE_ENTRIES_MAX) throw new TarError(`it has more than ${ARCHIVE_ENTRIES_MAX} entries`);
      const path = posix.normalize(entry.path);
      // The same layer of another image, in Docker before 25.
      if (entry.kind === 'symlink') links.set(path, posix.join(posix.dirname(path), entry.linkPath));
      if (entry.kind !== 'file') continue;
      if (path === 'manifest.json') index = readIndex(await collect(entry.body(), ARCHIVE_INDEX_BYTES_MAX), image);
      // Else `VERSION`, `json`, `repositories`, `index.json`, `oci-layout`.
      else if (/^blobs\/sha256\/[0-9a-f]{64}$|^[0-9a-f]{64}\.json$|(^|\/)layer\.tar$|\.tar$/.test(path)) {
        const part = await content.put(inflated(entry.body()), {
          expected: null,
          bytesMax: IMAGE_BYTES_MAX,
          ...(signal !== undefined && { signal }),
        });
        await keep(part.sha256);
        parts.set(path, part);
      }
    }
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    throw badImage(image, `the archive of the engine cannot be read (${error.message})`, 'ignore');
  }
  if (index === null) throw badImage(image, 'the engine gave out an archive without an index', 'ignore');
  const partAt = (path: string): { sha256: string; bytes: number } => {
    const part = parts.get(path) ?? parts.get(links.get(path) ?? '');
    if (part === undefined)
      throw badImage(image, 'the engine gave out an archive in which a part is missing', 'ignore');
    return part;
  };
  const config = partAt(index.config);
  if (config.bytes > CONFIG_BYTES_MAX) throw badImage(image, 'its configuration is too large', 'ignore');
  const { layers: named } = readConfig(await collect(await content.open(config.sha256), CONFIG_BYTES_MAX), image);
  const layers = index.layers.map(partAt);
  if (layers.length !== named.length)
    throw badImage(image, 'it has other layers than its configuration names', 'ignore');
  for (const [place, { sha256 }] of layers.entries())
    if (sha256 !== named[place]) throw digestMismatch(`layer ${place + 1}`);
  return { id: `sha256:${config.sha256}`, config, layers };
};

/**
 * A docker-archive of what is in the content store, with names of our own making: engines of all ages take it.
 *
 * @param names - that it is to have in the engine
 */
export async function* buildArchive(
  manifest: ImageManifest,
  content: ContentStore,
  names: readonly string[],
): AsyncGenerator<Uint8Array> {
  const index = Buffer.from(
    JSON.stringify([
      {
        Config: `${manifest.config.sha256}.json`,
        RepoTags: names,
        Layers: manifest.layers.map(({ sha256 }) => `${sha256}.tar`),
      },
    ]),
  );
  const file = async function* (name: string, part: { sha256: string; bytes: number }): AsyncGenerator<Uint8Array> {
    yield tarHeader(name, part.bytes);
    for await (const piece of await content.open(part.sha256)) {
      yield piece as Uint8Array;
      countBuffer((piece as Uint8Array).length);
    }
    yield tarPadding(part.bytes);
  };
  yield Buffer.concat([tarHeader('manifest.json', index.length), index, tarPadding(index.length)]);
  yield* file(`${manifest.config.sha256}.json`, manifest.config);
  for (const layer of new Map(manifest.layers.map((one) => [one.sha256, one])).values())
    yield* file(`${layer.sha256}.tar`, layer);
  yield TAR_END;
}
