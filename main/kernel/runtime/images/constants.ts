const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

/** Encoded manifest: 128 layers and 16 names have some 14 KiB. */
export const MANIFEST_BYTES_MAX = 64 * KIB;
/** Configurations of real images have 1 to 30 KiB. */
export const CONFIG_BYTES_MAX = MIB;
/** Engines themselves take no more than 127 (overlay2). */
export const LAYERS_MAX = 128;
export const REFERENCES_MAX = 16;
/** Of one image, all layers together. Machine learning images have 10 GiB. */
export const IMAGE_BYTES_MAX = 64 * GIB;
/** Entries of one layer: a layer of 4 GiB of source code has some 300 000. */
export const LAYER_ENTRIES_MAX = 1_000_000;
/** Symbolic links of one layer that are remembered, so that nothing is written through one. */
export const LAYER_LINKS_MAX = 200_000;
export const LAYER_LINK_CHARACTERS_MAX = 16 * MIB;
/** A path, as Linux has it, and a part of it. */
export const PATH_BYTES_MAX = 4096;
export const NAME_BYTES_MAX = 255;
/** Further headers of one entry: long names, and attributes such as capabilities of files. */
export const PAX_BYTES_MAX = 256 * KIB;

/** What an engine gives out as an archive: three small files a layer, and few others. */
export const ARCHIVE_ENTRIES_MAX = 2048;
/** Its `manifest.json`. */
export const ARCHIVE_INDEX_BYTES_MAX = MIB;

/** Images that this node brought are kept up to so much where the owner says nothing else. */
export const QUOTA_BYTES = 20 * GIB;
export const ALLOWED_MAX = 256;
export const ALLOWED_CHARACTERS_MAX = 256;

/** Transfers at once, and those that are kept to be looked at. */
export const TRANSFERS_RUNNING_MAX = 4;
export const TRANSFERS_KEPT_MAX = 32;
/** How often faces hear of one. */
export const PROGRESS_MS = 500;
/** Manifests of images that were put into the content store lately. */
export const MANIFESTS_KEPT_MAX = 64;
/** Images that are listed. */
export const IMAGES_LISTED_MAX = 512;
/** What the engine was asked about sizes is believed so long: it takes it seconds where there are many. */
export const SIZES_AGE_MS = 30_000;
/** Lines of an engine's progress. */
export const PROGRESS_LINE_BYTES_MAX = 256 * KIB;

/** How long somebody to whom an image was given may fetch its parts, and how many such there are. */
export const GIVEN_MS = 3_600_000;
export const GIVEN_MAX = 64;
/** Making an archive of many GiB, or taking one in, takes an engine minutes. */
export const EXCHANGE_DEADLINE_MS = 30 * 60_000;
