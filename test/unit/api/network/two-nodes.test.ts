import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Call, RequestInputOf, ResponseOf } from '../../../../preload/contract/index.ts';
import { type TestNode, openTestNode } from '../real-node.ts';

const caller = { face: 'window' } as const;
const call = async <C extends Call>(test: TestNode, name: C, request: RequestInputOf<C>): Promise<ResponseOf<C>> => {
  const reply = await test.node.dispatcher.call(name, request, caller);
  if (!reply.ok)
    throw Object.assign(new Error(`${name}: ${reply.error.message} ${JSON.stringify(reply.error.data ?? {})}`), {
      code: reply.error.code,
    });
  return reply.value;
};
const sealing = { kind: 'passphrase', passphrase: 'correct horse battery staple' } as const;
const createIdentity = async (test: TestNode): Promise<void> => {
  const { draftId, words, ask } = await call(test, 'identity:begin', {});
  await call(test, 'identity:confirm', { draftId, words: ask.map((place) => words[place - 1] ?? ''), sealing });
};
const untilRunning = (test: TestNode): Promise<void> =>
  expect.poll(async () => (await call(test, 'network:state', {})).status, { timeout: 20_000 }).toBe('running');
const addressOf = async (test: TestNode): Promise<string> => {
  const { addresses, peerId } = await call(test, 'network:state', {});
  return `${addresses[0]}/p2p/${peerId}`;
};

const meets = async (test: TestNode, peer: TestNode): Promise<void> => {
  const address = await addressOf(peer);
  await expect
    .poll(
      () =>
        call(test, 'network:add', { address }).then(
          ({ connected }) => connected,
          () => false,
        ),
      { timeout: 50_000 },
    )
    .toBe(true);
};

let one: TestNode;
let other: TestNode;
let third: TestNode;
beforeAll(async () => {
  [one, other, third] = await Promise.all([
    openTestNode({ network: { loopbackOnly: true } }),
    openTestNode({ network: { loopbackOnly: true, open: false } }),
    openTestNode({ network: { loopbackOnly: true } }),
  ]);
}, 120_000);
afterAll(async () => {
  await Promise.all([one.end(), other.end(), third.end()]);
});

