import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountText, readAccount } from '../../../../../main/apps/caesar/index.ts';
import type { Sender } from '../../../../../main/apps/caesar/index.ts';
import type { Wallet } from '../../../../../main/apps/satchel/index.ts';
import { encodePaymentLink } from '../../../../../main/apps/satchel/wallet/link.ts';
import type { DraftRequest } from '../../../../../preload/contract/index.ts';
import { createLedgerWorld, fakeSigner } from '../../../../support/wallet/ledger-world.ts';
import { PASSPHRASE, type WalletWorld, createWalletWorld } from '../../../../support/wallet/wallet-world.ts';
import { sha } from '../../caesar/ledger/world.ts';

const anna = fakeSigner('anna').keyIdBytes;
const ANNA = accountText(anna);
const STRANGER = accountText(fakeSigner('stranger').keyIdBytes);

let world: WalletWorld;
let wallet: Wallet;
beforeEach(async () => {
  world = await createWalletWorld();
  wallet = await world.open();
});
afterEach(() => world.end());

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'done';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};
const send = (change: Partial<Extract<DraftRequest, { kind: 'send' }>> = {}): DraftRequest => ({
  kind: 'send',
  to: ANNA,
  amount: '2.5',
  memo: '',
  ...change,
});
const byWindow = { face: 'window', passphrase: undefined } as const;
const byPassphrase = { face: 'api', passphrase: PASSPHRASE } as const;
const owner = () => world.identity.signer(0).keyIdBytes;
const block = async () => {
  world.ledger.block();
  await world.settle();
};

