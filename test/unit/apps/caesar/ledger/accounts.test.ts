import { describe, expect, it } from 'vitest';
import { AMOUNT_MAX } from '../../../../../main/apps/caesar/ledger/constants.ts';
import { readAccount, readSupply } from '../../../../../main/apps/caesar/ledger/read-state.ts';
import { draftTransaction } from '../../../../../main/apps/caesar/ledger/transactions.ts';
import { auditState } from './audit.ts';
import { accountId, asSigned, createWorld, NETWORK, sha, START_MS } from './world.ts';

const [alice, bob, stranger] = [accountId(0), accountId(1), accountId('stranger')] as const;
const CAES = 1_000_000n;
const pay = (to: Uint8Array, amount: bigint, memo = '') => ({ to, amount, memo });

describe('transfers', () => {
  it('move money, count nonces, and keep the supply', () => {
    const world = createWorld();
    world.block([
      world.sign(alice, 'account.transfer', pay(bob, 5n * CAES), { nonce: 0 }),
      world.sign(alice, 'account.transfer', pay(stranger, 100n, 'hello'), { nonce: 1 }),
    ]);
    expect(readAccount(world.tree, alice)).toMatchObject({ balance: 99_995n * CAES - 100n, nonce: 2 });
    expect(readAccount(world.tree, bob)).toMatchObject({ balance: 100_005n * CAES, nonce: 0 });
    expect(readAccount(world.tree, stranger).balance).toBe(100n);
    expect(auditState(world.tree)).toEqual([]);
  });

  it('split a fee between fire and proposer', () => {
    const world = createWorld({ params: { feePerByte: 1n, feeBurnPermille: 500 } });
    const before = readSupply(world.tree);
    const proposer = world.app.validators(world.tree)[0]!.id;
    const transfer = world.sign(alice, 'account.transfer', pay(bob, 1n), { fee: 5001n });
    const account = accountId([0, 1, 2, 3].find((place) => Buffer.compare(sha('node', place), proposer) === 0)!);
    const had = readAccount(world.tree, account).balance;
    world.block([transfer]);
    expect(readSupply(world.tree).burnt - before.burnt).toBe(2500n);
    const change = readAccount(world.tree, account).balance - had;
    const own = Buffer.compare(account, alice) === 0 ? -5002n : Buffer.compare(account, bob) === 0 ? 1n : 0n;
    expect(change).toBe(2501n + own);
    expect(auditState(world.tree)).toEqual([]);
  });

  it('spend everything that a block brings in before they are looked at, and never twice', () => {
    const world = createWorld();
    const all = readAccount(world.tree, alice).balance;
    const first = world.sign(alice, 'account.transfer', pay(bob, all), { nonce: 0 });
    const second = world.sign(alice, 'account.transfer', pay(stranger, all), { nonce: 0 });
    const third = world.sign(alice, 'account.transfer', pay(stranger, all), { nonce: 1 });
    expect(world.attempt([first, second])).toMatchObject({ ok: false, index: 1, code: 'NONCE_USED' });
    expect(world.attempt([first, third])).toMatchObject({ ok: false, index: 1, code: 'BALANCE_LOW' });
    const picked = world.block([first, second, third], { pick: true });
    expect(picked.taken).toEqual([first]);
    // What was final stays so: neither the same again nor the other one.
    expect(world.refusal(first)).toBe('NONCE_USED');
    expect(world.refusal(second)).toBe('NONCE_USED');
    expect(auditState(world.tree)).toEqual([]);
  });
});

