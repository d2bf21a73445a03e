import type { QuickJSContext, QuickJSHandle, QuickJSRuntime, QuickJSWASMModule } from 'quickjs-emscripten-core';
import { newQuickJSWASMModuleFromVariant, newVariant } from 'quickjs-emscripten-core';
import engineVariant from '@jitl/quickjs-wasmfile-release-sync';
import { sizeText } from '../size-text.ts';
import type { Start } from './channel.ts';
import { finish, leaveFiles, refuse, sendOutput, sendRunning, sendText, sleepMs } from './channel.ts';
import { NumberCalls } from './number-calls.ts';
import { PRELUDE } from './prelude.ts';
import { wasmApi, type WasmModule } from './wasm-api.ts';
import { isBeneathAny, isWorkPath } from '../work-path.ts';

/** Above 256 KiB a deep recursion overflows V8's own stack first and throws out of the sandbox (measured at 512 KiB). */
const STACK_BYTES_MAX = 256 * 1024;
/** Memory that the engine begins with; its build asks for exactly this. */
const ENGINE_BYTES_MIN = 16 * 1024 * 1024;
/** Most memory that the engine's build can address. */
const ENGINE_BYTES_MAX = 2 * 1024 * 1024 * 1024;
const PAGE_BYTES = 65_536;
/** Name of the script in stack traces. */
const FILE_NAME = 'job.js';
/** Files in the scratch folder, and length of their names. */
const FILES_MAX = 4096;
const FILE_NAME_CHARS_MAX = 1024;
/** Longest single sleep. */
const SLEEP_MS_MAX = 3_600_000;

/** Runs one script in QuickJS, itself WebAssembly, so that a script is behind two walls. Never returns. */
export const runJavaScript = async (start: Start, engine: Promise<WasmModule>): Promise<never> => {
  const { header } = start;
  const pagesMax = Math.min(ENGINE_BYTES_MAX, ENGINE_BYTES_MIN + header.memoryBytes) / PAGE_BYTES;
  const variant = newVariant(engineVariant, {
    wasmModule: await engine,
    wasmMemory: new wasmApi.Memory({ initial: ENGINE_BYTES_MIN / PAGE_BYTES, maximum: Math.floor(pagesMax) }),
    log: () => undefined,
  });
  const numberCalls = new NumberCalls();
  const made = await newQuickJSWASMModuleFromVariant(numberCalls.around(variant));
  numberCalls.attach();
  return new Script(made, numberCalls, start).run();
};

/** A deep recursion gives hundreds of equal lines. */
const shortened = (stack: string): string => {
  const lines = stack.split('\n');
  return lines.filter((line, index) => index === 0 || line !== lines[index - 1]).join('\n');
};

/**
 * Gives memory back at once. It lies outside of V8's heap, where V8 sees no need to collect until there is much of it,
 * and is counted against the job all the while.
 */
const free = (bytes: Uint8Array<ArrayBuffer>): void => void bytes.buffer.transfer(0);

interface Timer {
  id: number;
  dueMs: number;
  order: number;
}

class Script {
  readonly #start: Start;
  readonly #runtime: QuickJSRuntime;
  readonly #numberCalls: NumberCalls;
  readonly #files = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #timers = new Map<number, Timer>();
  #timerOrder = 0;
  #scratchBytes = 0;
  #scratchRefused = false;

  constructor(engine: QuickJSWASMModule, numberCalls: NumberCalls, start: Start) {
    this.#start = start;
    this.#numberCalls = numberCalls;
    this.#runtime = engine.newRuntime();
    this.#runtime.setMaxStackSize(STACK_BYTES_MAX);
    this.#runtime.setMemoryLimit(start.header.memoryBytes);
  }

