import type { CallError, SandboxSpec } from '../../../preload/contract/index.ts';
import { base64Of } from '../../components/files.ts';
import { bytesText } from '../../components/quantity.ts';
import { kindOfFile } from './job-text.ts';

/** Largest module that a node reads; equal to the contract's `MODULE_BYTES_MAX`, which a test checks. */
export const MODULE_BYTES_MAX = 32 * 1024 * 1024;
/** A file that was chosen, read and found fit to be sent. */
export interface ModuleFile {
  name: string;
  kind: SandboxSpec['kind'];
  sizeBytes: number;
  base64: string;
}

export const base64OfText = (text: string): string => base64Of(new TextEncoder().encode(text));

const refuse = (code: string, message: string): { ok: false; error: CallError } => ({
  ok: false,
  error: { name: 'ModuleFileError', code, message },
});

/** Reads a chosen file, unless it is too large, empty, unreadable, or no program that runs without an image. */
export const readModuleFile = async (
  file: File,
): Promise<{ ok: true; value: ModuleFile } | { ok: false; error: CallError }> => {
  if (file.size > MODULE_BYTES_MAX)
    return refuse(
      'MODULE_TOO_LARGE',
      `${file.name} has ${bytesText(file.size)}; choose a file of at most ${bytesText(MODULE_BYTES_MAX)}.`,
    );
  if (file.size === 0)
    return refuse('MODULE_INVALID', `${file.name} is empty; choose a .wasm, .js or .py file with a program in it.`);
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    return refuse(
      'MODULE_UNREADABLE',
      `${file.name} could not be read; check that it still exists and that you may read it.`,
    );
  }
  const kind = kindOfFile(file.name, bytes);
  if (kind === null) {
    return refuse(
      'MODULE_INVALID',
      /\.wasm$/i.test(file.name)
        ? `${file.name} does not begin as WebAssembly does; build it again for wasm32-wasi.`
        : `${file.name} is neither WebAssembly nor a script that runs without an image; choose a .wasm, .js or .py file, or put it into an image.`,
    );
  }
  return { ok: true, value: { name: file.name, kind, sizeBytes: bytes.length, base64: base64Of(bytes) } };
};
