import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSender, type SenderControl } from '../../../../../main/apps/caesar/sender.ts';
import { readAccount } from '../../../../../main/apps/caesar/ledger/read-state.ts';
import { StoreError } from '../../../../../main/base/index.ts';
import { ConsensusError } from '../../../../../main/kernel/consensus/index.ts';
import {
  createEconomyWorld,
  type EconomyWorld,
  MINUTE_MS,
  signerOf,
} from '../../../../support/caesar/economy-world.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const signer = signerOf('lender');
const to = signerOf('borrower').keyIdBytes;
let world: EconomyWorld;
let sender: SenderControl;
const make = (): SenderControl => createSender({ ...world, logger: createSilentLogger(), metrics: null });
beforeEach(async () => {
  world = await createEconomyWorld();
  sender = make();
  await sender.start();
});
afterEach(async () => {
  await sender.stop();
  await world.store.close();
});
const pay = (amount: bigint, key?: string) =>
  sender.send({
    signer,
    kind: 'account.transfer',
    fields: { to, amount, memo: '' },
    ...(key !== undefined && { key }),
  });
const balance = (): bigint => readAccount(world.ledger.replica.state(), to).balance;

it('gives transactions that are sent at once one nonce each, and the least fee', async () => {
  const before = balance();
  const sent = await Promise.all([pay(100n), pay(200n), pay(300n)]);
  expect(sent.map(({ nonce }) => nonce)).toEqual([0, 1, 2]);
  expect(sender.quote({ signer, kind: 'account.transfer', fields: { to, amount: 1n, memo: '' } }).nonce).toBe(3);
  expect(sender.pending(signer.keyIdBytes)).toMatchObject([{ nonce: 0, fields: { amount: 100n } }, {}, { nonce: 2 }]);
  expect([...world.ledger.waiting.values()].map(({ encoded }) => BigInt(encoded.length))).toEqual(
    sent.map(({ feeMicro }) => feeMicro),
  );
  await world.ledger.block();
  expect(balance() - before).toBe(600n);
  expect(sender.pending(signer.keyIdBytes)).toEqual([]);
  expect(await sender.outcome(sent[1].hash)).toMatchObject({ state: 'final', height: 1 });
});

it('sends what has a key once, also when it is asked again after the node was killed', async () => {
  const before = balance();
  const first = await pay(100n, 'once');
  expect(await pay(100n, 'once')).toEqual(first);
  // Killed: nothing is stopped, the pool has forgotten it.
  world.ledger.forget();
  const again = make();
  expect(
    await again.send({ signer, kind: 'account.transfer', fields: { to, amount: 100n, memo: '' }, key: 'once' }),
  ).toEqual(first);
  await again.start();
  expect(world.ledger.waiting.size).toBe(1);
  await world.ledger.block();
  expect(balance() - before).toBe(100n);
  await again.send({ signer, kind: 'account.transfer', fields: { to, amount: 100n, memo: '' }, key: 'once' });
  await world.ledger.block();
  expect(balance() - before).toBe(100n);
  await again.stop();
});

it.each([false, true])('finds what became final while it was off (blocks pruned: %s)', async (pruned) => {
  const { hash } = await pay(100n, 'off');
  await sender.stop();
  await world.ledger.block();
  world.ledger.pruned = pruned;
  const again = make();
  await again.start();
  expect(await again.outcome(hash)).toMatchObject({ state: 'final', height: pruned ? null : 1 });
  expect(again.pending(signer.keyIdBytes)).toEqual([]);
  await again.stop();
});

it('leaves nothing behind of what is refused, and says why', async () => {
  await expect(pay(10n ** 15n)).rejects.toMatchObject({ code: 'NOT_ENOUGH' });
  await expect(
    sender.send({ signer, kind: 'account.transfer', fields: { to: signer.keyIdBytes, amount: 1n, memo: '' } }),
  ).rejects.toMatchObject({ code: 'TRANSACTION_REFUSED', data: { refusal: 'TO_ITSELF' } });
  world.ledger.away = new ConsensusError({ code: 'HALTED', reason: 'x' }, 'It stands still.');
  await expect(pay(1n, 'later')).rejects.toMatchObject({ code: 'HALTED' });
  world.ledger.away = null;
  expect((await pay(1n, 'later')).nonce).toBe(0);
  world.current = null;
  await expect(pay(1n)).rejects.toMatchObject({ code: 'LEDGER_NONE' });
});

it('drops what no block took in time, and fills the gap that it leaves', async () => {
  const { hash } = await pay(100n, 'slow');
  const { hash: behind } = await pay(200n);
  world.ledger.away = new ConsensusError({ code: 'HALTED', reason: 'x' }, 'It stands still.');
  world.ledger.forget();
  await world.ledger.block(11 * MINUTE_MS);
  for (const one of [hash, behind])
    expect(await sender.outcome(one)).toMatchObject({ state: 'dropped', code: 'EXPIRED' });
  world.ledger.away = null;
  const again = await pay(100n, 'slow');
  expect(again).toMatchObject({ nonce: 0 });
  expect(again.hash).not.toEqual(hash);
});

