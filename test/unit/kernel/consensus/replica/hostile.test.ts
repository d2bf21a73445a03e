import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import {
  decodeMessage,
  encodeMessage,
  encodeQuestion,
  networkOf,
  type ReplicaNetwork,
} from '../../../../../main/kernel/consensus/index.ts';
import {
  createReplicaWorld,
  type ReplicaWorld,
  RICH,
  type WorldInit,
} from '../../../../support/ledger/replica-world.ts';
import { keysOf, sealProposal, sealVote } from '../../../../sim/keys.ts';

let world: ReplicaWorld | null = null;
const create = async (init: WorldInit): Promise<ReplicaWorld> => {
  world = await createReplicaWorld(init);
  return world;
};
afterEach(async () => {
  await world?.stop();
  world = null;
});
/** Somebody in the network who runs another program. */
const stranger = (of: ReplicaWorld): ReplicaNetwork => {
  const network = of.network.join('stranger');
  network.serve({
    message: () => undefined,
    answer: () => Promise.resolve(null),
    joined: () => undefined,
    left: () => undefined,
  });
  return network;
};

describe('against those who do not keep to it', () => {
  test('bytes of any kind cost the sender, and nobody falls', async () => {
    const of = await create({ validators: 1 });
    const network = stranger(of);
    await of.clock.run(10);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        network.send('v0', bytes);
      }),
      { numRuns: 300 },
    );
    network.send('v0', new Uint8Array(5 * 1024 * 1024));
    await of.clock.run(100);
    const offences = of.network.offences.filter(({ peer }) => peer === 'stranger');
    expect(offences.length).toBeGreaterThanOrEqual(300);
    expect(new Set(offences.map(({ what }) => what))).toEqual(new Set(['malformed']));
    for (const question of [new Uint8Array(0), Uint8Array.of(1, 2, 3), new Uint8Array(10_000)])
      await expect(of.clock.drive(network.request('v0', question))).rejects.toThrow(/nothing to say/);
    await of.nodes[0]!.replica.submit(of.transfer('alice', 'bob', 1));
    await of.reach(1);
  });

  test('a hundred thousand junk transactions from one peer do not keep a true one waiting', async () => {
    const of = await create({ validators: 4 });
    const network = stranger(of);
    await of.clock.run(10);
    const real = of.transfer('alice', 'bob', 1);
    let sent = 0;
    while (sent < 100_000) {
      const transactions = Array.from({ length: 500 }, () => {
        const junk = new Uint8Array(40);
        new DataView(junk.buffer).setUint32(0, sent++);
        return junk;
      });
      network.send('v0', encodeMessage({ type: 'transactions', transactions }));
      // Forged: its fee is another than the one that was signed.
      if (sent % 10_000 === 0) {
        const forged = Uint8Array.from(real);
        forged[forged.length - 1]! ^= 1;
        network.send('v0', encodeMessage({ type: 'transactions', transactions: [forged] }));
      }
    }
    await of.nodes[0]!.replica.submit(real);
    await of.reach(1);
    expect(of.nodes.map((one) => of.balance(one, 'bob'))).toEqual([RICH + 1, RICH + 1, RICH + 1, RICH + 1]);
    const offences = of.network.offences.filter(({ peer }) => peer === 'stranger');
    expect(new Set(offences.map(({ what }) => what))).toEqual(new Set(['forged', 'spam']));
    expect(of.nodes[0]!.replica.status().waitingTransactions).toBe(0);
  });

  test('votes and proposals of strangers, of other networks, and with signatures that do not hold count for nothing', async () => {
    const of = await create({ validators: 4 });
    const network = stranger(of);
    await of.clock.run(10);
    const block = new Uint8Array(32).fill(9);
    const content = { network: networkOf(of.genesis), kind: 'precommit' as const, height: 1, round: 0, block };
    for (const name of ['stranger', 'v0', 'v1', 'v2']) {
      const keys = keysOf(name);
      const forged = { ...sealVote(keys, content), ed25519: new Uint8Array(64) };
      network.send('v3', encodeMessage({ type: 'vote', vote: { ...content, validator: keys.id, signature: forged } }));
      const other = { ...content, network: new Uint8Array(32) };
      network.send(
        'v3',
        encodeMessage({ type: 'vote', vote: { ...other, validator: keys.id, signature: sealVote(keys, other) } }),
      );
    }
    const proposal = { network: networkOf(of.genesis), height: 1, round: 0, validRound: -1, block };
    network.send(
      'v3',
      encodeMessage({
        type: 'proposal',
        proposal: {
          ...proposal,
          proposer: keysOf('stranger').id,
          signature: sealProposal(keysOf('stranger'), proposal),
        },
        block: null,
      }),
    );
    await of.clock.run(1_000);
    expect(of.nodes.map(({ replica }) => replica.status().height)).toEqual([0, 0, 0, 0]);
    expect(of.network.offences.filter(({ what }) => what === 'forged')).toHaveLength(3);
    await of.nodes[3]!.replica.submit(of.transfer('alice', 'bob', 1));
    await of.reach(1);
  });

  test('a proposal with a block that is not the one voted for costs its sender; transactions too large are refused', async () => {
    const of = await create({ validators: 4, params: { blockBytesMax: 16 * 1024 } });
    await expect(of.nodes[0]!.replica.submit(new Uint8Array(17 * 1024))).rejects.toMatchObject({
      code: 'TRANSACTION_REFUSED',
      data: { refusal: 'TRANSACTION_TOO_LARGE' },
    });
    await expect(of.nodes[0]!.replica.submit(new Uint8Array(100))).rejects.toMatchObject({
      data: { refusal: 'SIGNATURE_INVALID' },
    });
    await expect(
      of.nodes[0]!.replica.submit(of.transfer('alice', 'bob', 1, { nonce: 1_000_000_000 })),
    ).rejects.toMatchObject({ data: { refusal: 'NONCE_TOO_FAR' } });
    // What does not fit into one block takes several, each within the limit.
    for (let nonce = 0; nonce < 12; nonce++)
      await of.nodes[nonce % 4]!.replica.submit(of.transfer('alice', 'bob', 1, { nonce }));
    await of.clock.until(() => of.balance(of.nodes[0]!, 'bob') === RICH + 12, 'all of them are final');
    for (let height = 1; height <= of.nodes[0]!.replica.status().height; height++) {
      const found = await of.nodes[0]!.replica.block(height);
      const bytes = found?.transactions.reduce((sum, { encoded }) => sum + encoded.length, 0);
      expect(bytes).toBeLessThanOrEqual(16 * 1024);
    }
  });

  test('a block that is not the one proposed costs whoever sent it, and nobody who passes the proposal on', async () => {
    const of = await create({ validators: 4 });
    const honest = new Set(['v0', 'v1', 'v2', 'v3']);
    // One of them is wired to a neighbour that exchanges blocks on their way to one of the others.
    let changed = 0;
    of.network.tamper(({ from, to, kind, bytes }) => {
      if (kind !== 'message' || to !== 'v1') return bytes;
      const message = decodeMessage(bytes);
      if (message.type !== 'proposal' || message.block === null || changed > 0) return bytes;
      changed += 1;
      honest.delete(from);
      return encodeMessage({ ...message, block: Uint8Array.of(0xa0) });
    });
    await of.nodes[0]!.replica.submit(of.transfer('alice', 'bob', 1));
    await of.reach(1);
    await of.clock.run(500);
    expect(changed).toBe(1);
    expect(of.network.offences.map(({ by }) => by)).toEqual(['v1']);
    expect(honest).not.toContain(of.network.offences[0]!.peer);
  });

  test('who asks without end is told nothing more', async () => {
    const of = await create({ validators: 1 });
    const network = stranger(of);
    await of.clock.run(10);
    const question = encodeQuestion({ type: 'manifest' });
    const all = await of.clock.drive(
      Promise.allSettled(Array.from({ length: 400 }, () => network.request('v0', question))),
    );
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(200);
    expect(of.network.offences.some(({ what, peer }) => what === 'spam' && peer === 'stranger')).toBe(true);
  });
});
