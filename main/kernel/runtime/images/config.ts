import { CONFIG_BYTES_MAX, LAYERS_MAX } from './constants.ts';
import { badImage } from './errors.ts';

/** What of an image's configuration counts here. The rest is the engine's, which reads it again. */
export interface ImageConfig {
  architecture: string;
  /** SHA-256 of each layer's uncompressed tar, lowest first, hex. */
  layers: readonly string[];
}
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Reads the configuration of an image (OCI image specification 1.1, and Docker's before it), which is JSON of whoever built it.
 *
 * @param image - for sentences
 * @throws {ImageError} `IMAGE_REFUSED`
 */
export const readConfig = (bytes: Uint8Array, image: string): ImageConfig => {
  if (bytes.length > CONFIG_BYTES_MAX)
    throw badImage(image, `its configuration is larger than ${CONFIG_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw badImage(image, 'its configuration is no JSON');
  }
  if (!isMap(value)) throw badImage(image, 'its configuration is no JSON object');
  const { architecture, os, rootfs, config } = value;
  if (os !== 'linux') throw badImage(image, 'it is not for Linux');
  if (typeof architecture !== 'string' || !/^[a-z0-9]{1,16}$/.test(architecture))
    throw badImage(image, 'it names no architecture');
  if (!isMap(rootfs) || rootfs['type'] !== 'layers') throw badImage(image, 'its root is not made of layers');
  const ids = rootfs['diff_ids'];
  if (!Array.isArray(ids) || ids.length < 1 || ids.length > LAYERS_MAX)
    throw badImage(image, `it does not have 1 to ${LAYERS_MAX} layers`);
  if (!ids.every((id): id is string => typeof id === 'string' && DIGEST.test(id)))
    throw badImage(image, 'a layer has no digest');
  if (config !== undefined && config !== null && !isMap(config)) throw badImage(image, 'its configuration is damaged');
  return { architecture, layers: ids.map((id) => id.slice('sha256:'.length)) };
};
