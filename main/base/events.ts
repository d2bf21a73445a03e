/**
 * Typed events of one module. A map lists names with payloads; each name says what has happened, in the past tense.
 * Listeners run at once, in the order of subscription; an error thrown by one is a bug and is rethrown on a microtask,
 * so that it reaches the top level without keeping the others from hearing.
 */
export interface EventSource<M extends object> {
  on<K extends keyof M>(name: K, listener: (payload: M[K]) => void): () => void;
}

export class Emitter<M extends object> implements EventSource<M> {
  readonly #listeners = new Map<keyof M, Set<(payload: never) => void>>();

  on<K extends keyof M>(name: K, listener: (payload: M[K]) => void): () => void {
    let set = this.#listeners.get(name);
    if (set === undefined) this.#listeners.set(name, (set = new Set()));
    set.add(listener);
    return () => {
      set.delete(listener);
    };
  }

  emit<K extends keyof M>(name: K, payload: M[K]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        (listener as (payload: M[K]) => void)(payload);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Whether anyone listens, so that costly payloads are made only when somebody wants them. */
  hasListeners(name: keyof M): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }
}
