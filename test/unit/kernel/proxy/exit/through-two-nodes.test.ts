import { createServer as createWebServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSettings, createSystemOutside, type Store } from '../../../../../main/base/index.ts';
import { createDestinationCheck } from '../../../../../main/kernel/proxy/destinations/index.ts';
import {
  createExitProvider,
  createExitRules,
  type ExitProvider,
  type ExitRules,
} from '../../../../../main/kernel/proxy/exit/index.ts';
import { createProxies } from '../../../../../main/kernel/proxy/forwarders/index.ts';
import type { LocalProxy } from '../../../../../main/kernel/proxy/interface.ts';
import type { LeaseId, LentLease, ProvidedLease } from '../../../../../main/kernel/leases/index.ts';
import { createMemoryNetwork } from '../../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import type { Address } from '../../../../../main/transport/stoq/index.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { startUdpEcho } from '../../../../support/proxy/direct-dialer.ts';
import { befriend, type ProxyNode, startProxyNode } from '../../../../support/proxy/proxy-node.ts';
import { ask, bridgeUdp, CONNECT, domain, ip4, openSocksClient } from '../../../../support/proxy/socks-client.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createStoqWorkers } from '../../../../support/stoq/test-node.ts';
import { createSocket } from 'node:dgram';

const outside = createSystemOutside();
const { clock } = outside;
const LEASE = `lease-${'5c'.repeat(16)}` as LeaseId;
const LENDER = '/memory/exit-lender' as Address;
const API_PORT = 1;
const BODY = Buffer.alloc(600_000, 'abcdefg');

let store: Store;
let rules: ExitRules;
let exits: ExitProvider;
let lender: ProxyNode;
let borrower: ProxyNode;
let socks: LocalProxy;
let web: { port: number; close(): void };
let provided: ProvidedLease;
let exitAllowed = true;

