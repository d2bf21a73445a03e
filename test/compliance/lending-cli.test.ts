import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyLeaseFile } from '../../main/kernel/leases/index.ts';
import type { LeaseView, OfferView } from '../../preload/contract/index.ts';
import { createLoopbackNodes } from '../support/loopback-nodes.ts';

// Three real nodes in processes of their own, on loopback: who lends, a friend who borrows, and somebody whom nobody knows. Steered by
// the command line, used by ordinary programs.

/** Processes start, keys are derived and peers found, beside whatever else the machine does. What is waited for has limits of its own. */
const MS_MAX = 240_000;
const SOON = { timeout: 60_000, interval: 300 };
/** A lender's tick is a minute; a busy machine adds to it. */
const RECEIPT = { timeout: 150_000, interval: 1_000 };
const NAMES = ['home', 'friend', 'stranger'] as const;
type Name = (typeof NAMES)[number];
const nodes = createLoopbackNodes();
const { good, ask, hypermesh } = nodes;

const run = promisify(execFile);
const curl = async (...args: string[]): Promise<{ code: number; out: string; error: string }> => {
  try {
    const { stdout, stderr } = await run('curl', ['-sS', '-g', '-m', '20', ...args]);
    return { code: 0, out: stdout, error: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, error: stderr };
  }
};
const fetched = async (...args: string[]): Promise<string> => {
  const { code, out, error } = await curl(...args);
  return code === 0 ? out : `curl ended with ${code}: ${error}`;
};
const curlMissing = existsSync('/usr/bin/curl') ? null : 'curl is not installed';

const PAGE = 'what is behind the address';
const servers: Server[] = [];
/** A web server of the lender's machine. @returns its port, and how often it was asked */
const serve = async (): Promise<{ port: number; asked: () => number }> => {
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.end(PAGE);
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { port: (server.address() as AddressInfo).port, asked: () => asked };
};

const idOf: Record<string, string> = {};
const leasesOf = async (name: Name, ...more: string[]): Promise<LeaseView[]> =>
  (await ask(name, 'leases:list', ['lease', 'list', ...more])).leases;
const leaseOf = (name: Name, id: string): Promise<LeaseView> => ask(name, 'leases:get', ['lease', 'show', id]);
/** What both sides must agree on. */
const agreed = (lease: LeaseView): unknown => {
  const { id, resource, amount, state, code, allocationType, address, purpose, priceMicro, tickMs } = lease;
  const { receiptsSigned, unitSeconds, sentBytes, receivedBytes, owedMicro } = lease;
  return [
    { id, resource, amount, state, code, allocationType, address, purpose, priceMicro, tickMs },
    { receiptsSigned, unitSeconds, sentBytes, receivedBytes, owedMicro },
  ];
};
const bothSides = async (id: string): Promise<[LeaseView, LeaseView]> => [
  await leaseOf('home', id),
  await leaseOf('friend', id),
];
/** One side hears of an end a moment after the other. */
const untilAgreed = async (id: string): Promise<[LeaseView, LeaseView]> => {
  await expect
    .poll(async () => {
      const [lent, borrowed] = await bothSides(id);
      return lent.state !== 'ending' && JSON.stringify(agreed(lent)) === JSON.stringify(agreed(borrowed));
    }, SOON)
    .toBe(true);
  return await bothSides(id);
};
const offersOf = async (name: Name, ...more: string[]): Promise<OfferView[]> =>
  (await ask(name, 'offers:search', ['offers', '--fresh', ...more])).offers;
const offerOf = async (kind: 'memory' | 'network'): Promise<OfferView> => {
  const { promise, resolve } = Promise.withResolvers<OfferView>();
  await expect
    .poll(async () => {
      const [offer] = await offersOf('friend', '--kind', kind);
      if (offer !== undefined) resolve(offer);
      return offer?.peerId;
    }, SOON)
    .toBe(idOf['home']);
  return await promise;
};
const lease = async (offer: OfferView, ...more: string[]): Promise<LeaseView> =>
  await ask('friend', 'leases:request', ['lease', 'request', offer.id.slice(0, 16), ...more]);

beforeAll(async () => {
  for (const name of NAMES) nodes.makeFolder(name);
  await Promise.all(NAMES.map((name) => nodes.start(name)));
}, MS_MAX);
afterAll(async () => {
  for (const server of servers) server.close();
  await nodes.close();
}, MS_MAX);

