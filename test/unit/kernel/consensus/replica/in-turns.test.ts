import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Application,
  atOnce,
  type Commit,
  type Genesis,
  type LedgerBlock,
  networkOf,
  type Steps,
  type Turns,
} from '../../../../../main/kernel/consensus/index.ts';
import type { SignedTransaction } from '../../../../../main/kernel/blocks/index.ts';
import { createHead } from '../../../../../main/kernel/consensus/replica/head.ts';
import type { Executed } from '../../../../../main/kernel/consensus/replica/interface.ts';
import { createOpenTransactions } from '../../../../../main/kernel/consensus/replica/open-transactions.ts';
import { createVerify } from '../../../../../main/kernel/consensus/replica/verify.ts';
import { loadLedgerTree } from '../../../../../main/kernel/consensus/state/index.ts';
import { type AccountsGenesis, accountOf, createAccountsApp } from '../../../../sim/accounts-app.ts';
import { createSignatureCheck, createVoteSigner, keysOf, signTransaction } from '../../../../sim/keys.ts';
import { createMemoryReplicaStore } from '../../../../support/ledger/memory-replica-store.ts';
import { QUICK_PARAMS, RICH } from '../../../../support/ledger/replica-world.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { accountId, createWorld, FOUNDERS, NETWORK } from '../../../apps/caesar/ledger/world.ts';

/** Pauses after each step until the test lets the next one be done. */
const createGate = () => {
  let waiting: (() => void)[] = [];
  let isOpen = true;
  const pause = (): Promise<void> => (isOpen ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)));
  const turns: Turns = {
    pause,
    run: async <T>(steps: Steps<T>, signal?: AbortSignal): Promise<T> => {
      for (;;) {
        const step = steps.next();
        if (step.done === true) return step.value;
        await pause();
        signal?.throwIfAborted();
      }
    },
  };
  /** All that waits goes on, to its next pause. */
  const go = async (): Promise<void> => {
    const held = waiting;
    waiting = [];
    for (const one of held) one();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    turns,
    go,
    close: () => {
      isOpen = false;
    },
    open: async (): Promise<void> => {
      isOpen = true;
      await go();
    },
    get held() {
      return waiting.length;
    },
  };
};

const clock = createManualClock();
const PROPOSER = keysOf('v0');
const ACCOUNTS = ['alice', 'bob', 'carol'];
const genesis: Genesis = {
  version: 1,
  name: 'turns',
  nonce: new Uint8Array(32).fill(9),
  createdAtMs: clock.nowMs() - 1_000,
  validators: [{ id: PROPOSER.id, keys: PROPOSER.keys, power: 10 }],
  params: QUICK_PARAMS,
  app: {
    accounts: ACCOUNTS.map((name) => ({ id: keysOf(name).id, balance: RICH })),
    candidates: [],
  } satisfies AccountsGenesis,
};
const network = networkOf(genesis);
const transfers = (from: string, to: string, count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, nonce) =>
    signTransaction(keysOf(from), {
      network,
      kind: 'account.transfer',
      asset: null,
      previous: null,
      atMs: clock.nowMs(),
      data: { nonce, fee: 1_000, to: keysOf(to).id, amount: 1_000 },
    }),
  );
const signer = createVoteSigner(PROPOSER, () => undefined);
const commitOf = async ({ header: { height }, hash }: LedgerBlock): Promise<Commit> => ({
  height,
  round: 0,
  block: hash,
  signatures: [await signer.vote({ network, kind: 'precommit', height, round: 0, block: hash })],
});

/** A head of its own, on a disk. */
const createTestHead = async (store = createMemoryReplicaStore()) => {
  const gate = createGate();
  const check = createSignatureCheck();
  const ending = new AbortController();
  const accounts = createAccountsApp();
  let steps = 0;
  const app: Application = {
    ...accounts,
    apply: function* (input, state) {
      const work = accounts.apply(input, state);
      for (;;) {
        const step = work.next();
        if (step.done === true) return step.value;
        steps += 1;
        yield;
      }
    },
  };
  const open = createOpenTransactions(check, gate.turns);
  const head = createHead(
    {
      outside: { clock, random: createSeededRandom(1) },
      logger: createSilentLogger(),
      metrics: null,
      store,
      app,
      turns: gate.turns,
      verify: createVerify(check, gate.turns, network),
      createTree: loadLedgerTree,
      open,
      stall: () => undefined,
      advanced: () => undefined,
      stopped: ending.signal,
    },
    { genesis, network },
  );
  await head.load();
  return {
    head,
    gate,
    ending,
    store,
    get steps() {
      return steps;
    },
    build: async (encoded: readonly Uint8Array[]): Promise<Executed> => {
      const transactions = (await open(encoded)) ?? [];
      const built = await head.build({ proposer: PROPOSER.id, transactions, evidence: [], lastCommit: null });
      if (built === null) throw new Error('nothing was built');
      return built;
    },
    balance: (name: string): number => accountOf(head.tip().state, keysOf(name).id).balance,
  };
};

