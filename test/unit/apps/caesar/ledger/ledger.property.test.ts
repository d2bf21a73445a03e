import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TransactionFact } from '../../../../../main/apps/caesar/ledger/fact.ts';
import { hexOf } from '../../../../../main/apps/caesar/ledger/keys.ts';
import { readAccount } from '../../../../../main/apps/caesar/ledger/read-state.ts';
import type { SignedTransaction } from '../../../../../main/kernel/blocks/index.ts';
import { createLedgerTree } from '../../../../../main/kernel/consensus/state/index.ts';
import { auditState } from './audit.ts';
import {
  accountId,
  ASSET,
  CERTIFICATE,
  certificateFact,
  createWorld,
  leaseId,
  MINUTE_MS,
  NETWORK,
  nodeId,
  settleFields,
  settlementFact,
  sha,
  type World,
} from './world.ts';

// Random people who do whatever comes to their mind, in blocks of random lengths.

const PEOPLE = 6;
const person = fc.nat(PEOPLE - 1);
const micro = fc.oneof(
  { weight: 3, arbitrary: fc.bigInt(0n, 2_000n) },
  { weight: 6, arbitrary: fc.bigInt(1_000n, 60_000_000_000n) },
  { weight: 1, arbitrary: fc.constantFrom(-1n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n) },
);
const lease = fc.nat(2);
const lender = fc.nat(1);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('transfer' as const), who: person, to: person, amount: micro }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('escrow' as const),
      who: person,
      to: lender,
      lease,
      amount: micro,
      minutes: fc.nat(30),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      who: person,
      lease,
      sequence: fc.integer({ min: 1, max: 4 }),
      owed: fc.bigInt(0n, 300_000_000_000n),
      unitSeconds: fc.oneof(fc.bigInt(0n, 10n ** 7n), fc.bigInt(0n, 10n ** 26n)),
      final: fc.boolean(),
      lender,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reclaim' as const), who: person, lease }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('bond' as const), who: person, amount: micro }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unbond' as const), who: person, amount: micro }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('join' as const), who: person, node: person }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), who: person }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('bind' as const), who: person, node: person }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('admit' as const), who: person, to: person, validator: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), who: person, to: person }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('list' as const),
      who: person,
      amount: fc.integer({ min: 1, max: 2 ** 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unlist' as const), who: person }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('params' as const),
      who: person,
      permille: fc.integer({ min: -1, max: 1001 }),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
const blockOf = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 8 }),
  /** What of it comes a second time, or with a wrong nonce. */
  spoilt: fc.nat(12),
  afterMs: fc.constantFrom(1000, MINUTE_MS, 6 * MINUTE_MS, 45 * MINUTE_MS),
  liar: fc.option(fc.nat(3), { freq: 12, nil: null }),
  silent: fc.nat(15),
});

/** A transaction of a step, and what a thread would have found out about it. */
const made = (world: World, one: Step, nonce: number): [SignedTransaction, TransactionFact | null] => {
  const who = accountId(one.who);
  const sign: World['sign'] = (signer, kind, fields) => world.sign(signer, kind, fields, { nonce, fee: 7n });
  switch (one.do) {
    case 'transfer':
      return [sign(who, 'account.transfer', { to: accountId(one.to), amount: one.amount, memo: '' }), null];
    case 'escrow':
      return [
        sign(who, 'lease.escrow', {
          lease: leaseId(one.lease),
          lender: nodeId(one.to),
          borrower: nodeId('borrower'),
          most: one.amount,
          endsAtMs: world.timeMs + one.minutes * MINUTE_MS,
        }),
        null,
      ];
    case 'settle':
      return [
        sign(who, 'lease.settle', settleFields(leaseId(one.lease), { receipt: Uint8Array.of(one.sequence) })),
        settlementFact({
          lender: nodeId(one.lender),
          sequence: one.sequence,
          owed: one.owed,
          unitSeconds: one.unitSeconds,
          final: one.final,
        }),
      ];
    case 'reclaim':
      return [sign(who, 'lease.reclaim', { lease: leaseId(one.lease) }), null];
    case 'bond':
      return [sign(who, 'stake.bond', { amount: one.amount }), null];
    case 'unbond':
      return [sign(who, 'stake.unbond', { amount: one.amount }), null];
    case 'join':
      return [sign(who, 'validator.join', { certificate: CERTIFICATE }), certificateFact(one.node, who, world.timeMs)];
    case 'leave':
      return [sign(who, 'validator.leave', {}), null];
    case 'bind':
      return [sign(who, 'node.bind', { certificate: CERTIFICATE }), certificateFact(one.node, who, world.timeMs)];
    case 'admit':
      return [sign(who, 'member.admit', { account: accountId(one.to), validator: one.validator }), null];
    case 'remove':
      return [sign(who, 'member.remove', { account: accountId(one.to) }), null];
    case 'list':
      return [
        sign(who, 'asset.list', {
          asset: ASSET,
          kind: 'cpu',
          unit: 'millicores',
          amountMax: one.amount,
          privacyLevel: 'FullPublic',
          priceMicro: null,
        }),
        null,
      ];
    case 'unlist':
      return [sign(who, 'asset.unlist', { asset: ASSET }), null];
    case 'params':
      return [sign(who, 'params.set', { changes: { burnPermille: one.permille } }), null];
  }
};

