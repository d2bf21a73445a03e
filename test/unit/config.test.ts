import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { configFormat, loadConfig, networkFromEnvironment } from '../../main/config.ts';
import { config } from '../../preload/contract/index.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hypermesh-config-'));
  path = join(folder, 'config.json');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

it('has a default for every setting of the contract and no other', () => {
  expect(config.parse(configFormat.defaults)).toEqual(configFormat.defaults);
  expect(Object.keys(configFormat.defaults)).toEqual(Object.keys(config.shape));
});

it.each([
  [undefined, {}],
  ['', {}],
  ['on', {}],
  ['off', { enabled: false }],
  ['loopback', { loopbackOnly: true }],
  ['of', { enabled: false }],
])('HYPERMESH_NETWORK=%s stands for %j', (value, settings) => {
  expect(networkFromEnvironment(value)).toEqual(settings);
});

it('keeps what was set', async () => {
  const first = await loadConfig(path);
  await first.set({ apiPort: 0, theme: 'dark', containerEndpoint: '/run/docker.sock' });
  expect((await loadConfig(path)).get()).toEqual({
    ...configFormat.defaults,
    apiPort: 0,
    theme: 'dark',
    containerEndpoint: '/run/docker.sock',
  });
});

it.each([
  ['apiPort', 65_536],
  ['apiPort', 9470.5],
  ['logLevel', 'trace'],
  ['theme', 'blue'],
  ['openAtLogin', 'yes'],
  ['containerEndpoint', 'x'.repeat(513)],
  ['network', null],
  ['network', { prot: 1 }],
])('refuses %s: %.20j, from the file and from a face', async (key, value) => {
  const store = await loadConfig(path);
  await expect(store.set({ [key]: value })).rejects.toMatchObject({ code: 'CONFIG_INVALID', data: { key } });
  writeFileSync(path, JSON.stringify({ version: 1, [key]: value }));
  await expect(loadConfig(path)).rejects.toMatchObject({ code: 'CONFIG_INVALID', data: { path, key } });
});

it('names what is wrong within the network settings', async () => {
  const store = await loadConfig(path);
  await expect(store.set({ network: { port: 65_536 } })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    data: { key: 'network.port' },
  });
});

it('names a key that it does not know, and the file', async () => {
  writeFileSync(path, '{ "version": 1, "apiprot": 1 }');
  const refused = loadConfig(path);
  await expect(refused).rejects.toMatchObject({ code: 'CONFIG_UNKNOWN_KEY', data: { path, key: 'apiprot' } });
  await expect(refused).rejects.toThrow(/"apiprot".*config\.json.*apiPort/);
});
