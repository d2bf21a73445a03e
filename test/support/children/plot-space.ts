import { createManualClock } from '../manual-clock.ts';
import { createSystemOutside } from '../../../main/base/system-outside.ts';
import { createPlots } from '../../../main/kernel/proof/space/create-plots.ts';
import { inlineWorkers, keyOf, never, noProgress, TINY, TINY_WINDOW_BYTES, unlimitedPace } from '../plots.ts';
import { createSilentLogger } from '../silent-logger.ts';

// Plots until it is killed. Arguments: folder, windows. Prints `window` after each slice that wrote one, then `done`.
const [folder, windows] = process.argv.slice(2) as [string, string];
const { random } = createSystemOutside();
const plots = createPlots(
  {
    outside: { clock: createManualClock(), random },
    logger: createSilentLogger(),
    workers: inlineWorkers(),
    metrics: null,
  },
  { folder, ...TINY, reserveBytes: 0 },
);
await plots.open();
process.stdout.write('ready\n');
await plots.setSize(Number(windows) * TINY_WINDOW_BYTES, keyOf('owner'), unlimitedPace, noProgress, never());
process.stdout.write('done\n');
