// Compiles the WebAssembly of the proof of work from its text: `node scripts/work-kernel.mjs` after a change of it. A
// test compares what is committed with what this makes.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import createWabt from 'wabt';

const folder = join(import.meta.dirname, '..', 'main', 'kernel', 'proof', 'work');
const target = join(folder, 'generate-kernel-module.ts');
const LINE = 100;

/** The module as base64. */
export const compileKernel = async () => {
  const wabt = await createWabt();
  const text = await readFile(join(folder, 'generate-kernel.wat'), 'utf8');
  const module = wabt.parseWat('generate-kernel.wat', text, { simd: true });
  try {
    module.validate();
    return Buffer.from(module.toBinary({}).buffer).toString('base64');
  } finally {
    module.destroy();
  }
};

if (argv[1] === fileURLToPath(import.meta.url)) {
  const base64 = await compileKernel();
  const lines = base64.match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  await writeFile(
    target,
    [
      '/** generate-kernel.wat as bytes, in base64. Made by scripts/work-kernel.mjs; do not change by hand. */',
      'export const KERNEL_BASE64 = [',
      ...lines.map((line) => `  '${line}',`),
      "].join('');",
      '',
    ].join('\n'),
  );
}
