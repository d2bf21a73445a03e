import { afterEach, describe, expect, test } from 'vitest';
import {
  createReplicaWorld,
  type ReplicaWorld,
  RICH,
  type WorldInit,
} from '../../../../support/ledger/replica-world.ts';

let world: ReplicaWorld | null = null;
const create = async (init: WorldInit): Promise<ReplicaWorld> => {
  world = await createReplicaWorld(init);
  return world;
};
afterEach(async () => {
  await world?.stop();
  world = null;
});
const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex');

describe('several replicas', () => {
  test.each([1, 4, 7])('%i validators make a transfer final everywhere', async (validators) => {
    const { node, transfer, reach, nodes, balance } = await create({ validators });
    const { replica } = node('v0');
    const signed = await replica.submit(transfer('alice', 'bob', 500));
    const height = replica.settled(signed.hash);
    await reach(1);
    expect(await height).toBe(1);
    expect(new Set(nodes.map((one) => hex(one.replica.status().hash))).size).toBe(1);
    for (const one of nodes) {
      expect(balance(one, 'bob')).toBe(RICH + 500);
      expect(balance(one, 'alice')).toBe(RICH - 500 - 1_000);
    }
  });
});