it('waits for an identity, says so, and runs once there is one', async () => {
  const before = await call(one, 'network:state', {});
  expect(before).toMatchObject({ status: 'waiting', peerId: null, addresses: [] });
  expect(before.reason).toMatch(/identity/i);
  await Promise.all([one, other, third].map(createIdentity));
  await Promise.all([one, other, third].map(untilRunning));
  const { peerId, addresses, reason } = await call(one, 'network:state', {});
  expect(reason).toBe('');
  expect(peerId).toBe((await call(one, 'identity:get', {})).identity?.peerId);
  expect(addresses.length).toBeGreaterThan(0);
  for (const address of addresses) expect(address).toMatch(/^\/ip(6\/::1|4\/127\.0\.0\.1)\//);
});

it('adds a peer by its address, sees it on both sides, and measures the way', async () => {
  // A handshake has ten seconds. On a machine that does ten other things, the first one may need more.
  await meets(one, third);
  await call(one, 'network:disconnect', { peer: (await call(third, 'network:state', {})).peerId ?? '' });
  const added = await call(one, 'network:add', { address: await addressOf(third), name: 'attic' });
  expect(added).toMatchObject({ name: 'attic', connected: true, source: 'owner', networks: ['public'], ban: null });
  expect(added.handshake?.tookMs).toBeGreaterThan(0);
  expect(added.paths.some(({ chosen }) => chosen)).toBe(true);
  const me = (await call(one, 'network:state', {})).peerId ?? '';
  await expect
    .poll(async () => (await call(third, 'network:peers', { connected: true })).peers.map(({ peerId }) => peerId))
    .toContain(me);
  const ping = await call(one, 'network:ping', { peer: 'ATTIC', count: 3 });
  expect(ping.roundTripsMs).toHaveLength(3);
  for (const ms of ping.roundTripsMs) expect(ms).toBeGreaterThan(0);
  const { hops } = await call(one, 'network:trace', { peer: added.peerId.slice(8, 16) });
  expect(hops).toEqual([{ peerId: added.peerId, tier: expect.any(String), rttMs: expect.any(Number), signed: true }]);
});

it('trusts by a name that is its own, bans, lifts the ban and forgets', async () => {
  const { peerId } = await call(one, 'network:peer', { peer: 'attic' });
  expect(await call(one, 'network:trust', { peer: peerId, name: 'loft' })).toMatchObject({
    name: 'loft',
    trusted: true,
  });
  await expect(call(one, 'network:peer', { peer: 'attic' })).rejects.toMatchObject({ code: 'PEER_UNKNOWN' });
  const banned = await call(one, 'network:ban', { peer: 'loft', minutes: 5, reason: 'too loud' });
  expect(banned).toMatchObject({ connected: false, ban: { byOwner: true, reason: 'too loud' } });
  await expect(call(one, 'network:connect', { peer: 'loft' })).rejects.toMatchObject({ code: 'BANNED' });
  expect(await call(one, 'network:unban', { peer: 'loft' })).toMatchObject({ ban: null, points: 0 });
  expect(await call(one, 'network:connect', { peer: 'loft' })).toMatchObject({ connected: true, name: 'loft' });
  expect(await call(one, 'network:trust', { peer: 'loft', trusted: false })).toMatchObject({ trusted: false });
  expect(await call(one, 'network:disconnect', { peer: 'loft' })).toMatchObject({ connected: false });
  expect(await call(one, 'network:forget', { peer: 'loft' })).toEqual({ peerId });
});

it('refuses addresses of nobody, of itself and of others than those who answer', async () => {
  const own = await addressOf(one);
  for (const [address, code] of [
    ['/ip6/::1/udp/1/quic-v1', 'ADDRESS_INVALID'],
    ['nonsense', 'ADDRESS_INVALID'],
    [own, 'SELF'],
  ] as const)
    await expect(call(one, 'network:add', { address })).rejects.toMatchObject({ code });
  const stranger = (await call(other, 'network:state', {})).peerId ?? '';
  const wrong = (await addressOf(third)).replace(/12D3KooW\w+$/, stranger);
  await expect(call(one, 'network:add', { address: wrong })).rejects.toMatchObject({ code: 'WRONG_PEER' });
  await expect(call(one, 'network:peer', { peer: stranger })).rejects.toMatchObject({ code: 'PEER_UNKNOWN' });
});

it('leads into a private network by an invite, of a node that is closed to everybody else', async () => {
  const secret = 'a secret of some length';
  const made = await call(other, 'network:create', { name: 'home', secret });
  expect(made).toMatchObject({ name: 'home', peers: 0 });
  await expect(call(other, 'network:create', { name: 'Home', secret: `${secret}!` })).rejects.toMatchObject({
    code: 'NAME_TAKEN',
  });
  const { link, network, qr } = await call(other, 'network:invite', { network: 'home' });
  expect(network).toBe(made.id);
  expect(new Set(qr.map((row) => row.length))).toEqual(new Set([qr.length]));
  const joined = await call(one, 'network:join', { link });
  expect(joined).toMatchObject({
    problem: null,
    network: { id: made.id, name: 'home', peers: 1 },
    peer: { connected: true, networks: [made.id], source: 'invite' },
  });
  // It lets in one.
  await expect(call(third, 'network:join', { link })).rejects.toMatchObject({ code: 'INVITE_INVALID' });
  expect((await call(third, 'network:state', {})).networks).toEqual([]);
  // Name and secret do as well.
  await call(third, 'network:create', { name: 'home', secret });
  expect(await call(third, 'network:add', { address: await addressOf(other) })).toMatchObject({ networks: [made.id] });
  expect(await call(one, 'network:leave', { network: 'home' })).toEqual({ id: made.id });
  await expect
    .poll(async () => (await call(one, 'network:peers', { connected: true })).peers.map(({ networks }) => networks))
    .not.toContainEqual([made.id]);
  await expect(call(one, 'network:join', { link: 'hypermesh:join/nonsense' })).rejects.toMatchObject({
    code: 'INVITE_INVALID',
  });
});

it('stops when it is locked or switched off, says why, and comes back with the same port', async () => {
  const port = (await call(third, 'network:state', {})).addresses[0]?.split('/')[4];
  const locked = await call(third, 'identity:lock', {});
  expect(locked.status).toBe('locked');
  await expect.poll(async () => (await call(third, 'network:state', {})).status).toBe('waiting');
  const waiting = await call(third, 'network:state', {});
  expect(waiting).toMatchObject({ connections: 0, addresses: [], networks: [] });
  expect(waiting.reason).toMatch(/unlock/i);
  await expect(
    call(third, 'network:ping', { peer: (await call(other, 'network:state', {})).peerId ?? '' }),
  ).rejects.toMatchObject({
    code: 'NOT_RUNNING',
  });
  await call(third, 'identity:unlock', { passphrase: sealing.passphrase });
  await untilRunning(third);
  const after = await call(third, 'network:state', {});
  expect(after.addresses[0]?.split('/')[4]).toBe(port);
  expect(after.networks.map(({ name }) => name)).toEqual(['home']);
  expect(await call(third, 'network:configure', { enabled: false })).toMatchObject({ status: 'off', connections: 0 });
  await expect(call(third, 'network:invite', {})).rejects.toMatchObject({ code: 'NOT_RUNNING' });
  expect((await call(third, 'node:status', {})).phase.reason).toMatch(/works alone/);
  expect(await call(third, 'network:configure', { enabled: true })).toMatchObject({ status: 'running' });
});

it('pushes what changed while somebody listens', async () => {
  const heard: string[] = [];
  const ends = [
    one.node.dispatcher.subscribe('network', () => heard.push('network')),
    one.node.dispatcher.subscribe('peers', () => heard.push('peers')),
    one.node.dispatcher.subscribe('networkTraffic', () => heard.push('networkTraffic')),
  ];
  await call(one, 'network:add', { address: await addressOf(third), name: 'cellar' });
  await expect.poll(() => new Set(heard), { timeout: 10_000 }).toEqual(new Set(['network', 'peers', 'networkTraffic']));
  for (const end of ends) end();
  const { findings } = await call(one, 'network:doctor', {});
  expect(findings.map(({ check }) => check)).toEqual(
    expect.arrayContaining(['Network', 'Port', 'Reachability', 'Peers']),
  );
  expect((await call(one, 'node:status', {})).phase.reason).toMatch(/in touch with \d/);
});
