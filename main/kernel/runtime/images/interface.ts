import type { EventSource, Startable } from '../../../base/index.ts';
import type { ImagePolicy, ImageTransfer, ImagesState } from '../../../../preload/contract/index.ts';
import type { Link } from '../../leases/index.ts';

/** An image as it travels: a manifest that names its configuration and layers by digest; docs/formats/image-manifest.md. */
export interface ImageManifest {
  /** The engine's image id: `sha256:` and the hash of the configuration. */
  id: string;
  references: readonly string[];
  config: { sha256: string; bytes: number };
  /** Lowest first; each an uncompressed tar whose hash stands in the configuration. */
  layers: readonly { sha256: string; bytes: number }[];
}
/** Images of the engine that jobs run in: brought, sent, bounded, allowed. */
export interface Images extends Startable, EventSource<{ changed: null }> {
  state(): Promise<ImagesState>;
  setPolicy(change: Partial<ImagePolicy>): Promise<ImagesState>;
  /**
   * The image that a job is to run in, here or fetched from its registry.
   *
   * @param options.brought - whether it may be one that the owner's list does not have
   * @throws {ImageError} `IMAGE_MISSING` | `IMAGE_REFUSED` {RuntimeError} `ENGINE_MISSING`
   */
  ensure(
    reference: string,
    options: { brought: boolean; signal: AbortSignal; progress: (sentence: string) => void },
  ): Promise<{ id: string; bytes: number; entrypoint: readonly string[]; command: readonly string[] }>;
  /** Keeps the clean-up away while a job runs in it. @returns what lets it go */
  use(id: string): () => void;
  pull(reference: string): Promise<ImageTransfer>;
  /** @param link - to the peer that has it, by whoever knows peers */
  fetch(reference: string, link: Link, peerName: string): Promise<ImageTransfer>;
  push(reference: string, link: Link, peerName: string): Promise<ImageTransfer>;
  cancel(id: string): ImageTransfer;
  remove(reference: string): Promise<void>;
  /**
   * For a job that is sent with its image: puts the image into the content store.
   *
   * @param options.holder - who holds its parts there until it releases them; without one they may go at any time
   * @throws {ImageError} `IMAGE_MISSING` {ContentError} `CONTENT_FULL` {RuntimeError} `ENGINE_MISSING`
   */
  export(reference: string, options: { signal?: AbortSignal; holder?: string }): Promise<ImageManifest>;
  /**
   * Takes an image whose parts are in the content store, everything checked again. It has no name but one of ours.
   *
   * @param options.brought - by a borrower: nothing of it comes into the engine where the owner allows none but those of the list
   * @throws {ImageError} `DIGEST_MISMATCH` | `IMAGE_REFUSED`
   */
  import(manifest: ImageManifest, options: { signal?: AbortSignal; brought?: boolean }): Promise<{ id: string }>;
}
