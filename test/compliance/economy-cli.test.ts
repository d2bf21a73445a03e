import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createLoopbackNodes } from '../support/loopback-nodes.ts';

// Two real nodes in processes of their own, on loopback: the home network, a network of both, and the wallet, by the command line.

const MS_MAX = 300_000;
const LOOK = { timeout: 120_000, interval: 500 };
const nodes = createLoopbackNodes();
const { hypermesh, good, ask, start, kill, untilRunning, passphraseFile, root } = nodes;
const sure = ['--yes', '--passphrase-file', passphraseFile];

let mine = '';
let theirs = '';
const totalOf = async (name: string): Promise<string> => (await ask(name, 'wallet:get', ['wallet', 'show'])).totalMicro;
beforeAll(async () => {
  chmodSync(passphraseFile, 0o600);
  for (const name of ['one', 'other']) nodes.makeFolder(name);
  await Promise.all(['one', 'other'].map((name) => start(name)));
}, MS_MAX);
afterAll(nodes.close);

it('has no ledger before there is an identity, and says what to do', { timeout: MS_MAX }, async () => {
  expect(await good('one', ['network', 'list'])).toMatch(/hypermesh identity create/);
  expect((await hypermesh('one', ['network', 'show'])).error).toMatch(/\(LEDGER_UNKNOWN\)\n$/);
  expect((await hypermesh('one', ['wallet', 'send', 'nobody', '1', ...sure])).error).toMatch(/\(IDENTITY_NONE\)\n$/);
  await nodes.createIdentities(['one', 'other']);
  await Promise.all(['one', 'other'].map(untilRunning));
});

it('founds the home network with the identity, where the owner has everything', { timeout: MS_MAX }, async () => {
  await expect
    .poll(async () => (await ask('one', 'ledgers:list', ['network', 'list'])).ledgers.map(({ name }) => name), LOOK)
    .toEqual(['home']);
  const wallet = await ask('one', 'wallet:get', ['wallet', 'show']);
  expect(wallet).toMatchObject({ status: 'unlocked', approval: 'passphrase', ledger: { name: 'home', current: true } });
  expect(BigInt(wallet.totalMicro)).toBeGreaterThan(0n);
  mine = wallet.accounts[0]?.address ?? '';
  theirs = (await ask('other', 'wallet:get', ['wallet', 'show'])).accounts[0]?.address ?? '';
  const shown = await good('one', ['network', 'show']);
  expect(shown).toMatch(/^Network +home, the one in use$/m);
  expect(shown).toMatch(/This node \(this node\) +100\.0 %/);
  expect(await good('one', ['network', 'params'])).toMatch(/^economy\.burnPermille +\d+ +0 +1000 +‰ /m);
});

it('sends nothing that nobody agreed to', { timeout: MS_MAX }, async () => {
  const before = await totalOf('one');
  expect((await hypermesh('one', ['wallet', 'send', theirs, '1'])).code).toBe(2);
  const wrong = join(root, 'wrong');
  writeFileSync(wrong, 'not the passphrase\n', { mode: 0o600 });
  const refused = await hypermesh('one', ['wallet', 'send', theirs, '1', '--yes', '--passphrase-file', wrong]);
  expect(refused.error).toMatch(/\(PASSPHRASE_WRONG\)\n$/);
  for (const [to, amount, code] of [
    [`${theirs.slice(0, -1)}${theirs.endsWith('q') ? 'p' : 'q'}`, '1', 'ADDRESS_WRONG'],
    [theirs, '999999999', 'NOT_ENOUGH'],
    [theirs, '0', 'AMOUNT_WRONG'],
    ['https://example.org/pay', '1', 'LINK_WRONG'],
  ] as const)
    expect((await hypermesh('one', ['wallet', 'send', to, amount, ...sure])).error).toMatch(
      new RegExp(`\\((${code}|ADDRESS_WRONG)\\)\\n$`),
    );
  expect(await totalOf('one')).toBe(before);
});

it('keeps several accounts of one phrase, and sends between them', { timeout: MS_MAX }, async () => {
  const grown = await ask('one', 'wallet:addAccount', ['wallet', 'add', 'savings']);
  const savings = grown.accounts.find(({ name }) => name === 'savings');
  expect(savings).toMatchObject({ kind: 'own', index: 1, availableMicro: '0' });
  const { code, out } = await hypermesh('one', ['wallet', 'send', 'savings', '12,5', '--memo', 'put by', ...sure]);
  expect(`${code} ${out}`).toMatch(/^0 [^]*Final in block \d+\.\n$/);
  const accounts = (await ask('one', 'wallet:get', ['wallet', 'show'])).accounts;
  expect(accounts.find(({ name }) => name === 'savings')?.availableMicro).toBe('12500000');
  const history = await good('one', ['wallet', 'history', '--account', 'savings']);
  expect(history).toMatch(/received +12\.5 CAES .* put by$/m);
  const csv = join(root, 'history.csv');
  await good('one', ['wallet', 'export', '--out', csv]);
  expect(readFileSync(csv, 'utf8')).toContain('put by');
  const block = await good('one', ['network', 'blocks', '--limit', '1']);
  expect(block).toMatch(/^ *\d+ +\d{4}-/m);
});