describe('the ledger', () => {
  it('keeps every sum, whatever people do, and does the same everywhere', () => {
    let [stood, left] = [0, 0];
    fc.assert(
      fc.property(fc.array(blockOf, { minLength: 4, maxLength: 12 }), (blocks) => {
        const world = createWorld();
        // Another process: its own application, and a tree that grew in another order.
        const other = createWorld();
        for (const { steps, spoilt, afterMs, liar, silent } of blocks) {
          const next = new Map<number, number>();
          const facts = new Map<string, TransactionFact>();
          const transactions = steps.map((one, place) => {
            const before = next.get(one.who) ?? readAccount(world.tree, accountId(one.who)).nonce;
            const [transaction, fact] = made(world, one, place === spoilt ? before + 1 : before);
            // Mostly only what stands moves the nonce, or whatever comes behind a refused one would be refused with it.
            const alone = made(world, one, readAccount(world.tree, accountId(one.who)).nonce)[0];
            const at = { network: NETWORK, height: world.height + 1, timeMs: world.timeMs + afterMs };
            if (world.app.check(alone, world.tree, at).accepted) next.set(one.who, before + 1);
            if (fact !== null) facts.set(hexOf(transaction.hash), fact);
            return transaction;
          });
          if (spoilt > 6 && transactions[0] !== undefined) transactions.push(transactions[0]);
          const validators = world.app.validators(world.tree);
          const init = {
            facts,
            afterMs,
            signers: validators.map(({ id }, place) => ({ validator: id, signed: place !== silent })),
            evidence:
              liar === null
                ? []
                : [
                    {
                      kind: 'votes' as const,
                      validator: nodeId(liar),
                      height: world.height,
                      first: null as never,
                      second: null as never,
                    },
                  ],
          };
          const picked = world.attempt(transactions, { ...init, pick: true });
          if (!picked.ok) throw new Error('a proposer always finds a block');
          stood += picked.taken.length;
          left += transactions.length - picked.taken.length;
          // Whoever checks it does not pick: the same comes of it.
          const checked = other.block(picked.taken, init);
          expect(checked.updates).toEqual(picked.updates);
          const applied = world.block(picked.taken, init);
          expect(applied.updates).toEqual(picked.updates);
          expect(applied.taken).toEqual(picked.taken);
          expect(auditState(world.tree)).toEqual([]);
          expect(other.tree.root()).toEqual(world.tree.root());
        }
        // What is in the state says all: a tree that is made of it goes on alike.
        const copy = createLedgerTree([...world.tree.entries('')].reverse());
        expect(copy.root()).toEqual(world.tree.root());
      }),
      { numRuns: 40 },
    );
    // The random people do get somewhere, and are refused too.
    expect(stood).toBeGreaterThan(200);
    expect(left).toBeGreaterThan(200);
  });

  it('never fails on data that somebody made up', () => {
    const world = createWorld();
    const value = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, true, false, 0, -1, 1.5, 2n ** 63n, 2n ** 64n - 1n),
        fc.integer(),
        fc.string(),
        fc.uint8Array({ maxLength: 40 }),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
      ),
    })).value;
    const kinds = [
      'account.transfer',
      'node.bind',
      'lease.escrow',
      'lease.settle',
      'lease.reclaim',
      'stake.bond',
      'stake.unbond',
      'validator.join',
      'validator.leave',
      'member.admit',
      'member.remove',
      'params.set',
      'asset.list',
      'asset.unlist',
      'nobody.knows',
    ];
    const names = [
      'to',
      'amount',
      'memo',
      'certificate',
      'lease',
      'lender',
      'borrower',
      'most',
      'endsAtMs',
      'changes',
      'account',
      'validator',
      'asset',
    ];
    const data = fc.oneof(
      value,
      fc.dictionary(fc.constantFrom(...names), value).map((fields) => ({ ...fields, nonce: 0, fee: 0n })),
      // Exactly the fields of one kind, and anything in them.
      fc.record({
        changes: fc.dictionary(fc.constantFrom('burnPermille', 'weights', 'consensus', 'prices', 'x'), value),
        nonce: fc.constant(0),
        fee: fc.constant(0),
      }),
      fc.record({
        certificate: fc.uint8Array({ minLength: 1, maxLength: 60 }),
        nonce: fc.constant(0),
        fee: fc.constant(0),
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...kinds), data, fc.nat(3), (kind, found, who) => {
        const signed = world.sign(accountId(who), 'validator.leave', {});
        const transaction: SignedTransaction = {
          ...signed,
          hash: sha(String(Math.random())),
          transaction: { ...signed.transaction, kind, data: found },
        };
        const verdict = world.app.check(transaction, world.tree, {
          network: transaction.transaction.network,
          height: 1,
          timeMs: world.timeMs,
        });
        const output = world.attempt([transaction]);
        // What the pool refuses no block takes, for the same reason; and every reason is a sentence.
        const reason = output.ok ? '.' : output.reason;
        expect(reason).toMatch(/\.$/);
        const code = output.ok ? 'STANDS' : output.code;
        expect(verdict.accepted ? code : verdict.code).toBe(code);
      }),
      { numRuns: 400 },
    );
  });
});
