import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Figure } from './figure.ts';

/** Runs of everything that is compared, one after the other, so that a busy machine is busy for all; the median counts. */
const ROUNDS = 3;
const LEASE_BYTES = 256 * 2 ** 20;
const WHOLE_BYTES = 2 ** 30;
const SIZES = [
  { size: 64, name: '64 B' },
  { size: 4096, name: '4 KiB' },
  { size: 2 ** 20, name: '1 MiB' },
] as const;
const OPERATIONS = ['write', 'read'] as const;
/** Operations at once while throughput is measured, and ms for each measurement. */
const LANES = 32;
const MEASURE_MS = 300;
const TIERS = ['quic', 'tls'] as const;
/** Of far memory; the digits are bytes of a page. */
const KINDS = { sealed: 'storesealed8192', plain: 'storeplain8192' } as const;

interface Child {
  first: Record<string, unknown>;
  ask<T>(command: string, input?: Record<string, unknown>): Promise<T>;
  stop(): Promise<void>;
}
interface Row {
  p50: number;
  p99: number;
  perSecond: number;
  /** Us of processor time per operation, both ends. */
  cpu: number;
}
/** What is measured with one child, and the processor time of what is at its other end. */
interface Measurable {
  near: Child;
  open: Record<string, unknown>;
  cpuFar: () => Promise<number>;
}

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
/** Processor seconds of a process that is not ours, from proc(5), in ticks of 10 ms. */
const cpuOf = async (pid: number): Promise<number> => {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};
const measureAll = async ({ near, open, cpuFar }: Measurable): Promise<Row[]> => {
  await near.ask('open', open);
  const rows: Row[] = [];
  for (const { size } of SIZES)
    for (const operation of OPERATIONS) {
      const before = await cpuFar();
      const { operations, cpuSeconds, ...row } = await near.ask<
        Omit<Row, 'cpu'> & { operations: number; cpuSeconds: number }
      >('measure', { size, operation, lanes: LANES, ms: MEASURE_MS });
      rows.push({ ...row, cpu: ((cpuSeconds + (await cpuFar()) - before) / operations) * 1e6 });
    }
  await near.ask('close');
  return rows;
};
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Far memory beside Redis and memcached: one client process and one server process each, over loopback. */
export const benchMemory = async (): Promise<readonly Figure[]> => {
  const started: Child[] = [];
  const start = async (...of: Parameters<typeof startChild>): Promise<Child> => {
    const child = await startChild(...of);
    started.push(child);
    return child;
  };
  const servers = { redis: await startServer('redis'), memcached: await startServer('memcached') };
  const measured: Record<string, Measurable> = {};
  const runs: Record<string, Row[][]> = {};
  try {
    for (const tier of TIERS) {
      const far = await start('lend', tier);
      const near = await start('borrow', tier);
      await far.ask('lend', { bytes: LEASE_BYTES });
      const cpuFar = async (): Promise<number> => (await far.ask<{ cpuSeconds: number }>('cpu')).cpuSeconds;
      for (const [name, kind] of Object.entries(KINDS))
        measured[`far memory, ${name}, ${tier}`] = { near, open: { kind, bytes: LEASE_BYTES, ...far.first }, cpuFar };
      for (const [kind, server] of Object.entries(servers))
        if (server !== null && measured[kind] === undefined)
          measured[kind] = {
            near,
            open: { kind, port: server.port },
            cpuFar: () => cpuOf(server.process.pid as number),
          };
    }
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, one] of Object.entries(measured)) (runs[name] ??= []).push(await measureAll(one));
  } finally {
    for (const child of started) await child.stop();
    for (const server of Object.values(servers)) server?.process.kill();
  }
  const valueOf = (name: string, row: number, what: keyof Row): number =>
    median((runs[name] ?? []).map((rows) => rows[row]?.[what] ?? Number.NaN));
  const figures: Figure[] = [];
  const plan = SIZES.flatMap((size) => OPERATIONS.map((operation) => ({ ...size, operation })));
  for (const name of Object.keys(runs).filter((one) => one.startsWith('far')))
    for (const [row, { name: size, size: bytes, operation }] of plan.entries())
      for (const [what, title] of Object.entries({
        p50: 'p50',
        p99: 'p99',
        perSecond: `${LANES} at once`,
        cpu: 'processor',
      }))
        for (const peer of Object.keys(servers)) {
          if (runs[peer] === undefined) continue;
          const isRate = what === 'perSecond';
          const scale = isRate ? (bytes * 8) / 1e9 : 1;
          const value = valueOf(name, row, what as keyof Row) * scale;
          const other = valueOf(peer, row, what as keyof Row) * scale;
          figures.push({
            name: `${name}, ${operation} of ${size}, ${title}`,
            unit: isRate ? 'Gbit/s' : 'us',
            value,
            peer: { name: peer, value: other },
            ratio: value / other,
            target: 'comparison',
          });
        }
  return figures;
};

