import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kemDecapsulate } from '../../../../../main/base/crypto/index.ts';
import {
  createSettings,
  createSystemOutside,
  Emitter,
  type Settings,
  type Store,
} from '../../../../../main/base/index.ts';
import type { Borrowed, LeaseId, LeasesEvents, ProvidedLease } from '../../../../../main/kernel/leases/index.ts';
import {
  createMemories,
  type MemoriesComponents,
  type MemoriesControl,
  type MemoriesInit,
} from '../../../../../main/kernel/proxy/memory/create-memories.ts';
import { MemoryError } from '../../../../../main/kernel/proxy/memory/errors.ts';
import type { LeaseView } from '../../../../../preload/contract/index.ts';
import { createMemoryWorld, leaseOf, type MemoryWorld, type WorldNode } from '../../../../support/far-memory.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';

const MIB = 2 ** 20;
let world: MemoryWorld;
let store: Store;
let settings: Settings;
let borrower: WorldNode;
let lenders: readonly WorldNode[];
let events: Emitter<LeasesEvents>;
const leases = new Map<LeaseId, { lender: WorldNode; provided: ProvidedLease; view: LeaseView }>();
let unlocked = true;
let count = 0;

beforeAll(async () => {
  world = await createMemoryWorld(3);
  store = await createMemoryStore(createSystemOutside().clock);
  settings = createSettings({ store, clock: world.outside.clock });
  [borrower, ...lenders] = world.nodes as [WorldNode, WorldNode, WorldNode];
  events = new Emitter<LeasesEvents>();
});
afterAll(async () => {
  await world.stop();
  await store.close();
});

const borrow = async (
  lender: WorldNode,
  amount: number,
  resource: LeaseView['resource'] = 'memory',
): Promise<LeaseId> => {
  const id = leaseOf((count += 1));
  const provided = await lender.lend(borrower, id, amount);
  const view = { id, side: 'borrowed', resource, amount, state: 'running' } as Partial<LeaseView> as LeaseView;
  leases.set(id, { lender, provided, view });
  return id;
};
const components = (): MemoriesComponents => ({
  outside: world.outside,
  logger: createSilentLogger(),
  metrics: null,
  settings,
  keys: {
    node: () => {
      const { keys, signer, local } = makePeer(500);
      if (!unlocked) return null;
      return {
        signer,
        certificate: local.certificate,
        opener: {
          publicKey: keys.kem.public,
          decapsulate: (cipherText) => Promise.resolve(kemDecapsulate(keys.kem.secret, cipherText)),
        },
      };
    },
  },
  leases: {
    on: (name, listener) => events.on(name, listener),
    borrowed: (id): Borrowed => {
      const lease = leases.get(id);
      if (lease === undefined) throw new MemoryError({ code: 'LEASE_OVER', refusal: 'none' }, 'no such lease');
      return {
        id,
        view: lease.view,
        lender: { peerId: lease.lender.stoq.peerId, keys: makePeer(500).verified.keys },
        link: (options) => borrower.linkTo(lease.lender, options),
      };
    },
  },
});
const start = async (init: MemoriesInit = {}): Promise<MemoriesControl> => {
  const memories = createMemories(components(), init);
  await memories.start();
  return memories;
};

