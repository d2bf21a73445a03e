import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Call, type CallDefinition, callError, calls } from '../../../../preload/contract/index.ts';
import { type Answer, type TestNode, ask, openTestNode } from '../real-node.ts';

let test: TestNode;
beforeAll(async () => {
  test = await openTestNode();
});
afterAll(async () => {
  await test.end();
});

const authorized = (): Record<string, string> => ({ authorization: `Bearer ${test.token}` });
const send = (
  method: string,
  path: string,
  body?: string | Buffer,
  headers: Record<string, string> = {},
): Promise<Answer> =>
  ask(test.url, {
    method,
    path,
    headers: { ...authorized(), ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body }),
  });
const refusal = z.strictObject({ error: callError });
const codeOf = (answer: Answer): string => callError.parse((JSON.parse(answer.text) as { error: unknown }).error).code;

describe('the page', () => {
  it('is served without a token, under a strict policy', async () => {
    const answer = await ask(test.url, {});
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('<title>page</title>');
    const policy = answer.headers['content-security-policy'] as string;
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "connect-src 'self';",
    ])
      expect(policy).toContain(part);
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
    expect(answer.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
      'content-type': 'text/html; charset=utf-8',
    });
    expect(answer.headers['set-cookie']).toBeUndefined();
  });
  it('keeps files with a hash in their name for good', async () => {
    const answer = await ask(test.url, { path: '/assets/index-abc123.js' });
    expect(answer.headers).toMatchObject({
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
    });
  });
  it('answers places inside the page with the page', async () => {
    expect((await ask(test.url, { path: '/share' })).text).toContain('<title>page</title>');
  });
  it.each([
    '/../data/node.json',
    '/%2e%2e/data/node.json',
    '/assets/../../data/node.json',
    '/..%2fdata%2fnode.json',
    '/.hidden.json',
    '/assets//index-abc123.js',
    '/assets/index-abc123.js%00.html',
    '/node.json',
    '/missing.js',
    '/a.php',
    '//etc/passwd.json',
    '/\\..\\x.json',
  ])('does not hand out %s', async (path) => {
    const answer = await ask(test.url, { path });
    expect([400, 404]).toContain(answer.status);
    expect(answer.text).not.toContain(test.token);
  });
  it('does not follow a link out of its folder', async () => {
    const page = join(test.folder, '..', 'page');
    writeFileSync(join(test.folder, 'secret.json'), '"secret"');
    symlinkSync(join(test.folder, 'secret.json'), join(page, 'link.json'));
    expect((await ask(test.url, { path: '/link.json' })).status).toBe(404);
  });
  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('cannot be reached with %s', async (method) => {
    const answer = await ask(test.url, { method });
    expect(answer.status).toBe(405);
    expect(codeOf(answer)).toBe('METHOD_NOT_ALLOWED');
  });
});

