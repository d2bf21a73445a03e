import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSystemOutside } from '../../main/base/index.ts';
import { createSelfSignedCertificate } from '../../main/transport/stoq/carriers/tls/self-signed-certificate.ts';
import type { Figure } from './figure.ts';

/** Each run of one transfer; the first second of a process is spent on compiling, so one is thrown away. */
const WARM_SECONDS = 1;
const SECONDS = 4;
/** Runs of everything that is compared, one after the other, so that a busy machine is busy for all; the median counts. */
const ROUNDS = 3;
const ECHOES = 5_000;
const STREAMS_SECONDS = 2;
const STREAM_LANES = 16;
const IDLE_CHANNELS = 200;
const NGTCP2_BYTES = 400_000_000;
/** What issue 4 asks for. */
const GBIT_WANTED = 2.95;

interface Bulk {
  gbit: number;
  /** Processor seconds of both ends per GB. */
  cpuPerGb: number;
}
interface Child {
  first: Record<string, never>;
  ask<T>(command: string, input?: Record<string, unknown>): Promise<T>;
  stop(): Promise<void>;
}

const startChild = async (file: string, role: string, kind: string): Promise<Child> => {
  const child = spawn(process.execPath, ['--expose-gc', join(import.meta.dirname, 'children', file), role, kind], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`${file} ${role} ${kind} ended`);
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
/** Both ends of something, each in a process of its own. */
const withEnds = async <T>(
  file: string,
  kind: string,
  measure: (near: Child, far: Child, where: Record<string, unknown>) => Promise<T>,
): Promise<T> => {
  const far = await startChild(file, 'listen', kind);
  const near = await startChild(file, 'dial', kind);
  try {
    return await measure(near, far, far.first);
  } finally {
    await near.stop();
    await far.stop();
  }
};
const measureBulk = async (
  near: Child,
  far: Child,
  where: Record<string, unknown>,
  streams: number,
  seconds = SECONDS,
): Promise<Bulk> => {
  const cpu = async (): Promise<number> =>
    (await near.ask<{ cpuSeconds: number }>('state')).cpuSeconds +
    (await far.ask<{ cpuSeconds: number }>('state')).cpuSeconds;
  const before = await cpu();
  const { bytes, seconds: took } = await near.ask<{ bytes: number; seconds: number }>('bulk', {
    ...where,
    streams,
    seconds,
  });
  return { gbit: (bytes * 8) / took / 1e9, cpuPerGb: ((await cpu()) - before) / (bytes / 1e9) };
};
const median = (values: readonly number[]): number => {
  const value = values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  if (value === undefined) throw new Error('nothing was measured');
  return value;
};

/** @returns the path of a program that a system may have, also where only its administrator looks */
const findProgram = (name: string): string | null =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/usr/local/bin']
    .map((folder) => join(folder, name))
    .find(existsSync) ?? null;
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '::1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
};
const missing = (program: string, packages: string): null => {
  console.log(`  ${program} is not installed, so nothing is compared with it; on Debian: apt-get install ${packages}`);
  return null;
};
/** User and system time of a running process; null off Linux. */
const cpuSecondsOf = (child: ChildProcess): number | null => {
  try {
    const fields =
      readFileSync(`/proc/${String(child.pid)}/stat`, 'utf8')
        .split(') ')[1]
        ?.split(' ') ?? [];
    // Clock ticks are 100 a second on every Linux that people run.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return null;
  }
};

