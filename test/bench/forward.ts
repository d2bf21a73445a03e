import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { assetIdOf, createSystemOutside } from '../../main/base/index.ts';
import { verifyRecord } from '../../main/base/crypto/index.ts';
import { formatGlobalAddress, type GlobalAddress, globalAddressOf } from '../../main/kernel/leases/index.ts';
import { createTranslationTable } from '../../main/kernel/proxy/index.ts';
import { createRouteCache } from '../../main/kernel/proxy/routes/cache.ts';
import { encodeRoutePayload, openRoute } from '../../main/kernel/proxy/routes/record.ts';
import {
  findProgram,
  freePort,
  type RunningProgram,
  startProgram,
  startSshd,
  untilListening,
} from '../support/proxy/programs.ts';
import { makePeer } from '../support/stoq/make-peer.ts';
import { createStoqWorkers } from '../support/stoq/test-node.ts';
import { type Figure, percentile } from './figure.ts';

const run = promisify(execFile);
/** Runs of everything that is compared, one after the other, so that a busy machine is busy for all; the median counts. */
const ROUNDS = 3;
const WARM_SECONDS = 1;
const SECONDS = 3;
const ECHOES = 3_000;
const UDP_SECONDS = 2;
const UDP_BYTES = 512;
const CHECKS = 50;
/** Rows of the table, as a machine that lends a lot has. */
const ROWS = 10_000;
const TIERS = ['quic', 'tls'] as const;

interface Child {
  readonly first: { at: string };
  readonly process: ChildProcess;
  ask<T>(command: string, input?: Record<string, unknown>): Promise<T>;
  stop(): Promise<void>;
}
const startNode = async (role: string, tier: string): Promise<Child> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'children/forward-node.ts'), role, tier], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`the ${role} ended`);
    const answer = JSON.parse(line.value) as T & { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  };
  return {
    first: await next(),
    process: child,
    ask: (command, input = {}) => {
      child.stdin.write(`${JSON.stringify({ command, ...input })}\n`);
      return next();
    },
    stop: async () => {
      const exit = once(child, 'exit');
      child.stdin.write('{"command":"stop"}\n');
      await exit;
    },
  };
};

/** One way to the same service: a port of this machine, and who works for it. */
interface Way {
  readonly name: string;
  readonly port: number;
  /** Of the echo service. */
  readonly echoPort: number;
  /** Null where it takes no datagrams. */
  readonly udpPort: number | null;
  readonly pids: () => readonly number[];
  stop(): Promise<void>;
}
interface Services {
  iperf: number;
  echo: number;
}

/** User and system time of processes and what they started; 0 off Linux. */
const cpuSecondsOf = (pids: readonly number[]): number => {
  let total = 0;
  const all = new Set(pids);
  try {
    const parents = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    for (let grown = true; grown; ) {
      grown = false;
      for (const name of parents) {
        if (all.has(Number(name))) continue;
        try {
          const parent = Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]);
          if (all.has(parent)) grown = all.add(Number(name)).size > 0;
        } catch {
          // It has ended meanwhile.
        }
      }
    }
    for (const pid of all) {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      // With children that have ended. Clock ticks are 100 a second on every Linux that people run.
      total += (Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14])) / 100;
    }
  } catch {
    return 0;
  }
  return total;
};

