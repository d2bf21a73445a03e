import { createServer as createWebServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createSystemOutside } from '../../../../../../main/base/index.ts';
import { formatIp } from '../../../../../../main/kernel/proxy/destinations/index.ts';
import { createNamesProxy } from '../../../../../../main/kernel/proxy/forwarders/names/create-names-proxy.ts';
import { labelOfAddress, labelOfName, placeOfHost } from '../../../../../../main/kernel/proxy/forwarders/names/name.ts';
import type { NamedService } from '../../../../../../main/kernel/proxy/interface.ts';
import type { GlobalAddress } from '../../../../../../main/kernel/leases/index.ts';
import { createDirectDialer } from '../../../../../support/proxy/direct-dialer.ts';

const { clock } = createSystemOutside();
const BYTES = [0xfd, 0x5e, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
const ADDRESS = 'fd5e:1::7' as GlobalAddress;
const LABEL = labelOfAddress(BYTES);
const service = (name: string, port: number, protocol: NamedService['protocol'] = 'http'): NamedService => ({
  name,
  protocol,
  address: ADDRESS,
  port,
});

const cleaning: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean();
});

describe('a name of this machine', () => {
  it('stands for a global address in one way only', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(255), { minLength: 15, maxLength: 15 }),
        fc.integer({ min: 1, max: 65_535 }),
        (tail, port) => {
          const bytes = [0xfd, ...tail];
          const address = formatIp({ family: 6, bytes });
          const label = labelOfAddress(bytes);
          expect(label).toMatch(/^[a-z2-7]{26}$/);
          expect(placeOfHost(`${label}.localhost`)).toEqual({ kind: 'address', address, port: 80 });
          expect(placeOfHost(`p${port}.${label}.localhost`)).toEqual({ kind: 'address', address, port });
        },
      ),
    );
  });

  it.each([
    ['photos.localhost', { kind: 'name', label: 'photos' }],
    // Bits behind the last byte.
    [`${LABEL.slice(0, 25)}b.localhost`, { kind: 'name', label: `${LABEL.slice(0, 25)}b` }],
    // No global address.
    [
      `${labelOfAddress([0xfe, ...BYTES.slice(1)])}.localhost`,
      { kind: 'name', label: labelOfAddress([0xfe, ...BYTES.slice(1)]) },
    ],
    ['localhost', null],
    ['.localhost', null],
    ['a.b.localhost', null],
    ['photos.localhost.evil.example', null],
    ['photoslocalhost', null],
    [`p0.${LABEL}.localhost`, null],
    [`p70000.${LABEL}.localhost`, null],
    [`p80.p80.${LABEL}.localhost`, null],
    [`8080.${LABEL}.localhost`, null],
  ])('%s is read as %j', (host, place) => {
    expect(placeOfHost(host)).toEqual(place);
  });

  it('is made of what the owner typed', () => {
    expect(['My Photos!', 'Bücher', '--x--', 'a'.repeat(80), '日本'].map(labelOfName)).toEqual([
      'my-photos',
      'bu-cher',
      'x',
      'a'.repeat(63),
      '',
    ]);
  });
});

