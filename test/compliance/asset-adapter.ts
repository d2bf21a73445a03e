import { describe, expect, it } from 'vitest';
import type { AllocationView, ResourceKey } from '../../preload/contract/index.ts';
import { asset, capacityUnit, inventory, liveUse, resourceKey } from '../../preload/contract/index.ts';
import type { AssetAdapter } from '../../main/kernel/assets/interface.ts';

/** Which part of the inventory an adapter fills. */
const PARTS = {
  cpu: 'cpu',
  gpu: 'gpus',
  memory: 'memory',
  storage: 'disks',
  network: 'interfaces',
  container: 'container',
  economic: 'economic',
} as const;

/** Readings anywhere in a value. */
const readingsIn = (value: unknown): { known: boolean; reason?: unknown; value?: unknown }[] => {
  if (typeof value !== 'object' || value === null) return [];
  if ('known' in value) return [value as { known: boolean }, ...readingsIn((value as { value?: unknown }).value)];
  return Object.values(value).flatMap(readingsIn);
};

type AnyReading = { known: true; value: number } | { known: false; reason: string };
const expectReasons = (value: unknown): void => {
  for (const reading of readingsIn(value)) if (!reading.known) expect(reading.reason).toMatch(/^\S.{9,}/s);
};
const expectBetween = (reading: AnyReading, lowest: number, highest: number): void => {
  if (!reading.known) return;
  expect(reading.value).toBeGreaterThanOrEqual(lowest);
  expect(reading.value).toBeLessThanOrEqual(highest);
};

/**
 * What every adapter promises, on whatever machine this runs.
 *
 * @param create - makes a fresh adapter
 * @param init - `asksNobody`: its detection ends at once, before a signal can be given
 */
export const testAssetAdapter = (
  name: string,
  create: () => Promise<AssetAdapter> | AssetAdapter,
  init: { asksNobody?: boolean } = {},
): void => {
  describe(`asset adapter: ${name}`, () => {
    it('finds the same twice', async () => {
      const adapter = await create();
      const first = await adapter.detect();
      const second = await adapter.detect();
      expect(
        second.assets.map(({ resource, unit, label, fingerprint }) => ({ resource, unit, label, fingerprint })),
      ).toEqual(first.assets.map(({ resource, unit, label, fingerprint }) => ({ resource, unit, label, fingerprint })));
      expect(second.assets.map((found) => found.capacity.known)).toEqual(
        first.assets.map((found) => found.capacity.known),
      );
    });

    it('finds assets of its own kind, each once, with a capacity that is a positive integer or a reason', async () => {
      const adapter = await create();
      const { assets } = await adapter.detect();
      expect(new Set(assets.map((found) => found.resource)).size).toBe(assets.length);
      for (const found of assets) {
        expect(resourceKey.safeParse(found.resource).success).toBe(true);
        expect(found.resource.split(':')[0]).toBe(adapter.kind);
        expect(capacityUnit.safeParse(found.unit).success).toBe(true);
        expect(found.label).not.toBe('');
        expect(asset.shape.capacity.safeParse(found.capacity).error).toBeUndefined();
        expectBetween(found.capacity, 1, Number.MAX_SAFE_INTEGER);
        expect(Object.keys(found.fingerprint).length).toBeGreaterThan(0);
      }
    });

    it('fills its part of the inventory as the contract has it, and gives a reason for each unknown', async () => {
      const adapter = await create();
      const { inventory: part } = await adapter.detect();
      expect(inventory.shape[PARTS[adapter.kind]].safeParse(part).error).toBeUndefined();
      expectReasons(part);
    });

    it('measures within sane bounds, or gives a reason', async () => {
      const adapter = await create();
      const { assets } = await adapter.detect();
      const resources: ResourceKey[] =
        assets.length > 0
          ? assets.map((found) => found.resource)
          : [adapter.kind === 'gpu' ? 'gpu:none' : adapter.kind];
      for (const resource of resources) {
        const use = await adapter.measure(resource);
        expect(liveUse.omit({ resource: true, lentUsed: true }).safeParse(use).error).toBeUndefined();
        expectBetween(use.usedPercent, 0, 100);
        expectBetween(use.used, 0, Number.MAX_VALUE);
        expectBetween(use.temperatureCelsius, 1, 150);
        expectReasons(use);
      }
    });

    it('heeds a signal that was given before', async () => {
      const adapter = await create();
      await expect(adapter.detect(AbortSignal.abort(new Error('not now')))).rejects.toThrow('not now');
    });

    it('heeds a signal that is given on the way, unless it had ended by then', async () => {
      const adapter = await create();
      const abort = new AbortController();
      const detected = adapter.detect(abort.signal);
      abort.abort(new Error('enough'));
      const ended = await detected.then(
        () => 'done',
        (error: unknown) => (error as Error).message,
      );
      expect(ended).toBe(init.asksNobody === true ? 'done' : 'enough');
      await expect(adapter.detect()).resolves.toBeDefined();
    });

    it('allocates one of its smallest unit, and releases it twice, or before it was allocated', async () => {
      const adapter = await create();
      const { assets } = await adapter.detect();
      const unit = assets[0]?.unit ?? 'millicards';
      const allocation: AllocationView = {
        id: 'alloc-0000000000000001',
        assetId: 'asset',
        resource: assets[0]?.resource ?? 'gpu:none',
        unit,
        promised: 1,
        effective: 1,
        purpose: 'compliance',
        createdAtMs: 0,
      };
      await adapter.release(allocation);
      await adapter.allocate(allocation);
      await adapter.release(allocation);
      await adapter.release(allocation);
    });

    it('takes any level', async () => {
      const adapter = await create();
      for (const percent of [100, 0, 37])
        await adapter.applyLevel({
          resource: adapter.kind === 'gpu' ? 'gpu:none' : adapter.kind,
          percent,
          rule: 'slider',
          reason: 'test',
          untilMs: null,
          all: [],
          unread: [],
        });
    });
  });
};