const directWay = ({ iperf, echo }: Services): Way => ({
  name: 'direct',
  port: iperf,
  echoPort: echo,
  udpPort: iperf,
  pids: () => [],
  stop: () => Promise.resolve(),
});
const meshWay = async (tier: string, { iperf, echo }: Services): Promise<Way> => {
  const lender = await startNode('lender', tier);
  const borrower = await startNode('borrower', tier);
  await borrower.ask('connect', { at: lender.first.at });
  const reach = async (target: number, protocol: string, localPort = 0): Promise<number> => {
    const exposed = await lender.ask<{ address: string; port: number }>('expose', {
      target: `127.0.0.1:${target}`,
      protocol,
    });
    return (await borrower.ask<{ port: number }>('reach', { ...exposed, protocol, localPort })).port;
  };
  const port = await reach(iperf, 'tcp', await freePort());
  const udpPort = await reach(iperf, 'udp', port);
  return {
    name: `forward, ${tier}`,
    port,
    udpPort,
    echoPort: await reach(echo, 'tcp', await freePort()),
    pids: () => [lender, borrower].flatMap(({ process: { pid } }) => (pid === undefined ? [] : [pid])),
    stop: async () => {
      await borrower.stop();
      await lender.stop();
    },
  };
};
const socatWay = async ({ iperf, echo }: Services): Promise<Way> => {
  const [port, echoPort] = [await freePort(), await freePort()];
  const options = 'bind=127.0.0.1,reuseaddr,fork,nodelay';
  // 64 KiB at once, as the forward reads; 8 KiB by default.
  const programs = [
    startProgram('socat', ['-b', '65536', `TCP4-LISTEN:${port},${options}`, `TCP4:127.0.0.1:${iperf},nodelay`]),
    startProgram('socat', ['-b', '65536', `TCP4-LISTEN:${echoPort},${options}`, `TCP4:127.0.0.1:${echo},nodelay`]),
    startProgram('socat', ['-T', '5', `UDP4-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`, `UDP4:127.0.0.1:${iperf}`]),
  ];
  for (const one of [port, echoPort]) await untilListening(one);
  return {
    name: 'socat',
    port,
    echoPort,
    udpPort: port,
    pids: () => pidsOf(programs),
    stop: async () => {
      for (const one of programs) await one.stop();
    },
  };
};
const sshWay = async ({ iperf, echo }: Services): Promise<Way> => {
  const sshd = await startSshd();
  const [port, echoPort] = [await freePort(), await freePort()];
  const forwards = [
    [port, iperf],
    [echoPort, echo],
  ].flatMap(([from, to]) => ['-L', `127.0.0.1:${from}:127.0.0.1:${to}`]);
  const client = startProgram('ssh', ['-N', ...forwards, ...sshd.client]);
  for (const one of [port, echoPort]) await untilListening(one);
  return {
    name: 'ssh -L',
    port,
    echoPort,
    udpPort: null,
    pids: () => [sshd.pid, ...pidsOf([client])],
    stop: async () => {
      await client.stop();
      await sshd.stop();
    },
  };
};
const pidsOf = (programs: readonly RunningProgram[]): number[] =>
  programs.flatMap(({ child: { pid } }) => (pid === undefined ? [] : [pid]));

interface IperfEnd {
  sum_received: { bits_per_second: number; bytes: number; seconds: number; packets?: number; lost_packets?: number };
}
const iperf = async (port: number, ...args: readonly string[]): Promise<IperfEnd['sum_received']> => {
  const { stdout } = await run(findProgram('iperf3') ?? 'iperf3', [
    '-J',
    '-c',
    '127.0.0.1',
    '-p',
    String(port),
    ...args,
  ]);
  return (JSON.parse(stdout) as { end: IperfEnd }).end.sum_received;
};
/** 64 bytes there and back, over one connection. @returns microseconds */
const echoes = async (port: number): Promise<number[]> => {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  const bytes = new Uint8Array(64);
  const samples: number[] = [];
  let missing = 0;
  let wake = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    missing -= chunk.length;
    if (missing === 0) wake();
  });
  for (let count = 0; count < ECHOES; count++) {
    const begin = performance.now();
    missing = bytes.length;
    const back = new Promise<void>((resolve) => {
      wake = resolve;
    });
    socket.write(bytes);
    await back;
    if (count >= ECHOES / 10) samples.push((performance.now() - begin) * 1000);
  }
  socket.destroy();
  return samples;
};

const median = (values: readonly number[]): number => percentile(values, 0.5);
type Kept = Record<string, Record<string, number[]>>;

