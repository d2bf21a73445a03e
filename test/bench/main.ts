import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import type { Figure } from './figure.ts';

/** Areas in the order in which they run; each loads only when it is asked for. */
const areas: Record<string, () => Promise<readonly (() => Promise<readonly Figure[]>)[]>> = {
  allocations: async () => [(await import('./allocations.ts')).benchAllocations],
  jobs: async () => {
    const jobs = await import('./jobs.ts');
    return [jobs.benchJobStart, jobs.benchPythonStart, jobs.benchShareAccuracy, jobs.benchHostingOverhead];
  },
  containers: async () => {
    const containers = await import('./containers.ts');
    return [
      containers.benchContainerStart,
      containers.benchContainerOverhead,
      containers.benchContainerShares,
      containers.benchContainerSlider,
      containers.benchContainerDeployments,
    ];
  },
  scheduler: async () => [(await import('./scheduler.ts')).benchScheduler],
  images: async () => [(await import('./images.ts')).benchImages],
  moving: async () => [(await import('./moving.ts')).benchMoving],
  space: async () => {
    const space = await import('./proof-space.ts');
    return [space.benchSequentialHash, space.benchSpace];
  },
  work: async () => [(await import('./proof-work.ts')).benchProofOfWork],
  proof: async () => [(await import('./proof.ts')).benchProof],
  crypto: async () => {
    const crypto = await import('./crypto.ts');
    return [crypto.benchFalcon, crypto.benchMlKem, crypto.benchUnlock, crypto.benchRecords];
  },
  handshake: async () => [(await import('./stoq-handshake.ts')).benchStoqHandshake],
  blocks: async () => {
    const blocks = await import('./blocks.ts');
    return [blocks.benchBlocks, blocks.benchStateRoot];
  },
  state: async () => {
    const state = await import('./state.ts');
    return [state.benchState, state.benchStateStore];
  },
  carriers: async () => {
    const carriers = await import('./stoq-throughput.ts');
    return [carriers.benchStoqThroughput, carriers.benchStoqRoundTrip];
  },
  forward: async () => [(await import('./forward.ts')).benchForward, (await import('./forward.ts')).benchLookups],
  circuits: async () => [(await import('./circuits.ts')).benchCircuits],
  dht: async () => [(await import('./stoq-dht.ts')).benchStoqDht],
  socks: async () => [(await import('./socks.ts')).benchSocks],
  memory: async () => {
    const memory = await import('./memory.ts');
    return [memory.benchMemory, memory.benchWholeMemory];
  },
  leases: async () => {
    const leases = await import('./leases.ts');
    return [leases.benchLeaseTable, leases.benchLeaseGrant, leases.benchLeaseMetering];
  },
  ledger: async () => (await import('./ledger.ts')).ledgerBenches(),
  'ledger-turns': async () => [(await import('./ledger-turns.ts')).benchLedgerTurns],
  wallet: async () => [
    (await import('./wallet.ts')).benchWallet,
    (await import('./wallet-scroll.ts')).benchWalletScroll,
  ],
  vpn: async () => [(await import('./vpn.ts')).benchVpn],
  desktop: async () => {
    const desktop = await import('./desktop.ts');
    return [desktop.benchWindowPaint, desktop.benchIdleTray, desktop.benchIdleHeadless, desktop.benchMainThreadBlock];
  },
};

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'string' }, help: { type: 'boolean' } },
});
if (values.help === true) {
  console.log(`npm run bench [-- --only ${Object.keys(areas).join(',')}] [--json FILE]`);
  process.exit(0);
}
const wanted = values.only?.split(',') ?? Object.keys(areas);
const unknown = wanted.filter((name) => !Object.hasOwn(areas, name));
if (unknown.length > 0) {
  console.error(`Unknown area ${unknown.join(', ')}; there are ${Object.keys(areas).join(', ')}.`);
  process.exit(2);
}

const number = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

console.log(
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}\n`,
);
const figures: Figure[] = [];
let failed = 0;
for (const name of wanted) {
  for (const bench of await (areas[name] as NonNullable<(typeof areas)[string]>)()) {
    try {
      for (const figure of await bench()) {
        figures.push(figure);
        const peer =
          figure.peer === undefined ? '' : `  | ${figure.peer.name}: ${number(figure.peer.value)} ${figure.unit}`;
        const ratio = figure.ratio === undefined ? '' : `  | ×${figure.ratio.toFixed(2)}`;
        const verdict = figure.reached === undefined ? '' : figure.reached ? '  reached' : '  NOT REACHED';
        console.log(
          `${figure.name}: ${number(figure.value)} ${figure.unit}${peer}${ratio}  | target ${figure.target}${verdict}`,
        );
      }
    } catch (error) {
      failed += 1;
      console.error(
        `${bench.name}: could not be measured: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }
}
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(figures, null, 2)}\n`);
const missed = figures.filter((figure) => figure.reached === false).length;
console.log(`\n${figures.length} figures, ${missed} not reached, ${failed} benchmarks failed`);
process.exitCode = failed > 0 ? 1 : 0;
