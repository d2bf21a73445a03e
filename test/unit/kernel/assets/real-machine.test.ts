import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSettings, type Store } from '../../../../main/base/index.ts';
import { createAssets, createSystemReader, type Assets } from '../../../../main/kernel/assets/index.ts';
import { asset, inventory, level, liveSample, promise, shareState } from '../../../../preload/contract/index.ts';
import { requestOf } from '../../../support/booked.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';
import { startMachine, type Machine } from './machine.ts';

// Everything real but the disk: this machine, its monitor, its adapters, its clock.
let machine: Machine;
let store: Store;
let assets: Assets;
const create = (): Assets =>
  createAssets({
    outside: machine.outside,
    logger: createSilentLogger(),
    metrics: null,
    store,
    settings: createSettings({ store, clock: machine.outside.clock }),
    monitor: machine.monitor,
    adapters: machine.createAdapters(),
    system: createSystemReader({ logger: createSilentLogger(), workers: machine.workers }),
    benchmark: { run: () => Promise.resolve([]) },
  });
beforeAll(async () => {
  machine = await startMachine();
  store = await createMemoryStore(machine.outside.clock);
  assets = create();
  await assets.start();
});
afterAll(async () => {
  await assets.stop();
  await machine.stop();
  await store.close();
});

it('tells of this machine in the words of the contract', async () => {
  expect(inventory.parse(assets.inventory())).toEqual(assets.inventory());
  for (const one of assets.list()) expect(asset.parse(one)).toEqual(one);
  for (const one of assets.levels()) expect(level.parse(one)).toEqual(one);
  for (const one of await assets.preview({ present: true, atMs: machine.outside.clock.nowMs() + 86_400_000 }))
    expect(level.parse(one)).toEqual(one);
  for (const one of assets.allocations.promises()) expect(promise.parse(one)).toEqual(one);
  expect(shareState.parse(assets.share())).toEqual(assets.share());
  const live = await assets.live();
  expect(liveSample.parse(live)).toEqual(live);
});

it('lends of its processor and memory what the level says, and no more', async () => {
  await assets.setShare('cpu', { percentMax: 100, usingPercent: 100, batteryPercent: 100 });
  await assets.setRules({ temperature: null });
  const { lendable } = assets.allocations.promises().find((one) => one.resource === 'cpu')!;
  expect(lendable).toBe(assets.inventory().cpu.threads * 1000);
  const request = requestOf('cpu', lendable!);
  const ids = await assets.allocations.allocate([request, requestOf('memory', 1024)]);
  await expect(assets.allocations.allocate([requestOf('cpu', 1)])).rejects.toMatchObject({ code: 'LEVEL_EXCEEDED' });
  await assets.setShare('cpu', { percentMax: 30 });
  expect(request.told).toEqual([lendable, Math.floor(lendable! * 0.3)]);
  await assets.allocations.release(ids);
  expect(assets.allocations.size).toBe(0);
});

it('knows its hardware again at the next start', async () => {
  const ids = assets.list().map((one) => one.id);
  await assets.stop();
  assets = create();
  await assets.start();
  expect(
    assets
      .list()
      .map((one) => one.id)
      .sort(),
  ).toEqual(ids.sort());
  expect(assets.list().every((one) => one.present)).toBe(true);
});
