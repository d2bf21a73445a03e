import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../../../main/base/index.ts';
import type { GlobalAddress, LeaseId } from '../../../../main/kernel/leases/index.ts';
import { createLimit, type ExitLease } from '../../../../main/kernel/proxy/index.ts';
import { decodeAnswer } from '../../../../main/kernel/proxy/forward-protocol.ts';
import { createSocketPipe } from '../../../../main/kernel/proxy/socket-pipe.ts';
import { newCounters } from '../../../../main/kernel/proxy/translation-table.ts';
import { createMemoryNetwork } from '../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import { type Address, readMessage, writeMessage } from '../../../../main/transport/stoq/index.ts';
import { befriend, codeOf, type ProxyNode, serveTcp, startProxyNode } from '../../../support/proxy/proxy-node.ts';
import { createStoqWorkers } from '../../../support/stoq/test-node.ts';

const outside = createSystemOutside();
const workers = createStoqWorkers();
const LENDER = '/memory/lender' as Address;
const BORROWER = '/memory/borrower' as Address;
const STRANGER = '/memory/stranger' as Address;
let lender: ProxyNode;
let borrower: ProxyNode;
let stranger: ProxyNode;
let echo: Awaited<ReturnType<typeof serveTcp>>;
const undo: (() => Promise<unknown> | void)[] = [];

const exposeRequest = {
  protocol: 'tcp' as const,
  port: 0,
  name: '',
  privacyLevel: 'P2P' as const,
  privacyNames: [],
  relaysAllowed: true,
};
const reachRequest = { protocol: 'tcp' as const, localPort: 0, route: 'direct' as const };
const exposeEcho = (change: Partial<Parameters<ProxyNode['tunnels']['expose']>[0]> = {}) =>
  lender.tunnels.expose({ ...exposeRequest, target: `127.0.0.1:${echo.port}`, ...change });
const serviceAt = (address: string, port: number) =>
  ({ kind: 'service', address: address as GlobalAddress, port, route: 'direct' }) as const;

/** A job that is the echo server, and one that is not. */
const JOB = 'job-0123456789abcdef';
const jobDoor = async (job: string, port: number) => {
  if (job !== JOB) throw new Error('no such job');
  const socket = createConnection({ host: '127.0.0.1', port, allowHalfOpen: true });
  await once(socket, 'connect');
  return createSocketPipe(socket, newCounters(outside.clock.nowMs()), outside.clock);
};

