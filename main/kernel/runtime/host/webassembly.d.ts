/**
 * The part of the WebAssembly JavaScript interface that the job host uses. Node has it, but TypeScript declares it
 * only among the browser's types, which the node must not see.
 *
 * @see https://webassembly.github.io/spec/js-api/
 */
declare global {
  namespace WebAssembly {
    type ModuleImports = Record<string, (...args: never[]) => unknown>;
    class Module {
      constructor(bytes: Uint8Array<ArrayBuffer>);
    }
    class Instance {
      constructor(module: Module, imports?: Record<string, ModuleImports>);
      readonly exports: Record<string, unknown>;
    }
    class Memory {
      constructor(descriptor: { initial: number; maximum?: number });
      readonly buffer: ArrayBuffer;
    }
    class RuntimeError extends Error {}
    const compile: (bytes: Uint8Array<ArrayBuffer>) => Promise<Module>;
    const validate: (bytes: Uint8Array<ArrayBuffer>) => boolean;
  }
}
export {};
