import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from '../support/child.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import type { SoakFigure, SoakOptions } from './main.ts';

const NODES = 3;
const PORT = 47_100;
/** Ms between two kills, and until the killed one starts again. */
const KILL_EVERY_MS = 20_000;
const DOWN_MS_MAX = 6_000;
const RECOVERY_MS_MAX = 5_000;
/** Ms that a busy machine may take to start a process with its keys, and to let it meet the others. */
const BACK_MS_MAX = 60_000;
const INSIDE = 'HYPERMESH_SOAK_INSIDE';
/** A line as bad as a poor radio link. Where the kernel has no netem, a filter drops as many packets, without the delay. */
const NETEM = 'tc qdisc add dev lo root netem loss 2% delay 10ms 3ms limit 20000';
const FILTER =
  'nft "add table inet soak; add chain inet soak in { type filter hook input priority 0; }; add rule inet soak in numgen random mod 100 < 2 drop"';

interface Line {
  kind: 'listening' | 'sent' | 'failed' | 'wrong' | 'disconnected' | 'offended';
  atMs: number;
  to?: number;
  bytes?: number;
  code?: string;
  offence?: string;
}
interface Place {
  child: Child;
  startedAtMs: number;
  /** When it came up last, and until when everybody had reached everybody again. */
  listeningAtMs: number | null;
}

/** Runs itself in a network of its own, whose loopback loses packets. @returns null where that cannot be */
const runInside = async ({ minutes, seed }: SoakOptions): Promise<number | null> => {
  const root = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const shell = `ip link set lo up && { ${NETEM} 2>/dev/null || ${FILTER}; } && exec "$@"`;
  const unshare = [...root, '--net', '--', 'sh', '-c', shell, 'sh'];
  if (spawnSync('unshare', [...unshare, 'true']).status !== 0) return null;
  const args = ['--only', 'churn', '--minutes', String(minutes), '--seed', String(seed)];
  const child = spawn('unshare', [...unshare, process.execPath, join(import.meta.dirname, 'main.ts'), ...args], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      resolve(code ?? 1);
    });
  });
};

