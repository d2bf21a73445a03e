import { afterEach, describe, expect, test } from 'vitest';
import { StoreError } from '../../../../../main/base/index.ts';
import { decodeMessage, encodeMessage, type VoteSigner } from '../../../../../main/kernel/consensus/index.ts';
import type { MemoryReplicaStore } from '../../../../support/ledger/memory-replica-store.ts';
import {
  createReplicaWorld,
  type ReplicaWorld,
  RICH,
  type WorldInit,
  type WorldNode,
} from '../../../../support/ledger/replica-world.ts';
import { auditAccounts } from '../../../../sim/accounts-app.ts';
import { keysOf, sealVote } from '../../../../sim/keys.ts';

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
const isOne = (nodes: readonly WorldNode[]): boolean =>
  new Set(nodes.map(({ replica }) => `${replica.status().height} ${hex(replica.status().hash)}`)).size === 1;

describe('several replicas', () => {
  test.each([1, 4, 7])('%i validators make a transfer final everywhere', async (validators) => {
    const { node, transfer, reach, nodes, balance } = await create({ validators });
    const { replica } = node('v0');
    const signed = await replica.submit(transfer('alice', 'bob', 500));
    const height = replica.settled(signed.hash);
    await reach(1);
    expect(await height).toBe(1);
    expect(isOne(nodes)).toBe(true);
    for (const one of nodes) {
      expect(balance(one, 'bob')).toBe(RICH + 500);
      expect(balance(one, 'alice')).toBe(RICH - 500 - 1_000);
      expect(auditAccounts(one.replica.state())).toBeNull();
    }
  });

  test('nothing is made while there is nothing to agree on, but for the heartbeat', async () => {
    const { clock, nodes, reach } = await create({ validators: 4, params: { heartbeatMs: 30_000 } });
    await clock.run(25_000);
    expect(nodes.map(({ replica }) => replica.status().height)).toEqual([0, 0, 0, 0]);
    await clock.run(10_000);
    await reach(1);
    expect(nodes[0]!.replica.status().step).toBe('waiting');
  });

  test('one that is killed at any moment comes back and goes on with the others', async () => {
    const { clock, nodes, node, transfer, reach, balance } = await create({ validators: 4 });
    for (let round = 0; round < 8; round++) {
      const victim = nodes[round % 4]!;
      const other = nodes[(round + 1) % 4]!;
      await other.replica.submit(transfer('alice', 'bob', 10, { nonce: round }));
      await clock.run(2 + 3 * round);
      await victim.stop();
      await clock.run(1_500);
      await victim.start();
      await reach(round + 1);
    }
    await clock.until(() => isOne(nodes), 'one block everywhere');
    expect(balance(node('v2'), 'bob')).toBe(RICH + 80);
  });

  test('all that are killed at once go on where they were, with nothing signed twice', async () => {
    const signedBy = new Map<string, Set<string>>();
    const watch = (honest: VoteSigner): VoteSigner => ({
      ...honest,
      vote: (content) => {
        const place = `${hex(honest.id)} ${content.kind} ${content.height} ${content.round}`;
        const blocks = signedBy.get(place) ?? new Set<string>();
        signedBy.set(place, blocks.add(hex(content.block)));
        return honest.vote(content);
      },
    });
    const options = Object.fromEntries([0, 1, 2, 3].map((i) => [`v${i}`, { signer: watch }]));
    const { clock, nodes, transfer, reach } = await create({ validators: 4, options });
    for (let round = 0; round < 12; round++) {
      await nodes[round % 4]!.replica.submit(transfer('alice', 'bob', 10, { nonce: round }));
      await clock.run(round);
      await Promise.all(nodes.map((one) => one.stop()));
      for (const one of nodes) await one.start();
      // What waited is lost with the memory; whoever sent it sends it again.
      const { height } = nodes[0]!.replica.status();
      if (height <= round)
        await nodes[1]!.replica.submit(transfer('alice', 'bob', 11, { nonce: round })).catch(() => {});
      await reach(round + 1);
    }
    expect([...signedBy.values()].every(({ size }) => size === 1)).toBe(true);
    await clock.until(() => isOne(nodes), 'one block everywhere');
  });

  test('a minority goes no further, and catches up when the network heals', async () => {
    const { clock, nodes, node, network, transfer, reach } = await create({ validators: 4 });
    network.split(['v0', 'v1', 'v2'], ['v3']);
    for (let i = 0; i < 5; i++) {
      await node('v0').replica.submit(transfer('alice', 'bob', 1, { nonce: i }));
      await reach(i + 1, nodes.slice(0, 3));
    }
    expect(node('v3').replica.status().height).toBe(0);
    network.heal();
    await reach(5);
    await clock.until(() => isOne(nodes), 'one block everywhere');
  });

  test('two halves agree on nothing, and on one block once they meet', async () => {
    const { clock, nodes, node, network, transfer, reach } = await create({ validators: 4 });
    network.split(['v0', 'v1'], ['v2', 'v3']);
    await node('v0').replica.submit(transfer('alice', 'bob', 1, { nonce: 0 }));
    await node('v2').replica.submit(transfer('alice', 'carol', RICH - 2_000, { nonce: 0 }));
    await clock.run(20_000);
    expect(nodes.map(({ replica }) => replica.status().height)).toEqual([0, 0, 0, 0]);
    network.heal();
    await reach(1);
    await clock.run(2_000);
    expect(isOne(nodes)).toBe(true);
    // The one that lost can never become final.
    for (const one of nodes) expect(one.replica.status().waitingTransactions).toBe(0);
  });

  test('goes on while a fifth of all messages is lost', async () => {
    const { nodes, network, transfer, reach } = await create({ validators: 4 });
    let count = 0;
    network.tamper(({ bytes }) => ((count = (count * 7919 + 12_289) % 65_536) % 5 === 0 ? null : bytes));
    for (let i = 0; i < 10; i++) {
      await nodes[i % 4]!.replica.submit(transfer('alice', 'bob', 1, { nonce: i }));
      await reach(i + 1);
    }
    expect(nodes[0]!.replica.reports()).toHaveLength(4);
  });

  test('a double spend at two validators at once: one of the two, the same everywhere', async () => {
    const { clock, nodes, node, transfer, reach } = await create({ validators: 4, accounts: ['alice'] });
    const first = await node('v0').replica.submit(transfer('alice', 'bob', RICH - 5_000));
    const second = await node('v1').replica.submit(transfer('alice', 'carol', RICH - 5_000));
    const ends = Promise.allSettled([node('v0').replica.settled(first.hash), node('v1').replica.settled(second.hash)]);
    await reach(1);
    await clock.run(3_000);
    expect(isOne(nodes)).toBe(true);
    expect((await ends).map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await ends).find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'DROPPED' } });
    for (const one of nodes) expect(auditAccounts(one.replica.state())).toBeNull();
  });

  test('a validator that votes twice is found out, and pays with its place', async () => {
    const network = { current: null as ReplicaWorld | null };
    const { clock, nodes, node, transfer, reach } = (network.current = await create({ validators: 4 }));
    const liar = keysOf('v3');
    // It tells half of the others that it is for nothing, after it was for a block.
    node('v0').replica.on('final', () => undefined);
    world!.network.tamper(({ from, to, kind, bytes }) => {
      if (from !== 'v3' || to !== 'v1' || kind !== 'message') return bytes;
      const message = decodeMessage(bytes);
      if (message.type !== 'vote' || message.vote.block === null) return bytes;
      if (hex(message.vote.validator) !== liar.hex) return bytes;
      const content = { ...message.vote, block: null };
      return encodeMessage({ type: 'vote', vote: { ...content, signature: sealVote(liar, content) } });
    });
    const accused: string[] = [];
    for (const one of nodes) one.replica.on('evidence', ({ validator }) => accused.push(hex(validator)));
    for (let i = 0; i < 4; i++) {
      await node('v0').replica.submit(transfer('alice', 'bob', 1, { nonce: i }));
      await reach(i + 1);
      await clock.run(500);
    }
    expect(new Set(accused)).toEqual(new Set([liar.hex]));
    for (const one of nodes) {
      expect(one.replica.validators().map(({ id }) => hex(id))).not.toContain(liar.hex);
      expect(one.replica.validators()).toHaveLength(3);
    }
    expect(node('v3').replica.status().isValidator).toBe(false);
  });

  test('keys that are locked follow without voting, and vote again once unlocked', async () => {
    const { clock, node, nodes, transfer, reach } = await create({ validators: 4 });
    node('v3').setLocked(true);
    expect(node('v3').replica.status().isValidator).toBe(false);
    // The keys have not signed anything here yet: only a block that is later than they are tells that they did nowhere else.
    await clock.run(6_000);
    for (let i = 0; i < 3; i++) {
      await node('v3').replica.submit(transfer('alice', 'bob', 1, { nonce: i }));
      await reach(i + 1);
      await clock.run(100);
    }
    const signed = (): number[] =>
      nodes[0]!.replica
        .reports()
        .filter(({ validator }) => hex(validator.id) === keysOf('v3').hex)
        .map((report) => report.signed);
    expect(signed()).toEqual([0]);
    node('v3').setLocked(false);
    for (let i = 3; i < 6; i++) {
      await node('v0').replica.submit(transfer('alice', 'bob', 1, { nonce: i }));
      await reach(i + 1);
      await clock.run(100);
    }
    expect(signed()[0]).toBeGreaterThanOrEqual(1);
  });

  test('one validator alone: locked it waits, unlocked it goes on', async () => {
    const { clock, node, transfer, reach } = await create({ validators: 1 });
    node('v0').setLocked(true);
    await node('v0').replica.submit(transfer('alice', 'bob', 1));
    await clock.run(10_000);
    expect(node('v0').replica.status()).toMatchObject({ height: 0, isValidator: false, waitingTransactions: 1 });
    node('v0').setLocked(false);
    await reach(1);
  });

  test('a full disk is said, and goes on by itself when there is room', async () => {
    const { clock, node, transfer, reach } = await create({ validators: 1 });
    const store = node('v0').store as MemoryReplicaStore;
    store.failing(() => {
      throw new StoreError({ code: 'DISK_FULL', path: '/data' }, 'no room');
    });
    await node('v0').replica.submit(transfer('alice', 'bob', 1));
    await clock.run(5_000);
    expect(node('v0').replica.status().halted).toMatch(/no room/);
    await expect(node('v0').replica.submit(transfer('alice', 'bob', 2, { nonce: 1 }))).rejects.toMatchObject({
      code: 'HALTED',
    });
    store.failing(null);
    await reach(1);
    expect(node('v0').replica.status().halted).toBeNull();
  });
});
