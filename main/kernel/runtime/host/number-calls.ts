import type { QuickJSEmscriptenModule, QuickJSFFI, QuickJSSyncVariant } from 'quickjs-emscripten-core';

/**
 * Answers functions of the host that give a number without the engine's wrappers, which make many objects for
 * each call: a script that asks for the time in a loop would spend nine tenths of its processor time on them.
 */
export class NumberCalls {
  #loaded: { module: QuickJSEmscriptenModule; functions: QuickJSFFI } | null = null;
  /** The engine's number of the function that is being called. */
  #called = 0;
  readonly #answers = new Map<number, () => number>();

  /** The same engine, of which this takes hold when it is loaded. */
  around(variant: QuickJSSyncVariant): QuickJSSyncVariant {
    return {
      ...variant,
      importFFI: async () => {
        const Functions = await variant.importFFI();
        const hold = (module: QuickJSEmscriptenModule, functions: QuickJSFFI): void => {
          this.#loaded = { module, functions };
        };
        return class extends Functions {
          constructor(module: QuickJSEmscriptenModule) {
            super(module);
            hold(module, this);
          }
        };
      },
    };
  }

  /** Steps in between the engine and its wrappers. To be called once the engine is made. */
  attach(): void {
    if (this.#loaded === null) return;
    const { callbacks } = this.#loaded.module;
    const { functions } = this.#loaded;
    const wrapped = callbacks.callFunction;
    callbacks.callFunction = (asyncify, context, self, count, parts, called) => {
      const answer = this.#answers.get(called);
      // The engine takes over the value, as it does what the wrappers give it.
      if (answer !== undefined) return functions.QTS_NewFloat64(context, answer());
      this.#called = called;
      return wrapped(asyncify, context, self, count, parts, called);
    };
  }

  /** From the second call on, the function that is being called now is answered by `answer`. */
  answerWith(answer: () => number): void {
    this.#answers.set(this.#called, answer);
  }
}