/** Throughput, added latency and datagrams a second of a forward, beside socat and ssh -L between the same two ends. */
export const benchForward = async (): Promise<readonly Figure[]> => {
  for (const program of ['iperf3', 'socat', 'ssh', 'sshd'])
    if (findProgram(program) === null) {
      console.log(
        `  ${program} is not installed; on Debian: apt-get install iperf3 socat openssh-client openssh-server`,
      );
      return [];
    }
  const services = { iperf: await freePort(), echo: 0 };
  const server = startProgram('iperf3', ['-s', '-p', String(services.iperf)]);
  const echo = createServer({ noDelay: true }, (socket) => socket.on('error', () => undefined).pipe(socket)).listen(
    0,
    '127.0.0.1',
  );
  await once(echo, 'listening');
  services.echo = (echo.address() as { port: number }).port;
  await untilListening(services.iperf);
  const ways = [
    directWay(services),
    await socatWay(services),
    await sshWay(services),
    ...(await Promise.all(TIERS.map((tier) => meshWay(tier, services)))),
  ];
  const kept: Kept = {};
  const keep = (what: string, name: string, value: number): void => {
    ((kept[what] ??= {})[name] ??= []).push(value);
  };
  try {
    for (const { port } of ways) await iperf(port, '-t', String(WARM_SECONDS));
    for (let round = 0; round < ROUNDS; round++)
      for (const { name, port, echoPort, udpPort, pids } of ways) {
        for (const streams of [1, 8]) {
          const before = cpuSecondsOf(pids());
          const bulk = await iperf(port, '-t', String(SECONDS), '-P', String(streams));
          keep(`${streams}`, name, bulk.bits_per_second / 1e9);
          if (streams === 1) keep('cpu', name, (cpuSecondsOf(pids()) - before) / (bulk.bytes / 1e9));
        }
        const samples = await echoes(echoPort);
        keep('p50', name, percentile(samples, 0.5));
        keep('p99', name, percentile(samples, 0.99));
        if (udpPort === null) continue;
        const {
          packets = 0,
          lost_packets: lost = 0,
          seconds,
        } = await iperf(udpPort, '-u', '-b', '0', '-l', String(UDP_BYTES), '-t', String(UDP_SECONDS));
        keep('udp', name, (packets - lost) / seconds);
        await sleep(100);
      }
  } finally {
    for (const way of ways) await way.stop();
    await server.stop();
    echo.close();
  }
  const of = (what: string, name: string): number => median(kept[what]?.[name] ?? [Number.NaN]);
  const figures: Figure[] = [];
  for (const tier of TIERS) {
    const name = `forward, ${tier}`;
    for (const peer of ['ssh -L', 'socat', 'direct']) {
      for (const streams of ['1', '8'])
        figures.push({
          name: `TCP ${name}, ${streams === '1' ? 'one stream' : 'eight streams'}`,
          unit: 'Gbit/s',
          value: of(streams, name),
          peer: { name: peer, value: of(streams, peer) },
          ratio: of(streams, name) / of(streams, peer),
          target: peer === 'ssh -L' ? 'at least ssh -L' : 'as near as can be',
          ...(peer === 'ssh -L' && { reached: of(streams, name) >= of(streams, peer) }),
        });
      if (peer !== 'direct')
        figures.push({
          name: `TCP ${name}, processor time`,
          unit: 's/GB',
          value: of('cpu', name),
          peer: { name: peer, value: of('cpu', peer) },
          ratio: of('cpu', name) / of('cpu', peer),
          target: 'comparison',
        });
    }
    for (const rank of ['p50', 'p99'])
      for (const peer of ['ssh -L', 'socat']) {
        const [own, other] = [of(rank, name) - of('p50', 'direct'), of(rank, peer) - of('p50', 'direct')];
        figures.push({
          name: `TCP ${name}, added round trip of 64 bytes, ${rank}`,
          unit: 'us',
          value: own,
          peer: { name: peer, value: other },
          ratio: own / other,
          target: peer === 'ssh -L' ? 'at most that of ssh -L' : 'as near as can be',
          ...(peer === 'ssh -L' && { reached: own <= other }),
        });
      }
    figures.push({
      name: `UDP ${name}, datagrams of ${UDP_BYTES} bytes a second`,
      unit: 'count',
      value: of('udp', name),
      peer: { name: 'socat', value: of('udp', 'socat') },
      ratio: of('udp', name) / of('udp', 'socat'),
      target: 'as near as can be',
    });
  }
  return figures;
};

