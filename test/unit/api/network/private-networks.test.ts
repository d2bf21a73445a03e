import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPrivateNetworks, type PrivateNetworks } from '../../../../main/api/network/private-networks.ts';
import {
  createSettings,
  createSystemOutside,
  decodeCbor,
  type Settings,
  type Store,
} from '../../../../main/base/index.ts';
import { kemDecapsulate, kemKeys, type Opener } from '../../../../main/base/crypto/index.ts';
import { membershipOf } from '../../../../main/transport/stoq/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';
import { fromHex, readVectors } from '../../../support/vectors.ts';

const openerOf = (fill: number): Opener => {
  const keys = kemKeys(new Uint8Array(64).fill(fill));
  return { publicKey: keys.public, decapsulate: async (cipherText) => kemDecapsulate(keys.secret, cipherText) };
};
const own = openerOf(1);
const home = { membership: membershipOf('home', new Uint8Array(32).fill(7)), joinedAtMs: 1000 };
const work = { membership: membershipOf('work', new Uint8Array(32).fill(8)), joinedAtMs: 2000 };

let store: Store;
let settings: Settings;
const create = (): PrivateNetworks =>
  createPrivateNetworks({ settings, random: createSystemOutside().random, logger: createSilentLogger() });
beforeEach(async () => {
  const clock = createManualClock();
  store = await createMemoryStore(clock);
  settings = createSettings({ store, clock });
});
afterEach(() => store.close());
const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error;

it('opens what was published', async () => {
  const vector = readVectors<{
    kemSeed: string;
    setting: string;
    networks: { name: string; key: string; id: string; joinedAtMs: number }[];
  }>('stoq-networks', 'sealed.json');
  const keys = kemKeys(fromHex(vector.kemSeed));
  await settings.set('network.private', fromHex(vector.setting));
  const networks = create();
  await networks.open({
    publicKey: keys.public,
    decapsulate: async (cipherText) => kemDecapsulate(keys.secret, cipherText),
  });
  expect(networks.list()).toEqual(
    vector.networks.map(({ name, key, id, joinedAtMs }) => ({
      membership: { id, name, key: fromHex(key) },
      joinedAtMs,
    })),
  );
});

describe('private networks', () => {
  it('are kept over a restart, for these keys only, and forgotten while they are locked', async () => {
    const first = create();
    await first.open(own);
    expect(await first.add(home)).toBe(true);
    expect(await first.add(work)).toBe(true);
    expect(await first.add(home)).toBe(false);
    first.close();
    expect(first.list()).toEqual([]);
    const second = create();
    await second.open(own);
    expect(second.list()).toEqual([home, work]);
    expect(second.find('HOME')).toEqual(home);
    expect(second.find(work.membership.id)).toEqual(work);
    expect(await second.remove('work')).toBe(work.membership.id);
    const third = create();
    await third.open(own);
    expect(third.list()).toEqual([home]);
  });
  it('show neither name nor key on the disk, and never twice the same bytes', async () => {
    const networks = create();
    await networks.open(own);
    await networks.add(home);
    const kept = (await settings.get('network.private')) as Uint8Array;
    expect(Buffer.from(kept).includes('home')).toBe(false);
    expect(Buffer.from(kept).includes(Buffer.from(home.membership.key))).toBe(false);
    expect(Object.keys(decodeCbor(kept) as object).sort()).toEqual(['kem', 'nonce', 'sealed', 'v']);
    await networks.add(work);
    await networks.remove('work');
    expect(Buffer.from((await settings.get('network.private')) as Uint8Array).equals(Buffer.from(kept))).toBe(false);
  });
  it('are not written over by who cannot read them', async () => {
    const networks = create();
    await networks.open(own);
    await networks.add(home);
    const kept = await settings.get('network.private');
    const other = create();
    await other.open(openerOf(2));
    expect(other.list()).toEqual([]);
    await expect(other.add(work)).rejects.toThrow(code('NOT_RUNNING'));
    await expect(other.remove('home')).rejects.toThrow(code('NOT_RUNNING'));
    expect(await settings.get('network.private')).toEqual(kept);
  });
  it.each([
    ['nothing of ours', 'text'],
    ['bytes', Uint8Array.of(1, 2, 3)],
  ])('that are %s are refused', async (_what, value) => {
    await settings.set('network.private', value);
    const networks = create();
    await networks.open(own);
    expect(networks.list()).toEqual([]);
    await expect(networks.add(home)).rejects.toThrow(code('NOT_RUNNING'));
  });
  it('need unlocked keys', async () => {
    const networks = create();
    await expect(networks.add(home)).rejects.toThrow(/create or unlock its identity/);
    await expect(networks.remove('home')).rejects.toThrow(code('NOT_RUNNING'));
    expect(() => networks.find('home')).toThrow(code('NETWORK_UNKNOWN'));
  });
  it('have names of their own, and there are 16 at most', async () => {
    const networks = create();
    await networks.open(own);
    await networks.add(home);
    const same = { membership: membershipOf('Home', new Uint8Array(32).fill(9)), joinedAtMs: 1 };
    await expect(networks.add(same)).rejects.toThrow(code('NAME_TAKEN'));
    for (let index = 1; index < 16; index += 1)
      await networks.add({
        membership: membershipOf(`net ${index}`, new Uint8Array(32).fill(index + 40)),
        joinedAtMs: 1,
      });
    await expect(networks.add(work)).rejects.toThrow(code('NETWORKS_FULL'));
    const again = create();
    await again.open(own);
    expect(again.list()).toHaveLength(16);
  });
});