  run(): never {
    for (const { path, data } of this.#start.files) {
      this.#files.set(path, data);
      this.#scratchBytes += data.byteLength;
    }
    const { outputs } = this.#start.header;
    leaveFiles(() =>
      [...this.#files]
        .filter(([path]) => isWorkPath(path) && isBeneathAny(path, outputs))
        .map(([path, data]) => ({ path, data })),
    );
    const code = new TextDecoder().decode(this.#start.module);
    const type = this.#check(code);
    let context: QuickJSContext;
    let prelude: QuickJSHandle;
    try {
      context = this.#runtime.newContext();
      prelude = this.#prepare(context);
    } catch {
      return finish(this.#outOfMemory('The engine did not fit'));
    }
    sendRunning();
    try {
      const result = context.evalCode(code, FILE_NAME, { type });
      if (result.error !== undefined) return this.#fail(context, prelude, result.error);
      this.#loop(context, prelude, result.value);
      if (type === 'module' && this.#promiseState(context, result.value) === 'pending') {
        return finish({
          why: 'crashed',
          message: 'The script ended while it still waited: its top-level `await` can never be answered.',
        });
      }
      return finish({ why: 'exited', exitCode: 0 });
    } catch (error) {
      // Out of the engine itself: its memory is used up, or V8's stack is.
      if (error instanceof RangeError)
        return finish({ why: 'crashed', message: 'The script ran out of stack: it calls itself too deeply.' });
      return finish(this.#outOfMemory(error instanceof Error ? error.message : 'unknown'));
    }
  }

  /**
   * Finds out whether the text is a script or a module (`import`, `export`, top-level `await`) without running any of
   * it; refuses what is neither.
   */
  #check(code: string): 'global' | 'module' {
    const noModules = (name: string): { error: Error } => ({
      error: new Error(`a job has no other modules, so \`import\` of ${name.slice(0, 100)} finds nothing`),
    });
    const script = this.#syntaxError((context) =>
      context.evalCode(code, FILE_NAME, { type: 'global', compileOnly: true }),
    );
    this.#runtime.setModuleLoader(noModules);
    if (script === null) return 'global';
    // `compileOnly` is not reliable for modules. All modules are compiled before any runs, in the order of their
    // imports, so one that throws first keeps the script from running, and what it throws tells that all is well.
    this.#runtime.setModuleLoader((name) =>
      name === 'stop' ? 'throw null' : name === FILE_NAME ? code : noModules(name),
    );
    const module = this.#syntaxError((context) =>
      context.evalCode(`import 'stop'; import '${FILE_NAME}';`, 'check.js', { type: 'module' }),
    );
    this.#runtime.setModuleLoader(noModules);
    if (module === null) return 'module';
    // The module's complaint is the better one for a text that is meant to be a module.
    const looksLikeModule = /^\s*(import|export)\b|\bawait\b/m.test(code);
    return refuse(
      `The script is not valid JavaScript: ${looksLikeModule ? module : script}. Correct it and start it again.`,
    );
  }

