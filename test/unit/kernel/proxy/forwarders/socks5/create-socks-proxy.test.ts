import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { once } from 'node:events';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../../../main/base/index.ts';
import type { FarTarget, LocalProxy } from '../../../../../../main/kernel/proxy/interface.ts';
import {
  createSocksProxy,
  type SocksProxyInit,
} from '../../../../../../main/kernel/proxy/forwarders/socks5/create-socks-proxy.ts';
import type { LeaseId } from '../../../../../../main/kernel/leases/index.ts';
import {
  createDirectDialer,
  type DirectDialer,
  refusedThere,
  startUdpEcho,
} from '../../../../../support/proxy/direct-dialer.ts';
import {
  ask,
  ASSOCIATE,
  CONNECT,
  domain,
  ip4,
  ip6,
  openSocksClient,
  portBytes,
  type SocksClient,
} from '../../../../../support/proxy/socks-client.ts';

const { clock } = createSystemOutside();
const LEASE = `lease-${'0f'.repeat(16)}` as LeaseId;
const GLOBAL = ip6(0xfd5e, 1, 0, 0, 0, 0, 0, 7);
const NOWHERE = ip4('0.0.0.0');

const cleaning: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean();
});

/** A TCP service that answers each piece in capitals, and ends when the program does. */
const startService = async (): Promise<number> => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => socket.write(chunk.toString('latin1').toUpperCase()));
    socket.on('end', () => socket.end('bye'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleaning.push(() => server.close());
  return (server.address() as AddressInfo).port;
};
const start = async (
  init: Partial<SocksProxyInit> = {},
  place?: (target: FarTarget) => { host: string; port: number },
): Promise<{ proxy: LocalProxy; port: number; dialer: DirectDialer; client(): Promise<SocksClient> }> => {
  const service = place === undefined ? await startService() : 0;
  const dialer = createDirectDialer(place ?? (() => ({ host: '127.0.0.1', port: service })));
  const proxy = await createSocksProxy(
    { clock, dialer, metrics: null },
    { port: 0, lease: LEASE, username: '', password: '', ...init },
  );
  cleaning.push(() => proxy.stop());
  const { port } = proxy.listen;
  return {
    proxy,
    port,
    dialer,
    client: async () => {
      const client = await openSocksClient(port);
      cleaning.push(() => client.close());
      return client;
    },
  };
};

describe('a SOCKS server', () => {
  it('leads global addresses into the mesh and everything else out through the lease', async () => {
    const { client, dialer } = await start();
    for (const address of [
      GLOBAL,
      ip4('93.184.216.34'),
      domain('example.org'),
      ip6(0x2606, 0x4700, 0, 0, 0, 0, 0, 0x1111),
      domain('fd5e:1::8'),
      domain('BÜCHER.example'),
    ])
      expect((await ask(await client(), CONNECT, address, 8080)).code).toBe(0);
    expect(dialer.asked).toEqual([
      'service fd5e:1::7 8080',
      `exit 93.184.216.34 8080 ${LEASE}`,
      `exit example.org 8080 ${LEASE}`,
      `exit 2606:4700::1111 8080 ${LEASE}`,
      'service fd5e:1::8 8080',
      `exit xn--bcher-kva.example 8080 ${LEASE}`,
    ]);
  });

  it('carries bytes both ways, each direction to its own end', async () => {
    const { client, proxy } = await start();
    const program = await client();
    expect(await ask(program, CONNECT, GLOBAL, 80)).toEqual({ code: 0, port: 0 });
    program.write(Buffer.from('hello'));
    expect((await program.read(5)).toString()).toBe('HELLO');
    program.socket.end();
    expect((await program.rest()).toString()).toBe('bye');
    await expect.poll(() => proxy.counters.connectionsNow).toBe(0);
    expect(proxy.counters).toMatchObject({ connectionsTotal: 1, sentBytes: 5, receivedBytes: 8, refused: 0 });
  });

  it('takes what came with the request, byte by byte or all at once, the end included', async () => {
    const { client } = await start();
    const request = [5, 1, 0, 5, CONNECT, 0, ...GLOBAL, ...portBytes(80), ...Buffer.from('early')];
    const atOnce = await client();
    atOnce.write(request);
    atOnce.socket.end();
    expect((await atOnce.rest()).toString('latin1')).toBe(`\x05\0\x05\0\0\x01\0\0\0\0\0\0EARLYbye`);
    const slow = await client();
    for (const byte of request) {
      slow.write([byte]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await slow.read(17)).subarray(12).toString()).toBe('EARLY');
  });

  it('moves much without losing a byte, however slowly the other side reads', async () => {
    const { client } = await start();
    const program = await client();
    await ask(program, CONNECT, GLOBAL, 80);
    const much = Buffer.alloc(2 * 1024 * 1024, 'abcdefg');
    program.socket.pause();
    program.write(much);
    program.socket.end();
    await new Promise((resolve) => setTimeout(resolve, 100));
    program.socket.resume();
    const back = await program.rest();
    expect(back.length).toBe(much.length + 3);
    expect(back.subarray(0, -3).equals(Buffer.from(much.toString('latin1').toUpperCase()))).toBe(true);
  });

  it('leads nowhere but into the mesh without a lease', async () => {
    const { client, dialer, proxy } = await start({ lease: null });
    expect((await ask(await client(), CONNECT, ip4('93.184.216.34'), 80)).code).toBe(2);
    expect((await ask(await client(), CONNECT, domain('example.org'), 80)).code).toBe(2);
    expect((await ask(await client(), CONNECT, GLOBAL, 80)).code).toBe(0);
    expect(dialer.asked).toEqual(['service fd5e:1::7 80']);
    expect(proxy.refused()).toBe(2);
  });

  it.each([
    ['refused', 2],
    ['destination', 2],
    ['unknown', 4],
    ['away', 5],
    ['full', 1],
  ] as const)('says that it was %s with %d, and ends', async (reason, code) => {
    const { client } = await start({}, () => {
      throw refusedThere(reason);
    });
    const program = await client();
    expect((await ask(program, CONNECT, domain('example.org'), 80)).code).toBe(code);
    expect(await program.rest()).toHaveLength(0);
  });

  it('says that nothing answers, or that the program wants what it does not do', async () => {
    const { client } = await start({}, () => ({ host: '127.0.0.1', port: 1 }));
    expect((await ask(await client(), CONNECT, GLOBAL, 80)).code).toBe(5);
    expect((await ask(await client(), 2, GLOBAL, 80)).code).toBe(7);
    expect((await ask(await client(), 9, GLOBAL, 80)).code).toBe(7);
    expect((await ask(await client(), CONNECT, [2, 1, 2, 3], 80)).code).toBe(8);
    expect((await ask(await client(), CONNECT, GLOBAL, 0)).code).toBe(1);
    expect((await ask(await client(), CONNECT, domain('0x7f.1'), 80)).code).toBe(1);
    expect((await ask(await client(), CONNECT, domain('127.1'), 80)).code).toBe(1);
    expect((await ask(await client(), CONNECT, domain('fe80::1%eth0'), 80)).code).toBe(1);
  });

  it('asks for a name and a password, and lets nobody in who has others', async () => {
    const { client, proxy } = await start({ username: 'ana', password: 'opensesame' });
    const login = (name: string, password: string): number[] => [
      1,
      name.length,
      ...Buffer.from(name),
      password.length,
      ...Buffer.from(password),
    ];
    const right = await client();
    right.write([5, 2, 0, 2]);
    expect([...(await right.read(2))]).toEqual([5, 2]);
    right.write(login('ana', 'opensesame'));
    expect([...(await right.read(2))]).toEqual([1, 0]);
    right.write([5, CONNECT, 0, ...GLOBAL, ...portBytes(80)]);
    expect((await right.read(10))[1]).toBe(0);
    for (const [name, password] of [
      ['ana', 'opensesam'],
      ['anaopensesame', ''],
      ['', ''],
      ['ANA', 'opensesame'],
    ] as const) {
      const wrong = await client();
      wrong.write([5, 1, 2]);
      await wrong.read(2);
      wrong.write([...login(name, password), 5, CONNECT, 0, ...GLOBAL, ...portBytes(80)]);
      expect([...(await wrong.rest())]).toEqual([1, 1]);
    }
    const none = await client();
    none.write([5, 1, 0, 5, CONNECT, 0, ...GLOBAL, ...portBytes(80)]);
    expect([...(await none.rest())]).toEqual([5, 0xff]);
    expect(proxy.refused()).toBe(5);
  });

  it.each([
    ['SOCKS 4', [4, 1, 0, 80, 1, 2, 3, 4, 0]],
    ['HTTP', [...Buffer.from('GET / HTTP/1.1\r\n\r\n')]],
    ['no methods', [5, 0]],
    ['a reserved byte', [5, 1, 0, 5, 1, 7, ...GLOBAL, 0, 80]],
    ['another version', [5, 1, 0, 4, 1, 0, ...GLOBAL, 0, 80]],
    ['an empty name', [5, 1, 0, 5, 1, 0, 3, 0, 0, 80]],
    ['a name with a line end', [5, 1, 0, 5, 1, 0, ...domain('a\r\nb'), 0, 80]],
    ['a name with a zero', [5, 1, 0, 5, 1, 0, ...domain('a\0b'), 0, 80]],
    ['a name that is no text', [5, 1, 0, 5, 1, 0, 3, 2, 0xff, 0xfe, 0, 80]],
  ])('closes on %s, without a word beyond the greeting', async (_name, bytes) => {
    const { client, dialer } = await start();
    const program = await client();
    program.write(bytes);
    expect([0, 2]).toContain((await program.rest()).length);
    expect(dialer.asked).toEqual([]);
  });

  it('does nothing but refuse or wait, whatever comes', async () => {
    const { client, dialer, proxy } = await start();
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.uint8Array({ maxLength: 40 }).map((tail) => Uint8Array.from([5, 1, 0, ...tail])),
      fc.uint8Array({ maxLength: 40 }).map((tail) => Uint8Array.from([5, 1, 0, 5, 3, 0, ...tail])),
    );
    await fc.assert(
      fc.asyncProperty(message, async (bytes) => {
        const program = await client();
        program.write(bytes);
        program.socket.end();
        const answer = await program.rest();
        expect([0, 2, 12, 24]).toContain(answer.length);
        program.close();
      }),
      { numRuns: 150 },
    );
    await expect.poll(() => proxy.counters.connectionsNow).toBe(0);
    expect(dialer.asked.filter((one) => !/^(service|exit) \S+ \d+/.test(one))).toEqual([]);
  });

  it('throws out who does not say in time what it wants, but not who waits for an answer', async () => {
    const { client } = await start({ openingMsMax: 150 });
    const silent = await client();
    const slow = await client();
    slow.write([5, 1, 0]);
    const served = await client();
    await ask(served, CONNECT, GLOBAL, 80);
    await Promise.all([silent.rest(), slow.rest()]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    served.write(Buffer.from('still here'));
    expect((await served.read(10)).toString()).toBe('STILL HERE');
  });

  it('serves programs while 1 000 others connect and stay silent', async () => {
    const { client, port, proxy } = await start({ silentMax: 64 });
    const served = await client();
    await ask(served, CONNECT, GLOBAL, 80);
    const flood: Socket[] = [];
    const codes: number[] = [];
    let made = 0;
    cleaning.push(() => flood.forEach((socket) => socket.destroy()));
    for (let batch = 0; batch < 10; batch++) {
      const some = Array.from({ length: 100 }, () => connect({ port, host: '127.0.0.1' }));
      for (const socket of some) socket.on('error', () => undefined);
      flood.push(...some);
      await Promise.all(some.map((socket) => once(socket, 'connect').catch(() => undefined)));
      made += some.length;
      // In the middle of it, too.
      if (batch % 3 === 1) codes.push((await ask(await client(), CONNECT, GLOBAL, 80)).code);
      if (flood.length > 500) for (const old of flood.splice(0, 250)) old.destroy();
    }
    served.write(Buffer.from('alive'));
    expect((await served.read(5)).toString()).toBe('ALIVE');
    expect([made, codes]).toEqual([1_000, [0, 0, 0]]);
    // Some have gone before the system handed them on.
    expect(proxy.counters.connectionsTotal).toBeGreaterThan(800);
    expect(proxy.counters.connectionsNow).toBeLessThan(80);
    expect(proxy.refused()).toBeGreaterThan(700);
  });

  it('holds no more programs than it may', async () => {
    const { client } = await start({ connectionsMax: 2 });
    const [one, two] = [await client(), await client()];
    await ask(one, CONNECT, GLOBAL, 80);
    await ask(two, CONNECT, GLOBAL, 80);
    const three = await client();
    expect(await three.rest()).toHaveLength(0);
    one.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await ask(await client(), CONNECT, GLOBAL, 80)).code).toBe(0);
  });

  it('takes no port that another program has', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({ code: 'PORT_IN_USE', data: { port } });
  });
});