describe('what is refused', () => {
  const world = createWorld({ params: { feePerByte: 1n } });
  const fee = 10_000n;
  /** Data that no face makes. */
  const raw = (data: Record<string, unknown>, kind = 'account.transfer') =>
    asSigned(
      draftTransaction(kind as 'stake.bond', data as never, { network: NETWORK, nonce: 0, fee, atMs: START_MS }),
      alice,
    );
  const transfer = (amount: unknown) => raw({ to: bob, amount, memo: '' });

  it.each([
    ['nothing', transfer(0), 'TRANSACTION_MALFORMED'],
    ['less than nothing', transfer(-5), 'TRANSACTION_MALFORMED'],
    ['less than nothing, large', transfer(-(2n ** 63n)), 'TRANSACTION_MALFORMED'],
    ['a fraction', transfer(0.5), 'TRANSACTION_MALFORMED'],
    ['more than 63 bits', transfer(2n ** 63n), 'TRANSACTION_MALFORMED'],
    ['64 bits', transfer(2n ** 64n - 1n), 'TRANSACTION_MALFORMED'],
    ['the largest amount', transfer(AMOUNT_MAX), 'BALANCE_LOW'],
    ['an amount as text', transfer('5'), 'TRANSACTION_MALFORMED'],
    ['a field too many', raw({ to: bob, amount: 5n, memo: '', more: 1 }), 'TRANSACTION_MALFORMED'],
    ['a field too few', raw({ to: bob, amount: 5n }), 'TRANSACTION_MALFORMED'],
    ['a short payee', raw({ to: new Uint8Array(31), amount: 5n, memo: '' }), 'TRANSACTION_MALFORMED'],
    ['a payee as text', raw({ to: 'bob', amount: 5n, memo: '' }), 'TRANSACTION_MALFORMED'],
    ['a long memo', raw({ to: bob, amount: 5n, memo: 'x'.repeat(257) }), 'TRANSACTION_MALFORMED'],
    ['a memo that clears the screen', raw({ to: bob, amount: 5n, memo: '\u001b[2J' }), 'TRANSACTION_MALFORMED'],
    ['a memo that turns the line round', raw({ to: bob, amount: 5n, memo: 'a\u202eb' }), 'TRANSACTION_MALFORMED'],
    ['another kind', raw({ to: bob }, 'account.steal'), 'KIND_UNKNOWN'],
    ['oneself as payee', world.sign(alice, 'account.transfer', pay(alice, 5n), { fee }), 'TO_ITSELF'],
    ['dust for a new account', world.sign(alice, 'account.transfer', pay(stranger, 99n), { fee }), 'DUST'],
    ['too low a fee', world.sign(alice, 'account.transfer', pay(bob, 5n), { fee: 1n }), 'FEE_LOW'],
    [
      'a fee that takes more than there is',
      world.sign(alice, 'account.transfer', pay(bob, 5n), { fee: AMOUNT_MAX }),
      'BALANCE_LOW',
    ],
    [
      'another network',
      world.sign(alice, 'account.transfer', pay(bob, 5n), { fee, network: sha('other') }),
      'NETWORK_WRONG',
    ],
    [
      'yesterday',
      world.sign(alice, 'account.transfer', pay(bob, 5n), { fee, atMs: START_MS - 24 * 3_600_000 }),
      'TOO_OLD',
    ],
    [
      'tomorrow',
      world.sign(alice, 'account.transfer', pay(bob, 5n), { fee, atMs: START_MS + 24 * 3_600_000 }),
      'TIME_AHEAD',
    ],
    [
      'a nonce a thousand million ahead',
      world.sign(alice, 'account.transfer', pay(bob, 5n), { fee, nonce: 1_000_000_000 }),
      'NONCE_TOO_FAR',
    ],
    ['a nonce ahead', world.sign(alice, 'account.transfer', pay(bob, 5n), { fee, nonce: 1 }), 'NONCE_AHEAD'],
    ['an account that has nothing', world.sign(stranger, 'account.transfer', pay(bob, 5n), { fee }), 'BALANCE_LOW'],
  ])('%s', (_, transaction, code) => {
    const before = world.tree.root();
    expect(world.refusal(transaction)).toBe(code);
    const verdict = world.app.check(transaction, world.tree, { network: NETWORK, height: 1, timeMs: START_MS });
    expect(verdict).toMatchObject({ accepted: false, code });
    expect(verdict).toHaveProperty('reason', expect.stringMatching(/^.{20,}\.$/s));
    // A proposer leaves it out, and nothing of it stays.
    const picked = world.attempt([transaction], { pick: true });
    expect(picked).toMatchObject({ ok: true, taken: [] });
    expect(world.tree.root()).toEqual(before);
  });

  it('refuses blocks above their bounds', () => {
    const one = world.sign(alice, 'account.transfer', pay(bob, 5n), { fee, nonce: 0 });
    const two = world.sign(alice, 'account.transfer', pay(bob, 5n), { fee, nonce: 1 });
    const bytesMax = one.encoded.length + two.encoded.length - 1;
    expect(world.attempt([one, two], { bytesMax })).toMatchObject({ ok: false, index: 1, code: 'BLOCK_FULL' });
    expect(world.attempt([one, two], { bytesMax, pick: true })).toMatchObject({ ok: true, taken: [one] });
  });

  it('lets nobody wait who could not pay', () => {
    const place = { network: NETWORK, height: 1, timeMs: START_MS };
    const promised = (who: Uint8Array, given: bigint) =>
      world.app.check(world.sign(who, 'account.transfer', pay(bob, 5n), { fee: given, nonce: 1 }), world.tree, place);
    // Made for nothing, and promising more than anybody: it would push out all that pay.
    expect(promised(stranger, 2n ** 60n)).toMatchObject({ accepted: false, code: 'BALANCE_LOW' });
    expect(promised(alice, 2n ** 60n)).toMatchObject({ accepted: false, code: 'BALANCE_LOW' });
    expect(promised(alice, fee)).toMatchObject({ accepted: false, code: 'NONCE_AHEAD' });
  });

  it('lets 64 wait for those before them', () => {
    const place = { network: NETWORK, height: 1, timeMs: START_MS };
    const ahead = (nonce: number) =>
      world.app.check(world.sign(alice, 'account.transfer', pay(bob, 5n), { fee, nonce }), world.tree, place);
    expect(ahead(0)).toEqual({ accepted: true });
    expect(ahead(64)).toMatchObject({ code: 'NONCE_AHEAD' });
    expect(ahead(65)).toMatchObject({ code: 'NONCE_TOO_FAR' });
  });
});