  /** @returns the complaint, or null when there was none but the null that `stop` throws */
  #syntaxError(evaluate: (context: QuickJSContext) => ReturnType<QuickJSContext['evalCode']>): string | null {
    try {
      const context = this.#runtime.newContext();
      const result = evaluate(context);
      const state = result.error === undefined ? context.getPromiseState(result.value) : null;
      const error = result.error ?? (state?.type === 'rejected' ? state.error : undefined);
      const dumped =
        error === undefined
          ? null
          : (context.dump(error) as { name?: string; message?: string; stack?: string } | null);
      error?.dispose();
      if (result.error === undefined) result.value.dispose();
      context.dispose();
      if (dumped === null) return null;
      return `${dumped.name}: ${dumped.message} ${dumped.stack?.trim() ?? ''}`.trim();
    } catch (error) {
      return error instanceof Error ? error.message : 'unknown';
    }
  }

  /** Runs what is due until nothing can happen any more: promise jobs first, then timers in the order of their times. */
  #loop(context: QuickJSContext, prelude: QuickJSHandle, value: QuickJSHandle): void {
    for (;;) {
      while (this.#runtime.hasPendingJob()) {
        const result = this.#runtime.executePendingJobs();
        if (result.error !== undefined) this.#fail(context, prelude, result.error);
      }
      if (this.#promiseState(context, value) === 'rejected') this.#failPromise(context, prelude, value);
      const next = this.#nextTimer();
      if (next === null) return;
      for (let left = next.dueMs - performance.now(); left > 0; left = next.dueMs - performance.now())
        sleepMs(Math.min(left, SLEEP_MS_MAX));
      this.#timers.delete(next.id);
      const fired = context
        .getProp(prelude, 'fire')
        .consume((fire) =>
          context.newNumber(next.id).consume((id) => context.callFunction(fire, context.undefined, id)),
        );
      if (fired.error !== undefined) this.#fail(context, prelude, fired.error);
      else fired.value.dispose();
    }
  }

  #nextTimer(): Timer | null {
    let next: Timer | null = null;
    for (const timer of this.#timers.values())
      if (next === null || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order))
        next = timer;
    return next;
  }

  #promiseState(context: QuickJSContext, value: QuickJSHandle): 'pending' | 'rejected' | 'done' {
    const state = context.getPromiseState(value);
    if (state.type === 'fulfilled') {
      if (!state.notAPromise) state.value.dispose();
      return 'done';
    }
    if (state.type === 'rejected') {
      state.error.dispose();
      return 'rejected';
    }
    return 'pending';
  }

  #failPromise(context: QuickJSContext, prelude: QuickJSHandle, value: QuickJSHandle): never {
    const state = context.getPromiseState(value);
    return state.type === 'rejected'
      ? this.#fail(context, prelude, state.error)
      : finish({ why: 'exited', exitCode: 0 });
  }

  /** An exception that nobody caught. */
  #fail(context: QuickJSContext, prelude: QuickJSHandle, error: QuickJSHandle): never {
    // Describing it takes memory too, and there is some left above the script's limit.
    this.#runtime.setMemoryLimit(-1);
    let message = 'The script threw an exception that cannot be shown.';
    try {
      const result = context
        .getProp(prelude, 'describe')
        .consume((describe) => context.callFunction(describe, context.undefined, error));
      if (result.error === undefined) message = shortened(context.getString(result.value));
    } catch {
      // The engine is beyond use; the sentence above stands.
    }
    if (message.startsWith('InternalError: out of memory')) return finish(this.#outOfMemory(message));
    if (this.#scratchRefused && /scratch folder is full/.test(message)) {
      return finish({
        why: 'limit',
        limit: 'scratch',
        message: `The script gave up after its scratch folder of ${sizeText(this.#start.header.scratchBytesMax)} was full; start it with more.`,
      });
    }
    return finish({ why: 'crashed', message });
  }

  #outOfMemory(detail: string): Parameters<typeof finish>[0] {
    return {
      why: 'limit',
      limit: 'memory',
      message: `The script used up its ${sizeText(this.#start.header.memoryBytes)} of memory (${detail}); start it with more memory.`,
    };
  }

  /** Puts the globals into the context. @returns what the prelude gives back: `fire` and `describe` */
  #prepare(context: QuickJSContext): QuickJSHandle {
    const host = context.newObject();
    const offer = (name: string, body: (...parts: QuickJSHandle[]) => QuickJSHandle | void): void => {
      context.newFunction(name, (...parts) => body(...parts)).consume((handle) => context.setProp(host, name, handle));
    };
    const fail = (message: string): never => {
      throw new Error(message);
    };
    /** Lends bytes of the engine's memory; they are gone when `use` returns. */
    const withBytes = <T>(handle: QuickJSHandle, use: (bytes: Uint8Array) => T): T =>
      context.getArrayBuffer(handle).consume((lifetime) => use(lifetime.value));
    const bufferOf = (bytes: Uint8Array<ArrayBuffer>): QuickJSHandle =>
      context.newArrayBuffer(
        bytes.byteOffset === 0 && bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer,
      );
    /** As `bufferOf`, for bytes that nobody needs after it. */
    const bufferOfOnce = (bytes: Uint8Array<ArrayBuffer>): QuickJSHandle => {
      const handle = bufferOf(bytes);
      free(bytes);
      return handle;
    };
    const streamOf = (handle: QuickJSHandle): 'stdout' | 'stderr' =>
      context.getNumber(handle) === 1 ? 'stdout' : 'stderr';
    const encoder = new TextEncoder();
    const decoder = new TextDecoder();
    const { header, stdin } = this.#start;

    offer('write', (stream, text) => sendText(streamOf(stream), context.getString(text)));
    offer('writeBytes', (stream, data) => withBytes(data, (bytes) => sendOutput(streamOf(stream), bytes)));
    offer('encode', (text) => bufferOfOnce(encoder.encode(context.getString(text))));
    offer('decode', (data) => context.newString(withBytes(data, (bytes) => decoder.decode(bytes))));
    const now = (): number => performance.now();
    offer('now', () => {
      this.#numberCalls.answerWith(now);
      return context.newNumber(now());
    });
    offer('random', (length) =>
      bufferOfOnce(crypto.getRandomValues(new Uint8Array(Math.min(65_536, context.getNumber(length))))),
    );
    offer('exit', (code) => finish({ why: 'exited', exitCode: context.getNumber(code) >>> 0 }));
    offer('timer', (id, ms) => {
      const key = context.getNumber(id);
      this.#timers.set(key, { id: key, dueMs: performance.now() + context.getNumber(ms), order: this.#timerOrder++ });
    });
    offer('clearTimer', (id) => void this.#timers.delete(context.getNumber(id)));
    offer('readFile', (path) =>
      bufferOf(this.#files.get(context.getString(path)) ?? fail('there is no such file in the scratch folder')),
    );
    offer('writeFile', (path, data) => {
      const name = context.getString(path);
      if (name === '' || name.length > FILE_NAME_CHARS_MAX)
        fail(`a file name has 1 to ${FILE_NAME_CHARS_MAX} characters`);
      const before = this.#files.get(name);
      const bytes = withBytes(data, (given) => given.slice());
      const after = this.#scratchBytes - (before?.byteLength ?? 0) + bytes.byteLength;
      if (after > header.scratchBytesMax || (before === undefined && this.#files.size >= FILES_MAX)) {
        this.#scratchRefused = true;
        free(bytes);
        fail('the scratch folder is full');
      }
      this.#files.set(name, bytes);
      if (before !== undefined) free(before);
      this.#scratchBytes = after;
    });
    offer('removeFile', (path) => {
      const name = context.getString(path);
      const bytes = this.#files.get(name) ?? fail('there is no such file in the scratch folder');
      this.#files.delete(name);
      this.#scratchBytes -= bytes.byteLength;
      free(bytes);
    });
    offer('listFiles', () => {
      const list = context.newArray();
      [...this.#files.keys()]
        .sort()
        .forEach((name, index) => context.newString(name).consume((handle) => context.setProp(list, index, handle)));
      return list;
    });

    const list = context.newArray();
    header.args.forEach((arg, index) =>
      context.newString(arg).consume((handle) => context.setProp(list, index, handle)),
    );
    const make = context.unwrapResult(context.evalCode(PRELUDE, 'host.js', { type: 'global' }));
    const env = context.newObject();
    for (const [name, value] of Object.entries(header.env))
      context.newString(value).consume((handle) => context.setProp(env, name, handle));
    const made = context.unwrapResult(context.callFunction(make, context.undefined, host, list, bufferOf(stdin), env));
    for (const handle of [make, host, list, env]) handle.dispose();
    return made;
  }
}
