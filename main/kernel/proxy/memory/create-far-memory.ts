import type { KeyObject } from 'node:crypto';
import type { Logger, Outside } from '../../../base/index.ts';
import type { MemoryClient } from './client.ts';
import { CACHE_PAGES_BYTES } from './constants.ts';
import { createPlainMemory, createSealedMemory, type SealedMemory } from './far-memory.ts';
import { createLanes } from './lanes.ts';
import type { MemoryMetrics } from './metrics.ts';
import { createPageSeal } from './page-seal.ts';
import type { PageTable } from './page-table.ts';
import type { FarMemory } from '../interface.ts';

export interface FarMemoryComponents {
  outside: Outside;
  logger: Logger;
  metrics: MemoryMetrics | null;
  client: MemoryClient;
}
export interface FarMemoryInit {
  key: KeyObject;
  table: PageTable;
  pageBytes: number;
  /** Bytes of pages that are kept here. @default 4 MiB */
  cacheBytes?: number;
}
/** Memory whose lender sees noise, with a second lender where one is wanted. */
export interface MirroredMemory extends SealedMemory {
  readonly mirrored: boolean;
  /** From now on everything is kept at a second lender, too. Resolves when it has everything, or could not be reached for now. */
  mirror(client: MemoryClient): Promise<void>;
}

/** The usual memory: sealed page by page. */
export const createFarMemory = (components: FarMemoryComponents, init: FarMemoryInit): MirroredMemory => {
  const { outside, metrics, client } = components;
  const logger = components.logger.child('memory');
  const { key, table, pageBytes, cacheBytes = CACHE_PAGES_BYTES } = init;
  const lanes = createLanes({ outside, logger }, client);
  const memory = createSealedMemory(
    {
      lanes,
      seal: createPageSeal(key, pageBytes),
      table,
      onDamaged: (page) => {
        metrics?.damaged.inc();
        logger.warn('A page of borrowed memory is not what was written', { page });
      },
    },
    { sizeBytes: table.pages * pageBytes, cacheBytes },
  );
  return {
    ...memory,
    get mirrored() {
      return lanes.mirrored;
    },
    mirror: (second) => lanes.mirror(second, (target) => memory.copyTo(target)),
  };
};
/** Memory that the lender can read and change, in pages of 4 KiB for whoever asks. */
export const createBareMemory = (client: MemoryClient, sizeBytes: number, pageBytes: number): FarMemory =>
  createPlainMemory(client, sizeBytes, pageBytes);