describe('UDP over SOCKS', () => {
  const associate = async (init: Partial<SocksProxyInit> = {}) => {
    const echo = await startUdpEcho();
    cleaning.push(() => echo.close());
    const { client, dialer, proxy } = await start(init, () => ({ host: '127.0.0.1', port: echo.port }));
    const control = await client();
    const { code, port } = await ask(control, ASSOCIATE, NOWHERE, 0);
    const { createSocket } = await import('node:dgram');
    const open = async () => {
      const socket = createSocket('udp4');
      const got: Buffer[] = [];
      socket.on('message', (bytes) => got.push(bytes));
      await new Promise<void>((resolve) => {
        socket.bind(0, '127.0.0.1', resolve);
      });
      cleaning.push(() => socket.close());
      return { got, send: (bytes: readonly number[]) => socket.send(Uint8Array.from(bytes), port, '127.0.0.1') };
    };
    return { echo, dialer, proxy, control, code, port, open };
  };
  const datagram = (address: readonly number[], port: number, text: string, fragment = 0): number[] => [
    0,
    0,
    fragment,
    ...address,
    ...portBytes(port),
    ...Buffer.from(text),
  ];

  it('leads each datagram to where it says and brings the answer with its place', async () => {
    const { code, open, dialer, proxy } = await associate();
    expect(code).toBe(0);
    const program = await open();
    program.send(datagram(domain('example.org'), 53, 'one'));
    await expect.poll(() => program.got.length).toBe(1);
    program.send(datagram(GLOBAL, 53, 'two'));
    await expect.poll(() => program.got.length).toBe(2);
    expect([...(program.got[0] ?? [])]).toEqual(datagram(domain('example.org'), 53, 'echo one'));
    expect([...(program.got[1] ?? [])]).toEqual(datagram(GLOBAL, 53, 'echo two'));
    expect(dialer.asked).toEqual([`exit example.org 53 ${LEASE}`, 'service fd5e:1::7 53']);
    expect(proxy.counters).toMatchObject({ sentBytes: 6, receivedBytes: 16 });
  });

  it('drops parts, other programs, and what is no datagram of SOCKS', async () => {
    const { open, echo } = await associate();
    const program = await open();
    const other = await open();
    program.send(datagram(GLOBAL, 53, 'first'));
    await expect.poll(() => program.got.length).toBe(1);
    other.send(datagram(GLOBAL, 53, 'not mine'));
    program.send(datagram(GLOBAL, 53, 'a part', 1));
    program.send([0, 1, 0, ...GLOBAL, 0, 53]);
    program.send([]);
    program.send([0, 0, 0, 3, 200, 1]);
    program.send([0, 0, 0, 9, 1, 2, 3]);
    program.send(datagram(domain('0x7f.1'), 53, 'odd'));
    program.send(datagram(GLOBAL, 0, 'no port'));
    program.send(datagram(GLOBAL, 53, 'last'));
    await expect.poll(() => program.got.length).toBe(2);
    expect(echo.seen).toEqual(['first', 'last']);
    expect(other.got).toEqual([]);
  });

  it('ends with the connection that asked for it, and not before', async () => {
    const { open, control, proxy, dialer } = await associate();
    const program = await open();
    program.send(datagram(GLOBAL, 53, 'one'));
    await expect.poll(() => program.got.length).toBe(1);
    expect(dialer.counters.connectionsNow).toBe(1);
    control.close();
    await expect.poll(() => proxy.counters.connectionsNow).toBe(0);
    await expect.poll(() => dialer.counters.connectionsNow).toBe(0);
    program.send(datagram(GLOBAL, 53, 'two'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(program.got).toHaveLength(1);
  });

  it('keeps to a bounded number of destinations', async () => {
    const { open, dialer } = await associate();
    const program = await open();
    for (let port = 1; port <= 300; port++) {
      program.send(datagram(GLOBAL, port, 'x'));
      if (port % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await expect.poll(() => dialer.counters.connectionsTotal).toBe(300);
    expect(dialer.counters.connectionsNow).toBeLessThanOrEqual(256);
  });

  it('never breaks, whatever is sent to it', async () => {
    const { open } = await associate({ lease: null });
    const program = await open();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        program.send([...bytes]);
        program.send([0, 0, 0, ...bytes]);
      }),
      { numRuns: 300 },
    );
    await expect
      .poll(() => {
        program.send(datagram(GLOBAL, 53, 'fine'));
        return program.got.some((one) => one.toString('latin1').endsWith('echo fine'));
      })
      .toBe(true);
  });
});
