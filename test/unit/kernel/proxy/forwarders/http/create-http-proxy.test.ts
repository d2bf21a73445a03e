import { createServer as createWebServer, request, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../../main/base/index.ts';
import {
  createHttpProxy,
  type HttpProxyInit,
} from '../../../../../../main/kernel/proxy/forwarders/http/create-http-proxy.ts';
import type { FarTarget } from '../../../../../../main/kernel/proxy/interface.ts';
import type { LeaseId } from '../../../../../../main/kernel/leases/index.ts';
import { createDirectDialer, refusedThere } from '../../../../../support/proxy/direct-dialer.ts';

const { clock } = createSystemOutside();
const LEASE = `lease-${'0f'.repeat(16)}` as LeaseId;

const cleaning: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean();
});

interface Seen {
  line: string;
  headers: readonly string[];
  body: string;
}
/** A web server that notes what reaches it. */
const startWeb = async (
  answer: (message: IncomingMessage) => { status?: number; headers?: readonly string[]; body?: string } = () => ({}),
): Promise<{ port: number; seen: Seen[] }> => {
  const seen: Seen[] = [];
  const server = createWebServer((message, response) => {
    const parts: Buffer[] = [];
    message.on('data', (part: Buffer) => parts.push(part));
    message.on('end', () => {
      const body = Buffer.concat(parts).toString();
      seen.push({
        line: `${message.method} ${message.url} HTTP/${message.httpVersion}`,
        headers: message.rawHeaders,
        body,
      });
      const { status = 200, headers = [], body: text = `got ${body.length}` } = answer(message);
      response.writeHead(status, headers as string[]);
      response.end(text);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleaning.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as AddressInfo).port, seen };
};
const start = async (
  place: (target: FarTarget) => { host: string; port: number },
  init: Partial<HttpProxyInit> = {},
) => {
  const dialer = createDirectDialer(place);
  const proxy = await createHttpProxy(
    { clock, dialer, metrics: null },
    { port: 0, lease: LEASE, username: '', password: '', ...init },
  );
  cleaning.push(() => proxy.stop());
  return { proxy, dialer, port: proxy.listen.port };
};
/** Sends bytes as they are. @returns all that comes back until the end */
const raw = async (port: number, text: string, finish = false): Promise<string> => {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  cleaning.push(() => socket.destroy());
  socket.on('error', () => undefined);
  let all = '';
  socket.on('data', (chunk: Buffer) => {
    all += chunk.toString('latin1');
  });
  const over = new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
  socket.write(Buffer.from(text, 'latin1'));
  if (finish) socket.end();
  await over;
  return all;
};
const pairs = (headers: readonly string[]): string[] =>
  headers.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${headers[index + 1] ?? ''}`] : []));

describe('an HTTP proxy', () => {
  it('passes on a request with a whole address, without what is meant for itself', async () => {
    const web = await startWeb(() => ({
      status: 201,
      headers: [
        'X-One',
        '1',
        'Set-Cookie',
        'a=1',
        'Set-Cookie',
        'b=2',
        'Connection',
        'X-Hop',
        'X-Hop',
        'gone',
        'Keep-Alive',
        'timeout=5',
      ],
    }));
    const { port, dialer, proxy } = await start(() => ({ host: '127.0.0.1', port: web.port }));
    const answer = await raw(
      port,
      [
        'POST http://[FD5E:1::0007]:8080/a/b?c=d%20e HTTP/1.1',
        'Host: elsewhere.example',
        'Connection: X-Mine, close',
        'X-Mine: private',
        'Proxy-Connection: keep-alive',
        'Proxy-Authorization: Basic c2VjcmV0',
        'TE: trailers',
        'Upgrade: h2c',
        'Expect: 100-continue',
        'X-Kept: yes',
        'Content-Length: 5',
        '',
        'hello',
      ].join('\r\n'),
    );
    expect(dialer.asked).toEqual(['service fd5e:1::7 8080']);
    expect(web.seen[0]?.line).toBe('POST /a/b?c=d%20e HTTP/1.1');
    expect(pairs(web.seen[0]?.headers ?? [])).toEqual([
      'Host: [fd5e:1::7]:8080',
      'X-Kept: yes',
      'Content-Length: 5',
      'Via: 1.1 hypermesh',
      'Connection: close',
    ]);
    expect(web.seen[0]?.body).toBe('hello');
    expect(answer).toContain('HTTP/1.1 100 Continue');
    const final = answer.slice(answer.indexOf('HTTP/1.1 201'));
    expect(final).toMatch(/^HTTP\/1\.1 201 Created\r\nX-One: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
    expect(final).not.toMatch(/X-Hop|Keep-Alive/);
    expect(final).toMatch(/Connection: close/);
    expect(final).toMatch(/got 5/);
    expect(proxy.counters.sentBytes).toBe(5);
  });

  it('passes on bodies of any framing, and makes one of its own where there was none', async () => {
    const web = await startWeb();
    const { port } = await start(() => ({ host: '127.0.0.1', port: web.port }));
    const chunked = await raw(
      port,
      'PUT http://example.org/ HTTP/1.1\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: no\r\n\r\n',
    );
    expect(chunked).toContain('got 7');
    await raw(port, 'POST http://example.org HTTP/1.1\r\nHost: example.org\r\n\r\n');
    await raw(port, 'GET http://example.org?x HTTP/1.0\r\nHost: example.org\r\n\r\n');
    const head = await raw(port, 'HEAD http://example.org/h HTTP/1.1\r\nHost: example.org\r\n\r\n');
    expect(web.seen.map(({ line, body }) => `${line} ${body}`)).toEqual([
      'PUT / HTTP/1.1 abcdefg',
      'POST / HTTP/1.1 ',
      'GET /?x HTTP/1.1 ',
      'HEAD /h HTTP/1.1 ',
    ]);
    expect(pairs(web.seen[1]?.headers ?? [])).toContain('Content-Length: 0');
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head).not.toContain('got');
  });

  it('brings back a redirect as it is, and follows none', async () => {
    const web = await startWeb(() => ({ status: 302, headers: ['Location', 'http://127.0.0.1:9/'] }));
    const { port, dialer } = await start(() => ({ host: '127.0.0.1', port: web.port }));
    const answer = await raw(port, 'GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 302 Found\r\nLocation: http:\/\/127\.0\.0\.1:9\/\r\n/);
    expect(dialer.asked).toHaveLength(1);
  });

  it('tunnels with CONNECT, what came too early included, each direction to its end', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('data', (chunk: Buffer) => socket.write(chunk.toString('latin1').toUpperCase()));
      socket.on('end', () => socket.end('bye'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleaning.push(() => server.close());
    const { port, dialer, proxy } = await start(() => ({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
    }));
    const answer = await raw(port, 'CONNECT [fd5e::1]:22 HTTP/1.1\r\nHost: [fd5e::1]:22\r\n\r\nearly', true);
    expect(answer).toBe('HTTP/1.1 200 Connection established\r\n\r\nEARLYbye');
    expect(dialer.asked).toEqual(['service fd5e::1 22']);
    await expect.poll(() => proxy.counters.connectionsNow).toBe(0);
    expect(proxy.counters).toMatchObject({ sentBytes: 5, receivedBytes: 8 });
  });

  it('leads nowhere but into the mesh without a lease', async () => {
    const { port, dialer } = await start(() => ({ host: '127.0.0.1', port: 1 }), { lease: null });
    expect(await raw(port, 'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 403 /,
    );
    expect(await raw(port, 'GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 403 /,
    );
    expect(dialer.asked).toEqual([]);
  });

  it.each([
    ['refused', 403],
    ['destination', 403],
    ['unknown', 502],
    ['away', 502],
    ['full', 502],
  ] as const)('says why it was %s with %d, in words', async (reason, status) => {
    const { port } = await start(() => {
      throw refusedThere(reason);
    });
    for (const text of [
      'CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n',
      'GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n',
    ]) {
      const answer = await raw(port, text);
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).toContain(`The far side says ${reason}.`);
    }
  });

  it('asks for a name and a password', async () => {
    const web = await startWeb();
    const { port, dialer } = await start(() => ({ host: '127.0.0.1', port: web.port }), {
      username: 'ana',
      password: 'open:sesame',
    });
    const withLogin = (login: string): string =>
      `GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\nProxy-Authorization: Basic ${Buffer.from(login).toString('base64')}\r\n\r\n`;
    expect(await raw(port, withLogin('ana:open:sesame'))).toMatch(/^HTTP\/1\.1 200 /);
    expect(pairs(web.seen[0]?.headers ?? []).join()).not.toContain('uthorization');
    for (const login of ['ana:open', 'ana', ':open:sesame', 'ANA:open:sesame', ''])
      expect(await raw(port, withLogin(login))).toMatch(/^HTTP\/1\.1 407 [\s\S]*Proxy-Authenticate: Basic realm=/);
    expect(await raw(port, 'CONNECT a.example:1 HTTP/1.1\r\nHost: a.example:1\r\n\r\n')).toMatch(/^HTTP\/1\.1 407 /);
    expect(dialer.asked).toHaveLength(1);
  });

  const HEAD = 'POST http://example.org/ HTTP/1.1\r\nHost: example.org\r\n';
  it.each([
    [
      'both lengths',
      `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET http://evil.example/ HTTP/1.1\r\n`,
    ],
    ['both lengths the other way', `${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`],
    ['two equal lengths', `${HEAD}Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde`],
    ['two lengths', `${HEAD}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde`],
    ['a list of lengths', `${HEAD}Content-Length: 5, 5\r\n\r\nabcde`],
    ['a signed length', `${HEAD}Content-Length: +5\r\n\r\nabcde`],
    ['a hexadecimal length', `${HEAD}Content-Length: 0x5\r\n\r\nabcde`],
    ['a huge length', `${HEAD}Content-Length: 99999999999999999999\r\n\r\n`],
    ['an unknown coding', `${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['two codings', `${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['a coding behind chunked', `${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['the coding twice', `${HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a coding behind a vertical tab', `${HEAD}Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n`],
    [
      'chunks in HTTP 1.0',
      'POST http://example.org/ HTTP/1.0\r\nHost: example.org\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a folded line', `${HEAD}X-Long: a\r\n b\r\n\r\n`],
    ['a fold before the first header', 'GET http://example.org/ HTTP/1.1\r\n Host: example.org\r\n\r\n'],
    ['bare line feeds', 'GET http://example.org/ HTTP/1.1\nHost: example.org\n\n'],
    ['one bare line feed', `${HEAD}X-One: a\nX-Two: b\r\n\r\n`],
    ['a bare carriage return', `${HEAD}X-One: a\rX-Two: b\r\n\r\n`],
    ['a zero', `${HEAD}X-One: a\0b\r\n\r\n`],
    ['a space before a colon', `${HEAD}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
    ['a header without a name', `${HEAD}: chunked\r\n\r\n`],
    ['two hosts', `${HEAD}Host: evil.example\r\n\r\n`],
    ['no host', 'GET http://example.org/ HTTP/1.1\r\n\r\n'],
    ['an empty host', 'GET http://example.org/ HTTP/1.1\r\nHost:\r\n\r\n'],
    ['HTTP 0.9', 'GET http://example.org/\r\n\r\n'],
    ['HTTP 2.0', 'GET http://example.org/ HTTP/2.0\r\nHost: example.org\r\n\r\n'],
    ['the preface of HTTP 2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a tab in the request line', 'GET\thttp://example.org/\tHTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['a control character in the address', 'GET http://example.org/\x01 HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['a fragment', 'GET http://example.org/#a HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['a user in the address', 'GET http://ana@example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['another host behind a user', 'GET http://example.org:80@evil.example/ HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['a backslash in the host', 'GET http://example.org\\@evil.example/ HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['an address without a host', 'GET http:///path HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['a port that is none', 'GET http://example.org:99999/ HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['a port 0', 'GET http://example.org:0/ HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['an octal host', 'GET http://0177.0.0.1/ HTTP/1.1\r\nHost: 0177.0.0.1\r\n\r\n'],
    ['a number for a host', 'GET http://2130706433/ HTTP/1.1\r\nHost: 2130706433\r\n\r\n'],
    ['a zone', 'GET http://[fe80::1%25eth0]/ HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['another scheme', 'GET https://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['a file', 'GET file:///etc/passwd HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['a path alone, as a page could make a browser send', 'GET /admin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
    ['a star', 'OPTIONS * HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['CONNECT without a port', 'CONNECT example.org HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['CONNECT to an address', 'CONNECT http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n'],
    ['CONNECT to bare IPv6', 'CONNECT fd5e::1:80 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['CONNECT to port 0', 'CONNECT example.org:0 HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['CONNECT with a body', 'CONNECT example.org:80 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc'],
    ['a head that is too long', `${HEAD}X-Long: ${'a'.repeat(40_000)}\r\n\r\n`],
    ['SOCKS', '\x05\x01\0'],
    ['TLS', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  ])('passes on nothing of a request with %s', async (_name, text) => {
    const web = await startWeb();
    const { port, dialer, proxy } = await start(() => ({ host: '127.0.0.1', port: web.port }));
    expect(await raw(port, text)).toMatch(/^HTTP\/1\.1 (400|431) /);
    expect(web.seen).toEqual([]);
    expect(dialer.asked).toEqual([]);
    expect(proxy.refused()).toBe(1);
  });

  it.each([
    ['a size that is no number', '0x1\r\na\r\n0\r\n\r\n'],
    ['line feeds alone', '1\na\n0\n\n'],
    ['an extension with a line end', '1;x=\n\r\na\r\n0\r\n\r\n'],
    ['a size too large', 'ffffffffffffffffff\r\na\r\n'],
    ['no line end behind a chunk', '1\r\nab\r\n0\r\n\r\n'],
  ])('never ends a body whose chunks have %s', async (_name, body) => {
    const web = await startWeb();
    const { port } = await start(() => ({ host: '127.0.0.1', port: web.port }));
    await raw(port, `${HEAD}Transfer-Encoding: chunked\r\n\r\n${body}`);
    expect(web.seen).toEqual([]);
  });

  it('serves one request of a connection and nothing behind it', async () => {
    const web = await startWeb();
    const { port, dialer } = await start(() => ({ host: '127.0.0.1', port: web.port }));
    const one = 'GET http://example.org/1 HTTP/1.1\r\nHost: example.org\r\n\r\n';
    const answer = await raw(port, `${one}GET http://evil.example/2 HTTP/1.1\r\nHost: evil.example\r\n\r\n${one}`);
    expect(answer.match(/HTTP\/1\.1 200/g)?.length ?? 0).toBeLessThanOrEqual(1);
    expect(web.seen.map(({ line }) => line)).not.toContain('GET /2 HTTP/1.1');
    expect(dialer.asked.filter((asked) => asked.includes('evil'))).toEqual([]);
  });

  it.each([
    ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
    ['a line that is none', 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH\r\n'],
    ['a head without an end', `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`],
    [
      'a change of protocol that nobody asked for',
      'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    ],
    ['nothing', ''],
  ])('answers for a far server that sends %s', async (_name, bytes) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(bytes));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleaning.push(() => server.close());
    const { port } = await start(() => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }));
    expect(await raw(port, 'GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 502 /,
    );
  });

  it('breaks off an answer that breaks off, so that nobody takes it for whole', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this');
        setTimeout(() => socket.destroy(), 30);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleaning.push(() => server.close());
    const { port } = await start(() => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }));
    const failure = await new Promise<string>((resolve) => {
      const outgoing = request(
        { port, host: '127.0.0.1', path: 'http://example.org/', headers: { host: 'example.org' } },
        (answer) => {
          answer.resume();
          answer.once('error', ({ message }) => resolve(message));
          answer.once('end', () => resolve('ended as if it were whole'));
        },
      );
      outgoing.end();
    });
    expect(failure).toBe('aborted');
  });

  it('lets go of the far side when the program goes', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleaning.push(() => server.close());
    const { port, dialer, proxy } = await start(() => ({
      host: '127.0.0.1',
      port: (server.address() as AddressInfo).port,
    }));
    const socket = connect({ port, host: '127.0.0.1' });
    socket.write('GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n');
    await expect.poll(() => dialer.counters.connectionsNow).toBe(1);
    socket.destroy();
    await expect.poll(() => dialer.counters.connectionsNow).toBe(0);
    expect(proxy.counters.connectionsNow).toBe(0);
  });

  it('throws out who does not end the head of a request', async () => {
    const { port, proxy } = await start(() => ({ host: '127.0.0.1', port: 1 }), { openingMsMax: 100 });
    expect(await raw(port, 'GET http://example.org/ HTTP/1.1\r\nHost: exa')).toBe('');
    expect(proxy.refused()).toBe(1);
  });
});
