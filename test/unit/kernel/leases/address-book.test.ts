import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSettings, type Settings, type Store } from '../../../../main/base/index.ts';
import { createAddressBook } from '../../../../main/kernel/leases/address-book.ts';
import type { PeerId } from '../../../../main/transport/stoq/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';
import { makePeer } from '../../../support/stoq/make-peer.ts';

const [ATTIC, CELLAR] = [makePeer(1).local.peerId, makePeer(2).local.peerId];
let store: Store;
let settings: Settings;
beforeEach(async () => {
  const clock = createManualClock();
  store = await createMemoryStore(clock);
  settings = createSettings({ store, clock });
});
afterEach(async () => {
  await store.close();
});

describe('the address book', () => {
  it('keeps groups over restarts; own is always there', async () => {
    const book = createAddressBook({ settings });
    await book.load();
    expect(book.groups()).toEqual([{ name: 'own', peers: [] }]);
    let changes = 0;
    book.on('changed', () => {
      changes += 1;
    });
    await book.set('own', [ATTIC]);
    await book.set('family', [CELLAR, CELLAR, ATTIC]);
    await book.set('a-1', [CELLAR]);
    expect(changes).toBe(3);
    const again = createAddressBook({ settings });
    expect(again.isIn(ATTIC, 'own')).toBe(false);
    await again.load();
    expect(again.groups()).toEqual([
      { name: 'own', peers: [ATTIC] },
      { name: 'a-1', peers: [CELLAR] },
      { name: 'family', peers: [CELLAR, ATTIC] },
    ]);
    expect(again.isIn(CELLAR, 'family')).toBe(true);
    expect(again.isIn(CELLAR, 'own')).toBe(false);
    await again.remove('family');
    await again.remove('own');
    await again.remove('nobody');
    expect(again.groups().map(({ name }) => name)).toEqual(['own', 'a-1']);
    expect(again.isIn(ATTIC, 'own')).toBe(false);
  });

  it('makes changes that come at once one after another', async () => {
    const book = createAddressBook({ settings });
    await book.load();
    await Promise.all([book.set('one', [ATTIC]), book.set('two', [CELLAR]), book.remove('one')]);
    expect(book.groups().map(({ name }) => name)).toEqual(['own', 'two']);
  });

  it('refuses names that are none and more than it holds, and changes nothing then', async () => {
    const book = createAddressBook({ settings });
    await book.load();
    for (const name of ['', 'A', '-a', 'a b', '@a', 'x'.repeat(33), '__proto__'])
      await expect(book.set(name, [])).rejects.toMatchObject({ code: 'GROUP_INVALID' });
    const many = Array.from({ length: 257 }, (_, n) => `peer${n}` as PeerId);
    await expect(book.set('many', many)).rejects.toMatchObject({ code: 'GROUPS_FULL' });
    for (let n = 0; n < 64; n++) await book.set(`g${n}`, []);
    await expect(book.set('one-more', [])).rejects.toMatchObject({ code: 'GROUPS_FULL', data: { limit: 64 } });
    expect(book.groups()).toHaveLength(65);
    await book.set('g3', [ATTIC]);
    expect(book.isIn(ATTIC, 'g3')).toBe(true);
  });

  it('does not count what could not be written', async () => {
    const book = createAddressBook({
      settings: { ...settings, set: () => Promise.reject(new Error('the disk is full')) },
    });
    await book.load();
    await expect(book.set('own', [ATTIC])).rejects.toThrow('the disk is full');
    expect(book.isIn(ATTIC, 'own')).toBe(false);
  });

  const damaged: unknown[] = [
    null,
    7,
    [],
    {},
    { v: 2, groups: [] },
    { v: 1, groups: 'own' },
    { v: 1, groups: [null] },
    { v: 1, groups: [{ name: 'A', peers: [] }] },
    { v: 1, groups: [{ name: 'own', peers: ['attic'] }] },
    {
      v: 1,
      groups: [
        { name: 'own', peers: [] },
        { name: 'own', peers: [] },
      ],
    },
  ];
  it.each(damaged)('does not guess at what is damaged or newer: %j', async (value) => {
    await settings.set('leases.groups', value);
    const book = createAddressBook({ settings });
    await expect(book.load()).rejects.toMatchObject({ code: 'GROUPS_UNREADABLE' });
    expect(book.isIn(ATTIC, 'own')).toBe(false);
    expect(await settings.get('leases.groups')).toEqual(value);
  });
});
