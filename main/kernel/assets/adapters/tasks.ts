import type { Task } from '../../../base/index.ts';
import { readEngine } from './engine-task.ts';
import { readFacts } from './facts-task.ts';

/**
 * Detection that runs in worker threads. `systeminformation` reads a good part of what it knows with synchronous
 * programs, up to a second at a stretch, and `dockerode` takes 150 ms and 30 MB to load: neither belongs into the main
 * thread or stays in memory.
 */
export const hardwareTasks: Record<string, Task> = {
  'hardware.facts': (input) => readFacts(input),
  'hardware.engine': (input) => readEngine(input),
};
