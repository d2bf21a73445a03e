import type { CallError } from '../../../preload/contract/index.ts';
import { bytesText } from '../../components/quantity.ts';
import { kindOfFile } from './job-text.ts';

/** Largest module that a node reads; equal to the contract's `MODULE_BYTES_MAX`, which a test checks. */
export const MODULE_BYTES_MAX = 32 * 1024 * 1024;
/** `String.fromCharCode` takes its characters as arguments, of which there may not be too many. */
const PIECE_BYTES = 32_768;

/** A file that was chosen, read and found fit to be sent. */
export interface ModuleFile {
  name: string;
  kind: 'wasm' | 'javascript';
  sizeBytes: number;
  base64: string;
}

const base64Of = (bytes: Uint8Array): string => {
  let binary = '';
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    binary += String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES));
  return btoa(binary);
};

export const base64OfText = (text: string): string => base64Of(new TextEncoder().encode(text));

const refuse = (code: string, message: string): { ok: false; error: CallError } => ({
  ok: false,
  error: { name: 'ModuleFileError', code, message },
});

/** Reads a chosen file, unless it is too large, empty, unreadable or neither WebAssembly nor JavaScript. */
export const readModuleFile = async (
  file: File,
): Promise<{ ok: true; value: ModuleFile } | { ok: false; error: CallError }> => {
  if (file.size > MODULE_BYTES_MAX)
    return refuse(
      'MODULE_TOO_LARGE',
      `${file.name} has ${bytesText(file.size)}; choose a file of at most ${bytesText(MODULE_BYTES_MAX)}.`,
    );
  if (file.size === 0)
    return refuse('MODULE_INVALID', `${file.name} is empty; choose a .wasm or .js file with a program in it.`);
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
        : `${file.name} is neither WebAssembly nor JavaScript; choose a .wasm or .js file.`,
    );
  }
  return { ok: true, value: { name: file.name, kind, sizeBytes: bytes.length, base64: base64Of(bytes) } };
};
