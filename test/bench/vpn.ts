import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { compileTunHelper, helpersUnbuildable } from '../../scripts/setup/native-helpers.mjs';
import { createTestNetwork, netnsMissing } from '../support/netns.ts';
import { type Figure, percentile } from './figure.ts';

const OWN = 'fd00:aa::1';
const FAR = 'fd12::34';
/** The plain forward of the child: one listening socket, one to the server, the same pipes between them. */
const PLAIN_PORT = '8084';
const SECONDS = 4;
/** One after the other, so that a busy machine is busy for all; the median counts. The first of each is spent on compiling. */
const ROUNDS = 4;
const CHILD = join(import.meta.dirname, '..', 'support', 'children', 'run-vpn.ts');
const exec = promisify(execFile);

/** What iperf3 measures through the device of the VPN, beside a plain forward of a port in the same process. */
export const benchVpn = async (): Promise<readonly Figure[]> => {
  const missing = netnsMissing ?? helpersUnbuildable();
  if (missing !== null) throw new Error(missing);
  const folder = await mkdtemp(join(tmpdir(), 'hm-vpn-bench-'));
  const helper = join(folder, 'hypermesh-tun');
  const network = createTestNetwork();
  try {
    const { code, stderr } = await compileTunHelper(helper);
    if (code !== 0) throw new Error(stderr);
    network.host('home', { families: [6] });
    const child = network.start('home', CHILD, [helper, OWN, FAR]);
    child.write('up');
    await child.nextLine();
    const inside = (...command: string[]): [string, string[]] => [
      '/usr/sbin/ip',
      ['netns', 'exec', network.namespaceOf('home'), ...command],
    ];
    const gbit = async (...args: string[]): Promise<number> => {
      const server = spawn(...inside('iperf3', '-s', '-1', '-B', '::1'), { stdio: 'ignore' });
      const ended = once(server, 'exit');
      await sleep(500);
      const { stdout } = await exec(...inside('iperf3', '-t', String(SECONDS), '-J', ...args));
      await ended;
      return (
        (JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received
          .bits_per_second / 1e9
      );
    };
    const figures: Figure[] = [];
    for (const [name, direction] of [
      ['to the far side', []],
      ['from the far side', ['-R']],
    ] as const) {
      const vpn: number[] = [];
      const plain: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        vpn.push(await gbit('-c', FAR, ...direction));
        plain.push(await gbit('-c', '::1', '-p', PLAIN_PORT, ...direction));
      }
      const value = percentile(vpn.slice(1), 0.5);
      const peer = percentile(plain.slice(1), 0.5);
      figures.push({
        name: `VPN, one TCP connection ${name}`,
        unit: 'Gbit/s',
        value,
        peer: { name: 'plain forward', value: peer },
        ratio: value / peer,
        target: 'comparison: what a device and a stack of its own cost',
      });
    }
    child.write('quit');
    return figures;
  } finally {
    await network.close();
    await rm(folder, { recursive: true, force: true });
  }
};
