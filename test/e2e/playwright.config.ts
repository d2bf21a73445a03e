import { defineConfig } from '@playwright/test';
import type { AppOptions } from './fixtures.ts';

// One name for the whole run: workers inherit what the runner set.
process.env['HYPERMESH_TEST_USER'] ??= `hmtest${process.pid}`;
// Programs under test keep to this machine.
process.env['HYPERMESH_NETWORK'] ??= 'loopback';

/**
 * `source`: the built source tree under HYPERMESH_TEST_ELECTRON (folder of an unpacked Electron), with Playwright inside.
 * `installed`: HYPERMESH_TEST_DEB installed, run by a fresh ordinary user with the sandbox on; needs root.
 * A test tagged `@source` reaches into Electron, which the installed program does not let anyone do; one tagged
 * `@installed` looks at what only the package has.
 */
export default defineConfig<AppOptions>({
  testDir: '.',
  // Each test has a node of its own, but the machine's cores are few and shares are measured.
  workers: 1,
  fullyParallel: false,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  forbidOnly: process.env['CI'] !== undefined,
  outputDir: '../../test-results/e2e',
  reporter: [['list']],
  projects: [
    { name: 'source', testMatch: '*.e2e.ts', grepInvert: /@installed/, use: { target: 'source' } },
    { name: 'install', testMatch: 'install.setup.ts', teardown: 'remove' },
    { name: 'remove', testMatch: 'remove.teardown.ts' },
    {
      name: 'installed',
      testMatch: '*.e2e.ts',
      grepInvert: /@source/,
      dependencies: ['install'],
      use: { target: 'installed' },
    },
  ],
});
