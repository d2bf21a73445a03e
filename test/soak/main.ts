import { parseArgs } from 'node:util';

/** What a soak found, beside what it must be. */
export interface SoakFigure {
  name: string;
  value: number;
  unit: string;
  /** In words. */
  target: string;
  /** Absent where it is for information only. */
  reached?: boolean;
}
export interface SoakOptions {
  minutes: number;
  /** Of what is drawn by chance; another one is another run. */
  seed: number;
}

/** Soaks in the order in which they run; each loads only when it is asked for. */
const soaks: Record<string, () => Promise<{ run: (options: SoakOptions) => Promise<readonly SoakFigure[]> }>> = {
  simulation: () => import('./simulation.ts'),
  churn: () => import('./churn.ts'),
  'rate-cap': () => import('./rate-cap.ts'),
};

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean' },
  },
});
if (values.help === true) {
  console.log(`npm run soak [-- --only ${Object.keys(soaks).join(',')}] [--minutes N] [--seed N]`);
  process.exit(0);
}
const wanted = values.only?.split(',') ?? Object.keys(soaks);
const unknown = wanted.filter((name) => !Object.hasOwn(soaks, name));
const options: SoakOptions = { minutes: Number(values.minutes), seed: Number(values.seed) };
if (unknown.length > 0 || !(options.minutes > 0) || !Number.isInteger(options.seed)) {
  console.error(`There are ${Object.keys(soaks).join(', ')}; minutes and seed are numbers.`);
  process.exit(2);
}
let failed = 0;
for (const name of wanted) {
  try {
    const { run } = await (soaks[name] as NonNullable<(typeof soaks)[string]>)();
    for (const figure of await run(options)) {
      const verdict = figure.reached === undefined ? '' : figure.reached ? '  reached' : '  NOT REACHED';
      if (figure.reached === false) failed += 1;
      console.log(`${figure.name}: ${figure.value} ${figure.unit}  | target ${figure.target}${verdict}`);
    }
  } catch (error) {
    failed += 1;
    console.error(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
