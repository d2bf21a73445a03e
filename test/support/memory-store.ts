import { createStore, type Clock, type Store } from '../../main/base/index.ts';
import { createManualClock } from './manual-clock.ts';
import { createSilentLogger } from './silent-logger.ts';

/** The real store with the real schema, inline and in memory. Close it at the end of the test. */
export const createMemoryStore = (clock: Clock = createManualClock()): Promise<Store> =>
  createStore({ logger: createSilentLogger(), metrics: null, clock }, { path: ':memory:' });