it('remembers what was dropped, and why, when the node is started again', async () => {
  const { hash } = await pay(100n, 'wallet.1');
  expect(sender.dropped(signer.keyIdBytes)).toEqual([]);
  world.ledger.away = new ConsensusError({ code: 'HALTED', reason: 'x' }, 'It stands still.');
  world.ledger.forget();
  await world.ledger.block(11 * MINUTE_MS);
  await sender.stop();
  sender = make();
  await sender.start();
  const [one, ...others] = sender.dropped(signer.keyIdBytes);
  expect(others).toEqual([]);
  expect(one).toMatchObject({
    kind: 'account.transfer',
    fields: { amount: 100n, memo: '' },
    key: 'wallet.1',
    code: 'EXPIRED',
    reason: 'No block took it in time; send it again.',
  });
  expect([one?.hash, one?.fields['to']].map((bytes) => Buffer.from(bytes as Uint8Array))).toEqual(
    [hash, to].map((bytes) => Buffer.from(bytes)),
  );
  expect(sender.dropped(to)).toEqual([]);
  // And sends nothing of it by itself.
  world.ledger.away = null;
  await world.clock.advance(MINUTE_MS);
  expect(world.ledger.waiting.size).toBe(0);
  await world.clock.advance(7 * 24 * 60 * MINUTE_MS);
  expect(sender.dropped(signer.keyIdBytes)).toEqual([]);
});

it('hears of one that it had given up and that became final all the same', async () => {
  const { hash } = await pay(100n, 'wallet.1');
  const [waiting] = world.ledger.waiting.values();
  world.ledger.forget();
  // This node's pool refuses it for good; somebody else's has it still.
  world.ledger.away = new ConsensusError(
    { code: 'TRANSACTION_REFUSED', refusal: 'BALANCE_LOW', reason: 'It has less.' },
    'It has less.',
  );
  await world.clock.advance(10_000);
  expect(sender.dropped(signer.keyIdBytes)).toMatchObject([{ code: 'BALANCE_LOW' }]);
  world.ledger.waiting.set('there', waiting!);
  await world.ledger.block();
  expect(sender.dropped(signer.keyIdBytes)).toEqual([]);
  expect(await sender.outcome(hash)).toMatchObject({ state: 'final', height: 1, code: '' });
});

it('sends nothing that a full disk does not hold, and writes down what became final once there is room', async () => {
  await sender.stop();
  const { store } = world;
  let isFull = false;
  const full = (): Promise<never> =>
    Promise.reject(
      new StoreError({ code: 'DISK_FULL', path: 'hypermesh.db' }, 'The disk is full; make room and try again.'),
    );
  const tight: typeof store = {
    ...store,
    get: (...query) => store.get(...query),
    all: (...query) => store.all(...query),
    run: (...change) => (isFull ? full() : store.run(...change)),
    transaction: (...change) => (isFull ? full() : store.transaction(...change)),
  };
  sender = createSender({ ...world, store: tight, logger: createSilentLogger(), metrics: null });
  await sender.start();
  const told: string[] = [];
  sender.onOutcome(({ state }) => told.push(state));
  isFull = true;
  await expect(pay(100n, 'none')).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(world.ledger.waiting.size).toBe(0);
  isFull = false;
  const { hash, nonce } = await pay(100n, 'once');
  expect(nonce).toBe(0);
  isFull = true;
  await world.ledger.block();
  expect(told).toEqual([]);
  // It is final, so its place is taken all the same.
  expect(sender.quote({ signer, kind: 'account.transfer', fields: { to, amount: 1n, memo: '' } }).nonce).toBe(1);
  isFull = false;
  await world.clock.advance(10_000);
  expect(told).toEqual(['final']);
  expect(await sender.outcome(hash)).toMatchObject({ state: 'final', height: 1 });
});

it('is not fooled by a clock that is set back', async () => {
  await world.ledger.block(5 * MINUTE_MS);
  world.clock.setNowMs(Date.UTC(2025, 0, 1));
  const { hash } = await pay(100n);
  await world.ledger.block();
  expect(await sender.outcome(hash)).toMatchObject({ state: 'final' });
});

it('makes room for another device of the same account', async () => {
  const other = createSender({
    ...world,
    store: await (await import('../../../../support/memory-store.ts')).createMemoryStore(),
    logger: createSilentLogger(),
    metrics: null,
  });
  await other.send({ signer, kind: 'account.transfer', fields: { to, amount: 7n, memo: '' } });
  expect((await pay(8n)).nonce).toBe(1);
});
