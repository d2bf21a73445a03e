import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSeeds } from '../sim/run-seeds.ts';
import { type LedgerProcess, startLedgerProcess, until } from '../support/ledger/ledger-processes.ts';
import { type Figure, percentile } from './figure.ts';

/** Transactions one after the other, whose latencies are measured: as many as a p99 takes, unless their time is over before. */
const LATENCIES = 100;
const LATENCIES_MS_MAX = 60_000;
/** Fewer say nothing. */
const LATENCIES_MIN = 10;
/** Before them, so that the first loads of code and the first signatures do not count. */
const WARM_UP = 5;
/** Accounts that pay at once, and transactions of each. */
const PAYERS = 8;
const EACH = 24;
/** The chain that a newcomer follows: long enough that its start does not count, short enough that it takes no snapshot. */
const CHAIN_BLOCKS = 300;
const CHAIN_MS_MAX = 60_000;
/** Steps that may not take longer, however loaded the machine: start and connections, and what is measured. */
const START_MS_MAX = 120_000;
const STEP_MS_MAX = 120_000;
/** As the nightly run has it: the same seeds each time, and as many of them as come within this time. */
const SIMULATION_SEEDS = 1_000;
const SIMULATION_MS = 45_000;
/** As Debian has it. */
const ETCD = '/usr/bin/etcd';
const ETCD_MEMBERS = 3;
/** Writes under way at once where throughput is measured: as many as the ledger's. */
const PUTS_AT_ONCE = PAYERS * EACH;
const VALUE_BYTES = 256;

interface Measured {
  latenciesMs: readonly number[];
  perSecond: number;
}

/** @throws a sentence that says which step did not come to its end */
const within = async <T>(what: string, msMax: number, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${msMax / 1000} s`)), msMax);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

/** Three members of etcd with their data on the same disk, fsync'd as etcd does it, asked over its HTTP gateway. */
const measureEtcd = async (folder: string): Promise<Measured | null> => {
  if (!existsSync(ETCD)) return null;
  const members = await Promise.all(
    Array.from({ length: ETCD_MEMBERS }, async (_, i) => ({
      name: `m${i}`,
      peer: `http://127.0.0.1:${await freePort()}`,
      client: `http://127.0.0.1:${await freePort()}`,
    })),
  );
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',');
  const children: ChildProcess[] = members.map(({ name, peer, client }) =>
    spawn(
      ETCD,
      Object.entries({
        name,
        'data-dir': join(folder, name),
        'log-level': 'error',
        'listen-peer-urls': peer,
        'initial-advertise-peer-urls': peer,
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'initial-cluster': cluster,
        'initial-cluster-state': 'new',
      }).flatMap(([option, value]) => [`--${option}`, value]),
      { stdio: 'ignore' },
    ),
  );
  try {
    const url = `${members[0]!.client}/v3/kv/put`;
    const value = Buffer.alloc(VALUE_BYTES, 1).toString('base64');
    const put = async (key: string): Promise<void> => {
      const answer = await fetch(url, {
        method: 'POST',
        body: JSON.stringify({ key: Buffer.from(key).toString('base64'), value }),
      });
      if (!answer.ok) throw new Error(`etcd answered ${answer.status}`);
      await answer.arrayBuffer();
    };
    await until(
      'etcd has a leader',
      () =>
        put('first').then(
          () => true,
          () => false,
        ),
      30_000,
    );
    for (let i = 0; i < WARM_UP; i++) await put(`warm${i}`);
    const latenciesMs: number[] = [];
    for (let i = 0; i < LATENCIES; i++) {
      const beganMs = performance.now();
      await put(`one${i}`);
      latenciesMs.push(performance.now() - beganMs);
    }
    const beganMs = performance.now();
    await Promise.all(Array.from({ length: PUTS_AT_ONCE }, (_, i) => put(`many${i}`)));
    return { latenciesMs, perSecond: PUTS_AT_ONCE / ((performance.now() - beganMs) / 1000) };
  } finally {
    await Promise.all(
      children.map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.exitCode !== null || child.signalCode !== null) return resolve();
            child.once('exit', () => resolve());
            child.kill('SIGKILL');
          }),
      ),
    );
  }
};

interface LedgerMeasured extends Measured {
  bytesPerBlock: number;
  signaturesPerBlock: number;
}

