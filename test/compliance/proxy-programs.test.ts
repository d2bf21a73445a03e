import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createWebServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { createSystemOutside } from '../../main/base/index.ts';
import { createProxies } from '../../main/kernel/proxy/forwarders/index.ts';
import { labelOfAddress } from '../../main/kernel/proxy/forwarders/names/name.ts';
import type { LocalProxy, LocalProxyInit } from '../../main/kernel/proxy/interface.ts';
import type { GlobalAddress, LeaseId } from '../../main/kernel/leases/index.ts';
import { createDirectDialer, type DirectDialer, refusedThere } from '../support/proxy/direct-dialer.ts';
import { ask, bridgeUdp, CONNECT, domain, ip6, openSocksClient } from '../support/proxy/socks-client.ts';

// Programs that people have, against the proxies of this machine: what they say is no wish of ours.

const { clock } = createSystemOutside();
const LEASE = `lease-${'0f'.repeat(16)}` as LeaseId;
const ADDRESS = 'fd5e:1::7' as GlobalAddress;
const BYTES = [0xfd, 0x5e, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
const BIG = Buffer.alloc(8 * 1024 * 1024, 'a page of many letters; ');
const PAGE = `<!doctype html><title>far page</title><h1>far</h1><script>
const socket = new WebSocket('ws://' + location.host + '/live');
socket.onopen = () => socket.send('browser');
socket.onmessage = ({ data }) => { document.querySelector('h1').textContent = data };
</script>`;

const has = (program: string): boolean => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
const hasDig = spawnSync('dig', ['-v'], { stdio: 'ignore' }).error === undefined;
const browserPath =
  process.env['HYPERMESH_TEST_BROWSER'] ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync) ??
  '';

