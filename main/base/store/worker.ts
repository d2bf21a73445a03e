import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../errors.ts';
import { openEngine, type Engine, type EngineInit } from './engine.ts';
import { failureOf, StoreError } from './errors.ts';
import type { FromThread, ToThread } from './requests.ts';

// Entry of the thread that holds the database. One message in, one message out, in order.
const port = parentPort;
assert(port !== null, 'The store worker runs in a thread.');
const tell = (message: FromThread): void => port.postMessage(message);

const open = (): Engine | null => {
  try {
    return openEngine({ monotonicMs: () => performance.now() }, workerData as EngineInit);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    tell({ kind: 'refused', failure: failureOf(error) });
    return null;
  }
};

const engine = open();
if (engine !== null) {
  port.on('message', (message: ToThread) => {
    if (message.kind === 'batch') {
      tell({ kind: 'batch', ...engine.execute(message.requests) });
      return;
    }
    engine.close();
    tell({ kind: 'closed' });
    port.close();
  });
  tell({ kind: 'opened' });
}
