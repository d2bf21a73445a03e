const KIB = 1024;
const MIB = 1024 * 1024;

/** Bytes for a person to read: MiB with one decimal, below that KiB. */
export const sizeText = (bytes: number): string =>
  bytes < MIB ? `${(bytes / KIB).toFixed(1)} KiB` : `${(bytes / MIB).toFixed(1)} MiB`;