it('is three nodes of which two trust each other', { timeout: MS_MAX }, async () => {
  await nodes.createIdentities(NAMES);
  await Promise.all(NAMES.map(nodes.untilRunning));
  // Proofs would take what little of two cores there is.
  for (const name of NAMES) await good(name, ['proof', 'set', '--automatic', 'off']);
  const { addresses, peerId } = await ask('home', 'network:state', ['net', 'status']);
  const home = `${addresses[0]}/p2p/${peerId ?? ''}`;
  for (const name of NAMES)
    idOf[name] = (await ask(name, 'network:state', ['net', 'status'])).peerId ?? `${name} has no id`;
  // A handshake has ten seconds. On a machine that does ten other things, the first one may need more.
  for (const name of ['friend', 'stranger'] as const)
    await expect.poll(async () => (await hypermesh(name, ['peer', 'add', home, '--name', 'home'])).code, SOON).toBe(0);
  await good('home', ['peer', 'trust', idOf['friend'] ?? '', '--name', 'friend']);
  await good('friend', ['peer', 'trust', 'home']);
});

describe.skipIf(curlMissing !== null)(`what is lent (${curlMissing ?? 'with real nodes'})`, { timeout: MS_MAX }, () => {
  let memory: LeaseView;

  it('shows what a change would do before it is made, and who was told after', async () => {
    const group = await ask('home', 'groups:add', ['group', 'add', 'friends', 'friend']);
    expect(group).toEqual({ name: 'friends', peers: [{ peerId: idOf['friend'], name: 'friend' }] });
    const change = ['--privacy', 'P2P', '--privacy-name', '@friends', '--allocation', 'Public'];
    const preview = await ask('home', 'privacy:preview', ['privacy', 'preview', 'memory', ...change]);
    const mayBorrow = (side: typeof preview.before): string[] =>
      side.rows.filter(({ allocate }) => allocate).map(({ who }) => who);
    expect([mayBorrow(preview.before), mayBorrow(preview.after)]).toEqual([['own'], ['own', 'trusted']]);
    expect(preview.changes.length).toBeGreaterThan(0);
    // A preview changes nothing.
    expect(await offersOf('friend')).toEqual([]);

    await ask('home', 'share:set', ['share', 'set', 'memory', '10', ...change, '--leases', '4']);
    const offer = await offerOf('memory');
    expect(offer).toMatchObject({ kind: 'memory', unit: 'bytes', trusted: true, peerName: 'home', priceMicro: '0' });
    const { offers } = await ask('home', 'offers:own', ['offers', 'own']);
    expect(offers.find(({ resource }) => resource === 'memory')).toMatchObject({
      offered: true,
      address: offer.address,
      amountMax: offer.amountMax,
    });
    const log = async (): Promise<string[]> =>
      (await ask('home', 'privacy:log', ['privacy', 'log'])).entries[0]?.seen ?? [];
    await expect.poll(log, SOON).toContainEqual(expect.stringMatching(/Of 2 connected peers 1 is told .* friend\./));
    // Who is not meant hears the same as if there were nothing, of the id as well.
    expect(await offersOf('stranger')).toEqual([]);
    const guessed = await hypermesh('stranger', ['lease', 'request', offer.id, '--amount', '1MiB']);
    expect([guessed.code, guessed.error]).toEqual([1, expect.stringMatching(/\(OFFER_UNKNOWN\)\n$/)]);
  });

  it('lends memory, and both sides have the same numbers', async () => {
    const offer = await offerOf('memory');
    const greedy = await ask('friend', 'leases:request', ['lease', 'request', offer.id, '--amount', '4096TiB'], 1);
    expect(greedy).toMatchObject({ state: 'refused', receiptsSigned: 0 });
    expect(greedy.code).toMatch(/CAPACITY|LEVEL/);
    expect(greedy.reason).toMatch(/\w+.*[.;]/);

    memory = await lease(offer, '--amount', '32MiB', '--minutes', '30', '--purpose', 'notes');
    expect(memory).toMatchObject({
      state: 'running',
      side: 'borrowed',
      amount: 32 * 1024 ** 2,
      address: offer.address,
    });
    const [lent, borrowed] = await bothSides(memory.id);
    expect(agreed(lent)).toEqual(agreed(borrowed));
    expect(lent).toMatchObject({ side: 'lent', peerId: idOf['friend'], peerName: 'friend', purpose: 'notes' });
    expect(borrowed).toMatchObject({ side: 'borrowed', peerId: idOf['home'], peerName: 'home' });
    expect((await leasesOf('home', '--side', 'lent', '--state', 'live')).map(({ id }) => id)).toEqual([memory.id]);
    expect((await leasesOf('friend', '--side', 'lent')).map(({ id }) => id)).toEqual([]);
    expect(await leasesOf('stranger')).toEqual([]);
  });

  it('keeps values there, byte for byte, and measures itself', async () => {
    const name = memory.id.slice(0, 14);
    const photo = randomBytes(3_000_000);
    expect(await ask('friend', 'memory:put', ['mem', 'put', name, 'notes', 'bread, milk'])).toMatchObject({ keys: 1 });
    await good('friend', ['mem', 'put', name, 'photo'], photo);
    expect(await good('friend', ['mem', 'get', name, 'notes'])).toBe('bread, milk');
    const { value } = await ask('friend', 'memory:get', ['mem', 'get', name, 'photo']);
    expect(Buffer.from(value ?? '', 'base64').equals(photo)).toBe(true);
    expect(await ask('friend', 'memory:stats', ['mem', 'show', name])).toMatchObject({ keys: 2, encrypted: true });
    expect(await ask('friend', 'memory:delete', ['mem', 'delete', name, 'photo'])).toMatchObject({ keys: 1 });
    expect((await hypermesh('friend', ['mem', 'get', name, 'photo'])).code).toBe(1);
    await good('friend', ['mem', 'put', name, 'fleeting', 'gone soon', '--ttl', '1s']);
    await expect.poll(async () => (await hypermesh('friend', ['mem', 'get', name, 'fleeting'])).code, SOON).toBe(1);
    const { rows } = await ask('friend', 'memory:bench', ['mem', 'bench', name]);
    expect(rows.map(({ operation, sizeBytes }) => [operation, sizeBytes])).toEqual(
      [64, 4096, 1024 ** 2].flatMap((size) => ['write', 'read'].map((operation) => [operation, size])),
    );
    for (const { bytesPerSecond, p50Ms, p99Ms } of rows) {
      expect(bytesPerSecond).toBeGreaterThan(0);
      expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
    }
    // Neither has a lease of that name.
    for (const other of ['home', 'stranger'] as const)
      expect((await hypermesh(other, ['mem', 'get', memory.id, 'notes'])).code).toBe(1);
  });

  it('brings a web server to a friend by every way, and to nobody else', async () => {
    const { port, asked } = await serve();
    const exposed = await ask('home', 'tunnels:expose', [
      'expose',
      `127.0.0.1:${port}`,
      '--name',
      'photos',
      '--protocol',
      'http',
      '--privacy',
      'P2P',
    ]);
    const far = `[${exposed.address}]:${port}`;
    expect(await ask('friend', 'tunnels:resolve', ['resolve', exposed.address])).toMatchObject({
      peerId: idOf['home'],
      services: [{ protocol: 'http', port }],
    });
    expect(await ask('friend', 'tunnels:test', ['tunnels', 'test', far])).toMatchObject({ allowed: true });
    const reached = await ask('friend', 'tunnels:reach', ['reach', far, '--protocol', 'http']);
    expect(await fetched(`http://${reached.listen}/`)).toBe(PAGE);
    const socks = await ask('friend', 'tunnels:proxy', ['proxy', 'socks']);
    expect(await fetched('--socks5-hostname', socks.listen, `http://${far}/`)).toBe(PAGE);
    const http = await ask('friend', 'tunnels:proxy', ['proxy', 'http']);
    expect(await fetched('-x', `http://${http.listen}`, `http://${far}/`)).toBe(PAGE);
    expect(await fetched('-p', '-x', `http://${http.listen}`, `http://${far}/`)).toBe(PAGE);
    // At home it has its name.
    const names = await ask('home', 'tunnels:proxy', ['proxy', 'names']);
    const namesPort = names.listen.split(':').at(-1) ?? '';
    expect(
      await fetched('--resolve', `photos.localhost:${namesPort}:127.0.0.1`, `http://photos.localhost:${namesPort}/`),
    ).toBe(PAGE);
    expect(asked()).toBe(5);
    const state = await ask('friend', 'tunnels:state', ['tunnels']);
    expect(state.reached).toMatchObject([{ id: reached.id, peerId: idOf['home'], connectionsTotal: 1, problem: '' }]);
    expect(state.reached[0]?.receivedBytes).toBeGreaterThan(PAGE.length);

    // To others, this address and one that never was are the same.
    const never = 'fd12:3456:789a:bcde:f012:3456:789a:bcde';
    const answers: string[] = [];
    for (const address of [exposed.address, never]) {
      const { code, error } = await hypermesh('stranger', ['resolve', address]);
      expect(code).toBe(1);
      const tested = await hypermesh('stranger', ['tunnels', 'test', `[${address}]:${port}`]);
      expect(tested.code).toBe(1);
      // Where lines are broken depends on the length of the address.
      answers.push(`${error}${tested.out}`.replaceAll(address, 'ADDRESS').replaceAll(/\s+/g, ' '));
    }
    expect(answers[0]).toBe(answers[1]);
    expect(answers[0]).toContain('(ADDRESS_UNKNOWN)');
    // It knows where the address is, as a former friend would, and has only to open it.
    const strangers = await ask('stranger', 'tunnels:proxy', ['proxy', 'socks']);
    expect((await curl('--socks5-hostname', strangers.listen, `http://${far}/`)).code).not.toBe(0);
    expect(asked()).toBe(5);

    await good('home', ['unexpose', exposed.id]);
    const gone = async (): Promise<number> => (await curl('--socks5-hostname', socks.listen, `http://${far}/`)).code;
    expect(await gone()).not.toBe(0);
    await expect.poll(async () => (await hypermesh('friend', ['resolve', exposed.address])).code, SOON).toBe(1);
    expect(asked()).toBe(5);
    await good('friend', ['unreach', reached.id]);
    expect((await curl(`http://${reached.listen}/`)).code).toBe(7);
    for (const [name, id] of [
      ['friend', socks.id],
      ['friend', http.id],
      ['home', names.id],
    ] as const)
      await good(name, ['proxy', 'close', id]);
    expect(await ask('friend', 'tunnels:state', ['tunnels'])).toMatchObject({ reached: [], proxies: [] });
  });

  it('lets traffic out where its owner names the place, and nowhere else', async () => {
    const [allowed, hidden] = [await serve(), await serve()];
    // The link of a virtual machine does not tell its speed.
    await good('home', ['share', 'rules', '--send-max', '20MB', '--receive-max', '20MB']);
    const terms = ['--privacy', 'P2P', '--allocation', 'Public', '--leases', '2', '--relays', 'on', '--exit', 'on'];
    await ask('home', 'share:set', ['share', 'set', 'network', '50', ...terms]);
    const offer = await offerOf('network');
    const line = await lease(offer, '--amount', '2MB/s', '--minutes', '20');
    expect(line).toMatchObject({ state: 'running', resource: 'network' });
    const proxy = await ask('friend', 'tunnels:proxy', ['proxy', 'socks', '--lease', line.id]);
    const out = (target: string) => curl('--socks5-hostname', proxy.listen, `http://${target}/`);
    const api = new URL(
      (JSON.parse(readFileSync(join(nodes.folderOf('home'), 'node.json'), 'utf8')) as { url: string }).url,
    );

    // Everything public is not everything: this machine is the owner's own.
    expect(await ask('home', 'exit:get', ['exit', 'show'])).toEqual({ mode: 'all', allowed: [] });
    for (const target of [
      `127.0.0.1:${allowed.port}`,
      `localhost:${allowed.port}`,
      `[::ffff:127.0.0.1]:${allowed.port}`,
    ])
      expect((await out(target)).error, target).toContain('(2)');
    const list = ['exit', 'set', 'list', '--allow', `127.0.0.1:${allowed.port}`, '--allow', `[::1]:${api.port}`];
    await ask('home', 'exit:set', list);
    expect((await out(`127.0.0.1:${allowed.port}`)).out).toBe(PAGE);
    for (const target of [
      `127.0.0.1:${hidden.port}`,
      `localhost:${allowed.port}`,
      `127.0.0.2:${allowed.port}`,
      '192.0.2.1:80',
    ])
      expect((await out(target)).error, target).toContain('(2)');
    expect([allowed.asked(), hidden.asked()]).toEqual([1, 0]);

    const ended = await ask('friend', 'leases:end', ['lease', 'end', line.id]);
    expect(ended).toMatchObject({ state: 'ended', code: 'ENDED_BY_BORROWER' });
    expect(ended.sentBytes + ended.receivedBytes).toBeGreaterThan(PAGE.length);
    await untilAgreed(line.id);
    expect((await out(`127.0.0.1:${allowed.port}`)).code).not.toBe(0);
    await good('friend', ['proxy', 'close', proxy.id]);
  });

  it('tries every way into the home network, and finds none', async () => {
    // It may be at it already, as a level was changed.
    const running = async (): Promise<boolean> => (await ask('home', 'guard:state', ['guard', 'show'])).running;
    await expect.poll(running, SOON).toBe(false);
    // What its owner opens on purpose is open: the guard says so, and is red.
    await ask('home', 'exit:set', ['exit', 'set', 'all']);
    await expect.poll(running, SOON).toBe(false);
    const found = await ask('home', 'guard:state', ['guard']);
    expect(found).toMatchObject({ verdict: 'green', running: false });
    expect(found.probes.length).toBeGreaterThan(100);
    expect(found.probes.filter(({ result }) => result === 'reached')).toEqual([]);
    expect(new Set(found.probes.map(({ from }) => from)).size).toBeGreaterThan(4);
    expect(await ask('home', 'guard:state', ['guard', 'show'])).toMatchObject({ ranAtMs: found.ranAtMs });
  });

  it('has both sign what was used, more each time, and gives it in writing', async () => {
    await expect.poll(async () => (await leaseOf('friend', memory.id)).receiptsSigned, RECEIPT).toBeGreaterThan(0);
    const before = await leaseOf('friend', memory.id);
    // An amount for as long as it was there, to the second and what a busy machine adds.
    expect(before.unitSeconds / before.amount).toBeGreaterThan(before.receiptsSigned * (before.tickMs / 1000) * 0.9);
    const ended = await ask('home', 'leases:end', ['lease', 'end', memory.id.slice(0, 14)]);
    expect(ended).toMatchObject({ state: 'ended', code: 'ENDED_BY_LENDER' });
    const [, borrowed] = await untilAgreed(memory.id);
    expect(borrowed.state).toBe('ended');
    expect(borrowed.receiptsSigned).toBeGreaterThan(before.receiptsSigned);
    expect(borrowed.unitSeconds).toBeGreaterThan(before.unitSeconds);
    expect((await hypermesh('friend', ['mem', 'get', memory.id, 'notes'])).code).toBe(1);
    for (const name of ['home', 'friend'] as const) {
      const path = join(nodes.root, `${name}.hmlease`);
      await good(name, ['lease', 'file', memory.id, '--out', path]);
      expect(verifyLeaseFile(readFileSync(path))).toMatchObject({ passed: true, lease: { id: memory.id } });
    }
  });
});

