/**
 * Work that a thread of the pool does. Input, progress and output cross as structured clones
 * (https://developer.mozilla.org/docs/Web/API/Web_Workers_API/Structured_clone_algorithm). A task keeps nothing between
 * two runs and may be cut off at any point, since that is how it is aborted.
 */
export type Task = (input: unknown, context: TaskContext) => unknown;

export interface TaskContext {
  /** Tells the caller how far the task is. At most {@link PROGRESS_MAX} times; later ones are left out. */
  report(progress: unknown): void;
}

/** Reports of one run: far more than a face can show, and few enough not to crowd the main thread. */
export const PROGRESS_MAX = 10_000;