describe('memories', () => {
  it('keep values over a restart of the borrower, which needs its keys', async () => {
    const lease = await borrow(lenders[0] as WorldNode, 2 * MIB);
    const first = await start();
    const value = world.outside.random.bytes(200_000);
    await (await first.store(lease)).set('photo', value);
    await (await first.store(lease)).set('note', Buffer.from('hello'), { ttlMs: 60_000 });
    expect(await first.stats(lease)).toMatchObject({ lease, keys: 2, mirrored: false, encrypted: true });
    await first.stop();
    await expect(first.store(lease)).rejects.toMatchObject({ code: 'CLOSED' });

    unlocked = false;
    const second = await start();
    await expect(second.store(lease)).rejects.toMatchObject({ code: 'KEYS_LOCKED' });
    unlocked = true;
    const again = await second.store(lease);
    expect(Buffer.compare((await again.get('photo')) as Uint8Array, value)).toBe(0);
    expect(Buffer.from((await again.get('note')) as Uint8Array).toString()).toBe('hello');
    // This one ends without a word.
    await again.set('note', Buffer.from('after'));
    const third = await start();
    expect(Buffer.from((await (await third.store(lease)).get('note')) as Uint8Array).toString()).toBe('after');
    await third.stop();
  });

  it('keep no key that opens memory without the secret of the node, and forget what is over', async () => {
    const lease = await borrow(lenders[0] as WorldNode, MIB);
    const memories = await start();
    await (await memories.store(lease)).set('a', Uint8Array.of(1));
    const kept = (await settings.get(`memory/${lease}`)) as Record<string, unknown>;
    expect(Object.keys(kept).toSorted()).toEqual([
      'clean',
      'mirror',
      'pageBytes',
      'sealed',
      'stampsTo',
      'v',
      'wrapped',
    ]);
    expect(kept['wrapped']).toHaveLength(1568);
    const { view } = leases.get(lease) as { view: LeaseView };
    events.emit('leaseChanged', { ...view, state: 'ended' });
    await expect.poll(() => settings.get(`memory/${lease}`)).toBeUndefined();
    await memories.stop();
  });

  it('measure a store and leave nothing behind', async () => {
    const lease = await borrow(lenders[0] as WorldNode, 64 * MIB);
    const memories = await start();
    const { rows } = await memories.bench(lease);
    expect(rows.map(({ operation, sizeBytes }) => `${operation} ${sizeBytes}`)).toEqual([
      'write 64',
      'read 64',
      'write 4096',
      'read 4096',
      'write 1048576',
      'read 1048576',
    ]);
    for (const { p50Ms, p99Ms, bytesPerSecond } of rows) {
      expect(p50Ms).toBeGreaterThan(0);
      expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
      expect(bytesPerSecond).toBeGreaterThan(0);
    }
    expect((await memories.stats(lease)).keys).toBe(0);
    await expect(memories.bench(lease, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    await memories.stop();
  });

  it('keep everything at a second lender, also after a restart, and go on when the first is gone', async () => {
    const lease = await borrow(lenders[0] as WorldNode, 2 * MIB);
    const small = await borrow(lenders[1] as WorldNode, MIB);
    const same = await borrow(lenders[0] as WorldNode, 2 * MIB);
    const second = await borrow(lenders[1] as WorldNode, 2 * MIB);
    const memories = await start();
    const value = world.outside.random.bytes(300_000);
    await (await memories.store(lease)).set('before', value);
    await expect(memories.mirror(lease, small)).rejects.toMatchObject({ code: 'MIRROR_INVALID' });
    await expect(memories.mirror(lease, same)).rejects.toMatchObject({ code: 'MIRROR_INVALID' });
    await memories.mirror(lease, second);
    expect((await memories.stats(lease)).mirrored).toBe(true);
    await memories.stop();

    const again = await start();
    const values = await again.store(lease);
    await expect.poll(async () => (await again.stats(lease)).mirrored, { timeout: 10_000 }).toBe(true);
    await values.set('after', Uint8Array.of(1));
    await leases.get(lease)?.provided.stop('the lender left');
    expect(Buffer.compare((await values.get('before')) as Uint8Array, value)).toBe(0);
    await values.set('later', Uint8Array.of(2));
    expect([...((await values.get('after')) ?? [])]).toEqual([1]);
    expect((await again.stats(lease)).mirrored).toBe(false);
    await again.stop();
  });

  it('leave memory as it is where its borrower wants it so', async () => {
    const lease = await borrow(lenders[0] as WorldNode, MIB);
    const plain = await start({ sealed: false });
    const memory = await plain.memory(lease);
    await memory.write(0, Buffer.from('in the clear'));
    expect(await plain.stats(lease)).toMatchObject({ encrypted: false });
    await expect(plain.mirror(lease, leaseOf(999))).rejects.toMatchObject({ code: 'MIRROR_INVALID' });
    await plain.stop();
    const raw = borrower.clientOf(lenders[0] as WorldNode, lease);
    expect(Buffer.from(await raw.read(0, 12)).toString()).toBe('in the clear');
    raw.close();
  });

  it('refuse leases of other things, and such as are too small', async () => {
    const memories = await start();
    const network = await borrow(lenders[0] as WorldNode, MIB, 'network');
    const tiny = await borrow(lenders[0] as WorldNode, 9000);
    await expect(memories.store(network)).rejects.toMatchObject({ code: 'LEASE_NOT_MEMORY' });
    await expect(memories.store(tiny)).rejects.toMatchObject({ code: 'TOO_SMALL' });
    await memories.stop();
  });
});
