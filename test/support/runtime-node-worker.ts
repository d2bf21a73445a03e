import { createStore, createSystemOutside } from '../../main/base/index.ts';
import { createRuntimeBench, specOf } from './runtime.ts';
import { createSilentLogger } from './silent-logger.ts';
import { wasmFixture } from './wasm.ts';

// A node with nothing but the runtime, in a process of its own that a test may kill: starts one job that never ends and
// prints the process id of its host. Arguments: path of the database, whether hosts die with the node, whether to freeze.
const [path, dieWithNode, freeze] = process.argv.slice(2);
const store = await createStore(
  { logger: createSilentLogger(), metrics: null, clock: createSystemOutside().clock },
  { path: path! },
);
// A host that is stopped to hold its share would outlive its pipe until the next start, so here only freezing stops one.
const bench = await createRuntimeBench({
  store,
  dieWithNode: dieWithNode === 'true',
  governors: freeze === 'true' ? ['duty-cycle'] : [],
});
await bench.runtime.submit(specOf(await wasmFixture('spin')));
// The row with the host's number is written before anyone may rely on it.
for (;;) {
  const row = await store.get<{ pid: number | null }>('test.row', 'SELECT record IS NOT NULL AS pid FROM jobs');
  if (row?.pid != null) break;
}
if (freeze === 'true') bench.setCpuPercent(0);
process.stdout.write(`${[...bench.pids][0]}\n`);
setInterval(() => undefined, 1000);