it('signs a message that the other one can check', { timeout: MS_MAX }, async () => {
  const file = join(root, 'mine.hmmessage');
  await hypermesh('one', ['wallet', 'sign', 'this account is mine', '--out', file, ...sure]);
  const verdict = await ask('other', 'wallet:verifyMessage', ['wallet', 'verify', file]);
  expect(verdict).toMatchObject({ passed: true, address: mine, message: 'this account is mine' });
  const bytes = readFileSync(file);
  bytes[bytes.length - 20] = (bytes.at(-20) ?? 0) ^ 1;
  writeFileSync(file, bytes);
  expect((await hypermesh('other', ['wallet', 'verify', file])).code).toBe(1);
});

it('asks for a payment by a link, which carries amount and memo', { timeout: MS_MAX }, async () => {
  const request = await ask('one', 'wallet:request', ['wallet', 'request', '--amount', '3.25', '--memo', 'for bread']);
  expect(request.link).toMatch(/^hypermesh:pay\?/);
  expect(await good('one', ['wallet', 'requests'])).toContain('for bread');
  // The other one is on a home network of its own.
  expect((await hypermesh('other', ['wallet', 'send', request.link, ...sure])).error).toMatch(
    /\(LINK_OF_ANOTHER_NETWORK\)\n$/,
  );
});

it('founds a network that the other one joins, and pays there', { timeout: MS_MAX }, async () => {
  const genesis = join(root, 'pair.hmgenesis');
  const args = ['network', 'create', 'pair', '--give', `${theirs}=50`, '--own', '100', '--heartbeat', '2'];
  await good('one', [...args, '--out', genesis]);
  expect((await hypermesh('one', [...args, '--out', genesis])).error).toMatch(/\((NAME_TAKEN|FILE_EXISTS)\)\n$/);
  await good('other', ['network', 'join', genesis]);
  const { addresses, peerId } = await ask('one', 'network:state', ['net', 'status']);
  const meet = ['peer', 'add', `${addresses[0]}/p2p/${peerId ?? ''}`, '--name', 'one'];
  await expect.poll(async () => (await hypermesh('other', meet)).code, LOOK).toBe(0);
  await expect
    .poll(async () => (await ask('other', 'ledgers:get', ['network', 'show'])).height, LOOK)
    .toBeGreaterThan(1);
  // All that it was given: its owner has lent nothing to others, so that nothing had to be paid for.
  expect(await totalOf('other')).toBe('50000000');
  await good('other', ['wallet', 'contact', 'set', mine, 'one']);
  const { out } = await hypermesh('other', ['wallet', 'send', 'one', '7', '--memo', 'thanks', ...sure]);
  expect(out).toMatch(/Final in block \d+\.\n$/);
  await expect
    .poll(async () => (await good('one', ['wallet', 'history', '--kind', 'received'])).includes('thanks'), LOOK)
    .toBe(true);
});

it('keeps everything over a kill, and goes on', { timeout: MS_MAX }, async () => {
  const before = await ask('one', 'ledgers:get', ['network', 'show']);
  const total = await totalOf('other');
  await kill('one', 'SIGKILL');
  await kill('other', 'SIGKILL');
  await Promise.all(['one', 'other'].map((name) => start(name, { unlock: true })));
  await Promise.all(['one', 'other'].map(untilRunning));
  const after = await ask('one', 'ledgers:get', ['network', 'show']);
  expect(after).toMatchObject({ name: 'pair', id: before.id, current: true, halted: null });
  await expect
    .poll(async () => (await ask('one', 'ledgers:get', ['network', 'show'])).height, LOOK)
    .toBeGreaterThan(before.height);
  await expect.poll(async () => Number(await totalOf('other')) > Number(total) - 50_000, LOOK).toBe(true);
  expect(await good('other', ['wallet', 'contacts'])).toContain('one');
});

it('says why nothing is earned, and what would be', { timeout: MS_MAX }, async () => {
  expect(await good('one', ['rewards'])).toMatch(/^Earned +/m);
  const why = await ask('one', 'rewards:funnel', ['rewards', 'why', 'memory']);
  expect(why.steps.map(({ step }) => step)).toEqual([
    'reachable',
    'offered',
    'matched',
    'run',
    'proof',
    'settled',
    'paid',
  ]);
  expect(why.first).not.toBeNull();
  expect(await good('one', ['rewards', 'forecast'])).toMatch(/^RESOURCE +LEVEL/);
  expect((await hypermesh('one', ['receipt', 'file', 'lease-00'])).error).toMatch(/\(LEASE_UNKNOWN\)\n$/);
});

it('leaves a network, and is at home again', { timeout: MS_MAX }, async () => {
  expect((await hypermesh('other', ['network', 'leave', 'home'])).error).toMatch(/\(HOME_STAYS\)\n$/);
  await good('other', ['network', 'leave', 'pair']);
  const { ledgers } = await ask('other', 'ledgers:list', ['network', 'list']);
  expect(ledgers).toMatchObject([{ name: 'home', current: true }]);
});
