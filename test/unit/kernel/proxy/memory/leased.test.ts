import { afterEach, beforeEach, expect, it } from 'vitest';
import { kemDecapsulate } from '../../../../../main/base/crypto/index.ts';
import { createSettings, Emitter } from '../../../../../main/base/index.ts';
import type { LeaseId, LeasesEvents } from '../../../../../main/kernel/leases/index.ts';
import { createMemories } from '../../../../../main/kernel/proxy/memory/create-memories.ts';
import { createMemoryProvider } from '../../../../../main/kernel/proxy/memory/provider.ts';
import { createLeaseWorld, type LeaseWorld, TICK_MS } from '../../../../support/leases/lease-world.ts';
import { createPair, type Pair } from '../../../../support/leases/pair.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

const AMOUNT = 400_000;
let pair: Pair;
let world: LeaseWorld;
beforeEach(async () => {
  world = createLeaseWorld();
  pair = await createPair(world);
});
afterEach(() => world.stop());

it('far memory runs on a lease of the real engine and ends with it', async () => {
  const { clock } = world;
  const { lender, borrower } = pair;
  const outside = { clock, random: createSeededRandom(1) };
  const logger = createSilentLogger();
  const provider = createMemoryProvider({
    outside,
    logger,
    metrics: null,
    links: lender.links,
    leases: { authorize: (link, lease) => lender.engine.authorize(link, lease) },
  });
  lender.engine.addProvider(provider);
  const running = await pair.lease(await lender.offer(), { amount: AMOUNT });
  expect(running).toMatchObject({ state: 'running', amount: AMOUNT });
  const id = running.id as LeaseId;
  await clock.run(2 * TICK_MS);
  expect((await lender.engine.get(id)).measured).toBe(AMOUNT);

  const events = new Emitter<LeasesEvents>();
  const rows = await createMemoryStore(clock);
  const memories = createMemories(
    {
      outside,
      logger,
      metrics: null,
      settings: createSettings({ store: rows, clock }),
      keys: {
        node: () => ({
          signer: borrower.peer.signer,
          certificate: borrower.peer.local.certificate,
          opener: {
            publicKey: borrower.peer.keys.kem.public,
            decapsulate: (cipherText) => Promise.resolve(kemDecapsulate(borrower.peer.keys.kem.secret, cipherText)),
          },
        }),
      },
      leases: {
        borrowed: (lease) => borrower.engine.borrowed(lease),
        on: (name, listener) => events.on(name, listener),
      },
    },
    { deadlineMs: 3000 },
  );
  const store = await clock.drive(memories.store(id));
  await clock.drive(store.set('a', new Uint8Array(50_000).fill(3)));
  expect(await clock.drive(store.get('a'))).toHaveLength(50_000);
  expect(store.stats().keys).toBe(1);

  // Whoever is not the borrower gets nothing, on a link of its own.
  const stranger = await world.node('stranger');
  expect(() => stranger.engine.borrowed(id)).toThrow('lease');

  await clock.run(2 * TICK_MS);
  const [lent] = await pair.both(id);
  expect(lent.sentBytes).toBeGreaterThan(0);
  expect(lent.receivedBytes).toBeGreaterThan(50_000);
  await clock.drive(borrower.engine.end(id, 'enough'));
  await clock.run(5 * TICK_MS);
  await expect(clock.drive(store.set('b', Uint8Array.of(1)))).rejects.toMatchObject({ code: 'LEASE_OVER' });
  expect(lender.book.list()).toEqual([]);
  await clock.drive(memories.stop());
  await clock.drive(provider.close());
  await rows.close();
});