const iperf3 = async (): Promise<Bulk | null> => {
  const program = findProgram('iperf3');
  if (program === null) return missing('iperf3', 'iperf3');
  const port = String(await freePort());
  const server = spawn(program, ['-s', '-1', '-p', port], { stdio: 'ignore' });
  await sleep(300);
  const client = spawn(program, ['-6', '-c', '::1', '-p', port, '-t', String(SECONDS), '-J'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  client.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()));
  await once(client, 'close');
  server.kill();
  const { end } = JSON.parse(text) as {
    end: {
      sum_received: { bits_per_second: number; bytes: number; seconds: number };
      cpu_utilization_percent: { host_total: number; remote_total: number };
    };
  };
  const { host_total: host, remote_total: remote } = end.cpu_utilization_percent;
  const { bits_per_second: bits, bytes, seconds } = end.sum_received;
  return { gbit: bits / 1e9, cpuPerGb: (((host + remote) / 100) * seconds) / (bytes / 1e9) };
};
const ngtcp2 = async (): Promise<Bulk | null> => {
  const [serverPath, clientPath] = [findProgram('gtlsserver'), findProgram('gtlsclient')];
  if (serverPath === null || clientPath === null)
    return missing("ngtcp2's client or server", 'ngtcp2-client ngtcp2-server');
  const folder = await mkdtemp(join(tmpdir(), 'hypermesh-bench-'));
  try {
    const { key, cert } = createSelfSignedCertificate(createSystemOutside().random.bytes(8));
    await writeFile(join(folder, 'key.pem'), key);
    await writeFile(join(folder, 'cert.pem'), cert);
    const file = await open(join(folder, 'large'), 'w');
    await file.truncate(NGTCP2_BYTES);
    await file.close();
    const port = String(await freePort());
    const server = spawn(
      serverPath,
      ['-q', '-d', folder, '::1', port, join(folder, 'key.pem'), join(folder, 'cert.pem')],
      { stdio: 'ignore' },
    );
    await sleep(500);
    const begin = performance.now();
    const client = spawn(clientPath, ['-q', '--exit-on-all-streams-close', '::1', port, 'https://localhost/large'], {
      stdio: 'ignore',
    });
    let clientCpu: number | null = null;
    const exit = once(client, 'exit');
    const watch = setInterval(() => (clientCpu = cpuSecondsOf(client) ?? clientCpu), 20);
    await exit;
    clearInterval(watch);
    const seconds = (performance.now() - begin) / 1000;
    const serverCpu = cpuSecondsOf(server);
    server.kill();
    await once(server, 'exit');
    return {
      gbit: (NGTCP2_BYTES * 8) / seconds / 1e9,
      cpuPerGb: ((clientCpu ?? Number.NaN) + (serverCpu ?? Number.NaN)) / (NGTCP2_BYTES / 1e9),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
};
const nodeBulk = (kind: 'tls' | 'tcp'): Promise<Bulk> =>
  withEnds('node-socket.ts', kind, async (near, far, where) => {
    await measureBulk(near, far, where, 1, WARM_SECONDS);
    return measureBulk(near, far, where, 1);
  });

/** Throughput of one stream and of eight, per tier, beside what others reach in the same minutes. */
export const benchStoqThroughput = async (): Promise<readonly Figure[]> => {
  const peers: Record<string, Bulk[]> = {};
  const tiers: Record<string, Bulk[]> = {};
  const keep = (of: Record<string, Bulk[]>, name: string, bulk: Bulk | null): void => {
    if (bulk !== null) (of[name] ??= []).push(bulk);
  };
  for (let round = 0; round < ROUNDS; round++) {
    keep(peers, 'iperf3 TCP', await iperf3());
    keep(peers, 'ngtcp2', await ngtcp2());
    keep(peers, 'Node TLS 1.3', await nodeBulk('tls'));
    for (const tier of ['quic', 'tls'])
      await withEnds('stoq-carrier.ts', tier, async (near, far, where) => {
        await measureBulk(near, far, where, 1, WARM_SECONDS);
        for (const streams of [1, 8])
          keep(
            tiers,
            `${tier}, ${streams === 1 ? 'one stream' : 'eight streams'}`,
            await measureBulk(near, far, where, streams),
          );
      });
  }
  const figures: Figure[] = [];
  for (const [name, bulks] of Object.entries(tiers)) {
    const gbit = median(bulks.map((bulk) => bulk.gbit));
    const cpu = median(bulks.map((bulk) => bulk.cpuPerGb));
    for (const [peer, others] of Object.entries(peers)) {
      const other = median(others.map((bulk) => bulk.gbit));
      const own = name.startsWith('quic') ? 'ngtcp2' : 'Node TLS 1.3';
      figures.push({
        name: `stoq ${name}`,
        unit: 'Gbit/s',
        value: gbit,
        peer: { name: peer, value: other },
        ratio: gbit / other,
        target:
          peer === 'ngtcp2' && name.startsWith('quic')
            ? `at least ngtcp2, towards ${GBIT_WANTED} Gbit/s`
            : peer === own
              ? `at least ${GBIT_WANTED} Gbit/s`
              : 'comparison',
        ...(peer === own ? { reached: peer === 'ngtcp2' ? gbit >= other : gbit >= GBIT_WANTED } : {}),
      });
      if (peer === own)
        figures.push({
          name: `stoq ${name}, processor time of both ends`,
          unit: 's/GB',
          value: cpu,
          peer: { name: peer, value: median(others.map((bulk) => bulk.cpuPerGb)) },
          ratio: cpu / median(others.map((bulk) => bulk.cpuPerGb)),
          target: 'comparison',
        });
    }
  }
  return figures;
};

/** 64 bytes there and back, against the same over bare TCP in Node; streams per second; what an idle channel costs. */
export const benchStoqRoundTrip = async (): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const tier of ['quic', 'tls']) {
    const rounds: { own: { p50: number; p99: number }; tcp: { p50: number; p99: number } }[] = [];
    for (let round = 0; round < ROUNDS; round++)
      rounds.push({
        tcp: await withEnds('node-socket.ts', 'tcp', (near, _far, where) =>
          near.ask('echo', { ...where, count: ECHOES }),
        ),
        own: await withEnds('stoq-carrier.ts', tier, (near, _far, where) =>
          near.ask('echo', { ...where, count: ECHOES }),
        ),
      });
    for (const rank of ['p50', 'p99'] as const) {
      const own = median(rounds.map((round) => round.own[rank]));
      const tcp = median(rounds.map((round) => round.tcp[rank]));
      figures.push({
        name: `stoq ${tier}, round trip of 64 bytes, ${rank}`,
        unit: 'us',
        value: own,
        peer: { name: 'TCP in Node', value: tcp },
        ratio: own / tcp,
        target: 'at most 3 times TCP',
        reached: own <= 3 * tcp,
      });
    }
    await withEnds('stoq-carrier.ts', tier, async (near, far, where) => {
      const input = { ...where, seconds: STREAMS_SECONDS, lanes: STREAM_LANES };
      await near.ask('streams', input);
      const { perSecond } = await near.ask<{ perSecond: number }>('streams', input);
      figures.push({
        name: `stoq ${tier}, streams per second`,
        unit: 'count',
        value: perSecond,
        target: 'for information',
      });
      const rss = async (): Promise<number[]> =>
        Promise.all([near, far].map(async (end) => (await end.ask<{ rss: number }>('state')).rss));
      // Once before, so that what is made once is not counted.
      await near.ask('dials', { ...where, count: 20 });
      const before = await rss();
      const { p50 } = await near.ask<{ p50: number }>('dials', { ...where, count: IDLE_CHANNELS });
      const after = await rss();
      figures.push({ name: `stoq ${tier}, channel opened, p50`, unit: 'ms', value: p50, target: 'for information' });
      for (const [index, end] of ['dialler', 'listener'].entries())
        figures.push({
          name: `stoq ${tier}, memory per idle channel, ${end}`,
          unit: 'KiB',
          value: ((after[index] ?? 0) - (before[index] ?? 0)) / IDLE_CHANNELS / 1024,
          target: 'for information',
        });
    });
  }
  return figures;
};
