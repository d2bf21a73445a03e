import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testAssetAdapter } from '../../../../compliance/asset-adapter.ts';
import type { Adapters } from '../../../../../main/kernel/assets/adapters/index.ts';
import { known } from '../../../../../main/kernel/monitor/index.ts';
import { createWorkerPool } from '../../../../../main/base/index.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { type Machine, startMachine } from '../machine.ts';

let machine: Machine;
beforeAll(async () => {
  machine = await startMachine();
});
afterAll(() => machine.stop());

const kinds: (keyof Adapters)[] = ['cpu', 'gpu', 'memory', 'storage', 'network', 'container', 'economic'];
for (const kind of kinds)
  testAssetAdapter(kind, () => machine.createAdapters()[kind], { asksNobody: kind === 'economic' });

const probe = {
  vendor: 'google',
  architecture: 'swiftshader',
  device: '',
  description: '',
  software: true,
  bufferBytesMax: 1,
  features: [],
};
testAssetAdapter(
  'gpu with a window',
  () =>
    machine.createAdapters({
      gpuProbe: {
        probe: () =>
          Promise.resolve(known([probe, { ...probe, vendor: 'nvidia', architecture: 'ampere', software: false }])),
        benchmark: () => Promise.resolve(known(1e9)),
      },
    }).gpu,
);

describe('detection', () => {
  it('does not block the main thread for long', async () => {
    const adapters = machine.createAdapters();
    const { clock } = machine.outside;
    let blockedMsMax = 0;
    let lastMs = clock.monotonicMs();
    const stop = clock.every(1, () => {
      const nowMs = clock.monotonicMs();
      blockedMsMax = Math.max(blockedMsMax, nowMs - lastMs);
      lastMs = nowMs;
    });
    await Promise.all(Object.values(adapters).map((adapter) => adapter.detect()));
    stop();
    // Shown and not judged: the machine that runs the tests may be busy with other things. The bench judges it.
    console.info(`main thread blocked for ${blockedMsMax.toFixed(1)} ms at most`);
  });

  it('says why when the threads fail, and finds the rest', async () => {
    const workers = createWorkerPool(
      { logger: createSilentLogger(), metrics: null, clock: machine.outside.clock },
      { workerPath: '/hypermesh/no/such/entry.ts' },
    );
    const { inventory } = await machine.createAdapters({ workers }).memory.detect();
    expect(inventory.totalBytes).toBeGreaterThan(0);
    expect(inventory.modules).toEqual({ known: false, reason: expect.stringContaining('could not be asked') });
    await workers.close();
  });
});

describe('what is free', () => {
  const view = (resource: 'memory' | 'storage', promised: number, id: string) => ({
    id,
    assetId: 'asset',
    resource,
    unit: 'bytes' as const,
    promised,
    effective: promised,
    purpose: 'test',
    createdAtMs: 0,
  });
  it('bounds memory', async () => {
    await expect(machine.createAdapters().memory.allocate(view('memory', 2 ** 50, 'a'))).rejects.toMatchObject({
      name: 'AdapterError',
      code: 'NOT_ENOUGH_FREE',
    });
  });
  it('bounds storage, with what was promised before', async () => {
    const { storage } = machine.createAdapters();
    const { bavail, bsize } = await statfs(tmpdir());
    const most = Math.floor(bavail * bsize * 0.9);
    await storage.allocate(view('storage', most, 'a'));
    await expect(storage.allocate(view('storage', most, 'b'))).rejects.toMatchObject({ code: 'NOT_ENOUGH_FREE' });
    await storage.release(view('storage', most, 'a'));
    await storage.allocate(view('storage', most, 'b'));
  });
  it('does not ask for room that a holder has taken already', async () => {
    const { storage } = machine.createAdapters();
    const { bavail, bsize } = await statfs(tmpdir());
    const most = Math.floor(bavail * bsize * 0.9);
    await storage.allocate(view('storage', most, 'a'));
    await storage.allocate(view('storage', most, 'b'), most);
    await expect(storage.allocate(view('storage', most, 'c'), most / 10)).rejects.toMatchObject({
      code: 'NOT_ENOUGH_FREE',
    });
  });
});
