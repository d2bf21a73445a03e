import type { Asset, BlockSummary, ResourceKey, ResourceKind } from '../../../preload/contract/index.ts';
import { shortId } from '../../components/short-hash.tsx';
import { titleOf } from '../share/share-text.ts';

/** Kinds of transaction in words; a kind from a newer node stays as it is. */
const KINDS: Readonly<Record<string, string>> = {
  'network.genesis': 'Network begun',
  'asset.registered': 'Asset registered',
  'asset.proved': 'Asset proved',
  'asset.withdrawn': 'Asset withdrawn',
};

/** `asset.proved` is `Asset proved`; of a kind that nobody described the last word is made readable. */
export const kindText = (kind: string): string => {
  const known = KINDS[kind];
  if (known !== undefined) return known;
  const words = kind.replace(/[.-]+/g, ' ').trim();
  return words === '' ? 'Unnamed' : words.charAt(0).toUpperCase() + words.slice(1);
};

const ASSET_KINDS: Record<ResourceKind, ResourceKey> = {
  cpu: 'cpu',
  gpu: 'gpu:card',
  memory: 'memory',
  storage: 'storage',
  network: 'network',
  container: 'container',
  economic: 'economic',
};

/** Key that the resource's picture goes by, from an asset's id, `asset:<kind>:…`; null for anything else. */
export const iconKeyOf = (asset: string): ResourceKey | null =>
  Object.entries(ASSET_KINDS).find(([kind]) => kind === asset.split(':')[1])?.[1] ?? null;

/** An asset's name as on Share, or its short id where this machine does not have it. */
export const assetName = (asset: string, assets: readonly Asset[] | null): string => {
  const known = assets?.find((entry) => entry.id === asset);
  return known === undefined ? shortId(asset) : titleOf(known.resource, known);
};

/** What a block is about, in a few words: a proof before all that came with it. */
export const aboutText = (block: BlockSummary): string => {
  const [first] = block.kinds;
  if (block.body === 'pruned') return 'Content dropped';
  if (block.body === 'sealed') return 'Content sealed';
  if (first === undefined) return 'Empty';
  const kind = block.kinds.find((name) => name === 'asset.proved') ?? first;
  return block.kinds.length === 1 ? kindText(kind) : `${kindText(kind)} + ${block.kinds.length - 1} more`;
};

/** All that a block is about. */
export const aboutInFull = (block: BlockSummary): string =>
  block.kinds.length === 0 ? aboutText(block) : block.kinds.map(kindText).join(', ');

export const transactionsText = (count: number | null): string =>
  count === null ? 'unread' : count === 1 ? '1 transaction' : `${count} transactions`;

/** Blocks per second, with whole numbers from ten on. */
export const speedText = (blocksPerSecond: number): string =>
  `${blocksPerSecond < 9.95 ? Number(blocksPerSecond.toFixed(1)) : Math.round(blocksPerSecond)} blocks/s`;

/** A count with its noun: `1 block`, `1,204 blocks`. */
export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** One step from a leaf to the root. */
export interface PathStep {
  sibling: string;
  side: 'left' | 'right';
}

/**
 * On which side each sibling of an RFC 6962 inclusion path stands (section 2.1.1; the walk of RFC 9162, section
 * 2.1.3.2).
 * @param size - leaves of the whole tree
 * @returns null where the path cannot belong to that leaf of such a tree
 */
export const pathSteps = (index: number, size: number, siblings: readonly string[]): PathStep[] | null => {
  if (index < 0 || index >= size) return null;
  let at = index;
  let last = size - 1;
  const steps: PathStep[] = [];
  for (const sibling of siblings) {
    if (last === 0) return null;
    const left = at % 2 === 1 || at === last;
    steps.push({ sibling, side: left ? 'left' : 'right' });
    if (left) {
      // A node without a right neighbour is carried up unchanged until it has a left one.
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 ? steps : null;
};