/** Three processes send each other bytes while one after another is killed and comes back, over a network that loses packets. */
export const run = async (options: SoakOptions): Promise<readonly SoakFigure[]> => {
  if (process.env[INSIDE] === undefined) {
    const code = await runInside(options);
    if (code !== null) {
      if (code !== 0) throw new Error('The churn in its own network failed; see above.');
      return [];
    }
    console.log('churn: no network of its own can be had here, so it runs on loopback without loss');
  } else console.log('churn: in a network of its own that loses 2 % of all packets');

  const random = createSeededRandom(options.seed);
  const entry = join(import.meta.dirname, '../support/children/stoq-churn.ts');
  const totals = { sent: 0, bytes: 0, failed: 0, wrong: 0, kills: 0, offended: 0 };
  const recoveries: number[] = [];
  const codes = new Map<string, number>();
  const places: Place[] = [];
  /** Pairs that have not exchanged anything since one of the two came up. */
  const missing = new Map<string, number>();
  let isOver = false;
  const fallen = Promise.withResolvers<never>();

  const isWhole = (): boolean => missing.size === 0 && places.every(({ listeningAtMs }) => listeningAtMs !== null);
  const hear = (number: number, line: Line): void => {
    const place = places[number] as Place;
    if (line.kind === 'listening') {
      place.listeningAtMs = line.atMs;
      for (let other = 0; other < NODES; other++) {
        // Only where both are up; the one that comes up later begins the time of the pair.
        if (other === number || places[other]?.listeningAtMs == null) continue;
        missing.set(`${number} ${other}`, line.atMs);
        missing.set(`${other} ${number}`, line.atMs);
      }
    } else if (line.kind === 'sent') {
      totals.sent += 1;
      totals.bytes += line.bytes ?? 0;
      const pair = `${number} ${line.to}`;
      const sinceMs = missing.get(pair);
      if (sinceMs === undefined) return;
      missing.delete(pair);
      recoveries.push(Math.max(0, line.atMs - sinceMs));
    } else if (line.kind === 'failed') {
      totals.failed += 1;
      codes.set(line.code ?? '', (codes.get(line.code ?? '') ?? 0) + 1);
    } else if (line.kind === 'offended') {
      totals.offended += 1;
      codes.set(line.offence ?? '', (codes.get(line.offence ?? '') ?? 0) + 1);
    } else if (line.kind === 'wrong') totals.wrong += 1;
  };
  const start = (number: number): void => {
    const child = startChild(entry, [String(number), String(NODES), String(PORT)]);
    places[number] = { child, startedAtMs: Date.now(), listeningAtMs: null };
    void (async () => {
      while (places[number]?.child === child) hear(number, JSON.parse(await child.nextLine()) as Line);
    })().catch((error: unknown) => {
      // One that was killed says nothing more; one that fell by itself is a failure of the soak.
      if (places[number]?.child === child && !isOver) fallen.reject(error);
    });
  };
  const kill = async (number: number): Promise<void> => {
    const { child } = places[number] as Place;
    (places[number] as Place).listeningAtMs = null;
    for (const pair of missing.keys()) if (pair.split(' ').includes(String(number))) missing.delete(pair);
    places[number] = { ...(places[number] as Place), child: { ...child } };
    await child.kill();
    totals.kills += 1;
  };

  const endMs = Date.now() + options.minutes * 60_000;
  try {
    for (let number = 0; number < NODES; number++) start(number);
    for (let victim = 0; Date.now() < endMs; victim = (victim + 1) % NODES) {
      await Promise.race([sleep(Math.min(KILL_EVERY_MS, Math.max(0, endMs - Date.now()))), fallen.promise]);
      console.log(
        `  ${totals.sent} transfers, ${(totals.bytes / 2 ** 20).toFixed(0)} MiB, ${totals.failed} failed, ${totals.kills} kills, slowest recovery ${Math.max(0, ...recoveries)} ms`,
      );
      if (endMs - Date.now() < KILL_EVERY_MS) continue;
      // One at a time: the one before is back, or will not come back.
      for (let waited = 0; waited < BACK_MS_MAX && !isWhole(); waited += 500) await sleep(500);
      await kill(victim);
      await sleep(500 + random.below(DOWN_MS_MAX));
      start(victim);
    }
  } finally {
    isOver = true;
    for (const { child } of places) await child.kill();
  }
  console.log(`  what failed: ${[...codes].map(([code, times]) => `${code} ${times}`).join(', ')}`);
  recoveries.sort((one, other) => one - other);
  const slowest = recoveries.at(-1) ?? Infinity;
  return [
    {
      name: 'Transfers that arrived changed',
      value: totals.wrong,
      unit: 'transfers',
      target: '0',
      reached: totals.wrong === 0,
    },
    { name: 'Transfers that arrived', value: totals.sent, unit: 'transfers', target: 'some', reached: totals.sent > 0 },
    { name: 'Bytes that arrived', value: Math.round(totals.bytes / 2 ** 20), unit: 'MiB', target: 'none' },
    { name: 'Processes killed', value: totals.kills, unit: 'kills', target: 'none' },
    {
      name: 'Offences between honest nodes',
      value: totals.offended,
      unit: 'offences',
      target: '0',
      reached: totals.offended === 0,
    },
    {
      name: 'Load of the machine, for each processor',
      value: Number(((loadavg()[1] ?? 0) / availableParallelism()).toFixed(1)),
      unit: 'programs',
      target: 'below 1, or times say little',
    },
    {
      name: 'Recovery, median of both directions',
      value: recoveries[Math.floor(recoveries.length / 2)] ?? 0,
      unit: 'ms',
      target: 'none',
    },
    {
      name: 'Recovery, slowest',
      value: slowest,
      unit: 'ms',
      target: `below ${RECOVERY_MS_MAX}`,
      reached: slowest < RECOVERY_MS_MAX,
    },
    {
      name: 'Pairs that had not recovered at the end',
      value: missing.size,
      unit: 'pairs',
      target: '0',
      reached: missing.size === 0,
    },
  ];
};
