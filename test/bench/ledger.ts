import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAll, type LedgerProcess, startLedgerProcess, until } from '../support/ledger/ledger-processes.ts';
import { type Figure, percentile } from './figure.ts';

/** Transactions one after the other, whose latencies are measured. */
const LATENCIES = 40;
/** Before them, so that the first loads of code and the first signatures do not count. */
const WARM_UP = 5;
/** Accounts that pay at once, and transactions of each. */
const PAYERS = 8;
const EACH = 24;
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
  transactionsPerBlock: number;
  signaturesPerBlock: number;
  /** Blocks per second that a late joiner followed; null where none was measured. */
  followedPerSecond: number | null;
}
const measureLedger = async (validators: number, folder: string, withLate: boolean): Promise<LedgerMeasured> => {
  const nodes: LedgerProcess[] = [];
  const begin = async (number: number): Promise<LedgerProcess> => {
    const one = await startLedgerProcess({ number, validators, accounts: PAYERS + 2, folder });
    nodes.push(one);
    return one;
  };
  try {
    await Promise.all(Array.from({ length: validators }, (_, number) => begin(number)));
    nodes.sort((one, other) => one.number - other.number);
    await connectAll(nodes);
    await until('all see each other', async () =>
      (await Promise.all(nodes.map((node) => node.call('status', null)))).every(
        ({ peers }) => peers === validators - 1,
      ),
    );
    const first = nodes[0]!;
    await first.call('latencies', { account: 1, count: WARM_UP, from: 0 });
    const latenciesMs = await first.call('latencies', { account: 1, count: LATENCIES, from: WARM_UP });
    const small = await first.call('sizes', null);
    const floodMs = await first.call('flood', {
      accounts: Array.from({ length: PAYERS }, (_, i) => i + 2),
      each: EACH,
      from: 0,
    });
    let followedPerSecond: number | null = null;
    if (withLate) {
      const { height } = await first.call('status', null);
      const late = await begin(validators);
      const done = late.call('until', height);
      await late.call('connect', await first.call('where', null));
      followedPerSecond = height / ((await done) / 1000);
    }
    return {
      latenciesMs,
      perSecond: (PAYERS * EACH) / (floodMs / 1000),
      bytesPerBlock: small.bytes,
      transactionsPerBlock: small.transactions,
      signaturesPerBlock: small.signatures,
      followedPerSecond,
    };
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
  }
};

/**
 * How long a transaction takes to be final, and how many are per second, at one, four and seven validators in processes of this
 * machine over QUIC on loopback; beside three members of etcd. A commit here has FALCON-1024 signatures of all validators and the
 * client's own, which etcd does without.
 */
export const benchLedger = async (): Promise<readonly Figure[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-ledger-'));
  const figures: Figure[] = [];
  try {
    const etcd = await measureEtcd(join(folder, 'etcd'));
    if (etcd === null)
      console.error('ledger: etcd is not installed (packages etcd-server, etcd-client); no peer to compare with');
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
    for (const validators of [1, 4, 7]) {
      const measured = await measureLedger(validators, mkdtempSync(join(folder, 'ledger-')), validators === 4);
      const of = `${validators} validator${validators === 1 ? '' : 's'}`;
      for (const [p, name] of [
        [0.5, 'p50'],
        [0.99, 'p99'],
      ] as const)
        figures.push(
          beside(
            `commit, ${of}, ${name}`,
            'ms',
            percentile(measured.latenciesMs, p),
            etcd === null ? undefined : percentile(etcd.latenciesMs, p),
            'for information: every vote has a FALCON-1024 signature of some 15 ms',
          ),
        );
      figures.push(
        beside(`transactions, ${of}`, '1/s', measured.perSecond, etcd?.perSecond, 'for information'),
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
        },
      );
      if (measured.followedPerSecond !== null)
        figures.push({
          name: `catch-up by blocks, ${of}`,
          unit: '1/s',
          value: measured.followedPerSecond,
          target: 'for information',
        });
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
