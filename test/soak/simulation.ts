import { createSeededRandom } from '../support/seeded-random.ts';
import { type Character, withSimulation } from '../support/stoq/simulation.ts';
import type { SoakFigure, SoakOptions } from './main.ts';

const NODES = 50;
const LIARS: readonly Character[] = ['record', 'record', 'address', 'address', 'impostor', 'impostor'];
/** Growth of the heap that a network at rest may show over ten simulated minutes. */
const HEAP_GROWTH_MAX = 32 * 2 ** 20;

const heapBytes = (): number => {
  // With `--expose-gc` the figure is exact; without, the largest part of it is what waits to be thrown away.
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

/** Fifty nodes in this process, six of them liars, for some twenty simulated minutes; then every pair of the others connects. */
export const run = async ({ seed }: SoakOptions): Promise<readonly SoakFigure[]> => {
  console.log(`simulation: ${NODES} nodes, seed ${seed}`);
  const characters: Character[] = [...Array.from({ length: NODES - LIARS.length }, () => 'honest' as const), ...LIARS];
  const random = createSeededRandom(seed);
  const startMs = performance.now();
  let simulatedMs = 0;
  let pairs = 0;
  let growth = 0;
  const said = (what: string): void => {
    console.log(`  ${((performance.now() - startMs) / 1000).toFixed(0)} s: ${what}`);
  };
  const { hash, timersLeft } = await withSimulation(
    { seed, characters, delayMs: 30, jitterMs: 30, lossRatio: 0.03, reorderRatio: 0.05 },
    async (simulation) => {
      const { nodes, network, clock } = simulation;
      for (const { number } of nodes) {
        await simulation.start(number);
        await simulation.run(500);
      }
      await simulation.run(60_000);
      simulation.checkInvariants();
      said('all joined');
      for (let round = 0; round < 5; round++) {
        const side = nodes.map(({ name }) => ({ name, left: random.below(2) === 0 }));
        const heal = network.partition(
          side.filter(({ left }) => left).map(({ name }) => name),
          side.filter(({ left }) => !left).map(({ name }) => name),
        );
        await simulation.run(20_000);
        const victim = 1 + random.below(NODES - LIARS.length - 1);
        await simulation.crash(victim);
        await simulation.run(10_000);
        heal();
        await simulation.start(victim);
        await simulation.run(30_000);
        simulation.checkInvariants();
        said(`partition ${round + 1} healed, node ${victim} crashed and back`);
      }
      const before = heapBytes();
      await simulation.run(600_000);
      growth = heapBytes() - before;
      simulation.checkInvariants();
      said('ten minutes at rest');
      const real = nodes.filter(({ character }) => character !== 'impostor').map(({ number }) => number);
      for (const one of real)
        for (const other of real.filter((number) => number > one)) {
          await simulation.connect(one, other);
          pairs += 1;
        }
      said(`${pairs} pairs connected`);
      simulatedMs = clock.monotonicMs();
    },
  );
  console.log(`  hash ${hash}`);
  return [
    {
      name: 'Pairs that connect after healing',
      value: pairs,
      unit: 'pairs',
      target: '946 of 946',
      reached: pairs === 946,
    },
    {
      name: 'Timers left when all have stopped',
      value: timersLeft,
      unit: 'timers',
      target: '0',
      reached: timersLeft === 0,
    },
    {
      name: 'Growth of the heap over ten minutes at rest',
      value: Math.round(growth / 2 ** 20),
      unit: 'MiB',
      target: `at most ${HEAP_GROWTH_MAX / 2 ** 20}`,
      reached: growth <= HEAP_GROWTH_MAX,
    },
    { name: 'Simulated time', value: Math.round(simulatedMs / 1000), unit: 's', target: 'none' },
    { name: 'Real time', value: Math.round((performance.now() - startMs) / 1000), unit: 's', target: 'none' },
  ];
};
