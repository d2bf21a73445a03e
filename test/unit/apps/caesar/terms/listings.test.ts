import { afterEach, beforeEach, expect, it } from 'vitest';
import { readAssetListings } from '../../../../../main/apps/caesar/ledger/read-state.ts';
import { createSender, type SenderControl } from '../../../../../main/apps/caesar/sender.ts';
import { createListingKeeper, type ListingKeeper } from '../../../../../main/apps/caesar/terms/listings.ts';
import { ConsensusError } from '../../../../../main/kernel/consensus/index.ts';
import { ASSET, createEconomyWorld, type EconomyWorld, signerOf } from '../../../../support/caesar/economy-world.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

let world: EconomyWorld;
let sender: SenderControl;
let keeper: ListingKeeper;
let share: { percentMax: number; privacyLevel: string; price: unknown };
beforeEach(async () => {
  share = { percentMax: 50, privacyLevel: 'FullPublic', price: { mode: 'market' } };
  world = await createEconomyWorld();
  const logger = createSilentLogger();
  sender = createSender({ ...world, logger, metrics: null });
  await sender.start();
  keeper = createListingKeeper({
    ...world,
    logger,
    sender,
    keys: world.keys('lender', 'lender-node'),
    assets: {
      list: () => [{ id: ASSET, kind: 'cpu', resource: 'cpu', present: true, capacity: { known: true, value: 4000 } }],
      share: () => ({
        resources: [{ resource: 'cpu', percentMax: share.percentMax, terms: share }],
      }),
      on: () => () => undefined,
    } as never,
    current: () => (world.current?.home === false ? world.current : null),
  });
});
afterEach(async () => {
  await keeper.stop();
  await sender.stop();
  await world.store.close();
});
const look = async (): Promise<unknown[]> => {
  await keeper.look();
  await world.ledger.block();
  return readAssetListings(world.ledger.replica.state(), signerOf('lender').keyIdBytes).map(
    ({ amountMax, privacyLevel, priceMicro }) => [amountMax, privacyLevel, priceMicro],
  );
};

it('binds the node first, lists, follows the terms, and takes it back when it is closed', async () => {
  expect(await look()).toEqual([]);
  expect(world.ledger.taken).toEqual(['node.bind']);
  expect(await look()).toEqual([[2000, 'FullPublic', null]]);
  // Less than a tenth is not worth a fee.
  share.percentMax = 54;
  expect(await look()).toEqual([[2000, 'FullPublic', null]]);
  share.price = { mode: 'fixed', microPerHour: '7' };
  share.privacyLevel = 'PublicNetwork';
  expect(await look()).toEqual([[2160, 'PublicNetwork', 7n]]);
  share.privacyLevel = 'P2P';
  expect(await look()).toEqual([]);
  await look();
  expect(world.ledger.taken).toEqual(['node.bind', 'asset.list', 'asset.list', 'asset.unlist']);
  expect(keeper.obstacle()).toBeNull();
});

it('pays for no binding before its owner lends to others, or a lease is to be paid', async () => {
  share.privacyLevel = 'Private';
  await look();
  expect(world.ledger.taken).toEqual([]);
  keeper.need('f'.repeat(64));
  await look();
  expect(world.ledger.taken).toEqual([]);
  keeper.need(world.ledger.id);
  await look();
  expect(world.ledger.taken).toEqual(['node.bind']);
  await look();
  expect(world.ledger.taken).toEqual(['node.bind']);
});
it('binds where others may come, listed or not', async () => {
  share.privacyLevel = 'P2P';
  await look();
  expect(world.ledger.taken).toEqual(['node.bind']);
});

it('sends nothing twice while a block is awaited, and goes on after the ledger was away', async () => {
  await keeper.look();
  await keeper.look();
  expect(world.ledger.taken).toEqual(['node.bind']);
  await world.ledger.block();
  world.ledger.away = new ConsensusError({ code: 'HALTED', reason: 'x' }, 'It stands still.');
  expect(await look()).toEqual([]);
  expect(keeper.obstacle()).toBe('It stands still.');
  world.ledger.away = null;
  expect(await look()).toHaveLength(1);
});

it('lists nothing for whom nobody admitted, and nothing at all at home, and says why', async () => {
  await world.apply(signerOf('admin'), 'member.remove', { account: signerOf('lender').keyIdBytes });
  await look();
  expect(await look()).toEqual([]);
  expect(keeper.obstacle()).toContain('no member of meadow');
  world.current = null;
  const before = world.ledger.taken.length;
  await look();
  expect(world.ledger.taken).toHaveLength(before);
});
