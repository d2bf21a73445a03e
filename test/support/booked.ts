import { assetIdOf, encodeCbor, type AssetId, type Store } from '../../main/base/index.ts';
import type { BookedResource } from '../../main/kernel/assets/allocation-book.ts';
import type { AllocationRequest } from '../../main/kernel/assets/index.ts';
import { kindOf, type Evaluation } from '../../main/kernel/assets/limits/index.ts';
import type { ResourceKey, RuleName } from '../../preload/contract/index.ts';

/** An asset row to hang allocations on, as the registry would write it. */
export const insertAsset = async (store: Store, resource: ResourceKey): Promise<AssetId> => {
  const record = { resource };
  const id = assetIdOf(kindOf(resource), record);
  await store.run(
    'test.asset',
    `INSERT OR IGNORE INTO assets (id, kind, resource, label, unit, record, registered_at_ms, last_seen_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    [id, kindOf(resource), resource, resource, 'bytes', encodeCbor(record), 1, 1],
  );
  return id;
};

/** @param keepPercent - for space resources, what allocations may hold on to; the level itself when left out */
export const evaluationOf = (
  resource: ResourceKey,
  percent: number,
  rule: RuleName = 'slider',
  keepPercent = percent,
): Evaluation => ({
  level: { resource, percent, rule, reason: `Slider: at most ${percent} %`, untilMs: null, all: [], unread: [] },
  keepPercent,
});

/** A resource of 1000 units at a level, with an adapter that has nothing to do. */
export const bookedOf = (
  assetId: AssetId | null,
  resource: ResourceKey,
  percent: number,
  given: Partial<BookedResource> = {},
): BookedResource => ({
  resource,
  assetId,
  unit: 'millicores',
  capacity: { known: true, value: 1000 },
  amountMax: null,
  adapter: {
    elasticity: resource === 'memory' || resource === 'storage' ? 'space' : 'share',
    allocate: () => Promise.resolve(),
    release: () => Promise.resolve(),
  },
  evaluation: evaluationOf(resource, percent),
  ...given,
});

/** A request whose holder writes down what it is told. */
export const requestOf = (
  resource: ResourceKey,
  amount: number,
): AllocationRequest & { told: number[]; evicted: string[] } => {
  const told: number[] = [];
  const evicted: string[] = [];
  return {
    resource,
    amount,
    purpose: 'job-0123456789abcdef',
    holder: { setEffective: (effective) => told.push(effective), evict: (reason) => evicted.push(reason) },
    told,
    evicted,
  };
};