describe('a draft', () => {
  it('says all of what would be signed, and signs nothing', async () => {
    const draft = await wallet.draft(send({ memo: 'for March' }));
    expect(draft).toMatchObject({
      kind: 'send',
      account: accountText(owner()),
      title: `Send 2.5 CAES to ${ANNA.slice(0, 12)}…${ANNA.slice(-6)}?`,
      amountMicro: '2500000',
      availableBeforeMicro: '100000000000',
      warnings: ['You have never paid this address before. Compare it with where it came from.'],
    });
    expect(draft.lines.map(({ label }) => label)).toEqual([
      'Network',
      'From',
      'To',
      'Amount',
      'Note, public for ever',
      'Fee',
    ]);
    expect(draft.lines.find(({ label }) => label === 'To')?.value).toBe(ANNA);
    expect(BigInt(draft.availableAfterMicro)).toBe(100_000_000_000n - 2_500_000n - BigInt(draft.feeMicro));
    expect(world.ledger.submitted).toBe(0);
    expect(world.identity.derived).toEqual([]);
  });

  it('takes a name, a link, and an amount with a comma', async () => {
    await wallet.setContact({ address: ANNA, name: 'anna', note: '' });
    expect((await wallet.draft(send({ to: 'ANNA', amount: '2,5' }))).amountMicro).toBe('2500000');
    const link = encodePaymentLink({
      to: anna,
      amountMicro: 1_250_000n,
      memo: 'für Tee & Brot',
      network: world.ledger.followed.id,
    });
    const draft = await wallet.draft({ kind: 'send', to: link, memo: '' });
    expect(draft.amountMicro).toBe('1250000');
    expect(draft.title).toContain('to anna?');
    expect(draft.lines).toContainEqual({ label: 'Note, public for ever', value: 'für Tee & Brot' });
  });

  it.each([
    [
      'one character off',
      { to: `${ANNA.slice(0, 30)}${ANNA[30] === 'q' ? 'p' : 'q'}${ANNA.slice(31)}` },
      'ADDRESS_WRONG',
    ],
    ['something else', { to: 'nobody' }, 'ADDRESS_WRONG'],
    ['a web page', { to: 'https://example.org/pay?to=me' }, 'LINK_WRONG'],
    ['a script', { to: 'javascript:alert(1)' }, 'LINK_WRONG'],
    ['another action of ours', { to: 'hypermesh:unlock?to=x' }, 'LINK_WRONG'],
    ['another network', { to: `hypermesh:pay?to=${ANNA}&network=${'a'.repeat(64)}` }, 'LINK_OF_ANOTHER_NETWORK'],
    ['no amount', { amount: undefined }, 'AMOUNT_MISSING'],
    ['nothing', { amount: '0.000000' }, 'AMOUNT_WRONG'],
    ['seven places', { amount: '1.0000001' }, 'AMOUNT_WRONG'],
    ['less than nothing', { amount: '-1' }, 'AMOUNT_WRONG'],
    ['more than there is', { amount: '9999999999' }, 'NOT_ENOUGH'],
    ['all of it, with nothing left for the fee', { amount: '100000' }, 'NOT_ENOUGH'],
    ['a note that turns writing round', { memo: 'a\u202eb' }, 'MEMO_WRONG'],
    ['a note of two lines', { memo: 'a\nAmount: 1' }, 'MEMO_WRONG'],
    ['dust to an account that nobody knows', { to: STRANGER, amount: '0.000099' }, 'AMOUNT_WRONG'],
    ['an account that is not there', { account: 'nobody' }, 'ACCOUNT_UNKNOWN'],
  ])('refuses %s', async (_name, change, code) => {
    expect(await codeOf(wallet.draft(send(change as Partial<Extract<DraftRequest, { kind: 'send' }>>)))).toBe(code);
  });

  it('says which character of an address is wrong', async () => {
    const wrong = `${ANNA.slice(0, 30)}${ANNA[30] === 'q' ? 'p' : 'q'}${ANNA.slice(31)}`;
    await expect(wallet.draft(send({ to: wrong }))).rejects.toMatchObject({ data: { at: 31 } });
  });

  it('warns of most of the balance, of own accounts, and of one that looks like another', async () => {
    expect((await wallet.draft(send({ amount: '90000' }))).warnings).toContain(
      'This is more than 80 % of what the account has available.',
    );
    await wallet.addAccount({ name: 'savings' });
    expect((await wallet.draft(send({ to: 'savings' }))).warnings).toEqual(['This is your own account savings.']);
    expect(await codeOf(wallet.draft(send({ to: 'main' })))).toBe('NOT_ALLOWED');
  });

  it('does not warn of an address that was paid before', async () => {
    await wallet.approve((await wallet.draft(send())).draft, byWindow);
    await block();
    expect((await wallet.draft(send())).warnings).toEqual([]);
  });

  it('counts what is on its way as spent', async () => {
    const { draft, feeMicro } = await wallet.draft(send({ amount: '60000' }));
    await wallet.approve(draft, byWindow);
    const view = await wallet.view();
    expect(view.accounts[0]).toMatchObject({ outgoingMicro: (60_000_000_000n + BigInt(feeMicro)).toString() });
    expect(await codeOf(wallet.draft(send({ amount: '50000' })))).toBe('NOT_ENOUGH');
  });

  it('is bounded in number', async () => {
    const codes = new Set<string>();
    for (let made = 0; made < 40; made++) codes.add(await codeOf(wallet.draft(send())));
    expect(codes).toEqual(new Set(['done', 'DRAFTS_FULL']));
  });

  it('needs unlocked keys, an identity and a network', async () => {
    world.identity.change('locked');
    expect(await codeOf(wallet.draft(send()))).toBe('IDENTITY_LOCKED');
    world.identity.change('unlocked');
    world.current = null;
    expect(await codeOf(wallet.draft(send()))).toBe('LEDGER_NONE');
    expect((await wallet.view()).ledger).toBeNull();
    world.identity.change('none');
    expect(await codeOf(wallet.draft(send()))).toBe('IDENTITY_NONE');
  });

  it('signs for no account that is only watched', async () => {
    await wallet.addAccount({ name: 'hers', watch: ANNA });
    expect(await codeOf(wallet.draft(send({ account: 'hers', to: STRANGER })))).toBe('WATCH_ONLY');
  });
});

