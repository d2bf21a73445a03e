import { File, PreopenDirectory } from '@bjorn3/browser_wasi_shim';
import { sizeText } from '../size-text.ts';
import { WASM_PAGE_BYTES, WasmFault, capWasm, readWasm } from '../wasm-memory-cap.ts';
import type { Start } from './channel.ts';
import { finish, leaveFiles, readStart, refuse, sendRunning } from './channel.ts';
import { BOOT } from './python-boot.ts';
import { Scratch } from './scratch.ts';
import { Stdin, createWasiHost } from './wasi-host.ts';
import { wasmApi, type WasmInstance, type WasmModule } from './wasm-api.ts';
import { noRoom, whyItFailed } from './wasm.ts';

/** Isolated: no variables of its own, no folders of the user; no bytecode written; nothing that is not in the module looked for. */
const OPTIONS = ['-I', '-B', '-S', '-X', 'utf8'];
/** Opened by the bootstrap when the interpreter is ready: from here on it is the job's. */
const START_FILE = 'start';
/** Opened by it when a script ran out of memory. */
const MEMORY_FILE = 'out-of-memory';

/** The folder with the script, read-only in effect: what is written there is nobody's. */
class ProgramFolder extends PreopenDirectory {
  readonly #opening: (name: string) => void;
  constructor(opening: (name: string) => void) {
    super('/program', new Map());
    this.#opening = opening;
  }
  override path_open(...parts: Parameters<PreopenDirectory['path_open']>): ReturnType<PreopenDirectory['path_open']> {
    this.#opening(parts[1]);
    return super.path_open(...parts);
  }
}

/**
 * Runs one script in CPython, itself WebAssembly: nothing of Node is in its reach. A host that was started ahead of its job makes the
 * interpreter ready and then waits for the job within its first `open`. Never returns.
 *
 * @param watchPipe - where the host has to see by itself that the node is gone
 */
export const runPython = (first: Start, watchPipe: () => void): never => {
  const { memoryBytes } = first.header;
  let module: WasmModule;
  try {
    module = new wasmApi.Module(capWasm(first.engine, readWasm(first.engine), memoryBytes));
  } catch (error) {
    if (error instanceof WasmFault)
      return refuse(`Python does not fit into ${sizeText(memoryBytes)} of memory; start the script with more.`);
    throw error;
  }
  // Some 26 MB that nobody needs any more.
  first.engine.buffer.transfer(0);
  const scratch = new Scratch(first.header.scratchBytesMax);
  const stdin = new Stdin(new Uint8Array());
  let job = first;
  let running = false;
  let outOfMemory = false;
  let instance: WasmInstance | undefined;

  const begin = (): void => {
    if (running) return;
    running = true;
    if (first.header.warm) {
      job = readStart();
      if (job.header.watch) watchPipe();
    }
    const { header, files } = job;
    scratch.setBytesMax(header.scratchBytesMax);
    for (const { path, data } of files) if (!scratch.put(path, data)) refuse(noRoom(path, header.scratchBytesMax));
    leaveFiles(() => scratch.filesAt(header.outputs));
    stdin.give(job.stdin);
    // JSON of nothing but lists and strings is Python, too.
    const words = JSON.stringify([header.args, Object.entries(header.env)]);
    program.dir.contents.set(START_FILE, new File(new TextEncoder().encode(words)));
    program.dir.contents.set('main.py', new File(job.module));
    sendRunning();
  };
  const program = new ProgramFolder((name) => {
    if (name === START_FILE) begin();
    else if (name === MEMORY_FILE) outOfMemory = true;
  });
  const host = createWasiHost(['python3', ...OPTIONS, '-c', BOOT], {}, stdin, [scratch.root, program]);
  const end = (exitCode: number): never => {
    if (!outOfMemory) return finish({ why: 'exited', exitCode: exitCode >>> 0 });
    return finish({
      why: 'limit',
      limit: 'memory',
      message: `The script used up its ${sizeText(memoryBytes)} of memory; start it with more memory.`,
    });
  };
  host.imports['proc_exit'] = (code: number) => end(code);
  try {
    instance = new wasmApi.Instance(module, { wasi_snapshot_preview1: host.imports });
    host.wasi.start({ exports: instance.exports as never });
  } catch (error) {
    if (!running) {
      const memory = instance?.exports['memory'];
      const used = memory instanceof wasmApi.Memory ? memory.buffer.byteLength : 0;
      if (used + WASM_PAGE_BYTES * 16 > memoryBytes)
        return refuse(`Python does not fit into ${sizeText(memoryBytes)} of memory; start the script with more.`);
      throw error;
    }
    const how = whyItFailed(error, instance, scratch, { ...job.header, memoryBytes });
    // Its stack lies at the beginning of its memory: what goes too deep leaves it there.
    if (how.why === 'crashed' && /out of bounds/.test(how.message))
      return finish({ ...how, message: `The script called itself too deep, or broke the interpreter. ${how.message}` });
    return finish(how);
  }
  return end(0);
};