describe.skipIf(curlMissing !== null)('what is left when power is cut', { timeout: MS_MAX }, () => {
  it('ends memory with the lender, and brings back what was exposed and reached', async () => {
    const { port } = await serve();
    const exposed = await ask('home', 'tunnels:expose', ['expose', `127.0.0.1:${port}`, '--name', 'again']);
    const reached = await ask('friend', 'tunnels:reach', ['reach', exposed.address, `${port}`]);
    expect(await fetched(`http://${reached.listen}/`)).toBe(PAGE);
    const { id } = await lease(await offerOf('memory'), '--amount', '8MiB');
    await good('friend', ['mem', 'put', id, 'notes', 'lost with the lender']);

    await nodes.kill('home', 'SIGKILL');
    await nodes.start('home', { unlock: true });
    await nodes.untilRunning('home');
    const [lent, borrowed] = await untilAgreed(id);
    expect(lent).toMatchObject({ state: 'ended', code: 'RESTARTED' });
    expect(borrowed.reason).toMatch(/started again/);
    const allocations = await ask('home', 'share:allocations', ['share', 'allocations']);
    // The guard's job may have memory at this moment.
    expect(allocations.filter(({ purpose }) => purpose.startsWith('lease-'))).toEqual([]);
    const { exposures } = await ask('home', 'tunnels:state', ['tunnels']);
    expect(exposures.map((one) => [one.id, one.address, one.problem])).toEqual([[exposed.id, exposed.address, '']]);
    await expect.poll(() => fetched(`http://${reached.listen}/`), SOON).toBe(PAGE);
  });

  it('goes on with a borrower who comes back', async () => {
    const [before] = (await ask('friend', 'tunnels:state', ['tunnels'])).reached;
    const { id } = await lease(await offerOf('memory'), '--amount', '8MiB');
    await good('friend', ['mem', 'put', id, 'notes', 'kept by the lender']);

    await nodes.kill('friend', 'SIGKILL');
    await nodes.start('friend', { unlock: true });
    await nodes.untilRunning('friend');
    const [lent] = await untilAgreed(id);
    expect(lent.state).toBe('running');
    expect(await good('friend', ['mem', 'get', id, 'notes'])).toBe('kept by the lender');
    const [after] = (await ask('friend', 'tunnels:state', ['tunnels'])).reached;
    expect([after?.id, after?.address, after?.listen]).toEqual([before?.id, before?.address, before?.listen]);
    await expect.poll(() => fetched(`http://${after?.listen ?? ''}/`), SOON).toBe(PAGE);
    expect(await ask('friend', 'leases:end', ['lease', 'end', id])).toMatchObject({ state: 'ended' });
    await untilAgreed(id);
  });
});