describe('signing', () => {
  it('sends what was shown, once', async () => {
    const { draft, feeMicro } = await wallet.draft(send({ memo: 'tea' }));
    const result = await wallet.approve(draft, byWindow);
    if (result.signed !== 'transaction') throw new Error('it is a transaction');
    expect(result.entry).toMatchObject({ state: 'waiting', kind: 'sent', other: ANNA, memo: 'tea', height: null });
    expect(world.dialog.asked).toHaveLength(1);
    expect(await codeOf(wallet.approve(draft, byWindow))).toBe('DRAFT_UNKNOWN');
    expect((await wallet.history({ limit: 1 })).entries[0]).toMatchObject({
      state: 'waiting',
      transaction: result.transaction,
    });
    const settled = wallet.settled(result.transaction);
    await world.settle();
    await block();
    expect(await settled).toEqual({ state: 'final', height: 1, reason: '' });
    expect(await wallet.settled(result.transaction)).toMatchObject({ state: 'final', height: 1 });
    const { entries } = await wallet.history({ limit: 10, kind: 'sent' });
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject({
      state: 'final',
      deltaMicro: (-2_500_000n - BigInt(feeMicro)).toString(),
      feeMicro,
    });
    expect(readAccount(world.ledger.world.tree, anna).balance).toBe(100_002_500_000n);
  });

  it('is nothing that a page can do by itself', async () => {
    world.dialog.answer = false;
    for (const by of [byWindow, { face: 'window', passphrase: PASSPHRASE } as const]) {
      const { draft } = await wallet.draft(send());
      expect(await codeOf(wallet.approve(draft, by))).toBe('DECLINED');
      expect(await codeOf(wallet.approve(draft, byPassphrase))).toBe('DRAFT_UNKNOWN');
    }
    expect(await codeOf(wallet.approve('0'.repeat(32), byWindow))).toBe('DRAFT_UNKNOWN');
    // A browser has no dialog of ours: what it is asked for is the passphrase, each time.
    const { draft } = await wallet.draft(send());
    expect(await codeOf(wallet.approve(draft, { face: 'api', passphrase: undefined }))).toBe('PASSPHRASE_NEEDED');
    expect(await codeOf(wallet.approve(draft, { face: 'api', passphrase: 'wrong' }))).toBe('PASSPHRASE_WRONG');
    expect(world.ledger.submitted).toBe(0);
    expect(world.identity.derived).toEqual([]);
    expect(world.dialog.asked).toHaveLength(2);
    expect(await codeOf(wallet.approve(draft, byPassphrase))).toBe('done');
    expect(world.identity.tried).toEqual(['wrong', PASSPHRASE]);
  });

  it('shows the dialog exactly what was prepared, all of it', async () => {
    const draft = await wallet.draft(send());
    await wallet.approve(draft.draft, byWindow);
    expect(world.dialog.asked[0]).toEqual(draft);
  });

  it('asks a window without a dialog for the passphrase', async () => {
    const bare = await world.open({ approval: null });
    const { draft } = await bare.draft(send());
    expect(await codeOf(bare.approve(draft, byWindow))).toBe('PASSPHRASE_NEEDED');
    expect((await bare.view()).approval).toBe('passphrase');
  });

  it('asks by the dialog where the keys lie under a key store', async () => {
    world.identity.sealedBy = 'keyStore';
    const { draft } = await wallet.draft(send());
    expect(await codeOf(wallet.approve(draft, { face: 'api', passphrase: undefined }))).toBe('done');
    expect(world.dialog.asked).toHaveLength(1);
  });

  it('asks two at once about one thing once', async () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    world.dialog.answer = () => promise;
    const { draft } = await wallet.draft(send());
    const first = wallet.approve(draft, byWindow);
    expect(await codeOf(wallet.approve(draft, byWindow))).toBe('DRAFT_UNKNOWN');
    expect(await codeOf(wallet.approve(draft, byPassphrase))).toBe('DRAFT_UNKNOWN');
    resolve(true);
    await first;
    expect(world.ledger.submitted).toBe(1);
  });

  it('signs nothing that was locked while the question stood', async () => {
    world.dialog.answer = async () => {
      world.identity.change('locked');
      world.identity.change('unlocked');
      return true;
    };
    const { draft } = await wallet.draft(send());
    expect(await codeOf(wallet.approve(draft, byWindow))).toBe('DECLINED');
    expect(world.ledger.submitted).toBe(0);
  });

  it('forgets a draft after five minutes, however the clock is set', async () => {
    const { draft } = await wallet.draft(send());
    world.clock.setNowMs(world.clock.nowMs() - 3_600_000);
    await world.clock.advance(5 * 60_000 - 1);
    const other = await wallet.draft(send());
    await world.clock.advance(2);
    expect(await codeOf(wallet.approve(draft, byWindow))).toBe('DRAFT_UNKNOWN');
    expect(await codeOf(wallet.approve(other.draft, byWindow))).toBe('done');
  });

  it.each<[string, Partial<Parameters<Sender['send']>[0]>]>([
    ['another payee', { fields: { to: sha('thief'), amount: 2_500_000n, memo: '' } }],
    ['another amount', { fields: { to: anna, amount: 25_000_000n, memo: '' } }],
    ['one field more', { fields: { to: anna, amount: 2_500_000n, memo: '', more: 1 } }],
    ['another kind', { kind: 'stake.bond' }],
  ])('refuses to sign what was not shown: %s', async (_name, change) => {
    const honest = world.sender;
    const crooked: Sender = { ...honest, send: (request) => honest.send({ ...request, ...change }) };
    const bare = await world.open({ sender: crooked });
    const { draft } = await bare.draft(send());
    expect(await codeOf(bare.approve(draft, byWindow))).toBe('DRAFT_CHANGED');
    expect(world.ledger.submitted).toBe(0);
  });

  it('refuses to sign for another network, another fee, or twice', async () => {
    const honest = world.sender;
    for (const crooked of [
      { ...honest, quote: (request) => ({ ...honest.quote(request), feeMicro: 1n }) },
      {
        ...honest,
        send: async (request) => {
          await honest.send(request);
          return await honest.send({ ...request, key: 'again' });
        },
      },
    ] satisfies Sender[]) {
      const bare = await world.open({ sender: crooked });
      const { draft } = await bare.draft(send());
      expect(await codeOf(bare.approve(draft, byWindow))).toBe('DRAFT_CHANGED');
    }
    expect(world.ledger.submitted).toBe(1);
    const other = createLedgerWorld(world.events, {
      founders: [{ account: owner(), node: sha('node'), admin: true }],
      network: sha('other network'),
    });
    world.followed.push(other.followed);
    const bare = await world.open({
      sender: { ...honest, send: (request) => honest.send({ ...request, ledger: other.followed.id }) },
    });
    const { draft } = await bare.draft(send());
    expect(await codeOf(bare.approve(draft, byWindow))).toBe('DRAFT_CHANGED');
    expect(other.submitted).toBe(0);
  });

  it('tells what the network refused', async () => {
    const { draft } = await wallet.draft(send());
    world.ledger.onSubmit = () => {
      throw new Error('unplugged');
    };
    await expect(wallet.approve(draft, byWindow)).rejects.toThrow('unplugged');
    world.ledger.onSubmit = () => undefined;
    expect(await codeOf(wallet.approve(draft, byWindow))).toBe('DRAFT_UNKNOWN');
  });

  it('shows what cannot become final any more', async () => {
    const result = await wallet.approve((await wallet.draft(send())).draft, byWindow);
    if (result.signed !== 'transaction') throw new Error('it is a transaction');
    const waiting = wallet.settled(result.transaction);
    await world.settle();
    world.ledger.drop(Buffer.from(result.transaction, 'hex'));
    expect(await waiting).toMatchObject({ state: 'dropped' });
    // Its time is over: the sender gives it up with a later block.
    world.ledger.onSubmit = () => {
      throw new Error('no room');
    };
    world.clock.setNowMs(world.clock.nowMs() + 3 * 3_600_000);
    world.ledger.block({ afterMs: 3 * 3_600_000 });
    await world.settle();
    const { entries } = await wallet.history({ limit: 5 });
    expect(entries[0]).toMatchObject({ state: 'dropped', transaction: result.transaction, height: null });
    expect(await codeOf(wallet.settled('0'.repeat(64)))).toBe('TRANSACTION_UNKNOWN');
    // Also to an owner who was away meanwhile: the node was started again.
    const again = await createWalletWorld({ over: world });
    const reopened = await again.open();
    const shown = await reopened.history({ limit: 5 });
    expect(shown.entries[0]).toMatchObject({ state: 'dropped', transaction: result.transaction, height: null });
    expect(shown.entries.filter(({ state }) => state === 'dropped')).toHaveLength(1);
    expect((await reopened.view()).accounts[0]).toMatchObject({ outgoingMicro: '0' });
    await again.clock.advance(8 * 24 * 3_600_000);
    expect((await reopened.history({ limit: 5 })).entries.some(({ state }) => state === 'dropped')).toBe(false);
    await again.end();
  });
});

