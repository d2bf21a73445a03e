import { decodeCbor, encodeCbor, messageOf } from '../../../base/index.ts';
import { CONFIG_BYTES_MAX, IMAGE_BYTES_MAX, LAYERS_MAX, MANIFEST_BYTES_MAX, REFERENCES_MAX } from './constants.ts';
import { ImageError } from './errors.ts';
import type { ImageManifest } from './interface.ts';
import { isReference } from './reference.ts';

const VERSION = 1;
/** A map, two lists, references, and four values for each part. */
const ITEMS_MAX = 16 + REFERENCES_MAX + 4 * (LAYERS_MAX + 1);

const malformed = (problem: string): ImageError =>
  new ImageError(
    { code: 'IMAGE_MALFORMED', problem, verdict: 'reject' },
    `The manifest of an image is not as its format has it (${problem}); its sender made it up or speaks another version.`,
  );
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

/** Everything of it that has to be in the content store, each once. */
export const partsOf = (manifest: ImageManifest): { sha256: string; bytes: number }[] => [
  ...new Map([manifest.config, ...manifest.layers].map((part) => [part.sha256, part])).values(),
];
/** Bytes of configuration and layers, those that stand twice counted once. */
export const bytesOf = (manifest: ImageManifest): number =>
  partsOf(manifest).reduce((total, { bytes }) => total + bytes, 0);

/** docs/formats/image-manifest.md. */
export const encodeManifest = ({ references, config, layers }: ImageManifest): Uint8Array =>
  encodeCbor({
    v: VERSION,
    references: [...references],
    config: [fromHex(config.sha256), config.bytes],
    layers: layers.map(({ sha256, bytes }) => [fromHex(sha256), bytes]),
  });

const partOf = (value: unknown, bytesMax: number, what: string): { sha256: string; bytes: number } => {
  if (!Array.isArray(value) || value.length !== 2) throw malformed(`${what} is no pair`);
  const [sha256, bytes] = value as [unknown, unknown];
  if (!(sha256 instanceof Uint8Array) || sha256.length !== 32) throw malformed(`${what} has no digest of 32 bytes`);
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 1 || bytes > bytesMax)
    throw malformed(`${what} has no size from 1 to ${bytesMax} bytes`);
  return { sha256: toHex(sha256), bytes };
};

/** @throws {ImageError} `IMAGE_MALFORMED` */
export const decodeManifest = (encoded: Uint8Array): ImageManifest => {
  if (encoded.length > MANIFEST_BYTES_MAX) throw malformed(`it has more than ${MANIFEST_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = decodeCbor(encoded, ITEMS_MAX);
  } catch (error) {
    throw malformed(messageOf(error));
  }
  const names = ['v', 'references', 'config', 'layers'];
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed('it is no map');
  const fields = value as Record<string, unknown>;
  if (Object.keys(fields).length !== names.length || names.some((name) => !Object.hasOwn(fields, name)))
    throw malformed(`it does not have exactly the fields ${names.join(', ')}`);
  if (fields['v'] !== VERSION) throw malformed(`its version is not ${VERSION}`);
  const { references, layers } = fields;
  if (!Array.isArray(references) || references.length > REFERENCES_MAX)
    throw malformed(`its names are no list of at most ${REFERENCES_MAX}`);
  if (!references.every((one): one is string => typeof one === 'string' && isReference(one)))
    throw malformed('a name is none');
  if (new Set(references).size !== references.length) throw malformed('a name stands twice');
  if (!Array.isArray(layers) || layers.length < 1 || layers.length > LAYERS_MAX)
    throw malformed(`its layers are no list of 1 to ${LAYERS_MAX}`);
  const config = partOf(fields['config'], CONFIG_BYTES_MAX, 'its configuration');
  const manifest: ImageManifest = {
    id: `sha256:${config.sha256}`,
    references,
    config,
    layers: layers.map((layer) => partOf(layer, IMAGE_BYTES_MAX, 'a layer')),
  };
  const sizes = new Map<string, number>();
  for (const { sha256, bytes } of [config, ...manifest.layers]) {
    if ((sizes.get(sha256) ?? bytes) !== bytes) throw malformed('a part has two sizes');
    sizes.set(sha256, bytes);
  }
  if (bytesOf(manifest) > IMAGE_BYTES_MAX) throw malformed(`it has more than ${IMAGE_BYTES_MAX} bytes`);
  return manifest;
};
