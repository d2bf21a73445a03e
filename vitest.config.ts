import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

/** Tests of the transport and of nodes that talk. */
const STOQ = [
  'test/unit/transport/**/*.test.ts',
  'test/unit/api/network/**/*.test.ts',
  'test/compliance/stoq-*.test.ts',
  'test/compliance/network-*.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/{unit,vectors,compliance}/**/*.test.ts'],
          exclude: ['test/unit/renderer/**', ...STOQ],
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Nodes that tests start as programs keep to themselves unless a test says otherwise.
          env: { HYPERMESH_NETWORK: 'off' },
        },
      },
      {
        // Mostly waiting for each other over sockets: two files at once take little more than one. A group of its own, since shares of the
        // processor are measured in the others.
        test: {
          name: 'stoq',
          environment: 'node',
          include: STOQ,
          pool: 'forks',
          maxWorkers: 2,
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
          include: ['test/unit/renderer/**/*.test.{ts,tsx}'],
          testTimeout: 60_000,
          setupFiles: ['test/unit/renderer/setup.ts'],
        },
      },
    ],
  },
});