describe('a kill while something is sent', () => {
  it.each(['before the network has it', 'after the network has it'] as const)(
    'sends it never twice: %s',
    async (moment) => {
      const { replica } = world.ledger;
      const submit = replica.submit.bind(replica);
      const { promise: killed, reject: kill } = Promise.withResolvers<never>();
      killed.catch(() => undefined);
      Object.assign(replica, {
        submit: async (encoded: Uint8Array) => {
          if (moment === 'after the network has it') await submit(encoded);
          return await killed;
        },
      });
      const { draft } = await wallet.draft(send({ amount: '1' }));
      const approving = codeOf(wallet.approve(draft, byWindow));
      await world.settle();
      Object.assign(replica, { submit });
      // Nothing of the old node goes on: what it left in the database is all there is.
      const again = await createWalletWorld({ over: world });
      const reopened = await again.open();
      expect((await reopened.history({ limit: 1 })).entries[0]).toMatchObject({ state: 'waiting', other: ANNA });
      await again.clock.advance(60_000);
      const before = world.ledger.balance(anna);
      world.ledger.block();
      await again.settle();
      world.ledger.block();
      expect(world.ledger.balance(anna) - before).toBe(1_000_000n);
      expect(await codeOf(reopened.approve(draft, byWindow))).toBe('DRAFT_UNKNOWN');
      await again.clock.advance(60_000);
      await again.settle();
      world.ledger.block();
      expect(world.ledger.balance(anna) - before).toBe(1_000_000n);
      expect((await reopened.history({ limit: 10, kind: 'sent' })).total).toBe(1);
      await again.end();
      kill(new Error('killed'));
      await approving;
    },
  );
});

