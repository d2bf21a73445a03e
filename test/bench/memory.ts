import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from './figure.ts';

/** Runs of everything that is compared, one after the other, so that a busy machine is busy for all; the median counts. */
const ROUNDS = 3;
const LEASE_BYTES = 256 * 2 ** 20;
const WHOLE_BYTES = 2 ** 30;
/** Size, operations, and lanes of the pipelined run. */
const PLAN = [
  { size: 64, count: 1500, lanes: 32, name: '64 B' },
  { size: 4096, count: 1000, lanes: 32, name: '4 KiB' },
  { size: 2 ** 20, count: 40, lanes: 8, name: '1 MiB' },
] as const;
const TIERS = ['quic', 'tls'] as const;
/** Of far memory; the digits are bytes of a page. */
const KINDS = { store: 'storesealed8192', 'store, plain': 'storeplain8192', pages: 'sealed8192' } as const;

interface Child {
  first: Record<string, unknown>;
  ask<T>(command: string, input?: Record<string, unknown>): Promise<T>;
  stop(): Promise<void>;
}
interface Row {
  p50: number;
  p99: number;
  perSecond: number;
}
type Measured = Record<'read' | 'write', Row>;

const startChild = async (role: 'lend' | 'borrow', tier: string): Promise<Child> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'children/memory.ts'), role, tier], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`the ${role} end of far memory ended`);
    const answer = JSON.parse(line.value) as T & { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  };
  return {
    first: await next(),
    ask: (command, input = {}) => {
      child.stdin.write(`${JSON.stringify({ command, ...input })}\n`);
      return next();
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      const exit = once(child, 'exit');
      child.stdin.write('{"command":"stop"}\n');
      await exit;
    },
  };
};
const findProgram = (name: string): string | null =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/usr/local/bin']
    .map((folder) => join(folder, name))
    .find(existsSync) ?? null;
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};
const answers = async (port: number): Promise<void> => {
  for (let tries = 0; tries < 100; tries++) {
    const socket = createConnection({ host: '127.0.0.1', port });
    const up = await new Promise<boolean>((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    );
    socket.destroy();
    if (up) return;
    await sleep(50);
  }
  throw new Error('a server that far memory is compared with did not start');
};

/** Starts a server of its own on a loopback port that is free, without files. Null where the program is not installed. */
const startServer = async (kind: 'redis' | 'memcached'): Promise<{ port: number; process: ChildProcess } | null> => {
  const program = findProgram(kind === 'redis' ? 'redis-server' : 'memcached');
  if (program === null) {
    const packages = kind === 'redis' ? 'redis-server' : 'memcached';
    console.log(
      `  ${packages} is not installed, so nothing is compared with it; on Debian: apt-get install ${packages}`,
    );
    return null;
  }
  const port = await freePort();
  const options =
    kind === 'redis'
      ? ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
      : ['-p', String(port), '-l', '127.0.0.1', '-U', '0', '-I', '4m', '-m', '512', '-u', 'root'];
  const server = spawn(program, options, { stdio: 'ignore' });
  await answers(port);
  return { port, process: server };
};
const withMemory = async <T>(
  kind: string,
  tier: string,
  bytes: number,
  measure: (near: Child, lent: { tookMs: number; longestMs: number }) => Promise<T>,
): Promise<T> => {
  const far = await startChild('lend', tier);
  const near = await startChild('borrow', tier);
  try {
    const lent = await far.ask<{ tookMs: number; longestMs: number }>('lend', { bytes });
    await near.ask('open', { kind, bytes, ...far.first });
    return await measure(near, lent);
  } finally {
    await near.stop();
    await far.stop();
  }
};
const measureAll = async (near: Child): Promise<Measured[]> => {
  const rows: Measured[] = [];
  for (const { size, count, lanes } of PLAN) rows.push(await near.ask<Measured>('measure', { size, count, lanes }));
  return rows;
};
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Far memory beside Redis and memcached: one client process and one server process each, over loopback. */
export const benchMemory = async (): Promise<readonly Figure[]> => {
  const runs: Record<string, Measured[][]> = {};
  const servers = { redis: await startServer('redis'), memcached: await startServer('memcached') };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      for (const [kind, server] of Object.entries(servers)) {
        if (server === null) continue;
        const near = await startChild('borrow', 'tls');
        try {
          await near.ask('open', { kind, port: server.port });
          (runs[kind] ??= []).push(await measureAll(near));
        } finally {
          await near.stop();
        }
      }
      for (const tier of TIERS)
        for (const [name, kind] of Object.entries(KINDS))
          (runs[`far memory, ${name}, ${tier}`] ??= []).push(await withMemory(kind, tier, LEASE_BYTES, measureAll));
    }
  } finally {
    for (const server of Object.values(servers)) server?.process.kill();
  }
  const valueOf = (name: string, plan: number, operation: 'read' | 'write', what: keyof Row): number =>
    median((runs[name] ?? []).map((rows) => rows[plan]?.[operation][what] ?? Number.NaN));
  const figures: Figure[] = [];
  for (const name of Object.keys(runs).filter((one) => one.startsWith('far')))
    for (const [plan, { name: size, size: bytes, lanes }] of PLAN.entries())
      for (const operation of ['write', 'read'] as const)
        for (const what of ['p50', 'p99', 'perSecond'] as const)
          for (const peer of ['redis', 'memcached']) {
            if (runs[peer] === undefined) continue;
            const isRate = what === 'perSecond';
            const scale = isRate ? (bytes * 8) / 1e9 : 1;
            const value = valueOf(name, plan, operation, what) * scale;
            const other = valueOf(peer, plan, operation, what) * scale;
            figures.push({
              name: `${name}, ${operation} of ${size}, ${isRate ? `${lanes} at once` : what}`,
              unit: isRate ? 'Gbit/s' : 'us',
              value,
              peer: { name: peer, value: other },
              ratio: value / other,
              target: 'comparison',
            });
          }
  return figures;
};

/** 1 GiB lent, written, read back and compared byte by byte. */
export const benchWholeMemory = async (): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const kind of ['sealed8192', 'plain8192']) {
    // Seals take 24 bytes of each 8 KiB page; the lease has room for them.
    const bytes = WHOLE_BYTES + WHOLE_BYTES / 256;
    const { writeSeconds, readSeconds, wrong, lent } = await withMemory(kind, 'quic', bytes, async (near, how) => ({
      ...(await near.ask<{ writeSeconds: number; readSeconds: number; wrong: number }>('whole', {
        bytes: WHOLE_BYTES,
      })),
      lent: how,
    }));
    const gbit = (seconds: number): number => (WHOLE_BYTES * 8) / seconds / 1e9;
    const name = `far memory, 1 GiB, ${kind.startsWith('sealed') ? 'sealed' : 'plain'}`;
    figures.push(
      { name: `${name}, written`, unit: 'Gbit/s', value: gbit(writeSeconds), target: 'for information' },
      { name: `${name}, read back`, unit: 'Gbit/s', value: gbit(readSeconds), target: 'for information' },
      { name: `${name}, parts that differ`, unit: 'count', value: wrong, target: 'none', reached: wrong === 0 },
      { name: `${name}, reserved and zeroed`, unit: 'ms', value: lent.tookMs, target: 'for information' },
      {
        name: `${name}, longest wait of the lender's thread meanwhile`,
        unit: 'ms',
        value: lent.longestMs,
        target: 'at most 50 ms',
        reached: lent.longestMs <= 50,
      },
    );
  }
  return figures;
};