describe('an application in turns', () => {
  test('gives the same whatever other blocks are carried out between its steps', () => {
    const step = fc.record({
      from: fc.nat(3),
      to: fc.nat(3),
      amount: fc.bigInt(1n, 2_000_000n),
      skip: fc.nat(1),
    });
    fc.assert(
      fc.property(
        fc.array(fc.array(step, { maxLength: 8 }), { minLength: 2, maxLength: 4 }),
        fc.infiniteStream(fc.nat(3)),
        (plans, order) => {
          const caesar = createWorld();
          const state = caesar.tree.frozen();
          const inputs = plans.map((plan) => {
            const nonces = new Map<number, number>();
            return plan.map(({ from, to, amount, skip }) => {
              const nonce = (nonces.get(from) ?? 0) + skip;
              nonces.set(from, nonce + 1);
              return caesar.sign(
                accountId(from),
                'account.transfer',
                { to: accountId(to), amount, memo: '' },
                { nonce },
              );
            });
          });
          const begin = (transactions: readonly SignedTransaction[]) =>
            caesar.app.apply(
              {
                network: NETWORK,
                height: 1,
                timeMs: caesar.timeMs + 1_000,
                previousTimeMs: caesar.timeMs,
                proposer: FOUNDERS[0]!.node,
                transactions,
                evidence: [],
                signers: [],
                pick: true,
                bytesMax: 1_000_000,
                facts: new Map(),
              },
              state,
            );
          const alone = inputs.map((transactions) => atOnce(begin(transactions)));
          const under = inputs.map((transactions) => ({ steps: begin(transactions), output: null as unknown }));
          for (let open = [...under]; open.length > 0; open = open.filter(({ output }) => output === null)) {
            const one = open[order.next().value % open.length]!;
            const taken = one.steps.next();
            if (taken.done === true) one.output = taken.value;
          }
          expect(under.map(({ output }) => output)).toEqual(alone);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('a head that pauses while it carries out a block', () => {
  test('comes to the same as one that does not, and reads the state that it began with', async () => {
    const quick = await createTestHead();
    const slow = await createTestHead();
    const made = await quick.build([...transfers('alice', 'bob', 5), ...transfers('bob', 'carol', 5)]);
    slow.gate.close();
    const outcome = slow.head.execute(made.block, made.encoded, { vouched: true });
    let pauses = 0;
    for (let done = false; !done; pauses++) {
      await slow.gate.go();
      done = slow.gate.held === 0;
      // Nobody sees anything of it before it is final.
      expect(slow.balance('bob')).toBe(RICH);
    }
    expect(pauses).toBeGreaterThan(10);
    const executed = await outcome;
    expect(executed.ok && executed.updates).toEqual(made.updates);
    expect(executed.ok && executed.tree.root()).toEqual(made.tree.root());
    expect(await slow.head.append(executed as Executed, await commitOf(made.block))).toBe(true);
    expect(slow.balance('bob')).toBe(RICH + 5_000 - 5 * 2_000);
  });
  test('leaves it as soon as another block of that height is final', async () => {
    const other = await createTestHead();
    const first = await other.build(transfers('alice', 'bob', 8));
    const second = await other.build(transfers('alice', 'carol', 3));
    const own = await createTestHead();
    const known = (await own.head.execute(second.block, second.encoded, { vouched: true })) as Executed;
    expect(known.ok).toBe(true);
    const before = own.steps;
    own.gate.close();
    const executing = own.head.execute(first.block, first.encoded, { vouched: true });
    const building = own.head.build({
      proposer: PROPOSER.id,
      transactions: first.transactions,
      evidence: [],
      lastCommit: null,
    });
    while (own.steps < before + 6) await own.gate.go();
    expect(await own.head.append(known, await commitOf(second.block))).toBe(true);
    const stepsThen = own.steps;
    await own.gate.open();
    expect(await executing).toEqual({ ok: false, problem: expect.any(String), stale: true });
    expect(await building).toBeNull();
    // Not carried on for nothing.
    expect(own.steps).toBe(stepsThen);
    expect([own.balance('bob'), own.balance('carol')]).toEqual([RICH, RICH + 3_000]);
    expect(own.head.tip().state.root()).toEqual(second.tree.root());
  });
  test('a stop in the middle leaves the disk as it was; after the next start it is carried out whole', async () => {
    const other = await createTestHead();
    const made = await other.build(transfers('alice', 'bob', 8));
    const own = await createTestHead();
    own.gate.close();
    const executing = own.head.execute(made.block, made.encoded, { vouched: true });
    const building = own.head.build({
      proposer: PROPOSER.id,
      transactions: made.transactions,
      evidence: [],
      lastCommit: null,
    });
    while (own.steps < 6) await own.gate.go();
    own.ending.abort(new Error('the node stops'));
    const stepsThen = own.steps;
    await own.gate.open();
    expect(await executing).toEqual({ ok: false, problem: expect.any(String), stale: true });
    expect(await building).toBeNull();
    expect(own.steps).toBe(stepsThen);
    const again = await createTestHead(own.store);
    expect(again.head.tip().height).toBe(0);
    const executed = (await again.head.execute(made.block, made.encoded, { vouched: true })) as Executed;
    expect(await again.head.append(executed, await commitOf(made.block))).toBe(true);
    expect(again.balance('bob')).toBe(RICH + 8_000);
    expect((await createTestHead(own.store)).head.tip().height).toBe(1);
  });
});
