import { execFile, spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VpnView } from '../../preload/contract/index.ts';
import { compileTunHelper, helpersUnbuildable } from '../../scripts/setup/native-helpers.mjs';
import { createTestNetwork, type HostChild, netnsMissing, type TestNetwork } from '../support/netns.ts';

// The real helper and the real stack in a name space of their own, used by ordinary programs that know nothing of them.

const OWN = 'fd00:aa::1';
const FAR = 'fd12::34';
const NOBODY = 'fd13::1';
const CHILD = join(import.meta.dirname, '..', 'support', 'children', 'run-vpn.ts');
const missingPrograms = ['/usr/bin/busybox', '/usr/bin/curl', '/usr/bin/iperf3', '/usr/bin/socat'].filter(
  (program) => !existsSync(program) && !existsSync(program.replace('/usr', '')),
);
const why =
  netnsMissing ??
  helpersUnbuildable() ??
  (existsSync('/dev/net/tun') ? null : 'there is no /dev/net/tun here') ??
  (missingPrograms.length > 0 ? `${missingPrograms.join(', ')} not installed` : null);
const exec = promisify(execFile);

describe.skipIf(why !== null)(`the VPN in a name space (${why ?? 'with the real helper'})`, () => {
  let folder = '';
  let helper = '';
  let network: TestNetwork;
  let child: HostChild;
  const tell = async (line: string): Promise<VpnView> => {
    child.write(line);
    return JSON.parse(await child.nextLine()) as VpnView;
  };
  const inside = (...command: string[]): [string, string[]] => [
    '/usr/sbin/ip',
    ['netns', 'exec', network.namespaceOf('home'), ...command],
  ];
  const run = async (...command: string[]): Promise<string> =>
    (await exec(...inside(...command), { timeout: 60_000, maxBuffer: 2 ** 26 })).stdout;
  /** @returns code and output, of programs that are meant to fail as well */
  const attempt = (...command: string[]): { status: number | null; text: string } => {
    const { status, stdout, stderr } = spawnSync(...inside(...command), { encoding: 'utf8', timeout: 60_000 });
    return { status, text: `${stdout}${stderr}` };
  };
  const helperPids = (): number[] =>
    (attempt('/bin/sh', '-c', `ip netns pids ${network.namespaceOf('home')}`).text.match(/\d+/g) ?? [])
      .map(Number)
      .filter((pid) => spawnSync('readlink', [`/proc/${pid}/exe`], { encoding: 'utf8' }).stdout.trim() === helper);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hm-vpn-'));
    helper = join(folder, 'hypermesh-tun');
    const { code, stderr } = await compileTunHelper(helper);
    if (code !== 0) throw new Error(stderr);
    network = createTestNetwork();
    network.host('home', { families: [6] });
    child = network.start('home', CHILD, [helper, OWN, FAR]);
  }, 120_000);
  afterAll(async () => {
    await child?.kill('SIGTERM');
    await network?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('comes up', async () => {
    expect(await tell('view')).toMatchObject({ state: 'down', device: null });
    expect(await tell('up')).toMatchObject({ state: 'up', reason: '', device: 'hm0', address: OWN });
  });
  it('makes a device with one address and one route, beside which more exact ones win', async () => {
    const addresses = await run('ip', '-6', '-o', 'addr', 'show', 'dev', 'hm0', 'scope', 'global');
    expect(addresses).toContain(`${OWN}/128`);
    expect(addresses.trim().split('\n')).toHaveLength(1);
    expect(await run('ip', '-6', 'route', 'show', 'fd00::/8')).toContain('dev hm0');
    await run('ip', '-6', 'addr', 'add', 'fd77::1/64', 'dev', 'lo');
    expect(await run('ip', '-6', 'route', 'get', 'fd77::2')).not.toContain('hm0');
    expect(await run('ip', '-6', 'route', 'get', FAR)).toContain(`src ${OWN}`);
  });
  it('has a helper without any right, which nobody can look into', async () => {
    const [pid, ...more] = helperPids();
    expect(more).toEqual([]);
    const status = await run('cat', `/proc/${pid}/status`);
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(status).toMatch(new RegExp(`${set}:\\s0+\n`));
    expect(status).toMatch(/NoNewPrivs:\s1\n/);
    expect(status).toMatch(/Seccomp:\s2\n/);
    const open = await run('ls', `/proc/${pid}/fd`);
    expect(open.trim().split('\n')).toEqual(['0', '1', '2', '3']);
  });
  it('answers ping for who is there, and says that nobody is where nobody is', () => {
    expect(attempt('busybox', 'ping6', '-c', '2', '-W', '2', FAR)).toMatchObject({ status: 0 });
    expect(attempt('busybox', 'ping6', '-c', '1', '-W', '2', NOBODY).status).not.toBe(0);
  });
  it('carries web pages for curl, there and back', async () => {
    const page = await run('curl', '-sS', `http://[${FAR}]:8080/`);
    expect([page.length, page.slice(0, 10)]).toEqual([1024 * 1024, 'hypermesh ']);
    const file = join(folder, 'upload');
    writeFileSync(file, randomBytes(20_000_000));
    expect(await run('curl', '-sS', '--data-binary', `@${file}`, `http://[${FAR}]:8080/`)).toBe('20000000');
  });
  it('tells programs apart why not', () => {
    const url = (host: string, port: number): string[] => [
      'curl',
      '-sS',
      '-v',
      '-m',
      '10',
      `http://[${host}]:${port}/`,
    ];
    expect(attempt(...url(FAR, 9999)).text).toContain('Connection refused');
    expect(attempt(...url(NOBODY, 80)).text).toContain('No route to host');
    expect(attempt(...url(FAR, 8083)).text).toContain('Permission denied');
  });
  it('carries many connections at once, every byte of them', async () => {
    const echo = (bytes: Buffer): Promise<string> =>
      new Promise((resolve, reject) => {
        const socat = spawn(...inside('socat', '-t', '20', '-', `TCP6:[${FAR}]:8082`), {
          stdio: ['pipe', 'pipe', 'inherit'],
        });
        const hash = createHash('sha256');
        socat.stdout.on('data', (data: Buffer) => hash.update(data));
        socat.once('error', reject);
        socat.once('close', () => resolve(hash.digest('hex')));
        socat.stdin.on('error', () => undefined);
        socat.stdin.end(bytes);
      });
    const all = Array.from({ length: 12 }, (_, n) => randomBytes(300_000 * (n + 1)));
    const hashes = await Promise.all(all.map(echo));
    expect(hashes).toEqual(all.map((bytes) => createHash('sha256').update(bytes).digest('hex')));
  });
  it('carries datagrams, the largest too, and says where none may go', () => {
    const ask = (text: string, port: number): string =>
      spawnSync(...inside('socat', '-b', '65000', '-t', '1', '-', `UDP6:[${FAR}]:${port}`), {
        encoding: 'utf8',
        input: text,
      }).stdout;
    expect(ask('question', 8081)).toBe('question');
    const large = 'x'.repeat(60_000);
    expect(ask(large, 8081)).toBe(large);
    const refused = spawnSync(...inside('socat', '-t', '2', '-', `UDP6:[${FAR}]:8083`), {
      encoding: 'utf8',
      input: 'x',
    });
    expect(refused.stderr).toContain('Permission denied');
  });
  it('carries what iperf3 measures, both ways', async () => {
    for (const direction of [[], ['-R']]) {
      const server = spawn(...inside('iperf3', '-s', '-1', '-B', '::1'), { stdio: 'ignore' });
      await new Promise((resolve) => setTimeout(resolve, 500));
      const { end } = JSON.parse(await run('iperf3', '-c', FAR, '-t', '2', '-J', ...direction)) as {
        end: { sum_received: { bits_per_second: number } };
      };
      // A tenth of what a machine with two busy cores does: the figure itself is the bench's.
      expect(end.sum_received.bits_per_second).toBeGreaterThan(20e6);
      if (server.exitCode === null) await new Promise((resolve) => server.once('exit', resolve));
    }
  }, 60_000);
  it('counts what it carries', async () => {
    const view = await tell('view');
    expect(view.sentBytes).toBeGreaterThan(20_000_000);
    expect(view.receivedBytes).toBeGreaterThan(1_000_000);
    expect(view.sentPackets).toBeGreaterThan(100);
    expect(view.receivedPackets).toBeGreaterThan(100);
  });
  it('leaves a device, and a route, that are somebody else’s alone', async () => {
    const tried = attempt(helper, 'hm5', '9000', 'fd00:bb::1');
    expect(tried.status).toBe(2);
    expect(tried.text).toContain('ROUTE_TAKEN');
    expect(await tell('down')).toMatchObject({ state: 'down' });
    await run('ip', 'tuntap', 'add', 'hm0', 'mode', 'tun');
    expect(attempt(helper, 'hm0', '9000', 'fd00:bb::1').text).toContain('NAME_TAKEN');
    expect(await tell('up')).toMatchObject({ state: 'up', device: 'hm1' });
    await run('ip', 'link', 'del', 'hm0');
  });
  it('takes the right from a file, and says how to give it when it has none', async () => {
    await tell('down');
    // No root by its number, nor by what it may do: an ordinary account.
    const asPerson = (...command: string[]): { status: number | null; text: string } =>
      attempt('setpriv', '--reuid=4242', '--regid=4242', '--clear-groups', '--inh-caps=-all', ...command);
    await exec('chmod', ['755', folder]);
    expect(asPerson(helper, 'hm0', '9000', OWN).text).toContain('NO_PERMISSION');
    await exec('/usr/sbin/setcap', ['cap_net_admin+ep', helper]);
    expect(asPerson(helper, 'hm0', '9000', OWN)).toMatchObject({ status: 0, text: '{"ready":"hm0","sentence":""}\n' });
    // An account of a service is none of a person.
    expect(attempt('setpriv', '--reuid=33', '--regid=33', '--clear-groups', helper, 'hm0', '9000', OWN).text).toContain(
      'Accounts of services',
    );
    expect(await tell('up')).toMatchObject({ state: 'up' });
  });
  it('goes with its device when whoever started it is killed', async () => {
    expect(helperPids()).toHaveLength(1);
    await child.kill('SIGKILL');
    for (let tries = 0; helperPids().length > 0 && tries < 100; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(helperPids()).toEqual([]);
    expect(await run('ip', '-o', 'link')).not.toMatch(/ hm\d/);
  });
});
