import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import createWabt from 'wabt';

const folder = join(import.meta.dirname, '..', 'fixtures', 'wasm');

/** Compiles WebAssembly text. */
export const compileWat = async (text: string): Promise<Uint8Array> => {
  const wabt = await createWabt();
  const module = wabt.parseWat('test.wat', text, {
    bulk_memory: true,
    sign_extension: true,
    reference_types: true,
    exceptions: true,
    multi_value: true,
    memory64: true,
    threads: true,
  });
  try {
    return module.toBinary({ write_debug_names: true }).buffer;
  } finally {
    module.destroy();
  }
};

/** A program of test/fixtures/wasm/, by its name there. */
export const wasmFixture = (name: string): Promise<Uint8Array> =>
  compileWat(readFileSync(join(folder, `${name}.wat`), 'utf8'));
