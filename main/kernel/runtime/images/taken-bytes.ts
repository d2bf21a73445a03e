import { createHash } from 'node:crypto';

/** An image that this node brought, as far as its room counts. */
export interface TakingImage {
  id: string;
  bytes: number;
  /** Of them, what the engine says it shares with other images, whichever. */
  sharedBytes: number;
  /** Of {@link chainOf}. */
  chain: readonly string[];
}

/** Names each layer together with all that it stands on. @param layers - digests, lowest first */
export const chainOf = (layers: readonly string[]): string[] => {
  let below = '';
  return layers.map((layer) => (below = createHash('sha256').update(`${below} ${layer}`).digest('hex')));
};

/**
 * How many bytes images take together. What several of them stand on counts once for those that stand on the same: two that only share
 * equally many bytes with others do not, or pairs of images of one size would count as a single pair. Engines tell no sizes of layers,
 * so what is not sure counts twice.
 */
export const takenBytes = (images: readonly TakingImage[]): number => {
  const standing = new Map<string, number>();
  for (const { chain } of images) for (const link of chain) standing.set(link, (standing.get(link) ?? 0) + 1);
  const counted = new Set<string>();
  let total = 0;
  for (const { id, bytes, sharedBytes, chain } of images) {
    const common = Math.min(bytes, sharedBytes);
    const base = chain.findLast((link) => (standing.get(link) ?? 0) > 1) ?? id;
    const group = `${common} ${base}`;
    total += bytes - (counted.has(group) ? common : 0);
    counted.add(group);
  }
  return total;
};