/** So many nodes in processes of their own, each connected with each; ended with `body`. */
const withNodes = async <T>(
  validators: number,
  body: (nodes: readonly LedgerProcess[], begin: (number: number) => Promise<LedgerProcess>) => Promise<T>,
): Promise<T> => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-ledger-'));
  const nodes: LedgerProcess[] = [];
  const begin = async (number: number): Promise<LedgerProcess> => {
    const one = await startLedgerProcess({ number, validators, accounts: PAYERS + 2, folder });
    nodes.push(one);
    return one;
  };
  /** What each says of itself, for whoever reads why nothing was measured. */
  const standing = async (): Promise<string> =>
    (
      await Promise.all(
        nodes.map((node) =>
          within('its answer', 2_000, node.call('status', null)).then(
            ({ height, peers, halted }) =>
              `${node.number}: block ${height}, ${peers} peers${halted === null ? '' : `, halted: ${halted}`}`,
            (error: unknown) => `${node.number}: ${error instanceof Error ? error.message : String(error)}`,
          ),
        ),
      )
    ).join('; ');
  try {
    await within(
      `the start of ${validators} nodes`,
      START_MS_MAX,
      Promise.all(Array.from({ length: validators }, (_, number) => begin(number))),
    );
    nodes.sort((one, other) => one.number - other.number);
    const all = [...nodes];
    const connect = async (): Promise<void> => {
      for (const [place, one] of all.entries())
        for (const other of all.slice(0, place)) await one.call('connect', await other.call('where', null));
    };
    await within(`connecting ${validators} nodes`, START_MS_MAX, connect());
    await until(
      'that all nodes see each other',
      async () =>
        (await Promise.all(all.map((node) => node.call('status', null)))).every(({ peers }) => peers >= validators - 1),
      START_MS_MAX,
    );
    return await body(all, begin);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)} (nodes: ${await standing()})`, {
      cause: error,
    });
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
};

const measureLedger = (validators: number): Promise<LedgerMeasured> =>
  withNodes(validators, async ([first]) => {
    const node = first!;
    await within(
      'the first transactions',
      STEP_MS_MAX,
      node.call('latencies', { account: 1, count: WARM_UP, from: 0, msMax: STEP_MS_MAX }),
    );
    const latenciesMs = await within(
      'the transactions one after the other',
      LATENCIES_MS_MAX + STEP_MS_MAX,
      node.call('latencies', { account: 1, count: LATENCIES, from: WARM_UP, msMax: LATENCIES_MS_MAX }),
    );
    if (latenciesMs.length < LATENCIES_MIN)
      throw new Error(`only ${latenciesMs.length} transactions were final within ${LATENCIES_MS_MAX / 1000} s`);
    const small = await node.call('sizes', null);
    const floodMs = await within(
      `${PAYERS * EACH} transactions at once`,
      STEP_MS_MAX,
      node.call('flood', { accounts: Array.from({ length: PAYERS }, (_, i) => i + 2), each: EACH, from: 0 }),
    );
    return {
      latenciesMs,
      perSecond: (PAYERS * EACH) / (floodMs / 1000),
      bytesPerBlock: small.bytes,
      signaturesPerBlock: small.signatures,
    };
  });

const ofValidators = (count: number): string => `${count} validator${count === 1 ? '' : 's'}`;

/**
 * How long a transaction takes to be final, and how many are per second, at one, four and seven validators in processes of this
 * machine over QUIC on loopback, each with its database on the disk and one thread for signatures; beside three members of etcd.
 * A commit here has FALCON-1024 signatures of more than two thirds of the validators and the client's own, which etcd does without.
 * Both are on the disk, with fsync, before they are answered.
 *
 * @returns one after the other to run: the first measures etcd, for all of them
 */
export const ledgerBenches = (): readonly (() => Promise<readonly Figure[]>)[] => {
  let etcd: Promise<Measured | null> | null = null;
  const measureEtcdOnce = (): Promise<Measured | null> => {
    etcd ??= (async () => {
      const folder = mkdtempSync(join(tmpdir(), 'bench-etcd-'));
      try {
        const measured = await measureEtcd(folder);
        if (measured === null)
          console.error(
            'ledger: etcd is not installed (packages etcd-server and etcd-client); nothing to compare with',
          );
        return measured;
      } catch (error) {
        console.error(`ledger: etcd could not be measured: ${error instanceof Error ? error.message : String(error)}`);
        return null;
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    })();
    return etcd;
  };
  const beside = (
    name: string,
    unit: Figure['unit'],
    value: number,
    peerValue: number | undefined,
    target: string,
  ): Figure => ({
    name,
    unit,
    value,
    ...(peerValue !== undefined && {
      peer: { name: `etcd put, ${ETCD_MEMBERS} members`, value: peerValue },
      ratio: value / peerValue,
    }),
    target,
  });
  const figuresOf = async (validators: number): Promise<readonly Figure[]> => {
    const peer = await measureEtcdOnce();
    const measured = await measureLedger(validators);
    const of = ofValidators(validators);
    const count = measured.latenciesMs.length;
    return [
      ...([50, 99] as const).map((p) =>
        beside(
          `commit, ${of}, p${p} of ${count}`,
          'ms',
          percentile(measured.latenciesMs, p / 100),
          peer === null ? undefined : percentile(peer.latenciesMs, p / 100),
          'for information: every vote has a FALCON-1024 signature of some 15 ms',
        ),
      ),
      beside(
        `transactions, ${of}, ${PAYERS * EACH} at once`,
        '1/s',
        measured.perSecond,
        peer?.perSecond,
        'for information',
      ),
      {
        name: `block of one transaction, ${of}`,
        unit: 'KiB',
        value: measured.bytesPerBlock / 1024,
        target: 'for information',
      },
      {
        name: `signatures of a block, ${of}`,
        unit: 'count',
        value: measured.signaturesPerBlock,
        target: 'more than two thirds',
        reached: 3 * measured.signaturesPerBlock > 2 * validators,
      },
    ];
  };
  return [
    async function benchLedgerOfOne() {
      return await figuresOf(1);
    },
    async function benchLedgerOfFour() {
      return await figuresOf(4);
    },
    async function benchLedgerOfSeven() {
      return await figuresOf(7);
    },
    benchCatchUp,
    benchSimulation,
  ];
};

/** How fast a newcomer follows a chain of four validators, block by block, every signature checked and every block on its disk. */
const benchCatchUp = async (): Promise<readonly Figure[]> => {
  const validators = 4;
  const { blocks, ms } = await withNodes(validators, async ([first], begin) => {
    const node = first!;
    await within(
      'making the chain',
      CHAIN_MS_MAX + STEP_MS_MAX,
      node.call('latencies', { account: 1, count: CHAIN_BLOCKS, from: 0, msMax: CHAIN_MS_MAX }),
    );
    const { height } = await node.call('status', null);
    const late = await within('the start of the newcomer', START_MS_MAX, begin(validators));
    const done = late.call('follow', height);
    await late.call('connect', await node.call('where', null));
    return await within(`following ${height} blocks`, STEP_MS_MAX, done);
  });
  return [
    {
      name: `catch-up over ${blocks} blocks of one transaction, ${ofValidators(validators)}`,
      unit: '1/s',
      value: blocks / (ms / 1000),
      target: 'for information',
    },
  ];
};

/** Hours of simulated time that pass in a minute, on all cores: real consensus, ledger and store, with the faults of the plan. */
const benchSimulation = async (): Promise<readonly Figure[]> => {
  const workers = availableParallelism();
  const endMs = performance.now() + SIMULATION_MS;
  let virtualMs = 0;
  let wallMs = 0;
  let seeds = 0;
  let violated: string | null = null;
  await runSeeds({
    from: 1,
    seeds: SIMULATION_SEEDS,
    workers,
    level: 'replica',
    onResult: (result) => {
      if (result.violation !== null) violated = `seed ${result.seed}: ${result.violation}`;
      // Time that processes spent on seeds: how long the last one of them ran alone does not count.
      virtualMs += result.virtualMs;
      wallMs += result.wallMs;
      seeds += 1;
      return violated !== null || performance.now() > endMs;
    },
  });
  if (violated !== null) throw new Error(`the simulation found a violation, ${String(violated)}`);
  return [
    {
      name: `simulated hours per minute, ${seeds} seeds on ${workers} processes`,
      unit: 'count',
      value: (virtualMs / wallMs / 60) * workers,
      target: 'for information',
    },
  ];
};
