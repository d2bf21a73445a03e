import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../main/base/index.ts';
import { createTlsCarrier } from '../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address } from '../../main/transport/stoq/index.ts';
import { befriend, type ProxyNode, startProxyNode } from '../support/proxy/proxy-node.ts';
import {
  findProgram,
  freePort,
  missingPrograms,
  startProgram,
  startSshd,
  untilListening,
} from '../support/proxy/programs.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { createStoqWorkers } from '../support/stoq/test-node.ts';

// Programs that people use, through forwards between two nodes over TLS on loopback.

const run = promisify(execFile);
const outside = createSystemOutside();
const workers = createStoqWorkers();
const components = { outside, logger: createSilentLogger(), metrics: null };
const carriers = [createTlsCarrier(components), createTlsCarrier(components)] as const;
let lender: ProxyNode;
let borrower: ProxyNode;

/** Exposes a port of the lender's machine and brings it to one of the borrower's. @returns that port */
const forward = async (target: number, protocol: 'tcp' | 'udp', localPort = 0): Promise<number> => {
  const { address, port } = await lender.tunnels.expose({
    target: `127.0.0.1:${target}`,
    protocol,
    port: 0,
    name: '',
    privacyLevel: 'P2P',
    privacyNames: [],
    relaysAllowed: true,
  });
  const { listen } = await borrower.tunnels.reach({ address, port, protocol, localPort, route: 'direct' });
  return Number(listen.slice(listen.lastIndexOf(':') + 1));
};
/** Skips with the reason where a program is not there. */
const needs = (skip: (note: string) => void, ...names: readonly string[]): void => {
  const missing = missingPrograms(...names);
  if (missing.length > 0) skip(`${missing.join(', ')} is not installed`);
};
const program = (name: string): string => findProgram(name) ?? name;

beforeAll(async () => {
  const start = (seed: number, at: 0 | 1): Promise<ProxyNode> =>
    startProxyNode({ outside, workers }, { seed, carriers: [carriers[at]], listen: '/ip6/::1/tcp/0/tls' as Address });
  lender = await start(31, 0);
  borrower = await start(32, 1);
  const [at] = lender.stoq.endpoint.addresses();
  if (at === undefined) throw new Error('the lender listens nowhere');
  befriend(borrower, lender, at);
  await borrower.stoq.endpoint.connect(lender.peerId);
});
afterAll(async () => {
  await borrower.stop();
  await lender.stop();
  for (const carrier of carriers) await carrier.stop();
});

describe('through a forward', () => {
  it('curl fetches a large file whole', async ({ skip }) => {
    needs(skip, 'curl', 'sha256sum');
    const body = Buffer.alloc(20_000_000, 'one two three ');
    const server = createServer((_request, response) => response.end(body)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = await forward((server.address() as { port: number }).port, 'tcp');
    for (const host of ['127.0.0.1', '[::1]']) {
      const { stdout } = await run('/bin/sh', [
        '-c',
        `${program('curl')} -sS --fail http://${host}:${port}/ | ${program('sha256sum')}`,
      ]);
      expect(stdout.split(' ')[0]).toBe(
        await import('node:crypto').then(({ createHash }) => createHash('sha256').update(body).digest('hex')),
      );
    }
    server.close();
  });

  it('ssh runs a command and carries its input and output', async ({ skip }) => {
    needs(skip, 'ssh', 'sshd', 'ssh-keygen');
    const sshd = await startSshd();
    try {
      const port = await forward(sshd.port, 'tcp');
      const { stdout } = await run(program('ssh'), [
        ...sshd.clientAt(port),
        'head -c 3000000 /dev/zero | wc -c; echo done',
      ]);
      expect(stdout.trim().split(/\s+/)).toEqual(['3000000', 'done']);
    } finally {
      await sshd.stop();
    }
  });

  it('iperf3 measures TCP both ways and UDP', async ({ skip }) => {
    needs(skip, 'iperf3');
    const port = await freePort();
    const server = startProgram('iperf3', ['-s', '-p', String(port)]);
    try {
      await untilListening(port);
      const local = await forward(port, 'tcp', await freePort());
      await forward(port, 'udp', local);
      const iperf = async (
        ...args: readonly string[]
      ): Promise<{ bytes: number; packets?: number; lost_packets?: number }> => {
        const { stdout } = await run(program('iperf3'), [
          '-J',
          '-c',
          '127.0.0.1',
          '-p',
          String(local),
          '-t',
          '1',
          ...args,
        ]);
        return (
          JSON.parse(stdout) as { end: { sum_received: { bytes: number; packets?: number; lost_packets?: number } } }
        ).end.sum_received;
      };
      expect((await iperf('-P', '4')).bytes).toBeGreaterThan(1_000_000);
      expect((await iperf('-R')).bytes).toBeGreaterThan(1_000_000);
      const { packets = 0, lost_packets: lost = 0 } = await iperf('-u', '-b', '2M', '-l', '1000');
      expect(packets).toBeGreaterThan(100);
      expect(lost).toBeLessThan(packets / 2);
    } finally {
      await server.stop();
    }
  });

  it('dig asks a name server', async ({ skip }) => {
    needs(skip, 'dig');
    // Answers every question with one address; RFC 1035, section 4.
    const server = createSocket('udp4');
    server.on('message', (question, from) => {
      const end = question.indexOf(0, 12) + 5;
      const header = Buffer.from([question[0] ?? 0, question[1] ?? 0, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
      const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
      server.send(Buffer.concat([header, question.subarray(12, end), answer]), from.port, from.address);
    });
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const port = await forward(server.address().port, 'udp');
    for (const host of ['127.0.0.1', '::1']) {
      const { stdout } = await run(program('dig'), [
        `@${host}`,
        '-p',
        String(port),
        '+short',
        '+noedns',
        'far.example',
        'A',
      ]);
      expect(stdout.trim()).toBe('192.0.2.7');
    }
    server.close();
  });
});