let folder: string;
let dialer: DirectDialer;
let webPort: number;
const seen: { line: string; headers: readonly string[] }[] = [];
const open: (() => unknown)[] = [];
const start = async (kind: 'socks' | 'http' | 'names', init: Partial<LocalProxyInit> = {}): Promise<LocalProxy> => {
  const proxy = await createProxies({ clock, dialer, metrics: null })(kind, {
    port: 0,
    lease: LEASE,
    username: '',
    password: '',
    names: () => [{ name: 'photos', protocol: 'http', address: ADDRESS, port: 8080 }],
    ...init,
  });
  open.push(() => proxy.stop());
  return proxy;
};
/** Runs a program of the system to its end, without its settings of proxies. */
const run = async (
  program: string,
  args: readonly string[],
): Promise<{ code: number | null; stdout: Buffer; stderr: string }> => {
  const child: ChildProcess = spawn(program, args, {
    env: { PATH: process.env['PATH'], HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const parts: Buffer[] = [];
  let stderr = '';
  child.stdout?.on('data', (part: Buffer) => parts.push(part));
  child.stderr?.on('data', (part: Buffer) => (stderr += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(parts), stderr };
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hypermesh-programs-'));
  const web = createWebServer((message, response) => {
    seen.push({ line: `${message.method} ${message.url}`, headers: message.rawHeaders });
    const hash = createHash('sha256');
    message.on('data', (part: Buffer) => hash.update(part));
    message.on('end', () => {
      if (message.url === '/big') response.end(BIG);
      else if (message.url === '/page') response.writeHead(200, { 'Content-Type': 'text/html' }).end(PAGE);
      else if (message.url === '/away') response.writeHead(302, { Location: 'http://127.0.0.1:9/inside' }).end();
      else response.end(`far ${hash.digest('hex')}`);
    });
  });
  const sockets = new WebSocketServer({ server: web, path: '/live' });
  sockets.on('connection', (client) =>
    client.on('message', (text) => client.send(`far ${(text as Buffer).toString()}`)),
  );
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  open.push(() => {
    web.close();
    web.closeAllConnections();
  });
  webPort = (web.address() as AddressInfo).port;
  dialer = createDirectDialer((target) => {
    if (target.kind === 'exit' && target.host === 'refused.example') throw refusedThere('destination');
    return { host: '127.0.0.1', port: webPort };
  });
});
afterAll(async () => {
  for (const close of open.reverse()) await close();
  await rm(folder, { recursive: true, force: true });
});

describe.runIf(has('curl'))('curl', () => {
  const curl = async (...args: string[]) =>
    run('curl', ['--silent', '--show-error', '--max-time', '30', '--noproxy', '', ...args]);

  it('goes through SOCKS 5 with the name left to the far side, and by address', async () => {
    const { listen } = await start('socks');
    dialer.asked.length = 0;
    const byName = await curl('--socks5-hostname', `127.0.0.1:${listen.port}`, 'http://example.org:8080/big');
    expect(byName.code).toBe(0);
    expect(byName.stdout.equals(BIG)).toBe(true);
    const byAddress = await curl('--socks5', `127.0.0.1:${listen.port}`, `http://[${ADDRESS}]:8080/`);
    expect(byAddress.stdout.toString()).toMatch(/^far /);
    expect(dialer.asked).toEqual([`exit example.org 8080 ${LEASE}`, `service ${ADDRESS} 8080`]);
  });

  it('shows a name and a password, and is told when they are wrong', async () => {
    const { listen } = await start('socks', { username: 'ana', password: 'open sesame' });
    expect((await curl('-x', `socks5h://ana:open%20sesame@127.0.0.1:${listen.port}`, 'http://example.org/')).code).toBe(
      0,
    );
    const wrong = await curl('-x', `socks5h://ana:sesame@127.0.0.1:${listen.port}`, 'http://example.org/');
    expect(wrong.code).toBe(97);
    expect((await curl('-x', `socks5h://127.0.0.1:${listen.port}`, 'http://example.org/')).code).toBe(97);
  });

  it('is told what is refused', async () => {
    const { listen } = await start('socks');
    const refused = await curl('-x', `socks5h://127.0.0.1:${listen.port}`, 'http://refused.example/');
    expect([refused.code, refused.stderr]).toEqual([97, expect.stringContaining('(2)')]);
    const http = await start('http');
    const status = await curl(
      '-x',
      `http://127.0.0.1:${http.listen.port}`,
      '-w',
      '%{http_code}',
      'http://refused.example/',
    );
    expect(status.stdout.toString()).toMatch(/The far side says destination\.\n403$/);
  });

  it('goes through the HTTP proxy, plainly and by CONNECT, with what it sends', async () => {
    const { listen } = await start('http', { username: 'ana', password: 'x' });
    const proxy = ['-x', `http://ana:x@127.0.0.1:${listen.port}`];
    const file = join(folder, 'upload');
    await writeFile(file, BIG);
    const digest = createHash('sha256').update(BIG).digest('hex');
    for (const how of [[], ['--proxytunnel'], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect: 100-continue']]) {
      const { code, stdout } = await curl(...proxy, ...how, '-T', file, `http://[${ADDRESS}]:8080/`);
      expect([code, stdout.toString()]).toEqual([0, `far ${digest}`]);
    }
    expect((await curl(...proxy, 'http://example.org/big')).stdout.equals(BIG)).toBe(true);
    expect(
      (
        await curl('-x', `http://ana:y@127.0.0.1:${listen.port}`, '-w', '%{http_code}', 'http://example.org/')
      ).stdout.toString(),
    ).toMatch(/407$/);
  });

  it('gets a redirect as it is: where it leads is for curl to say', async () => {
    const { listen } = await start('http');
    dialer.asked.length = 0;
    const { stdout } = await curl(
      '-x',
      `http://127.0.0.1:${listen.port}`,
      '-w',
      '%{http_code} %{redirect_url}',
      'http://example.org/away',
    );
    expect(stdout.toString()).toBe('302 http://127.0.0.1:9/inside');
    expect(dialer.asked).toHaveLength(1);
  });

  it('finds web servers by their names of this machine', async () => {
    const { listen } = await start('names');
    const at = (host: string) =>
      curl('--resolve', `${host}:${listen.port}:127.0.0.1`, `http://${host}:${listen.port}/`);
    expect((await at('photos.localhost')).stdout.toString()).toMatch(/^far /);
    expect((await at(`${labelOfAddress(BYTES)}.localhost`)).stdout.toString()).toMatch(/^far /);
    expect((await at('evil.example')).stdout.toString()).toContain('.localhost');
  });
});

describe.runIf(hasDig)('dig', () => {
  it('asks a far name server over UDP ASSOCIATE', async () => {
    const server = createSocket('udp4');
    server.on('message', (query, from) => {
      // The question again, and one answer: 192.0.2.7 for whatever was asked (RFC 1035, section 4.1).
      const end = query.indexOf(0, 12) + 5;
      const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
      const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7]);
      server.send(Buffer.concat([head, query.subarray(12, end), answer]), from.port, from.address);
    });
    await new Promise<void>((resolve) => {
      server.bind(0, '127.0.0.1', resolve);
    });
    const far = createDirectDialer(() => ({ host: '127.0.0.1', port: server.address().port }));
    const proxy = await createProxies({ clock, dialer: far, metrics: null })('socks', {
      port: 0,
      lease: LEASE,
      username: '',
      password: '',
      names: () => [],
    });
    for (const [address, asked] of [
      [domain('dns.example'), `exit dns.example 53 ${LEASE}`],
      [ip6(0xfd5e, 1, 0, 0, 0, 0, 0, 7), `service ${ADDRESS} 53`],
    ] as const) {
      const bridge = await bridgeUdp(proxy.listen.port, address, 53);
      const { stdout } = await run('dig', [
        '+short',
        '+tries=1',
        '+time=5',
        '+noedns',
        '-p',
        String(bridge.port),
        '@127.0.0.1',
        'a.example',
        'A',
      ]);
      bridge.close();
      expect(stdout.toString()).toBe('192.0.2.7\n');
      expect(far.asked.at(-1)).toBe(asked);
    }
    await proxy.stop();
    server.close();
  });
});

describe.runIf(browserPath !== '')('a browser', () => {
  const browse = async (args: readonly string[], url: string): Promise<string> => {
    const profile = await mkdtemp(join(folder, 'profile-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: browserPath,
      chromiumSandbox: process.getuid?.() !== 0,
      args: [
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        ...args,
      ],
    });
    try {
      const page = await context.newPage();
      await page.goto(url, { timeout: 20_000 });
      await page.getByRole('heading', { name: 'far browser' }).waitFor({ timeout: 10_000 });
      return await page.title();
    } finally {
      await context.close();
    }
  };

  it('shows a page of a global address through each proxy, WebSocket included', async () => {
    const http = await start('http', { lease: null });
    const socks = await start('socks', { lease: null });
    expect(await browse([`--proxy-server=http://127.0.0.1:${http.listen.port}`], `http://[${ADDRESS}]:8080/page`)).toBe(
      'far page',
    );
    expect(
      await browse([`--proxy-server=socks5://127.0.0.1:${socks.listen.port}`], `http://[${ADDRESS}]:8080/page`),
    ).toBe('far page');
  });

  it('shows it at its name of this machine', async () => {
    const names = await start('names');
    expect(await browse([], `http://photos.localhost:${names.listen.port}/page`)).toBe('far page');
    expect(seen.some(({ headers }) => headers.includes(`[${ADDRESS}]:8080`))).toBe(true);
  });
});

describe('a flood', () => {
  it('of 10 000 connections that stay silent keeps nobody from being served', async () => {
    const proxy = await start('socks');
    const { port } = proxy.listen;
    const flood: Socket[] = [];
    let made = 0;
    const codes: number[] = [];
    for (let batch = 0; batch < 100; batch++) {
      const some = Array.from({ length: 100 }, () => connect({ port, host: '127.0.0.1' }));
      for (const socket of some) socket.on('error', () => undefined);
      flood.push(...some);
      await Promise.all(some.map((socket) => once(socket, 'connect').catch(() => undefined)));
      made += some.length;
      if (batch % 20 === 10) {
        const client = await openSocksClient(port);
        codes.push((await ask(client, CONNECT, domain('example.org'), 80)).code);
        client.close();
      }
      if (flood.length > 2_000) for (const old of flood.splice(0, 1_000)) old.destroy();
    }
    expect([made, codes]).toEqual([10_000, [0, 0, 0, 0, 0]]);
    expect(proxy.counters.connectionsNow).toBeLessThan(600);
    for (const socket of flood) socket.destroy();
    await expect.poll(() => proxy.counters.connectionsNow, { timeout: 10_000 }).toBe(0);
  });
});
