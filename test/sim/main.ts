import { parseArgs } from 'node:util';
import { FAULTS } from './faults.ts';
import { placeOfFault } from './planting.ts';
import { runSeeds, type Level, type TimedResult } from './run-seeds.ts';

// `npm run sim`; docs/simulation.md

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const describe = ({ seed, violation }: TimedResult, nodes: number | undefined, level: Level): string =>
  `seed ${seed}: ${violation ?? 'all held'}\n  again: npm run sim --${level === 'core' ? ' --level core' : ''} --seeds 1 --from ${seed}${nodes === undefined ? '' : ` --nodes ${nodes}`} --trace`;

interface Sums {
  virtualMs: number;
  heights: number;
  rounds: number;
  transactions: number;
  punished: number;
  liars: number;
  lastTrace: string;
}

const runLong = async (values: {
  from: number;
  seeds: number;
  workers: number;
  nodes: number | undefined;
  trace: boolean;
  keepGoing: boolean;
  level: Level;
}): Promise<number> => {
  const { from, seeds, workers, nodes, trace, keepGoing, level } = values;
  const startedMs = performance.now();
  const sums: Sums = { virtualMs: 0, heights: 0, rounds: 0, transactions: 0, punished: 0, liars: 0, lastTrace: '' };
  const failures: TimedResult[] = [];
  let toldMs = startedMs;
  let count = 0;
  const speed = (): string => {
    const seconds = (performance.now() - startedMs) / 1000;
    return `${(count / seconds).toFixed(1)} seeds/s, ${(sums.virtualMs / 3_600_000 / (seconds / 60)).toFixed(2)} simulated hours per minute`;
  };
  await runSeeds({
    from,
    seeds,
    workers,
    nodes,
    trace,
    level,
    onResult: (result, done) => {
      count = done;
      sums.virtualMs += result.virtualMs;
      sums.heights += result.heights;
      sums.rounds += result.rounds;
      sums.transactions += result.transactions;
      sums.punished += result.punished;
      sums.liars += result.lies.length > 0 ? 1 : 0;
      sums.lastTrace = result.trace;
      if (result.violation !== null) {
        failures.push(result);
        say(describe(result, nodes, level));
        return !keepGoing;
      }
      const nowMs = performance.now();
      if (nowMs - toldMs > 10_000) {
        toldMs = nowMs;
        say(`${done} of ${seeds} seeds, ${speed()}`);
      }
      return false;
    },
  });
  const first = failures.sort((one, other) => one.seed - other.seed)[0];
  say(
    `${count} of ${seeds} seeds from ${from} on ${workers} processes in ${((performance.now() - startedMs) / 1000).toFixed(1)} s: ${speed()}; ${sums.heights} blocks, ${sums.rounds} further rounds, ${sums.transactions} transactions, ${sums.liars} seeds with liars, ${sums.punished} of them punished`,
  );
  if (seeds === 1) say(`trace ${sums.lastTrace}`);
  if (first === undefined) {
    say('All held.');
    return 0;
  }
  say(`${failures.length} failed; the first: ${describe(first, nodes, level)}`);
  return 1;
};

const runFaults = async (names: readonly string[], from: number, workers: number): Promise<number> => {
  const chosen = names.length === 0 ? FAULTS : FAULTS.filter(({ name }) => names.includes(name));
  if (chosen.length === 0 || chosen.length < names.length) {
    say(`There are ${FAULTS.map(({ name }) => name).join(', ')}.`);
    return 2;
  }
  let missed = 0;
  for (const fault of chosen) {
    placeOfFault(fault);
    const startedMs = performance.now();
    const caught: TimedResult[] = [];
    let count = 0;
    await runSeeds({
      from,
      seeds: fault.seedsMax,
      workers,
      fault: fault.name,
      level: fault.level,
      onResult: (result, done) => {
        count = done;
        if (result.violation !== null) caught.push(result);
        return caught.length > 0;
      },
    });
    const [by] = caught;
    if (by === undefined) missed += 1;
    say(
      `${fault.name.padEnd(28)} ${by === undefined ? `NOT FOUND in ${count} seeds` : `found by seed ${by.seed}, the ${count}. (${by.violation!.split('\n')[0]!.slice(0, 140)})`}, ${((performance.now() - startedMs) / 1000).toFixed(1)} s`,
    );
  }
  say(
    missed === 0
      ? `All ${chosen.length} planted faults were found.`
      : `${missed} of ${chosen.length} planted faults were not found.`,
  );
  return missed === 0 ? 0 : 1;
};

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    nodes: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'keep-going': { type: 'boolean', default: false },
    level: { type: 'string', default: 'replica' },
    faults: { type: 'boolean', default: false },
    fault: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
});
const whole = (text: string): number => {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`${text} is not a whole number.\n`);
  process.exit(2);
};
if (values.help) {
  say(
    'npm run sim -- [--seeds N] [--from SEED] [--nodes N] [--workers N] [--trace] [--keep-going] | --faults | --fault NAME …',
  );
} else {
  const from = whole(values.from);
  const workers = Math.max(1, whole(values.workers));
  process.exitCode =
    values.faults || values.fault.length > 0
      ? await runFaults(values.fault, from, workers)
      : await runLong({
          from,
          seeds: Math.max(1, whole(values.seeds)),
          workers: values.trace ? 1 : workers,
          nodes: values.nodes === undefined ? undefined : whole(values.nodes),
          trace: values.trace,
          keepGoing: values['keep-going'],
          level: values.level === 'core' ? 'core' : 'replica',
        });
}