describe('other things to sign', () => {
  it('stakes and lets go of stake', async () => {
    await wallet.approve((await wallet.draft({ kind: 'stake', amount: '5' })).draft, byWindow);
    await block();
    expect((await wallet.view()).accounts[0]).toMatchObject({ stakedMicro: '10005000000' });
    const draft = await wallet.draft({ kind: 'unstake', amount: '5' });
    expect(draft.lines.map(({ label }) => label)).toContain('Free again');
    await wallet.approve(draft.draft, byWindow);
    await block();
    expect((await wallet.view()).accounts[0]).toMatchObject({ unbondingMicro: '5000000' });
    expect(await codeOf(wallet.draft({ kind: 'unstake', amount: '99999' }))).toBe('NOT_ENOUGH');
  });
  it('admits and puts out members, and changes parameters, where the account is an admin', async () => {
    for (const request of [
      { kind: 'admit', member: STRANGER, mayValidate: false },
      { kind: 'putOut', member: STRANGER },
      { kind: 'parameters', changes: { 'economy.burnPermille': '30', 'consensus.heartbeatMs': '5000' } },
    ] as const) {
      await wallet.approve((await wallet.draft(request)).draft, byWindow);
      await block();
      expect(world.ledger.pool).toEqual([]);
    }
    expect(await codeOf(wallet.draft({ kind: 'putOut', member: STRANGER }))).toBe('NOT_ALLOWED');
    for (const changes of [
      {},
      { burnPermille: '1001' },
      { nothing: '1' },
      { 'economy.epochMs': '9000' },
      { burnPermille: 'x' },
      // What is shown twice is signed once: nobody sees which of both.
      { burnPermille: '30', 'economy.burnPermille': '1000' },
      { heartbeatMs: '5000', 'consensus.heartbeatMs': '86400000' },
      { 'consensus.__proto__': '5' },
    ])
      expect(await codeOf(wallet.draft({ kind: 'parameters', changes }))).toBe('PARAMETER_WRONG');
    await wallet.addAccount({ name: 'savings' });
    expect(await codeOf(wallet.draft({ kind: 'admit', account: 'savings', member: STRANGER, mayValidate: true }))).toBe(
      'NOT_ALLOWED',
    );
  });
  it('has only the first account validate, and only where it may', async () => {
    const join = await wallet.draft({ kind: 'validate', join: true });
    expect(join.warnings[0]).toContain('two machines');
    await wallet.addAccount({ name: 'savings' });
    expect(await codeOf(wallet.draft({ kind: 'validate', account: 'savings', join: true }))).toBe('NOT_ALLOWED');
    expect(await codeOf(wallet.draft({ kind: 'validate', join: false }))).toBe('done');
  });
});
