import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assetIdOf, decodeCbor, encodeCbor, type Store } from '../../../../main/base/index.ts';
import type { DetectedAsset } from '../../../../main/kernel/assets/index.ts';
import {
  createAssetRegistry,
  registrationOf,
  type AssetRegistry,
  type RegistrationRecord,
} from '../../../../main/kernel/assets/registry.ts';
import { createManualClock, type ManualClock } from '../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';

interface Vector {
  record: Omit<RegistrationRecord, 'installId'> & { installId: string };
  recordHex: string;
  id: string;
}
const vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/asset-id/registrations.json', import.meta.url), 'utf8'),
) as Vector[];

describe('the registration record', () => {
  it('has vectors', () => {
    expect(vectors.length).toBeGreaterThan(0);
  });

  it.each(vectors)('of $id has these bytes and this name', ({ record, recordHex, id }) => {
    const made = registrationOf({ ...record, installId: Buffer.from(record.installId, 'hex') });
    expect(Buffer.from(made.bytes).toString('hex')).toBe(recordHex);
    expect(made.id).toBe(id);
    expect(assetIdOf(record.kind, decodeCbor(Buffer.from(recordHex, 'hex')))).toBe(id);
  });
});

describe('the registry', () => {
  const installId = Uint8Array.from({ length: 16 }, (_, index) => index);
  const card = (serial: string, given: Partial<DetectedAsset> = {}): DetectedAsset => ({
    resource: 'gpu:card0',
    label: 'A card',
    unit: 'millicards',
    capacity: { known: true, value: 1000 },
    fingerprint: { serial },
    ...given,
  });
  let clock: ManualClock;
  let store: Store;
  let registry: AssetRegistry;
  const open = async (id = installId): Promise<AssetRegistry> => {
    const opened = createAssetRegistry({ clock, store }, { installId: id });
    await opened.load();
    return opened;
  };
  beforeEach(async () => {
    clock = createManualClock();
    store = await createMemoryStore(clock);
    registry = await open();
  });
  afterEach(() => store.close());

  it('gives the same hardware the same id, whatever its label and size are now', async () => {
    await registry.update([card('1')]);
    const { id } = registry.presentFor('gpu:card0')!;
    await clock.advance(5000);
    registry = await open();
    expect(registry.list()).toMatchObject([{ id, present: false }]);
    await registry.update([card('1', { label: 'New driver, new name', capacity: { known: false, reason: 'busy' } })]);
    expect(registry.list()).toEqual([
      {
        id,
        kind: 'gpu',
        resource: 'gpu:card0',
        label: 'New driver, new name',
        unit: 'millicards',
        capacity: { known: false, reason: 'busy' },
        registeredAtMs: Date.UTC(2026, 0, 5),
        present: true,
      },
    ]);
    expect(await store.all('test.seen', 'SELECT last_seen_at_ms - registered_at_ms AS ms FROM assets')).toEqual([
      { ms: 5000 },
    ]);
  });

  it('gives other hardware in the same place another id, and the old one back when it returns', async () => {
    await registry.update([card('1')]);
    const first = registry.presentFor('gpu:card0')!.id;
    await registry.update([card('2')]);
    const second = registry.presentFor('gpu:card0')!.id;
    expect(second).not.toBe(first);
    expect(registry.list().map(({ id, present }) => [id, present])).toEqual([
      [second, true],
      [first, false],
    ]);
    expect(registry.resources()).toEqual(['gpu:card0']);
    await registry.update([card('1')]);
    expect(registry.presentFor('gpu:card0')!.id).toBe(first);
    await registry.update([]);
    expect(registry.presentFor('gpu:card0')).toBeUndefined();
    expect(registry.get(first)).toMatchObject({ present: false, capacity: { known: false } });
  });

  it('names alike hardware of two installations apart', async () => {
    await registry.update([card('1')]);
    const other = await createMemoryStore(clock);
    const theirs = createAssetRegistry({ clock, store: other }, { installId: new Uint8Array(16) });
    await theirs.update([card('1')]);
    expect(theirs.list()[0]!.id).not.toBe(registry.list()[0]!.id);
    await other.close();
  });

  it.each([
    ['bytes that are not dag-cbor', (record: Uint8Array) => record.slice(1)],
    ['a record that is no map', () => encodeCbor('x')],
    [
      'another record',
      (record: Uint8Array) => encodeCbor({ ...(decodeCbor(record) as object), fingerprint: { serial: '9' } }),
    ],
    ['a newer version', (record: Uint8Array) => encodeCbor({ ...(decodeCbor(record) as object), version: 2 })],
    ['another time', (record: Uint8Array) => encodeCbor({ ...(decodeCbor(record) as object), registeredAtMs: 1 })],
  ])('refuses a row that holds %s', async (_what, damage) => {
    await registry.update([card('1')]);
    const row = (await store.get<{ id: string; record: Uint8Array }>('test.row', 'SELECT id, record FROM assets'))!;
    await store.run('test.damage', 'UPDATE assets SET record = ? WHERE id = ?', [damage(row.record), row.id]);
    await expect(open()).rejects.toMatchObject({ code: 'ASSET_RECORD_CORRUPT', data: { assetId: row.id } });
  });
});
