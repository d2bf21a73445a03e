import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from './fixtures.ts';
import { root } from './launch-app.ts';

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

// Electron runs the source: the hidden window is the app's own, and what asks it is a test's.
test('a card multiplies for a proof of work exactly as the processor does', { tag: '@source' }, async ({ account }) => {
  const electron = join(process.env['HYPERMESH_TEST_ELECTRON'] ?? '', 'electron');
  const { stdout } = await promisify(execFile)(
    electron,
    [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      `--user-data-dir=${join(account.configHome, 'product')}`,
      ...SOFTWARE_CARD,
      join(root, 'test', 'support', 'children', 'gpu-product.ts'),
      join(root, 'out', 'renderer'),
      // Not whole blocks of the shader, so that the edge of the last one is crossed.
      '200',
    ],
    { timeout: 100_000 },
  );
  const found = JSON.parse(stdout) as Record<string, unknown>;
  expect(found).toMatchObject({ reason: null, equal: true, windows: 0 });
  // A whole proof on the card is one like any other.
  expect(found['finding']).toMatchObject({ passed: true, code: null });
  // Aborted in the middle of a question of many seconds; and a question that is too large is not begun.
  expect(found['stopped']).toBe('Error: told to stop');
  expect(found['tooMany']).toMatchObject({ known: false });
});