describe('web servers of the mesh at names of this machine', () => {
  const start = async () => {
    const seen: { line: string; headers: Record<string, unknown> }[] = [];
    const web = createWebServer((message, response) => {
      seen.push({ line: `${message.method} ${message.url}`, headers: message.headers });
      const self = `http://${message.headers.host}`;
      const location = message.url === '/elsewhere' ? 'http://example.org/x' : `${self}/next`;
      response.writeHead(message.url === '/plain' ? 200 : 302, {
        Location: location,
        'Set-Cookie': [`a=1; Domain =${message.headers.host}; Path=/`, 'b=2; HttpOnly'],
      });
      response.end('the far page');
    });
    const sockets = new WebSocketServer({ noServer: true });
    web.on('upgrade', (message, socket, head) => {
      seen.push({ line: `${message.method} ${message.url} upgrade`, headers: message.headers });
      sockets.handleUpgrade(message, socket, head, (client) => {
        client.on('message', (text) => client.send(`far ${(text as Buffer).toString()}`));
      });
    });
    web.listen(0, '127.0.0.1');
    await once(web, 'listening');
    cleaning.push(() => {
      web.close();
      web.closeAllConnections();
    });
    const dialer = createDirectDialer(() => ({ host: '127.0.0.1', port: (web.address() as AddressInfo).port }));
    const proxy = await createNamesProxy(
      { clock, dialer, metrics: null },
      { port: 0, names: () => [service('My Photos', 8080), service('Shell', 22, 'tcp')] },
    );
    cleaning.push(() => proxy.stop());
    const { port } = proxy.listen;
    const send = (method: string, host: string, path = '/plain', headers: Record<string, string> = {}) =>
      new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
        const outgoing = request({ method, host: '127.0.0.1', port, path, headers: { host, ...headers } }, (answer) => {
          let body = '';
          answer.on('data', (chunk: Buffer) => (body += chunk.toString()));
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
        });
        outgoing.on('error', reject);
        outgoing.end();
      });
    const get = (host: string, path?: string, headers?: Record<string, string>) => send('GET', host, path, headers);
    return { seen, dialer, proxy, port, get, send };
  };

  it('leads each name to its service, under the name that it has itself', async () => {
    const { seen, dialer, port, get } = await start();
    const near = `my-photos.localhost:${port}`;
    const { status, body } = await get(near, '/plain', {
      origin: `http://${near}`,
      referer: `http://${near}/page?x`,
      forwarded: 'for=1.2.3.4',
      'x-forwarded-for': '1.2.3.4',
      'x-forwarded-host': 'evil.example',
      connection: 'x-hop',
      'x-hop': '1',
    });
    expect([status, body]).toEqual([200, 'the far page']);
    expect(dialer.asked).toEqual([`service ${ADDRESS} 8080`]);
    expect(seen[0]?.headers).toEqual({
      host: `[${ADDRESS}]:8080`,
      origin: `http://[${ADDRESS}]:8080`,
      referer: `http://[${ADDRESS}]:8080/page?x`,
      forwarded: `host="${near}";proto=http`,
      'x-forwarded-host': near,
      'x-forwarded-proto': 'http',
      connection: 'close',
    });
    await get(`${LABEL}.localhost:${port}`);
    await get(`P9000.${LABEL.toUpperCase()}.LOCALHOST:${port}`);
    expect(dialer.asked.slice(1)).toEqual([`service ${ADDRESS} 80`, `service ${ADDRESS} 9000`]);
    expect(seen[1]?.headers['host']).toBe(`[${ADDRESS}]`);
  });

  it('leaves addresses of other pages what they are', async () => {
    const { seen, port, get } = await start();
    await get(`my-photos.localhost:${port}`, '/plain', { referer: 'http://my-photos.localhost.evil.example/' });
    expect(seen[0]?.headers).toMatchObject({ referer: 'http://my-photos.localhost.evil.example/' });
  });

  it('lets no page of another site act in the name of its owner', async () => {
    const { dialer, port, get, send } = await start();
    const near = `my-photos.localhost:${port}`;
    const fetched = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' };
    const followed = { ...fetched, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    const foreign: [string, Record<string, string>][] = [
      ['POST', { origin: 'http://evil.example' }],
      ['GET', { origin: 'http://evil.example' }],
      ['POST', { origin: 'null' }],
      // A far server under another name of this machine, or another server of this name.
      ['POST', { origin: `http://${LABEL}.localhost:${port}` }],
      ['POST', { origin: 'http://my-photos.localhost:1' }],
      ['GET', fetched],
      ['GET', { ...fetched, 'sec-fetch-site': 'same-site' }],
      ['POST', { ...followed, origin: 'http://evil.example' }],
      // A frame, whose buttons somebody is made to press.
      ['GET', { ...followed, 'sec-fetch-dest': 'iframe' }],
    ];
    for (const [method, headers] of foreign)
      expect([method, headers, (await send(method, near, '/plain', headers)).status]).toEqual([method, headers, 403]);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/live`, {
      headers: { host: near },
      origin: 'http://evil.example',
    });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('403');
    expect(dialer.asked).toEqual([]);

    for (const headers of [
      followed,
      { 'sec-fetch-site': 'none' },
      { 'sec-fetch-site': 'same-origin', origin: 'null' },
      { origin: `http://${near}` },
    ])
      expect((await get(near, '/plain', headers)).status).toBe(200);
    expect((await send('POST', near, '/plain', { origin: `http://${near}` })).status).toBe(200);
  });

  it('keeps redirects and cookies of the far server at the name that it has here', async () => {
    const { port, get } = await start();
    const near = `my-photos.localhost:${port}`;
    expect((await get(near, '/')).headers).toMatchObject({
      location: `http://${near}/next`,
      'set-cookie': ['a=1; Path=/', 'b=2; HttpOnly'],
    });
    expect((await get(near, '/elsewhere')).headers['location']).toBe('http://example.org/x');
  });

  it('knows no other name, whoever points one here', async () => {
    const { dialer, port, get } = await start();
    for (const host of [
      'evil.example',
      `evil.example:${port}`,
      `localhost:${port}`,
      `127.0.0.1:${port}`,
      'my-photos.localhost',
      'my-photos.localhost:1',
      `a.my-photos.localhost:${port}`,
    ])
      expect((await get(host)).status).toBe(421);
    for (const host of ['nothing', 'shell']) expect((await get(`${host}.localhost:${port}`)).status).toBe(404);
    expect((await get(`my-photos.localhost:${port}`, 'http://example.org/')).status).toBe(400);
    expect(dialer.asked).toEqual([]);
  });

  it('carries WebSocket, and no other change of protocol', async () => {
    const { seen, port, dialer, proxy } = await start();
    const near = `my-photos.localhost:${port}`;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/live`, { headers: { host: near }, origin: `http://${near}` });
    await once(socket, 'open');
    socket.send('hello');
    const [text] = (await once(socket, 'message')) as [Buffer];
    expect(text.toString()).toBe('far hello');
    expect(seen[0]).toMatchObject({
      line: 'GET /live upgrade',
      headers: {
        host: `[${ADDRESS}]:8080`,
        origin: `http://[${ADDRESS}]:8080`,
        upgrade: 'websocket',
        connection: 'Upgrade',
      },
    });
    socket.close();
    await once(socket, 'close');
    await expect.poll(() => dialer.counters.connectionsNow).toBe(0);
    expect(proxy.counters.receivedBytes).toBeGreaterThan(0);
    const status = await new Promise<number>((resolve, reject) => {
      const outgoing = request({
        host: '127.0.0.1',
        port,
        path: '/',
        headers: { host: near, connection: 'upgrade', upgrade: 'h2c' },
      });
      outgoing.on('response', (answer) => resolve(answer.statusCode ?? 0));
      outgoing.on('error', reject);
      outgoing.end();
    });
    expect(status).toBe(400);
  });
});
