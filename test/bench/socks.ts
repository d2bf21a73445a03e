import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseIp } from '../../main/kernel/proxy/destinations/index.ts';
import { findProgram, freePort, startProgram, untilListening } from '../support/proxy/programs.ts';
import { type Figure, percentile } from './figure.ts';

/** Runs of everything that is compared, one after the other, so that a busy machine is busy for all; the median counts. */
const ROUNDS = 3;
const WARM_SECONDS = 0.5;
const SECONDS = 3;
const OPENINGS = 400;
const ECHOES = 2_000;
const WRITE_BYTES = 256 * 1024;

interface Child {
  readonly first: { at?: string; port: number };
  ask<T>(command: string, input?: Record<string, unknown>): Promise<T>;
  stop(): Promise<void>;
}
const startChild = async (...args: readonly string[]): Promise<Child> => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'children/socks-node.ts'), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`socks-node ${args.join(' ')} ended`);
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
      const exit = once(child, 'exit');
      child.stdin.write('{"command":"stop"}\n');
      await exit;
    },
  };
};

/** One SOCKS server, and what it is asked for to get to the same service. */
interface Way {
  readonly name: string;
  readonly port: number;
  readonly target: { host: string; port: number };
  stop(): Promise<void>;
}
/** What a program does, in the three round trips that RFC 1928 takes. */
const openThrough = async ({ port, target }: Way): Promise<Socket> => {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const answer = async (length: number): Promise<Buffer> => {
    for (;;) {
      const bytes = socket.read(length) as Buffer | null;
      if (bytes !== null) return bytes;
      if (socket.destroyed) throw new Error('the SOCKS server closed the connection');
      await Promise.race([once(socket, 'readable'), once(socket, 'close')]);
    }
  };
  socket.write(Uint8Array.of(5, 1, 0));
  await answer(2);
  const ip = parseIp(target.host);
  if (ip === null) throw new Error(`${target.host} is no address`);
  socket.write(Uint8Array.from([5, 1, 0, ip.family === 4 ? 1 : 4, ...ip.bytes, target.port >> 8, target.port & 255]));
  const head = await answer(4);
  if (head[1] !== 0) throw new Error(`the SOCKS server refused with ${head[1]}`);
  await answer((head[3] === 4 ? 16 : 4) + 2);
  return socket;
};
/** @returns Gbit/s of one connection, until the service has said that all has arrived */
const bulk = async (way: Way, seconds: number): Promise<number> => {
  const socket = await openThrough(way);
  const bytes = Buffer.alloc(WRITE_BYTES, 0x5a);
  let sent = 0;
  const begin = performance.now();
  socket.write(Uint8Array.of(0));
  socket.resume();
  while (performance.now() - begin < seconds * 1000) {
    sent += bytes.length;
    if (!socket.write(bytes)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'end');
  return (sent * 8) / ((performance.now() - begin) / 1000) / 1e9;
};
/** @returns ms from the first packet until the service can be written to, each */
const openings = async (way: Way): Promise<number[]> => {
  const samples: number[] = [];
  for (let count = 0; count < OPENINGS; count++) {
    const begin = performance.now();
    const socket = await openThrough(way);
    if (count >= OPENINGS / 10) samples.push(performance.now() - begin);
    socket.destroy();
  }
  return samples;
};
/** 64 bytes there and back, over one connection. @returns microseconds */
const echoes = async (way: Way): Promise<number[]> => {
  const socket = await openThrough(way);
  socket.write(Uint8Array.of(1));
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

const startService = async (): Promise<{ port: number; stop(): void }> => {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    let echo: boolean | null = null;
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      const first = echo === null;
      echo ??= bytes[0] === 1;
      const rest = first ? bytes.subarray(1) : bytes;
      if (echo && rest.length > 0) socket.write(rest);
    });
    socket.on('end', () => socket.end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as { port: number }).port, stop: () => server.close() };
};
const meshWay = async (tier: string, servicePort: number): Promise<Way> => {
  const lender = await startChild('lender', tier);
  const borrower = await startChild('borrower', tier);
  await borrower.ask('connect', { at: lender.first.at });
  const { address, port } = await lender.ask<{ address: string; port: number }>('expose', {
    target: `127.0.0.1:${servicePort}`,
  });
  return {
    name: `SOCKS5 through two nodes, ${tier}`,
    port: borrower.first.port,
    target: { host: address, port },
    stop: async () => {
      await borrower.stop();
      await lender.stop();
    },
  };
};

/** Our SOCKS server alone and at one end of a mesh, beside one of Debian, to the same service in the same minutes. */
export const benchSocks = async (): Promise<readonly Figure[]> => {
  if (findProgram('microsocks') === null) {
    console.log('  microsocks is not installed, so nothing is compared; on Debian: apt-get install microsocks');
    return [];
  }
  const service = await startService();
  const place = { host: '127.0.0.1', port: service.port };
  const peerPort = await freePort();
  const peer = startProgram('microsocks', ['-i', '127.0.0.1', '-p', String(peerPort)]);
  await untilListening(peerPort);
  const alone = await startChild('alone');
  const PEER = 'microsocks';
  const ways: Way[] = [
    { name: PEER, port: peerPort, target: place, stop: () => peer.stop() },
    { name: 'SOCKS5 alone', port: alone.first.port, target: place, stop: () => alone.stop() },
    await meshWay('quic', service.port),
    await meshWay('tls', service.port),
  ];
  const kept: Record<string, Record<string, number[]>> = {};
  const keep = (what: string, name: string, value: number): void => {
    ((kept[what] ??= {})[name] ??= []).push(value);
  };
  try {
    for (const way of ways) await bulk(way, WARM_SECONDS);
    for (let round = 0; round < ROUNDS; round++)
      for (const way of ways) {
        keep('bulk', way.name, await bulk(way, SECONDS));
        const opened = await openings(way);
        const echoed = await echoes(way);
        for (const [rank, p] of [
          ['p50', 0.5],
          ['p99', 0.99],
        ] as const) {
          keep(`open ${rank}`, way.name, percentile(opened, p));
          keep(`echo ${rank}`, way.name, percentile(echoed, p));
        }
      }
  } finally {
    for (const way of ways) await way.stop();
    service.stop();
  }
  const of = (what: string, name: string): number => percentile(kept[what]?.[name] ?? [], 0.5);
  return ways.slice(1).flatMap(({ name }) => {
    const compared = (what: string, label: string, unit: Figure['unit'], target: string): Figure => ({
      name: `${name}, ${label}`,
      unit,
      value: of(what, name),
      peer: { name: PEER, value: of(what, PEER) },
      ratio: of(what, name) / of(what, PEER),
      target,
    });
    return [
      compared('bulk', 'one connection', 'Gbit/s', 'as near as can be'),
      compared('open p50', 'until connected, p50', 'ms', 'as near as can be'),
      compared('open p99', 'until connected, p99', 'ms', 'as near as can be'),
      compared('echo p50', 'round trip of 64 bytes, p50', 'us', 'as near as can be'),
      compared('echo p99', 'round trip of 64 bytes, p99', 'us', 'as near as can be'),
    ];
  });
};
