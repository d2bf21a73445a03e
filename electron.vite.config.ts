import { resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'electron-vite';
import { build, type Plugin } from 'vite';

const root = import.meta.dirname;

/** Job hosts are built as CommonJS: Node loads it 20 ms sooner than modules, a fifth of a script's whole start. */
const jobHost: Plugin = {
  name: 'job-host',
  closeBundle: async () => {
    await build({
      configFile: false,
      root,
      logLevel: 'warn',
      ssr: { noExternal: true },
      build: {
        ssr: 'main/kernel/runtime/host/main.ts',
        outDir: 'out/main',
        emptyOutDir: false,
        target: 'node24',
        rollupOptions: {
          output: {
            format: 'cjs',
            entryFileNames: 'job-host.cjs',
            chunkFileNames: 'chunks/job-host/[name]-[hash].cjs',
          },
        },
      },
    });
  },
};

export default defineConfig({
  main: {
    plugins: [jobHost],
    build: {
      outDir: 'out/main',
      // `dependencies` are shipped as packages, because they are native, read files of their own or are loaded rarely;
      // of QuickJS it is the .wasm file that counts. Everything else is bundled: one file loads faster than hundreds.
      rollupOptions: {
        // index: Electron's entry. cli: the entry with no screen, and the command line. The workers run in threads of
        // their own.
        input: {
          index: resolve(root, 'main/index.ts'),
          cli: resolve(root, 'main/cli.ts'),
          'store-worker': resolve(root, 'main/base/store/worker.ts'),
          worker: resolve(root, 'main/worker.ts'),
          'stoq-side-worker': resolve(root, 'main/transport/stoq/reach/side-worker.ts'),
        },
        output: { format: 'es', entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      // A sandboxed preload can load no package, so zod is bundled into it.
      externalizeDeps: false,
      rollupOptions: {
        input: { index: resolve(root, 'preload/index.ts') },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: resolve(root, 'renderer'),
    build: {
      outDir: resolve(root, 'out/renderer'),
      minify: true,
      rollupOptions: {
        input: { index: resolve(root, 'renderer/index.html'), gpu: resolve(root, 'renderer/gpu.html') },
      },
    },
    plugins: [react()],
  },
});