/** What each opening looks up, at ten thousand rows; what a record costs that was found, and one that is cached. */
export const benchLookups = async (): Promise<readonly Figure[]> => {
  const table = createTranslationTable({ clock: createSystemOutside().clock });
  const addressAt = (number: number): GlobalAddress => {
    const bytes = new Uint8Array(16);
    bytes[0] = 0xfd;
    new DataView(bytes.buffer).setUint32(12, number);
    return formatGlobalAddress(bytes);
  };
  const cache = createRouteCache({ clock: createSystemOutside().clock });
  const plain = new Map<string, number>();
  const addresses = Array.from({ length: ROWS }, (_, number) => addressAt(number));
  for (const address of addresses) {
    table.add({
      address,
      protocol: 'tcp',
      port: 80,
      target: { kind: 'socket', host: 'localhost', port: 80 },
      terms: {
        privacyLevel: 'P2P',
        privacyNames: [],
        allocationType: 'Public',
        proxy: { relaysAllowed: true, exitAllowed: false },
      },
      lease: null,
      expiresAtMs: null,
      idleMs: null,
    });
    plain.set(address, 80);
  }
  const time = (look: (address: GlobalAddress) => unknown): number => {
    for (const address of addresses) look(address);
    const begin = performance.now();
    for (const address of addresses) look(address);
    return ((performance.now() - begin) * 1000) / ROWS;
  };
  const own = time((address) => table.find(address, 'tcp', 80));
  const floor = time((address) => plain.get(address));
  table.stop();
  const { clock } = createSystemOutside();
  const { signer } = makePeer(1);
  const asset = assetIdOf('service', { v: 1 });
  const issuedAtMs = clock.nowMs();
  const address = globalAddressOf(signer.keys, asset);
  const content = { address, asset, services: [], relaysAllowed: true, sequence: 1, revoked: false, issuedAtMs };
  const encoded = await signer.sign('route', encodeRoutePayload({ ...content, expiresAtMs: issuedAtMs + 43_200_000 }));
  const workers = createStoqWorkers();
  const checks: number[] = [];
  const hashes: number[] = [];
  for (let count = 0; count < CHECKS; count++) {
    let begin = performance.now();
    const route = await openRoute(workers, encoded);
    checks.push(performance.now() - begin);
    begin = performance.now();
    verifyRecord(encoded, { domain: 'route' });
    hashes.push(performance.now() - begin);
    cache.put(route);
  }
  const cached = time(() => cache.get(address));
  const [check, verify] = [median(checks), median(hashes)];
  return [
    {
      name: 'route record, checked, p50',
      unit: 'ms',
      value: check,
      peer: { name: 'its two signatures alone', value: verify },
      ratio: check / verify,
      target: '< 10 ms',
      reached: check < 10,
    },
    {
      name: 'route, from the cache',
      unit: 'us',
      value: cached,
      peer: { name: 'a bare map of texts', value: floor },
      ratio: cached / floor,
      target: '< 1000 us',
      reached: cached < 1000,
    },
    {
      name: `translation table, one lookup of ${ROWS} rows`,
      unit: 'us',
      value: own,
      peer: { name: 'a bare map of texts', value: floor },
      ratio: own / floor,
      target: '< 1000 us',
      reached: own < 1000,
    },
  ];
};
