export type * from './interface.ts';
export { createImages, type ImagesComponents, type ImagesInit } from './create-images.ts';
export { ImageError } from './errors.ts';
export { decodeManifest, encodeManifest, partsOf } from './manifest.ts';
export { createImageMetrics, type ImageMetrics } from './metrics.ts';
