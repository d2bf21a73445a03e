import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSettings, type Settings, type Store } from '../../../../../main/base/index.ts';
import { createExitRules } from '../../../../../main/kernel/proxy/exit/index.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const ON = { proxy: { relaysAllowed: true, exitAllowed: true } };
const OFF = { proxy: { relaysAllowed: true, exitAllowed: false } };

let store: Store;
let settings: Settings;
beforeEach(async () => {
  const clock = createManualClock();
  store = await createMemoryStore(clock);
  settings = createSettings({ store, clock });
});
afterEach(() => store.close());
const start = async () => {
  const rules = createExitRules({ settings, logger: createSilentLogger() });
  await rules.start();
  return rules;
};

it('lets nothing out until the owner allows exits, and then what is public', async () => {
  const rules = await start();
  expect(rules.policy(OFF)).toEqual({ mode: 'none' });
  expect(rules.policy(ON)).toEqual({ mode: 'all', named: [] });
  expect(rules.policy(ON)).toBe(rules.policy(ON));
});

it('keeps a list over a restart', async () => {
  const rules = await start();
  await rules.set({ mode: 'list', allowed: ['example.org:443'] });
  expect(rules.policy(ON)).toEqual({ mode: 'list', allowed: ['example.org:443'] });
  expect(rules.policy(OFF)).toEqual({ mode: 'none' });
  const again = await start();
  expect(again.get()).toEqual({ mode: 'list', allowed: ['example.org:443'] });
  await again.set({ mode: 'all', allowed: ['192.168.1.20:631'] });
  expect(again.policy(ON)).toEqual({ mode: 'all', named: ['192.168.1.20:631'] });
});

it('refuses a line that names nothing, and keeps what was there', async () => {
  const rules = await start();
  await expect(rules.set({ mode: 'list', allowed: ['example.org:443', 'everything'] })).rejects.toMatchObject({
    code: 'TARGET_INVALID',
    data: { target: 'everything' },
  });
  const many = Array.from({ length: 257 }, (_, index) => `a${index}.org:80`);
  await expect(rules.set({ mode: 'list', allowed: many })).rejects.toMatchObject({ code: 'TARGET_INVALID' });
  expect(rules.get()).toEqual({ mode: 'all', allowed: [] });
});

it.each([
  null,
  7,
  { version: 2, mode: 'all', allowed: [] },
  { version: 1, mode: 'all', allowed: ['nonsense'] },
  { version: 1, mode: 'some', allowed: [] },
])('lets nothing out where the settings hold %j', async (value) => {
  await settings.set('proxy.exit', value);
  expect((await start()).policy(ON)).toEqual({ mode: 'list', allowed: [] });
});
