import { sizeText } from '../size-text.ts';
import { WASM_PAGE_BYTES, WasmFault, capWasm, readWasm } from '../wasm-memory-cap.ts';
import type { Start } from './channel.ts';
import { finish, leaveFiles, refuse, sendRunning } from './channel.ts';
import { Scratch } from './scratch.ts';
import { Stdin, createWasiHost } from './wasi-host.ts';
import { wasmApi, type WasmInstance, type WasmModule } from './wasm-api.ts';

/** A program that gives up with this part of its memory in use or more is taken to have run out of it. */
const EXHAUSTED_PART = 7 / 8;

/** Compiles and runs one WASI command. Never returns. */
export const runWasm = ({ header, module: bytes, stdin, files }: Start): never => {
  let module: WasmModule;
  try {
    module = new wasmApi.Module(capWasm(bytes, readWasm(bytes), header.memoryBytes));
  } catch (error) {
    if (error instanceof WasmFault) return refuse(error.message);
    return refuse(
      `The WebAssembly module is not valid: ${(error as Error).message.replace(/^WebAssembly\.Module\(\): /, '')}. Build it again.`,
    );
  }
  const scratch = new Scratch(header.scratchBytesMax);
  for (const { path, data } of files) if (!scratch.put(path, data)) return refuse(noRoom(path, header.scratchBytesMax));
  leaveFiles(() => scratch.filesAt(header.outputs));
  const host = createWasiHost(header.args, header.env, new Stdin(stdin), [scratch.root]);
  let instance: WasmInstance | undefined;
  sendRunning();
  try {
    instance = new wasmApi.Instance(module, { wasi_snapshot_preview1: host.imports });
    host.wasi.start({ exports: instance.exports as never });
  } catch (error) {
    return finish(whyItFailed(error, instance, scratch, header));
  }
  return finish({ why: 'exited', exitCode: 0 });
};

export const noRoom = (path: string, bytesMax: number): string =>
  `The file ${path} could not be put into the scratch folder of ${sizeText(bytesMax)}; start it with more, and with no file where a folder has to be.`;

/** The end of a program that threw, or gave up: what it ran out of, if anything. */
export const whyItFailed = (
  error: unknown,
  instance: WasmInstance | undefined,
  scratch: Scratch,
  { memoryBytes, scratchBytesMax }: Start['header'],
): Parameters<typeof finish>[0] => {
  const message = describe(error);
  const memory = instance?.exports['memory'];
  const usedBytes = memory instanceof wasmApi.Memory ? memory.buffer.byteLength : 0;
  const capBytes = Math.floor(memoryBytes / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
  if (usedBytes >= capBytes * EXHAUSTED_PART) {
    return {
      why: 'limit',
      limit: 'memory',
      message: `The program gave up with ${sizeText(usedBytes)} of ${sizeText(capBytes)} of memory in use (${message}); start it with more memory.`,
    };
  }
  if (scratch.refused)
    return {
      why: 'limit',
      limit: 'scratch',
      message: `The program gave up after its scratch folder of ${sizeText(scratchBytesMax)} was full (${message}); start it with more.`,
    };
  return { why: 'crashed', message };
};

/** What was thrown, with the functions of the program that it came through; the host's own files are left out. */
const describe = (error: unknown): string => {
  if (!(error instanceof Error))
    return `The program threw ${typeof error === 'string' ? error : 'an exception'} that it does not catch.`;
  if (error instanceof RangeError && /call stack/.test(error.message))
    return 'The program ran out of stack: it calls itself too deeply.';
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => line.includes('wasm://'))
    .slice(0, 20);
  return [
    `${error instanceof wasmApi.RuntimeError ? 'Trap' : error.name}: ${error.message}`,
    ...frames.map((line) => line.replace(/\(?wasm:\/\/wasm\/([^)]*)\)?/, '($1)')),
  ].join('\n');
};
