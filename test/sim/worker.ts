import { createFault, plantFault } from './planting.ts';

// A process that runs seeds. With SIM_FAULT, main/ is loaded with that fault in it; so nothing of main/ may be imported before.

const name = process.env['SIM_FAULT'];
if (name !== undefined) plantFault(createFault(name));
/** The whole replica, or the algorithm alone. */
const run =
  process.env['SIM_LEVEL'] === 'core'
    ? (await import('./core-world.ts')).runCoreSeed
    : (await import('./world.ts')).runSeed;

/** What this process is told: a seed, or that there are no more. */
interface Order {
  seed: number;
  nodes?: number;
  trace?: boolean;
}
process.on('message', (order: Order | null) => {
  if (order === null) {
    process.disconnect();
    return;
  }
  const startedMs = performance.now();
  void run(order.seed, {
    ...(order.nodes !== undefined && { nodes: order.nodes }),
    ...(order.trace === true && { print: (line: string) => process.stdout.write(`${line}\n`) }),
  }).then((result) => process.send!({ ...result, wallMs: performance.now() - startedMs }));
});
process.send!('ready');