beforeAll(async () => {
  store = await createMemoryStore(clock);
  rules = createExitRules({ settings: createSettings({ store, clock }), logger: createSilentLogger() });
  await rules.start();
  exits = createExitProvider({
    clock,
    logger: createSilentLogger(),
    metrics: null,
    rules,
    terms: () => ({ proxy: { relaysAllowed: true, exitAllowed } }),
  });
  // The one place of the public Internet that there is in this test has the address of a name; the machine itself stands in for it.
  const destinations = createDestinationCheck({
    clock,
    apiPort: () => API_PORT,
    resolve: async (name) => (name === 'home.example.org' ? ['127.0.0.1'] : []),
  });
  const network = createMemoryNetwork({ outside });
  const workers = createStoqWorkers();
  lender = await startProxyNode(
    { outside, workers },
    { seed: 21, carriers: [network.carrier('exit-lender')], listen: LENDER, destinations },
  );
  borrower = await startProxyNode(
    { outside, workers },
    { seed: 22, carriers: [network.carrier('exit-borrower')], listen: null },
  );
  befriend(borrower, lender, LENDER);
  await borrower.stoq.endpoint.connect(lender.peerId);
  lender.borrowers.set(LEASE, borrower.peerId);
  borrower.borrowed.set(LEASE, lender.peerId);
  provided = await exits.start({
    id: LEASE,
    resource: 'network',
    amount: 100_000_000,
    terms: { proxy: { relaysAllowed: true, exitAllowed: true } },
  } as LentLease);
  provided.setEffective(100_000_000);
  const exit = exits.find(LEASE);
  if (exit !== null) lender.exits.set(LEASE, exit);
  socks = await createProxies({ clock, dialer: borrower.dialer, metrics: null })('socks', {
    port: 0,
    lease: LEASE,
    username: '',
    password: '',
    names: () => [],
  });
  const server = createWebServer((_, response) => response.end(BODY));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  web = {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
});
afterAll(async () => {
  web.close();
  await socks.stop();
  await provided.stop('over');
  await borrower.stop();
  await lender.stop();
  await store.close();
});

const codeOf = async (address: readonly number[], port = web.port): Promise<number> => {
  const client = await openSocksClient(socks.listen.port);
  const { code } = await ask(client, CONNECT, address, port);
  client.close();
  return code;
};
const fetchAll = async (): Promise<number> => {
  const client = await openSocksClient(socks.listen.port);
  expect((await ask(client, CONNECT, ip4('127.0.0.1'), web.port)).code).toBe(0);
  client.write(Buffer.from('GET / HTTP/1.0\r\n\r\n'));
  const answer = await client.rest();
  return answer.length - answer.indexOf('\r\n\r\n') - 4;
};

describe('a program that leaves through the network of another node', () => {
  it('gets nowhere near the lender, however it asks', async () => {
    for (const address of [
      ip4('127.0.0.1'),
      ip4('0.0.0.0'),
      ip4('192.168.1.1'),
      ip4('169.254.169.254'),
      domain('localhost'),
      domain('home.example.org'),
      domain('::ffff:127.0.0.1'),
      domain('router.lan'),
    ])
      expect(await codeOf(address)).toBe(2);
    expect(await codeOf(domain('nobody.example.org'))).toBe(4);
  });

  it('gets to what the owner named, at the port that was named, and is counted', async () => {
    await rules.set({ mode: 'all', allowed: [`127.0.0.1:${web.port}`] });
    const before = provided.use();
    expect(await fetchAll()).toBe(BODY.length);
    expect(await codeOf(ip4('127.0.0.1'), web.port === 9 ? 10 : 9)).toBe(2);
    // A name that leads there is the same place, and at other ports as closed as before.
    expect(await codeOf(domain('home.example.org'))).toBe(0);
    expect(await codeOf(domain('home.example.org'), web.port === 9 ? 10 : 9)).toBe(2);
    const after = provided.use();
    const moved = after.sentBytes - before.sentBytes + after.receivedBytes - before.receivedBytes;
    expect(moved).toBeGreaterThan(BODY.length);
    expect(moved).toBeLessThan(BODY.length + 2_000);
  });

  it('takes no more than the level gives', async () => {
    await rules.set({ mode: 'all', allowed: [`127.0.0.1:${web.port}`] });
    provided.setEffective(600_000);
    const begin = performance.now();
    expect(await fetchAll()).toBe(BODY.length);
    const seconds = (performance.now() - begin) / 1000;
    provided.setEffective(100_000_000);
    expect(BODY.length / seconds).toBeLessThan(600_000 * 1.5);
  });

  it('sends datagrams by the same rules', async () => {
    const echo = await startUdpEcho();
    await rules.set({ mode: 'list', allowed: [`127.0.0.1:${echo.port}`] });
    const bridge = await bridgeUdp(socks.listen.port, ip4('127.0.0.1'), echo.port);
    const program = createSocket('udp4');
    const answer = once(program, 'message') as Promise<[Buffer]>;
    program.send('hello', bridge.port, '127.0.0.1');
    expect((await answer)[0].toString()).toBe('echo hello');
    await rules.set({ mode: 'list', allowed: [] });
    const closed = await bridgeUdp(socks.listen.port, ip4('127.0.0.1'), echo.port);
    program.send('again', closed.port, '127.0.0.1');
    await clock.sleep(150);
    expect(echo.seen).toEqual(['hello']);
    for (const one of [bridge, closed, echo]) one.close();
    program.close();
  });

  it('is let out no more once the owner closes the exit, and ends with the lease', async () => {
    await rules.set({ mode: 'all', allowed: [`127.0.0.1:${web.port}`] });
    exitAllowed = false;
    expect(await codeOf(ip4('127.0.0.1'))).toBe(2);
    exitAllowed = true;
    const client = await openSocksClient(socks.listen.port);
    expect((await ask(client, CONNECT, ip4('127.0.0.1'), web.port)).code).toBe(0);
    await provided.stop('the lease is over');
    expect(await client.rest()).toHaveLength(0);
    expect(await codeOf(ip4('127.0.0.1'))).toBe(2);
  });
});
