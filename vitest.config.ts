import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/{unit,vectors,compliance}/**/*.test.ts'],
          exclude: ['test/unit/renderer/**'],
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Nodes that tests start as programs keep to themselves unless a test says otherwise.
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
