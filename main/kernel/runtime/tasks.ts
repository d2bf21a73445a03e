import type { Task } from '../../base/index.ts';
import { inspectModule } from './inspect-module.ts';
import type { InspectInput, Inspection } from './inspect-module.ts';
import { openJobResult, type ResultOutcome } from './results/index.ts';

/** Work of this module that the worker pool does. Registered by the worker entry. */
export const runtimeTasks: Record<string, Task> = {
  'runtime.inspectModule': (input) => inspectModule(input as InspectInput) satisfies Inspection,
  /** Three milliseconds of checking signatures. */
  'runtime.openJobResult': (encoded) => openJobResult(encoded as Uint8Array) satisfies ResultOutcome,
};