const readAll = async (socket: Socket): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
};
const dial = async (listen: string): Promise<Socket> => {
  const [, host, port] = /^\[?([^\]]+)\]?:(\d+)$/.exec(listen) ?? [];
  const socket = createConnection({ host: host ?? '', port: Number(port), allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
};

beforeAll(async () => {
  const network = createMemoryNetwork({ outside });
  const start = (seed: number, name: string, listen: Address) =>
    startProxyNode(
      { outside, workers },
      { seed, carriers: [network.carrier(name)], listen, dialMs: 300, openingMs: 400, jobDoor },
    );
  lender = await start(1, 'lender', LENDER);
  borrower = await start(2, 'borrower', BORROWER);
  stranger = await start(3, 'stranger', STRANGER);
  befriend(borrower, lender, LENDER);
  stranger.stoq.book.learn(lender.peerId, [LENDER], 'owner');
  stranger.stoq.book.setTrusted(lender.peerId, true);
  await borrower.stoq.endpoint.connect(lender.peerId);
  await stranger.stoq.endpoint.connect(lender.peerId);
  echo = await serveTcp((socket) => socket.pipe(socket));
});
afterAll(async () => {
  await echo.stop();
  for (const node of [borrower, stranger, lender]) await node.stop();
});
afterEach(async () => {
  for (const end of undo.splice(0)) await end();
  for (const { id } of lender.tunnels.state().exposures) await lender.tunnels.unexpose(id);
  for (const { id } of borrower.tunnels.state().reached) await borrower.tunnels.unreach(id);
});

describe('TCP forwards', () => {
  it('carry bytes both ways, half closes and counters', async () => {
    const exposed = await exposeEcho();
    const reached = await borrower.tunnels.reach({
      ...reachRequest,
      address: exposed.address,
      port: echo.port,
      localPort: 0,
    });
    const socket = await dial(reached.listen);
    const sent = Buffer.alloc(3_000_000, 'abcdefg');
    socket.end(sent);
    const back = await readAll(socket);
    expect(back.equals(sent)).toBe(true);
    await expect.poll(() => lender.tunnels.state().exposures[0]?.connectionsNow).toBe(0);
    expect(lender.tunnels.state().exposures[0]).toMatchObject({
      connectionsTotal: 1,
      sentBytes: sent.length,
      receivedBytes: sent.length,
      refused: 0,
    });
    await expect.poll(() => borrower.tunnels.state().reached[0]?.connectionsNow).toBe(0);
    expect(borrower.tunnels.state().reached[0]).toMatchObject({
      peerId: lender.peerId,
      sentBytes: sent.length,
      problem: '',
    });
  });

  it('lead into a port of a job', async () => {
    const exposed = await exposeEcho({ target: `job:${JOB}:${echo.port}` });
    const reached = await borrower.tunnels.reach({ ...reachRequest, address: exposed.address, port: echo.port });
    const socket = await dial(reached.listen);
    const sent = Buffer.alloc(1_500_000, 'in a job');
    socket.end(sent);
    expect((await readAll(socket)).equals(sent)).toBe(true);
    await expect.poll(() => lender.tunnels.state().exposures[0]?.connectionsNow).toBe(0);
  });
  it('say that a job is away, and nothing more', async () => {
    const exposed = await exposeEcho({ target: `job:job-0000000000000000:${echo.port}` });
    const connected = borrower.dialer.connect(serviceAt(exposed.address, echo.port));
    await expect(connected).rejects.toMatchObject({ code: 'TARGET_AWAY' });
    await expect(connected).rejects.not.toThrow(/no such job/);
  });
  it('give up on a job when whoever connected is gone', async () => {
    const exposed = await exposeEcho({ target: `job:${JOB}:${echo.port}` });
    const reached = await borrower.tunnels.reach({ ...reachRequest, address: exposed.address, port: echo.port });
    const socket = await dial(reached.listen);
    socket.write('hello');
    await once(socket, 'data');
    socket.resetAndDestroy();
    await expect.poll(() => lender.tunnels.state().exposures[0]?.connectionsNow).toBe(0);
  });

  it('let the far end finish first and hear the rest', async () => {
    const heard: Buffer[] = [];
    const server = await serveTcp((socket) => {
      socket.end('banner');
      socket.on('data', (chunk: Buffer) => heard.push(chunk));
    });
    undo.push(server.stop);
    const exposed = await exposeEcho({ target: `127.0.0.1:${server.port}` });
    const reached = await borrower.tunnels.reach({ ...reachRequest, address: exposed.address, port: server.port });
    const socket = await dial(reached.listen);
    expect((await readAll(socket)).toString()).toBe('banner');
    socket.end('afterwards');
    await expect.poll(() => Buffer.concat(heard).toString()).toBe('afterwards');
  });

  it('read no further than the far program takes', async () => {
    let far: Socket | null = null;
    const server = await serveTcp((socket) => {
      far = socket;
      socket.pause();
    });
    undo.push(server.stop);
    const exposed = await exposeEcho({ target: `127.0.0.1:${server.port}` });
    const pipe = await borrower.dialer.connect(serviceAt(exposed.address, server.port));
    let written = 0;
    let on = true;
    const chunk = Buffer.alloc(256 * 1024);
    const writing = (async () => {
      while (on && written < 256 * 1024 * 1024) {
        await pipe.write(chunk);
        written += chunk.length;
      }
    })().catch(() => undefined);
    await outside.clock.sleep(600);
    const before = written;
    await outside.clock.sleep(300);
    // What all buffers on the way hold together, those of the kernel included, and not a byte more.
    expect(before).toBeLessThan(64 * 1024 * 1024);
    expect(written).toBe(before);
    on = false;
    (far as Socket | null)?.destroy();
    pipe.reset();
    await writing;
  });

  it('reach a socket at a path, and an address of the machine itself', async () => {
    const { createServer } = await import('node:net');
    const { mkdtempSync, rmSync } = await import('node:fs');
    const { tmpdir } = await import('node:os');
    const { join } = await import('node:path');
    const folder = mkdtempSync(join(tmpdir(), 'hypermesh-forward-'));
    const server = createServer((socket) => socket.end('from a path')).listen(join(folder, 'socket'));
    await once(server, 'listening');
    undo.push(() => {
      server.close();
      rmSync(folder, { recursive: true });
    });
    const exposed = await exposeEcho({ target: `unix:${join(folder, 'socket')}`, port: 80 });
    for (const node of [borrower, lender]) {
      const pipe = await node.dialer.connect(serviceAt(exposed.address, 80));
      expect(Buffer.from((await pipe.read()) ?? []).toString()).toBe('from a path');
      expect(await pipe.read()).toBeNull();
      expect(pipe.peer).toBe(lender.peerId);
      await pipe.finish();
    }
  });

  it('end when the service is taken back, and are there again over a new connection', async () => {
    const exposed = await exposeEcho();
    const pipe = await borrower.dialer.connect(serviceAt(exposed.address, echo.port));
    await borrower.stoq.endpoint.connection(lender.peerId)?.close();
    expect(await codeOf(pipe.read())).not.toBe('none');
    const again = await borrower.dialer.connect(serviceAt(exposed.address, echo.port));
    await again.write(Buffer.from('x'));
    expect(await again.read()).toHaveLength(1);
    await lender.tunnels.unexpose(exposed.id);
    expect(await codeOf(again.read())).not.toBe('none');
    expect(await codeOf(borrower.dialer.connect(serviceAt(exposed.address, echo.port)))).toBe('REVOKED');
  });

  it('say that a service is away', async () => {
    const gone = await serveTcp(() => undefined);
    await gone.stop();
    const exposed = await exposeEcho({ target: `127.0.0.1:${gone.port}`, port: 7 });
    expect(await codeOf(borrower.dialer.connect(serviceAt(exposed.address, 7)))).toBe('TARGET_AWAY');
    expect(lender.tunnels.state().exposures[0]).toMatchObject({ refused: 1 });
    expect(lender.tunnels.state().exposures[0]?.problem).toContain('Nothing answered');
  });
});

describe('privacy of forwards', () => {
  it('gives a stranger one answer for what is hidden and for what is not there', async () => {
    const exposed = await exposeEcho();
    // Somebody gave the stranger the address and a record: only the lender's word counts.
    const { record, keys } = await borrower.routes.resolve(exposed.address as GlobalAddress);
    const blind = await lender.links.open({ peer: stranger.peerId, route: 'direct' });
    expect(blind.party.kind).toBe('peer');
    expect(await codeOf(stranger.dialer.connect(serviceAt(exposed.address, echo.port)))).toBe('ADDRESS_UNKNOWN');
    const ask = async (address: string, port: number): Promise<string> => {
      const { createDialer } = await import('../../../../main/kernel/proxy/dialer.ts');
      const dialer = createDialer({
        outside,
        links: stranger.links,
        routes: { resolve: async () => ({ record, keys, source: 'peers', tookMs: 0 }) },
        leases: { borrowed: () => Promise.reject(new Error('none')) as never },
        service: stranger.service,
        self: () => stranger.peerId,
      });
      const error: unknown = await dialer.connect(serviceAt(address, port)).catch((caught: unknown) => caught);
      const { code, message } = error as { code: string; message: string };
      return `${code} ${message}`;
    };
    const hidden = await ask(exposed.address, echo.port);
    expect(hidden).toContain('ADDRESS_UNKNOWN');
    expect(await ask(exposed.address, 1)).toBe(hidden);
    expect(await ask('fd00::1', echo.port)).toBe(hidden);
    expect(lender.tunnels.state().exposures[0]?.lastRefusal?.sentence).toContain('may not know');
  });

  it('tests step by step', async () => {
    const exposed = await exposeEcho();
    const found = await borrower.tunnels.test({ address: exposed.address, port: echo.port, protocol: 'tcp' });
    expect(found).toMatchObject({
      allowed: true,
      route: 'direct',
      resolved: { peerId: lender.peerId, source: 'peers' },
    });
    expect(found.steps.map(({ ok }) => ok)).toEqual([true, true, true]);
    const wrong = await borrower.tunnels.test({ address: exposed.address, port: 1, protocol: 'tcp' });
    expect(wrong.steps.map(({ ok }) => ok)).toEqual([true, true, false]);
    const none = await stranger.tunnels.test({ address: exposed.address, port: echo.port, protocol: 'tcp' });
    expect(none).toMatchObject({ allowed: false, resolved: null, steps: [{ ok: false }] });
    const own = await lender.tunnels.test({ address: exposed.address, port: echo.port, protocol: 'tcp' });
    expect(own).toMatchObject({ allowed: true, resolved: { source: 'own' }, rttMs: 0 });
  });
});

describe('UDP forwards', () => {
  it('carry datagrams both ways, per program', async () => {
    const server = createSocket('udp4');
    server.on('message', (payload, from) => server.send(payload, from.port, from.address));
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    undo.push(() => {
      server.close();
    });
    const { port } = server.address();
    const exposed = await exposeEcho({ target: `127.0.0.1:${port}`, protocol: 'udp' });
    const reached = await borrower.tunnels.reach({ ...reachRequest, protocol: 'udp', address: exposed.address, port });
    const local = Number(reached.listen.slice(reached.listen.lastIndexOf(':') + 1));
    for (const [type, host] of [
      ['udp6', '::1'],
      ['udp4', '127.0.0.1'],
    ] as const) {
      const client = createSocket(type);
      const got: Buffer[] = [];
      client.on('message', (payload) => got.push(payload));
      const payloads = [Buffer.alloc(0), Buffer.from('one'), Buffer.alloc(9_000, 7)];
      for (const payload of payloads) client.send(payload, local, host);
      await expect.poll(() => got.length).toBe(3);
      for (const payload of payloads) expect(got.some((one) => one.equals(payload))).toBe(true);
      client.close();
    }
    expect(borrower.tunnels.state().reached[0]).toMatchObject({ connectionsTotal: 2, sentBytes: 18_006 });
    expect(lender.tunnels.state().exposures[0]).toMatchObject({ connectionsTotal: 2, receivedBytes: 18_006 });
  });
});

describe('exits', () => {
  const LEASE = `lease-${'0'.repeat(32)}` as LeaseId;
  const lease = (change: Partial<ExitLease> = {}): ExitLease => ({
    lease: LEASE,
    policy: () => ({ mode: 'all', named: [] }),
    limit: createLimit({ clock: outside.clock }, { bytesPerSecond: null }),
    counters: newCounters(0),
    connectionsMax: 4,
    ended: new AbortController().signal,
    ...change,
  });
  let exit: ProxyNode;
  let user: ProxyNode;
  let looking = 0;
  beforeAll(async () => {
    const network = createMemoryNetwork({ outside });
    exit = await startProxyNode(
      { outside, workers },
      {
        seed: 4,
        carriers: [network.carrier('exit')],
        listen: '/memory/exit' as Address,
        openingMs: 2_000,
        destinations: {
          check: async (host, port, _policy, { signal } = {}) => {
            if (host === 'slow.example') {
              looking += 1;
              await outside.clock.sleep(60_000, signal).finally(() => (looking -= 1));
            }
            return { host, address: '127.0.0.1', family: 4, port };
          },
        },
      },
    );
    user = await startProxyNode({ outside, workers }, { seed: 5, carriers: [network.carrier('user')], listen: null });
    befriend(user, exit, '/memory/exit' as Address);
    user.borrowed.set(LEASE, exit.peerId);
  });
  afterAll(async () => {
    await user.stop();
    await exit.stop();
  });
  const target = () => ({ kind: 'exit', lease: LEASE, host: 'example.org', port: echo.port }) as const;

  it('let only the borrower of a running lease out', async () => {
    expect(await codeOf(user.dialer.connect(target()))).toBe('REFUSED_THERE');
    exit.exits.set(LEASE, lease());
    expect(await codeOf(user.dialer.connect(target()))).toBe('REFUSED_THERE');
    exit.borrowers.set(LEASE, user.peerId);
    const pipe = await user.dialer.connect(target());
    await pipe.write(Buffer.from('hello'));
    expect(Buffer.from((await pipe.read()) ?? []).toString()).toBe('hello');
    pipe.reset();
    expect(exit.exits.get(LEASE)?.counters.receivedBytes).toBe(5);
  });

  it('have as many connections as the lease allows', async () => {
    exit.exits.set(LEASE, lease({ connectionsMax: 2 }));
    exit.borrowers.set(LEASE, user.peerId);
    const pipes = [await user.dialer.connect(target()), await user.dialer.connect(target())];
    expect(await codeOf(user.dialer.connect(target()))).toBe('REFUSED_THERE');
    for (const pipe of pipes) pipe.reset();
    await expect.poll(() => exit.exits.get(LEASE)?.counters.connectionsNow).toBe(0);
    (await user.dialer.connect(target())).reset();
  });

  it('let no lease take all the places where names are looked for', async () => {
    const other = `lease-${'1'.repeat(32)}` as LeaseId;
    exit.exits.set(LEASE, lease({ connectionsMax: 512 }));
    exit.exits.set(other, lease({ lease: other }));
    for (const id of [LEASE, other]) {
      exit.borrowers.set(id, user.peerId);
      user.borrowed.set(id, exit.peerId);
    }
    const life = new AbortController();
    // Names of a server that never answers.
    const slow = Array.from({ length: 80 }, () =>
      codeOf(user.dialer.connect({ ...target(), host: 'slow.example' }, { signal: life.signal })).catch(
        () => 'aborted',
      ),
    );
    await expect.poll(() => looking).toBe(16);
    (await user.dialer.connect({ ...target(), lease: other })).reset();
    life.abort(new Error('enough'));
    const ends = await Promise.all(slow);
    expect(ends.filter((end) => end === 'REFUSED_THERE').length).toBeGreaterThanOrEqual(64);
    await expect.poll(() => looking, { timeout: 5_000 }).toBe(0);
  });

  it('end with the lease', async () => {
    const life = new AbortController();
    exit.exits.set(LEASE, lease({ ended: life.signal }));
    exit.borrowers.set(LEASE, user.peerId);
    const pipe = await user.dialer.connect(target());
    life.abort();
    expect(await codeOf(pipe.read())).not.toBe('none');
    expect(await codeOf(user.dialer.connect(target()))).toBe('REFUSED_THERE');
  });

  it('follow a lower level within a second, and count what passes', async () => {
    const limit = createLimit({ clock: outside.clock }, { bytesPerSecond: null });
    exit.exits.set(LEASE, lease({ limit }));
    exit.borrowers.set(LEASE, user.peerId);
    const pipe = await user.dialer.connect(target());
    let back = 0;
    const reading = (async () => {
      for (let chunk = await pipe.read(); chunk !== null; chunk = await pipe.read()) back += chunk.length;
    })().catch(() => undefined);
    const chunk = Buffer.alloc(64 * 1024);
    let on = true;
    const writing = (async () => {
      while (on) await pipe.write(chunk);
    })().catch(() => undefined);
    await expect.poll(() => back).toBeGreaterThan(1_000_000);
    limit.setRate(200_000);
    await outside.clock.sleep(1_000);
    const at = back;
    await outside.clock.sleep(2_000);
    expect((back - at) / 2).toBeLessThan(240_000);
    expect((back - at) / 2).toBeGreaterThan(100_000);
    on = false;
    limit.stop();
    pipe.reset();
    await Promise.all([reading, writing]);
  });
});

describe('the door of a node for its owner', () => {
  it('is opened to none but its own nodes', async () => {
    const network = createMemoryNetwork({ outside });
    let api: number | null = echo.port;
    const host = await startProxyNode(
      { outside, workers },
      { seed: 8, carriers: [network.carrier('door')], listen: '/memory/door' as Address, apiPort: () => api },
    );
    const guest = await startProxyNode(
      { outside, workers },
      { seed: 9, carriers: [network.carrier('knock')], listen: null },
    );
    undo.push(guest.stop, host.stop);
    befriend(guest, host, '/memory/door' as Address);
    await guest.stoq.endpoint.connect(host.peerId);
    const expose = (target: string, privacyLevel: 'P2P' | 'Private' = 'P2P') =>
      host.tunnels.expose({ ...exposeRequest, privacyLevel, target });
    for (const place of ['127.0.0.1', 'localhost', '0.0.0.0', '127.9.9.9', '[::1]', '[::]', '[::ffff:127.0.0.1]'])
      expect([place, await codeOf(expose(`${place}:${echo.port}`))]).toEqual([place, 'TARGET_INVALID']);
    expect(await codeOf(expose(String(echo.port)))).toBe('TARGET_INVALID');
    expect((await expose(`127.0.0.1:${echo.port}`, 'Private')).address).toMatch(/^fd/);

    // It came there after the service was exposed.
    api = null;
    const { address } = await expose(`127.0.0.1:${echo.port}`);
    (await guest.dialer.connect(serviceAt(address, echo.port))).reset();
    api = echo.port;
    expect(await codeOf(guest.dialer.connect(serviceAt(address, echo.port)))).toBe('TARGET_AWAY');
  });
});

describe('a service that many want', () => {
  it('leaves room for others', async () => {
    const network = createMemoryNetwork({ outside });
    const host = await startProxyNode(
      { outside, workers },
      { seed: 6, carriers: [network.carrier('host')], listen: '/memory/host' as Address, connectionsPerRowMax: 3 },
    );
    const guest = await startProxyNode(
      { outside, workers },
      { seed: 7, carriers: [network.carrier('guest')], listen: null },
    );
    undo.push(guest.stop, host.stop);
    befriend(guest, host, '/memory/host' as Address);
    await guest.stoq.endpoint.connect(host.peerId);
    const popular = await host.tunnels.expose({ ...exposeRequest, target: `127.0.0.1:${echo.port}` });
    const quiet = await host.tunnels.expose({ ...exposeRequest, target: `127.0.0.1:${echo.port}` });
    const taken = await Promise.all([1, 2, 3].map(() => guest.dialer.connect(serviceAt(popular.address, echo.port))));
    expect(await codeOf(guest.dialer.connect(serviceAt(popular.address, echo.port)))).toBe('REFUSED_THERE');
    taken.push(await guest.dialer.connect(serviceAt(quiet.address, echo.port)));
    for (const pipe of taken) pipe.reset();
  });
});

describe('half-open connections', () => {
  it('of 10 000 hurt nobody else', async () => {
    const exposed = await exposeEcho();
    const link = await stranger.links.open({ peer: lender.peerId, route: 'direct' });
    const answers = new Map<string, number>();
    // Ten thousand openings that say nothing, or half of something.
    const attack = Array.from({ length: 10_000 }, async (_, number) => {
      const answer = await (async () => {
        try {
          const stream = await link.openStream('/hypermesh/forward/1');
          if (number % 2 === 0) await stream.write(Uint8Array.of(0, 0));
          const message = await readMessage(stream);
          return message === null ? 'ended' : JSON.stringify(decodeAnswer(message));
        } catch {
          return 'reset';
        }
      })();
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    });
    const begin = outside.clock.monotonicMs();
    for (let count = 0; count < 20; count++) {
      const pipe = await borrower.dialer.connect(serviceAt(exposed.address, echo.port));
      await pipe.write(Buffer.from('x'));
      expect(await pipe.read()).toHaveLength(1);
      pipe.reset();
    }
    expect(outside.clock.monotonicMs() - begin).toBeLessThan(5_000);
    await Promise.all(attack);
    // Reset, or told that there are too many of its kind: nobody is left, and nobody was let in.
    expect([...answers.keys()].filter((answer) => answer !== 'reset' && !answer.includes('"code":"full"'))).toEqual([]);
    expect([...answers.values()].reduce((sum, count) => sum + count)).toBe(10_000);
    await expect.poll(() => lender.service.connections).toBe(0);
  });
});

describe('what a peer sends', () => {
  it('costs it standing when it is not an opening', async () => {
    const link = await stranger.links.open({ peer: lender.peerId, route: 'direct' });
    const before = lender.stoq.book.get(stranger.peerId)?.points ?? 0;
    const stream = await link.openStream('/hypermesh/forward/1');
    await writeMessage(stream, Uint8Array.of(1, 2, 3));
    expect(await codeOf(stream.read())).not.toBe('none');
    await expect.poll(() => lender.stoq.book.get(stranger.peerId)?.points ?? 0).toBeGreaterThan(before);
  });
});
