import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLoopbackNodes } from '../support/loopback-nodes.ts';

// Two real nodes in processes of their own, on loopback, steered by the command line.

/** Processes start, keys are derived and peers found, beside whatever else the machine does. What is waited for has limits of its own. */
const MS_MAX = 240_000;
const nodes = createLoopbackNodes();
const { hypermesh, good, ask, start, kill, untilRunning, folderOf } = nodes;

let peerOfOther = '';
beforeAll(async () => {
  for (const name of ['one', 'other']) nodes.makeFolder(name);
  await Promise.all(['one', 'other'].map((name) => start(name)));
}, MS_MAX);
afterAll(nodes.close);

it('waits for an identity and says what to do', { timeout: MS_MAX }, async () => {
  const shown = await good('one', ['net', 'status']);
  expect(shown).toMatch(/^Network +waiting: .*identity/m);
  const { code, error } = await hypermesh('one', ['peer', 'ping', 'attic']);
  expect([code, error.trimEnd().split('\n')]).toEqual([1, [expect.stringMatching(/identity.*\(NOT_RUNNING\)$/i)]]);
  await nodes.createIdentities(['one', 'other']);
  await Promise.all(['one', 'other'].map(untilRunning));
  const state = await ask('other', 'network:state', ['net', 'status']);
  peerOfOther = state.peerId ?? '';
  expect(await good('other', ['net', 'status'])).toMatch(
    /^Reachable +no\. This node talks to nodes on this machine only/m,
  );
});

it('adds a peer, lists it with units, and measures the way line by line', { timeout: MS_MAX }, async () => {
  const { addresses } = await ask('other', 'network:state', ['net', 'status']);
  const args = ['peer', 'add', `${addresses[0]}/p2p/${peerOfOther}`, '--name', 'attic'];
  // A handshake has ten seconds. On a machine that does ten other things, the first one may need more.
  await expect.poll(async () => (await hypermesh('one', args)).code, { timeout: 50_000 }).toBe(0);
  const added = await good('one', ['peer', 'show', 'attic']);
  expect(added).toMatch(/^Path in use +quic to \/ip6\/::1\/udp\/\d+\/quic-v1, round trip/m);
  const peers = await good('one', ['peers']);
  expect(peers.split('\n')[0]).toMatch(/^NAME +PEER +STATE +TIER +ROUND TRIP +SENT +RECEIVED +STANDING +SINCE$/);
  expect(peers).toMatch(/^attic +12D3KooW\w{8}… +connected +quic +[\d.]+ ms +.* spotless +[\d.]+ m?s$/m);
  const ping = await good('one', ['peer', 'ping', 'attic', '--count', '3', '--interval', '0.2']);
  const lines = ping.trimEnd().split('\n');
  expect(lines).toHaveLength(5);
  expect(lines[0]).toBe(`Round trips to attic (${peerOfOther}):`);
  expect(lines[2]).toMatch(/^2: [\d.]+ ms over quic$/);
  expect(lines[4]).toMatch(/^3 sent, 3 answered, 0 % lost; least [\d.]+ ms, mean [\d.]+ ms, most [\d.]+ ms$/);
  expect((await ask('one', 'network:ping', ['peer', 'ping', 'attic', '--count', '2'])).roundTripsMs).toHaveLength(2);
  expect(await good('one', ['peer', 'trace', 'attic'])).toMatch(
    new RegExp(`^ +1 +${peerOfOther} +\\w+ +[\\d.]+ ms +holds$`, 'm'),
  );
});

it('names those that a name could mean, and what it does not know', { timeout: MS_MAX }, async () => {
  expect((await hypermesh('one', ['peer', 'show', 'nobody'])).error).toMatch(/hypermesh peers.*\(PEER_UNKNOWN\)\n$/);
  expect((await hypermesh('one', ['peer', 'add', 'nonsense'])).error).toMatch(/\(ADDRESS_INVALID\)\n$/);
  expect((await hypermesh('one', ['join', 'nonsense'])).error).toMatch(/\(INVITE_INVALID\)\n$/);
  expect((await hypermesh('one', ['net', 'set'])).code).toBe(2);
  expect((await hypermesh('one', ['net', 'create', 'home'])).error).toMatch(/\(TERMINAL_NEEDED\)\n$/);
  expect((await hypermesh('one', ['call', 'network:create', '{"name":"x","secret":"0123456789ab"}'])).error).toMatch(
    /\(SECRET_IN_ARGUMENTS\)\n$/,
  );
});

it('leads into a private network by a link, from the input and with a code for cameras', {
  timeout: MS_MAX,
}, async () => {
  await good('other', ['net', 'create', 'home'], 'a secret of some length\n');
  const shown = await good('other', ['invite', '--network', 'home', '--hours', '2']);
  const link = /^hypermesh:join\/\S+$/m.exec(shown)?.[0] ?? '';
  expect(link).not.toBe('');
  expect(shown).toMatch(/[█▀▄]{20}|The QR code needs a terminal of \d+ columns/);
  const joined = await good('one', ['join'], `${link}\n`);
  expect(joined).toMatch(/^Private network +home$/m);
  expect(joined).toMatch(/^State +connected for/m);
  expect(await good('one', ['net', 'status'])).toMatch(/^Private +home, 1 peer connected$/m);
});

it('comes back after its power was cut, to whom it trusts', { timeout: MS_MAX }, async () => {
  await good('one', ['peer', 'trust', 'attic']);
  await kill('other', 'SIGKILL');
  await start('other', { unlock: true });
  await untilRunning('other');
  const connected = async (): Promise<string[]> =>
    (await ask('one', 'network:peers', ['peers', '--connected'])).peers.map(({ peerId }) => peerId);
  await expect.poll(connected, { timeout: 30_000 }).toEqual([peerOfOther]);
  const again = await ask('one', 'network:peer', ['peer', 'show', 'attic']);
  expect(again).toMatchObject({ name: 'attic', trusted: true, connected: true });
  // The same port, since others know it.
  const config = JSON.parse(readFileSync(join(folderOf('other'), 'config.json'), 'utf8')) as object;
  expect(config).toEqual({ version: 1, network: { enabled: true, loopbackOnly: true } });
  expect((await ask('other', 'network:state', ['net', 'status'])).networks.map(({ name }) => name)).toEqual(['home']);
});

it('says why it waits while it is locked, and doctor finds it', { timeout: MS_MAX }, async () => {
  await good('other', ['identity', 'lock']);
  await expect
    .poll(async () => (await ask('other', 'network:state', ['net', 'status'])).status, { timeout: 20_000 })
    .toBe('waiting');
  expect(await good('other', ['net', 'status'])).toMatch(/^Network +waiting: .*unlock/im);
  const { code, error } = await hypermesh('other', ['invite']);
  expect([code, error]).toEqual([1, expect.stringMatching(/unlock.*\(NOT_RUNNING\)\n$/i)]);
  expect((await hypermesh('other', ['net', 'doctor'])).out).toMatch(/^warning +Network: /m);
  expect((await hypermesh('one', ['doctor'])).out).toMatch(/^(ok|warning) +Network: It runs/m);
  expect(await good('one', ['net', 'set', '--enabled', 'off'])).toMatch(/^Network +off: /m);
  expect((await hypermesh('one', ['net', 'doctor'])).code).toBe(0);
});
