/**
 * The part of the WebAssembly JavaScript interface that the host uses. Node has it, but TypeScript declares it only
 * among the browser's types, which the node must not see.
 *
 * @see https://webassembly.github.io/spec/js-api/
 */
export interface WasmApi {
  Module: new (bytes: Uint8Array) => WasmModule;
  Instance: new (
    module: WasmModule,
    imports: Record<string, Record<string, (...args: never[]) => unknown>>,
  ) => WasmInstance;
  Memory: new (descriptor: { initial: number; maximum: number }) => WasmMemory;
  RuntimeError: new () => Error & { readonly trap?: true };
  compile(bytes: Uint8Array): Promise<WasmModule>;
}
/** A compiled module. */
export type WasmModule = object;
export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

export const wasmApi = (globalThis as unknown as { WebAssembly: WasmApi }).WebAssembly;
