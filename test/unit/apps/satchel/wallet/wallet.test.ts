import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountText } from '../../../../../main/apps/caesar/index.ts';
import type { Wallet } from '../../../../../main/apps/satchel/index.ts';
import { parsePaymentLink } from '../../../../../main/apps/satchel/wallet/link.ts';
import { createSettings } from '../../../../../main/base/index.ts';
import { fromHex, readVectors } from '../../../../support/vectors.ts';
import { createLedgerWorld, fakeSigner } from '../../../../support/wallet/ledger-world.ts';
import { type WalletWorld, createWalletWorld } from '../../../../support/wallet/wallet-world.ts';
import { sha } from '../../caesar/ledger/world.ts';

const ANNA = accountText(fakeSigner('anna').keyIdBytes);
const STRANGER = accountText(fakeSigner('stranger').keyIdBytes);

let world: WalletWorld;
let wallet: Wallet;
beforeEach(async () => {
  world = await createWalletWorld();
  wallet = await world.open();
});
afterEach(() => world.end());

const codeOf = async (work: () => Promise<unknown>): Promise<string> => {
  try {
    await work();
    return 'done';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};
const pay = async (to: string, amount: string, memo = '', account?: string): Promise<void> => {
  const { draft } = await wallet.draft({ kind: 'send', to, amount, memo, ...(account !== undefined && { account }) });
  await wallet.approve(draft, { face: 'window', passphrase: undefined });
  world.ledger.block();
  await world.settle();
};

describe('accounts', () => {
  it('begin with the one of the node, and come from the phrase one after the other', async () => {
    expect((await wallet.view()).accounts).toMatchObject([
      { name: 'main', kind: 'own', index: 0, availableMicro: '100000000000', stakedMicro: '10000000000' },
    ]);
    const { accounts } = await wallet.addAccount({ name: 'savings' });
    expect(accounts[1]).toMatchObject({
      name: 'savings',
      kind: 'own',
      index: 1,
      address: accountText(world.identity.signer(1).keyIdBytes),
      availableMicro: '0',
    });
    await pay('savings', '10');
    expect((await wallet.view()).accounts[1]).toMatchObject({ availableMicro: '10000000' });
    await pay(STRANGER, '1', '', 'savings');
    // The stranger is no account of ours; what the second one has is what is left.
    const { accounts: after, totalMicro } = await wallet.view();
    expect(BigInt(after[1]?.availableMicro ?? '0')).toBeLessThan(9_000_000n);
    expect(BigInt(totalMicro)).toBe(
      after.reduce((sum, one) => sum + BigInt(one.availableMicro) + BigInt(one.stakedMicro), 0n),
    );
  });
  it('are found by name, address or its beginning, and never by guessing', async () => {
    await wallet.addAccount({ name: 'save' });
    await wallet.addAccount({ name: 'savings' });
    const find = (account: string) => codeOf(() => wallet.history({ account, limit: 1 }));
    expect(await find('SAVE')).toBe('done');
    expect(await find('savi')).toBe('done');
    expect(await find('sav')).toBe('ACCOUNT_AMBIGUOUS');
    expect(await find('caes1')).toBe('ACCOUNT_AMBIGUOUS');
    expect(await find('attic')).toBe('ACCOUNT_UNKNOWN');
  });
  it('have names of their own', async () => {
    await wallet.setContact({ address: ANNA, name: 'Anna', note: '' });
    expect(await codeOf(() => wallet.addAccount({ name: 'MAIN' }))).toBe('NAME_TAKEN');
    expect(await codeOf(() => wallet.addAccount({ name: 'anna' }))).toBe('NAME_TAKEN');
    expect(await codeOf(() => wallet.setContact({ address: STRANGER, name: 'main', note: '' }))).toBe('NAME_TAKEN');
    for (const name of ['caes1abc', 'a:b', 'a\u202eb', '\u200b'])
      expect(await codeOf(() => wallet.rename('main', name))).toBe('NAME_WRONG');
    expect((await wallet.rename('main', 'daily')).accounts[0]?.name).toBe('daily');
    expect((await world.open()).nameOf(accountText(world.identity.signer(0).keyIdBytes))).toBe('daily');
  });
  it('are watched without keys, each once', async () => {
    expect((await wallet.addAccount({ name: 'hers', watch: ANNA })).accounts[1]).toMatchObject({
      kind: 'watch',
      index: null,
      availableMicro: '100000000000',
    });
    expect(world.identity.derived).toEqual([]);
    expect(await codeOf(() => wallet.addAccount({ name: 'again', watch: ANNA }))).toBe('ACCOUNT_KNOWN');
    expect(await codeOf(() => wallet.addAccount({ name: 'wrong', watch: `${ANNA.slice(0, -1)}1` }))).toBe(
      'ADDRESS_WRONG',
    );
    // Not the owner's money.
    expect((await wallet.view()).totalMicro).toBe('110000000000');
  });
  it('leave the list and come back, but for the first one', async () => {
    await wallet.addAccount({ name: 'savings' });
    await pay('savings', '10');
    expect((await wallet.removeAccount('savings')).accounts).toHaveLength(1);
    expect(await codeOf(() => wallet.removeAccount('main'))).toBe('ACCOUNT_IN_USE');
    expect((await wallet.addAccount({ name: 'found' })).accounts[1]).toMatchObject({
      index: 1,
      availableMicro: '10000000',
    });
    await world.settle();
    expect((await wallet.history({ account: 'found', limit: 5 })).total).toBe(1);
  });
  it('are bounded', async () => {
    const codes = new Set<string>();
    for (let made = 0; made < 70; made++)
      codes.add(await codeOf(() => wallet.addAccount({ name: `w${made}`, watch: accountText(sha('watched', made)) })));
    expect(codes).toEqual(new Set(['done', 'ACCOUNTS_FULL']));
  });
  it('of the phrase need unlocked keys to be made, and none to be looked at', async () => {
    world.identity.change('locked');
    await world.settle();
    expect(await codeOf(() => wallet.addAccount({ name: 'savings' }))).toBe('IDENTITY_LOCKED');
    expect(await wallet.view()).toMatchObject({ status: 'locked', reason: 'Locked.' });
    expect((await wallet.view()).accounts).toHaveLength(1);
  });
});

describe('an identity that was restored', () => {
  it('finds its accounts again that were used, over a gap of unused ones, and no others', async () => {
    for (const name of ['one', 'two', 'three', 'four']) await wallet.addAccount({ name });
    await pay('two', '10');
    await pay('four', '20');
    // Another machine: no rows, the same phrase, the same network.
    await world.store.transaction('test', [{ sql: 'DELETE FROM wallet_accounts', params: [] }]);
    world.identity.createdHere = false;
    const again = await world.open();
    await world.settle();
    const { accounts } = await again.view();
    expect(accounts.map(({ index, availableMicro }) => [index, availableMicro])).toEqual([
      [0, accounts[0]?.availableMicro],
      [2, '10000000'],
      [4, '20000000'],
    ]);
    await world.settle();
    expect((await again.history({ account: 'account 3', limit: 5 })).total).toBe(1);
    // Once: the next start derives nothing.
    world.identity.derived.length = 0;
    await world.open();
    await world.settle();
    expect(world.identity.derived).toEqual([]);
  });
  it('waits for the keys, and looks again when they are unlocked', async () => {
    await wallet.addAccount({ name: 'one' });
    await pay('one', '10');
    await world.store.transaction('test', [{ sql: 'DELETE FROM wallet_accounts', params: [] }]);
    world.identity.createdHere = false;
    world.identity.change('locked');
    const again = await world.open();
    expect((await again.view()).accounts).toHaveLength(1);
    world.identity.change('unlocked');
    await world.settle();
    expect((await again.view()).accounts).toHaveLength(2);
  });
  it('shows another identity nothing of this one', async () => {
    await wallet.addAccount({ name: 'hers', watch: ANNA });
    const signer = world.identity.signer;
    world.identity.signer = (place) => fakeSigner(`another ${place}`);
    world.identity.change('unlocked');
    await world.settle();
    expect((await wallet.view()).accounts.map(({ name }) => name)).toEqual(['main']);
    world.identity.signer = signer;
    world.identity.change('unlocked');
    await world.settle();
    expect((await wallet.view()).accounts.map(({ name }) => name)).toEqual(['main', 'hers']);
  });
});

describe('the address book', () => {
  it('keeps names, in their order, over a restart', async () => {
    await wallet.setContact({ address: STRANGER, name: 'zoe', note: 'n' });
    await wallet.setContact({ address: ANNA, name: 'anna', note: '' });
    await wallet.setContact({ address: ANNA, name: 'Anna B', note: 'moved' });
    const again = await world.open();
    expect(again.contacts()).toEqual([
      { address: ANNA, name: 'Anna B', note: 'moved' },
      { address: STRANGER, name: 'zoe', note: 'n' },
    ]);
    expect(await again.removeContact(STRANGER)).toHaveLength(1);
    expect(await codeOf(() => again.removeContact(STRANGER))).toBe('CONTACT_UNKNOWN');
    expect(await codeOf(() => wallet.setContact({ address: STRANGER, name: 'ANNA b', note: '' }))).toBe('NAME_TAKEN');
  });
});

describe('requests', () => {
  it('have a link that pays them, and tell what came in', async () => {
    const request = await wallet.request({ amount: '12,5', memo: 'for März' });
    expect(parsePaymentLink(request.link)).toMatchObject({
      amountMicro: 12_500_000n,
      memo: 'for März',
      network: world.ledger.followed.id,
    });
    expect(request).toMatchObject({ amountMicro: '12500000', paidMicro: '0' });
    await wallet.addAccount({ name: 'savings' });
    const own = await wallet.request({ account: 'savings', memo: 'pots' });
    await world.clock.advance(1000);
    await pay(own.link, '3');
    await pay('savings', '1', 'something else');
    expect((await wallet.requests()).find(({ id }) => id === own.id)).toMatchObject({
      amountMicro: null,
      paidMicro: '3000000',
    });
    expect(await codeOf(() => wallet.removeRequest('ffff'))).toBe('REQUEST_UNKNOWN');
    expect(await wallet.removeRequest(own.id.slice(0, 8))).toHaveLength(1);
    expect(await codeOf(() => wallet.request({ amount: '0', memo: '' }))).toBe('AMOUNT_WRONG');
    expect(await codeOf(() => wallet.request({ memo: 'a\nb' }))).toBe('MEMO_WRONG');
  });
  it('with one note share no payment', async () => {
    await wallet.addAccount({ name: 'savings' });
    const ask = async (amount: string): Promise<string> => {
      const { id } = await wallet.request({ account: 'savings', amount, memo: 'rent' });
      await world.clock.advance(1000);
      return id;
    };
    const [first, second] = [await ask('5'), await ask('3')];
    const paid = async (): Promise<(string | undefined)[]> => {
      const all = await wallet.requests();
      return [first, second].map((id) => all.find((one) => one.id === id)?.paidMicro);
    };
    expect(await paid()).toEqual(['0', '0']);
    // Just what the second one asks for; then a part of the first.
    await pay('savings', '3', 'rent');
    expect(await paid()).toEqual(['0', '3000000']);
    await pay('savings', '2', 'rent');
    expect(await paid()).toEqual(['2000000', '3000000']);
    await pay('savings', '3', 'rent');
    expect(await paid()).toEqual(['5000000', '3000000']);
    // Nobody asked for that: it is seen at one of them, and not at both.
    await pay('savings', '1', 'rent');
    expect(await paid()).toEqual(['5000000', '4000000']);
  });
});

describe('settings', () => {
  it('lock after minutes without use, however the clock is set back, and only then', async () => {
    await wallet.set({ lockAfterMinutes: 5 });
    await world.clock.advance(4 * 60_000);
    wallet.touch();
    world.clock.setNowMs(world.clock.nowMs() - 2 * 86_400_000);
    await world.clock.advance(4 * 60_000);
    expect(world.identity.status).toBe('unlocked');
    await world.clock.advance(60_001);
    expect(world.identity.status).toBe('locked');
    world.identity.change('unlocked');
    await world.clock.advance(5 * 60_000 + 1);
    expect(world.identity.status).toBe('locked');
    world.identity.change('unlocked');
    await wallet.set({ lockAfterMinutes: 0 });
    await world.clock.advance(100 * 60_000);
    expect(world.identity.status).toBe('unlocked');
  });
  it('are kept, one price a day, newest first', async () => {
    const view = await wallet.set({
      lockAfterMinutes: 15,
      priceList: [
        { day: '2026-01-01', value: 0.1, currency: 'EUR' },
        { day: '2026-01-03', value: 0.3, currency: 'EUR' },
        { day: '2026-01-01', value: 0.2, currency: 'EUR' },
      ],
    });
    expect(view.priceList.map(({ day, value }) => [day, value])).toEqual([
      ['2026-01-03', 0.3],
      ['2026-01-01', 0.2],
    ]);
    expect(await (await world.open()).view()).toMatchObject({ lockAfterMinutes: 15, priceList: view.priceList });
  });
  it('of a newer version are not written over', async () => {
    await createSettings({ store: world.store, clock: world.clock }).set('wallet', { v: 2, something: 'else' });
    const again = await world.open();
    expect((await again.view()).lockAfterMinutes).toBe(0);
    expect(await codeOf(() => again.set({ lockAfterMinutes: 5 }))).toBe('WALLET_NEWER');
  });
  it('of a newer version still lock it', async () => {
    const newer = { v: 2, lockAfterMinutes: 5, priceList: 'in another form' };
    await createSettings({ store: world.store, clock: world.clock }).set('wallet', newer);
    expect(await (await world.open()).view()).toMatchObject({ lockAfterMinutes: 5, priceList: [] });
    await world.clock.advance(5 * 60_000 + 1);
    expect(world.identity.status).toBe('locked');
  });
});

describe('the history as a table', () => {
  it('has a line for each, with the value of its day', async () => {
    await wallet.set({ priceList: [{ day: '2026-01-01', value: 0.5, currency: 'EUR' }] });
    await wallet.setContact({ address: ANNA, name: '=anna', note: '' });
    await pay(ANNA, '2', 'a, "b"');
    const { fileName, csv } = await wallet.exportHistory(undefined);
    expect(fileName).toMatch(/^hypermesh-history-\d{4}-\d{2}-\d{2}\.csv$/);
    const rows = csv.split('\r\n');
    expect(rows.at(-1)).toBe('');
    expect(rows[0]).toContain('Change (CAES)');
    const sent = rows.find((row) => row.includes(',sent,')) ?? '';
    expect(sent).toContain(`${ANNA},'=anna,"a, ""b""",,`);
    expect(sent).toMatch(/,-1\.00,EUR,2026-01-01$/);
    expect(rows.find((row) => row.includes(',genesis,'))).toContain(',100000,0,,,,,,0,50000.00,EUR,2026-01-01');
  });
});

describe('messages', () => {
  it('are signed once their owner agreed, and checked by anybody', async () => {
    const draft = await wallet.draft({ kind: 'message', message: 'I sold the bicycle.' });
    expect(draft.lines).toContainEqual({ label: 'Message', value: 'I sold the bicycle.' });
    const signed = await wallet.approve(draft.draft, { face: 'window', passphrase: undefined });
    expect(signed).toMatchObject({ signed: 'message', fileName: 'hypermesh-message-2026-01-05.hmmessage' });
    world.dialog.answer = false;
    const other = await wallet.draft({ kind: 'message', message: 'x' });
    expect(await codeOf(() => wallet.approve(other.draft, { face: 'window', passphrase: undefined }))).toBe('DECLINED');
    const { file: kept } = readVectors<{ file: string }>('wallet', 'message.json');
    const file = fromHex(kept);
    expect(await wallet.verifyMessage(file)).toMatchObject({ passed: true, message: 'I sold the bicycle.', name: '' });
    file[file.length - 1] = (file.at(-1) ?? 0) ^ 1;
    expect(await wallet.verifyMessage(file)).toMatchObject({ passed: false, address: null, message: '' });
    expect(await codeOf(() => wallet.verifyMessage(new Uint8Array(60_000)))).toBe('MESSAGE_MALFORMED');
  });
});

describe('several networks', () => {
  it('shows the current one, and keeps the history of all', async () => {
    const owner = world.identity.signer(0).keyIdBytes;
    const other = createLedgerWorld(world.events, {
      founders: [{ account: owner, node: sha('node', 'other'), admin: true }],
      network: sha('other network'),
      name: 'club',
      params: { feePerByte: 1n },
    });
    world.followed.push(other.followed);
    world.events.emit('changed', null);
    await pay(ANNA, '2');
    other.block();
    await world.settle();
    expect((await wallet.history({ limit: 10 })).total).toBe(3);
    world.current = other.followed;
    expect((await wallet.view()).ledger).toMatchObject({ name: 'club' });
    expect((await wallet.history({ limit: 10 })).total).toBe(1);
  });
  it('tells when something changed', async () => {
    let told = 0;
    wallet.on('changed', () => told++);
    world.ledger.block();
    expect(told).toBeGreaterThan(0);
  });
});
