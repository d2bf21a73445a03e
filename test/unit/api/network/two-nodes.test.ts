import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Call, RequestInputOf, ResponseOf } from '../../../../preload/contract/index.ts';
import { type TestNode, openTestNode } from '../real-node.ts';

const caller = { face: 'window' } as const;
const call = async <C extends Call>(test: TestNode, name: C, request: RequestInputOf<C>): Promise<ResponseOf<C>> => {
  const reply = await test.node.dispatcher.call(name, request, caller);
  if (!reply.ok) throw Object.assign(new Error(`${name}: ${reply.error.message}`), { code: reply.error.code });
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
