import { expect, test } from './fixtures.ts';

// Chromium's own software card stands in where the machine has none; both flags are Chromium's.
const SOFTWARE_CARD = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];

// Source only: the same code runs in the source build.
test('a software card is found through WebGPU, shown as such, and measured', { tag: '@source' }, async ({
  account,
}) => {
  const app = await account.start('--hidden', ...SOFTWARE_CARD);
  await app.waitFor('node:ready');
  const { gpus } = JSON.parse((await account.cli('hardware', '--json')).stdout);
  expect(gpus.known).toBe(true);
  const card = gpus.value.find((gpu: { apis: string[] }) => gpu.apis.includes('webgpu'));
  expect(card).toBeDefined();
  expect(card.software).toBe(true);
  const benchmark = JSON.parse((await account.cli('benchmark', '--json')).stdout);
  const result = benchmark.results.find(({ part }: { part: string }) => part === 'gpu');
  expect(result.unit).toBe('flops');
  // The page checks the product it computed, so a value is a right one.
  expect(result.value).toEqual({ known: true, value: expect.any(Number) });
  // The hidden window is gone once it has answered.
  await expect.poll(() => app.electron?.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(0);
});
