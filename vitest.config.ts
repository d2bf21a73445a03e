import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** Tests in which shares of the processor or of memory are measured: one file at a time, with nothing else running. */
const MEASURED = [
  'test/unit/kernel/{assets,monitor,prover}/**/*.test.ts',
  'test/unit/kernel/runtime/*.test.ts',
  'test/unit/kernel/runtime/drivers/**/*.test.ts',
  'test/compliance/!(stoq-*|network-*|economy-*|ledger-*|replica-*|lending-*|lease-*|forward-*|proxy-*|far-*|vpn|identity-*|restored-*|images|remote-*).test.ts',
];

/** The same cases of every property at each run; see there. */
const SEED = 'test/support/property-seed.ts';

export default defineConfig({
  test: {
    projects: [
      {
        // Much of it waits for sockets, threads and processes: two files at once take little more than one.
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/{unit,vectors,compliance}/**/*.test.ts'],
          exclude: ['test/unit/renderer/**', ...MEASURED],
          setupFiles: [SEED],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Nodes that tests start as programs keep to themselves unless a test says otherwise.
          env: { HYPERMESH_NETWORK: 'off' },
        },
      },
      {
        test: {
          name: 'measured',
          environment: 'node',
          include: MEASURED,
          setupFiles: [SEED],
          pool: 'forks',
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 60_000,
          env: { HYPERMESH_NETWORK: 'off' },
        },
      },
      {
        plugins: [react()],
        test: {
          name: 'renderer',
          environment: 'jsdom',
          maxWorkers: 2,
          include: ['test/unit/renderer/**/*.test.{ts,tsx}'],
          testTimeout: 60_000,
          setupFiles: [SEED, 'test/unit/renderer/setup.ts'],
        },
      },
    ],
  },
});
