import { afterEach, describe, expect, test } from 'vitest';
import { encodeMessage, type VoteContent, type VoteSigner } from '../../../../../main/kernel/consensus/index.ts';
import { createMemoryReplicaStore, type MemoryReplicaStore } from '../../../../support/ledger/memory-replica-store.ts';
import { createReplicaWorld, type ReplicaWorld, type WorldInit } from '../../../../support/ledger/replica-world.ts';
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

/** Writes down what is signed, on whichever machine. */
const watching = () => {
  const votes: VoteContent[] = [];
  return {
    votes,
    signer: (honest: VoteSigner): VoteSigner => ({
      ...honest,
      vote: (content) => {
        votes.push(content);
        return honest.vote(content);
      },
    }),
    contradictions: (): string[] => {
      const said = new Map<string, Set<string>>();
      for (const { kind, height, round, block } of votes) {
        const place = `${kind} ${height} ${round}`;
        said.set(place, (said.get(place) ?? new Set<string>()).add(hex(block)));
      }
      return [...said].filter(([, blocks]) => blocks.size > 1).map(([place]) => place);
    },
  };
};
/** A disk whose content can be taken away, as when an identity is restored on another machine. */
const losable = (): MemoryReplicaStore & { lose(): void } => {
  let now = createMemoryReplicaStore();
  return new Proxy({} as MemoryReplicaStore & { lose(): void }, {
    get: (_, name) =>
      name === 'lose'
        ? () => {
            now = createMemoryReplicaStore();
          }
        : Reflect.get(now, name),
  });
};

describe('an identity whose disk does not know what it signed', () => {
  test('signs nothing at a height at which it may have signed, and again after one more block of the others', async () => {
    const watch = watching();
    const store = losable();
    const of = await create({ validators: 4, options: { v3: { store, signer: watch.signer } } });
    const { clock, node, nodes, network, transfer, reach } = of;
    const others = nodes.slice(0, 3);
    await node('v0').replica.submit(transfer('alice', 'bob', 1, { nonce: 0 }));
    await reach(1);
    // v3 alone hears of a block of height 2, votes for it, and its machine is lost with all that it wrote.
    let isCut = true;
    network.tamper(({ bytes, to }) => (isCut && to !== 'v3' ? null : bytes));
    await node('v0').replica.submit(transfer('alice', 'bob', 2, { nonce: 1 }));
    await clock.run(3_000);
    await node('v3').stop();
    const before = watch.votes.length;
    expect(watch.votes.some(({ height }) => height === 2)).toBe(true);
    store.lose();
    isCut = false;
    await clock.run(10_000);
    await node('v3').start();
    await clock.until(() => node('v3').replica.status().height >= 1, 'it has caught up');
    await clock.run(200);
    const { height, silent, isValidator } = node('v3').replica.status();
    expect({ isValidator, silent }).toEqual({ isValidator: false, silent: expect.stringContaining('one more block') });
    expect(watch.votes.slice(before).filter((vote) => vote.height <= height + 1)).toEqual([]);
    await clock.run(10_000);
    for (let nonce = 2; nonce < 6; nonce++) {
      await node('v0').replica.submit(transfer('alice', 'bob', 2, { nonce }));
      await reach(node('v0').replica.status().height + 1, others);
    }
    await reach(node('v0').replica.status().height);
    expect(node('v3').replica.status()).toMatchObject({ isValidator: true, silent: null });
    expect(watch.votes.length).toBeGreaterThan(before);
    expect(watch.contradictions()).toEqual([]);
    expect(nodes.every(({ replica }) => replica.validators().length === 4)).toBe(true);
  });

  test('where nobody can go on without it, the owner’s word does; and it holds after a start', async () => {
    const store = losable();
    const { clock, node, transfer, reach } = await create({ validators: 2, options: { v1: { store } } });
    await node('v0').replica.submit(transfer('alice', 'bob', 1, { nonce: 0 }));
    await reach(1);
    await node('v1').stop();
    store.lose();
    await node('v1').start();
    await reach(1);
    await node('v0').replica.submit(transfer('alice', 'bob', 1, { nonce: 1 }));
    await clock.run(60_000);
    expect(node('v1').replica.status()).toMatchObject({ height: 1, silent: expect.stringContaining('network vouch') });
    await node('v1').replica.vouch();
    await node('v1').stop();
    await node('v1').start();
    await reach(2);
    expect(node('v1').replica.status().silent).toBeNull();
  });

  test('a network of one begins, stops and goes on without anybody’s word', async () => {
    const { node, transfer, reach } = await create({ validators: 1 });
    for (let nonce = 0; nonce < 3; nonce++) {
      await node('v0').replica.submit(transfer('alice', 'bob', 1, { nonce }));
      await reach(nonce + 1);
      await node('v0').stop();
      await node('v0').start();
      expect(node('v0').replica.status().silent).toBeNull();
    }
  });

  test('the only validator of a network that has begun long ago signs nothing on an empty disk', async () => {
    const store = losable();
    const { clock, node, transfer, reach } = await create({ validators: 1, options: { v0: { store } } });
    await node('v0').replica.submit(transfer('alice', 'bob', 1));
    await reach(1);
    await node('v0').stop();
    store.lose();
    await clock.run(25 * 3_600_000);
    await node('v0').start();
    await node('v0').replica.submit(transfer('alice', 'bob', 1));
    await clock.run(60_000);
    expect(node('v0').replica.status()).toMatchObject({ height: 0, silent: expect.stringContaining('signs nothing') });
    await node('v0').replica.vouch();
    await reach(1);
  });

  test('two machines with one identity: the one that hears of the other falls silent', async () => {
    const { clock, node, network, transfer, reach } = await create({ validators: 4 });
    await node('v0').replica.submit(transfer('alice', 'bob', 1, { nonce: 0 }));
    await reach(1);
    const name = node('v3').replica.network;
    const content = { network: name, kind: 'prevote', height: 2, round: 0, block: new Uint8Array(32).fill(9) } as const;
    const keys = keysOf('v3');
    const vote = { ...content, validator: keys.id, signature: sealVote(keys, content) };
    const other = network.join('other');
    other.serve({ message: () => {}, answer: () => Promise.resolve(null), joined: () => {}, left: () => {} });
    other.send('v3', encodeMessage({ type: 'vote', vote }));
    await clock.run(1_000);
    expect(node('v3').replica.status()).toMatchObject({
      isValidator: false,
      silent: expect.stringContaining('Another machine'),
    });
    await node('v0').replica.submit(transfer('alice', 'bob', 1, { nonce: 1 }));
    await reach(2);
  });
});
