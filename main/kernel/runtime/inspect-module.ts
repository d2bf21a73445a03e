import { createHash } from 'node:crypto';
import { MODULE_BYTES_MAX } from './constants.ts';
import type { SandboxKind } from './protocol.ts';
import { WASI_FUNCTIONS } from './wasi-functions.ts';
import { WasmFault, capWasm, printable, readWasm } from './wasm-memory-cap.ts';

/** A module before anything is started with it. Crosses to a worker, so it is plain data. */
export interface InspectInput {
  kind: SandboxKind;
  /** Base64, as the contract carries it. */
  module: string;
  memoryBytes: number;
}
export type Inspection =
  | { ok: true; bytes: Uint8Array; sha256: string }
  | { ok: false; code: 'MODULE_INVALID'; reason: string; limit: 'memory' | null }
  | { ok: false; code: 'MODULE_TOO_LARGE' };

const WASI = 'wasi_snapshot_preview1';

/**
 * Decodes, hashes and checks a module as far as that is cheap: size, structure, imports, exports, declared memory;
 * for a script that it is text. Whether the code itself is valid is found by the compiler in the host, before the
 * first instruction.
 */
export const inspectModule = ({ kind, module, memoryBytes }: InspectInput): Inspection => {
  if (module.length > Math.ceil(MODULE_BYTES_MAX / 3) * 4) return { ok: false, code: 'MODULE_TOO_LARGE' };
  const buffer = Buffer.from(module, 'base64');
  if (buffer.length > MODULE_BYTES_MAX) return { ok: false, code: 'MODULE_TOO_LARGE' };
  const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
  try {
    // A decoder that skips what is not base64 must not be what decides which program runs.
    if (Math.ceil(bytes.length / 3) * 4 !== module.length)
      throw new WasmFault('The module is not base64; send the file as it is.');
    if (kind === 'wasm') checkWasm(bytes, memoryBytes);
    else checkText(bytes, kind === 'python' ? 'Python' : 'JavaScript');
  } catch (error) {
    if (error instanceof WasmFault)
      return { ok: false, code: 'MODULE_INVALID', reason: error.message, limit: error.limit ?? null };
    throw error;
  }
  return { ok: true, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
};

const checkWasm = (bytes: Uint8Array, memoryBytes: number): void => {
  const facts = readWasm(bytes);
  for (const { module, name } of facts.imports) {
    const shown = `${printable(module)}.${printable(name)}`;
    if (module !== WASI)
      throw new WasmFault(
        `The module imports ${shown}, which a job is not given: only ${WASI} is there. Build it for WASI (wasm32-wasip1).`,
      );
    if (!WASI_FUNCTIONS.has(name))
      throw new WasmFault(
        `The module imports ${shown}, which is no function of WASI preview 1; build it for wasm32-wasip1.`,
      );
  }
  if (facts.exports.get('_start') !== 'function')
    throw new WasmFault(
      'The module exports no function `_start`, so there is nothing to run: it is a library. Build it as a WASI command.',
    );
  if (facts.imports.length > 0 && facts.exports.get('memory') !== 'memory')
    throw new WasmFault(
      'The module does not export its memory as `memory`, so WASI cannot reach its data; build it as a WASI command.',
    );
  capWasm(bytes, facts, memoryBytes);
};

const checkText = (bytes: Uint8Array, language: string): void => {
  if (bytes.length === 0) throw new WasmFault('The script is empty; give a file with a program in it.');
  if (bytes[0] === 0x00 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d)
    throw new WasmFault('The script is a WebAssembly module; start it as one.');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new WasmFault('The script is not UTF-8 text; save it as UTF-8.');
  }
  if (text.includes('\0'))
    throw new WasmFault(`The script holds a zero byte, so it is no text; give a ${language} file.`);
  if (text.trim() === '') throw new WasmFault('The script is empty; give a file with a program in it.');
};
