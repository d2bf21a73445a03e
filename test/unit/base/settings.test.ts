import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSettings, type Settings, type Store } from '../../../main/base/index.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { createMemoryStore } from '../../support/memory-store.ts';

let store: Store;
let settings: Settings;
const clock = createManualClock({ nowMs: 77 });
beforeEach(async () => {
  store = await createMemoryStore(clock);
  settings = createSettings({ store, clock });
});
afterEach(() => store.close());

it('gives back what was set, the last of each key', async () => {
  const value = { version: 1, list: [1, null, 'x', true], bytes: Uint8Array.of(1), big: 2 ** 40, fraction: 0.5 };
  expect(await settings.get('share')).toBeUndefined();
  await settings.set('share', 1);
  await settings.set('share', value);
  await settings.set('pause', null);
  expect(await settings.get('share')).toEqual(value);
  expect(await settings.get('pause')).toBeNull();
  expect(await store.get('test', "SELECT updated_at_ms FROM settings WHERE key = 'share'")).toEqual({
    updated_at_ms: 77,
  });
});

it('forgets what is removed', async () => {
  await settings.set('share', 1);
  await settings.remove('share');
  await settings.remove('share');
  expect(await settings.get('share')).toBeUndefined();
});

it('refuses what dag-cbor cannot hold, and keeps what was there', async () => {
  await settings.set('share', 1);
  await expect(settings.set('share', { gone: undefined })).rejects.toThrow('undefined');
  await expect(settings.set('share', Number.NaN)).rejects.toThrow('NaN');
  expect(await settings.get('share')).toBe(1);
});