describe('the border', () => {
  it.each([
    ['no token', undefined],
    ['a wrong token', 'Bearer wrong'],
    ['an empty token', 'Bearer '],
    ['another scheme', 'Basic dXNlcjpwYXNz'],
    ['a token of great length', `Bearer ${'x'.repeat(5_000)}`],
  ])('refuses %s', async (_name, authorization) => {
    for (const path of ['/v1/node', '/v1/share', '/metrics', '/v1/', '/v1/nonsense']) {
      const answer = await ask(test.url, { path, headers: authorization === undefined ? {} : { authorization } });
      // Past 20 in a minute it is 429, which says less still.
      expect([401, 429]).toContain(answer.status);
      expect(['UNAUTHORIZED', 'TOO_MANY_FAILURES']).toContain(codeOf(answer));
    }
  });
  it('stops counting wrong tokens for whoever has the right one', async () => {
    const codes = new Set<string>();
    for (let index = 0; index < 30; index += 1) codes.add(codeOf(await ask(test.url, { path: '/v1/node' })));
    expect(codes).toContain('TOO_MANY_FAILURES');
    expect((await send('GET', '/v1/node')).status).toBe(200);
  });
  it.each([
    'evil.example',
    'evil.example:9470',
    '[::1]',
    '127.0.0.1:1',
    'localhost:1',
    '[::1]:9470.evil.example',
    '0.0.0.0',
  ])('refuses the host name "%s"', async (host) => {
    for (const path of ['/', '/v1/node', '/openapi.json', '/metrics']) {
      const answer = await ask(test.url, { path, headers: { host, ...authorized() } });
      expect([answer.status, codeOf(answer)]).toEqual([421, 'HOST_REFUSED']);
      expect(answer.text).not.toContain('<title>');
    }
  });
  it.each(['http://evil.example', 'null', 'https://[::1]', 'http://[::1]', 'http://localhost:1', 'file://'])(
    'refuses the origin "%s"',
    async (origin) => {
      const answer = await ask(test.url, { path: '/v1/node', headers: { origin, ...authorized() } });
      expect(answer.status).toBe(403);
      expect(codeOf(answer)).toBe('ORIGIN_REFUSED');
    },
  );
  it('takes its own names', async () => {
    const { port, host } = new URL(test.url);
    for (const own of [host, `localhost:${port}`, `LOCALHOST:${port}`])
      expect(
        (await ask(test.url, { path: '/v1/node', headers: { host: own, origin: `http://${host}`, ...authorized() } }))
          .status,
        own,
      ).toBe(200);
  });
  it.each<[string, string | Buffer, Record<string, string>, number, string]>([
    ['text that is no JSON', '{"percentMax":', {}, 400, 'BAD_REQUEST'],
    ['a list', '[]', {}, 400, 'BAD_REQUEST'],
    ['null', 'null', {}, 400, 'BAD_REQUEST'],
    ['another type', 'percentMax=5', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'UNSUPPORTED_TYPE'],
    ['text', '{}', { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_TYPE'],
    ['300 KiB', JSON.stringify({ percentMax: 1, x: 'x'.repeat(300 * 1024) }), {}, 413, 'TOO_LARGE'],
    ['a nest 100 000 deep', `{"terms":${'['.repeat(50_000)}${']'.repeat(50_000)}}`, {}, 400, 'BAD_REQUEST'],
    ['a prototype', '{"__proto__":{"percentMax":5}}', {}, 400, 'BAD_REQUEST'],
    ['a constructor', '{"constructor":{"prototype":{"x":1}}}', {}, 400, 'BAD_REQUEST'],
    ["the path's field again", '{"resource":"memory","percentMax":5}', {}, 400, 'BAD_REQUEST'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00]), {}, 400, 'BAD_REQUEST'],
    ['101 %', '{"percentMax":101}', {}, 400, 'BAD_REQUEST'],
  ])('refuses a body of %s', async (_name, body, headers, status, code) => {
    const answer = await send('PATCH', '/v1/share/resources/cpu', body, headers);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  });
  it('refuses a module that is too large before it reads it', async () => {
    const answer = await send('POST', '/v1/jobs', Buffer.alloc(0), {
      'content-length': String(100 * 1024 * 1024),
    }).catch((error: unknown) => error as Error);
    if (answer instanceof Error) return; // The connection may be closed before the answer is read.
    expect(codeOf(answer)).toBe('TOO_LARGE');
  });
  it.each([
    ['PUT', '/v1/node'],
    ['GET', '/v1/node/stop'],
    ['GET', '/v1/nonsense'],
    ['GET', '/v1/jobs/job-0123456789abcdef/nonsense'],
    ['DELETE', '/v1/share'],
    ['OPTIONS', '/v1/node'],
  ])('knows no %s %s', async (method, path) => {
    const answer = await send(method, path);
    expect([answer.status, codeOf(answer)]).toEqual([404, 'UNKNOWN_CALL']);
  });
  it('refuses a query that the call does not take', async () => {
    for (const path of [
      '/v1/node?x=1',
      '/v1/logs?limit=many',
      '/v1/logs?limit=1&limit=2',
      '/v1/logs?level=loud',
      '/v1/jobs/job-0123456789abcdef/output?offset=-1',
      '/v1/jobs/..%2f..%2fetc',
    ]) {
      const answer = await send('GET', path);
      expect([answer.status, codeOf(answer)], path).toEqual([400, 'BAD_REQUEST']);
    }
  });
  it('serves metrics and its own description', async () => {
    const metrics = await send('GET', '/metrics');
    expect(metrics.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(metrics.text).toMatch(/hypermesh_api_calls_total\{[^}]*call="node:status"/);
    expect(metrics.text).toContain('hypermesh_api_refused_total');
    const description = JSON.parse((await ask(test.url, { path: '/openapi.json' })).text) as { openapi: string };
    expect(description.openapi).toBe('3.1.0');
  });
});

/** Of the example in libp2p's specification of peer ids; nobody here has it. */
const PEER = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA';

/** In the range of global addresses; nobody answers for it. */
const FAR = 'fd12:3456:789a:bcde:f012:3456:789a:bcde';

/** As an address is written, with a checksum that does not hold. */
const WRONG_ADDRESS = `caes1${'q'.repeat(58)}`;

/** Requests that reach every handler without harm; the missing job is what `JOB_UNKNOWN` is for. */
const samples: { readonly [C in Call]: { body?: object; path?: string; code?: string; skip?: string } } = {
  'node:status': {},
  'node:stop': { skip: 'ends the node; test/compliance/cli.test.ts does it' },
  'app:show': {},
  'config:get': {},
  'config:set': { body: { theme: 'dark' } },
  'logs:read': { path: '/v1/logs?limit=5&level=debug' },
  'doctor:run': {},
  'disk:ledger': {},
  'bundle:preview': {},
  'bundle:create': {},
  'hardware:inventory': {},
  'hardware:detect': {},
  'hardware:assets': {},
  'hardware:live': {},
  'benchmark:get': {},
  'benchmark:start': {},
  'benchmark:cancel': {},
  'share:get': {},
  'share:levels': {},
  'share:promises': {},
  'share:allocations': {},
  'share:set': { path: '/v1/share/resources/cpu', body: { percentMax: 40 } },
  'share:setGrid': { path: '/v1/share/resources/cpu/grid', body: { cells: Array.from({ length: 168 }, () => 50) } },
  'share:setRules': { body: { awayAfterMinutes: 7 } },
  'share:preview': { body: { atMs: Date.now() + 86_400_000 } },
  'share:pause': { body: { untilMs: null } },
  'share:resume': {},
  'share:stopEverything': {},
  'job:start': {
    body: { name: 'x', kind: 'wasm', module: Buffer.from('not wasm').toString('base64') },
    code: 'MODULE_INVALID',
  },
  'job:list': {},
  'job:get': { path: '/v1/jobs/job-0123456789abcdef', code: 'JOB_UNKNOWN' },
  'job:cancel': { path: '/v1/jobs/job-0123456789abcdef/cancel', code: 'JOB_UNKNOWN' },
  'job:remove': { path: '/v1/jobs/job-0123456789abcdef', code: 'JOB_UNKNOWN' },
  'job:output': { path: '/v1/jobs/job-0123456789abcdef/output', code: 'JOB_UNKNOWN' },
  // This node talks to nobody.
  'job:send': {
    body: { spec: { name: 'x', kind: 'wasm', module: Buffer.from('not wasm').toString('base64') } },
    code: 'NOT_RUNNING',
  },
  'job:move': { path: '/v1/jobs/job-0123456789abcdef/move', body: { to: 'home' }, code: 'JOB_UNKNOWN' },
  'job:result': { path: '/v1/jobs/job-0123456789abcdef/result', code: 'JOB_UNKNOWN' },
  'job:verifyResult': { body: { file: 'AAAA' }, code: 'RESULT_MALFORMED' },
  'queue:state': {},
  'queue:set': { body: { aim: 'throughput' } },
  'queue:drain': { body: { seconds: 1 } },
  'languages:list': {},
  'content:upload': { body: { data: Buffer.from('a file').toString('base64'), done: true } },
  'content:read': { path: `/v1/content/${'0'.repeat(64)}`, code: 'CONTENT_MISSING' },
  // No engine here; test/compliance has one.
  'containers:list': {},
  'containers:clean': { code: 'ENGINE_MISSING' },
  'images:list': {},
  'images:pull': { body: { image: 'tools:1' }, code: 'ENGINE_MISSING' },
  'images:push': { body: { image: 'tools:1', to: 'nobody' }, code: 'PEER_UNKNOWN' },
  'images:cancel': { path: '/v1/images/transfers/none/cancel', code: 'TRANSFER_UNKNOWN' },
  'images:remove': { path: '/v1/images/tools:1', code: 'ENGINE_MISSING' },
  'images:policy': { body: { allowed: ['tools:*'] } },
  'containerDoctor:state': {},
  // Before it is set to work, which it does not begin by itself without an engine.
  'containerDoctor:fix': { body: { check: 'nothing' }, code: 'CHECK_UNKNOWN' },
  'containerDoctor:run': {},
  'containerDoctor:cancel': {},
  // This node has no identity; test/compliance/proving.test.ts has one.
  'identity:get': {},
  'identity:begin': {},
  'identity:confirm': {
    body: { draftId: 'none', words: ['a', 'b', 'c', 'd'], sealing: { kind: 'passphrase', passphrase: 'long enough' } },
    code: 'DRAFT_UNKNOWN',
  },
  'identity:restore': {
    body: {
      source: { kind: 'phrase', phrase: 'too short' },
      sealing: { kind: 'passphrase', passphrase: 'long enough' },
    },
    code: 'PHRASE_LENGTH',
  },
  'identity:unlock': { body: { passphrase: 'long enough' }, code: 'IDENTITY_NONE' },
  'identity:lock': { code: 'IDENTITY_NONE' },
  'identity:seal': { body: { sealing: { kind: 'passphrase', passphrase: 'long enough' } }, code: 'IDENTITY_NONE' },
  'identity:backup': { body: { passphrase: 'long enough' }, code: 'IDENTITY_NONE' },
  'identity:drill': { body: { source: { kind: 'phrase', phrase: 'too short' } }, code: 'IDENTITY_NONE' },
  'proof:assets': {},
  'proof:state': {},
  'proof:list': { path: '/v1/proofs?limit=5' },
  'proof:make': { body: { asset: `asset:cpu:b${'a'.repeat(58)}` }, code: 'IDENTITY_NONE' },
  'proof:cancel': {},
  'proof:file': { path: `/v1/proofs/${'0'.repeat(64)}/file`, code: 'PROOF_UNKNOWN' },
  'proof:verify': { body: { file: Buffer.from('no proof').toString('base64') }, code: 'PROOF_UNREADABLE' },
  'proof:getPlan': {},
  'proof:setPlan': { body: { everyHours: 48 } },
  'chain:head': {},
  'chain:begin': { code: 'IDENTITY_NONE' },
  'chain:list': { path: '/v1/chain/blocks?limit=5' },
  'chain:block': { path: '/v1/chain/blocks/0', code: 'BLOCK_UNKNOWN' },
  'chain:asset': { path: `/v1/chain/assets/asset:cpu:b${'a'.repeat(58)}`, code: 'ASSET_UNKNOWN' },
  'chain:verification': {},
  'chain:verify': { code: 'CHAIN_EMPTY' },
  'chain:cancelVerify': {},
  'chain:prune': { body: { keep: 10 }, code: 'IDENTITY_NONE' },
  'chain:export': { body: {}, code: 'CHAIN_EMPTY' },
  'chain:transfers': {},
  'chain:import': { body: { name: 'missing.hmchain' }, code: 'IDENTITY_NONE' },
  // Without an identity there is no network; test/compliance/network-cli.test.ts has both.
  'network:state': {},
  'network:configure': { body: { connectionsMax: 64 } },
  'network:doctor': {},
  'network:peers': { path: '/v1/network/peers?connected=true' },
  'network:peer': { path: '/v1/network/peers/attic', code: 'PEER_UNKNOWN' },
  'network:add': { body: { address: `/ip6/::1/udp/4001/quic-v1/p2p/${PEER}` }, code: 'NOT_RUNNING' },
  'network:trust': { path: `/v1/network/peers/${PEER}`, body: { name: 'attic' }, code: 'PEER_UNKNOWN' },
  'network:ban': { path: `/v1/network/peers/${PEER}/ban`, body: { minutes: 5 }, code: 'PEER_UNKNOWN' },
  'network:unban': { path: `/v1/network/peers/${PEER}/ban`, code: 'PEER_UNKNOWN' },
  'network:connect': { path: `/v1/network/peers/${PEER}/connect`, code: 'NOT_RUNNING' },
  'network:disconnect': { path: `/v1/network/peers/${PEER}/disconnect`, code: 'PEER_UNKNOWN' },
  'network:forget': { path: `/v1/network/peers/${PEER}`, code: 'PEER_UNKNOWN' },
  'network:ping': { path: `/v1/network/peers/${PEER}/ping`, body: { count: 1 }, code: 'NOT_RUNNING' },
  'network:trace': { path: `/v1/network/peers/${PEER}/trace`, code: 'NOT_RUNNING' },
  'network:invite': { body: { hours: 1 }, code: 'NOT_RUNNING' },
  'network:join': { body: { link: 'hypermesh:join/none' }, code: 'NOT_RUNNING' },
  'network:create': { body: { name: 'home', secret: 'long enough to be one' }, code: 'NOT_RUNNING' },
  'network:leave': { path: '/v1/network/networks/home', code: 'NOT_RUNNING' },
  'offers:search': { path: '/v1/offers?kind=memory&amountMin=4096', code: 'NOT_RUNNING' },
  'offers:own': {},
  'leases:list': { path: '/v1/leases?side=lent&state=live' },
  'leases:get': { path: '/v1/leases/lease-0a', code: 'LEASE_UNKNOWN' },
  'leases:request': { body: { offer: 'ab12', amount: 4096 }, code: 'NOT_RUNNING' },
  'leases:end': { path: '/v1/leases/lease-0a', code: 'LEASE_UNKNOWN' },
  'leases:file': { path: '/v1/leases/lease-0a/file', code: 'LEASE_UNKNOWN' },
  'leases:verify': { body: { file: 'AAAA' }, code: 'LEASE_RECORD_MALFORMED' },
  'groups:list': {},
  'groups:add': { path: '/v1/groups/friends/peers', body: { peer: PEER }, code: 'PEER_UNKNOWN' },
  'groups:remove': { path: `/v1/groups/friends/peers/${PEER}`, code: 'PEER_UNKNOWN' },
  'privacy:preview': { body: { resource: 'memory', terms: { privacyLevel: 'P2P' } } },
  'privacy:log': {},
  'guard:state': {},
  'guard:run': {},
  'guard:cancel': {},
  'tunnels:state': {},
  'tunnels:expose': { body: { target: 'localhost:99999' }, code: 'TARGET_INVALID' },
  'tunnels:unexpose': { path: '/v1/tunnels/exposures/00000000', code: 'TUNNEL_UNKNOWN' },
  'tunnels:reach': { body: { address: FAR, port: 41_817 } },
  'tunnels:unreach': { path: '/v1/tunnels/reached/00000000', code: 'TUNNEL_UNKNOWN' },
  'tunnels:resolve': { path: `/v1/tunnels/resolve/${FAR}`, code: 'NOT_RUNNING' },
  'tunnels:test': { body: { address: FAR, port: 80 } },
  'tunnels:proxy': { body: { kind: 'socks', lease: 'lease-0a' }, code: 'LEASE_UNKNOWN' },
  'tunnels:unproxy': { path: '/v1/tunnels/proxies/00000000', code: 'TUNNEL_UNKNOWN' },
  'tunnels:vpn': { body: { up: false } },
  'exit:get': {},
  'exit:set': { body: { mode: 'list', allowed: ['nothing at all'] }, code: 'TARGET_INVALID' },
  'memory:put': { path: '/v1/memory/lease-0a/put', body: { key: 'a', value: 'AA==' }, code: 'LEASE_UNKNOWN' },
  'memory:get': { path: '/v1/memory/lease-0a/get', body: { key: 'a' }, code: 'LEASE_UNKNOWN' },
  'memory:delete': { path: '/v1/memory/lease-0a/delete', body: { key: 'a' }, code: 'LEASE_UNKNOWN' },
  'memory:stats': { path: '/v1/memory/lease-0a', code: 'LEASE_UNKNOWN' },
  'memory:mirror': { path: '/v1/memory/lease-0a/mirror', body: { second: null }, code: 'LEASE_UNKNOWN' },
  'memory:bench': { path: '/v1/memory/lease-0a/bench', code: 'LEASE_UNKNOWN' },
  // Without an identity there is neither a ledger nor an account; test/compliance/economy-cli.test.ts has both.
  'ledgers:list': {},
  'ledgers:get': { path: '/v1/ledgers/current', code: 'LEDGER_UNKNOWN' },
  'ledgers:create': { body: { name: 'lab' }, code: 'IDENTITY_NONE' },
  'ledgers:genesis': { path: '/v1/ledgers/home/genesis', code: 'LEDGER_UNKNOWN' },
  'ledgers:join': { body: { genesis: 'AAAA' }, code: 'GENESIS_INVALID' },
  'ledgers:use': { path: '/v1/ledgers/home/use', code: 'LEDGER_UNKNOWN' },
  'ledgers:vouch': { path: '/v1/ledgers/home/vouch', code: 'LEDGER_UNKNOWN' },
  'ledgers:leave': { path: '/v1/ledgers/home', code: 'LEDGER_UNKNOWN' },
  'ledgers:blocks': { path: '/v1/ledgers/current/blocks?limit=5', code: 'LEDGER_UNKNOWN' },
  'ledgers:block': { path: '/v1/ledgers/current/blocks/1', code: 'LEDGER_UNKNOWN' },
  'receipts:file': { path: '/v1/receipts/lease-0a/file', code: 'LEASE_UNKNOWN' },
  'receipts:verify': { body: { file: 'AAAA' }, code: 'RECEIPT_MALFORMED' },
  'wallet:get': {},
  'wallet:addAccount': { body: { name: 'savings' }, code: 'IDENTITY_NONE' },
  'wallet:rename': { path: '/v1/wallet/accounts/main', body: { name: 'daily' }, code: 'IDENTITY_NONE' },
  'wallet:removeAccount': { path: '/v1/wallet/accounts/main', code: 'IDENTITY_NONE' },
  'wallet:history': { path: '/v1/wallet/history?limit=5', code: 'LEDGER_NONE' },
  'wallet:exportHistory': { code: 'LEDGER_NONE' },
  'wallet:draft': { body: { kind: 'send', to: 'nobody', amount: '1' }, code: 'IDENTITY_NONE' },
  'wallet:approve': { path: '/v1/wallet/drafts/none/approve', body: {}, code: 'IDENTITY_NONE' },
  'wallet:settled': { path: `/v1/wallet/transactions/${'0'.repeat(64)}/settled`, code: 'LEDGER_NONE' },
  'wallet:verifyMessage': { body: { file: 'AAAA' }, code: 'MESSAGE_MALFORMED' },
  'wallet:contacts': {},
  'wallet:setContact': { path: `/v1/wallet/contacts/${WRONG_ADDRESS}`, body: { name: 'anna' }, code: 'ADDRESS_WRONG' },
  'wallet:removeContact': { path: `/v1/wallet/contacts/${WRONG_ADDRESS}`, code: 'ADDRESS_WRONG' },
  'wallet:requests': {},
  'wallet:request': { body: { amount: '2.5' }, code: 'LEDGER_NONE' },
  'wallet:removeRequest': { path: '/v1/wallet/requests/none', code: 'REQUEST_UNKNOWN' },
  'wallet:set': { body: { lockAfterMinutes: 15 } },
  'rewards:get': { path: '/v1/rewards?period=today' },
  'rewards:explain': { path: '/v1/rewards/none', code: 'REWARD_UNKNOWN' },
  'rewards:funnel': { path: '/v1/rewards/funnel?resource=memory' },
  'rewards:forecast': {},
  'rewards:setElectricity': {
    body: { pricePerKwh: 0.3, currency: 'EUR', caesValue: null, watts: { cpu: 65 } },
  },
};

describe('every call of the contract', () => {
  for (const [name, call] of Object.entries(calls) as [Call, CallDefinition][]) {
    const { skip, body, path = call.path, code } = samples[name];
    if (skip !== undefined) continue;
    it(`${name} answers at ${call.method} ${call.path} in the contract's shape`, async () => {
      // A pause left by the call before would refuse the job for another reason.
      if (name === 'job:start') await send('POST', '/v1/share/resume');
      const answer = await send(call.method, path, body === undefined ? undefined : JSON.stringify(body));
      expect(answer.status === 200 ? undefined : codeOf(answer), answer.text).toBe(code);
      const shape = answer.status === 200 ? call.response : refusal;
      expect(shape.safeParse(JSON.parse(answer.text)).error).toBeUndefined();
      expect(answer.headers['cache-control']).toBe('no-store');
    });
  }
});

describe('whatever a stranger sends', () => {
  /** Would end the node, take seconds, or end jobs when the random request happens to be a right one. */
  const heavy = new Set<Call>([
    'node:stop',
    'benchmark:start',
    'hardware:detect',
    'doctor:run',
    'bundle:preview',
    'bundle:create',
    'share:stopEverything',
    'guard:run',
    'tunnels:vpn',
  ]);
  const harmless = (Object.entries(calls) as [Call, CallDefinition][]).filter(([name]) => !heavy.has(name));

  it('never makes a call fail as a bug, whatever the JSON', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...harmless),
        fc.jsonValue({ maxDepth: 4 }),
        fc.string({ maxLength: 40 }),
        async ([, call], value, part) => {
          const path = call.path.replaceAll(
            /\{\w+\}/g,
            encodeURIComponent(part === '' || /^\.+$/.test(part) ? 'x' : part),
          );
          const inQuery = call.method === 'GET' || call.method === 'DELETE';
          const answer = inQuery
            ? await send(
                call.method,
                `${path}?${encodeURIComponent(part)}=${encodeURIComponent(JSON.stringify(value))}`,
              )
            : await send(call.method, path, JSON.stringify(value));
          expect(answer.status, `${call.method} ${path} ${JSON.stringify(value)} ${answer.text}`).toBeLessThan(500);
          const shape = answer.status === 200 ? call.response : refusal;
          expect(shape.safeParse(JSON.parse(answer.text)).error).toBeUndefined();
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never makes a call fail as a bug, whatever is done to a right request', async () => {
    const right = harmless.flatMap(([name, call]) =>
      samples[name].body === undefined
        ? []
        : [{ call, path: samples[name].path ?? call.path, body: samples[name].body as Record<string, unknown> }],
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...right),
        fc.nat(),
        fc.jsonValue({ maxDepth: 2 }),
        async ({ call, path, body }, index, value) => {
          const keys = Object.keys(body);
          const changed = { ...body, [keys[index % keys.length] ?? 'x']: value };
          const answer = await send(call.method, path, JSON.stringify(changed));
          expect(answer.status, `${JSON.stringify(changed)} ${answer.text}`).toBeLessThan(500);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('is still there afterwards', async () => {
    expect((await send('GET', '/v1/node')).status).toBe(200);
  });
});