/** 1 GiB lent, written, read back and compared byte by byte; beside it what Redis takes and gives in values of 1 MiB. */
export const benchWholeMemory = async (): Promise<readonly Figure[]> => {
  // Seals take 24 bytes of each 8 KiB page; the lease has room for them.
  const bytes = WHOLE_BYTES + WHOLE_BYTES / 256;
  const redis = await startServer('redis');
  const far = await startChild('lend', 'tls');
  const near = await startChild('borrow', 'tls');
  try {
    const peers: number[] = [];
    if (redis !== null) {
      await near.ask('open', { kind: 'redis', port: redis.port });
      for (const operation of OPERATIONS) {
        const row = await near.ask<{ perSecond: number }>('measure', { size: 2 ** 20, operation, lanes: 8, ms: 2_000 });
        peers.push((row.perSecond * 2 ** 20 * 8) / 1e9);
      }
      await near.ask('close');
    }
    await far.ask('longest');
    const { tookMs } = await far.ask<{ tookMs: number }>('lend', { bytes });
    const lent = await far.ask<{ ms: number; cpuMs: number }>('longest');
    await near.ask('open', { kind: 'sealed8192', bytes, ...far.first });
    await near.ask('longest');
    const { writeSeconds, readSeconds, wrong } = await near.ask<{
      writeSeconds: number;
      readSeconds: number;
      wrong: number;
    }>('whole', { bytes: WHOLE_BYTES });
    const turns = [
      { who: 'the lender, reserving and zeroing', ...lent },
      { who: 'the lender', ...(await far.ask<{ ms: number; cpuMs: number }>('longest')) },
      { who: 'the borrower', ...(await near.ask<{ ms: number; cpuMs: number }>('longest')) },
    ];
    const name = 'far memory, 1 GiB sealed, tls';
    const moved = (what: string, seconds: number, peer: number | undefined): Figure => {
      const value = (WHOLE_BYTES * 8) / seconds / 1e9;
      const beside = peer === undefined ? {} : { peer: { name: 'redis', value: peer }, ratio: value / peer };
      return { name: `${name}, ${what}`, unit: 'Gbit/s', value, ...beside, target: 'comparison' };
    };
    return [
      { name: `${name}, reserved and zeroed`, unit: 'ms', value: tookMs, target: 'for information' },
      moved('written', writeSeconds, peers[0]),
      moved('read back', readSeconds, peers[1]),
      { name: `${name}, parts that differ`, unit: 'count', value: wrong, target: 'none', reached: wrong === 0 },
      ...turns.flatMap(({ who, ms, cpuMs }): Figure[] => [
        {
          name: `${name}, longest turn of the main thread of ${who}, processor time`,
          unit: 'ms',
          value: cpuMs,
          target: 'at most 50 ms',
          reached: cpuMs <= 50,
        },
        {
          name: `${name}, longest turn of the main thread of ${who}, with waits for a processor`,
          unit: 'ms',
          value: ms,
          target: 'for information',
        },
      ]),
    ];
  } finally {
    await near.stop();
    await far.stop();
    redis?.process.kill();
  }
};
