import type { Task } from '../../base/index.ts';
import { type ReadBody, readBody } from './body.ts';

/** Work of this module that the worker pool does. Registered by the worker entry. */
export const httpTasks: Record<string, Task> = {
  'http.readBody': (input) => readBody(input as Uint8Array) satisfies ReadBody,
};
